"""Tests: projections, and the queries that list by them.

Neighbours: `suite.py`, `keeping.py` (projections that come and go).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from actors.runtime.journal.port import Journal, Snapshot, settled
from actors.runtime.journal.projection import Projection
from actors.storage.conformance.suite import Suite, in_a_loop
from actors.storage.samples import (
    CONTEXT,
    ITEMS,
    VISITS,
    Item,
    appending,
    filled,
    known,
    query,
    row_of,
    same,
    store,
    visiting,
    walk,
)

NAMES = ["Z", "a", "é", "\uffee", "\U00010000"]
"""In the order of their UTF-8 bytes, which is neither that of UTF-16 nor that of a dictionary."""


class Listings(Suite):
    """Logs by their rows."""

    @in_a_loop
    async def test_listing_is_newest_first_and_pages_through_all(self, journal: Journal) -> None:
        """Every listed log of the caller once, in order, and the total on every page."""
        await filled(journal)
        order = ["f", "e", "d", "c", "b", "a"]
        for size in range(1, 8):
            names, totals = await walk(journal, query(size=size))
            same(names, order, size)
            same(set(totals), {6})

    @in_a_loop
    async def test_listing_continues_where_it_was_while_logs_move(self, journal: Journal) -> None:
        """A log that becomes newer between two pages shifts none of the others."""
        await filled(journal)
        first = await settled(journal.list(query(size=3)))
        await store(journal, appending("a", 2, status_at=99_000))
        second = await settled(journal.list(query(size=3, after=first.next)))
        same([each.head.log for each in first.logs], ["f", "e", "d"])
        same([each.head.log for each in second.logs], ["c", "b"])

    @in_a_loop
    async def test_listing_filters(self, journal: Journal) -> None:
        """By any column exactly, by time inclusively, alone and together."""
        await filled(journal)
        await self._lists(journal, ["e", "c", "a"], context="other")
        await self._lists(journal, ["f", "e"], state=6)
        await self._lists(journal, ["d", "c"], status_at=2_000)
        await self._lists(journal, ["f", "e", "d", "c"], since=2_000)
        await self._lists(journal, ["f", "e"], since=2_001)
        await self._lists(journal, ["e"], context="other", state=6, since=3_000)
        await self._lists(journal, [], context=CONTEXT, state=1)
        await self._lists(journal, [], state=0)
        await self._lists(journal, [], context="' OR '' = '")

    @in_a_loop
    async def test_logs_of_one_time_are_listed_by_name(self, journal: Journal) -> None:
        """Descending, by bytes; pages break between them."""
        for name in NAMES:
            await store(journal, appending(name, 0, status_at=5))
        for size in range(1, 6):
            same(await walk(journal, query(size=size)), (NAMES[::-1], [5] * -(-5 // size)))

    @in_a_loop
    async def test_each_projection_lists_its_own(self, journal: Journal) -> None:
        """Its columns, its order, its states."""
        await filled(journal)
        await store(journal, visiting("v", 0, level=2, seen=9_001, head="x", order=4))
        await store(journal, visiting("w", 0, level=2, seen=8_999, head="x", order=5))
        await store(journal, visiting("unlisted", 0, level=0, seen=8_999))
        await self._lists(journal, ["v", "of another kind", "w"], VISITS)
        await self._lists(journal, ["v", "w"], VISITS, head="x")
        await self._lists(journal, ["w"], VISITS, head="x", order=5)
        await self._lists(journal, ["of another kind"], VISITS, order=7, log="a log", level=2)
        await self._lists(journal, ["v"], VISITS, since=9_001)

    @in_a_loop
    async def test_a_query_that_does_not_fit_is_refused(self, journal: Journal) -> None:
        """An unknown column or projection is a defect of whoever asks."""
        await filled(journal)
        for column in ("head", "colour", "epoch", "state = 2 OR owner"):
            with pytest.raises(ValueError, match=column):
                await settled(journal.list(replace(query(), where={column: "x"})))
        other = Projection("others", Item, newest="status_at", listed="state")
        with pytest.raises(ValueError, match="others"):
            await settled(journal.list(query(other)))

    @in_a_loop
    async def test_a_listed_log_is_what_a_read_gives(self, journal: Journal) -> None:
        """Head, row, snapshot and tail."""
        await filled(journal)
        await settled(journal.save_snapshot("e", Snapshot(1, b"cached")))
        same(await settled(journal.compact("e", 1)), True)
        listing = await settled(journal.list(query()))
        same(len(listing.logs), 6)
        for each in listing.logs:
            same(each, await settled(journal.read(each.head.log)))
            same(type(row_of(each)), Item)

    @in_a_loop
    async def test_a_row_follows_its_log(self, journal: Journal) -> None:
        """Whatever changes in it, in one transaction with the records."""
        changes: list[dict[str, Any]] = [
            *({}, {"state": 0}, {"state": 3}),
            *({"owner": "bob"}, {"status_at": 0}, {"context": ""}),
        ]
        for seq, changed in enumerate(changes):
            append = appending("t", seq, **changed)
            await store(journal, append)
            same((await known(journal, "t")).row, append.row)
            listed = (await walk(journal, query()))[0]
            unlisted = changed in ({"owner": "bob"}, {"state": 0})
            same(listed, [] if unlisted else ["t"])

    async def _lists(
        self,
        journal: Journal,
        expected: Sequence[str],
        projection: Projection = ITEMS,
        **filters: Any,
    ) -> None:
        names, totals = await walk(journal, query(projection, 2, **filters))
        same(names, list(expected), filters)
        same(set(totals), {len(expected)})
