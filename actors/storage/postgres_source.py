"""The source that is a schema in PostgreSQL: read-only, of one moment, beside whoever writes to it.

Neighbours: `source.py` (the port), `postgres_schema.py` (the tables), `postgres_read.py` (frames).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg

from actors.runtime.journal.errors import JournalCorrupt, StorageError
from actors.runtime.journal.port import Head, Snapshot
from actors.runtime.journal.projection import Projection, Row, Value
from actors.runtime.journal.record import Record
from actors.storage.codec import checksum
from actors.storage.postgres_errors import Address
from actors.storage.postgres_read import HEAD, Reader, head_of, records
from actors.storage.postgres_schema import SCHEMA_VERSION, Connection, Layout, columns
from actors.storage.postgres_text import kept as kept_text
from actors.storage.postgres_text import kept_value, told, told_row
from actors.storage.source import Kept, TaskFilter, projection_of
from actors.task.listing import TASKS

# ruff: noqa: S608 - every name put into a statement was checked by Layout or Projection

_SECONDS: Final = 60.0
"""How long a statement may take, and connecting."""
_TYPES: Final[dict[str, type[Value]]] = {"text": str, "bigint": int}
_COLUMNS: Final = """SELECT attname, format_type(atttypid, NULL) FROM pg_attribute
    WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped ORDER BY attnum"""
_AGED: Final = """SELECT a.attname FROM pg_attribute AS a
    WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 ORDER BY a.attnum"""


@asynccontextmanager
async def postgres_source(dsn: str, schema: str = "actors") -> AsyncIterator[PostgresSource]:
    """The journal in a schema, in one read-only transaction.

    Raises:
        StorageUnavailable: the database cannot be reached, or did not answer in time.
        StorageError: there is no journal of this release.
    """
    try:
        address, layout = Address(dsn), Layout(schema)
    except ValueError as error:
        raise StorageError(str(error)) from error
    connection: Connection | None = None
    try:
        connection = await asyncpg.connect(dsn, timeout=_SECONDS, command_timeout=_SECONDS)
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await _learn(connection, layout, address)
            yield PostgresSource(connection, layout)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        raise address.error(error, "reading") from None  # its own text might show the password
    finally:
        if connection is not None:
            connection.terminate()


async def _learn(connection: Connection, layout: Layout, address: Address) -> None:
    """Learn the projections of the schema."""
    version = layout.table("journal_version")
    if await connection.fetchval("SELECT to_regclass($1) IS NULL", version):
        raise StorageError(
            f"there is no journal in schema {layout.name!r} of {address}: start `actors serve` "
            "with it once, or look at the DSN"
        )
    found = await connection.fetchval(f"SELECT max(version) FROM {version}")
    if found != SCHEMA_VERSION:
        what = "start `actors serve` with it once, which brings it up to date"
        newer = "read it with the release that wrote it, or a newer one"
        raise StorageError(
            f"the journal in {address} has schema version {found}, this release reads "
            f"{SCHEMA_VERSION}: {what if found < SCHEMA_VERSION else newer}"
        )
    tables = await connection.fetch(
        "SELECT tablename FROM pg_tables WHERE schemaname = $1 AND tablename LIKE 'rows\\_%' "
        "ORDER BY tablename",
        layout.name,
    )
    for (table,) in tables:
        layout.learn([await _projection(connection, layout, table)])


async def _projection(connection: Connection, layout: Layout, table: str) -> Projection:
    told_columns = await connection.fetch(_COLUMNS, layout.table(table))
    aged = await connection.fetch(_AGED, layout.table(f"{table}_2"))
    try:
        fields = [(name, _TYPES[kind]) for name, kind in told_columns[2:]]
        listed, newest, _ = (name for (name,) in aged)
        return projection_of(table.removeprefix("rows_"), fields, newest, listed)
    except (KeyError, ValueError) as error:
        raise JournalCorrupt(f"table {table!r} is not as a journal makes it: {error}") from error


class PostgresSource:
    """A journal in PostgreSQL. Use `postgres_source`."""

    def __init__(self, connection: Connection, layout: Layout) -> None:
        self._connection = connection
        self._layout = layout
        self._reader = Reader(layout)

    @property
    def projections(self) -> Sequence[Projection]:
        """Of the tables of rows in the schema."""
        return list(self._layout.projections.values())

    async def heads(self, after: str, limit: int) -> Sequence[Head]:
        """Logs by name."""
        found = await self._connection.fetch(
            f"SELECT {HEAD} FROM {self._layout.table('logs')} AS l WHERE l.log > $1 "
            "ORDER BY l.log LIMIT $2",
            *(kept_text(after), limit),
        )
        return [head_of(row) for row in found]

    async def kept(self, log: str) -> Kept | None:
        """What is beside the records.

        A key that was too long for the database is told as it is kept there: as its digest.

        Raises:
            JournalCorrupt: the snapshot is not as it was written.
        """
        layout, name = self._layout, kept_text(log)
        found = await self._connection.fetchrow(
            f"SELECT l.id, {HEAD} FROM {layout.table('logs')} AS l WHERE l.log = $1", name
        )
        if found is None:
            return None
        id_ = found[0]
        keys = await self._connection.fetch(
            f"SELECT key, seq FROM {layout.table('keys')} WHERE id = $1 ORDER BY key", id_
        )
        consumers = await self._connection.fetch(
            f"SELECT consumer, seq FROM {layout.table('consumers')} WHERE log = $1", name
        )
        return Kept(
            head_of(tuple(found)[1:]),
            await self._row(id_),
            await self._snapshot(id_, log),
            {told(key): seq for key, seq in keys},
            {told(consumer): seq for consumer, seq in consumers},
        )

    async def page(self, log: str, after: int, limit: int) -> Sequence[Record]:
        """Records of one log."""
        found = await self._reader.page(self._connection, log, after, limit)
        if found is None:
            return ()
        _, head, frames = found
        return records(log, frames, after, max(after, min(after + limit, head)))

    async def tasks(self, wanted: TaskFilter) -> Sequence[tuple[Head, Row]]:
        """The newest tasks that match."""
        if TASKS not in self.projections:
            return []
        where = wanted.where()
        conditions = "".join(f" AND r.{name} = ${n}" for n, name in enumerate(where, 2))
        found = await self._connection.fetch(
            f"SELECT {HEAD}, {columns(TASKS, 'r')} FROM {self._layout.rows(TASKS)} AS r "
            f"JOIN {self._layout.table('logs')} AS l ON l.id = r.id0 "
            f"WHERE r.state <> 0{conditions} ORDER BY r.status_at DESC, r.log0 DESC LIMIT $1",
            *(wanted.limit, *map(kept_value, where.values())),
        )
        return [(head_of(tuple(row)[:5]), self._made(TASKS, tuple(row)[5:])) for row in found]

    async def _row(self, id_: int) -> Row | None:
        for projection in self.projections:
            found = await self._connection.fetchrow(
                f"SELECT {columns(projection, 'r')} FROM {self._layout.rows(projection)} AS r "
                "WHERE r.id0 = $1",
                id_,
            )
            if found is not None:
                return self._made(projection, tuple(found))
        return None

    @staticmethod
    def _made(projection: Projection, values: tuple[Any, ...]) -> Row:
        row: Row = projection.row(*told_row(values))
        return row

    async def _snapshot(self, id_: int, log: str) -> Snapshot | None:
        found = await self._connection.fetchrow(
            f"SELECT seq, crc, payload FROM {self._layout.table('snapshots')} WHERE id = $1", id_
        )
        if found is None:
            return None
        seq, crc, payload = found
        if crc != checksum(payload, log, seq):
            raise JournalCorrupt(
                f"the snapshot of log {log!r} at {seq} has the CRC {crc}, expected "
                f"{checksum(payload, log, seq)} for its bytes"
            )
        return Snapshot(seq, payload)
