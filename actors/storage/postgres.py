"""PostgresJournal: the journal in a schema of a PostgreSQL database.

A group is one statement. Appends and whatever else writes go over one connection, which holds the
journal's lock; reads go over another, so that a long one does not stand before appends. Both are
made anew when they are lost.

Neighbours, all of them only for this: `postgres_link.py` (connections), `postgres_lock.py` (one
writer), `postgres_schema.py` (tables), `postgres_append.py`, `postgres_read.py` and
`postgres_upkeep.py` (statements), `postgres_text.py` (text), `postgres_errors.py`.
"""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import Awaitable, Callable, Sequence
from copy import copy as copied
from typing import Final, TypeVar

try:
    import asyncpg  # noqa: F401 - said here, once, before the neighbours fail on it
except ImportError as error:
    raise ImportError(
        "PostgresJournal needs asyncpg: install statechart-actors[postgres]"
    ) from error

from actors.runtime import Caller
from actors.runtime.journal.errors import StorageError
from actors.runtime.journal.port import (
    Ack,
    Append,
    Copy,
    Head,
    Left,
    Listing,
    Place,
    Snapshot,
    Stored,
)
from actors.runtime.journal.projection import Keep, Projection, Query
from actors.runtime.journal.record import Record
from actors.storage.fencing import check_copy
from actors.storage.matching import checked
from actors.storage.postgres_append import Appender, check_consumers, check_name
from actors.storage.postgres_errors import Address
from actors.storage.postgres_link import Door, Link, Opened, let_go
from actors.storage.postgres_lock import LockedByAnother, Pen
from actors.storage.postgres_read import Damaged, Found, Reader, head_of, records
from actors.storage.postgres_schema import Connection, Layout
from actors.storage.postgres_upkeep import Upkeeper
from actors.storage.stretches import stretches

T = TypeVar("T")

STATEMENT_SECONDS: Final = 10.0
"""How long a statement may take before StorageUnavailable is raised."""
LOCK_SECONDS: Final = 5.0
"""How long to wait for the journal's lock: time for the server to notice that whoever held it is
gone."""


