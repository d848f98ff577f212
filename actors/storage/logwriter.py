"""Writing to the logs of a SQLite file: one transaction's worth of rows.

A group is judged in memory, by what is known of where its logs end, and then written table by
table: one UPDATE for each log, one row for each stretch of records. Only one process writes, so the
tips are cached, and a log that is not known and begins is taken for a new one, as is a key; but an
append holds only if the UPDATE finds the log where the cache says, and nothing is in the way of
what is new. Where that is not so, nothing of the group is true, and it is judged again by the file.

Neighbours: `entries.py` (what is written), `log.py` (the layout, reading), `rows.py` (rows beside
logs), `filewriter.py` (the transactions).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final

from actors.runtime.journal.port import Ack
from actors.storage import log
from actors.storage.entries import Entry, NamedRow
from actors.storage.rows import Shape, cut
from actors.storage.stretches import Stretch

_TIPS: Final = 16_384
"""How many tips are cached of logs that are active; beyond that the cache starts anew."""
_NOTHING_WAS: Final = (0, 0, False, None)

_INSERT_LOG: Final = """INSERT INTO logs (id, log, head, epoch, head_record, active, bytes, floor)
    VALUES (?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT DO NOTHING"""
_INSERT_KEY: Final = f"{log.INSERT_KEY} ON CONFLICT DO NOTHING"
# Two statements because naming an indexed column makes SQLite rewrite its index entries, and most
# appends change none.
_MOVED: Final = "UPDATE logs SET head = ?, epoch = ?, head_record = ?, bytes = bytes + ?"
_IF_THERE: Final = " WHERE id = ? AND head = ? AND epoch = ?"
_MOVE: Final = _MOVED + _IF_THERE
_MOVE_AND_TURN: Final = _MOVED + ", active = ?" + _IF_THERE

STORED: Final = Ack.STORED
FENCED: Final = Ack.FENCED
"""Looked up once: the attribute of an Enum takes 0.1 us, several times any other."""

_Values = tuple[Any, ...]


class Tip:
    """Where a log ends, with what of a group has been judged; `was` is what the file says."""

    __slots__ = ("active", "added", "cut", "epoch", "head", "id", "log", "record", "row", "was")

    def __init__(self, id_: int, name: str, epoch: int) -> None:
        self.id = id_
        self.log = name
        self.head = 0
        """0 in the file means that the log is not in it."""
        self.epoch = epoch
        self.record = 0
        """Rowid of the last row of records; 0 when there is none."""
        self.active = False
        self.row: NamedRow | None = None
        """Projection and row; None where that was not looked up."""
        self.cut = False
        """No record is kept, and the row beside it says so."""
        self.added = 0
        """Bytes of the group's records."""
        self.was: tuple[int, int, bool, NamedRow | None] = _NOTHING_WAS
        """Head, epoch, active and row; of the group that is being written, else nothing."""


class Batch:
    """What a group amounts to, while it is judged."""

    def __init__(self) -> None:
        self.moved: list[Tip] = []
        self.records: list[_Values] = []
        self.marks: list[_Values] = []
        self.keys: dict[str, _Values] = {}
        self.consumers: list[_Values] = []


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
        """Rowid of the row of records written last, and its last one's number in its log."""
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

    def write(
        self, cursor: sqlite3.Cursor, group: Sequence[Entry], *, sure: bool = False
    ) -> list[Ack] | None:
        """Write what holds of a group, in the transaction that `cursor` has begun.

        Args:
            cursor: of the file.
            group: its entries, or their fields in lists, as they come from another process.
            sure: look up what else is taken for new, after it was found that it cannot be.

        Returns:
            What becomes of each entry; None if the file is not as it was thought to be: roll
            back, `forget`, and write the group once more.
        """
        if not self._next:
            self._next = 1 + _highest(cursor, "records")
            self._next_log = 1 + _highest(cursor, "logs")
        if len(self._tips) > _TIPS:
            self._tips.clear()
        batch = Batch()
        acks = [STORED if self._judge(cursor, batch, entry, sure) else FENCED for entry in group]
        if not batch.moved:
            self._size = 0
            return acks
        if not _move_heads(cursor, batch.moved) or not _claim_keys(cursor, batch.keys):
            return None
        cursor.executemany(log.INSERT_RECORDS, batch.records)
        if batch.marks:
            cursor.executemany(log.INSERT_MARK, batch.marks)
        if batch.consumers:
            cursor.executemany(log.OPEN_CONSUMER, batch.consumers)
        self._write_rows(cursor, batch.moved)
        self._settle(batch.moved)
        return acks

    def _settle(self, moved: Iterable[Tip]) -> None:
        """Keep of what was written where the active logs end; those at rest cost no memory (L8)."""
        self._size = 0
        for tip in moved:
            self._size += tip.added
            tip.added, tip.cut, tip.was = 0, False, _NOTHING_WAS
            if not tip.active:
                del self._tips[tip.log]

    # -- judging

    def _judge(self, cursor: sqlite3.Cursor, batch: Batch, entry: Entry, sure: bool) -> bool:
        """Add an entry to the batch, if it holds."""
        name, epoch, expected, claims, stretches, active, row, keys, consumers = entry
        tip = self._tips.get(name)
        if tip is None or (not tip.added and not _holds(tip, expected, epoch, claims)):
            tip = _look_up(cursor, name) if expected or tip or sure else None
        holds = expected == 0 if tip is None else _holds(tip, expected, epoch, claims)
        if not holds or (keys and _taken(cursor, batch, keys, sure)):
            return False
        if tip is None:
            tip, self._next_log = Tip(self._next_log, name, epoch), self._next_log + 1
        self._tips[name] = tip
        if not tip.added:
            tip.was = (tip.head, tip.epoch, tip.active, tip.row)
            batch.moved.append(tip)
        self._add(batch, tip, expected, stretches)
        tip.epoch, tip.active = epoch, active
        if row is not None:
            tip.row = row
        for key in keys:
            batch.keys[key] = (key, tip.id, expected + 1)
        for consumer in consumers:
            batch.consumers.append((consumer, name, expected))
        return True

    def _add(self, batch: Batch, tip: Tip, seq: int, stretches: Sequence[Stretch]) -> None:
        """Put records at the end of a log, which is `seq`; each row is linked to the one before."""
        place, previous = self._next, tip.record
        for held, frames in stretches:
            seq += held
            batch.records.append((place, tip.id, seq, previous, frames, held))
            if seq % log.STRIDE < held:
                batch.marks += log.marks(tip.id, seq, held, place)
            tip.added += len(frames)
            previous, place = place, place + 1
        tip.head = self._last = seq
        tip.record, self._next = previous, place

    # -- writing

    def _write_rows(self, cursor: sqlite3.Cursor, moved: Iterable[Tip]) -> None:
        due: dict[str, list[_Values]] = {}
        for tip in moved:
            if tip.cut:
                cut(cursor.connection, self.tables, tip.id, whole=False)
            before, row = tip.was[3], tip.row
            if row is None or row is before or row == before:
                continue
            projection, values = row
            upsert, update = self._rows[projection]
            if before is not None and before[0] == projection:
                due.setdefault(update, []).append((*values, tip.id))
                continue
            if tip.was[0]:
                self._leave(cursor, tip.id, projection)
            due.setdefault(upsert, []).append((tip.id, tip.log, *values))
        for statement, rows in due.items():
            cursor.executemany(statement, rows)

    def _leave(self, cursor: sqlite3.Cursor, id_: int, projection: str) -> None:
        """Take a log out of other projections: it has one row."""
        for table in self.tables:
            if table != f"rows_{projection}":
                cursor.execute(f"DELETE FROM {table} WHERE _id = ?", (id_,))  # noqa: S608 - names are checked by Projection


def _holds(tip: Tip, expected: int, epoch: int, claims: bool) -> bool:
    """As `fencing.holds`."""
    if expected != tip.head:
        return False
    return epoch == tip.epoch or (claims and epoch > tip.epoch)


def _taken(cursor: sqlite3.Cursor, batch: Batch, keys: Sequence[str], sure: bool) -> bool:
    if not batch.keys.keys().isdisjoint(keys):
        return True
    find = "SELECT 1 FROM keys WHERE key = ?"
    return sure and any(cursor.execute(find, (key,)).fetchone() for key in keys)


def _look_up(cursor: sqlite3.Cursor, name: str) -> Tip | None:
    found = log.find(cursor.connection, name)
    if found is None:
        return None
    tip = Tip(found.id, name, found.head.epoch)
    tip.head, tip.active, tip.record = found.head.seq, found.head.active, found.last
    tip.cut = found.head.floor == tip.head
    return tip


def _move_heads(cursor: sqlite3.Cursor, tips: Iterable[Tip]) -> bool:
    """Move the heads of logs; False when one is not where it was thought to be."""
    new: list[_Values] = []
    moves: list[_Values] = []
    turns: list[_Values] = []
    for tip in tips:
        head, epoch, active, _ = tip.was
        if not head:
            place = (tip.id, tip.log, tip.head, tip.epoch, tip.record, tip.active, tip.added)
            new.append(place)
        elif tip.active == active:
            moves.append((tip.head, tip.epoch, tip.record, tip.added, tip.id, head, epoch))
        else:
            to = (tip.head, tip.epoch, tip.record, tip.added, tip.active)
            turns.append((*to, tip.id, head, epoch))
    for statement, values in ((_INSERT_LOG, new), (_MOVE, moves), (_MOVE_AND_TURN, turns)):
        if values and cursor.executemany(statement, values).rowcount != len(values):
            return False
    return True


def _claim_keys(cursor: sqlite3.Cursor, keys: dict[str, _Values]) -> bool:
    """Keep idempotency keys; False when one is taken."""
    return not keys or cursor.executemany(_INSERT_KEY, keys.values()).rowcount == len(keys)


def _highest(cursor: sqlite3.Cursor, table: str) -> int:
    highest: int = cursor.execute(f"SELECT max(id) FROM {table}").fetchone()[0] or 0  # noqa: S608 - constants
    return highest
