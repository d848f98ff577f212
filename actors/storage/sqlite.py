"""SqliteJournal: the journal in one SQLite file, committed in the event loop.

A group is one transaction. When COMMIT itself raises, whether it took effect is read back before
anything else is done.

Neighbours: `logwriter.py` and `log.py` (rows, written and read), `database.py` (file, lock, schema,
errors), `codec.py` (frames), `fencing.py` (when an append holds), `conformance.py` (what to keep).
"""

from __future__ import annotations

import os
import sqlite3
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from actors.runtime import Caller
from actors.storage import log
from actors.storage.codec import checksum, encode
from actors.storage.database import ProcessLock, connect, storage_error
from actors.storage.fencing import check
from actors.storage.logwriter import LogWriter
from actors.task.ports import (
    Ack,
    Append,
    Listing,
    Query,
    Snapshot,
    StorageError,
    StorageUnavailable,
    Stored,
)
from actors.task.record import Record

_SAVE_SNAPSHOT: Final = """INSERT INTO snapshots (task, seq, crc, payload)
    SELECT id, :seq, :crc, :payload FROM tasks WHERE task = :task AND head >= :seq
    ON CONFLICT (task) DO UPDATE SET seq = :seq, crc = :crc, payload = :payload
    WHERE excluded.seq > snapshots.seq"""


class _Doubt(NamedTuple):
    """A group whose COMMIT raised, while it is not known whether it took effect."""

    group: tuple[Append, ...]
    acks: list[Ack]
    last: int
    """Rowid of its last record."""


