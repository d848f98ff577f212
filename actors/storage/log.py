"""How the logs lie in the SQLite file, and how one is read back.

Records of all logs go to the end of one rowid table, in the order of their appends: nothing is
inserted in the middle of anything, so the speed does not depend on how many logs are written to at
once. Those of one append are one row, a stretch (or few): `seq` is its last record's, `held` says
how many it holds, so that one record alone lies as it always did. There is no index by log. Instead
each row names the one before it in its log, the log's row names the last one, and `marks` names
that of every 64th record. A page after some cursor is found by one look into `marks` and at most 63
steps beyond its end, and costs O(records read + log n). The row after `floor` names one that is
gone; nothing walks there.

Neighbours: `schema.py` (the tables), `stretches.py` (what a row holds), `rows.py` (the row beside a
log), `listing.py` (many logs), `sqlite.py` (wraps the errors).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from typing import Any, Final, NamedTuple

from actors.runtime.journal.errors import JournalCorrupt
from actors.runtime.journal.port import Head, Place, Snapshot, Stored
from actors.runtime.journal.projection import Row
from actors.runtime.journal.record import Record
from actors.storage.codec import checksum, decoded
from actors.storage.rows import Table, row_of
from actors.storage.stretches import within

STRIDE: Final = 64
"""The row of each record whose number this divides is in `marks`."""

COLUMNS: Final = "l.id, l.head_record, l.log, l.head, l.epoch, l.active, l.floor"
WIDTH: Final = 7
"""How many COLUMNS are."""
_LOG: Final = f"SELECT {COLUMNS} FROM logs AS l WHERE log = ?"  # noqa: S608 - constants
_KEY: Final = "SELECT l.log, k.seq FROM keys AS k JOIN logs AS l ON l.id = k.log WHERE k.key = ?"
INSERT_RECORDS: Final = """INSERT INTO records (id, log, seq, previous, frame, held)
    VALUES (?, ?, ?, ?, ?, ?)"""
INSERT_MARK: Final = "INSERT INTO marks (log, seq, record) VALUES (?, ?, ?)"
INSERT_KEY: Final = "INSERT INTO keys (key, log, seq) VALUES (?, ?, ?)"
OPEN_CONSUMER: Final = """INSERT INTO consumers (consumer, log, seq) VALUES (?, ?, ?)
    ON CONFLICT DO NOTHING"""
CHAIN: Final = """WITH RECURSIVE chain (id, seq, below, previous) AS (
    SELECT id, seq, seq - held, previous FROM records WHERE id = :start
    UNION ALL
    SELECT r.id, r.seq, r.seq - r.held, r.previous FROM chain
    JOIN records AS r ON r.id = chain.previous AND r.seq = chain.below AND r.seq < chain.seq
    WHERE chain.below > :after LIMIT :steps
)"""
"""Rows from `start` back to that of `after + 1`, each with the records after `below`; each step
leads to a lower number, or is the last."""
_FRAMES: Final = f"""{CHAIN} SELECT frame FROM chain JOIN records AS r ON r.id = chain.id
    WHERE chain.below < :upto ORDER BY chain.seq"""  # noqa: S608 - constants


class Found(NamedTuple):
    """A log's row in `logs`."""

    id: int
    last: int
    """Rowid of the row whose last record is `head.seq`."""
    head: Head

    @classmethod
    def of(cls, columns: tuple[Any, ...]) -> Found:
        """What COLUMNS gave.

        Raises:
            JournalCorrupt: they are not what anybody has written.
        """
        id_, last, log, seq, epoch, active, floor = columns
        numbers = {type(last), type(seq), type(epoch), type(floor)} == {int}
        if type(log) is not str or not numbers or not 0 <= floor <= seq:
            raise JournalCorrupt(
                f"row {id_} of the table logs is damaged: it says what no journal has written; "
                "restore a backup"
            )
        return cls(id_, last, Head(log, seq, epoch, bool(active), floor))


