"""What the tests of journals have in common: two fixtures to override, and an event loop.

Neighbours: every other file beside this one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import wraps
from typing import TypeVar

import pytest

from actors.runtime.journal.port import Ack, Journal, settled
from actors.runtime.journal.projection import Projection
from actors.storage.samples import ITEMS, VISITS

S = TypeVar("S", bound="Suite")
Test = Callable[[S, Journal], Awaitable[None]]

STORED, FENCED = [Ack.STORED], [Ack.FENCED]


class Suite:
    """The base of all tests of journals."""

    @pytest.fixture
    def journal(self) -> Journal:
        """A new, empty journal, not opened yet."""
        raise NotImplementedError("override the fixture `journal`: return a new, empty Journal")

    def reopen(self, journal: Journal) -> Journal:
        """A journal, not opened yet, with the contents of `journal`, which is closed."""
        return journal

    @asynccontextmanager
    async def reopened(self, journal: Journal, *projections: Projection) -> AsyncIterator[Journal]:
        """Close `journal` and open it again, with both sample projections unless told otherwise."""
        await settled(journal.close())
        other = self.reopen(journal)
        await settled(other.open(*(projections or (ITEMS, VISITS))))
        try:
            yield other
        finally:
            await settled(other.close())


def in_a_loop(test: Test[S]) -> Callable[[S, Journal], None]:
    """Run an async test on a journal that is opened before and closed after it."""

    @wraps(test)
    def run(self: S, journal: Journal) -> None:
        async def whole() -> None:
            await settled(journal.open(ITEMS, VISITS))
            try:
                await test(self, journal)
            finally:
                await settled(journal.close())

        asyncio.run(whole())

    return run
