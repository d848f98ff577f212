"""Tasks out of the table of a2a-sdk's own DatabaseTaskStore, in SQLite or PostgreSQL.

Its columns are those of `a2a.server.models.TaskMixin`. That module needs SQLAlchemy, this one does
not: rows are read with the databases' own drivers, and turned into Tasks as the store does it.

Neighbours: `journal.py` (the command), `actors/storage/adopt.py` (what becomes of them).
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Any, Final

from a2a.compat.v0_3 import types as types_v03
from a2a.compat.v0_3.conversions import to_core_task
from a2a.types import StreamResponse, Task
from google.protobuf.json_format import ParseDict

from actors.a2a.sayable import unsayable
from actors.cli.failure import CommandError
from actors.storage.adopt import Owned
from actors.storage.choose import is_dsn

_COLUMNS: Final = (
    *("id", "context_id", "owner", "last_updated"),
    *("status", "artifacts", "history", "metadata", "protocol_version"),
)
_NEEDED: Final = frozenset({"id", "context_id", "status"})
_JSON: Final = ("status", "artifacts", "history", "metadata")
_PAGE: Final = 256

Row = Mapping[str, Any]


async def owned_tasks(source: str, table: str, unreadable: list[str]) -> AsyncIterator[Owned]:
    """Every task in the store, by id.

    Args:
        source: path of a SQLite file, or a DSN.
        table: of the tasks.
        unreadable: what is wrong with rows that are none of a2a-sdk, and what was changed in
            others, is added here.

    Raises:
        CommandError: there is no such store.
    """
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", table):
        raise CommandError(f"{table!r} is no name of a table", 2)
    rows = _from_postgres(source, table) if is_dsn(source) else _from_sqlite(Path(source), table)
    async for row in rows:
        changed: list[str] = []
        try:
            task = owned(row, changed)
        except Exception as error:  # noqa: BLE001 - foreign JSON provokes whatever it provokes
            unreadable.append(f"task {row['id']!r:.80} cannot be read: {_line(error)}")
            continue
        if changed:
            found = ", ".join(sorted(set(changed)))
            unreadable.append(f"task {row['id']!r:.80}: null in place of {found}, no JSON number")
        yield task


def owned(row: Row, changed: list[str]) -> Owned:
    """The task in a row.

    Args:
        row: of the table.
        changed: numbers that JSON has not, NaN above all, become null; they are added here.

    Raises:
        Exception: the row is none of a2a-sdk; mostly ParseError, ValueError or TypeError.
    """
    if not (isinstance(row["id"], str) and row["id"]):
        raise ValueError("it has no id, expected text")
    told = {name: _json(row.get(name), changed) for name in _JSON}
    new = row.get("protocol_version") == "1.0"
    task = _task(row, told) if new else _old_task(row, told)
    if not task.status.HasField("timestamp") and (at := _time(row.get("last_updated"))):
        task.status.timestamp.FromDatetime(at)
    payload = StreamResponse(task=task).SerializeToString()  # as it is kept
    kept = StreamResponse.FromString(payload)  # fails if it is nested too deeply
    if (reason := unsayable(kept, payload)) is not None:
        raise ValueError(reason)
    return Owned(task, row.get("owner") or "")


def _task(row: Row, told: Row) -> Task:
    task = Task(id=row["id"], context_id=row["context_id"])
    ParseDict(told["status"] or {}, task.status)
    for artifact in told["artifacts"] or ():
        ParseDict(artifact, task.artifacts.add())
    for message in told["history"] or ():
        ParseDict(message, task.history.add())
    if told["metadata"]:
        task.metadata.update(told["metadata"])
    return task


def _old_task(row: Row, told: Row) -> Task:
    """A row of a release that kept tasks in the form of A2A 0.3."""
    fields = {name: value for name, value in told.items() if value is not None}
    fields |= {"id": row["id"], "context_id": row["context_id"]}
    return to_core_task(types_v03.Task.model_validate(fields))


def _json(value: object, changed: list[str]) -> Any:
    def finite(text: str) -> float | None:
        if isfinite(number := float(text)):
            return number
        changed.append(text)
        return None

    if isinstance(value, bytes):
        raise TypeError("it has bytes where JSON belongs")
    if not isinstance(value, str):
        return value
    return json.loads(value, parse_float=finite, parse_constant=finite)


def _line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{text or type(error).__name__:.500}"


def _time(value: object) -> datetime | None:
    """A time as the databases give it: naive, UTC."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else None


async def _from_sqlite(path: Path, table: str) -> AsyncIterator[Row]:
    for row in _rows_of(path, table):
        yield row


def _rows_of(path: Path, table: str) -> Iterator[Row]:
    if not path.is_file():
        raise CommandError(f"there is no database at {path}", 2)
    try:
        uri = path.absolute().as_uri() + "?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as db:
            db.row_factory = sqlite3.Row
            there = {row["name"] for row in db.execute(f'PRAGMA table_info("{table}")')}
            yield from map(dict, db.execute(_select(path, table, there)))
    except sqlite3.Error as error:
        raise CommandError(f"{path} cannot be read: {error}") from error


async def _from_postgres(dsn: str, table: str) -> AsyncIterator[Row]:
    import asyncpg  # here, since it is an extra of its own

    from actors.storage.postgres_errors import Address

    connection = None
    try:
        address = Address(dsn)
        connection = await asyncpg.connect(dsn)
        names = "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0"
        there = {row[0] for row in await connection.fetch(names, f'"{table}"')}
        async with connection.transaction(readonly=True):
            cursor = connection.cursor(_select(address, table, there), prefetch=_PAGE)
            async for row in cursor:
                yield dict(row)
    except ValueError as error:
        raise CommandError(str(error), 2) from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        raise CommandError(str(address.error(error, "reading"))) from None  # has no password in it
    finally:
        if connection is not None:
            connection.terminate()


def _select(where: object, table: str, there: set[str]) -> str:
    """A statement that reads the columns that there are: older releases had fewer."""
    if not there >= _NEEDED:
        what = f"a table {table!r} without {sorted(_NEEDED - there)}" if there else "none such"
        raise CommandError(
            f"{where} has no table {table!r} of a2a-sdk's DatabaseTaskStore (found {what}); "
            "name another one with --table",
            2,
        )
    columns = ", ".join(f'"{name}"' for name in _COLUMNS if name in there)
    return f'SELECT {columns} FROM "{table}" ORDER BY "id"'  # noqa: S608 - a checked name
