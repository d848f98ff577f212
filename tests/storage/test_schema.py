"""Files of earlier releases, and rows of projections that come, change and go."""

import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from actors.runtime import Caller
from actors.runtime.journal.errors import JournalCorrupt, StorageError
from actors.runtime.journal.port import Ack, Head, Snapshot
from actors.runtime.journal.projection import Keep, Projection
from actors.storage import SqliteJournal, schema
from actors.storage.codec import decoded
from actors.storage.samples import (
    CALLER,
    CONTEXT,
    ITEMS,
    OWNER,
    TENANT,
    VISITS,
    Item,
    Visit,
    appending,
    bare,
    claiming,
    query,
    record,
    records,
    visiting,
)

GOLDEN = Path(__file__).parent / "golden" / "schema-1.sqlite"
"""Written by the code of schema version 1: records in format 1, one log claimed, snapshots."""

GOLDEN_2 = GOLDEN.with_name("schema-2.sqlite")
"""Written by the code of schema version 2: logs of two projections, most of them compacted."""

GOLDEN_3 = GOLDEN.with_name("schema-3.sqlite")
"""Written by the code of schema version 3, each record as a row: one log claimed and compacted."""

TASKS = Projection("tasks", Item, newest="status_at", listed="state")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return Path(shutil.copy(GOLDEN, tmp_path / "tasks.db"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tasks.db"


def opened(path: Path, *projections: Projection) -> SqliteJournal:
    journal = SqliteJournal(path)
    journal.open(*projections)
    return journal


def test_a_file_of_schema_1_is_read_and_written_on(old: Path) -> None:
    journal = opened(old, TASKS)
    assert journal.heads() == [
        Head("hidden", 2),
        Head("kinds", 10),
        Head("long", 135, 2, active=True),
        Head("other", 3),
    ]
    stored = journal.read("long", CALLER)
    assert stored is not None
    assert stored.row == Item(OWNER, TENANT, "é☠", 2, 3_000)
    assert stored.snapshot == Snapshot(100, b"hundred")
    claim = record(131, 2, kind=0)
    tail = (*records(100, 30), claim, *records(131, 4, epoch=2))
    assert stored.tail == tail
    assert journal.page("long", 60, 9) == records(60, 9)
    kinds = [1, 2, 3, 4, 16, 17, 18, 19, 20, 0]
    assert sorted(each.kind for each in journal.page("kinds", 0, 20) or ()) == sorted(kinds)
    assert [each.head.log for each in journal.list(query(TASKS)).logs] == ["long"]
    assert journal.append([appending("long", 135, epoch=2), bare("hidden", 2)]) == [Ack.STORED] * 2
    assert journal.page("long", 130, 9) == (claim, *records(131, 5, epoch=2))
    journal.close()
    journal.open(TASKS)
    assert journal.head("long") == Head("long", 136, 2)
    journal.close()


def test_old_and_new_formats_stand_in_one_log(old: Path) -> None:
    journal = opened(old, TASKS)
    journal.append([appending("other", 3, owner="bob")])
    frames = journal._opened().execute(
        "SELECT substr(frame, 2, 1) FROM records WHERE log = 2 ORDER BY seq"
    )
    assert [version for (version,) in frames] == [b"\1", b"\1", b"\1", b"\2"]
    journal.close()


def test_rows_of_schema_1_wait_for_their_projection(old: Path) -> None:
    journal = opened(old)
    stored = journal.read("long")
    assert stored is not None
    assert (stored.row, stored.head.seq) == (None, 135)
    assert journal.read("long", CALLER) is None
    journal.open(TASKS)
    assert journal.read("other", Caller("bob", TENANT)) is not None
    rows = [journal.read(name) for name in ("hidden", "kinds", "other")]
    assert [each and each.row for each in rows] == [
        Item(OWNER, TENANT, CONTEXT, 0, 1_000),
        Item(OWNER, "", "", 2, 1_000),
        Item("bob", TENANT, CONTEXT, 6, 7),
    ]
    journal.close()


def test_sizes_are_known_after_migration(old: Path) -> None:
    journal = opened(old, TASKS)
    db = journal._opened()
    measured = db.execute("SELECT log, sum(length(frame)) FROM records GROUP BY log").fetchall()
    assert db.execute("SELECT id, bytes FROM logs ORDER BY id").fetchall() == sorted(measured)
    assert len(journal.surplus(Keep(projection=TASKS, state=6, size=0))) == 1
    journal.close()


@pytest.mark.parametrize("failing", ["CREATE TABLE consumers", "INSERT INTO rows_tasks", "DROP"])
def test_a_migration_that_fails_leaves_the_file_as_it_was(
    old: Path, failing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = schema._FROM_1.replace(failing, f"SELECT no_such_function(); {failing}")
    assert broken != schema._FROM_1
    with monkeypatch.context() as patch:
        patch.setitem(schema.MIGRATIONS, 1, lambda _: broken)
        with pytest.raises(StorageError, match="no_such_function"):
            SqliteJournal(old).open(TASKS)
    db = sqlite3.connect(old)
    assert db.execute("PRAGMA user_version").fetchone() == (1,)
    assert db.execute("SELECT count(*) FROM tasks").fetchone() == (4,)
    db.close()
    journal = opened(old, TASKS)
    assert len(journal.heads()) == 4
    journal.close()


def test_a_file_of_schema_2_knows_what_is_cut_off(tmp_path: Path) -> None:
    journal = opened(Path(shutil.copy(GOLDEN_2, tmp_path / "tasks.db")), ITEMS, VISITS)
    keep = Keep(projection=ITEMS, state=2, since=9_999)  # for "whole" a consumer has not done yet
    assert [head.log for head in journal.surplus(keep)] == ["gone", "partly"]
    keep = replace(keep, compactable=True)
    assert journal.surplus(keep) == [Head("partly", 5, floor=4)]
    assert not journal.surplus(replace(keep, projection=VISITS))
    assert journal.append([bare("gone", 70), bare("bare", 2)]) == [Ack.STORED] * 2
    assert [head.log for head in journal.surplus(keep)] == ["gone", "partly"]
    journal.close()


def test_a_file_of_schema_3_goes_on_with_several_records_in_a_row(tmp_path: Path) -> None:
    journal = opened(Path(shutil.copy(GOLDEN_3, tmp_path / "tasks.db")), ITEMS)
    assert journal.heads() == [Head("cut", 72, 2, active=True, floor=66), Head("long", 130)]
    claim = claiming("cut", 70, 2).records
    assert journal.append([appending("long", 130, 70), appending("cut", 72, 3, 2)]) == (
        [Ack.STORED] * 2
    )
    for after in range(200):
        assert journal.page("long", after, 256) == records(after, 200 - after)
        assert journal.page("long", after, 3) == records(after, min(3, 200 - after))
    assert journal.page("cut", 66, 99) == (*records(66, 4), *claim, *records(72, 3, epoch=2))
    journal.save_snapshot("cut", Snapshot(74, b"later"))
    assert journal.compact("cut", 74)
    assert journal.page("cut", 74, 99) == records(74, 1, epoch=2)
    rows = "SELECT seq, held FROM records WHERE seq > 128 OR log = 2 ORDER BY id"
    assert journal._opened().execute(rows).fetchall() == [(129, 1), (130, 1), (200, 70), (75, 1)]
    journal.close()


def test_a_migrated_file_has_the_tables_of_a_new_one(old: Path, tmp_path: Path) -> None:
    def layout(path: Path) -> list[tuple[str, str, list[str]]]:
        journal = opened(path, TASKS)
        db = journal._opened()
        found = db.execute("SELECT type, name FROM sqlite_master ORDER BY type, name").fetchall()
        columns = [
            (kind, name, [str(column[1:]) for column in db.execute(f"PRAGMA table_info({name})")])
            for kind, name in found
        ]
        journal.close()
        return columns

    assert layout(old) == layout(tmp_path / "new.db")


# -- projections


class Wider(NamedTuple):
    owner: str
    tenant: str
    context: str
    colour: str
    state: int = 0
    status_at: int = 0


def test_a_projection_with_other_columns_is_refused(path: Path) -> None:
    opened(path, ITEMS).close()
    wider = Projection("items", Wider, newest="status_at", listed="state")
    journal = SqliteJournal(path)
    with pytest.raises(StorageError, match=r"'items' have the columns.*another name"):
        journal.open(wider)
    journal.close()
    opened(path, ITEMS).close()


def test_nobody_but_the_core_reads_a_row_of_an_unknown_projection(path: Path) -> None:
    journal = opened(path, ITEMS, VISITS)
    journal.append([visiting("v", 0, level=3, seen=8)])
    journal.close()
    journal.open(ITEMS)
    assert journal.read("v", CALLER) is None
    with pytest.raises(ValueError, match="select"):
        journal.list(query(VISITS))
    with pytest.raises(ValueError, match="'v'"):
        journal.append([visiting("v", 1, level=3, seen=8)])
    assert journal.append([bare("v", 1)]) == [Ack.STORED]
    journal.close()


@pytest.mark.parametrize("reopen", [False, True])
def test_a_log_has_one_row(path: Path, reopen: bool) -> None:
    journal = opened(path, ITEMS, VISITS)
    journal.append([appending("t", 0), appending("u", 0)])
    if reopen:
        journal.close()
        journal.open(ITEMS, VISITS)
    journal.append([visiting("t", 1, level=3, seen=8)])
    stored = journal.read("t")
    assert stored is not None
    assert type(stored.row) is Visit
    assert [each.head.log for each in journal.list(query()).logs] == ["u"]
    assert [each.head.log for each in journal.list(query(VISITS)).logs] == ["t"]
    journal.close()


def test_what_is_removed_leaves_nothing_behind(path: Path) -> None:
    journal = opened(path, ITEMS, VISITS)
    journal.append([visiting("v", 0, level=3, seen=8), appending("t", 0, 200, keys=("k",))])
    journal.save_snapshot("t", Snapshot(100, b"x"))
    journal.compact("t", 70)
    journal.close()
    journal.open(ITEMS)
    for head in journal.heads():
        assert journal.remove(head)
    db = journal._opened()
    tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    counts = {name: db.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for (name,) in tables}
    assert len(counts) == 8
    assert set(counts.values()) == {0}
    journal.close()


# -- compaction and damage


def test_compaction_leaves_nothing_of_what_it_lets_go(path: Path) -> None:
    journal = opened(path, ITEMS)
    journal.append([appending("t", 0, 200), appending("u", 0, 70)])
    journal.save_snapshot("t", Snapshot(150, b"x"))
    db = journal._opened()
    for floor in (60, 64, 130):
        assert journal.compact("t", floor)
        rows = db.execute("SELECT seq - held, seq, frame FROM records WHERE log = 1 ORDER BY id")
        kept = [
            (below, seq, [each.seq for each in decoded(frame, "t")]) for below, seq, frame in rows
        ]
        assert all(seqs == list(range(below + 1, seq + 1)) for below, seq, seqs in kept)
        assert [seq for *_, seqs in kept for seq in seqs] == list(range(floor + 1, 201))
        marks = [seq for (seq,) in db.execute("SELECT seq FROM marks WHERE log = 1 ORDER BY seq")]
        assert marks == [seq for seq in (64, 128, 192) if seq > floor]
    journal.close()


def test_nothing_is_let_go_for_a_damaged_snapshot(path: Path) -> None:
    journal = opened(path, ITEMS)
    journal.append([appending("t", 0, 20)])
    journal.save_snapshot("t", Snapshot(15, b"x"))
    journal._opened().execute("UPDATE snapshots SET payload = x'00'")
    assert not journal.compact("t", 10)
    assert journal.page("t", 0, 99) == records(0, 20)
    journal.close()


def test_a_snapshot_that_stood_for_records_and_is_damaged_is_told(path: Path) -> None:
    journal = opened(path, ITEMS)
    journal.append([appending("t", 0, 20)])
    journal.save_snapshot("t", Snapshot(15, b"x"))
    assert journal.compact("t", 10)
    for damage in ("UPDATE snapshots SET crc = 1", "DELETE FROM snapshots"):
        journal._opened().execute(damage)
        with pytest.raises(JournalCorrupt, match=r"log 't'.*up to 10 are no longer kept"):
            journal.read("t")
    journal.close()


def test_a_broken_log_is_not_compacted(path: Path) -> None:
    journal = opened(path, ITEMS)
    journal.append([appending("t", seq) for seq in range(20)])
    journal.save_snapshot("t", Snapshot(15, b"x"))
    journal._opened().execute("DELETE FROM records WHERE seq = 5")
    with pytest.raises(JournalCorrupt, match=r"'t' is broken: it has 5 records between 0 and 10"):
        journal.compact("t", 10)
    assert journal.page("t", 5, 9) == records(5, 9)
    journal.close()


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("UPDATE records SET held = 6 WHERE seq = 5", "it has 11 records between 0 and 10"),
        ("UPDATE records SET held = 19 WHERE seq = 20", "it has 5 records between 0 and 10"),
        (
            "UPDATE records SET frame = substr(frame, 1, length(frame) - 1) WHERE seq = 20",
            "of log 't' cannot be read",
        ),
    ],
)
def test_a_log_is_not_compacted_whose_rows_hold_what_they_do_not_say(
    path: Path, damage: str, found: str
) -> None:
    journal = opened(path, ITEMS)
    journal.append([appending("t", 0, 5), appending("t", 5, 15)])
    journal.save_snapshot("t", Snapshot(15, b"x"))
    journal._opened().execute(damage)
    before = journal._opened().execute("SELECT * FROM records").fetchall()
    with pytest.raises(JournalCorrupt, match=found):
        journal.compact("t", 10)
    assert journal._opened().execute("SELECT * FROM records").fetchall() == before
    journal.close()


def test_rowids_that_come_again_mislead_nobody(path: Path) -> None:
    journal = opened(path, ITEMS)
    journal.append([appending("t", 0, 70)])
    journal.save_snapshot("t", Snapshot(70, b"x"))
    assert journal.compact("t", 70)
    journal.close()
    journal.open(ITEMS)
    journal.append([appending("u", 0, 100)])
    journal.append([appending("t", 70, 3)])
    assert journal.page("t", 70, 9) == records(70, 3)
    assert journal.page("u", 0, 256) == records(0, 100)
    journal.close()


def test_a_log_that_is_not_where_it_was_left_is_judged_from_the_file(path: Path) -> None:
    journal = opened(path, ITEMS)
    journal.append([appending("t", 0, 3), appending("u", 0)])
    journal._opened().execute("UPDATE logs SET epoch = 7 WHERE log = 't'")
    group = [appending("u", 1), appending("t", 3)]
    assert journal.append(group) == [Ack.STORED, Ack.FENCED]
    assert journal.append([appending("t", 3, epoch=7)]) == [Ack.STORED]
    assert journal.page("u", 0, 9) == records(0, 2)
    journal.close()
