"""FileWriter: everything that writes to the SQLite file, each call one transaction.

When COMMIT itself raises, whether it took effect is read back before anything else is done.

Neighbours: `logwriter.py` (appends), `logkeeper.py` (the rest), `sqlite.py` (the journal).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, TypeVar

from actors.runtime.journal.errors import StorageError, StorageUnavailable
from actors.runtime.journal.port import Ack, Head, Snapshot
from actors.storage import log, logkeeper
from actors.storage.checkpoints import Checkpoints
from actors.storage.database import FAULTS, storage_error
from actors.storage.entries import Entry, Whole
from actors.storage.logwriter import STORED, LogWriter
from actors.storage.rows import Shape, names_of

T = TypeVar("T")


class _Doubt(NamedTuple):
    """A group whose COMMIT raised, while it is not known whether it took effect."""

    group: list[Entry]
    acks: list[Ack]
    last: tuple[int, int]
    """Rowid and number of its last record; the number of a row that was deleted is given anew."""


class FileWriter:
    """Writes to the database behind `db`, which nobody else does."""

    def __init__(
        self, db: sqlite3.Connection, path: Path, checkpoints: Checkpoints | None = None
    ) -> None:
        self._db = db
        self._path = path
        self._checkpoints = checkpoints
        self._logs = LogWriter()
        self._shapes: dict[str, Shape] = {}
        self._doubt: _Doubt | None = None

    def register(self, shapes: Iterable[Shape]) -> None:
        """Make the tables for the rows of projections.

        Raises:
            StorageError: the file has rows of such a name with other columns.
        """
        for shape in shapes:
            try:
                shape.ensure(self._db)
            except FAULTS as error:
                self._undo()
                doing = f"making a table for {shape.projection!r}"
                raise storage_error(error, self._path, doing) from error
            self._shapes[shape.projection] = shape
            self._logs.register(shape)
        try:
            self._logs.tables = names_of(self._db)
        except FAULTS as error:
            raise storage_error(error, self._path, "reading the names of tables") from error

    def append(self, group: list[Entry]) -> list[Ack]:
        """Store a group and say what became of each of it, in order; see the port.

        Raises:
            StorageUnavailable: disk full, locked, failing; nothing was stored, or nobody knows.
            StorageError: it cannot be stored, ever; nothing was.
        """
        doubt = self._doubt
        if doubt is not None and self._took_effect(doubt) and doubt.group == group:
            return doubt.acks
        cursor = self._db.cursor()
        try:
            acks = self._written(cursor, group)
        except BaseException as error:
            self._undo()
            if isinstance(error, sqlite3.Error):
                raise storage_error(error, self._path, "appending") from error
            raise
        try:
            cursor.execute("COMMIT")
        except sqlite3.Error as error:
            self._doubt = doubt = _Doubt(group, acks, self._logs.last)
            if not self._took_effect(doubt):
                raise StorageUnavailable(f"committing to {self._path}: {error}") from error
        if self._checkpoints is not None:
            self._checkpoints.committed(self._logs.size)
        return acks

    def save_snapshot(self, name: str, snapshot: Snapshot) -> None:
        """Keep a snapshot; see the port."""
        with suppress(StorageError):  # a cache; whatever is wrong, the next append will say
            self._whole(
                "saving a snapshot", lambda: logkeeper.save_snapshot(self._db, name, snapshot)
            )

    def consumed(self, consumer: str, name: str, seq: int) -> None:
        """Move a consumer; see the port."""
        self._whole("moving a consumer", lambda: logkeeper.consumed(self._db, consumer, name, seq))

    def compact(self, name: str, upto: int) -> bool:
        """Let go of records; see the port."""
        tables = self._logs.tables
        done = self._whole("compacting", lambda: logkeeper.compact(self._db, name, upto, tables))
        self._logs.forget_log(name)
        return done

    def remove(self, head: Head) -> bool:
        """Let go of a log; see the port."""
        tables = self._logs.tables
        return self._whole("removing", lambda: logkeeper.remove(self._db, head, tables))

    def restore(self, whole: Whole) -> bool:
        """Take over a log from elsewhere; see the port."""
        shape = None if whole.row is None else self._shapes[whole.row[0]]
        restored = self._whole("restoring", lambda: logkeeper.restore(self._db, whole, shape))
        self._logs.forget()  # it took numbers in `logs` and `records`
        return restored

    def close(self) -> None:
        """Nothing is under way but a checkpoint."""
        self.abandon()

    def abandon(self) -> None:
        """There is no process, but for a checkpoint."""
        if self._checkpoints is not None:
            self._checkpoints.close()

    # -- transactions

    def _written(self, cursor: sqlite3.Cursor, group: Sequence[Entry]) -> list[Ack]:
        """Begin a transaction and write a group in it."""
        for sure in (False, True):
            cursor.execute("BEGIN IMMEDIATE")
            acks = self._logs.write(cursor, group, sure=sure)
            if acks is not None:
                return acks
            cursor.execute("ROLLBACK")
            self._logs.forget()
        raise StorageError(
            f"{self._path} does not say the same twice in one transaction: is it damaged? "
            "Check it with `PRAGMA integrity_check`"
        )

    def _whole(self, doing: str, work: Callable[[], T]) -> T:
        """Do some work in one transaction; nothing of it, if it raises before the commit."""
        if self._doubt is not None:
            self._took_effect(self._doubt)
        try:
            self._db.execute("BEGIN IMMEDIATE")
            done = work()
            self._db.execute("COMMIT")
        except BaseException as error:
            self._undo()
            if isinstance(error, sqlite3.Error):
                raise storage_error(error, self._path, doing) from error
            raise
        if self._checkpoints is not None:
            self._checkpoints.committed(0)
        return done

    def _undo(self) -> None:
        """Roll back; where even that fails, SQLite has done it or the connection is of no use."""
        self._logs.forget()
        with suppress(sqlite3.Error):
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def _took_effect(self, doubt: _Doubt) -> bool:
        """Read back whether a COMMIT that raised took effect; answers once, for good.

        Raises:
            StorageUnavailable: that cannot be read now. Nothing is written before it is known,
                and the same group again is acknowledged if it was stored the first time.
        """
        self._undo()
        if self._db.in_transaction:  # what we read would be our own, and not be true
            raise StorageUnavailable(f"{self._path} can be neither committed nor rolled back")
        # By number: from another process the fields come as a list.
        stored = [
            entry[0] for entry, ack in zip(doubt.group, doubt.acks, strict=True) if ack is STORED
        ]
        try:
            found = log.find(self._db, stored[-1]) if stored else None
        except sqlite3.Error as error:
            raise StorageUnavailable(f"reading back from {self._path}: {error}") from error
        self._doubt = None
        return not stored or (found is not None and (found.last, found.head.seq) == doubt.last)
