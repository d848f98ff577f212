"""The simulator's journal and all that is no append: each is there after a crash whole or not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import pytest

from actors.runtime.journal.errors import JournalCorrupt
from actors.runtime.journal.port import Ack, Copy, Head, Left, Place, Snapshot, Stored
from actors.simulation.disk import Disk
from actors.simulation.history import histories, history
from actors.simulation.journal import SimJournal, Staged
from actors.simulation.writes import Begin, Consume, Cut, Drop, Write, said
from actors.storage import MemoryJournal
from actors.storage.samples import (
    CALLER,
    ITEMS,
    Item,
    appending,
    bare,
    claiming,
    record,
    records,
    visiting,
)
from tests.simulation.journals import journal_on, new_model

AT_3 = Snapshot(3, b"at 3")
ROW = Item("ann", "acme", "copied", 6, 4_000)
COPY = Copy(
    Head("d", 7, 3, floor=4),
    ROW,
    Snapshot(5, b"at 5"),
    records(4, 3, 3),
    keys=(("k3", 2),),
    consumers=(("hooks", 5),),
)


class Held(NamedTuple):
    """Everything that can be seen of a journal."""

    logs: tuple[Stored | None, ...]
    pages: tuple[object, ...]
    keys: tuple[Place | None, ...]
    left: tuple[Left, ...]


def seen(journal: SimJournal | MemoryJournal) -> Held:
    heads = journal.heads()
    return Held(
        tuple(journal.read(head.log) for head in heads),
        tuple(journal.page(head.log, head.floor, 99) for head in heads),
        tuple(journal.find(key) for key in ("k1", "k2", "k3")),
        tuple(journal.unconsumed("hooks")),
    )


def begun() -> SimJournal:
    """Three logs: one at rest with a snapshot, one with a consumer and a key, one active."""
    journal = journal_on(Disk())
    journal.append([appending("a", 0, 4, keys=("k1",))])
    journal.append([appending("b", 0, 2, consumers=("hooks",)), visiting("c", 0, 2, 9_000)])
    journal.append([appending("c", 1, active=True, keys=("k2",))])
    journal.save_snapshot("a", AT_3)
    return journal


STEPS: Sequence[Write] = (
    Cut("a", 3),
    Consume("hooks", Place("b", 1)),
    Begin(COPY),
    Consume("hooks", Place("b", 2)),
    Drop(Head("b", 2, 1)),
    Drop(Head("a", 4, 1)),
)


def test_after_a_crash_at_any_byte_each_write_is_there_whole_or_not_at_all() -> None:
    expected, ends = [seen(begun())], [0]
    journal = begun()
    start = journal.disk.size
    for step in STEPS:
        journal.write(step)
        expected.append(seen(journal))
        ends.append(journal.disk.size - start)
    assert len(set(ends)) == len(STEPS) + 1
    assert all(one != other for one, other in pairwise(expected))
    for keep in range(ends[-1] + 1):
        for forget in (False, True):
            node = begun()
            for step in STEPS:
                node.prepare(step)
            node.disk.crash(keep, forget=forget)
            node.open()
            whole = sum(end <= keep for end in ends) - 1
            held = expected[whole]
            if forget and whole == 0:  # nothing stands for the records yet
                assert seen(node).pages == held.pages
                continue
            assert seen(node) == held, keep
            assert seen(journal_on(node.disk)) == held


def test_what_is_staged_is_seen_by_nobody_and_judges_what_follows() -> None:
    journal = begun()
    before = seen(journal)
    staged: list[Staged[Any]] = [journal.prepare(step) for step in STEPS]
    late = [
        journal.prepare(each)
        for each in (Cut("a", 3), Drop(Head("a", 4, 1)), Consume("hooks", Place("b", 2)))
    ]
    anew = journal.stage([appending("a", 0, keys=("k1",)), appending("c", 2, keys=("k2",))])
    assert seen(journal) == before
    assert seen(journal_on(journal.disk)) == before
    assert [each.answer for each in staged] == [True, None, True, None, True, True]
    assert [journal.commit(each) for each in late] == [False, False, None]
    assert journal.commit(anew) == (Ack.STORED, Ack.FENCED)
    assert journal.find("k1") == Place("a", 1)


def test_what_changes_nothing_is_not_written() -> None:
    journal = begun()
    journal.compact("a", 3)
    journal.consumed("hooks", Place("b", 1))
    size = journal.disk.size
    calls: list[tuple[Callable[[], object], object]] = [
        (lambda: journal.compact("a", 2), True),
        (lambda: journal.compact("a", 4), False),
        (lambda: journal.compact("nobody", 1), False),
        (lambda: journal.consumed("hooks", Place("b", 0)), None),
        (lambda: journal.consumed("others", Place("b", 2)), None),
        (lambda: journal.remove(Head("b", 2, 1)), False),
        (lambda: journal.remove(Head("c", 2, 1)), False),
        (lambda: journal.remove(Head("a", 3, 1)), False),
        (lambda: journal.restore(Copy(Head("a", 9), None, None, records(0, 9))), False),
    ]
    for call, answer in calls:
        assert call() == answer
        assert journal.disk.size == size


def test_a_snapshot_of_a_log_that_was_removed_is_none_of_the_next_of_that_name() -> None:
    for crashed in (False, True):
        journal = begun()
        removed = journal.prepare(Drop(Head("a", 4, 1)))
        anew = journal.stage([appending("a", 0, 5)])
        if crashed:
            journal.disk.crash(journal.disk.tail)
            journal.open()
        else:
            journal.commit(removed)
            journal.commit(anew)
        assert journal.compact("a", 3) is False
        for node in (journal, journal_on(journal.disk)):
            stored = node.read("a")
            assert stored is not None
            assert (stored.snapshot, len(stored.tail)) == (None, 5)
        assert journal.disk.snapshots == {}


def test_a_node_compacts_by_a_snapshot_that_another_one_kept() -> None:
    journal = begun()
    other = journal_on(journal.disk)
    journal.append([appending("a", 4, 2)])
    journal.save_snapshot("a", Snapshot(5, b"at 5"))
    assert other.compact("a", 5)
    for node in (journal, other, journal_on(journal.disk)):
        assert node.page("a", 4, 9) is None
        stored = node.read("a")
        assert stored is not None
        assert (stored.head.floor, stored.snapshot) == (5, Snapshot(5, b"at 5"))
        assert stored.tail == (record(6),)


def test_rows_are_read_again_as_what_they_were() -> None:
    journal = begun()
    for node in (journal, journal_on(journal.disk)):
        rows = {head.log: node.read(head.log) for head in node.heads()}
        assert type(rows["a"] and rows["a"].row) is Item
        assert node.read("a", CALLER) is not None
    blind = SimJournal(journal.disk)
    blind.open()
    stored = blind.read("a")
    assert stored is not None
    assert stored.row is None
    assert blind.read("a", CALLER) is None
    blind.open(ITEMS)
    assert blind.read("a") == journal.read("a")


def test_a_log_without_a_row_needs_no_projection() -> None:
    journal = SimJournal()
    assert journal.append([bare("x", 0, 2)]) == (Ack.STORED,)
    with pytest.raises(ValueError, match="opened with no projection"):
        journal.append([appending("y", 0)])


def test_history_has_every_record_that_there_ever_was() -> None:
    journal = begun()
    whole = histories(journal)
    journal.compact("a", 3)
    journal.append([claiming("a", 4, 2)])
    journal.stage([appending("a", 6, epoch=2)])
    added = (record(5, 2, 0), record(6, 2))
    assert history(journal, "a") == (*whole["a"], *added)
    journal.write(Consume("hooks", Place("b", 2)))
    journal.remove(Head("b", 2, 1))
    assert history(journal, "b") == whole["b"]
    assert history(journal, "nobody") == ()
    assert "b" not in histories(journal)


def test_whole_frames_of_upkeep_that_no_journal_wrote_are_told() -> None:
    for step in (STEPS[0], STEPS[1], Drop(Head("a", 4, 1)), STEPS[2]):
        journal = begun()
        size = journal.disk.size
        journal.write(step)
        frame = journal.disk.read(size)
        journal.disk.write(frame)
        position = size + len(frame)
        with pytest.raises(JournalCorrupt, match=rf"byte {position} .*{type(step).__name__}.*log"):
            journal.heads()


def test_every_write_is_said_in_its_own_words() -> None:
    assert len({said(step) for step in STEPS}) == len(STEPS)


def test_writes_mean_what_they_mean_to_the_journal_in_memory() -> None:
    journal, model = begun(), new_model()
    model.append([appending("a", 0, 4, keys=("k1",))])
    model.append([appending("b", 0, 2, consumers=("hooks",)), visiting("c", 0, 2, 9_000)])
    model.append([appending("c", 1, active=True, keys=("k2",))])
    model.save_snapshot("a", AT_3)
    calls: list[Callable[[Any], object]] = [
        lambda each: each.compact("a", 3),
        lambda each: each.remove(Head("b", 2, 1)),
        lambda each: each.consumed("hooks", Place("b", 2)),
        lambda each: each.remove(Head("b", 2, 1)),
        lambda each: each.restore(COPY),
        lambda each: each.restore(COPY),
    ]
    for call in calls:
        assert call(journal) == call(model)
        assert seen(journal) == seen(model)
