"""Tests: heads; compaction and removal of logs.

Neighbours: `suite.py`, `retention.py` (which logs are to go), `copies.py` (logs from elsewhere).
"""

from __future__ import annotations

from actors.runtime.journal.port import Head, Journal, Place, Snapshot, Stored, settled
from actors.storage.conformance.listing import NAMES
from actors.storage.conformance.suite import FENCED, Suite, in_a_loop
from actors.storage.samples import (
    CALLER,
    CONTEXT,
    OWNER,
    TENANT,
    Item,
    appending,
    bare,
    claiming,
    known,
    query,
    records,
    same,
    store,
    verdicts,
    walk,
)


class Upkeep(Suite):
    """Looking after many logs."""

    @in_a_loop
    async def test_the_head_of_a_log(self, journal: Journal) -> None:
        """As of the latest append."""
        same(await settled(journal.head("t")), None)
        await store(journal, appending("t", 0, 2, active=True))
        same(await settled(journal.head("t")), Head("t", 2, 1, active=True))
        await store(journal, claiming("t", 2, 7))
        same(await settled(journal.head("t")), Head("t", 4, 7))

    @in_a_loop
    async def test_heads_come_in_pages_by_name(self, journal: Journal) -> None:
        """By bytes; all, or the active ones, as of the latest append."""
        for number, name in enumerate(reversed(NAMES)):
            await store(journal, bare(name, 0, 1 + number, active=number % 2 == 0))
        await store(journal, bare(NAMES[1], 4, active=True), bare(NAMES[0], 5, active=False))
        heads = [Head(NAMES[0], 6), *(Head(name, 5 - n) for n, name in enumerate(NAMES) if n)]
        heads = [each._replace(active=n in (1, 2, 4)) for n, each in enumerate(heads)]
        heads[1] = heads[1]._replace(seq=5)
        for active in (False, True):
            expected = [each for each in heads if each.active or not active]
            for size in (1, 2, 3, 256):
                same(await self._heads(journal, size, active), expected, (size, active))

    # -- compaction

    @in_a_loop
    async def test_compaction_needs_a_snapshot(self, journal: Journal) -> None:
        """At the record or later; without one nothing happens."""
        await store(journal, appending("t", 0, 200))
        before = await known(journal, "t")
        same(await settled(journal.compact("t", 5)), False)
        same(await settled(journal.compact("nobody", 5)), False)
        same(await known(journal, "t"), before)
        await settled(journal.save_snapshot("t", Snapshot(100, b"hundred")))
        same(await settled(journal.compact("t", 101)), False)
        same(await settled(journal.head("t")), Head("t", 200))
        same(await settled(journal.compact("t", 100)), True)
        same(await settled(journal.head("t")), Head("t", 200, floor=100))

    @in_a_loop
    async def test_reads_stay_whole_after_compaction(self, journal: Journal) -> None:
        """Snapshot and tail are as before; a page from before the floor is None."""
        await store(journal, appending("t", 0, 200), appending("u", 0, 10))
        await settled(journal.save_snapshot("t", Snapshot(150, b"then")))
        for floor in (1, 70, 150):
            same(await settled(journal.compact("t", floor)), True)
            head = Head("t", 200, floor=floor)
            row = Item(OWNER, TENANT, CONTEXT, 2, 1_000)
            expected = Stored(head, row, Snapshot(150, b"then"), records(150, 50))
            same(await settled(journal.read("t", CALLER)), expected)
            for after in (0, floor - 1):
                same(await settled(journal.page("t", after, 256)), None, after)
            for after in (floor, floor + 1, 199, 200, 201):
                due = records(0, 200)[after:]
                same(await settled(journal.page("t", after, 256)), due, (floor, after))
        await store(journal, appending("t", 200, 3))
        same((await known(journal, "t")).tail, records(150, 53))
        same((await known(journal, "u")).tail, records(0, 10))

    @in_a_loop
    async def test_compaction_never_goes_back(self, journal: Journal) -> None:
        """What is asked for is so already."""
        await store(journal, appending("t", 0, 9))
        await settled(journal.save_snapshot("t", Snapshot(9, b"nine")))
        for upto, floor in ((6, 6), (2, 6), (6, 6), (9, 9)):
            same(await settled(journal.compact("t", upto)), True)
            same(await settled(journal.head("t")), Head("t", 9, floor=floor))
        await store(journal, claiming("t", 9, 2))
        same(await settled(journal.head("t")), Head("t", 11, 2, floor=9))

    @in_a_loop
    async def test_compaction_waits_for_consumers(self, journal: Journal) -> None:
        """Not past a consumer that is not done; finished ones hold nothing back."""
        await store(journal, appending("t", 0, 9, consumers=("one", "two")))
        await settled(journal.save_snapshot("t", Snapshot(9, b"nine")))
        await settled(journal.consumed("one", Place("t", 9)))
        same(await settled(journal.compact("t", 1)), False)
        await settled(journal.consumed("two", Place("t", 4)))
        same(await settled(journal.compact("t", 5)), False)
        same(await settled(journal.compact("t", 4)), True)
        await settled(journal.consumed("two", Place("t", 9)))
        same(await settled(journal.compact("t", 9)), True)
        same((await known(journal, "t")).tail, ())

    # -- removal

    @in_a_loop
    async def test_a_removed_log_is_gone(self, journal: Journal) -> None:
        """Its records, snapshot, row and keys; not those of others; the name can be used anew."""
        await store(journal, appending("t", 0, 130, keys=("k",)), appending("u", 0, keys=("l",)))
        await settled(journal.save_snapshot("t", Snapshot(5, b"five")))
        same(await settled(journal.compact("t", 5)), True)
        same(await settled(journal.remove(Head("t", 130))), True)
        same(await settled(journal.read("t")), None)
        same(await settled(journal.head("t")), None)
        same(await settled(journal.page("t", 0, 9)) or (), ())
        same(
            (await settled(journal.find("k")), await settled(journal.find("l")) is None),
            (None, False),
        )
        same(await walk(journal, query()), (["u"], [1]))
        same(await verdicts(journal, appending("t", 130)), FENCED)
        await store(journal, appending("t", 0, 70, epoch=3, keys=("k",)))
        anew = await known(journal, "t")
        same((anew.head, anew.snapshot, anew.tail), (Head("t", 70, 3), None, records(0, 70, 3)))
        same(await settled(journal.find("k")), Place("t", 1))
        same(await settled(journal.page("t", 0, 2)), records(0, 2, 3))

    @in_a_loop
    async def test_removal_compares_the_head(self, journal: Journal) -> None:
        """Another seq or epoch, something going on: nothing happens."""
        await store(journal, appending("t", 0, 2, epoch=2, keys=("k",)))
        stored = await known(journal, "t")
        for head in (Head("t", 1, 2), Head("t", 3, 2), Head("t", 2, 1), Head("t", 2, 3)):
            same(await settled(journal.remove(head)), False, head)
        same(await known(journal, "t"), stored)
        await store(journal, appending("t", 2, epoch=2, active=True))
        for active in (False, True):
            same(await settled(journal.remove(Head("t", 3, 2, active=active))), False)
        await store(journal, appending("t", 3, epoch=2))
        same(await settled(journal.remove(Head("t", 4, 2))), True)

    @in_a_loop
    async def test_removal_waits_for_consumers(self, journal: Journal) -> None:
        """Whoever has something to do in a log keeps it."""
        await store(journal, appending("t", 0, 2, consumers=("one",)))
        await settled(journal.consumed("one", Place("t", 1)))
        same(await settled(journal.remove(Head("t", 2))), False)
        await settled(journal.consumed("one", Place("t", 2)))
        same(await settled(journal.remove(Head("t", 2))), True)
        same(await settled(journal.unconsumed("one")), [])

    @staticmethod
    async def _heads(journal: Journal, size: int, active: bool) -> list[Head]:
        found: list[Head] = []
        after = ""
        while page := await settled(journal.heads(after, size, active=active)):
            same(len(page) <= size, True)
            found += page
            after = found[-1].log
        return found
