"""Rows of the tables that a2a-sdk's own stores write, in SQLite or PostgreSQL.

The columns are those of `a2a.server.models`. That module needs SQLAlchemy, this one does not: rows
are read with the databases' own drivers.

Neighbours: `sdk_rows.py` (tasks), `sdk_hooks.py` (webhooks).
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any, Final, NamedTuple

from actors.cli.failure import CommandError
from actors.storage.choose import is_dsn

_PAGE: Final = 256

Row = Mapping[str, Any]


class Table(NamedTuple):
    """A table that one of a2a-sdk's stores writes."""

    name: str
    store: str
    """The class that writes it."""
    columns: tuple[str, ...]
    needed: frozenset[str]
    """Those without which it is another table: older releases had fewer."""
    task: str
    """The column that has the task's id."""
    option: str
    """Of the command line, by which another one is named."""
    optional: bool = False
    """Where there is no such table there are no rows."""


async def rows_of(source: str, table: Table) -> AsyncGenerator[Row, None]:
    """Every row, by the bytes of the task's id, so that rows of two tables can be joined.

    Args:
        source: path of a SQLite file, or a DSN.
        table: to read.

    Raises:
        CommandError: there is no such table, or it cannot be read.
    """
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", table.name):
        raise CommandError(f"{table.name!r} is no name of a table", 2)
    if is_dsn(source):
        async with aclosing(_from_postgres(source, table)) as rows:
            async for row in rows:
                yield row
    else:
        for row in _from_sqlite(Path(source), table):
            yield row


def _from_sqlite(path: Path, table: Table) -> Iterator[Row]:
    if not path.is_file():
        raise CommandError(f"there is no database at {path}", 2)
    try:
        uri = path.absolute().as_uri() + "?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as db:
            db.row_factory = sqlite3.Row
            there = {row["name"] for row in db.execute(f'PRAGMA table_info("{table.name}")')}
            if _is_there(path, table, there):
                order = f'"{table.task}" COLLATE BINARY'
                yield from map(dict, db.execute(_select(table, there, order)))
    except sqlite3.Error as error:
        raise CommandError(f"{path} cannot be read: {error}") from error


async def _from_postgres(dsn: str, table: Table) -> AsyncGenerator[Row, None]:
    import asyncpg  # here, since it is an extra of its own

    from actors.storage.postgres_errors import Address

    connection = None
    try:
        address = Address(dsn)
        connection = await asyncpg.connect(dsn)
        names = "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0"
        there = {row[0] for row in await connection.fetch(names, f'"{table.name}"')}
        if not _is_there(address, table, there):
            return
        order = f'CAST("{table.task}" AS text) COLLATE "C"'
        async with connection.transaction(readonly=True):
            cursor = connection.cursor(_select(table, there, order), prefetch=_PAGE)
            async for row in cursor:
                yield dict(row)
    except ValueError as error:
        raise CommandError(str(error), 2) from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        raise CommandError(str(address.error(error, "reading"))) from None  # has no password in it
    finally:
        if connection is not None:
            connection.terminate()


def _is_there(where: object, table: Table, there: set[str]) -> bool:
    if there >= table.needed:
        return True
    if table.optional and not there:
        return False
    lacking = sorted(table.needed - there)
    what = f"a table {table.name!r} without {lacking}" if there else "none such"
    raise CommandError(
        f"{where} has no table {table.name!r} of a2a-sdk's {table.store} (found {what}); "
        f"name another one with {table.option}",
        2,
    )


def _select(table: Table, there: set[str], order: str) -> str:
    """A statement that reads the columns that there are."""
    columns = ", ".join(f'"{name}"' for name in table.columns if name in there)
    return f'SELECT {columns} FROM "{table.name}" ORDER BY {order}'  # noqa: S608 - checked names
