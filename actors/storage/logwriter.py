"""Writing to the logs of a SQLite file: one transaction's worth of rows.

An append is one conditional UPDATE of the task's row and one row for each record. What it needs to
know (the row's number, the last record, the listing fields) is cached in memory, as no other
process writes; whether it holds is decided by the UPDATE, never by the cache.

Neighbours: `log.py` (the layout, reading), `sqlite.py` (the transactions).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final, NamedTuple

from actors.storage import log
from actors.storage.fencing import claims
from actors.task.ports import Ack, Append

_TIPS: Final = 16_384
"""How many tasks' tips are cached; beyond that the cache starts anew."""

_INSERT_TASK: Final = """INSERT INTO tasks
    (task, owner, tenant, context, state, status_at, active, head, epoch, head_record)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (task) DO NOTHING"""
# Two statements because naming an indexed column makes SQLite rewrite its index entries, and most
# appends change none.
_MOVE_HEAD: Final = "UPDATE tasks SET head = ?, epoch = ?, head_record = ?"
_LISTED: Final = ", owner = ?, tenant = ?, context = ?, state = ?, status_at = ?, active = ?"
_IF_OURS: Final = " WHERE id = ? AND head = ? AND epoch = ?"
_IF_CLAIMED: Final = " WHERE id = ? AND head = ? AND epoch <= ?"


class _Tip(NamedTuple):
    """Where a task's log ends."""

    id: int
    record: int
    """Rowid of the last record."""
    listed: tuple[str, str, str, int, int, bool]
    """Owner to active, as stored."""


class LogWriter:
    """Writes appends, and remembers where the logs end."""

    def __init__(self) -> None:
        self._tips: dict[str, _Tip] = {}
        self._next = 0

    @property
    def last(self) -> int:
        """Rowid of the record written last."""
        return self._next - 1

    def forget(self) -> None:
        """Look everything up anew: the transaction was rolled back, or may have been."""
        self._tips.clear()
        self._next = 0

    def write(
        self, cursor: sqlite3.Cursor, group: Sequence[Append], frames: Sequence[Sequence[bytes]]
    ) -> list[Ack]:
        """Write what holds of a group, in the transaction that `cursor` has begun."""
        if not self._next:
            self._next = 1 + (cursor.execute("SELECT max(id) FROM records").fetchone()[0] or 0)
        records: list[tuple[int, int, int, int, bytes]] = []
        acks = []
        for append, encoded in zip(group, frames, strict=True):
            tip = self._advance(cursor, append, self._next + len(encoded) - 1)
            acks.append(Ack.STORED if tip else Ack.FENCED)
            if tip is None:
                continue
            previous = tip.record
            for seq, frame in enumerate(encoded, append.expected + 1):
                records.append((self._next, tip.id, seq, previous, frame))
                previous = self._next
                self._next += 1
        cursor.executemany("INSERT INTO records VALUES (?, ?, ?, ?, ?)", records)
        marks = [(task, seq, id_) for id_, task, seq, *_ in records if seq % log.STRIDE == 0]
        if marks:
            cursor.executemany("INSERT INTO marks VALUES (?, ?, ?)", marks)
        return acks

    def _advance(self, cursor: sqlite3.Cursor, append: Append, last: int) -> _Tip | None:
        """Move the task's head to record `last`; the tip before, or None when fenced off."""
        row = append.row
        listed = row[1:7]
        if append.expected == 0:
            cursor.execute(_INSERT_TASK, (*row, last))
            if cursor.rowcount != 1:
                return None
            id_ = cursor.lastrowid or 0
            self._remember(append.task, _Tip(id_, last, listed))
            return _Tip(id_, 0, listed)
        tip = self._tip(cursor.connection, append.task)
        if tip is None:
            return None
        statement = _MOVE_HEAD
        moved: tuple[object, ...] = (row.head, row.epoch, last)
        if tip.listed != listed:
            statement, moved = _MOVE_HEAD + _LISTED, moved + listed
        statement += _IF_CLAIMED if claims(append) else _IF_OURS
        cursor.execute(statement, (*moved, tip.id, append.expected, append.epoch))
        if cursor.rowcount != 1:
            return None
        self._remember(append.task, _Tip(tip.id, last, listed))
        return tip

    def _tip(self, db: sqlite3.Connection, task: str) -> _Tip | None:
        if tip := self._tips.get(task):
            return tip
        found = log.find(db, task)
        return None if found is None else _Tip(found.id, found.last, found.row[1:7])

    def _remember(self, task: str, tip: _Tip) -> None:
        if len(self._tips) >= _TIPS:
            self._tips.clear()
        self._tips[task] = tip
