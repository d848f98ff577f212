"""The simulator's journal after a crash: each group is there whole or not at all."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from actors.runtime.journal.errors import StorageError, StorageUnavailable
from actors.runtime.journal.port import Copy, Head, Place, Snapshot
from actors.runtime.journal.projection import Keep
from actors.simulation.disk import Disk
from actors.simulation.journal import SimJournal
from actors.storage.samples import ITEMS, appending, query, records
from tests.simulation.journals import (
    ACKNOWLEDGED,
    UNDER_WAY,
    contents,
    holding,
    journal_on,
    new_model,
    written,
)


def test_after_a_crash_at_any_byte_a_group_is_there_whole_or_not_at_all() -> None:
    _, ends = written()
    for keep in range(ends[-1] + 1):
        whole = sum(end <= keep for end in ends) - 1
        disk = written()[0].disk
        disk.crash(keep)
        journal = journal_on(disk)
        assert journal.torn == keep - ends[whole]
        assert contents(journal) == holding([*ACKNOWLEDGED, *UNDER_WAY[:whole]]), keep
        assert (disk.tail, disk.unclean) == (0, False)


def test_a_recovered_journal_goes_on_where_the_crash_left_it() -> None:
    _, ends = written()
    for keep in range(ends[-1] + 1):
        disk = written()[0].disk
        disk.crash(keep)
        journal, model = journal_on(disk), new_model()
        whole = sum(end <= keep for end in ends) - 1
        for group in [*ACKNOWLEDGED, *UNDER_WAY[:whole]]:
            model.append(group)
        for group in UNDER_WAY:
            assert list(journal.append(group)) == model.append(group)
        again = journal_on(disk)
        assert (again.torn, contents(again)) == (0, contents(model))


def test_a_flipped_byte_takes_its_group_and_those_after_it() -> None:
    _, ends = written()
    for flip in range(ends[-1]):
        whole = sum(end <= flip for end in ends) - 1
        disk = written()[0].disk
        disk.crash(ends[-1], flip=flip)
        journal = journal_on(disk)
        assert journal.torn == ends[-1] - ends[whole]
        assert contents(journal) == holding([*ACKNOWLEDGED, *UNDER_WAY[:whole]]), flip


def test_a_crash_with_nothing_under_way_loses_nothing() -> None:
    journal = journal_on(Disk())
    for crashes in range(3):
        journal.disk.crash(0)
        journal.open()
        assert (journal.torn, contents(journal)) == (0, holding(ACKNOWLEDGED[:crashes]))
        if crashes < len(ACKNOWLEDGED):
            journal.append(ACKNOWLEDGED[crashes])


def test_a_second_crash_before_recovery_takes_more_of_the_tail_and_nothing_else() -> None:
    journal, ends = written()
    journal.disk.crash(ends[1] + 3)
    journal.disk.crash(ends[1] - 1)
    journal.open()
    assert journal.torn == ends[1] - 1
    assert contents(journal) == holding(ACKNOWLEDGED)


def test_what_a_crash_spared_is_durable_once_the_journal_was_opened() -> None:
    journal, ends = written()
    journal.disk.crash(ends[1])
    journal.open()
    journal.disk.crash(0)
    journal.open()
    assert contents(journal) == holding([*ACKNOWLEDGED, *UNDER_WAY[:1]])


def test_until_it_is_opened_again_a_journal_refuses_work_after_a_crash() -> None:
    journal, _ = written()
    other = journal_on(journal.disk)
    journal.disk.crash(0)
    calls: list[Callable[[], object]] = [
        lambda: other.stage([appending("c", 0)]),
        lambda: other.append([]),
        lambda: other.read("a"),
        lambda: other.page("a", 0, 1),
        lambda: other.list(query()),
        lambda: other.find("key"),
        lambda: other.head("a"),
        other.heads,
        lambda: other.unconsumed("c"),
        lambda: other.surplus(Keep(projection=ITEMS, state=2)),
        lambda: other.consumed("c", Place("a", 1)),
        lambda: other.compact("a", 1),
        lambda: other.remove(Head("a")),
        lambda: other.restore(Copy(Head("z", 1), None, None, records(0, 1))),
        lambda: other.save_snapshot("a", Snapshot(1, b"")),
        SimJournal(journal.disk).heads,
    ]
    for recovered in (False, True):
        for call in calls[: None if not recovered else -1]:
            with pytest.raises(StorageUnavailable, match=r"crashed \(1 times.*open the journal"):
                call()
        journal.open()
    other.open()
    assert contents(other) == holding(ACKNOWLEDGED)


def test_a_group_that_a_crash_overtook_is_never_answered() -> None:
    for keep in (False, True):
        journal = journal_on(Disk())
        staged = journal.stage(ACKNOWLEDGED[0])
        journal.disk.crash(journal.disk.tail if keep else 0)
        for _ in range(2):
            with pytest.raises(StorageError, match="may be stored or not") as raised:
                journal.commit(staged)
            assert not isinstance(raised.value, StorageUnavailable)
            journal.open()
        assert contents(journal) == holding(ACKNOWLEDGED[:keep])
