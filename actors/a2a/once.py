"""Once: messages with the same idempotency key are admitted one after another (R86).

The journal knows every key whose message is stored. Between asking it and storing lies a moment in
which the same message may come again, over another connection; here the second waits until the
first is stored or refused, and then finds it.

Neighbours: `handler.py` (asks for a turn), `task/again.py` (the answer to the second).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from a2a.types import SendMessageRequest
from a2a.utils.errors import InvalidParamsError

from actors.runtime import Caller

T = TypeVar("T")


def idempotency_key(caller: Caller, params: SendMessageRequest) -> str:
    """Return what makes a message the same again: its owner, their tenant, and its id."""
    return json.dumps([caller.owner, caller.tenant, params.message.message_id])


def check_same(params: SendMessageRequest, stored: bytes) -> None:
    """See that a message is the one that was accepted under its id.

    Args:
        params: what has come now.
        stored: SendMessageRequest as it was accepted, with the ids that it got then.

    Raises:
        InvalidParamsError: it has other parts, or names another task or context.
    """
    now, then = params.message, SendMessageRequest.FromString(stored).message
    differs = [
        name
        for name, same in (
            ("parts", list(now.parts) == list(then.parts)),
            ("taskId", now.task_id in ("", then.task_id)),
            ("contextId", now.context_id in ("", then.context_id)),
        )
        if not same
    ]
    if differs:
        raise InvalidParamsError(
            f"Message id {now.message_id!r} was used before, for a message with other "
            f"{' and '.join(differs)}: send a new message under an id of its own, or the same one "
            "unchanged"
        )


class Turn:
    """The right to be the only one with a key; a `ReplyTo` that is answered when it is stored."""

    def __init__(self, over: asyncio.Future[None]) -> None:
        self._over = over
        self._sending: asyncio.Task[Any] | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Where those wait who want the next turn."""
        return self._over.get_loop()

    def resolve(self, value: None) -> None:
        """Let the next one in: the message is stored."""
        if not self._over.done():
            self._over.set_result(value)

    def reject(self, error: Exception) -> None:
        """Let the next one in: the message is not stored."""
        self.resolve(None)

    async def send(self, sending: Coroutine[Any, Any, T], undelivered: Callable[[T], None]) -> T:
        """Return what `sending` returns; whoever leaves early leaves it until the turn is over.

        Else the next one would be let in while nobody knows whether the message is stored.

        Args:
            sending: has the message stored, and waits for its answer.
            undelivered: told the answer when it comes and the sender has left.
        """
        task = self._sending = self.loop.create_task(sending)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self._over.add_done_callback(lambda _: task.cancel())
            task.add_done_callback(lambda _: _give_back(task, undelivered))
            raise

    def leave(self) -> None:
        """Let the next one in, at the latest when what is under way has ended."""
        if self._sending is None or self._sending.done():
            self.resolve(None)
        else:
            self._sending.add_done_callback(lambda _: self.resolve(None))

    async def wait(self) -> None:
        """Return when this turn is over; leaving early takes it from nobody."""
        await asyncio.wait({self._over})

    def __fingerprint__(self) -> object:
        """Whether it is over."""
        return self._over.done()


def _give_back(task: asyncio.Task[T], undelivered: Callable[[T], None]) -> None:
    if not task.cancelled() and task.exception() is None:
        undelivered(task.result())


class Once:
    """The turns that are taken."""

    def __init__(self) -> None:
        self._turns: dict[str, Turn] = {}

    @asynccontextmanager
    async def turn(self, key: str) -> AsyncIterator[Turn]:
        """Wait until nobody else is about to have a message with this key stored."""
        loop = asyncio.get_running_loop()
        while (other := self._turns.get(key)) is not None and other.loop is loop:
            await other.wait()
        over = loop.create_future()
        mine = self._turns[key] = Turn(over)
        over.add_done_callback(lambda _: self._forget(key, mine))
        try:
            yield mine
        finally:
            mine.leave()

    def _forget(self, key: str, turn: Turn) -> None:
        if self._turns.get(key) is turn:  # not that of another loop, when ours has ended
            del self._turns[key]
