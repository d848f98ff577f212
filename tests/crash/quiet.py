"""A journal that knows whether somebody waits for it, so that a script can wait until nobody does.

Neighbours: `script.py` (waits).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any

from actors.runtime.journal.errors import StorageUnavailable
from actors.runtime.journal.port import Journal

TURNS = 40
"""Turns of the loop without a call, after which nobody will call by himself."""


class Watched:
    """Passes everything on.

    Args:
        journal: the journal.
        away: called when it could not do something now.
    """

    def __init__(self, journal: Journal, away: Callable[[], object]) -> None:
        self._journal = journal
        self._away = away
        self._waiting = 0
        self._calls = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._journal, name)
        return self._noted(found) if callable(found) else found

    def _noted(self, method: Any) -> Any:
        def called(*args: Any, **options: Any) -> Any:
            self._calls += 1
            try:
                result = method(*args, **options)
            except StorageUnavailable:
                self._away()
                raise
            return self._awaited(result) if isawaitable(result) else result

        return called

    async def _awaited(self, result: Awaitable[Any]) -> Any:
        self._waiting += 1
        self._idle.clear()
        try:
            return await result
        except StorageUnavailable:
            self._away()
            raise
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._idle.set()

    async def quiet(self) -> None:
        """Return once nothing is under way, and nothing new has begun for a while."""
        turns, calls = 0, self._calls
        while turns < TURNS:
            await self._idle.wait()
            await asyncio.sleep(0)
            turns = turns + 1 if calls == self._calls and not self._waiting else 0
            calls = self._calls
