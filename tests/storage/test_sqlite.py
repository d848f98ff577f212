"""SqliteJournal: its layout, damage, and storage that fails; its neighbour journal as oracle."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.runtime.journal.errors import JournalCorrupt, StorageError, StorageUnavailable
from actors.runtime.journal.port import Ack, Append, Copy, Head, Place, Snapshot
from actors.runtime.journal.projection import Keep
from actors.runtime.journal.record import Record
from actors.storage import MemoryJournal, SqliteJournal, listing, log, logwriter, schema
from actors.storage import sqlite as module
from actors.storage.database import prepare
from actors.storage.rows import Table
from actors.storage.samples import (
    ITEMS,
    PUBLIC,
    append_of,
    appending,
    claiming,
    query,
    record,
    records,
)

T = TypeVar("T")

STORED, FENCED = [Ack.STORED], [Ack.FENCED]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tasks.db"


@pytest.fixture
def journal(path: Path) -> Iterator[SqliteJournal]:
    opened = SqliteJournal(path)
    opened.open(ITEMS)
    yield opened
    opened.close()


def db_of(journal: SqliteJournal) -> sqlite3.Connection:
    assert journal._db is not None
    return journal._db


def counted(journal: SqliteJournal, call: Callable[[], T]) -> tuple[T, int]:
    """What a call gives, and how many steps of SQLite's machine it takes."""
    count = 0

    def step() -> None:
        nonlocal count
        count += 1

    db_of(journal).set_progress_handler(step, 1)
    try:
        given = call()
        return given, count
    finally:
        db_of(journal).set_progress_handler(None, 1)


def read_all(journal: SqliteJournal, name: str) -> tuple[Record, ...]:
    stored = journal.read(name)
    return () if stored is None else stored.tail


# -- against the journal in memory


@st.composite
def appends(draw: st.DrawFn) -> Append:
    name, expected = draw(st.sampled_from("abc")), draw(st.integers(0, 12))
    epoch, count = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    if draw(st.booleans()) and expected:
        return claiming(name, expected, epoch)
    more: dict[str, Any] = {
        "state": draw(st.integers(0, 2)),
        "active": draw(st.booleans()),
        "keys": tuple(draw(st.lists(st.sampled_from("klmnopqr"), max_size=2))),
        "consumers": tuple(draw(st.lists(st.sampled_from("xy"), max_size=2))),
    }
    append = appending(name, expected, count, epoch, **more)
    return append if draw(st.booleans()) else append._replace(row=None)


Call = Callable[[Any], object]

LIMITS: list[dict[str, Any]] = [
    {"since": 1_001, "compactable": True},
    {"count": 1},
    {"size": 0},  # what several records take together is not the same in memory
    {"since": 1_001},
    {"count": 1, "compactable": True},
]


@st.composite
def upkeep(draw: st.DrawFn) -> Call:
    name, seq = draw(st.sampled_from("abc")), draw(st.integers(0, 14))
    head = Head(name, seq, draw(st.integers(1, 3)))
    consumer = draw(st.sampled_from("xy"))
    snapshot = Snapshot(seq, b"%d" % seq)
    floor = draw(st.integers(0, seq))
    kept = records(floor, seq - floor, head.epoch)
    keys, consumers = ((draw(st.sampled_from("klm")), max(1, seq - 3)),), ((consumer, seq - 1),)
    copy = Copy(head._replace(floor=floor), None, snapshot, kept, keys)
    copy = copy._replace(consumers=consumers) if kept else copy
    calls: list[Call] = [
        lambda journal: journal.save_snapshot(name, snapshot),
        lambda journal: journal.consumed(consumer, Place(name, seq)),
        lambda journal: journal.compact(name, seq),
        lambda journal: journal.remove(journal.head(name) or head),
        lambda journal: journal.remove(head),
    ]
    if seq:
        calls.append(lambda journal: journal.restore(copy))
    return draw(st.sampled_from(calls))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(appends(), max_size=6) | upkeep(), max_size=16))
