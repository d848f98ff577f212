"""Writing to the logs of a SQLite file: one transaction's worth of rows.

A group is judged in memory, by what is known of where its logs end, and then written table by
table: one UPDATE for each log, one row for each record. Only one process writes, so the tips are
cached; but an append holds only if the UPDATE finds the log where the cache says. Where it does
not, nothing of the group is true, and it is judged again from the file.

Neighbours: `entries.py` (what is written), `log.py` (the layout, reading), `rows.py` (rows beside
logs), `filewriter.py` (the transactions).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final, NamedTuple

from actors.storage import log
from actors.storage.entries import Entry, Values
from actors.storage.rows import Shape, cut

_TIPS: Final = 16_384
"""How many logs' tips are cached; beyond that the cache starts anew."""

_INSERT_LOG: Final = """INSERT INTO logs (id, log, head, epoch, head_record, active, bytes, floor)
    VALUES (?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT DO NOTHING"""
# Two statements because naming an indexed column makes SQLite rewrite its index entries, and most
# appends change none.
_MOVED: Final = "UPDATE logs SET head = ?, epoch = ?, head_record = ?, bytes = bytes + ?"
_IF_THERE: Final = " WHERE id = ? AND head = ? AND epoch = ?"
_MOVE: Final = _MOVED + _IF_THERE
_MOVE_AND_TURN: Final = _MOVED + ", active = ?" + _IF_THERE


class Tip(NamedTuple):
    """Where a log ends."""

    id: int
    head: int
    epoch: int
    record: int
    """Rowid of the last record; 0 when there is none."""
    active: bool
    row: tuple[str, Values] | None
    """Projection and row as stored; None where that was not looked up."""
    cut: bool = False
    """No record is kept, and the row beside it says so."""


class Moved:
    """What a group does to one log."""

    __slots__ = ("before", "bytes", "tip")

    def __init__(self, before: Tip | None, tip: Tip) -> None:
        self.before = before
        """As the transaction found it; None for a log that is new."""
        self.tip = tip
        self.bytes = 0


class Batch:
    """What a group amounts to, while it is judged."""

    def __init__(self) -> None:
        self.acks: list[bool] = []
        self.moved: dict[str, Moved] = {}
        self.records: list[tuple[int, int, int, int, bytes]] = []
        self.marks: list[tuple[int, int, int]] = []
        self.keys: dict[str, tuple[str, int, int]] = {}
        self.consumers: list[tuple[str, str, int]] = []


