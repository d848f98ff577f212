"""SqliteJournal: the journal in one SQLite file, committed in the event loop.

An append is one conditional UPDATE of the task's row and one row for each record. What it needs to
know (the row's number, the last record, the listing fields) is cached in memory, as no other
process writes; whether it holds is decided by the UPDATE, never by the cache.

Neighbours: `log.py` (the layout, reading), `database.py` (file, lock, schema, errors), `codec.py`
(frames), `fencing.py` (when an append holds), `conformance.py` (what a journal must keep).
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
from actors.storage.fencing import check, claims
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

_TIPS: Final = 16_384
"""How many tasks' tips are cached; beyond that the cache starts anew."""

_INSERT_TASK: Final = """INSERT INTO tasks
    (task, owner, tenant, context, state, status_at, active, head, epoch, head_record)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (task) DO NOTHING"""
# Two statements because naming an indexed column makes SQLite rewrite its index entries, and most
# appends change none.
_MOVE_HEAD: Final = "UPDATE tasks SET head = ?, epoch = ?, head_record = ?"
_LISTED: Final = ", owner = ?, tenant = ?, context = ?, state = ?, status_at = ?, active = ?"
_IF_OURS: Final = " WHERE id = ? AND head = ? AND epoch = ?"
_IF_CLAIMED: Final = " WHERE id = ? AND head = ? AND epoch <= ?"
_SAVE_SNAPSHOT: Final = """INSERT INTO snapshots (task, seq, crc, payload)
    SELECT id, :seq, :crc, :payload FROM tasks WHERE task = :task AND head >= :seq
    ON CONFLICT (task) DO UPDATE SET seq = :seq, crc = :crc, payload = :payload
    WHERE excluded.seq > snapshots.seq"""


class _Tip(NamedTuple):
    """Where a task's log ends."""

    id: int
    record: int
    """Rowid of the last record."""
    listed: tuple[str, str, str, int, int, bool]
    """Owner to active, as stored."""


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
        self._tips: dict[str, _Tip] = {}
        self._next = 0

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
        self._forget()

    def close(self) -> None:
        """Let go of the file; idempotent."""
        self._db = None
        if self._release is not None:
            self._release()

    def lane(self, task: str) -> str:  # noqa: ARG002 - the port passes it; one commit carries all
        """One lane: a group is one transaction."""
        return "sqlite"

    # -- writing

    def append(self, group: Sequence[Append]) -> Sequence[Ack]:
        """Store a group in one transaction; see the port.

        Raises:
            StorageUnavailable: disk full, locked, failing; nothing was stored.
            ValueError, TypeError, StorageError: as `fencing.check` and `codec.encode`.
        """
        for append in group:
            check(append)
        frames = [[encode(record, append.task) for record in append.records] for append in group]
        db = self._opened()
        cursor = db.cursor()
        try:
            cursor.execute("BEGIN IMMEDIATE")
            acks = self._write(cursor, group, frames)
        except BaseException as error:
            self._undo(db)
            if isinstance(error, sqlite3.Error):
                raise storage_error(error, self.path, "appending") from error
            raise
        try:
            cursor.execute("COMMIT")
        except sqlite3.Error as error:
            self._resolve(db, group, acks, error)
        return acks

    def _write(
        self, cursor: sqlite3.Cursor, group: Sequence[Append], frames: Sequence[Sequence[bytes]]
    ) -> list[Ack]:
        if not self._next:
            self._next = 1 + (cursor.execute("SELECT max(id) FROM records").fetchone()[0] or 0)
        records: list[tuple[int, int, int, int, bytes]] = []
        acks = []
        for append, encoded in zip(group, frames, strict=True):
            tip = self._advance(cursor, append, self._next + len(encoded) - 1)
            acks.append(Ack.STORED if tip else Ack.FENCED)
            if tip is None:
                continue
            previous = tip.record
            for seq, frame in enumerate(encoded, append.expected + 1):
                records.append((self._next, tip.id, seq, previous, frame))
                previous = self._next
                self._next += 1
        cursor.executemany("INSERT INTO records VALUES (?, ?, ?, ?, ?)", records)
        marks = [(task, seq, id_) for id_, task, seq, *_ in records if seq % log.STRIDE == 0]
        if marks:
            cursor.executemany("INSERT INTO marks VALUES (?, ?, ?)", marks)
        return acks

    def _advance(self, cursor: sqlite3.Cursor, append: Append, last: int) -> _Tip | None:
        """Move the task's head to record `last`; the tip before, or None when fenced off."""
        row = append.row
        listed = row[1:7]
        if append.expected == 0:
            cursor.execute(_INSERT_TASK, (*row, last))
            if cursor.rowcount != 1:
                return None
            id_ = cursor.lastrowid or 0
            self._remember(append.task, _Tip(id_, last, listed))
            return _Tip(id_, 0, listed)
        tip = self._tip(cursor.connection, append.task)
        if tip is None:
            return None
        statement = _MOVE_HEAD
        moved: tuple[object, ...] = (row.head, row.epoch, last)
        if tip.listed != listed:
            statement, moved = _MOVE_HEAD + _LISTED, moved + listed
        statement += _IF_CLAIMED if claims(append) else _IF_OURS
        cursor.execute(statement, (*moved, tip.id, append.expected, append.epoch))
        if cursor.rowcount != 1:
            return None
        self._remember(append.task, _Tip(tip.id, last, listed))
        return tip

    def _tip(self, db: sqlite3.Connection, task: str) -> _Tip | None:
        if tip := self._tips.get(task):
            return tip
        found = log.find(db, task)
        return None if found is None else _Tip(found.id, found.last, found.row[1:7])

    def _remember(self, task: str, tip: _Tip) -> None:
        if len(self._tips) >= _TIPS:
            self._tips.clear()
        self._tips[task] = tip

    def _undo(self, db: sqlite3.Connection) -> None:
        """Roll back; where even that fails, SQLite has done it or the connection is of no use."""
        self._forget()
        with suppress(sqlite3.Error):
            if db.in_transaction:
                db.execute("ROLLBACK")

    def _forget(self) -> None:
        self._tips.clear()
        self._next = 0

    def _resolve(
        self, db: sqlite3.Connection, group: Sequence[Append], acks: Sequence[Ack], error: Exception
    ) -> None:
        """COMMIT raised: read back, once, whether it took effect; the transaction is one.

        Raises:
            StorageUnavailable: it did not, or that cannot be read either. In the second case a
                repeated append is FENCED if the first was stored after all, never stored twice.
        """
        stored = [append.task for append, ack in zip(group, acks, strict=True) if ack is Ack.STORED]
        last = self._next - 1
        self._undo(db)
        if not stored:
            return
        found = None
        with suppress(sqlite3.Error):
            found = log.find(db, stored[-1])
        if found is None or found.last != last:
            raise StorageUnavailable(f"committing to {self.path}: {error}") from error

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