class PostgresJournal:
    """A Journal in PostgreSQL, durable as its server is.

    Every method but `lane` returns an awaitable. It needs sessions of its own (no pooler that
    changes connections between transactions), the right to create the schema, or a schema of that
    name to create tables in, and the right to create what is temporary in the database.

    Args:
        dsn: postgresql://user:password@host:port/database, as asyncpg takes it.
        schema: of the journal's tables; made when missing.
        statement_seconds: how long a statement may take.
        lock_seconds: how long to wait until another journal lets go of the schema.
    """

    external = False

    def __init__(
        self,
        dsn: str,
        *,
        schema: str = "actors",
        statement_seconds: float = STATEMENT_SECONDS,
        lock_seconds: float = LOCK_SECONDS,
    ) -> None:
        self._address = Address(dsn)
        self._layout = Layout(schema)
        self._seconds = statement_seconds
        self._appender = Appender(self._layout)
        self._pen = Pen(self._layout, self._appender, lock_seconds)
        self._reader = Reader(self._layout)
        self._upkeep = Upkeeper(self._layout)
        self._door = Door()
        self._opened: Opened | None = None
        self._release: weakref.finalize[[Opened], PostgresJournal] | None = None

    def __repr__(self) -> str:
        state = "open" if self._opened else "closed"
        return f"<PostgresJournal {self._address} schema {self._layout.name!r} {state}>"

    # -- opening

    async def open(self, *projections: Projection) -> None:
        """Connect, take the schema for this journal and make what is missing in it.

        Raises:
            StorageUnavailable: the database cannot be reached now.
            StorageError: another journal has the schema, or it is not a journal of this release.
            ValueError: two projections have one name or one type of row.
        """
        async with self._door.held():
            due = copied(self._layout)
            new = due.learn(projections)
            if self._opened is not None and self._opened.loop is not asyncio.get_running_loop():
                await self._close()
            if self._opened is None:
                await self._open(due)
            elif new:
                await self._write(
                    "learning a projection", lambda connection: self._pen.learn(connection, due)
                )

    async def _open(self, due: Layout) -> None:
        self._layout.become(due)
        opened = self._links()
        try:
            await opened.writer.run("opening the journal", _nothing)
            await opened.reader.run("opening the journal", _nothing)
        except BaseException as error:
            self._layout.forget()
            await opened.writer.close()
            if isinstance(error, LockedByAnother):
                raise StorageError(str(error)) from None  # trying again makes no sense
            raise
        self._opened, self._release = opened, weakref.finalize(self, let_go, opened)

    def _links(self) -> Opened:
        # The server shows 63 bytes, which are to tell the process as well.
        name, limit = self._layout.name[:24], self._seconds
        writer = Link(self._address, f"journal {name}", limit, {}, self._pen.take)
        reading = {"default_transaction_read_only": "on"}
        reader = Link(self._address, f"reading {name}", limit, reading, _nothing)
        return Opened(os.getpid(), asyncio.get_running_loop(), writer, reader)

    async def close(self) -> None:
        """Finish what was begun and disconnect; idempotent."""
        if self._opened is not None and self._opened.process != os.getpid():
            await self._close()  # a fork has no loop to wait on
            return
        async with self._door.held():
            await self._close()

    async def _close(self) -> None:
        opened, release = self._opened, self._release
        if opened is None or release is None:
            return
        own = opened.process == os.getpid()
        here = own and opened.loop is asyncio.get_running_loop()
        if own and not here and opened.loop.is_running():
            raise StorageError(f"{self!r} is in use on another event loop: close it there")
        if not here:
            self.abandon()
            return
        self._opened = self._release = None
        try:
            release.detach()
            await opened.writer.close()
            await opened.reader.close()
        finally:
            self._layout.forget()  # whoever opens it again says what it is for

    def abandon(self) -> None:
        """Disconnect at once, without the loop that it was opened on; see the port."""
        release, self._opened, self._release = self._release, None, None
        if release is not None:
            release()
            self._layout.forget()

    def lane(self, log: str) -> str:
        """One lane: a group is one transaction."""
        return "postgres"

    # -- writing

    async def append(self, group: Sequence[Append]) -> Sequence[Ack]:
        """Store a group in one transaction; see the port.

        Raises:
            StorageUnavailable: nothing was stored, or (the connection was lost) nobody knows.
            ValueError, TypeError, StorageError: as `fencing.check` and `codec.encoded`.
        """
        rows = self._appender.rows(group)
        if not group:
            return []
        return await self._write(
            "appending", lambda connection: self._appender.append(connection, group, rows)
        )

    async def save_snapshot(self, log: str, snapshot: Snapshot) -> None:
        """Keep `snapshot` unless it is older than the one kept or newer than the log."""
        await self._write(
            "saving a snapshot",
            lambda connection: self._upkeep.save_snapshot(connection, log, snapshot),
        )

    async def consumed(self, consumer: str, place: Place) -> None:
        """Move a consumer, never backwards; forget it when nothing is left."""
        await self._write(
            "moving a consumer",
            lambda connection: self._upkeep.consumed(connection, consumer, place),
        )

    async def compact(self, log: str, upto: int) -> bool:
        """Let go of the records up to `upto`, where a sound snapshot stands for them."""
        return await self._write(
            "compacting", lambda connection: self._upkeep.compact(connection, log, upto)
        )

    async def remove(self, head: Head) -> bool:
        """Let go of a log that is as `head` says, and at rest."""

        async def work(connection: Connection) -> bool:
            self._appender.forget(head.log)
            return await self._upkeep.remove(connection, head)

        return await self._write("removing a log", work)

    async def restore(self, copy: Copy) -> bool:
        """Take over a log from elsewhere; see the port.

        Raises:
            ValueError, TypeError: as `fencing.check_copy` and `codec.encoded`; or its name, or
                a consumer's, is too long.
        """
        check_copy(copy, self._layout.projections.values())
        check_name(copy.head.log)
        check_consumers(copy.head.log, dict(copy.consumers))
        rows = stretches(copy.records, copy.head.log)
        return await self._write(
            "restoring a log",
            lambda connection: self._upkeep.restore(connection, copy, rows),
        )

    # -- reading

    async def read(self, log: str, caller: Caller | None = None) -> Stored | None:
        """The log, if there is one that `caller` may see; see the port."""
        found = await self._read(
            lambda connection: self._reader.log(connection, log, caller, whole=False)
        )
        return None if found is None else await self._stored(found)

    async def _stored(self, found: Found) -> Stored | None:
        """What was found; without its snapshot if that is damaged and the log has it all."""
        try:
            return self._reader.stored(found)
        except Damaged:
            log = head_of(found[:5]).log
        again = await self._read(
            lambda connection: self._reader.log(connection, log, None, whole=True)
        )
        return None if again is None else self._reader.stored(again, whole=True)

    async def page(self, log: str, after: int, limit: int) -> tuple[Record, ...] | None:
        """At most `limit` records after `after`; None if they are no longer kept."""
        found = await self._read(
            lambda connection: self._reader.page(connection, log, after, limit)
        )
        if found is None:
            return ()
        floor, head, frames = found
        if after < floor:
            return None
        return records(log, frames, after, max(after, min(after + limit, head)))

    async def find(self, key: str) -> Place | None:
        """Where the append that bore `key` began."""
        return await self._read(lambda connection: self._reader.find(connection, key))

    async def list(self, query: Query) -> Listing:
        """One page of what matches. Costs grow with what the owner and tenant have.

        Raises:
            ValueError: the projection, or a column that the query names, is not known.
        """
        checked(query.projection, self._layout.projections, query.where)
        total, found = await self._read(lambda connection: self._reader.listing(connection, query))
        page = [await self._stored(each) for each in found[: query.size]]
        logs = [each for each in page if each is not None]
        return self._reader.listed(query, total, found, logs)

    async def head(self, log: str) -> Head | None:
        """Where a log ends."""
        return await self._read(lambda connection: self._upkeep.head(connection, log))

    async def heads(
        self, after: str = "", limit: int = 256, *, active: bool = False
    ) -> Sequence[Head]:
        """Logs by name."""
        return await self._read(
            lambda connection: self._upkeep.heads(connection, after, limit, active)
        )

    async def unconsumed(
        self, family: str, after: tuple[str, str] = ("", ""), limit: int = 256
    ) -> Sequence[Left]:
        """Where the consumers of a family are to go on, by their names and those of the logs."""
        return await self._read(
            lambda connection: self._upkeep.unconsumed(connection, family, after, limit)
        )

    async def place(self, consumer: str, log: str) -> Place | None:
        """Where a consumer is to go on in one log."""
        return await self._read(lambda connection: self._upkeep.place(connection, consumer, log))

    async def surplus(self, keep: Keep, limit: int = 256) -> Sequence[Head]:
        """Logs beyond what is to be kept, the oldest first; none that is active.

        Raises:
            ValueError: the projection is not known.
        """
        checked(keep.projection, self._layout.projections, ())
        return await self._read(lambda connection: self._upkeep.surplus(connection, keep, limit))

    # -- connections

    async def _write(self, doing: str, work: Callable[[Connection], Awaitable[T]]) -> T:
        return await self._here().writer.run(doing, work)

    async def _read(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        return await self._here().reader.run("reading", work)

    def _here(self) -> Opened:
        opened = self._opened
        if opened is None:
            raise StorageError(f"{self!r} is not open: await open() first")
        if opened.process != os.getpid():
            raise StorageError(
                f"{self!r} was opened by process {opened.process}, before a fork; "
                "a database connection does not survive that: open a journal here"
            )
        if opened.loop is not asyncio.get_running_loop():
            raise StorageError(f"{self!r} was opened on another event loop: open it on this one")
        return opened


async def _nothing(connection: Connection) -> None:
    """Connecting is all."""
