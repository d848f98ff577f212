"""The SQLite file under a journal: connections, and what its errors mean.

Neighbours: `schema.py` (its tables), `lock.py` (who may open it), `sqlite.py` (the journal).
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from actors.runtime.journal.errors import JournalCorrupt, StorageError, StorageUnavailable
from actors.storage import schema

BUSY_SECONDS = 0.05
"""How long a statement waits for another connection's lock. The wait blocks the event loop, so it
covers a reader that is about to finish and no more; whoever appends tries again later."""
_OPEN_MILLISECONDS = 2_000
"""The same while the file is opened, as somebody may still recover or checkpoint it."""
_CHECKPOINT_PAGES = 1_000
"""Pages (of 4 KiB) in the WAL after which a commit also checkpoints, where nobody else does. The
stall grows with the bound (measured: 10 ms at 1,000 pages, 30 ms at 4,000) while the rate gains
little (some 15 %), and without a bound the WAL would grow as fast as the log."""
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
FAULTS = (sqlite3.Error, UnicodeDecodeError)
"""What the sqlite3 module raises; the second where SQLite's message quotes a damaged name."""
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def storage_error(error: Exception, path: Path, doing: str) -> StorageError:
    """The error of the port that `error` amounts to; `doing` says what was tried."""
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    text = f"{doing} in {path}: {name}: {error}"
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the rest tells kinds of one error apart
    if code in _PASSING:
        return StorageUnavailable(text)
    if code in _DAMAGED or isinstance(error, UnicodeDecodeError):
        return JournalCorrupt(f"{text}; restore a backup, or move the file away to start anew")
    return StorageError(text)


def connect(path: Path, *, full: bool = False, checkpoints: bool = True) -> sqlite3.Connection:
    """Open the database, making or checking its schema.

    Args:
        path: of the file.
        full: commits outlive a power cut; without it they outlive the process.
        checkpoints: commits checkpoint too, now and then; without it somebody else does.

    Raises:
        StorageError: it is no journal, of a newer release, damaged, or cannot be opened now.
    """
    db: sqlite3.Connection | None = None
    try:
        # Closed by whichever thread collects a forgotten journal; used by the loop's thread only.
        db = sqlite3.connect(
            path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        prepare(db, path, full=full, checkpoints=checkpoints)
        _need_writable(db)
    except BaseException as error:
        if db is not None:
            db.close()
        if isinstance(error, FAULTS):
            raise storage_error(error, path, "opening the journal") from error
        raise
    return db


def _need_writable(db: sqlite3.Connection) -> None:
    """Raise where a write would be refused; nothing is written.

    SQLite opens a file that is read-only all the same, and could not write to it later either.
    """
    try:
        db.execute("BEGIN IMMEDIATE")
        db.execute(f"PRAGMA user_version = {schema.VERSION}")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_READONLY:
            raise
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def prepare(
    db: sqlite3.Connection, path: Path, *, full: bool = False, checkpoints: bool = True
) -> None:
    """Make, check or migrate the schema, and set the connection up.

    Raises:
        StorageError: the file is of something else, or of another release.
    """
    db.execute(f"PRAGMA busy_timeout = {_OPEN_MILLISECONDS}").fetchone()
    application, version = _number(db, "application_id"), _number(db, "user_version")
    if application == 0 and version == 0 and not _number(db, "schema_version"):
        schema.create(db)
    elif application != schema.APPLICATION_ID:
        raise StorageError(
            f"{path} is a database of something else (application_id {application:#x}, expected "
            f"{schema.APPLICATION_ID:#x}); give the journal a file of its own"
        )
    elif not 1 <= version <= schema.VERSION:
        raise StorageError(
            f"{path} has schema version {version}, this release knows 1 to {schema.VERSION}: "
            "run the release that wrote it, or a newer one"
        )
    else:
        schema.migrate(db, version)
    db.execute("PRAGMA journal_mode = WAL").fetchone()
    # NORMAL loses no commit when the process dies, and may lose the last ones in a power cut.
    db.execute(f"PRAGMA synchronous = {'FULL' if full else 'NORMAL'}")
    # Without our own checkpoints the length of the WAL must say how much is in it.
    pages, keep = (_CHECKPOINT_PAGES, _WAL_KEEP_BYTES) if checkpoints else (0, 0)
    db.execute(f"PRAGMA wal_autocheckpoint = {pages}").fetchone()
    db.execute(f"PRAGMA journal_size_limit = {keep}").fetchone()
    db.execute(f"PRAGMA busy_timeout = {round(BUSY_SECONDS * 1_000)}").fetchone()


def _number(db: sqlite3.Connection, pragma: str) -> int:
    value: int = db.execute(f"PRAGMA {pragma}").fetchone()[0]
    return value
