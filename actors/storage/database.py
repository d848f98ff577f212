"""The SQLite file under a journal: lock, connection, schema, and what its errors mean.

Neighbours: `sqlite.py` (the journal; nothing else opens these files).
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path

from actors.task.ports import JournalCorrupt, StorageError, StorageUnavailable

SCHEMA_VERSION = 1
APPLICATION_ID = 0x41325441
"""Marks the file as ours, so that nobody's own database is taken for an empty journal."""

SCHEMA = """
CREATE TABLE tasks (
    id INTEGER PRIMARY KEY,
    task TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    tenant TEXT NOT NULL,
    context TEXT NOT NULL,
    state INTEGER NOT NULL,
    status_at INTEGER NOT NULL,
    active INTEGER NOT NULL,
    head INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    head_record INTEGER NOT NULL
);
CREATE INDEX tasks_listed ON tasks (owner, tenant, status_at DESC, task DESC) WHERE state != 0;
CREATE INDEX tasks_active ON tasks (active) WHERE active = 1;
CREATE TABLE records (
    id INTEGER PRIMARY KEY,
    task INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    previous INTEGER NOT NULL,
    frame BLOB NOT NULL
);
CREATE TABLE marks (
    task INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    record INTEGER NOT NULL,
    PRIMARY KEY (task, seq)
) WITHOUT ROWID;
CREATE TABLE snapshots (
    task INTEGER PRIMARY KEY,
    seq INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    payload BLOB NOT NULL
);
"""

_BUSY_SECONDS = 0.05
"""How long a statement waits for another connection's lock. The wait blocks the event loop, so it
covers a reader that is about to finish and no more; whoever appends tries again later."""
_CHECKPOINT_PAGES = 1_000
"""Pages (of 4 KiB) in the WAL after which a commit also checkpoints, in the event loop. The stall
grows with the bound (measured: 10 ms at 1,000 pages, 30 ms at 4,000) while the rate gains little
(some 15 %), and without a bound the WAL would grow as fast as the log."""
_WAL_KEEP_BYTES = 64 * 1024 * 1024

_PASSING = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_INTERRUPT,
    }
)
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def storage_error(error: sqlite3.Error, path: Path, doing: str) -> StorageError:
    """The error of the port that `error` amounts to; `doing` says what was tried."""
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    text = f"{doing} in {path}: {name}: {error}"
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the rest tells kinds of one error apart
    if code in _PASSING:
        return StorageUnavailable(text)
    if code in _DAMAGED:
        return JournalCorrupt(f"{text}; restore a backup, or move the file away to start anew")
    return StorageError(text)


class ProcessLock:
    """Exclusive use of one database file, for one journal of one process.

    A write transaction on a small SQLite database beside the file, held open: it ends with the
    process however that dies, is not inherited by a fork, works wherever SQLite does, and others
    can still read who holds it (`user_version` carries the process id).
    """

    def __init__(self, path: Path) -> None:
        self._database = path
        self._file = path.with_name(path.name + ".lock")
        self._db = sqlite3.connect(
            self._file, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            self._take()
        except sqlite3.Error as error:
            refusal = self._refusal(error)
            self._db.close()
            raise refusal from error
        except BaseException:
            self._db.close()
            raise

    def release(self) -> None:
        """Let others in; idempotent."""
        self._db.close()

    def _take(self) -> None:
        """Write our id, then hold the lock; again if another process came between the two."""
        self._db.execute("PRAGMA synchronous = OFF")  # it need not outlive the machine
        while True:
            self._db.execute(f"PRAGMA user_version = {os.getpid()}")
            self._db.execute("BEGIN IMMEDIATE")
            if self._holder() == os.getpid():
                return
            self._db.execute("ROLLBACK")

    def _holder(self) -> int:
        holder: int = self._db.execute("PRAGMA user_version").fetchone()[0]
        return holder

    def _refusal(self, error: sqlite3.Error) -> StorageError:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_BUSY:
            return storage_error(error, self._file, "taking the lock")
        holder = 0
        with suppress(sqlite3.Error):
            holder = self._holder()
        if holder == os.getpid():
            who, remedy = "this process", "close the other journal, or share that one object"
        else:
            who, remedy = f"process {holder or '(unknown)'}", "stop that process"
        return StorageError(
            f"database {self._database} is in use by {who}; one journal at a time may open it: "
            f"{remedy}, or use another path here"
        )


def connect(path: Path) -> sqlite3.Connection:
    """Open the database, making or checking its schema.

    Raises:
        StorageError: it is no journal, of a newer release, damaged, or cannot be opened now.
    """
    db: sqlite3.Connection | None = None
    try:
        # Closed by whichever thread collects a forgotten journal; used by the loop's thread only.
        db = sqlite3.connect(
            path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        _prepare(db, path)
    except BaseException as error:
        if db is not None:
            db.close()
        if isinstance(error, sqlite3.Error):
            raise storage_error(error, path, "opening the journal") from error
        raise
    return db


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    application, version = _number(db, "application_id"), _number(db, "user_version")
    if application == 0 and version == 0 and not _number(db, "schema_version"):
        _create(db)
    elif application != APPLICATION_ID:
        raise StorageError(
            f"{path} is a database of something else (application_id {application:#x}, expected "
            f"{APPLICATION_ID:#x}); give the journal a file of its own"
        )
    elif version != SCHEMA_VERSION:
        raise StorageError(
            f"{path} has schema version {version}, this release knows {SCHEMA_VERSION}: "
            "run the release that wrote it, or a newer one"
        )
    db.execute("PRAGMA journal_mode = WAL").fetchone()
    # NORMAL loses no commit when the process dies, and may lose the last ones in a power cut.
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}").fetchone()
    db.execute(f"PRAGMA journal_size_limit = {_WAL_KEEP_BYTES}").fetchone()


def _create(db: sqlite3.Connection) -> None:
    db.executescript(
        f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA application_id = {APPLICATION_ID}; "
        f"PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
    )


def _number(db: sqlite3.Connection, pragma: str) -> int:
    value: int = db.execute(f"PRAGMA {pragma}").fetchone()[0]
    return value
