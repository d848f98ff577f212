"""Rows of several records: what they hold, pages that begin and end in the middle of one, damage.

Neighbours: `test_sqlite.py` (rows of one), `test_codec.py` (frames).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.runtime.journal.errors import JournalCorrupt, StorageError
from actors.runtime.journal.port import Copy, Head, Snapshot
from actors.runtime.journal.record import CLAIM, Record
from actors.storage import MemoryJournal, SqliteJournal, codec, stretches
from actors.storage.codec import decoded
from actors.storage.samples import ITEMS, PUBLIC, append_of, appending, record, records

LOG = "t"


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    opened = SqliteJournal(tmp_path / "tasks.db")
    opened.open(ITEMS)
    yield opened
    opened.close()


# -- what a row holds


@given(st.lists(st.integers(0, 40), min_size=1, max_size=40), st.integers(1, 8), st.integers(1, 60))
def test_records_stay_in_order_in_few_rows_within_bounds(
    sizes: list[int], most: int, room: int
) -> None:
    given = [Record(seq, 1, 0, PUBLIC, b"x" * size) for seq, size in enumerate(sizes, 1)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stretches, "RECORDS", most)
        patch.setattr(stretches, "BYTES", room)
        made = stretches.stretches(given, LOG)
    held = [decoded(frame, LOG) for _, frame in made]
    assert [record for part in held for record in part] == given
    assert [count for count, _ in made] == [len(part) for part in held]
    loads = [sum(len(record.payload) for record in part) for part in held]
    assert all(len(part) <= most for part in held)
    assert all(load <= room or len(part) == 1 for load, part in zip(loads, held, strict=True))
    if sum(sizes) <= room:
        assert len(made) == -(-len(sizes) // most)


def test_a_row_is_of_one_epoch() -> None:
    given = (*records(0, 3), record(4, 2, CLAIM), *records(4, 3, epoch=2))
    made = stretches.stretches(given, LOG)
    assert [each for _, frame in made for each in decoded(frame, LOG)] == list(given)
    assert sum(count for count, _ in made) == 7
    assert len(made) < 7


def test_an_append_is_one_row(journal: SqliteJournal) -> None:
    journal.append([appending("t", 0, 4), appending("u", 0, 1), appending("t", 4, 128)])
    journal.append([appending("t", 132, 129)])
    rows = journal._opened().execute("SELECT log, seq, held, previous FROM records ORDER BY id")
    assert rows.fetchall() == [
        (1, 4, 4, 0),
        (2, 1, 1, 0),
        (1, 132, 128, 1),
        (1, 260, 128, 3),
        (1, 261, 1, 4),
    ]


def test_large_records_have_rows_of_their_own(journal: SqliteJournal) -> None:
    given = [Record(seq, 1, 0, PUBLIC, b"x" * 40_000) for seq in range(1, 4)]
    journal.append([append_of("t", 0, given)])
    rows = journal._opened().execute("SELECT seq, held FROM records ORDER BY id")
    assert rows.fetchall() == [(1, 1), (2, 1), (3, 1)]
    assert journal.page("t", 1, 9) == tuple(given[1:])


def test_no_append_is_refused_for_what_only_its_row_is_too_large_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(codec, "MAX_FRAME", 1_000)
    given = [Record(seq, 1, 0, PUBLIC, b"", {"said": "x" * 400}) for seq in range(1, 6)]
    made = stretches.stretches(given, LOG)
    assert [count for count, _ in made] == [2, 2, 1]
    assert [each for _, frame in made for each in decoded(frame, LOG)] == given
    given.append(Record(6, 1, 0, PUBLIC, b"", {"said": "x" * 1_000}))
    with pytest.raises(StorageError, match="record 6 of log 't' takes 1"):
        stretches.stretches(given, LOG)


# -- pages, compaction, copies


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.integers(1, 90), min_size=1, max_size=5),
    st.sampled_from((1, 2, 3, 63, 64, 65, 128)),
    st.data(),
)
def test_every_page_is_that_of_the_journal_in_memory(
    sizes: list[int], most: int, data: st.DataObject
) -> None:
    """Also after prefixes were let go of, and of a copy of what is left."""
    with TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        patch.setattr(stretches, "RECORDS", most)
        journal, oracle = SqliteJournal(Path(directory) / "db"), MemoryJournal()
        for each in (journal, oracle):
            each.open(ITEMS)
        head = 0
        for size in sizes:
            group = [appending(LOG, head, size), appending("u", head, size)]
            assert journal.append(group) == oracle.append(group)
            head += size
        for each in (journal, oracle):
            each.save_snapshot(LOG, Snapshot(head, b"all"))
        _same(journal, oracle, LOG, head)
        for floor in sorted(data.draw(st.lists(st.integers(0, head), max_size=3))):
            assert journal.compact(LOG, floor)
            assert oracle.compact(LOG, floor)
            _same(journal, oracle, LOG, head)
            _adds_up(journal)
        _copied(journal, oracle, head)
        _adds_up(journal)
        journal.close()


def _same(journal: SqliteJournal, oracle: MemoryJournal, log: str, head: int) -> None:
    for after in range(0, head + 1, 11):
        for limit in (1, 64, 256):
            assert journal.page(log, after, limit) == oracle.page(log, after, limit)
    assert journal.read(log) == oracle.read(log)


def _copied(journal: SqliteJournal, oracle: MemoryJournal, head: int) -> None:
    kept = oracle.head(LOG)
    assert kept is not None
    tail = oracle.page(LOG, kept.floor, head) or ()
    copy = Copy(Head("copy", head, floor=kept.floor), None, Snapshot(head, b"all"), tail)
    assert journal.restore(copy)
    assert oracle.restore(copy)
    _same(journal, oracle, "copy", head)
    group = [appending("copy", head, 70)]
    assert journal.append(group) == oracle.append(group)
    _same(journal, oracle, "copy", head + 70)


def _adds_up(journal: SqliteJournal) -> None:
    """What the rows hold is what is told beside them, and the marks are those due."""
    db = journal._opened()
    found = db.execute("SELECT sum(held), sum(length(frame)) FROM records GROUP BY log").fetchall()
    told = "SELECT head - floor, bytes FROM logs WHERE head > floor"
    assert found == db.execute(told).fetchall()
    due = "SELECT sum(head / 64 - floor / 64) FROM logs"
    assert db.execute("SELECT count(*) FROM marks").fetchone() == db.execute(due).fetchone()
    astray = """SELECT count(*) FROM marks AS m LEFT JOIN records AS r ON r.id = m.record
        AND r.log = m.log AND m.seq <= r.seq AND m.seq > r.seq - r.held WHERE r.id IS NULL"""
    assert db.execute(astray).fetchone() == (0,)


# -- damage


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("frame = substr(frame, 1, 200) WHERE id = 2", "of log 't' cannot be read"),
        ("frame = (SELECT frame FROM records WHERE id = 1) WHERE id = 2", "is broken"),
        ("frame = CAST(frame || frame AS BLOB) WHERE id = 2", "of log 't' cannot be read"),
        ("held = 49 WHERE id = 2", "is broken"),
        ("held = 51 WHERE id = 2", "is broken"),
        ("held = 0 WHERE id = 2", "is broken"),
        ("held = -1 WHERE id = 2", "is broken"),
        ("held = 'many' WHERE id = 2", "is broken"),
        ("held = 9e99 WHERE id = 2", "is broken"),
        ("seq = 99 WHERE id = 2", "is broken"),
        ("previous = 2, held = 0 WHERE id = 2", "is broken"),
        ("previous = 3 WHERE id = 2", "is broken"),
    ],
)
def test_a_row_that_is_not_as_it_was_is_refused(
    journal: SqliteJournal, damage: str, found: str
) -> None:
    for seq in range(0, 150, 50):
        journal.append([appending("t", seq, 50)])
    assert journal._opened().execute(f"UPDATE records SET {damage}").rowcount == 1
    with pytest.raises(JournalCorrupt, match=found):
        journal.read("t")
    assert journal.page("t", 100, 256) == records(100, 50)


def test_nothing_goes_of_a_row_that_has_the_frame_of_another(journal: SqliteJournal) -> None:
    for seq in range(0, 150, 50):
        journal.append([appending("t", seq, 50)])
    journal._opened().execute(
        "UPDATE records SET frame = (SELECT frame FROM records WHERE id = 1) WHERE id = 2"
    )
    journal.save_snapshot("t", Snapshot(150, b"all"))
    with pytest.raises(JournalCorrupt, match="ends with record 100 holds 1 to 50"):
        journal.compact("t", 70)
    assert journal.page("t", 0, 50) == records(0, 50)


def test_a_payload_that_is_no_bytes_is_named() -> None:
    wrong = record(2)._replace(payload=cast("bytes", "text"))
    with pytest.raises(TypeError, match="record 2 of log 't' has a str as payload"):
        stretches.stretches([record(1), wrong], LOG)


def test_damage_that_was_read_costs_no_connection() -> None:
    errors = pytest.importorskip("actors.storage.postgres_errors")
    assert errors.usable_after(JournalCorrupt("read"))
    assert not errors.usable_after(StorageError("unknown"))
