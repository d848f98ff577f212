"""The tables of a journal in PostgreSQL: names, creation, versions, and those of the rows.

Since version 2 a row of `records` holds several, whose last one `seq` is.

Text is ordered by its bytes (COLLATE "C"), as the port orders names. A name with a digit in it is
never that of a projection or of its columns.

Neighbours: `postgres_link.py` (connections), `postgres_append.py` and `postgres_read.py` (what is
written and read).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, TypeAlias

import asyncpg

from actors.runtime.journal.errors import StorageError
from actors.runtime.journal.projection import Projection, Row

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

SCHEMA_VERSION: Final = 2
PREFIX: Final = 64
"""Characters of owner and tenant in an index: both may be longer than an index can hold."""
_NAME: Final = re.compile(r"[a-z_][a-z0-9_]{0,47}")
_TYPES: Final = {str: 'text COLLATE "C"', int: "bigint"}

_TABLES: Final = """
CREATE TABLE journal_version (version bigint NOT NULL);
CREATE SEQUENCE log_ids;
CREATE TABLE logs (
    id bigint PRIMARY KEY,
    log text COLLATE "C" NOT NULL UNIQUE,
    head bigint NOT NULL,
    epoch bigint NOT NULL,
    active boolean NOT NULL,
    floor bigint NOT NULL,
    bytes bigint NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX logs_active ON logs (log) WHERE active;
CREATE TABLE records (
    id bigint NOT NULL,
    seq bigint NOT NULL,
    frame bytea NOT NULL,
    held int NOT NULL DEFAULT 1,
    PRIMARY KEY (id, seq)
);
CREATE TABLE snapshots (
    id bigint PRIMARY KEY,
    seq bigint NOT NULL,
    crc bigint NOT NULL,
    payload bytea NOT NULL
);
CREATE TABLE keys (
    key text COLLATE "C" PRIMARY KEY,
    id bigint NOT NULL,
    seq bigint NOT NULL
);
CREATE INDEX keys_of_log ON keys (id);
CREATE TABLE consumers (
    consumer text COLLATE "C" NOT NULL,
    log text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (consumer, log)
) WITH (fillfactor = 70);
CREATE INDEX consumers_of_log ON consumers (log);
"""


_MIGRATIONS: Final = {
    1: """ALTER TABLE {schema}.records ADD COLUMN held int NOT NULL DEFAULT 1;
        UPDATE {schema}.journal_version SET version = 2;""",
}
"""Version -> what makes it the next one."""


class Layout:
    """The names of one journal's tables, and the projections that it was opened with."""

    def __init__(self, schema: str) -> None:
        if not _NAME.fullmatch(schema):
            raise ValueError(
                f"schema={schema!r} is no name for a journal's schema: use a-z, 0-9 and _, "
                "at most 48 characters"
            )
        self.name = schema
        self.schema = f'"{schema}"'
        self.projections: dict[str, Projection] = {}
        self.row_tables: tuple[str, ...] = ()
        """Every table of rows in the schema, also of projections not known now."""

    def learn(self, projections: Iterable[Projection]) -> bool:
        """Add projections; True if there was a new one.

        Raises:
            ValueError: there is another one of that name, or of that type of row.
        """
        before = dict(self.projections)
        after = before | {each.name: each for each in projections}
        for each in (*before.values(), *projections):
            if after[each.name] != each:
                raise ValueError(f"there are two projections {each.name!r}, which differ")
        if len({each.row for each in after.values()}) < len(after):
            raise ValueError(f"two of the projections {sorted(after)} have the same type of row")
        self.projections = after
        return after != before

    def become(self, other: Layout) -> None:
        """Be as another one of the same schema is."""
        self.projections, self.row_tables = other.projections, other.row_tables

    def forget(self) -> None:
        """Know no projection."""
        self.projections, self.row_tables = {}, ()

    def of_row(self, log: str, row: Row | None) -> Projection | None:
        """The projection of a row.

        Raises:
            ValueError: it is of none that the journal knows.
        """
        for projection in self.projections.values():
            if type(row) is projection.row:
                return projection
        if row is None:
            return None
        raise ValueError(
            f"the row of log {log!r} is a {type(row).__name__}, and the journal was opened with no "
            "projection of such rows"
        )

    def table(self, name: str) -> str:
        """A table by its name."""
        return f'{self.schema}."{name}"'

    def rows(self, projection: Projection) -> str:
        """The table of a projection's rows."""
        return self.table(f"rows_{projection.name}")


def columns(projection: Projection, of: str) -> str:
    """The columns of a projection in the table (or alias) `of`."""
    return ", ".join(f'{of}."{name}"' for name in projection.columns)


async def create(connection: Connection, layout: Layout) -> None:
    """Make what is missing; to be called by the holder of the journal's lock.

    Raises:
        StorageError: what is there belongs to something else, or to a newer release.
    """
    encoding = await connection.fetchval("SHOW server_encoding")
    if encoding != "UTF8":
        raise StorageError(
            f"the database has the encoding {encoding}, a journal needs UTF8: "
            "create one with ENCODING 'UTF8'"
        )
    async with connection.transaction():
        if await connection.fetchval("SELECT to_regnamespace($1) IS NULL", layout.schema):
            await connection.execute(f"CREATE SCHEMA {layout.schema}")
        tables = await _tables(connection, layout)
        if not tables:
            await connection.execute(f"SET LOCAL search_path = {layout.schema}; {_TABLES}")
            await connection.execute(
                f"INSERT INTO {layout.table('journal_version')} VALUES ({SCHEMA_VERSION})"  # noqa: S608 - a constant, and a name that Layout has checked
            )
        else:
            await _check_version(connection, layout, tables)
        for projection in layout.projections.values():
            await _create_rows(connection, layout, projection)
        found = await _tables(connection, layout)
        layout.row_tables = tuple(
            layout.table(name) for name in sorted(found) if name.startswith("rows_")
        )


async def _tables(connection: Connection, layout: Layout) -> set[str]:
    found = await connection.fetch(
        "SELECT tablename FROM pg_tables WHERE schemaname = $1", layout.name
    )
    return {row[0] for row in found}


async def _check_version(connection: Connection, layout: Layout, tables: set[str]) -> None:
    if "journal_version" not in tables:
        raise StorageError(
            f"schema {layout.schema} holds tables of something else ({', '.join(sorted(tables))}); "
            "give the journal a schema of its own"
        )
    version = await connection.fetchval(
        f"SELECT max(version) FROM {layout.table('journal_version')}"  # noqa: S608 - Layout has checked the name
    )
    if version not in range(1, SCHEMA_VERSION + 1):
        raise StorageError(
            f"schema {layout.schema} has version {version}, this release knows 1 to "
            f"{SCHEMA_VERSION}: run the release that wrote it, or a newer one"
        )
    for older in range(version, SCHEMA_VERSION):
        await connection.execute(_MIGRATIONS[older].format(schema=layout.schema))


async def _create_rows(connection: Connection, layout: Layout, projection: Projection) -> None:
    table, name = layout.rows(projection), f"rows_{projection.name}"
    found = await connection.fetch(
        "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute "
        "WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        table,
    )
    due = {column: _TYPES[kind].split()[0] for column, kind in projection.columns.items()}
    if found:
        there = {row[0]: row[1] for row in found[2:]}
        if list(there.items()) != list(due.items()):
            raise StorageError(
                f"{table} has the columns {there}, the projection {projection.name!r} has {due}: "
                "alter the table, or give the projection another name"
            )
        return
    listed = "".join(
        f', "{column}" {_TYPES[kind]} NOT NULL' for column, kind in projection.columns.items()
    )
    state, newest = f'"{projection.listed}"', f'"{projection.newest}"'
    await connection.execute(
        f'CREATE TABLE {table} (id0 bigint CONSTRAINT "{name}_0" PRIMARY KEY, '
        f'log0 text COLLATE "C" NOT NULL{listed}) WITH (fillfactor = 70);'
        f'CREATE INDEX "{name}_1" ON {table} '
        f"(left(owner, {PREFIX}), left(tenant, {PREFIX}), {newest} DESC, log0 DESC) "
        f"WHERE {state} <> 0;"
        f'CREATE INDEX "{name}_2" ON {table} ({state}, {newest}, log0);'
    )