def test_it_decides_as_the_journal_in_memory_does(does: list[list[Append] | Call]) -> None:
    with TemporaryDirectory() as directory:
        journal, oracle = SqliteJournal(Path(directory) / "db"), MemoryJournal()
        journal.open(ITEMS)
        oracle.open(ITEMS)
        for each in does:
            if isinstance(each, list):
                assert journal.append(each) == oracle.append(each)
            else:
                assert each(journal) == each(oracle)
        for name in "abc":
            assert journal.read(name) == oracle.read(name)
            for after in range(14):
                assert journal.page(name, after, 5) == oracle.page(name, after, 5)
        assert journal.list(query()) == oracle.list(query())
        assert journal.heads() == oracle.heads()
        assert journal.heads(active=True) == oracle.heads(active=True)
        for consumer in "xy":
            assert journal.unconsumed(consumer) == oracle.unconsumed(consumer)
        assert [journal.find(key) for key in "klmnopqr"] == [oracle.find(key) for key in "klmnopqr"]
        for limits in LIMITS:
            keep = Keep(projection=ITEMS, state=2, **limits)
            assert journal.surplus(keep) == oracle.surplus(keep)
        accounts = "SELECT sum(length(frame)) FROM records UNION ALL SELECT sum(bytes) FROM logs"
        assert len({total or 0 for (total,) in db_of(journal).execute(accounts)}) == 1
        journal.close()


# -- the layout


def test_records_have_no_index(journal: SqliteJournal) -> None:
    indexed = "SELECT tbl_name FROM sqlite_master WHERE type = 'index'"
    tables = {table for (table,) in db_of(journal).execute(indexed)}
    assert tables == {"logs", "keys", "consumers", "rows_items"}


def test_a_page_costs_the_same_in_a_long_log(journal: SqliteJournal) -> None:
    journal.append([appending("short", 0, 400)])
    journal.append([appending("long", 0, 40_000)])

    def steps(name: str, after: int) -> int:
        page, count = counted(journal, lambda: journal.page(name, after, 10))
        assert [each.seq for each in page or ()] == list(range(after + 1, after + 11))
        return count

    assert steps("long", 20_000) < 1.2 * steps("short", 192 + 20_000 % log.STRIDE)


@pytest.mark.parametrize("reopen", [False, True])
def test_what_was_cut_off_and_goes_on_can_be_compacted_again(
    journal: SqliteJournal, reopen: bool
) -> None:
    keep = Keep(projection=ITEMS, state=2, since=9_999, compactable=True)
    for seq in range(1, 4):
        journal.append([appending("t", seq - 1)])
        assert journal.surplus(keep) == [Head("t", seq, floor=seq - 1)]
        journal.save_snapshot("t", Snapshot(seq, b"all"))
        assert journal.compact("t", seq)
        assert journal.surplus(keep) == []
        if reopen:
            journal.close()
            journal.open(ITEMS)


def plan(journal: SqliteJournal, select: str, values: Any) -> list[str]:
    return [row[3] for row in db_of(journal).execute(f"EXPLAIN QUERY PLAN {select}", values)]


def test_listing_uses_the_index_in_its_order(journal: SqliteJournal) -> None:
    values = dict.fromkeys(("owner", "tenant", "since", "limit", "is_state", "at", "log"), 1)
    asked = query(state=2, since=3, after=(1, "a"))
    count, select = listing.statements(Table.of(ITEMS), asked)
    for statement in (count, select):
        steps = plan(journal, statement, values)
        assert any("listed_items (owner=? AND tenant=?" in step for step in steps), steps
        assert not any("SCAN logs" in step or "SCAN rows_items" in step for step in steps), steps


