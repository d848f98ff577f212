"""Tests: what survives closing, and opening again, also with other projections.

Neighbours: `suite.py`, `listing.py` (what projections are for).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import pytest

from actors.runtime.journal.port import Ack, Copy, Head, Journal, Place, Snapshot, settled
from actors.runtime.journal.projection import Projection
from actors.storage.conformance.suite import FENCED, Suite, in_a_loop
from actors.storage.samples import (
    CALLER,
    ITEMS,
    OWNER,
    TENANT,
    VISITS,
    appending,
    bare,
    claiming,
    known,
    query,
    same,
    seqs,
    store,
    verdicts,
    visiting,
    walk,
)


class Call(NamedTuple):
    """A row of a projection that comes later."""

    tenant: str
    owner: str
    at: int
    state: int


CALLS: Final = Projection("calls", Call, newest="at", listed="state")


class Keeping(Suite):
    """What was acknowledged is there for good."""

    @in_a_loop
    async def test_what_was_acknowledged_survives_closing(self, journal: Journal) -> None:
        """Reopened, the journal knows every record, row and active log, and goes on."""
        await store(journal, appending("a", 0, 70, active=True))
        await store(journal, claiming("a", 70, 5))
        await store(journal, appending("b", 0, 3, owner="bob", state=0))
        await store(journal, bare("c", 0, active=True), visiting("d", 0, level=3, seen=8))
        before = [await settled(journal.read(log)) for log in "abcd"]
        await settled(journal.close())
        async with self.reopened(journal) as other:
            same([await settled(other.read(log)) for log in "abcd"], before)
            same(await settled(other.heads(active=True)), [Head("c", 1, active=True)])
            same(await verdicts(other, appending("a", 72, epoch=4)), FENCED)
            await store(other, appending("a", 72, epoch=5))
            page = await settled(other.page("a", 60, 20))
            same(seqs(page), list(range(61, 74)))

    @in_a_loop
    async def test_keys_consumers_and_floors_survive_closing(self, journal: Journal) -> None:
        """Everything beside the log is as lasting as the log."""
        await store(journal, appending("a", 0, 9, keys=("k",), consumers=("one", "two")))
        await settled(journal.consumed("one", Place("a", 9)))
        await settled(journal.consumed("two", Place("a", 6)))
        await settled(journal.save_snapshot("a", Snapshot(7, b"seven")))
        same(await settled(journal.compact("a", 5)), True)
        copy = Copy(Head("b", 4, 2, floor=4), None, Snapshot(4, b"four"), ())
        same(await settled(journal.restore(copy)), True)
        async with self.reopened(journal) as other:
            same(await settled(other.find("k")), Place("a", 1))
            same(await verdicts(other, appending("c", 0, keys=("k",))), FENCED)
            same(await settled(other.unconsumed("one")), [])
            left = await settled(other.unconsumed("two"))
            same([each.place.log for each in left], ["a"])
            same(await settled(other.head("a")), Head("a", 9, floor=5))
            same(await settled(other.page("a", 4, 9)), None)
            same((await known(other, "b")).snapshot, Snapshot(4, b"four"))
            await store(other, appending("b", 4, epoch=2))

    @in_a_loop
    async def test_open_again_adds_projections(self, journal: Journal) -> None:
        """While open: those known before go on as they were."""
        await store(journal, appending("a", 0))
        with pytest.raises(ValueError, match="calls"):
            await settled(journal.list(query(CALLS)))
        called = appending("c", 0)._replace(row=Call(TENANT, OWNER, 9, 1))
        with pytest.raises(ValueError, match="'c'"):
            await settled(journal.append([called]))
        for _ in range(2):
            await settled(journal.open(CALLS))
        await store(journal, called, appending("b", 0))
        same(await walk(journal, query(CALLS)), (["c"], [1]))
        same(await walk(journal, query()), (["b", "a"], [2]))
        async with self.reopened(journal, VISITS, CALLS) as other:
            same(await walk(other, query(CALLS)), (["c"], [1]))
            same(await settled(other.read("c", CALLER)), await known(other, "c"))

    @in_a_loop
    async def test_a_log_outlives_its_projection(self, journal: Journal) -> None:
        """Opened without it, the core reads the log and goes on; with it, the row is there."""
        await store(journal, visiting("v", 0, level=3, seen=8))
        row = (await known(journal, "v")).row
        async with self.reopened(journal, ITEMS) as other:
            same(seqs((await known(other, "v")).tail), [1])
            same(await verdicts(other, bare("v", 1)), [Ack.STORED])
        async with self.reopened(other) as again:
            same((await known(again, "v")).row, row)
            same(await settled(again.read("v", CALLER)), await known(again, "v"))
            same(await walk(again, query(VISITS)), (["v"], [1]))
