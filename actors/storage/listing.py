"""Many logs of the SQLite file: listings, heads, what consumers have left, what is surplus.

Neighbours: `log.py` (one log), `rows.py` (the indexes that this walks), `sqlite.py` (asks).
"""

from __future__ import annotations

import sqlite3
from typing import Final

from actors.runtime.journal.errors import JournalCorrupt
from actors.runtime.journal.port import Head, Left, Listing, Place
from actors.runtime.journal.projection import Keep, Query
from actors.storage.log import COLUMNS, WIDTH, Found, stored
from actors.storage.rows import Table

_HEADS: Final = f"""SELECT {COLUMNS} FROM logs AS l
    WHERE log > ? ORDER BY log LIMIT ?"""  # noqa: S608 - constants
_ACTIVE: Final = f"""SELECT {COLUMNS} FROM logs AS l
    WHERE active != 0 AND log > ? ORDER BY log LIMIT ?"""  # noqa: S608 - constants
_UNCONSUMED: Final = """SELECT consumer, log, seq FROM consumers
    WHERE (consumer, log) > (:consumer, :log) AND consumer >= :family AND consumer < :family || '0'
    AND (consumer = :family OR consumer >= :family || '/') ORDER BY consumer, log LIMIT :limit"""
"""'0' is what comes after '/'."""

_NOBODY_WAITS: Final = "NOT EXISTS (SELECT 1 FROM consumers AS c WHERE c.log = r._log)"
_PLACE: Final = "SELECT log, seq FROM consumers WHERE consumer = ? AND log = ?"


def listing(db: sqlite3.Connection, table: Table, query: Query) -> Listing:
    """One page of what matches. Costs grow with what the owner and tenant have."""
    count, select = statements(table, query)
    values: dict[str, object] = {
        "owner": query.owner,
        "tenant": query.tenant,
        "since": query.since,
        "limit": query.size + 1,
        **{f"is_{column}": value for column, value in query.where.items()},
    }
    total = db.execute(count, values).fetchone()[0]
    if query.after is not None:
        values["at"], values["log"] = query.after
    rows = db.execute(select, values).fetchall()
    page = [(Found.of(columns[:WIDTH]), table.made(columns[WIDTH:])) for columns in rows]
    following = None
    if len(page) > query.size:
        found, row = page[query.size - 1]
        following = (int(getattr(row, query.projection.newest)), found.head.log)
    listed = tuple(stored(db, found, row) for found, row in page[: query.size])
    return Listing(listed, total, following)


def statements(table: Table, query: Query) -> tuple[str, str]:
    """SQL that counts, and that reads a page."""
    shape = table.shape
    # Not left to the planner, which takes a state, of everybody, for narrower than an owner.
    indexed = f"{shape.table} INDEXED BY listed_{shape.projection}"
    where = f"""WHERE "owner" = :owner AND "tenant" = :tenant AND "{shape.listed}" != 0"""
    where += "".join(f' AND "{column}" = :is_{column}' for column in query.where)
    if query.since is not None:
        where += f' AND "{shape.newest}" >= :since'
    count = f"SELECT count(*) FROM {indexed} {where}"  # noqa: S608 - names are checked by Projection
    if query.after is not None:
        where += f' AND ("{shape.newest}", _log) < (:at, :log)'
    columns = ", ".join(f'r."{name}"' for name, _ in shape.columns)
    select = (
        f"SELECT {COLUMNS}, {columns} FROM "  # noqa: S608 - names are checked by Projection
        f"(SELECT * FROM {indexed} {where} "
        f'ORDER BY "{shape.newest}" DESC, _log DESC LIMIT :limit) AS r '
        f'JOIN logs AS l ON l.id = r._id ORDER BY r."{shape.newest}" DESC, r._log DESC'
    )
    return count, select


