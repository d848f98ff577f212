"""The ring of a FanOutActor: how much it keeps, and what its readers share.

Neighbours: `test_actor.py` (pulls and pages), `test_core.py` (a reader on a loop).
"""

from __future__ import annotations

import pytest

from actors.runtime import Envelope, Reply
from actors.runtime.journal.record import Record
from actors.task import fanout
from actors.task.fanout import LARGE, PAGE, RING, FanOutActor, Tail
from actors.task.kept import Kept
from actors.task.orders import Publish, Pull
from actors.task.record import Kind
from tests.manual import Answer


def record(seq: int, size: int = 1) -> Record:
    return Record(seq, 1, 0, Kind.ARTIFACT, b"x" * size)


def filled(*records: Record) -> Tail:
    tail = Tail(records[0].seq - 1, None)
    tail.ring.extend(records)
    tail.size = sum(len(each.payload) for each in records)
    tail.trim()
    return tail


def test_the_ring_keeps_the_latest_records() -> None:
    tail = filled(*(record(seq) for seq in range(4, RING + 14)))
    assert [each.seq for each in tail.ring] == list(range(14, RING + 14))
    assert (tail.base, tail.size) == (13, RING)


def test_the_ring_keeps_few_large_records_but_the_latest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout, "RING_BYTES", 10)
    assert [each.seq for each in filled(*(record(seq, 4) for seq in range(1, 6))).ring] == [4, 5]
    assert [each.seq for each in filled(record(1, 4), record(2, 40)).ring] == [2]


def test_readers_at_the_same_place_are_told_the_same() -> None:
    tail = filled(*(record(seq) for seq in range(1, 5)))
    pages = [tail.page(1, 2, 2), tail.page(2, 9, 9)]
    assert [page and [each.seq for each in page.records] for page in pages] == [[2, 3], [3, 4]]
    assert [page and page.stands for page in pages] == [False, True]
    assert tail.page(4, 9, 9) is None


def test_what_is_made_of_a_record_is_made_once_while_the_ring_has_it() -> None:
    made: list[int] = []

    def make(each: Record) -> object:
        made.append(each.seq)
        return object()

    kept = Kept(0)
    assert kept.of(record(1), make) is kept.of(record(1), make)
    assert kept.of(record(2), make) is kept.of(record(2), make)
    kept.drop(1)
    assert kept.of(record(1), make) is not kept.of(record(1), make), "the ring is past it"
    assert kept.of(record(2), make) is kept.of(record(2), make)
    assert made == [1, 2, 1, 1]


def test_a_pull_stands_for_records_or_for_bytes() -> None:
    """Or who does not read would be brought 128 records of any size."""
    tail = filled(record(1), record(2, 40 * LARGE), record(3, 40 * LARGE))
    pages = [tail.page(1, left, left) for left in (41, 42, 82, 83)]
    assert [page and page.stands for page in pages] == [False, False, False, True]
    state = Tail(0, None)
    actor = FanOutActor("t1", 0, None)
    told = Answer()
    actor.step(state, Envelope(Pull(1, 0, PAGE), told), 0)
    for seq in range(1, 6):
        step = actor.step(state, Envelope(Publish((record(seq, 50 * LARGE),))), 0)
        for effect in step.effects:
            assert isinstance(effect, Reply)
            effect.to.resolve(effect.value)
    assert [page.records[0].seq for page in told.values] == [1, 2, 3]
    assert not state.waiting