@pytest.mark.parametrize("active", [True, False])
def test_heads_are_found_by_index(journal: SqliteJournal, active: bool) -> None:
    (step,) = plan(journal, listing._ACTIVE if active else listing._HEADS, ("", 1))
    assert step.startswith("SEARCH l USING INDEX")
    assert ("logs_active" in step) == active


def test_surplus_begins_with_the_oldest(journal: SqliteJournal) -> None:
    """It looks at no more than it tells of, however many there are."""
    group = [appending(f"log {at}", 0, status_at=at) for at in range(3_000)]
    journal.append(group)

    def steps(keep: Keep) -> int:
        return counted(journal, lambda: len(journal.surplus(keep, 10)))[1]

    assert steps(Keep(projection=ITEMS, state=2, since=2_000)) < 1_000
    for append in group[:500]:
        journal.save_snapshot(append.log, Snapshot(1, b"one"))
        assert journal.compact(append.log, 1)
    keep = Keep(projection=ITEMS, state=2, since=2_000, compactable=True)
    assert steps(keep) < 1_000
    assert [head.log for head in journal.surplus(keep, 1)] == ["log 500"]
    assert steps(Keep(projection=ITEMS, state=2, size=100)) > 10_000


def test_a_full_cache_of_tips_starts_anew(
    journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logwriter, "_TIPS", 3)
    for round_ in range(4):
        group = [appending(task, round_, active=bool(round_ % 2)) for task in "abcdefg"]
        assert journal.append(group) == STORED * 7
    assert all([each.seq for each in read_all(journal, task)] == [1, 2, 3, 4] for task in "ag")


def test_what_is_in_the_file_is_not_taken_for_new(journal: SqliteJournal, path: Path) -> None:
    """Neither a log nor a key, by a journal that has yet to look; what else comes is stored."""
    assert journal.append([appending("a", 0, 2, keys=("k",)), appending("b", 0)]) == STORED * 2
    journal.close()
    again = SqliteJournal(path)
    again.open(ITEMS)
    group = [
        appending("a", 0, keys=("l",)),
        appending("c", 0, keys=("k",)),
        appending("d", 0, keys=("m", "l")),
        appending("b", 1, keys=("k",)),
        appending("b", 1),
    ]
    stored, fenced = Ack.STORED, Ack.FENCED
    assert again.append(group) == [fenced, fenced, stored, fenced, stored]
    assert [each.seq for each in again.heads()] == [2, 2, 1]
    assert [again.find(key) for key in "klm"] == [Place("a", 1), Place("d", 1), Place("d", 1)]
    assert [len(read_all(again, log)) for log in "abcd"] == [2, 2, 0, 1]
    assert again.append([appending("e", 0), appending("d", 1)]) == STORED * 2
    again.close()


def test_a_log_that_was_removed_begins_anew(journal: SqliteJournal) -> None:
    """Also where it was written a moment ago."""
    assert journal.append([appending("a", 0, 2)]) == STORED
    assert journal.remove(Head("a", 2))
    assert journal.append([appending("a", 0)]) == STORED
    assert journal.head("a") == Head("a", 1)
    assert journal.remove(Head("a", 1))
    assert journal.append([appending("a", 1)]) == FENCED


def test_an_append_writes_no_row_that_is_as_it_was(journal: SqliteJournal) -> None:
    """One of `logs` and one of `records` is all that changes."""

    def changes(append: Append) -> int:
        before = db_of(journal).total_changes
        assert journal.append([append]) == STORED
        return db_of(journal).total_changes - before

    assert changes(appending("a", 0)) == 3
    assert changes(appending("a", 1)) == 2
    assert changes(appending("a", 2, state=3)) == 3
    journal.save_snapshot("a", Snapshot(3, b"three"))
    assert journal.compact("a", 3)
    assert changes(appending("a", 3, state=3)) > 2  # has records again, which its row says
    assert changes(appending("a", 4, state=3)) == 2


