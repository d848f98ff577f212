"""Tasks out of the table of a2a-sdk's own DatabaseTaskStore, in SQLite or PostgreSQL.

Rows are turned into Tasks as the store does it.

Neighbours: `journal.py` (the command), `sdk_tables.py` (reads rows), `sdk_hooks.py` (webhooks),
`actors/storage/adopt.py` (what becomes of them).
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime
from math import isfinite
from typing import Any, Final

from a2a.compat.v0_3 import types as types_v03
from a2a.compat.v0_3.conversions import to_core_task
from a2a.types import StreamResponse, Task
from google.protobuf.json_format import ParseDict

from actors.a2a.sayable import unsayable
from actors.cli.sdk_tables import Row, Table, rows_of
from actors.storage.adopt import Owned

_COLUMNS: Final = (
    *("id", "context_id", "owner", "last_updated"),
    *("status", "artifacts", "history", "metadata", "protocol_version"),
)
_NEEDED: Final = frozenset({"id", "context_id", "status"})
_JSON: Final = ("status", "artifacts", "history", "metadata")


async def owned_tasks(
    source: str, table: str, unreadable: list[str]
) -> AsyncGenerator[Owned, None]:
    """Every task in the store, by id.

    Args:
        source: path of a SQLite file, or a DSN.
        table: of the tasks.
        unreadable: what is wrong with rows that are none of a2a-sdk, and what was changed in
            others, is added here.

    Raises:
        CommandError: there is no such store.
    """
    what = Table(table, "DatabaseTaskStore", _COLUMNS, _NEEDED, "id", "--table")
    async with aclosing(rows_of(source, what)) as rows:
        async for row in rows:
            if (task := _told(row, unreadable)) is not None:
                yield task


def _told(row: Row, unreadable: list[str]) -> Owned | None:
    """The task in a row; what is wrong with it is told."""
    changed: list[str] = []
    try:
        task = owned(row, changed)
    except Exception as error:  # noqa: BLE001 - foreign JSON provokes whatever it provokes
        unreadable.append(f"task {row['id']!r:.80} cannot be read: {_line(error)}")
        return None
    if changed:
        found = ", ".join(sorted(set(changed)))
        unreadable.append(f"task {row['id']!r:.80}: null in place of {found}, no JSON number")
    return task


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
