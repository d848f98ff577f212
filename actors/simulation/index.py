"""Index: what a simulated journal holds, once the writes of its file up to some place are true.

Neighbours: `writes.py` (the values), `journal.py` (keeps two: of what is durable, and of all that
is written), `actors/storage/memory.py` (what writes mean).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from actors.runtime.journal.port import Ack, Snapshot
from actors.simulation.writes import Begin, Consume, Cut, Drop, Encoded, Upkeep, Written
from actors.storage.memory import MemoryJournal

NOWHERE = -1


class Tended(NamedTuple):
    """What became of upkeep."""

    done: bool | None
    """As the port says it."""
    changed: bool
    """Something is other than it was; if not, nothing need be written."""


class Index(MemoryJournal):
    """A MemoryJournal that also knows where in the file each of its logs was born."""

    def __init__(self) -> None:
        super().__init__()
        self._born: dict[str, int] = {}

    @property
    def logs(self) -> list[str]:
        """Every log, in order of their names."""
        return sorted(self._logs)

    def born(self, log: str) -> int:
        """Position of the frame that began a log; NOWHERE if there is none."""
        return self._born.get(log, NOWHERE)

    def snapshot(self, log: str) -> Snapshot | None:
        """The latest snapshot that is known here."""
        known = self._logs.get(log)
        return None if known is None else known.snapshot

    def store(self, group: Sequence[Encoded], at: int) -> list[Ack]:
        """Store the appends of a group that stands at a position of the file."""
        acks = []
        for append, frames, _ in group:
            acks.append(self._store(append, frames))
            if acks[-1] is Ack.STORED:
                self._born.setdefault(append.log, at)
        return acks

    def tend(self, write: Upkeep, at: int) -> Tended:
        """Do what a write at a position of the file says."""
        match write:
            case Consume(consumer, place):
                before = self._consumers(write.log)
                self.consumed(consumer, place)
                return Tended(None, before != self._consumers(write.log))
            case Cut(log, upto, snapshot):
                return self._cut(log, upto, snapshot)
            case Drop(head):
                gone = self.remove(head)
                if gone:
                    del self._born[head.log]
                return Tended(gone, gone)
            case Begin(copy):
                begun = self.restore(copy)
                if begun:
                    self._born[write.log] = at
                return Tended(begun, begun)

    def _consumers(self, log: str) -> dict[str, int]:
        known = self._logs.get(log)
        return {} if known is None else dict(known.consumers)

    def _cut(self, log: str, upto: int, snapshot: Snapshot | None) -> Tended:
        before = self.head(log)
        if snapshot is not None:
            self.save_snapshot(log, snapshot)
        return Tended(self.compact(log, upto), before != self.head(log))

    def holds(self, write: Written, at: int) -> bool:
        """Make true what the file says at a position; False if it cannot have been written so."""
        if isinstance(write, Upkeep):
            return self.tend(write, at).changed
        return all(ack is Ack.STORED for ack in self.store(write, at))
