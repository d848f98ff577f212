"""Journals and stores that note what they are asked, for tests of the kind of work that is done.

Neighbours: `isolation.py` (compares what is done for two callers).
"""

from __future__ import annotations

from inspect import isawaitable
from typing import Any, NamedTuple

from a2a.server.tasks import InMemoryPushNotificationConfigStore

from actors.runtime import Caller


class Call(NamedTuple):
    """One call of a journal, and what it said."""

    name: str
    args: tuple[Any, ...]
    result: Any

    def in_words(self, task: str) -> str:
        """What it was, without the id, and without the number of the request."""
        args = [each._replace(key=0) if isinstance(each, Caller) else each for each in self.args]
        return f"{self.name}{args!r} -> {self.result!r}".replace(task, "ID")


class Noted:
    """A journal that notes what it is asked."""

    def __init__(self, journal: Any) -> None:
        self._journal = journal
        self.calls: list[Call] = []

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._journal, name)
        if not callable(found) or name in ("lane", "open", "close", "abandon"):
            return found

        def noted(*args: Any, **options: Any) -> Any:
            result = found(*args, **options)
            return later(args, result) if isawaitable(result) else note(args, result)

        def note(args: tuple[Any, ...], result: Any) -> Any:
            self.calls.append(Call(name, args, result))
            return result

        async def later(args: tuple[Any, ...], result: Any) -> Any:
            return note(args, await result)

        return noted

    def taken(self) -> list[Call]:
        """What it was asked since the last time."""
        calls, self.calls = self.calls, []
        return calls


class NotedHooks(InMemoryPushNotificationConfigStore):
    """A store of webhook configurations that notes of which tasks it is asked by clients."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    async def set_info(self, task_id: str, *rest: Any) -> Any:
        self.asked.append(task_id)
        return await super().set_info(task_id, *rest)

    async def get_info(self, task_id: str, *rest: Any) -> Any:
        self.asked.append(task_id)
        return await super().get_info(task_id, *rest)

    async def delete_info(self, task_id: str, *rest: Any) -> None:
        self.asked.append(task_id)
        await super().delete_info(task_id, *rest)