class LogWriter:
    """Writes groups, and remembers where the logs end."""

    def __init__(self) -> None:
        self._tips: dict[str, Tip] = {}
        self._next = 0
        self._next_log = 0
        self._size = 0
        self._last = 0
        self._rows: dict[str, tuple[str, str]] = {}
        """Projection -> what writes a row that may be there, and one that is."""
        self.tables: list[str] = []
        """Every table of rows in the file."""

    @property
    def last(self) -> tuple[int, int]:
        """Rowid of the record written last, and its number in its log."""
        return self._next - 1, self._last

    def register(self, shape: Shape) -> None:
        """Expect rows of a projection, whose table is there."""
        self._rows[shape.projection] = (shape.upsert, shape.update)

    @property
    def size(self) -> int:
        """Bytes of the records written last."""
        return self._size

    def forget(self) -> None:
        """Look everything up anew: the transaction was rolled back, or may have been."""
        self._tips.clear()
        self._next = self._next_log = 0

    def forget_log(self, name: str) -> None:
        """Look one log up anew."""
        self._tips.pop(name, None)

    def write(self, cursor: sqlite3.Cursor, group: Sequence[Entry]) -> list[bool] | None:
        """Write what holds of a group, in the transaction that `cursor` has begun.

        Returns:
            Whether each entry is stored; None if the file is not as it was left: roll back,
            `forget`, and write the group once more.
        """
        if not self._next:
            self._next = 1 + _highest(cursor, "records")
            self._next_log = 1 + _highest(cursor, "logs")
        batch = Batch()
        for entry in group:
            stored = self._judge(cursor, batch, entry)
            batch.acks.append(stored)
        if not self._move_heads(cursor, batch):
            return None
        cursor.executemany(log.INSERT_RECORD, batch.records)
        if batch.marks:
            cursor.executemany(log.INSERT_MARK, batch.marks)
        if batch.keys:
            cursor.executemany(log.INSERT_KEY, batch.keys.values())
        if batch.consumers:
            cursor.executemany(log.OPEN_CONSUMER, batch.consumers)
        self._write_rows(cursor, batch)
        if len(self._tips) + len(batch.moved) > _TIPS:
            self._tips.clear()
        for name, moved in batch.moved.items():
            self._tips[name] = moved.tip
        self._size = sum(moved.bytes for moved in batch.moved.values())
        return batch.acks

    # -- judging

    def _judge(self, cursor: sqlite3.Cursor, batch: Batch, entry: Entry) -> bool:
        """Add an entry to the batch, if it holds."""
        moved = batch.moved.get(entry.log)
        tip = moved.tip if moved else self._tips.get(entry.log)
        if moved is None and (tip is None or not _holds(entry, tip)):
            tip = _look_up(cursor, entry.log)
        if not _holds(entry, tip) or (entry.keys and _taken(cursor, batch, entry)):
            return False
        if moved is None:
            moved = batch.moved[entry.log] = Moved(tip, tip or self._new(entry))
        self._follow(batch, moved, entry)
        return True

    def _new(self, entry: Entry) -> Tip:
        id_, self._next_log = self._next_log, self._next_log + 1
        return Tip(id_, 0, entry.epoch, 0, entry.active, None)

    def _follow(self, batch: Batch, moved: Moved, entry: Entry) -> None:
        tip, next_ = moved.tip, self._next
        seq, previous = entry.expected, tip.record
        for frame in entry.frames:
            seq += 1
            batch.records.append((next_, tip.id, seq, previous, frame))
            if seq % log.STRIDE == 0:
                batch.marks.append((tip.id, seq, next_))
            moved.bytes += len(frame)
            previous, next_ = next_, next_ + 1
        self._next, self._last = next_, seq
        row = entry.row or tip.row
        moved.tip = Tip(tip.id, seq, entry.epoch, previous, entry.active, row)
        for key in entry.keys:
            batch.keys[key] = (key, tip.id, entry.expected + 1)
        for consumer in entry.consumers:
            batch.consumers.append((consumer, entry.log, entry.expected))

    # -- writing

    @staticmethod
    def _move_heads(cursor: sqlite3.Cursor, batch: Batch) -> bool:
        """Move the heads of all logs; False when one is not where it was thought to be."""
        new, moves, turns = [], [], []
        for name, moved in batch.moved.items():
            before, tip = moved.before, moved.tip
            if before is None:
                place = (tip.id, name, tip.head, tip.epoch, tip.record, tip.active, moved.bytes)
                new.append(place)
                continue
            to = (tip.head, tip.epoch, tip.record, moved.bytes)
            there = (tip.id, before.head, before.epoch)
            if tip.active == before.active:
                moves.append((*to, *there))
            else:
                turns.append((*to, tip.active, *there))
        for statement, values in ((_INSERT_LOG, new), (_MOVE, moves), (_MOVE_AND_TURN, turns)):
            if values and cursor.executemany(statement, values).rowcount != len(values):
                return False
        return True

    def _write_rows(self, cursor: sqlite3.Cursor, batch: Batch) -> None:
        due: dict[str, list[tuple[object, ...]]] = {}
        for name, moved in batch.moved.items():
            if moved.before is not None and moved.before.cut:
                cut(cursor.connection, self.tables, moved.tip.id, whole=False)
            before = moved.before.row if moved.before else None
            if moved.tip.row is None or moved.tip.row == before:
                continue
            projection, values = moved.tip.row
            upsert, update = self._rows[projection]
            if before is not None and before[0] == projection:
                due.setdefault(update, []).append((*values, moved.tip.id))
                continue
            if moved.before is not None:
                self._leave(cursor, moved.tip.id, projection)
            due.setdefault(upsert, []).append((moved.tip.id, name, *values))
        for statement, rows in due.items():
            cursor.executemany(statement, rows)

    def _leave(self, cursor: sqlite3.Cursor, id_: int, projection: str) -> None:
        """Take a log out of other projections: it has one row."""
        for table in self.tables:
            if table != f"rows_{projection}":
                cursor.execute(f"DELETE FROM {table} WHERE _id = ?", (id_,))  # noqa: S608 - names are checked by Projection


def _holds(entry: Entry, tip: Tip | None) -> bool:
    """As `fencing.holds`."""
    if tip is None:
        return entry.expected == 0
    if entry.expected != tip.head:
        return False
    return entry.epoch == tip.epoch or (entry.claims and entry.epoch > tip.epoch)


def _taken(cursor: sqlite3.Cursor, batch: Batch, entry: Entry) -> bool:
    return any(
        key in batch.keys or cursor.execute("SELECT 1 FROM keys WHERE key = ?", (key,)).fetchone()
        for key in entry.keys
    )


def _look_up(cursor: sqlite3.Cursor, name: str) -> Tip | None:
    found = log.find(cursor.connection, name)
    if found is None:
        return None
    _, seq, epoch, active, floor = found.head
    return Tip(found.id, seq, epoch, found.last, active, None, floor == seq)


def _highest(cursor: sqlite3.Cursor, table: str) -> int:
    highest: int = cursor.execute(f"SELECT max(id) FROM {table}").fetchone()[0] or 0  # noqa: S608 - constants
    return highest
