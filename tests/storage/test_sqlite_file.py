"""The file of a SqliteJournal: reached through a link, full, and let go when it is refused."""

import os
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from actors.runtime.journal.errors import StorageError, StorageUnavailable
from actors.runtime.journal.port import Ack, Head, Snapshot, settled
from actors.runtime.journal.projection import Projection
from actors.storage import SqliteJournal
from actors.storage.check_sqlite import check_file
from actors.storage.filewriter import FileWriter
from actors.storage.findings import Tally
from actors.storage.samples import ITEMS, VISITS, appending
from actors.storage.sqlite_source import SqliteSource, read_only, wal_of

both = pytest.mark.parametrize("durability", ["process", "power"])


class Other(NamedTuple):
    owner: str
    tenant: str
    state: int = 0
    at: int = 0


CHANGED = Projection("items", Other, newest="at", listed="state")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tasks.db"


@pytest.fixture
def link(tmp_path: Path) -> Path:
    (tmp_path / "volume").mkdir()
    made = tmp_path / "link.db"
    made.symlink_to(tmp_path / "volume" / "tasks.db")
    return made


# -- a link


def test_checkpoints_look_beside_the_file_and_not_beside_a_link(link: Path) -> None:
    journal = SqliteJournal(link)
    journal.open(ITEMS)
    journal.append([appending("t", 0)])
    assert isinstance(journal._writer, FileWriter)
    assert journal._writer._checkpoints is not None
    assert journal._writer._checkpoints._pages() > 0
    journal.close()


@both
async def test_what_reads_a_file_through_a_link_sees_what_is_in_its_log(
    link: Path, durability: str
) -> None:
    journal = SqliteJournal(link, durability)
    await settled(journal.open(ITEMS))
    await settled(journal.append([appending("t", 0)]))
    with read_only(link) as db:
        heads = await SqliteSource(db, link).heads("", 9)
    assert [head.log for head in heads] == ["t"]
    tally = Tally()
    assert not [each async for each in check_file(link, tally)]
    assert tally.logs == 1
    assert wal_of(link).stat().st_size
    await settled(journal.close())


async def test_a_damaged_log_is_found_through_a_link(link: Path) -> None:
    journal = SqliteJournal(link)
    journal.open(ITEMS)
    journal.append([appending("t", 0)])
    wal = journal.path.with_name("tasks.db-wal")
    with wal.open("r+b") as file:
        file.seek(40)
        file.write(b"damaged")
    assert [each async for each in check_file(link, Tally())]
    journal.close()


# -- a full disk


@contextmanager
def full(path: Path) -> Iterator[None]:
    """No file of this process may grow beyond what the log has."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = path.with_name(path.name + "-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("dangling", [False, True])
def test_nothing_is_said_to_be_stored_on_a_full_disk(path: Path, *, dangling: bool) -> None:
    """The number that the record would have had in the table was that of one cut off."""
    journal = SqliteJournal(path)
    journal.open(ITEMS)
    journal.append([appending("a", 0)])
    journal.save_snapshot("a", Snapshot(1, b"one"))
    assert journal.compact("a", 1)
    assert journal._db is not None
    assert journal._db.execute("SELECT head_record FROM logs").fetchone() == (0,)
    if dangling:  # as earlier releases left it
        journal._db.execute("UPDATE logs SET head_record = 1")
    with full(path):
        for _ in range(3):
            with pytest.raises(StorageUnavailable):
                journal.append([appending("a", 1)])
    assert journal.head("a") == Head("a", 1, floor=1)
    assert journal.append([appending("a", 1)]) == [Ack.STORED]
    journal.close()


def test_a_commit_that_raised_and_took_effect_is_stored_once(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of several logs, the last of them longer than one record."""
    journal = SqliteJournal(path)
    journal.open(ITEMS)
    group = [appending("a", 0, 3), appending("b", 0, 2), appending("a", 3), appending("b", 9)]
    writer = journal._writer
    assert isinstance(writer, FileWriter)

    class Raising(sqlite3.Cursor):
        def execute(self, sql: str, *values: object) -> "Raising":
            super().execute(sql, *values)  # type: ignore[arg-type]  # handed on as it came
            if sql == "COMMIT":
                raise sqlite3.OperationalError("told too late")
            return self

    class Connection:
        def __init__(self, db: sqlite3.Connection) -> None:
            self.db = db

        def __getattr__(self, name: str) -> object:
            return getattr(self.db, name)

        def cursor(self) -> Raising:
            return self.db.cursor(Raising)

    assert journal._db is not None
    monkeypatch.setattr(writer, "_db", Connection(journal._db))
    stored = [Ack.STORED] * 3 + [Ack.FENCED]
    assert journal.append(group) == stored
    monkeypatch.undo()
    assert [head.seq for head in journal.heads()] == [4, 2]
    journal.close()


# -- an opening that fails


@both
def test_an_opening_that_fails_lets_go_of_the_file(path: Path, durability: str) -> None:
    journal = SqliteJournal(path)
    journal.open(ITEMS)
    journal.close()
    refused = SqliteJournal(path, durability)
    with pytest.raises(StorageError, match="give the changed projection another name"):
        refused.open(CHANGED)
    assert repr(refused).endswith("closed>")
    journal.open(ITEMS)
    journal.close()
    assert refused.open(ITEMS) is None
    refused.close()


@both
def test_one_that_is_open_stays_open(path: Path, durability: str) -> None:
    journal = SqliteJournal(path, durability)
    journal.open(ITEMS)
    with pytest.raises(StorageError, match="give the changed projection another name"):
        journal.open(CHANGED)
    assert repr(journal).endswith("open>")
    journal.open(VISITS)
    assert journal.heads() == []
    assert os.fspath(journal.path) in repr(journal)
    journal.close()
