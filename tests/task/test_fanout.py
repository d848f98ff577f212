"""The ring of a FanOutActor: how much it keeps, and what its readers share.

Neighbours: `test_actor.py` (pulls and pages), `test_core.py` (a reader on a loop).
"""

from __future__ import annotations

import pytest

from actors.runtime import Envelope, Message, Reply
from actors.runtime.journal.record import Record
from actors.task import fanout
from actors.task.fanout import LARGE, PAGE, RING, FanOutActor, Tail
from actors.task.kept import Kept
from actors.task.orders import Left, Publish, Pull
from actors.task.record import Kind
from tests.manual import Answer


def record(seq: int, size: int = 1) -> Record:
    return Record(seq, 1, 0, Kind.ARTIFACT, b"x" * size)


def filled(*records: Record) -> Tail:
    tail = Tail(records[0].seq - 1, None, RING)
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
    pages = [tail.page(1, 2, tail.records(1)[:2]), tail.page(2, 9, tail.records(2))]
    assert [page and [each.seq for each in page.records] for page in pages] == [[2, 3], [3, 4]]
    assert [page and page.stands for page in pages] == [False, True]
    assert tail.page(4, 9, tail.records(4)) is None


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
    """Or who does not read would be brought 256 records of any size."""
    tail = filled(record(1), record(2, 40 * LARGE), record(3, 40 * LARGE))
    pages = [tail.page(1, left, tail.records(1)) for left in (41, 42, 82, 83)]
    assert [page and page.stands for page in pages] == [False, False, False, True]
    state = Tail(0, None, RING)
    actor = FanOutActor("t1", 0, None)
    answer = Answer()
    told(actor, state, Pull(1, 0, PAGE), answer)
    for seq in range(1, 6):
        told(actor, state, Publish((record(seq, 100 * LARGE),)))
    assert seqs(answer) == [[1], [2], [3]]
    assert not state.waiting


def told(actor: FanOutActor, state: Tail, message: Message, to: Answer | None = None) -> None:
    """Step it, and answer whom it answers."""
    for effect in actor.step(state, Envelope(message, to), 0).effects:
        assert isinstance(effect, Reply)
        effect.to.resolve(effect.value)


def seqs(answer: Answer) -> list[list[int]]:
    return [[record.seq for record in page.records] for page in answer.values]


def test_a_reader_that_has_left_is_told_nothing_more() -> None:
    state, actor = Tail(0, None, RING), FanOutActor("t1", 0, None)
    gone, stays = Answer(), Answer()
    told(actor, state, Pull(1, 0, PAGE), gone)
    told(actor, state, Pull(2, 0, PAGE), stays)
    told(actor, state, Left(1))
    told(actor, state, Publish((record(1),)))
    assert (seqs(gone), seqs(stays)) == ([], [[1]])
    told(actor, state, Left(2))
    assert not state.waiting


def test_a_pull_takes_the_place_of_the_one_before() -> None:
    """Whoever asks anew has given up what it asked for."""
    state, actor = Tail(0, None, RING), FanOutActor("t1", 0, None)
    before, after = Answer(), Answer()
    told(actor, state, Pull(1, 0, PAGE), before)
    told(actor, state, Publish((record(1),)))
    told(actor, state, Pull(1, 1, PAGE), after)
    told(actor, state, Publish((record(2),)))
    assert (seqs(before), seqs(after)) == ([[1]], [[2]])


def test_a_cursor_that_another_server_has_told_waits_until_this_one_is_there() -> None:
    state, actor = Tail(0, None, RING), FanOutActor("t1", 0, None)
    ahead, here = Answer(), Answer()
    told(actor, state, Pull(1, 2, PAGE), ahead)
    told(actor, state, Pull(2, 0, PAGE), here)
    for seq in range(1, 5):
        told(actor, state, Publish((record(seq),)))
    assert (seqs(ahead), seqs(here)) == ([[3], [4]], [[1], [2], [3], [4]])


def test_what_is_there_already_counts_for_a_pull() -> None:
    state, actor = Tail(0, None, RING), FanOutActor("t1", 0, None)
    one, two = Answer(), Answer()
    told(actor, state, Publish((record(1),)))
    told(actor, state, Pull(1, 0, 2), one)
    told(actor, state, Pull(2, 0, 3), two)
    for seq in (2, 3, 4):
        told(actor, state, Publish((record(seq),)))
    assert (seqs(one), seqs(two)) == ([[1], [2]], [[1], [2], [3]])
    assert [page.stands for page in two.values] == [True, True, False]
