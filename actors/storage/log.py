"""How the logs lie in the SQLite file, and how they are read back.

Records of all tasks go to the end of one rowid table, in the order of their appends: nothing is
inserted in the middle of anything, so the speed does not depend on how many tasks write at once.
There is no index by task. Instead each record names the one before it in its task's log, the task's
row names the last one, and `marks` names every 64th. A page after some cursor is found by one look
into `marks` and at most 63 steps beyond its end, and costs O(records read + log n).

Neighbours: `database.py` (the schema), `sqlite.py` (writes, and wraps the errors of both).
"""

from __future__ import annotations

import sqlite3
from typing import Any, Final, NamedTuple

from actors.storage.codec import checksum, decode
from actors.task.ports import JournalCorrupt, Listing, Query, Row, Snapshot, Stored
from actors.task.record import Record

STRIDE: Final = 64
"""Every record whose number this divides is in `marks`."""

_COLUMNS: Final = """SELECT id, head_record,
    task, owner, tenant, context, state, status_at, active, head, epoch FROM tasks """
_TASK: Final = _COLUMNS + "WHERE task = ?"
_LISTED: Final = """WHERE owner = :owner AND tenant = :tenant AND state != 0
    AND (:context = '' OR context = :context) AND (:state = 0 OR state = :state)
    AND (:status_from IS NULL OR status_at >= :status_from)"""
_COUNT: Final = "SELECT count(*) FROM tasks " + _LISTED  # noqa: S608 - constants
_BEYOND: Final = " AND (status_at, task) < (:at, :id)"
_NEWEST_FIRST: Final = " ORDER BY status_at DESC, task DESC LIMIT :limit"
_CHAIN: Final = """WITH RECURSIVE chain (id, seq, previous) AS (
    SELECT id, seq, previous FROM records WHERE id = :start
    UNION ALL
    SELECT r.id, r.seq, r.previous FROM chain JOIN records AS r ON r.id = chain.previous
    WHERE chain.seq > :after + 1 LIMIT :steps
) SELECT frame FROM chain JOIN records AS r ON r.id = chain.id WHERE chain.seq <= :upto
    ORDER BY chain.seq"""


class Found(NamedTuple):
    """A task's row, and where its log ends."""

    id: int
    last: int
    """Rowid of the record at `row.head`."""
    row: Row


def find(db: sqlite3.Connection, task: str) -> Found | None:
    """The row of a task."""
    columns = db.execute(_TASK, (task,)).fetchone()
    return None if columns is None else _found(columns)


def stored(db: sqlite3.Connection, found: Found) -> Stored:
    """The row with its snapshot and every record after that."""
    snapshot = _snapshot(db, found)
    known = snapshot.seq if snapshot else 0
    return Stored(found.row, snapshot, records(db, found, known, found.row.head))


def records(db: sqlite3.Connection, found: Found, after: int, upto: int) -> tuple[Record, ...]:
    """Records `after + 1` to `upto`, walked back from the nearest one whose place is known.

    Raises:
        JournalCorrupt: they are not all there, or not as they were written.
    """
    if upto <= after:
        return ()
    mark = db.execute(
        "SELECT seq, record FROM marks WHERE task = ? AND seq >= ? ORDER BY seq LIMIT 1",
        (found.id, upto),
    ).fetchone()
    top, start = (found.row.head, found.last) if mark is None else mark
    values = {"start": start, "after": after, "upto": upto, "steps": top - after}
    frames = db.execute(_CHAIN, values).fetchall()
    task = found.row.task
    read = tuple(decode(frame, task) for (frame,) in frames)
    if [record.seq for record in read] != list(range(after + 1, upto + 1)):
        raise JournalCorrupt(
            f"the log of task {task!r} is broken: walking back from rowid {start} for records "
            f"{after + 1} to {upto} found {[record.seq for record in read]}"
        )
    return read


def listing(db: sqlite3.Connection, query: Query) -> Listing:
    """One page of what matches. Costs grow with what the owner and tenant have."""
    values: dict[str, object] = {
        "owner": query.owner,
        "tenant": query.tenant,
        "context": query.context,
        "state": query.state,
        "status_from": query.status_from,
        "limit": query.size + 1,
    }
    total = db.execute(_COUNT, values).fetchone()[0]
    select = _COLUMNS + _LISTED
    if query.after is not None:
        values["at"], values["id"] = query.after
        select += _BEYOND
    rows = db.execute(select + _NEWEST_FIRST, values).fetchall()
    page = [_found(columns) for columns in rows[: query.size]]
    last = page[-1].row if len(rows) > query.size else None
    following = None if last is None else (last.status_at, last.task)
    return Listing(tuple(stored(db, found) for found in page), total, following)


def active(db: sqlite3.Connection) -> list[str]:
    """Tasks whose row says active, the oldest first."""
    found = db.execute("SELECT task FROM tasks WHERE active = 1 ORDER BY id").fetchall()
    return [task for (task,) in found]


def _found(columns: tuple[Any, ...]) -> Found:
    id_, last, task, owner, tenant, context, state, status_at, busy, head, epoch = columns
    row = Row(task, owner, tenant, context, state, status_at, bool(busy), head, epoch)
    return Found(id_, last, row)


def _snapshot(db: sqlite3.Connection, found: Found) -> Snapshot | None:
    """The snapshot, or None when there is none or it is damaged: the log has it all."""
    kept = db.execute(
        "SELECT seq, crc, payload FROM snapshots WHERE task = ?", (found.id,)
    ).fetchone()
    if kept is None:
        return None
    seq, crc, payload = kept
    if type(payload) is not bytes or not isinstance(seq, int) or seq > found.row.head:
        return None
    return Snapshot(seq, payload) if crc == checksum(payload, found.row.task, seq) else None