def find(db: sqlite3.Connection, log: str) -> Found | None:
    """Where a log is."""
    columns = db.execute(_LOG, (log,)).fetchone()
    return None if columns is None else Found.of(columns)


def place_of(db: sqlite3.Connection, key: str) -> Place | None:
    """Where an idempotency key leads."""
    found = db.execute(_KEY, (key,)).fetchone()
    return None if found is None else Place(*found)


def stored(db: sqlite3.Connection, found: Found, row: Row | None) -> Stored:
    """The log with its snapshot and every record after that.

    Raises:
        JournalCorrupt: some of that is not there, or not as it was written.
    """
    head, kept = found.head, snapshot(db, found)
    known = kept.seq if kept else 0
    if known < head.floor:
        raise JournalCorrupt(
            f"the snapshot of log {head.log!r} is missing or damaged, and its records up to "
            f"{head.floor} are no longer kept: restore a backup"
        )
    return Stored(head, row, kept, records(db, found, known, head.seq))


def read(db: sqlite3.Connection, tables: Collection[Table], found: Found) -> Stored:
    """The same, with the row."""
    return stored(db, found, row_of(db, tables, found.id))


def start(db: sqlite3.Connection, found: Found, upto: int) -> tuple[int, int]:
    """The nearest record from `upto` on whose row is known: its number and the rowid.

    Raises:
        JournalCorrupt: the mark of it is not of the types that were written.
    """
    mark = db.execute(
        "SELECT seq, record FROM marks WHERE log = ? AND seq >= ? ORDER BY seq LIMIT 1",
        (found.id, upto),
    ).fetchone()
    if mark is None:
        return found.head.seq, found.last
    seq, record = mark
    if type(seq) is not int or type(record) is not int:
        raise JournalCorrupt(
            f"a mark of log {found.head.log!r} is damaged: found {seq!r}, {record!r}, expected "
            "numbers; restore a backup"
        )
    return seq, record


def marks(id_: int, seq: int, held: int, place: int) -> list[tuple[int, int, int]]:
    """The marks that a row in a log is due, by the number of the log, and its own place."""
    first = (seq - held) // STRIDE * STRIDE + STRIDE
    return [(id_, mark, place) for mark in range(first, seq + 1, STRIDE)]


def records(db: sqlite3.Connection, found: Found, after: int, upto: int) -> tuple[Record, ...]:
    """Records `after + 1` to `upto`, walked back from the nearest one whose row is known.

    Raises:
        JournalCorrupt: they are not all there, or not as they were written.
    """
    if upto <= after:
        return ()
    top, first = start(db, found, upto)
    values = {"start": first, "after": after, "upto": upto, "steps": top - after}
    log, read = found.head.log, list[Record]()
    for (frames,) in db.execute(_FRAMES, values):
        read += decoded(frames, log)
    wanted = within(read, after, upto)
    # Counted first: a damaged head may name more records than any memory holds.
    if len(wanted) != upto - after or any(
        record.seq != seq for seq, record in enumerate(wanted, after + 1)
    ):
        span = f"{read[0].seq} to {read[-1].seq}" if read else "none"
        raise JournalCorrupt(
            f"log {log!r} is broken: walking back from rowid {first} for records "
            f"{after + 1} to {upto} found {len(read)}, {span}"
        )
    return wanted


def snapshot(db: sqlite3.Connection, found: Found) -> Snapshot | None:
    """The snapshot, or None when there is none or it is damaged: the log may have it all."""
    kept = db.execute(
        "SELECT seq, crc, payload FROM snapshots WHERE log = ?", (found.id,)
    ).fetchone()
    if kept is None:
        return None
    seq, crc, payload = kept
    if type(payload) is not bytes or not isinstance(seq, int) or seq > found.head.seq:
        return None
    return Snapshot(seq, payload) if crc == checksum(payload, found.head.log, seq) else None