@pytest.mark.parametrize("size", [1, 2, 7, 63, 64, 65, 128, 200])
def test_every_64th_record_is_marked(journal: SqliteJournal, size: int) -> None:
    """However many a row holds; without marks a page would cost all that came after it."""
    for start in range(0, 2 * 128, size):
        assert journal.append([appending("a", start, size), appending("b", start, size)])
    count = -(-2 * 128 // size) * size
    found = db_of(journal).execute("SELECT log, seq, record FROM marks").fetchall()
    rows = db_of(journal).execute("SELECT log, seq - held, seq, id FROM records").fetchall()
    assert sorted(found) == sorted(
        (id_, seq, record)
        for id_, below, upto, record in rows
        for seq in range(below + 1, upto + 1)
        if seq % 64 == 0
    )
    assert len(found) == 2 * (count // 64)


# -- files that are not ours


def test_an_unknown_durability_is_refused(path: Path) -> None:
    with pytest.raises(ValueError, match="'eternal' is unknown; choose 'process' or 'power'"):
        SqliteJournal(path, durability="eternal")


@pytest.mark.parametrize("name", ["", ":memory:"])
def test_memory_is_another_journal(name: str) -> None:
    with pytest.raises(ValueError, match="MemoryJournal"):
        SqliteJournal(name)


def test_a_newer_schema_is_refused(path: Path) -> None:
    journal = SqliteJournal(path)
    journal.open(ITEMS)
    db_of(journal).execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    journal.close()
    with pytest.raises(StorageError, match="schema version 5, this release knows 1 to 4"):
        SqliteJournal(path).open()


def test_a_database_of_something_else_is_refused(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE customers (id)")
    db.close()
    with pytest.raises(StorageError, match="a database of something else"):
        SqliteJournal(path).open()
    path.write_bytes(b"Dear diary, " * 1_000)
    with pytest.raises(JournalCorrupt, match="restore a backup"):
        SqliteJournal(path).open()


def test_a_path_that_cannot_be_opened(path: Path) -> None:
    path.mkdir()
    with pytest.raises(StorageUnavailable, match="CANTOPEN"):
        SqliteJournal(path).open()
    (path / "file").write_text("")
    with pytest.raises(StorageUnavailable, match="making the directory"):
        SqliteJournal(path / "file" / "db").open()


def test_it_must_be_open(path: Path) -> None:
    journal = SqliteJournal(path)
    for call in (lambda: journal.append([]), lambda: journal.read("t"), journal.heads):
        with pytest.raises(StorageError, match=r"closed.*call open\(\) first"):
            call()
    journal.close()
    journal.open(ITEMS)
    journal.open(ITEMS)
    assert journal.append([appending("t", 0)]) == STORED
    journal.close()
    journal.open(ITEMS)
    assert journal.append([appending("t", 1)]) == STORED
    journal.close()
    journal.close()


# -- damage


def damaged(journal: SqliteJournal, statement: str, *values: object) -> None:
    """Damage a log of 200 rows, each of one record."""
    journal.append([appending("t", seq) for seq in range(200)])
    journal.append([appending("u", seq) for seq in range(3)])
    assert db_of(journal).execute(statement, values).rowcount > 0


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE records SET frame = zeroblob(30) WHERE id = 150", "first byte 0x00"),
        ("UPDATE records SET frame = 'text' WHERE id = 150", "a str"),
        ("UPDATE records SET frame = NULL OR 1 WHERE id = 150", "an? int"),
        (
            "UPDATE records SET frame = (SELECT frame FROM records WHERE id = 202) WHERE id = 2",
            "CRC",
        ),
        ("DELETE FROM records WHERE id = 70", "is broken"),
        ("UPDATE records SET previous = 200 WHERE id = 70", "is broken"),
        ("UPDATE records SET previous = 68 WHERE id = 70", "is broken"),
        ("UPDATE logs SET head_record = 180 WHERE log = 't'", "is broken"),
    ],
)
def test_damage_is_found_and_named(journal: SqliteJournal, statement: str, found: str) -> None:
    damaged(journal, statement)
    with pytest.raises(JournalCorrupt, match=rf"log 't'.*{found}"):
        journal.read("t")
    assert len(read_all(journal, "u")) == 3


def test_a_damaged_snapshot_is_as_good_as_none(journal: SqliteJournal) -> None:
    journal.append([appending("t", 0, 5)])
    journal.save_snapshot("t", Snapshot(4, b"cached"))
    stored = journal.read("t")
    assert stored is not None
    assert stored.snapshot == Snapshot(4, b"cached")
    for change in ("payload = x'00'", "payload = 'text'", "crc = 1", "seq = 3", "seq = 9"):
        db_of(journal).execute(f"UPDATE snapshots SET {change}")
        stored = journal.read("t")
        assert stored is not None
        assert stored.snapshot is None
        assert len(stored.tail) == 5


# -- storage that fails


def test_a_full_disk_stores_nothing_and_passes(journal: SqliteJournal) -> None:
    journal.append([appending("t", 0, 3)])
    pages = db_of(journal).execute("PRAGMA page_count").fetchone()[0]
    db_of(journal).execute(f"PRAGMA max_page_count = {pages}")
    large = Record(4, 1, 0, PUBLIC, b"x" * 100_000)
    group = [appending("u", 0), append_of("t", 3, [large])]
    for _ in range(2):
        with pytest.raises(StorageUnavailable, match="FULL"):
            journal.append(group)
        assert len(read_all(journal, "t")) == 3
        assert journal.read("u") is None
    db_of(journal).execute("PRAGMA max_page_count = 100000")
    assert journal.append(group) == STORED * 2
    assert journal.append([appending("t", 4)]) == STORED
    assert [each.seq for each in read_all(journal, "t")] == [1, 2, 3, 4, 5]


def test_a_lock_held_by_somebody_else_passes(journal: SqliteJournal, path: Path) -> None:
    journal.append([appending("t", 0)])
    tool = sqlite3.connect(path, isolation_level=None)
    tool.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageUnavailable, match="BUSY"):
        journal.append([appending("t", 1)])
    journal.save_snapshot("t", Snapshot(1, b"lost, as it may be"))
    assert len(read_all(journal, "t")) == 1
    tool.execute("ROLLBACK")
    tool.close()
    assert journal.append([appending("t", 1)]) == STORED