def heads(db: sqlite3.Connection, after: str, limit: int, *, active: bool) -> list[Head]:
    """One page of heads by name; SQLite compares text by its UTF-8 bytes."""
    found = db.execute(_ACTIVE if active else _HEADS, (after, limit)).fetchall()
    return [Found.of(columns).head for columns in found]


def unconsumed(
    db: sqlite3.Connection, family: str, after: tuple[str, str], limit: int
) -> list[Left]:
    """One page of the places of a family of consumers, by their names and those of the logs."""
    consumer, log = after
    values = {"family": family, "consumer": consumer, "log": log, "limit": limit}
    found = db.execute(_UNCONSUMED, values)
    return [Left(name, Place(*where)) for name, *where in found]


def place(db: sqlite3.Connection, consumer: str, log: str) -> Place | None:
    """The place of a consumer in one log."""
    found = db.execute(_PLACE, (consumer, log)).fetchone()
    return None if found is None else Place(*found)


def surplus(db: sqlite3.Connection, table: Table, keep: Keep, limit: int) -> list[Head]:
    """Logs beyond any limit, the oldest first.

    Whatever is older than surplus is surplus too, so this walks from the oldest to the first log
    that is kept. Only a limit of size has to look at all logs of the state.
    """
    count = _resting(db, table, keep) if keep.count is not None else 0
    size = 0
    if keep.size is not None:
        total = f"SELECT coalesce(sum(l.bytes), 0) {_source(table)}"
        size = db.execute(total, {"state": keep.state}).fetchone()[0]
    beyond: list[Head] = []
    asked = {"state": keep.state, "limit": limit}
    for *columns, newest, taken, _ in db.execute(oldest(table, keep), asked):
        if type(newest) is not int or type(taken) is not int:
            name = table.shape.table
            raise JournalCorrupt(f"a row of {name} or logs is damaged: restore a backup")
        old = keep.since is not None and newest < keep.since
        many = keep.count is not None and count - len(beyond) > keep.count
        if not old and not many and (keep.size is None or size <= keep.size):
            break
        size -= taken
        beyond.append(Found.of(tuple(columns)).head)
    return beyond


def oldest(table: Table, keep: Keep) -> str:
    """SQL that reads logs from the oldest on: each half by the index, and the two merged."""
    shape = table.shape
    halves = [
        f'SELECT {COLUMNS}, r."{shape.newest}" AS newest, l.bytes, r._log AS name '
        f"{_source(table)} AND r._cut = {cut}"
        for cut in ((0,) if keep.compactable else (0, 1))
    ]
    return f"{' UNION ALL '.join(halves)} ORDER BY newest, name LIMIT :limit"


def _source(table: Table) -> str:
    shape = table.shape
    return (
        f"FROM {shape.table} AS r JOIN logs AS l ON l.id = r._id "
        f'WHERE r."{shape.listed}" = :state AND l.active = 0 '
        f"AND {_NOBODY_WAITS}"
    )


def _resting(db: sqlite3.Connection, table: Table, keep: Keep) -> int:
    """How many logs of a state could go; counts those that could not, which are few."""
    name, listed = table.shape.table, table.shape.listed
    of_state = f'r."{listed}" = ?' + (" AND r._cut = 0" if keep.compactable else "")
    every = f"SELECT count(*) FROM {name} AS r WHERE {of_state}"  # noqa: S608 - names are checked by Projection
    active = (
        f"SELECT count(*) FROM logs AS l CROSS JOIN {name} AS r ON r._id = l.id "  # noqa: S608 - names are checked by Projection
        f"WHERE l.active != 0 AND {of_state}"
    )
    consumed = (
        "SELECT count(DISTINCT c.log) FROM consumers AS c CROSS JOIN logs AS l ON l.log = c.log "  # noqa: S608 - names are checked by Projection
        f"CROSS JOIN {name} AS r ON r._id = l.id WHERE l.active = 0 AND {of_state}"
    )
    total, *held = (
        int(db.execute(each, (keep.state,)).fetchone()[0]) for each in (every, active, consumed)
    )
    return total - sum(held)
