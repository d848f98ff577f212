"""SqliteJournal: the journal in one SQLite file.

Neighbours: `filewriter.py` and `remote.py` (all that writes), `log.py` and `listing.py` (all that
reads), `entries.py` (what is written), `database.py` and `lock.py` (the file), `conformance` (what
to keep).
"""

from __future__ import annotations

import os
import sqlite3
import weakref
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from actors.runtime import Caller
from actors.runtime.journal.errors import StorageError, StorageUnavailable
from actors.runtime.journal.port import (
    Ack,
    Append,
    Copy,
    Head,
    Left,
    Listing,
    MaybeAwaitable,
    Place,
    Snapshot,
    Stored,
)
from actors.runtime.journal.projection import Keep, Projection, Query
from actors.runtime.journal.record import Record
from actors.storage import listing
from actors.storage import log as logs
from actors.storage.checkpoints import Checkpoints
from actors.storage.database import FAULTS, connect, storage_error
from actors.storage.entries import entries, whole
from actors.storage.filewriter import FileWriter
from actors.storage.lock import ProcessLock
from actors.storage.matching import checked, may_see
from actors.storage.remote import RemoteWriter
from actors.storage.rows import Table, row_of
from actors.storage.writing import Writer


class SqliteJournal:
    """A Journal in a SQLite file that survives the process (kill -9 included).

    Args:
        path: of the file; "power" needs one on a disk of this machine.
        durability: "process" commits in the event loop, and a power cut may lose the last commits
            (what remains is gap-free). "power" has each commit on the disk before it is
            acknowledged, by a process of its own, so that the loop waits for no disk; what writes
            then gives awaitables.

    Raises:
        ValueError: there is no such durability, or the path is no file.
    """

    external = False

    def __init__(self, path: str | os.PathLike[str], durability: str = "process") -> None:
        if durability not in ("process", "power"):
            raise ValueError(f"durability={durability!r} is unknown; choose 'process' or 'power'")
        if os.fspath(path) in ("", ":memory:"):
            raise ValueError(f"path={path!r} is no file; use MemoryJournal to keep nothing")
        # SQLite keeps its log beside the file itself, wherever a link to it may lie.
        self.path = Path(os.path.realpath(path))
        self.durability = durability
        self._db: sqlite3.Connection | None = None
        self._writer: Writer | None = None
        self._tables: dict[str, Table] = {}
        self._projections: dict[str, Projection] = {}
        self._release: weakref.finalize[Any, SqliteJournal] | None = None
        self._process = 0

    def __repr__(self) -> str:
        return f"<SqliteJournal {str(self.path)!r} {'open' if self._db else 'closed'}>"

    def open(self, *projections: Projection) -> MaybeAwaitable[None]:
        """Take the file for this journal, making it and its directories when missing.

        Raises:
            StorageError: another journal holds it, or it is not a journal of this release, or has
                other rows for one of the projections.
        """
        took = self._db is None
        if took:
            self._take()
        try:
            tables = [Table.of(projection) for projection in projections]
            made = self._writing().register([table.shape for table in tables])
        except BaseException:
            if took:  # nothing was begun yet, so this takes no time
                self.close()
            raise
        if made is not None:
            return self._made(made, tables)
        self._know(tables)
        return None

    async def _made(self, made: Awaitable[None], tables: Sequence[Table]) -> None:
        await made
        self._know(tables)

    def _know(self, tables: Sequence[Table]) -> None:
        for table in tables:
            self._tables[table.projection.name] = table
            self._projections[table.projection.name] = table.projection

    def _take(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageUnavailable(f"making the directory of {self.path}: {error}") from error
        lock = ProcessLock(self.path.resolve())
        try:
            power = self.durability == "power"
            db = connect(self.path, full=power, checkpoints=power)
        except BaseException:
            lock.release()
            raise
        self._db, self._process = db, os.getpid()
        writer: Writer
        if self.durability == "power":
            writer = RemoteWriter(db, self.path, lock.holder)
        else:
            writer = FileWriter(db, self.path, Checkpoints(db, self.path))
        self._writer = writer
        self._release = weakref.finalize(self, _let_go, db, lock, writer, self._process)

    def close(self) -> MaybeAwaitable[None]:
        """Let go of the file, when all that was begun is stored; idempotent."""
        writer, inherited = self._writer, self._process != os.getpid()
        release = self._forget()
        finished = None if writer is None or inherited else writer.close()
        if release is None:
            return None
        if finished is not None:
            return _released(finished, release)
        release()
        return None

    def abandon(self) -> None:
        """Let go of the file and of the writer process at once; see the port."""
        release = self._forget()
        if release is not None:
            release()

    def _forget(self) -> Callable[[], object] | None:
        """Be closed; returns how to let go of what was open."""
        release, self._release = self._release, None  # another opening has another
        self._db = self._writer = None
        self._tables.clear()
        self._projections.clear()
        return release

    def lane(self, log: str) -> str:
        """One lane: a group is one transaction."""
        return "sqlite"

    # -- writing

    def append(self, group: Sequence[Append]) -> MaybeAwaitable[Sequence[Ack]]:
        """Store a group in one transaction; see the port.

        Raises:
            StorageUnavailable: disk full, locked, failing; nothing was stored, or nobody knows.
            ValueError, TypeError, StorageError: as `entries`.
        """
        return self._writing().append(entries(group, self._projections))

    def save_snapshot(self, log: str, snapshot: Snapshot) -> MaybeAwaitable[None]:
        """Keep `snapshot` unless it is older than the one kept or newer than the log."""
        return self._writing().save_snapshot(log, snapshot)

    def consumed(self, consumer: str, place: Place) -> MaybeAwaitable[None]:
        """Move a consumer, never backwards; forget it when nothing is left."""
        return self._writing().consumed(consumer, place.log, place.seq)

    def compact(self, log: str, upto: int) -> MaybeAwaitable[bool]:
        """Let go of the records up to `upto`, where a snapshot stands for them."""
        return self._writing().compact(log, upto)

    def remove(self, head: Head) -> MaybeAwaitable[bool]:
        """Let go of a log that is as `head` says, and at rest."""
        return self._writing().remove(head)

    def restore(self, copy: Copy) -> MaybeAwaitable[bool]:
        """Take over a log from elsewhere; see the port.

        Raises:
            ValueError, TypeError: as `whole`.
        """
        return self._writing().restore(whole(copy, self._projections))

    # -- reading

    def read(self, log: str, caller: Caller | None = None) -> Stored | None:
        """The log, if there is one that `caller` may see; see the port."""
        with self._reading() as db:
            found = logs.find(db, log)
            if found is None:
                return None
            row = row_of(db, self._tables.values(), found.id)
            if caller is not None and not may_see(row, caller):
                return None
            return logs.stored(db, found, row)

    def page(self, log: str, after: int, limit: int) -> tuple[Record, ...] | None:
        """At most `limit` records after `after`; None where they are no longer kept."""
        with self._reading() as db:
            found = logs.find(db, log)
            if found is None:
                return ()
            if after < found.head.floor:
                return None
            return logs.records(db, found, after, min(after + limit, found.head.seq))

    def find(self, key: str) -> Place | None:
        """Where the append that bore `key` began."""
        with self._reading() as db:
            return logs.place_of(db, key)

    def list(self, query: Query) -> Listing:
        """One page of what matches. Costs grow with what the owner and tenant have."""
        checked(query.projection, self._projections, query.where)
        with self._reading() as db:
            return listing.listing(db, self._tables[query.projection.name], query)

    def head(self, log: str) -> Head | None:
        """Where a log ends."""
        with self._reading() as db:
            found = logs.find(db, log)
        return None if found is None else found.head

    def heads(self, after: str = "", limit: int = 256, *, active: bool = False) -> Sequence[Head]:
        """Logs by name."""
        with self._reading() as db:
            return listing.heads(db, after, limit, active=active)

    def unconsumed(
        self, family: str, after: tuple[str, str] = ("", ""), limit: int = 256
    ) -> Sequence[Left]:
        """Where the consumers of a family are to go on, by their names and those of the logs."""
        with self._reading() as db:
            return listing.unconsumed(db, family, after, limit)

    def place(self, consumer: str, log: str) -> Place | None:
        """Where a consumer is to go on in one log."""
        with self._reading() as db:
            return listing.place(db, consumer, log)

    def surplus(self, keep: Keep, limit: int = 256) -> Sequence[Head]:
        """Logs beyond what is to be kept, the oldest first."""
        checked(keep.projection, self._projections, ())
        with self._reading() as db:
            return listing.surplus(db, self._tables[keep.projection.name], keep, limit)

    # -- the file

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        db = self._opened()
        try:
            with _one_moment(db) if self.durability == "power" else nullcontext():
                yield db
        except FAULTS as error:
            raise storage_error(error, self.path, "reading") from error

    def _writing(self) -> Writer:
        self._opened()
        assert self._writer is not None  # noqa: S101 - open together with the connection
        return self._writer

    def _opened(self) -> sqlite3.Connection:
        if self._db is None:
            raise StorageError(f"{self!r} is not open: call open() first")
        if self._process != os.getpid():
            raise StorageError(
                f"{self!r} was opened by process {self._process}, before a fork; "
                "a database connection does not survive that: open a journal here"
            )
        return self._db


@contextmanager
def _one_moment(db: sqlite3.Connection) -> Iterator[None]:
    """One read transaction: another process commits between our statements."""
    db.execute("BEGIN")
    try:
        yield
    finally:
        if db.in_transaction:  # some errors have ended it
            db.execute("ROLLBACK")


async def _released(finished: Awaitable[None], release: Callable[[], object]) -> None:
    try:
        await finished
    finally:
        release()


def _let_go(db: sqlite3.Connection, lock: ProcessLock, writer: Writer, process: int) -> None:
    """Close, in the process that opened; a forked copy must not touch what is not its own."""
    if process != os.getpid():
        return
    writer.abandon()
    with suppress(sqlite3.Error):
        db.close()
    lock.release()
