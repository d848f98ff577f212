"""Letting go of records and of logs in a SQLite file, and taking a whole log over.

Each function is all of one transaction; comparing and deleting are one.

Neighbours: `log.py` (the layout), `logwriter.py` (appends), `filewriter.py` (the transactions).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

from actors.runtime.journal.errors import JournalCorrupt
from actors.runtime.journal.port import Head, Snapshot
from actors.storage import log
from actors.storage.codec import checksum
from actors.storage.entries import Whole
from actors.storage.rows import Shape, cut
from actors.storage.stretches import left_of

_SAVE_SNAPSHOT: Final = """INSERT INTO snapshots (log, seq, crc, payload)
    SELECT id, :seq, :crc, :payload FROM logs WHERE log = :log AND head >= :seq
    ON CONFLICT (log) DO UPDATE SET seq = :seq, crc = :crc, payload = :payload
    WHERE excluded.seq > snapshots.seq"""
_FINISH: Final = """DELETE FROM consumers WHERE consumer = :consumer AND log = :log
    AND :seq >= (SELECT head FROM logs WHERE log = :log)"""
_ADVANCE: Final = """UPDATE consumers SET seq = :seq
    WHERE consumer = :consumer AND log = :log AND seq < :seq"""
_UNFINISHED: Final = "SELECT min(seq) FROM consumers WHERE log = ?"
_SIZE: Final = f"""{log.CHAIN} SELECT coalesce(sum(held), 0), coalesce(sum(length(frame)), 0)
    FROM chain JOIN records USING (id) WHERE chain.seq <= :upto"""  # noqa: S608 - constants
_ACROSS: Final = f"""{log.CHAIN} SELECT id, chain.seq, frame FROM chain JOIN records USING (id)
    WHERE chain.seq > :upto AND below < :upto"""  # noqa: S608 - constants
_DELETE: Final = f"""{log.CHAIN} DELETE FROM records
    WHERE id IN (SELECT id FROM chain WHERE seq <= :upto)"""  # noqa: S608 - constants
_KEEP: Final = "UPDATE records SET frame = ?, held = ? WHERE id = ?"
_SHORTEN: Final = """UPDATE logs SET floor = :upto, bytes = bytes - :taken,
    head_record = CASE WHEN head = :upto THEN 0 ELSE head_record END WHERE id = :id"""
_BEGIN: Final = """INSERT INTO logs (log, head, epoch, head_record, active, floor, bytes)
    VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"""


def save_snapshot(db: sqlite3.Connection, name: str, snapshot: Snapshot) -> None:
    """Keep `snapshot` unless it is older than the one kept or newer than the log."""
    crc = checksum(snapshot.payload, name, snapshot.seq)
    values = {"log": name, "seq": snapshot.seq, "crc": crc, "payload": snapshot.payload}
    db.execute(_SAVE_SNAPSHOT, values)


def consumed(db: sqlite3.Connection, consumer: str, name: str, seq: int) -> None:
    """Move a consumer forwards; forget it when it is done with the head."""
    values = {"consumer": consumer, "log": name, "seq": seq}
    if not db.execute(_FINISH, values).rowcount:
        db.execute(_ADVANCE, values)


def compact(db: sqlite3.Connection, name: str, upto: int, tables: Iterable[str]) -> bool:
    """Let go of the records up to `upto`, where a sound snapshot stands for them.

    Raises:
        JournalCorrupt: the records are not all there; nothing is to be committed.
    """
    found = log.find(db, name)
    if found is None:
        return False
    if upto <= found.head.floor:
        return True
    kept = log.snapshot(db, found)
    unfinished = db.execute(_UNFINISHED, (name,)).fetchone()[0]
    if kept is None or kept.seq < upto or (unfinished is not None and unfinished < upto):
        return False
    count, taken = _delete(db, found, upto)
    if count != upto - found.head.floor:
        raise JournalCorrupt(
            f"log {name!r} is broken: it has {count} records between {found.head.floor} and {upto}"
        )
    db.execute(_SHORTEN, {"upto": upto, "taken": taken, "id": found.id})
    if upto == found.head.seq:
        cut(db, tables, found.id, whole=True)
    return True


def remove(db: sqlite3.Connection, head: Head, tables: Iterable[str]) -> bool:
    """Let go of a log that is as `head` says, at rest, and of no consumer's interest."""
    found = log.find(db, head.log)
    if found is None or found.head.active:
        return False
    if (found.head.seq, found.head.epoch) != (head.seq, head.epoch):
        return False
    if db.execute(_UNFINISHED, (head.log,)).fetchone()[0] is not None:
        return False
    _delete(db, found, found.head.seq)
    for table, column in (
        ("snapshots", "log"),
        ("keys", "log"),
        *((name, "_id") for name in tables),
    ):
        db.execute(f"DELETE FROM {table} WHERE {column} = ?", (found.id,))  # noqa: S608 - constants, and names checked by Projection
    db.execute("DELETE FROM logs WHERE id = ?", (found.id,))
    return True