def test_a_group_with_a_row_that_does_not_fit_is_refused_whole(journal: SqliteJournal) -> None:
    with pytest.raises(ValueError, match="beyond 64 bits"):
        journal.append([appending("t", 0), appending("u", 0, status_at=2**70)])
    assert journal.read("t") is None
    assert journal.append([appending("t", 0)]) == STORED


Fault = Callable[[sqlite3.Cursor, str], None]


class FaultyCursor(sqlite3.Cursor):
    def execute(self, sql: str, parameters: Any = ()) -> "FaultyCursor":
        cast("FaultyConnection", self.connection).fault(self, sql)
        super().execute(sql, parameters)
        return self


class FaultyConnection(sqlite3.Connection):
    fault: Fault = staticmethod(lambda cursor, sql: None)

    def cursor(self, factory: Any = None) -> Any:
        return super().cursor(FaultyCursor)

    def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        cursor = self.cursor()
        assert isinstance(cursor, FaultyCursor)
        return cursor.execute(sql, parameters)


@pytest.fixture
def faulty(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqliteJournal]:
    def connect(path: Path, **how: bool) -> sqlite3.Connection:
        db = sqlite3.connect(path, isolation_level=None, factory=FaultyConnection)
        prepare(db, path, **how)
        return db

    monkeypatch.setattr(module, "connect", connect)
    journal = SqliteJournal(path)
    journal.open(ITEMS)
    yield journal
    cast("FaultyConnection", db_of(journal)).fault = lambda cursor, sql: None
    journal.close()