class SqliteJournal:
    """A Journal in a SQLite file that survives the process (kill -9 included).

    With `durability="process"`, the only choice, the last commits before a power cut may be lost;
    what remains is gap-free.
    """

    external = False

    def __init__(self, path: str | os.PathLike[str], durability: str = "process") -> None:
        if durability != "process":
            raise ValueError(f"durability={durability!r} is not supported; there is 'process'")
        if os.fspath(path) in ("", ":memory:"):
            raise ValueError(f"path={path!r} is no file; use MemoryJournal to keep nothing")
        self.path = Path(path).absolute()
        self._db: sqlite3.Connection | None = None
        self._release: weakref.finalize[Any, SqliteJournal] | None = None
        self._process = 0
        self._writer = LogWriter()
        self._doubt: _Doubt | None = None

    def __repr__(self) -> str:
        return f"<SqliteJournal {str(self.path)!r} {'open' if self._db else 'closed'}>"

    def open(self) -> None:
        """Take the file for this journal, making it and its directories when missing.

        Raises:
            StorageError: another journal holds it, or it is not a journal of this release.
        """
        if self._db is not None:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageUnavailable(f"making the directory of {self.path}: {error}") from error
        lock = ProcessLock(self.path.resolve())
        try:
            db = connect(self.path)
        except BaseException:
            lock.release()
            raise
        self._db, self._process = db, os.getpid()
        self._release = weakref.finalize(self, _let_go, db, lock, self._process)
        self._writer.forget()
        self._doubt = None

    def close(self) -> None:
        """Let go of the file; idempotent."""
        self._db = None
        if self._release is not None:
            self._release()

    def lane(self, task: str) -> str:
        """One lane: a group is one transaction."""
        return "sqlite"

    # -- writing

    def append(self, group: Sequence[Append]) -> Sequence[Ack]:
        """Store a group in one transaction; see the port.

        Raises:
            StorageUnavailable: disk full, locked, failing; nothing was stored, or nobody knows.
            ValueError, TypeError, StorageError: as `fencing.check` and `codec.encode`.
        """
        for append in group:
            check(append)
        frames = [[encode(record, append.task) for record in append.records] for append in group]
        db = self._opened()
        cursor = db.cursor()
        doubt = self._doubt
        if doubt is not None and self._took_effect(db, doubt) and doubt.group == tuple(group):
            return doubt.acks
        try:
            cursor.execute("BEGIN IMMEDIATE")
            acks = self._writer.write(cursor, group, frames)
        except BaseException as error:
            self._undo(db)
            if isinstance(error, sqlite3.Error):
                raise storage_error(error, self.path, "appending") from error
            raise
        try:
            cursor.execute("COMMIT")
        except sqlite3.Error as error:
            self._doubt = doubt = _Doubt(tuple(group), acks, self._writer.last)
            if not self._took_effect(db, doubt):
                raise StorageUnavailable(f"committing to {self.path}: {error}") from error
        return acks

    def _undo(self, db: sqlite3.Connection) -> None:
        """Roll back; where even that fails, SQLite has done it or the connection is of no use."""
        self._writer.forget()
        with suppress(sqlite3.Error):
            if db.in_transaction:
                db.execute("ROLLBACK")

    def _took_effect(self, db: sqlite3.Connection, doubt: _Doubt) -> bool:
        """Read back whether a COMMIT that raised took effect; answers once, for good.

        Raises:
            StorageUnavailable: that cannot be read now. Nothing is appended before it is known,
                and the same group again is acknowledged if it was stored the first time.
        """
        self._undo(db)
        if db.in_transaction:  # what we read would be our own, and not be true
            raise StorageUnavailable(f"{self.path} can be neither committed nor rolled back")
        pairs = zip(doubt.group, doubt.acks, strict=True)
        stored = [append.task for append, ack in pairs if ack is Ack.STORED]
        try:
            found = log.find(db, stored[-1]) if stored else None
        except sqlite3.Error as error:
            raise StorageUnavailable(f"reading back from {self.path}: {error}") from error
        self._doubt = None
        return not stored or (found is not None and found.last == doubt.last)

    # -- reading

    def read(self, task: str, caller: Caller | None = None) -> Stored | None:
        """The task, if there is one that `caller` may see; see the port."""
        with self._reading() as db:
            found = log.find(db, task)
            if found is None:
                return None
            owner = (found.row.owner, found.row.tenant)
            if caller is not None and (caller.owner, caller.tenant) != owner:
                return None
            return log.stored(db, found)

    def page(self, task: str, after: int, limit: int) -> tuple[Record, ...]:
        """At most `limit` records after `after`."""
        with self._reading() as db:
            found = log.find(db, task)
            if found is None:
                return ()
            return log.records(db, found, after, min(after + limit, found.row.head))

    def list(self, query: Query) -> Listing:
        """One page of what matches. Costs grow with what the owner and tenant have."""
        with self._reading() as db:
            return log.listing(db, query)

    def active(self) -> Sequence[str]:
        """Tasks whose row says active, the oldest first."""
        with self._reading() as db:
            return log.active(db)

    def save_snapshot(self, task: str, snapshot: Snapshot) -> None:
        """Keep `snapshot` unless it is older than the one kept or newer than the log."""
        crc = checksum(snapshot.payload, task, snapshot.seq)
        values = {"task": task, "seq": snapshot.seq, "crc": crc, "payload": snapshot.payload}
        with suppress(sqlite3.Error):  # a cache; whatever is wrong, the next append will say
            self._opened().execute(_SAVE_SNAPSHOT, values)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        db = self._opened()
        try:
            yield db
        except sqlite3.Error as error:
            raise storage_error(error, self.path, "reading") from error

    def _opened(self) -> sqlite3.Connection:
        if self._db is None:
            raise StorageError(f"{self!r} is not open: call open() first")
        if self._process != os.getpid():
            raise StorageError(
                f"{self!r} was opened by process {self._process}, before a fork; "
                "a database connection does not survive that: open a journal here"
            )
        return self._db


def _let_go(db: sqlite3.Connection, lock: ProcessLock, process: int) -> None:
    """Close, in the process that opened; a forked copy must not touch what is not its own."""
    if process != os.getpid():
        return
    with suppress(sqlite3.Error):
        db.close()
    lock.release()