def restore(db: sqlite3.Connection, whole: Whole, shape: Shape | None) -> bool:
    """Take a log over, unless there is one of that name or one of its keys is taken.

    Args:
        db: of the file.
        whole: the log, which holds together.
        shape: of its row.
    """
    name, seq, epoch, active, floor = whole.head
    if any(log.place_of(db, key) for key, _ in whole.keys):
        return False
    first: int = 1 + (db.execute("SELECT max(id) FROM records").fetchone()[0] or 0)
    last = first + len(whole.stretches) - 1 if whole.stretches else 0
    size = sum(len(frames) for _, frames in whole.stretches)
    cursor = db.execute(_BEGIN, (name, seq, epoch, last, active, floor, size))
    id_ = cursor.lastrowid
    if not cursor.rowcount or id_ is None:
        return False
    _write(db, id_, first, whole)
    if whole.row is not None and shape is not None:
        db.execute(shape.upsert, (id_, name, *whole.row[1]))
        cut(db, (shape.table,), id_, whole=not whole.stretches)
    if whole.snapshot is not None:
        save_snapshot(db, name, whole.snapshot)
    db.executemany(log.INSERT_KEY, [(key, id_, at) for key, at in whole.keys])
    consumers = [(consumer, name, at) for consumer, at in whole.consumers]
    db.executemany(log.OPEN_CONSUMER, consumers)
    return True


def _write(db: sqlite3.Connection, id_: int, first: int, whole: Whole) -> None:
    """Write the records, from a rowid on, each row linked to the one before, and their marks."""
    seq, previous = whole.head.floor, 0
    for place, (held, frames) in enumerate(whole.stretches, first):
        seq += held
        db.execute(log.INSERT_RECORDS, (place, id_, seq, previous, frames, held))
        db.executemany(log.INSERT_MARK, log.marks(id_, seq, held, place))
        previous = place


def _delete(db: sqlite3.Connection, found: log.Found, upto: int) -> tuple[int, int]:
    """Delete the records up to `upto` and their marks; says how many, and how many bytes."""
    floor = found.head.floor
    if upto <= floor:
        return 0, 0
    top, start = log.start(db, found, upto)
    values = {"start": start, "after": floor, "upto": upto, "steps": top - floor}
    count, taken = db.execute(_SIZE, values).fetchone()
    across = db.execute(_ACROSS, values).fetchone()
    db.execute(_DELETE, values)
    db.execute("DELETE FROM marks WHERE log = ? AND seq <= ?", (found.id, upto))
    if across is not None:
        id_, seq, frame = across
        gone, rest = left_of(frame, found.head.log, seq, upto)
        db.execute(_KEEP, (rest, seq - upto, id_))
        count, taken = count + gone, taken + len(frame) - len(rest)
    return count, taken