def broken(text: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode, error.sqlite_errorname = sqlite3.SQLITE_IOERR, "SQLITE_IOERR"
    return error


def on_commit(journal: SqliteJournal, fault: Fault) -> None:
    """Let COMMIT fail: before it took effect, unless `fault` carries it out."""

    def check(cursor: sqlite3.Cursor, sql: str) -> None:
        if sql == "COMMIT":
            fault(cursor, sql)
            raise broken("the cable was pulled")

    cast("FaultyConnection", db_of(journal)).fault = check


def commits(cursor: sqlite3.Cursor, sql: str) -> None:
    sqlite3.Cursor.execute(cursor, sql)


def does_nothing(cursor: sqlite3.Cursor, sql: str) -> None:
    pass


def mend(journal: SqliteJournal) -> None:
    cast("FaultyConnection", db_of(journal)).fault = does_nothing


def test_a_commit_that_raised_and_took_effect_is_acknowledged(faulty: SqliteJournal) -> None:
    faulty.append([appending("t", 0)])
    on_commit(faulty, commits)
    group = [appending("t", 1, 2), appending("t", 7), appending("u", 0)]
    assert faulty.append(group) == [Ack.STORED, Ack.FENCED, Ack.STORED]
    mend(faulty)
    assert faulty.append([appending("t", 3), appending("u", 1)]) == STORED * 2
    assert [each.seq for each in read_all(faulty, "t")] == [1, 2, 3, 4]


def test_a_commit_that_raised_and_took_no_effect_is_told(faulty: SqliteJournal) -> None:
    faulty.append([appending("t", 0)])
    on_commit(faulty, does_nothing)
    with pytest.raises(StorageUnavailable, match="the cable was pulled"):
        faulty.append([appending("t", 1), appending("u", 0)])
    assert faulty.append([appending("t", 8)]) == FENCED
    mend(faulty)
    assert len(read_all(faulty, "t")) == 1
    assert faulty.append([appending("t", 1), appending("u", 0)]) == STORED * 2


@pytest.mark.parametrize("took_effect", [True, False])
def test_an_unknown_outcome_is_resolved_once_for_good(
    faulty: SqliteJournal, took_effect: bool
) -> None:
    faulty.append([appending("t", 0)])
    db = cast("FaultyConnection", db_of(faulty))

    def commit_and_vanish(cursor: sqlite3.Cursor, sql: str) -> None:
        if took_effect:
            commits(cursor, sql)
        else:
            sqlite3.Cursor.execute(cursor, "ROLLBACK")
        db.fault = vanished

    def vanished(cursor: sqlite3.Cursor, sql: str) -> None:
        raise broken("still away")

    group = [appending("t", 1), appending("t", 9)]
    on_commit(faulty, commit_and_vanish)
    for _ in range(3):
        with pytest.raises(StorageUnavailable, match="reading back"):
            faulty.append(group)
    mend(faulty)
    assert faulty.append(group) == [Ack.STORED, Ack.FENCED]
    assert faulty.append([appending("t", 1)]) == FENCED
    assert faulty.append([appending("t", 2)]) == STORED
    assert read_all(faulty, "t") == tuple(record(seq) for seq in (1, 2, 3))


def test_another_group_after_an_unknown_outcome_is_judged_by_what_was_stored(
    faulty: SqliteJournal,
) -> None:
    db = cast("FaultyConnection", db_of(faulty))

    def commit_and_vanish(cursor: sqlite3.Cursor, sql: str) -> None:
        commits(cursor, sql)
        db.fault = vanished

    def vanished(cursor: sqlite3.Cursor, sql: str) -> None:
        raise broken("still away")

    on_commit(faulty, commit_and_vanish)
    with pytest.raises(StorageUnavailable):
        faulty.append([appending("t", 0)])
    mend(faulty)
    assert faulty.append([appending("t", 0, 2)]) == FENCED
    assert faulty.append([appending("t", 1)]) == STORED
