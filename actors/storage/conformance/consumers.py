"""Tests: durable consumers, and where they are to go on.

Neighbours: `suite.py`, `upkeep.py` (what an unfinished consumer holds back).
"""

from __future__ import annotations

from actors.runtime.journal.port import Journal, Place, settled
from actors.storage.conformance.listing import NAMES
from actors.storage.conformance.suite import FENCED, Suite, in_a_loop
from actors.storage.samples import appending, bare, same, store, verdicts


class Consumers(Suite):
    """A consumer has a place in each log with something for it."""

    @in_a_loop
    async def test_an_append_opens_a_consumer_before_its_records(self, journal: Journal) -> None:
        """The first place is the record before; a later append does not move it."""
        await store(journal, appending("a", 0, 3))
        await store(journal, appending("a", 3, 2, consumers=("one",)))
        await store(journal, bare("b", 0, consumers=("one", "two")))
        await store(journal, appending("a", 5, consumers=("two", "one")))
        same(await self._left(journal, "one"), [Place("a", 3), Place("b", 0)])
        same(await self._left(journal, "two"), [Place("a", 5), Place("b", 0)])
        same(await self._left(journal, "three"), [])

    @in_a_loop
    async def test_a_fenced_append_opens_nothing(self, journal: Journal) -> None:
        """Nothing of it is stored."""
        same(await verdicts(journal, appending("a", 1, consumers=("one",))), FENCED)
        same(await self._left(journal, "one"), [])

    @in_a_loop
    async def test_a_consumer_moves_forwards_alone(self, journal: Journal) -> None:
        """Each for itself; never back; unknown ones are nobody."""
        await store(journal, appending("a", 0, 9, consumers=("one", "two")))
        for seq, place in ((4, 4), (2, 4), (8, 8)):
            await settled(journal.consumed("one", Place("a", seq)))
            same(await self._left(journal, "one"), [Place("a", place)])
        same(await self._left(journal, "two"), [Place("a", 0)])
        await settled(journal.consumed("three", Place("a", 1)))
        await settled(journal.consumed("one", Place("nowhere", 1)))
        same(await self._left(journal, "three"), [])

    @in_a_loop
    async def test_a_consumer_that_is_done_with_the_head_is_gone(self, journal: Journal) -> None:
        """Until an append opens it again, and then before that."""
        await store(journal, appending("a", 0, 3, consumers=("one",)))
        await settled(journal.consumed("one", Place("a", 3)))
        same(await self._left(journal, "one"), [])
        await store(journal, appending("a", 3))
        same(await self._left(journal, "one"), [])
        await store(journal, appending("a", 4, 2, consumers=("one",)))
        same(await self._left(journal, "one"), [Place("a", 4)])
        await settled(journal.consumed("one", Place("a", 6)))
        same(await self._left(journal, "one"), [])

    @in_a_loop
    async def test_records_that_came_meanwhile_keep_a_consumer(self, journal: Journal) -> None:
        """It was done with what was the head; now there is more."""
        await store(journal, appending("a", 0, 3, consumers=("one",)))
        await store(journal, appending("a", 3))
        await settled(journal.consumed("one", Place("a", 3)))
        same(await self._left(journal, "one"), [Place("a", 3)])
        await settled(journal.consumed("one", Place("a", 4)))
        same(await self._left(journal, "one"), [])

    @in_a_loop
    async def test_what_is_left_comes_in_pages_by_name(self, journal: Journal) -> None:
        """By bytes, each log once."""
        for name in reversed(NAMES):
            await store(journal, appending(name, 0, consumers=("one",)))
        await store(journal, appending("b", 0, consumers=("two",)), appending("c", 0))
        for size in range(1, 7):
            names: list[str] = []
            page = list(await settled(journal.unconsumed("one", limit=size)))
            while page:
                same(len(page) <= size, True)
                names += [left.place.log for left in page]
                page = list(await settled(journal.unconsumed("one", ("one", names[-1]), size)))
            same(names, NAMES, size)

    @in_a_loop
    async def test_a_family_of_consumers_is_told_together(self, journal: Journal) -> None:
        """The one of that name and those below it; by consumer, then by log."""
        family = ("one", "one/", "one/a", "one/é", "one/a/b")
        others = ("on", "one!", "one0", "onea", "two/one")
        await store(journal, appending("a", 0, consumers=family + others))
        await store(journal, appending("é", 0, consumers=("one/a", "one", "one1")))
        expected = [(name, "a") for name in family] + [("one", "é"), ("one/a", "é")]
        expected.sort(key=lambda each: (each[0].encode(), each[1].encode()))
        for size in range(1, 9):
            found: list[tuple[str, str]] = []
            page = list(await settled(journal.unconsumed("one", limit=size)))
            while page:
                found += [(left.consumer, left.place.log) for left in page]
                page = list(await settled(journal.unconsumed("one", found[-1], size)))
            same(found, expected, size)
        below = await settled(journal.unconsumed("one/a"))
        same([left.consumer for left in below], ["one/a", "one/a", "one/a/b"])

    @in_a_loop
    async def test_a_consumer_has_a_place_in_each_log(self, journal: Journal) -> None:
        """Its own one; none where there is nothing for it, or no log."""
        await store(journal, appending("a", 0, 3, consumers=("one", "two")))
        await store(journal, appending("é", 0, 3), appending("é", 3, consumers=("one",)))
        await settled(journal.consumed("one", Place("a", 2)))
        await self._placed(journal, one=(2, 3), two=(0, None), three=(None, None))
        await settled(journal.consumed("one", Place("é", 4)))
        await settled(journal.consumed("two", Place("a", 3)))
        await self._placed(journal, one=(2, None), two=(None, None))
        same(await settled(journal.place("one", "nowhere")), None)

    @staticmethod
    async def _placed(journal: Journal, **expected: tuple[int | None, int | None]) -> None:
        for consumer, seqs in expected.items():
            for log, seq in zip("aé", seqs, strict=True):
                found = await settled(journal.place(consumer, log))
                same(found, None if seq is None else Place(log, seq), (consumer, log))

    @staticmethod
    async def _left(journal: Journal, consumer: str) -> list[Place]:
        return [left.place for left in await settled(journal.unconsumed(consumer))]
