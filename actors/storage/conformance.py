"""What every journal must keep, as tests: subclass `JournalConformance` in a pytest module.

    class TestMyJournal(JournalConformance):
        @pytest.fixture
        def journal(self) -> Journal:
            return MyJournal(...)          # new, empty, not opened

        def reopen(self, journal: Journal) -> Journal:
            return MyJournal(...)          # the same contents as `journal`, which is closed

Each test runs in an event loop of its own, so that no plugin for asyncio is needed. A journal over
a user's own store (`external`) keeps less than this and has tests of its own.

Neighbours: `actors/task/ports.py` (the contract in words), `samples.py` (what is appended here).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import wraps
from typing import Any

import pytest

from actors.runtime import Caller
from actors.storage.samples import (
    OWNER,
    TENANT,
    append_of,
    appending,
    claiming,
    filled,
    known,
    record,
    same,
    settled,
    verdicts,
    walk,
)
from actors.task.ports import Ack, Journal, Query, Snapshot
from actors.task.record import Kind, Record

Test = Callable[[Any, Journal], Awaitable[None]]

CALLER = Caller(OWNER, TENANT)
STORED, FENCED = [Ack.STORED], [Ack.FENCED]


def in_a_loop(test: Test) -> Callable[[Any, Journal], None]:
    """Run an async test on a journal that is opened before and closed after it."""

    @wraps(test)
    def run(self: JournalConformance, journal: Journal) -> None:
        async def whole() -> None:
            journal.open()
            try:
                await test(self, journal)
            finally:
                await settled(journal.close())

        asyncio.run(whole())

    return run


class JournalConformance:
    """The tests. Override `journal`, and `reopen` unless closing keeps the contents in place."""

    @pytest.fixture
    def journal(self) -> Journal:
        """A new, empty journal, not opened yet."""
        raise NotImplementedError("override the fixture `journal`: return a new, empty Journal")

    def reopen(self, journal: Journal) -> Journal:
        """A journal, not opened yet, with the contents of `journal`, which is closed."""
        return journal

    # -- appending

    @in_a_loop
    async def test_appends_are_read_back_in_order(self, journal: Journal) -> None:
        """What was appended one by one and several at once is one gap-free log."""
        head = 0
        for count in (1, 2, 130, 1):
            append = appending("t", head, count, status_at=head)
            same(await verdicts(journal, append), STORED)
            head += count
            stored = await known(journal, "t")
            same(stored.row, append.row)
            same(stored.tail, tuple(record(seq) for seq in range(1, head + 1)))

    @in_a_loop
    async def test_every_kind_of_record_is_kept(self, journal: Journal) -> None:
        """Kinds, payloads and facts come back as they were."""
        records = tuple(record(seq, kind=kind) for seq, kind in enumerate(Kind, 1))
        await settled(journal.append([append_of("t", 0, records)]))
        same(await settled(journal.page("t", 0, 256)), records)

    @in_a_loop
    async def test_an_append_elsewhere_than_the_head_is_fenced(self, journal: Journal) -> None:
        """Compare-and-append on the sequence number; a fenced append leaves no trace."""
        await settled(journal.append([appending("t", 0, 3)]))
        before = await settled(journal.read("t"))
        for expected in (0, 1, 2, 4, 64):
            late = appending("t", expected, 2, state=7, owner="bob")
            same(await verdicts(journal, late), FENCED, expected)
        same(await verdicts(journal, appending("new", 1)), FENCED)
        same(await settled(journal.read("t")), before)
        same(await settled(journal.read("new")), None)

    @in_a_loop
    async def test_an_append_that_comes_again_is_stored_once(self, journal: Journal) -> None:
        """Its acknowledgement may have been lost: repeat it, and read back what is in its place."""
        for append in (appending("t", 0, 3), appending("t", 3), claiming("t", 4, 2)):
            same(await verdicts(journal, append), STORED)
            (again,) = await verdicts(journal, append)
            same(again in (Ack.STORED, Ack.FENCED), True)
            count = len(append.records)
            same(await settled(journal.page("t", append.expected, count)), append.records)
            same([each.seq for each in (await known(journal, "t")).tail][-1], append.row.head)

    @in_a_loop
    async def test_an_append_of_another_epoch_is_fenced(self, journal: Journal) -> None:
        """Neither a lower nor a higher epoch may write without claiming it."""
        await settled(journal.append([appending("t", 0, 2, epoch=4)]))
        for epoch in (1, 3, 5):
            late = appending("t", 2, epoch=epoch)
            same(await verdicts(journal, late), FENCED, epoch)
        same(await verdicts(journal, appending("t", 2, epoch=4)), STORED)

    @in_a_loop
    async def test_a_claim_raises_the_epoch_and_fences_the_one_before(
        self, journal: Journal
    ) -> None:
        """EPOCH_CLAIMED takes a task over, never backwards, and the old writer is out."""
        await settled(journal.append([appending("t", 0)]))
        same(await verdicts(journal, claiming("t", 0, 2)), FENCED)
        same(await verdicts(journal, claiming("t", 1, 3)), STORED)
        same(await verdicts(journal, appending("t", 3, epoch=1)), FENCED)
        same(await verdicts(journal, claiming("t", 3, 2)), FENCED)
        same(await verdicts(journal, appending("t", 3, epoch=3)), STORED)
        stored = await known(journal, "t")
        same((stored.row.head, stored.row.epoch), (4, 3))
        same([each.epoch for each in stored.tail], [1, 3, 3, 3])

    @in_a_loop
    async def test_one_fenced_append_keeps_no_other_from_being_stored(
        self, journal: Journal
    ) -> None:
        """A group holds several tasks and several appends of one; each has its own verdict."""
        lanes = {journal.lane(task) for task in "abc"}
        if len(lanes) > 1:
            pytest.skip("this journal groups the appends of one task only")
        await settled(journal.append([appending("b", 0, 2)]))
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
        for task, head in (("a", 103), ("b", 5), ("c", 1)):
            read = await known(journal, task)
            same([each.seq for each in read.tail], list(range(1, head + 1)))

    @in_a_loop
    async def test_a_malformed_append_is_refused_whole(self, journal: Journal) -> None:
        """A gap, an empty append or a row that disagrees is a defect: loud, nothing stored."""
        good, gap = appending("a", 0), appending("b", 0, 3)
        broken = [
            gap._replace(records=gap.records[::2]),
            gap._replace(records=()),
            gap._replace(row=gap.row._replace(head=7)),
            gap._replace(row=gap.row._replace(task="c")),
            gap._replace(epoch=2),
        ]
        for append in broken:
            with pytest.raises(ValueError, match=r"'b'|row"):
                await settled(journal.append([good, append]))
        same(await settled(journal.read("a")), None)

    @in_a_loop
    async def test_an_empty_group_is_nothing(self, journal: Journal) -> None:
        """No appends, no verdicts."""
        same(await verdicts(journal), [])

    # -- keeping

    @in_a_loop
    async def test_what_was_acknowledged_survives_closing(self, journal: Journal) -> None:
        """Reopened, the journal knows every record, row and active task, and goes on."""
        await settled(journal.append([appending("a", 0, 70, active=True)]))
        await settled(journal.append([claiming("a", 70, 5)]))
        await settled(journal.append([appending("b", 0, 3, owner="bob", state=0)]))
        before = [await settled(journal.read(task)) for task in "ab"]
        await settled(journal.close())
        await settled(journal.close())
        other = self.reopen(journal)
        other.open()
        try:
            same([await settled(other.read(task)) for task in "ab"], before)
            same(await verdicts(other, appending("a", 72, epoch=4)), FENCED)
            same(await verdicts(other, appending("a", 72, epoch=5)), STORED)
            page = await settled(other.page("a", 60, 20)) or ()
            same([each.seq for each in page], list(range(61, 74)))
        finally:
            await settled(other.close())

    @in_a_loop
    async def test_pages_from_every_cursor(self, journal: Journal) -> None:
        """A page is what follows its cursor, for short logs and long, at the head and far back."""
        log: list[Record] = []
        while len(log) < 300:
            head, other = len(log), len(log) // 3
            await settled(journal.append([appending("t", head, 1 + head // 8)]))
            await settled(journal.append([appending(f"other {head}", 0, 1 + other)]))
            log = [record(seq) for seq in range(1, head + 1 + head // 8 + 1)]
            for after in range(len(log) + 2):
                for limit in (1, 65, 256):
                    page = await settled(journal.page("t", after, limit))
                    same(page, tuple(log[after : after + limit]), (len(log), after, limit))

    @in_a_loop
    async def test_a_page_of_an_unknown_task_has_no_records(self, journal: Journal) -> None:
        """Nothing is known, so nothing is there."""
        same(await settled(journal.page("nobody", 0, 10)) or (), ())

    @in_a_loop
    async def test_a_snapshot_shortens_the_tail(self, journal: Journal) -> None:
        """Snapshot and tail together are the log; a snapshot never goes back nor ahead of it."""
        await settled(journal.append([appending("t", 0, 100)]))
        for seq, kept in ((70, 70), (30, 70), (101, 70), (100, 100)):
            expected = Snapshot(kept, b"at %d" % kept)
            journal.save_snapshot("t", Snapshot(seq, b"at %d" % seq))
            stored = await known(journal, "t")
            same(stored.snapshot or expected, expected)
            since = stored.snapshot.seq if stored.snapshot else 0
            same([each.seq for each in stored.tail], list(range(since + 1, 101)))
        journal.save_snapshot("nobody", Snapshot(1, b""))
        page = await settled(journal.page("t", 0, 256)) or ()
        same(len(page), 100)

    # -- reading

    @in_a_loop
    async def test_only_its_owner_in_its_tenant_reads_a_task(self, journal: Journal) -> None:
        """To anybody else it does not exist; the core itself reads all."""
        await settled(journal.append([appending("t", 0)]))
        same(await settled(journal.read("t", CALLER)), await known(journal, "t"))
        same(await settled(journal.read("t", CALLER._replace(key=9))), await known(journal, "t"))
        for other in (Caller("bob", TENANT), Caller(OWNER, "other"), Caller("", ""), Caller(OWNER)):
            same(await settled(journal.read("t", other)), None)
        same(await settled(journal.read("nobody", CALLER)), None)

    @in_a_loop
    async def test_active_tasks_are_those_whose_row_says_so(self, journal: Journal) -> None:
        """As of the latest append."""
        await settled(journal.append([appending("a", 0, active=True)]))
        await settled(journal.append([appending("b", 0, active=True)]))
        await settled(journal.append([appending("c", 0)]))
        await settled(journal.append([appending("a", 1, active=False)]))
        await settled(journal.append([appending("c", 1, active=True)]))
        same(sorted(await settled(journal.active())), ["b", "c"])

    # -- listing

    @in_a_loop
    async def test_listing_is_newest_first_and_pages_through_all(self, journal: Journal) -> None:
        """Every visible task once, in order, and the total on every page."""
        await filled(journal)
        order = ["f", "e", "d", "c", "b", "a"]
        for size in range(1, 8):
            names, totals = await walk(journal, Query(owner=OWNER, tenant=TENANT, size=size))
            same(names, order, size)
            same(set(totals), {6})

    @in_a_loop
    async def test_listing_continues_where_it_was_while_tasks_move(self, journal: Journal) -> None:
        """A task that becomes newer between two pages shifts none of the others."""
        await filled(journal)
        query = Query(owner=OWNER, tenant=TENANT, size=3)
        first = await settled(journal.list(query))
        await settled(journal.append([appending("a", 2, status_at=99_000)]))
        query = Query(owner=OWNER, tenant=TENANT, size=3, after=first.next)
        second = await settled(journal.list(query))
        same([each.row.task for each in first.tasks], ["f", "e", "d"])
        same([each.row.task for each in second.tasks], ["c", "b"])

    @in_a_loop
    async def test_listing_filters(self, journal: Journal) -> None:
        """By context and state exactly, by time inclusively, alone and together."""
        await filled(journal)
        await self._lists(journal, ["e", "c", "a"], context="other")
        await self._lists(journal, ["f", "e"], state=6)
        await self._lists(journal, ["f", "e", "d", "c"], status_from=2_000)
        await self._lists(journal, ["f", "e"], status_from=2_001)
        await self._lists(journal, ["e"], context="other", state=6, status_from=3_000)
        await self._lists(journal, [], state=4)

    @in_a_loop
    async def test_listing_shows_an_owner_nothing_of_others(self, journal: Journal) -> None:
        """Owner and tenant match exactly; tasks that are not visible yet are listed to nobody."""
        await filled(journal)
        for owner, tenant, names in (
            ("bob", TENANT, ["of bob"]),
            (OWNER, "other", ["elsewhere"]),
            ("", "", []),
            ("bob", "other", []),
        ):
            listing = await settled(journal.list(Query(owner=owner, tenant=tenant)))
            same([each.row.task for each in listing.tasks], names)
            same(listing.total, len(names))

    @in_a_loop
    async def test_a_listed_task_is_what_a_read_gives(self, journal: Journal) -> None:
        """Row, snapshot and tail."""
        await filled(journal)
        journal.save_snapshot("e", Snapshot(1, b"cached"))
        listing = await settled(journal.list(Query(owner=OWNER, tenant=TENANT)))
        for each in listing.tasks:
            same(each, await settled(journal.read(each.row.task)))

    async def _lists(self, journal: Journal, expected: Sequence[str], **filters: Any) -> None:
        query = Query(owner=OWNER, tenant=TENANT, size=2, **filters)
        names, totals = await walk(journal, query)
        same(names, list(expected), filters)
        same(set(totals), {len(expected)})
