"""Tests: whole logs from elsewhere.

Neighbours: `suite.py`, `upkeep.py` (compaction, which makes the floors that copies have).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import pytest

from actors.runtime.journal.port import (
    Ack,
    Copy,
    Head,
    Journal,
    Left,
    Place,
    Snapshot,
    Stored,
    settled,
)
from actors.runtime.journal.projection import Keep
from actors.runtime.journal.record import CLAIM, Record
from actors.storage.conformance.suite import FENCED, Suite, in_a_loop
from actors.storage.samples import (
    CALLER,
    ITEMS,
    OWNER,
    PUBLIC,
    TENANT,
    VISITS,
    Item,
    append_of,
    appending,
    claiming,
    known,
    query,
    record,
    records,
    same,
    store,
    verdicts,
    visiting,
    walk,
)

LONG: Final = 300
"""Records of a long log: several times what a journal may hop over when it reads."""
ROW: Final = Item(OWNER, TENANT, "copied", 5, 9_000)
CLAIMED: Final = (*records(0, 9), record(10, 4, CLAIM), *records(10, 2, 4))
"""Twelve records of the epochs 1 and 4."""
PLAIN: Final = Copy(Head("t", 12, 4), ROW, None, CLAIMED)
COMPACTED: Final = Copy(Head("t", 12, 4, floor=7), ROW, Snapshot(8, b"eight"), CLAIMED[7:])


class Unknown(NamedTuple):
    """A row that no journal here is opened with."""

    owner: str
    tenant: str


BROKEN: Final = (
    PLAIN._replace(head=Head("t", 0, 4), records=()),
    PLAIN._replace(head=Head("t", 12, 4, floor=-1)),
    PLAIN._replace(head=Head("t", 12, 5)),
    PLAIN._replace(head=Head("t", 11, 4)),
    PLAIN._replace(head=Head("t", 13, 4)),
    PLAIN._replace(records=CLAIMED[1:]),
    PLAIN._replace(records=(*CLAIMED[:5], CLAIMED[6], CLAIMED[5], *CLAIMED[7:])),
    PLAIN._replace(records=(*CLAIMED[:4], *CLAIMED[3:11])),
    PLAIN._replace(records=(*records(0, 9), *records(9, 3, 4))),
    PLAIN._replace(records=(*records(0, 9, 5), *CLAIMED[9:])),
    PLAIN._replace(snapshot=Snapshot(13, b"beyond")),
    PLAIN._replace(row=Unknown(OWNER, TENANT)),
    PLAIN._replace(keys=(("k", 0),)),
    PLAIN._replace(keys=(("k", 13),)),
    PLAIN._replace(keys=(("k", 1), ("k", 2))),
    PLAIN._replace(consumers=(("one", -1),)),
    PLAIN._replace(consumers=(("one", 12),)),
    PLAIN._replace(consumers=(("one", 1), ("one", 2))),
    COMPACTED._replace(head=Head("t", 12, 4, floor=13), records=()),
    COMPACTED._replace(records=CLAIMED),
    COMPACTED._replace(records=CLAIMED[8:]),
    COMPACTED._replace(snapshot=None),
    COMPACTED._replace(snapshot=Snapshot(6, b"before the floor")),
    COMPACTED._replace(snapshot=Snapshot(13, b"beyond")),
    COMPACTED._replace(consumers=(("one", 6),)),
)


class Copies(Suite):
    """A log from elsewhere is here as it was there."""

    @in_a_loop
    async def test_a_plain_log_is_restored_whole(self, journal: Journal) -> None:
        """Its records, row, epoch and whether it is active; appends go on from its head."""
        copy = PLAIN._replace(head=Head("t", 12, 4, active=True))
        same(await settled(journal.restore(copy)), True)
        same(await settled(journal.read("t", CALLER)), Stored(copy.head, ROW, None, CLAIMED))
        same(await settled(journal.heads(active=True)), [copy.head])
        same(await walk(journal, query(context="copied")), (["t"], [1]))
        same(await settled(journal.page("t", 8, 3)), CLAIMED[8:11])
        same(await verdicts(journal, appending("t", 12, epoch=3)), FENCED)
        same(await verdicts(journal, appending("t", 0, epoch=4)), FENCED)
        await store(journal, appending("t", 12, 2, 4), appending("new", 0))
        await store(journal, claiming("t", 14, 5))
        same((await known(journal, "t")).tail[:14], (*CLAIMED, *records(12, 2, 4)))
        same((await known(journal, "new")).tail, records(0, 1))
        same(await walk(journal, query(context="copied")), ([], [0]))

    @in_a_loop
    async def test_a_compacted_log_keeps_its_floor_and_what_follows(self, journal: Journal) -> None:
        """The snapshot may be newer than the floor: no record between them is lost."""
        same(await settled(journal.restore(COMPACTED)), True)
        _, row, snapshot, tail, *_ = COMPACTED
        same(await known(journal, "t"), Stored(COMPACTED.head, row, snapshot, tail[1:]))
        same(await settled(journal.page("t", 6, 9)), None)
        same(await settled(journal.page("t", 7, 9)), tail)
        same(await settled(journal.compact("t", 9)), False)
        same(await settled(journal.compact("t", 8)), True)
        await settled(journal.save_snapshot("t", Snapshot(7, b"older")))
        same((await known(journal, "t")).snapshot, snapshot)
        await store(journal, appending("t", 12, 80, 4))
        same(await settled(journal.page("t", 10, 82)), (*CLAIMED[10:], *records(12, 80, 4)))

    @in_a_loop
    async def test_a_log_without_records_begins_at_its_snapshot(self, journal: Journal) -> None:
        """It needs no row either."""
        head, snapshot = Head("t", 70, 3, floor=70), Snapshot(70, b"seventy")
        same(await settled(journal.restore(Copy(head, None, snapshot, ()))), True)
        same(await known(journal, "t"), Stored(head, None, snapshot, ()))
        same(await settled(journal.read("t", CALLER)), None)
        same(await settled(journal.page("t", 69, 5)), None)
        same(await settled(journal.page("t", 70, 5)), ())
        await store(journal, appending("t", 70, 80, 3))
        same(await settled(journal.page("t", 75, 60)), records(75, 60, 3))

    @in_a_loop
    async def test_a_snapshot_of_a_log_with_all_its_records_comes_along(
        self, journal: Journal
    ) -> None:
        """And is read in their stead."""
        copy = PLAIN._replace(snapshot=Snapshot(10, b"ten"))
        same(await settled(journal.restore(copy)), True)
        same(await known(journal, "t"), Stored(copy.head, ROW, copy.snapshot, CLAIMED[10:]))
        same(await settled(journal.page("t", 0, 99)), CLAIMED)

    @in_a_loop
    async def test_keys_lead_where_they_led(self, journal: Journal) -> None:
        """Also those of records that are no longer kept; they go with the log."""
        keys = (("early", 2), ("é'☠", 7), ("late", 12))
        same(await settled(journal.restore(COMPACTED._replace(keys=keys))), True)
        for key, seq in keys:
            same(await settled(journal.find(key)), Place("t", seq))
            same(await verdicts(journal, appending("u", 0, keys=(key,))), FENCED)
        same(await settled(journal.remove(COMPACTED.head)), True)
        same([await settled(journal.find(key)) for key, _ in keys], [None] * 3)

    @in_a_loop
    async def test_consumers_go_on_where_they_were(self, journal: Journal) -> None:
        """What they have left holds back compaction and removal as before."""
        copy = COMPACTED._replace(consumers=(("one", 8), ("two", 7)))
        same(await settled(journal.restore(copy)), True)
        same(await settled(journal.unconsumed("one")), [Left("one", Place("t", 8))])
        same(await settled(journal.place("two", "t")), Place("t", 7))
        same(await settled(journal.compact("t", 8)), False)
        same(await settled(journal.remove(copy.head)), False)
        await store(journal, appending("t", 12, 1, 4, consumers=("one", "three")))
        same(await settled(journal.place("one", "t")), Place("t", 8))
        same(await settled(journal.place("three", "t")), Place("t", 12))
        for consumer in ("one", "two", "three"):
            await settled(journal.consumed(consumer, Place("t", 13)))
        same(await settled(journal.compact("t", 8)), True)

    @in_a_loop
    async def test_nothing_is_restored_over_a_log(self, journal: Journal) -> None:
        """What is there stays; nothing of the copy is kept, and its keys are free."""
        await store(journal, appending("t", 0, 2))
        before = await known(journal, "t")
        copy = PLAIN._replace(keys=(("k", 1),), consumers=(("one", 1),))
        same(await settled(journal.restore(copy)), False)
        same(await known(journal, "t"), before)
        same(await settled(journal.unconsumed("one")), [])
        same(await walk(journal, query(context="copied")), ([], [0]))
        await store(journal, appending("t", 2, keys=("k",)), appending("u", 0))
        same(await settled(journal.page("t", 0, 9)), records(0, 3))
        same(await settled(journal.restore(copy._replace(head=Head("t", 12, 4)))), False)

    @in_a_loop
    async def test_a_taken_key_keeps_a_whole_log_out(self, journal: Journal) -> None:
        """Nothing of it is there, and its other keys stay free."""
        await store(journal, appending("u", 0, keys=("k",)))
        copy = COMPACTED._replace(keys=(("free", 8), ("k", 9)), consumers=(("one", 8),))
        same(await settled(journal.restore(copy)), False)
        same(await settled(journal.head("t")), None)
        same(await settled(journal.find("free")), None)
        same(await settled(journal.find("k")), Place("u", 1))
        same(await settled(journal.place("one", "t")), None)
        same(await settled(journal.remove(Head("u", 1))), True)
        same(await settled(journal.restore(copy)), True)
        same(await settled(journal.find("k")), Place("t", 9))

    @in_a_loop
    async def test_a_copy_that_does_not_hold_together_is_refused(self, journal: Journal) -> None:
        """It says which log, and nothing of it is stored."""
        for copy in BROKEN:
            with pytest.raises(ValueError, match="'t'"):
                await settled(journal.restore(copy._replace(keys=(("l", 12), *copy.keys))))
            same(await settled(journal.head("t")), None, copy)
        same(await settled(journal.find("l")), None)
        same(await settled(journal.restore(PLAIN)), True)

    @in_a_loop
    async def test_a_long_log_is_read_from_everywhere(self, journal: Journal) -> None:
        """Page after page, from every place, beside a log that was there before."""
        await store(journal, appending("u", 0, 70))
        whole = records(0, LONG)
        same(await settled(journal.restore(Copy(Head("t", LONG), ROW, None, whole))), True)
        head = Head("v", LONG, floor=100)
        copy = Copy(head, None, Snapshot(130, b"then"), whole[100:])
        same(await settled(journal.restore(copy)), True)
        await store(journal, appending("u", 70, 70), appending("t", LONG, 70))
        await store(journal, appending("v", LONG, 70))
        more = records(0, LONG + 70)
        for log, floor in (("t", 0), ("v", 100)):
            for after in range(floor, LONG + 71):
                due = more[after : after + 30]
                same(await settled(journal.page(log, after, 30)), due, (log, after))
        same((await known(journal, "u")).tail, records(0, 140))
        for upto in (128, 192, 250):
            await settled(journal.save_snapshot("v", Snapshot(upto, b"later")))
            same(await settled(journal.compact("v", upto)), True)
            same(await settled(journal.page("v", upto, 9)), more[upto : upto + 9])

    @in_a_loop
    async def test_a_restored_log_survives_closing(self, journal: Journal) -> None:
        """With all that came with it."""
        copy = COMPACTED._replace(keys=(("early", 2),), consumers=(("one", 8),))
        same(await settled(journal.restore(copy)), True)
        before = await known(journal, "t")
        async with self.reopened(journal) as other:
            same(await known(other, "t"), before)
            same(await settled(other.page("t", 7, 9)), copy.records)
            same(await settled(other.find("early")), Place("t", 2))
            same(await settled(other.place("one", "t")), Place("t", 8))
            same(await settled(other.restore(copy)), False)
            same(await verdicts(other, appending("u", 0, keys=("early",))), FENCED)
            same(await verdicts(other, appending("t", 12, epoch=4)), [Ack.STORED])

    @in_a_loop
    async def test_a_restored_log_counts_as_any_other(self, journal: Journal) -> None:
        """Its bytes do for surplus; what takes it out of a projection does so."""
        large = Record(1, 1, 0, PUBLIC, b"x" * 1_000)
        await store(journal, append_of("u", 0, [large], state=5, status_at=9_001))
        copy = Copy(Head("t", 1), ROW, Snapshot(1, b"one"), (large,))
        same(await settled(journal.restore(copy)), True)
        for size, beyond in ((1_500, ["t"]), (2_500, []), (0, ["t", "u"])):
            keep = Keep(projection=ITEMS, state=5, size=size)
            heads = await settled(journal.surplus(keep))
            same([head.log for head in heads], beyond, size)
        same(await settled(journal.compact("t", 1)), True)
        same(await settled(journal.surplus(Keep(projection=ITEMS, state=5, size=1_500))), [])
        await store(journal, visiting("t", 1, level=3, seen=1))
        same(await walk(journal, query(context="copied")), ([], [0]))
        same(await walk(journal, query(VISITS)), (["t"], [1]))
