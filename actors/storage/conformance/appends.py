"""Tests: when an append holds, and what is stored then.

Neighbours: `suite.py`, `keys.py` (a key may fence too).
"""

from __future__ import annotations

import pytest

from actors.runtime.journal.port import Ack, Head, Journal, settled
from actors.runtime.journal.record import CLAIM
from actors.storage.conformance.suite import FENCED, STORED, Suite, in_a_loop
from actors.storage.samples import (
    append_of,
    appending,
    bare,
    claiming,
    known,
    record,
    records,
    same,
    seqs,
    store,
    verdicts,
)


class Appends(Suite):
    """Compare-and-append (law L7)."""

    @in_a_loop
    async def test_appends_are_read_back_in_order(self, journal: Journal) -> None:
        """What was appended one by one and several at once is one gap-free log."""
        head = 0
        for count in (1, 2, 130, 1):
            append = appending("t", head, count, status_at=head, active=bool(head))
            same(await verdicts(journal, append), STORED)
            head += count
            stored = await known(journal, "t")
            same(stored.head, append.head)
            same(stored.row, append.row)
            same(type(stored.row), type(append.row))
            same(stored.tail, records(0, head))

    @in_a_loop
    async def test_every_kind_of_record_is_kept(self, journal: Journal) -> None:
        """Kinds, payloads and facts come back as they were."""
        kinds = (CLAIM, 1, 15, 16, 17, 255, 65_536, 2**31 - 1)
        given = tuple(record(seq, kind=kind) for seq, kind in enumerate(kinds, 1))
        await store(journal, append_of("t", 0, given))
        same(await settled(journal.page("t", 0, 256)), given)

    @in_a_loop
    async def test_an_append_elsewhere_than_the_head_is_fenced(self, journal: Journal) -> None:
        """Compare-and-append on the sequence number; a fenced append leaves no trace."""
        await store(journal, appending("t", 0, 3))
        before = await settled(journal.read("t"))
        for expected in (0, 1, 2, 4, 64):
            late = appending("t", expected, 2, state=7, owner="bob", active=True)
            same(await verdicts(journal, late), FENCED, expected)
        same(await verdicts(journal, appending("new", 1)), FENCED)
        same(await settled(journal.read("t")), before)
        same(await settled(journal.read("new")), None)
        same(await settled(journal.head("new")), None)

    @in_a_loop
    async def test_an_append_that_comes_again_is_stored_once(self, journal: Journal) -> None:
        """Its acknowledgement may have been lost: repeat it, and read back what is in its place."""
        for append in (appending("t", 0, 3), appending("t", 3), claiming("t", 4, 2)):
            await store(journal, append)
            (again,) = await verdicts(journal, append)
            same(again in (Ack.STORED, Ack.FENCED), True)
            count = len(append.records)
            same(await settled(journal.page("t", append.expected, count)), append.records)
            same((await known(journal, "t")).head, append.head)

    @in_a_loop
    async def test_an_append_of_another_epoch_is_fenced(self, journal: Journal) -> None:
        """Neither a lower nor a higher epoch may write without claiming it."""
        await store(journal, appending("t", 0, 2, epoch=4))
        for epoch in (1, 3, 5):
            late = appending("t", 2, epoch=epoch)
            same(await verdicts(journal, late), FENCED, epoch)
        await store(journal, appending("t", 2, epoch=4))

    @in_a_loop
    async def test_a_claim_raises_the_epoch_and_fences_the_one_before(
        self, journal: Journal
    ) -> None:
        """CLAIM takes a log over, never backwards, and the old writer is out."""
        await store(journal, appending("t", 0))
        same(await verdicts(journal, claiming("t", 0, 2)), FENCED)
        await store(journal, claiming("t", 1, 3))
        same(await verdicts(journal, appending("t", 3, epoch=1)), FENCED)
        same(await verdicts(journal, claiming("t", 3, 2)), FENCED)
        await store(journal, appending("t", 3, epoch=3))
        stored = await known(journal, "t")
        same(stored.head, Head("t", 4, 3))
        same([each.epoch for each in stored.tail], [1, 3, 3, 3])

    @in_a_loop
    async def test_one_fenced_append_keeps_no_other_from_being_stored(
        self, journal: Journal
    ) -> None:
        """A group holds several logs and several appends of one; each has its own verdict."""
        if len({journal.lane(log) for log in "abc"}) > 1:
            pytest.skip("this journal groups the appends of one log only")
        await store(journal, appending("b", 0, 2))
        group = [
            appending("a", 0, 2),
            appending("b", 1, 2),
            appending("a", 2, 100),
            appending("b", 2),
            appending("c", 0),
            appending("a", 2, 5),
            appending("a", 102),
            claiming("b", 3, 2),
        ]
        stored, fenced = Ack.STORED, Ack.FENCED
        expected = [stored, fenced, stored, stored, stored, fenced, stored, stored]
        same(await verdicts(journal, *group), expected)
        for log, head in (("a", 103), ("b", 5), ("c", 1)):
            same(seqs((await known(journal, log)).tail), list(range(1, head + 1)))

    @in_a_loop
    async def test_a_malformed_append_is_refused_whole(self, journal: Journal) -> None:
        """A gap, no records, another epoch, a row of no projection: loud, and nothing stored."""
        good, gap = appending("a", 0), appending("b", 0, 3)
        broken = [
            gap._replace(records=gap.records[::2]),
            gap._replace(records=()),
            gap._replace(epoch=2),
            gap._replace(row=("ann", "acme")),
        ]
        for append in broken:
            with pytest.raises(ValueError, match="'b'"):
                await settled(journal.append([good, append]))
        same(await settled(journal.read("a")), None)

    @in_a_loop
    async def test_an_empty_group_is_nothing(self, journal: Journal) -> None:
        """No appends, no verdicts."""
        same(await verdicts(journal), [])

    @in_a_loop
    async def test_an_append_without_a_row_leaves_the_row_as_it_is(self, journal: Journal) -> None:
        """A log may have none at all; one that it has stays."""
        await store(journal, bare("t", 0, 2, active=True))
        stored = await known(journal, "t")
        same((stored.head, stored.row), (Head("t", 2, 1, active=True), None))
        rowed = appending("t", 2, state=6)
        await store(journal, rowed, bare("t", 3))
        stored = await known(journal, "t")
        same((stored.head, stored.row), (Head("t", 4), rowed.row))
