"""Tests: which logs are beyond what is to be kept.

Neighbours: `suite.py`, `upkeep.py` (what becomes of them).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from actors.runtime.journal.port import Head, Journal, Place, Snapshot, settled
from actors.runtime.journal.projection import Keep, Projection
from actors.runtime.journal.record import Record
from actors.storage.conformance.suite import Suite, in_a_loop
from actors.storage.samples import (
    ITEMS,
    PUBLIC,
    VISITS,
    Item,
    append_of,
    appending,
    bare,
    same,
    store,
    visiting,
)


class Retention(Suite):
    """Logs that may go, the oldest first."""

    @in_a_loop
    async def test_logs_older_than_a_time_are_surplus(self, journal: Journal) -> None:
        """Those whose newest time lies before it, of that state alone."""
        await self._aged(journal)
        await self._surplus(journal, [], since=1)
        await self._surplus(journal, ["a", "b"], since=3)
        await self._surplus(journal, ["a", "b", "c", "d", "e"], since=99)

    @in_a_loop
    async def test_logs_beyond_a_number_are_surplus(self, journal: Journal) -> None:
        """The newest of that state are kept."""
        await self._aged(journal)
        await self._surplus(journal, [], count=5)
        await self._surplus(journal, ["a", "b", "c"], count=2)
        await self._surplus(journal, ["a", "b", "c", "d", "e"], count=0)

    @in_a_loop
    async def test_logs_beyond_a_size_are_surplus(self, journal: Journal) -> None:
        """The newest are kept, as many as have room together."""
        await self._aged(journal)
        await self._surplus(journal, [], size=5_900)
        await self._surplus(journal, ["a", "b", "c"], size=2_900)
        await self._surplus(journal, ["a", "b", "c", "d", "e"], size=100)

    @in_a_loop
    async def test_limits_together_and_none(self, journal: Journal) -> None:
        """Whatever is beyond any of them; no limit, no surplus."""
        await self._aged(journal)
        await self._surplus(journal, [])
        await self._surplus(journal, ["a", "b", "c"], since=2, count=4, size=2_900)
        await self._surplus(journal, ["a", "b", "c"], since=4, count=4)
        await self._surplus(journal, ["a"], since=2, count=4, size=99_000)

    @in_a_loop
    async def test_surplus_is_told_the_oldest_first(self, journal: Journal) -> None:
        """At most as many as asked for; those of one time by name."""
        await self._aged(journal)
        keep = Keep(projection=ITEMS, state=4, count=1)
        for limit in (1, 2, 9):
            heads = await settled(journal.surplus(keep, limit))
            same(heads, [Head(log, 2) for log in "abcd"[:limit]])
        for log in ("y", "x", "z"):
            await store(journal, appending(log, 0, state=8, status_at=5))
        await self._surplus(journal, ["x", "y"], state=8, count=1)

    @in_a_loop
    async def test_nothing_active_is_surplus(self, journal: Journal) -> None:
        """However old."""
        await self._aged(journal)
        await store(journal, appending("a", 2, state=4, status_at=1, active=True))
        await self._surplus(journal, ["b", "c", "d", "e"], since=99)
        await self._surplus(journal, ["b", "c", "d"], count=1)

    @in_a_loop
    async def test_nothing_that_a_consumer_is_not_done_with_is_surplus(
        self, journal: Journal
    ) -> None:
        """Nor does it count for the others."""
        await self._aged(journal)
        await store(journal, appending("b", 2, state=4, status_at=1, consumers=("hooks",)))
        await self._surplus(journal, ["a", "c", "d", "e"], since=99)
        await self._surplus(journal, ["a", "c"], count=2)
        await settled(journal.consumed("hooks", Place("b", 3)))
        await self._surplus(journal, ["a", "b", "c", "d", "e"], since=99)

    @in_a_loop
    async def test_logs_that_are_not_listed_have_limits_too(self, journal: Journal) -> None:
        """State 0 is a state."""
        await self._aged(journal)
        await self._surplus(journal, ["unseen"], state=0, since=99)

    @in_a_loop
    async def test_each_projection_has_limits_of_its_own(self, journal: Journal) -> None:
        """Its states and times."""
        await self._aged(journal)
        await self._surplus(journal, ["visit"], VISITS, since=99)
        await self._surplus(journal, [], VISITS, count=1)
        other = Projection("others", Item, newest="status_at", listed="state")
        with pytest.raises(ValueError, match="others"):
            await settled(journal.surplus(Keep(projection=other, state=4, count=0)))

    @in_a_loop
    async def test_what_has_no_records_left_cannot_be_compacted(self, journal: Journal) -> None:
        """Asked for what compaction may still make smaller, it is neither told nor counted."""
        await self._aged(journal)
        for log, upto in (("a", 2), ("e", 2), ("b", 1)):
            await settled(journal.save_snapshot(log, Snapshot(2, b"both")))
            same(await settled(journal.compact(log, upto)), True)
        await self._surplus(journal, ["b", "c", "d"], since=99, compactable=True)
        await self._surplus(journal, ["b", "c"], count=1, compactable=True)
        await self._surplus(journal, ["a", "b", "c", "d", "e"], since=99)
        await store(journal, appending("a", 2, state=4, status_at=1), bare("e", 2))
        await self._surplus(journal, ["a", "b", "c", "d", "e"], since=99, compactable=True)

    @in_a_loop
    async def test_what_is_removed_is_no_surplus_any_more(self, journal: Journal) -> None:
        """Surplus, removed, until there is none: what retention does."""
        await self._aged(journal)
        keep = Keep(projection=ITEMS, state=4, size=2_900)
        for head in await settled(journal.surplus(keep)):
            same(await settled(journal.remove(head)), True)
        same(await settled(journal.surplus(keep)), [])
        await self._surplus(journal, ["d"], count=1)
        keep = replace(keep, size=None, count=0)
        same([head.log for head in await settled(journal.surplus(keep))], ["d", "e"])

    @staticmethod
    async def _aged(journal: Journal) -> None:
        """Logs a (the oldest) to e of 1,000 bytes of payload each, and others in their way."""
        for at, log in enumerate("abcde", 1):
            large = Record(2, 1, 0, PUBLIC, b"x" * 1_000)
            first = appending(log, 0, state=2, status_at=50)
            await store(journal, first, append_of(log, 1, [large], state=4, status_at=at))
        await store(journal, appending("of bob", 0, state=3, status_at=1, owner="bob"))
        await store(journal, appending("unseen", 0, state=0, status_at=1))
        await store(journal, bare("without a row", 0), visiting("visit", 0, level=4, seen=2))

    @staticmethod
    async def _surplus(
        journal: Journal,
        expected: list[str],
        projection: Projection = ITEMS,
        state: int = 4,
        **limits: Any,
    ) -> None:
        keep = Keep(projection=projection, state=state, **limits)
        heads = await settled(journal.surplus(keep))
        same([head.log for head in heads], expected, keep)
        for head in heads:
            same(head, await settled(journal.head(head.log)))
