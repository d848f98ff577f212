"""Tests: idempotency keys.

Neighbours: `suite.py`, `appends.py` (what else fences), `upkeep.py` (keys of logs that go).
"""

from __future__ import annotations

from typing import Any

import pytest

from actors.runtime.journal.port import Ack, Journal, Place, settled
from actors.storage.conformance.suite import FENCED, Suite, in_a_loop
from actors.storage.samples import appending, known, same, seqs, store, verdicts


class Keys(Suite):
    """Each key is in the journal once, and leads to what bore it."""

    @in_a_loop
    async def test_a_key_leads_to_the_first_record_of_its_append(self, journal: Journal) -> None:
        """Several may lead there; what nobody bore leads nowhere."""
        await store(journal, appending("a", 0, 3, keys=("k", "é'☠")))
        await store(journal, appending("a", 3, 2, keys=("later",)), appending("b", 0, keys=("",)))
        same(await settled(journal.find("k")), Place("a", 1))
        same(await settled(journal.find("é'☠")), Place("a", 1))
        same(await settled(journal.find("later")), Place("a", 4))
        same(await settled(journal.find("")), Place("b", 1))
        same(await settled(journal.find("K")), None)

    @in_a_loop
    async def test_a_taken_key_fences_the_append_and_nothing_of_it_is_stored(
        self, journal: Journal
    ) -> None:
        """Neither records, nor row, nor its other keys, nor consumers; also in its own log."""
        await store(journal, appending("a", 0, 2, keys=("k",)))
        before = await known(journal, "a")
        keys = ("new", "k", "newer")
        late: dict[str, Any] = {"keys": keys, "consumers": ("one",), "state": 7, "active": True}
        same(await verdicts(journal, appending("a", 2, **late)), FENCED)
        same(await verdicts(journal, appending("b", 0, **late)), FENCED)
        same(await known(journal, "a"), before)
        same(await settled(journal.read("b")), None)
        same(await settled(journal.head("b")), None)
        same([await settled(journal.find(key)) for key in keys], [None, Place("a", 1), None])
        same(await settled(journal.unconsumed("one")), [])
        await store(journal, appending("a", 2), appending("b", 0, keys=("new",)))

    @in_a_loop
    async def test_keys_are_judged_in_the_order_of_a_group(self, journal: Journal) -> None:
        """The first bearer has it; an append that is fenced takes no key."""
        if len({journal.lane(log) for log in "abc"}) > 1:
            pytest.skip("this journal groups the appends of one log only")
        group = [
            appending("a", 5, keys=("k",)),
            appending("b", 0, keys=("k", "l")),
            appending("c", 0, keys=("l", "m")),
            appending("c", 0, keys=("m",)),
            appending("b", 1, keys=("m",)),
            appending("b", 1, keys=("n",)),
        ]
        stored, fenced = Ack.STORED, Ack.FENCED
        expected = [fenced, stored, fenced, stored, fenced, stored]
        same(await verdicts(journal, *group), expected)
        places = [await settled(journal.find(key)) for key in "klmn"]
        same(places, [Place("b", 1), Place("b", 1), Place("c", 1), Place("b", 2)])

    @in_a_loop
    async def test_the_same_append_again_changes_nothing(self, journal: Journal) -> None:
        """It may be known for the same, or be fenced; its key leads where it led."""
        append = appending("a", 0, 2, keys=("k",))
        await store(journal, append)
        for _ in range(2):
            (again,) = await verdicts(journal, append)
            same(again in (Ack.STORED, Ack.FENCED), True)
        same(seqs((await known(journal, "a")).tail), [1, 2])
        same(await settled(journal.find("k")), Place("a", 1))
