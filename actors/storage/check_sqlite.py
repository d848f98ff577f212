"""Check of a journal's file: what SQLite says of it, then every row of every table, then the logs.

The file is opened strictly read-only, beside a server or after a kill. Nothing is trusted: what the
tables say of one another is compared, each frame is decoded, and its bytes are those that were
written, by their CRC. Each table is gone through once; only what is wrong is kept in memory.

Neighbours: `check_wal.py` (SQLite's own log), `check.py` (the logs), `schema.py` (the tables).
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, Final

from actors.runtime.journal.errors import JournalCorrupt, StorageError, StorageUnavailable
from actors.storage.check import check
from actors.storage.check_wal import check_wal
from actors.storage.codec import decoded
from actors.storage.findings import Finding, Tally
from actors.storage.log import STRIDE
from actors.storage.rows import names_of
from actors.storage.sqlite_source import SqliteSource, read_only, wal_of

Row = tuple[Any, ...]

_RECORDS: Final = """SELECT r.id, r.seq, r.held, r.previous, r.frame, l.log, l.head, l.floor,
    p.log = r.log, p.seq FROM records AS r LEFT JOIN logs AS l ON l.id = r.log
    LEFT JOIN records AS p ON p.id = r.previous ORDER BY r.id"""
_LOGS: Final = """SELECT l.log, l.head, l.floor, l.bytes, l.head_record, h.log = l.id, h.seq,
    coalesce(c.records, 0), coalesce(c.bytes, 0)
    FROM logs AS l LEFT JOIN records AS h ON h.id = l.head_record LEFT JOIN
    (SELECT log, sum(held) AS records, sum(length(frame)) AS bytes FROM records GROUP BY log) AS c
    ON c.log = l.id ORDER BY l.log"""
_MARKS: Final = """SELECT l.log, l.floor, l.head, m.log, m.seq, m.record, r.log = m.log, r.seq,
    r.held FROM marks AS m LEFT JOIN logs AS l ON l.id = m.log
    LEFT JOIN records AS r ON r.id = m.record"""
_MISSING: Final = f"""SELECT l.log, l.head / {STRIDE} - l.floor / {STRIDE}, coalesce(m.marks, 0)
    FROM logs AS l LEFT JOIN (SELECT log, count(*) AS marks FROM marks GROUP BY log) AS m
    ON m.log = l.id WHERE l.head / {STRIDE} - l.floor / {STRIDE} != coalesce(m.marks, 0)"""  # noqa: S608 - a constant
_ASTRAY: Final = {
    "snapshot": "SELECT log, seq FROM snapshots WHERE log NOT IN (SELECT id FROM logs)",
    "key": "SELECT key, log, seq FROM keys WHERE log NOT IN (SELECT id FROM logs)",
    "consumer": "SELECT consumer, log, seq FROM consumers WHERE log NOT IN (SELECT log FROM logs)",
}
_TYPES: Final = {
    "logs": "log text, head epoch head_record active floor bytes integer",
    "records": "log seq previous held integer, frame blob",
    "snapshots": "seq crc integer, payload blob",
    "keys": "key text, log seq integer",
    "consumers": "consumer log text, seq integer",
    "marks": "log seq record integer",
}
_AGAIN: Final = "a log with all of it: restore a backup"


async def check_file(path: Path, tally: Tally) -> AsyncIterator[Finding]:
    """Everything that is wrong with a file.

    Raises:
        StorageUnavailable: it cannot be read now.
        StorageError: it is no journal of this release.
    """
    for finding in check_wal(wal_of(path)):
        yield finding
    try:
        with read_only(path) as db:
            async for finding in _check(db, path, tally):
                yield finding
    except JournalCorrupt as error:
        yield Finding(str(error), "a file that SQLite can read")


async def _check(db: sqlite3.Connection, path: Path, tally: Tally) -> AsyncIterator[Finding]:
    suspects: set[str | None] = set()
    """Logs of which something was said already."""
    for look in (_integrity, _types, _logs, _records, _marks, _astray, _rows):
        for finding in _guarded(look, db):
            suspects.add(finding.log)
            yield finding
    try:
        source = SqliteSource(db, path)
        async for finding in check(source, tally):
            unread = finding.expected == "what was written"
            if not (unread and finding.log in suspects):
                yield finding
    except StorageUnavailable:
        raise
    except (StorageError, sqlite3.Error, UnicodeDecodeError, TypeError, ValueError) as error:
        if not suspects:
            yield Finding(f"what cannot be read ({error!r})", _AGAIN)


def _guarded(
    look: Callable[[sqlite3.Connection], Iterator[Finding]], db: sqlite3.Connection
) -> Iterator[Finding]:
    """One look at the file; that it cannot be finished is a finding too.

    Raises:
        sqlite3.OperationalError: it cannot be read now.
    """
    try:
        yield from look(db)
    except (sqlite3.Error, UnicodeDecodeError, TypeError) as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM):
            raise
        yield Finding(f"what SQLite cannot read ({error})", _AGAIN)


def _integrity(db: sqlite3.Connection) -> Iterator[Finding]:
    for (said,) in db.execute("PRAGMA integrity_check"):
        if said != "ok":
            yield Finding(f"SQLite's integrity_check says: {' '.join(said.split())}", "ok")


def _types(db: sqlite3.Connection) -> Iterator[Finding]:
    """Columns that hold what nobody has put there."""
    for table, told in _TYPES.items():
        for group in told.split(", "):
            *columns, kind = group.split()
            wrong = " OR ".join(f"typeof({column}) != '{kind}'" for column in columns)
            count = db.execute(f"SELECT count(*) FROM {table} WHERE {wrong}").fetchone()[0]  # noqa: S608 - constants
            if count:
                yield Finding(f"{count} rows of {table!r} of another type", f"{kind} in {columns}")


def _logs(db: sqlite3.Connection) -> Iterator[Finding]:
    """Heads before or beyond the records, and records that no head reaches."""
    for log, head, floor, size, last, same, seq, count, written in db.execute(_LOGS):
        if head > floor and not (same and seq == head):
            found = f"head {head} at rowid {last}, which is record {seq if same else None} of it"
            yield Finding(found, f"its record {head}", log)
        if count != head - floor:
            found = f"{count} records, with the head at {head} and the floor at {floor}"
            yield Finding(found, f"{head - floor} records", log)
        if size != written:
            yield Finding(f"{size} bytes told beside it", f"{written}, as its records have", log)


def _records(db: sqlite3.Connection) -> Iterator[Finding]:
    """Frames, and the links between the rows that they stand in."""
    for id_, last, held, previous, frames, log, head, floor, same, before in db.execute(_RECORDS):
        if type(log) is not str:
            yield Finding(f"record {last} at rowid {id_} of no log", "a log that it is of")
            continue
        below = last - held
        try:
            written = [record.seq for record in decoded(frames, log)]
        except JournalCorrupt as error:
            yield Finding(str(error), "the frame that was written", log, below + 1)
            continue
        if len(written) != held:
            yield Finding(f"{len(written)} frames", f"{held}, as their row says", log, last)
            continue
        for due, seq in enumerate(written, below + 1):
            if seq != due:
                yield Finding(f"the frame of record {seq}", f"that of {due}", log, due)
        if not floor <= below < last <= head:
            found = f"a record {last}" if held == 1 else f"records {below + 1} to {last}"
            yield Finding(found, f"{floor + 1} to {head}", log, last)
        elif not below and previous:
            yield Finding(f"a record before it at rowid {previous}", "none", log, below + 1)
        elif below > floor and not (same and before == below):
            found = f"rowid {previous} as the record before it, which is {_what(same, before)}"
            yield Finding(found, f"record {below} of this log", log, below + 1)


def _what(same: int | None, before: int | None) -> str:
    if same is None:
        return "not there"
    return f"record {before} of {'this' if same else 'another'} log"


def _marks(db: sqlite3.Connection) -> Iterator[Finding]:
    """Marks that lead to something else, or are missing."""
    for log, floor, head, id_, seq, record, same, found, held in db.execute(_MARKS):
        if log is None:
            yield Finding(f"a mark of log number {id_}, which is not there", "a log")
        elif not floor < seq <= head or seq % STRIDE or not same or not found - held < seq <= found:
            text = f"a mark for record {seq} at rowid {record}, which is {_what(same, found)}"
            yield Finding(text, f"one for each {STRIDE}th record of it", log, seq)
    for log, due, count in db.execute(_MISSING):
        yield Finding(f"{count} marks", f"{due}, one for each {STRIDE}th record", log)


def _astray(db: sqlite3.Connection) -> Iterator[Finding]:
    """What belongs to no log."""
    for what, select in _ASTRAY.items():
        for found in db.execute(select):
            yield Finding(f"a {what} {found!r} of a log that is not there", "a log")


def _rows(db: sqlite3.Connection) -> Iterator[Finding]:
    """Rows beside no log, or beside another one than they say, or two beside one."""
    seen: list[str] = []
    for table in names_of(db):
        select = f"""SELECT r._id, r._log, l.log FROM "{table}" AS r LEFT JOIN logs AS l
            ON l.id = r._id WHERE l.log IS NOT r._log"""  # noqa: S608 - a table's own name
        for id_, told, log in db.execute(select):
            found = f"a row of {table!r} for log {told!r}, beside log number {id_}, {log!r}"
            yield Finding(found, "the log that it is beside", log)
        select = f"""SELECT l.log, r._cut, l.floor, l.head FROM "{table}" AS r
            JOIN logs AS l ON l.id = r._id WHERE r._cut != (l.floor = l.head)"""  # noqa: S608 - a table's own name
        for log, cut, floor, head in db.execute(select):
            found = f"_cut {cut} in {table!r}, with the floor at {floor} and the head at {head}"
            yield Finding(found, f"{int(floor == head)}", log)
        for other in seen:
            both = f'SELECT _log FROM "{table}" WHERE _id IN (SELECT _id FROM "{other}")'  # noqa: S608 - as above
            for (log,) in db.execute(both):
                yield Finding(f"rows in {other!r} and in {table!r}", "one of them", log)
        seen.append(table)
