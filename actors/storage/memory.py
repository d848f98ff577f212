"""MemoryJournal: the journal as a dictionary, for tests and for servers that may forget.

It stores encoded frames, not records, so that whatever the codec cannot keep shows up here too.
The contents belong to the object: `close` and `open` again, also on another loop, keep them.

Neighbours: `codec.py`, `fencing.py`, `matching.py` (listings), `conformance/` (what to keep).
"""

from __future__ import annotations

from collections.abc import Sequence

from actors.runtime import Caller
from actors.runtime.journal.port import (
    Ack,
    Append,
    Copy,
    Head,
    Left,
    Listing,
    Place,
    Snapshot,
    Stored,
)
from actors.runtime.journal.projection import Keep, Projection, Query, Row
from actors.runtime.journal.record import Record
from actors.storage.codec import decode, encoded
from actors.storage.fencing import check, check_copy, holds
from actors.storage.matching import may_see, position, selected, surplus


class _Log:
    __slots__ = ("consumers", "frames", "head", "keys", "row", "snapshot")

    def __init__(self, head: Head) -> None:
        self.head = head
        self.frames: list[bytes] = []
        """Of the records after `head.floor`."""
        self.row: Row | None = None
        self.snapshot: Snapshot | None = None
        self.consumers: dict[str, int] = {}
        """Those with something to do -> the record up to which they are done."""
        self.keys: list[str] = []

    def stored(self, log: str) -> Stored:
        known = self.snapshot.seq if self.snapshot else 0
        frames = self.frames[known - self.head.floor :]
        return Stored(
            self.head, self.row, self.snapshot, tuple(decode(frame, log) for frame in frames)
        )


class MemoryJournal:
    """A Journal that lives as long as this object."""

    external = False

    def __init__(self) -> None:
        self._logs: dict[str, _Log] = {}
        self._keys: dict[str, Place] = {}
        self._projections: dict[str, Projection] = {}

    def __repr__(self) -> str:
        return f"<MemoryJournal logs={len(self._logs)}>"

    def open(self, *projections: Projection) -> None:
        """Learn what rows look like."""
        self._projections.update({each.name: each for each in projections})

    def close(self) -> None:
        """Nothing to let go of; the contents stay."""

    def lane(self, log: str) -> str:
        """One lane: everything is stored at once."""
        return "memory"

    # -- writing

    def append(self, group: Sequence[Append]) -> Sequence[Ack]:
        """Store a group; see the port.

        Raises:
            ValueError, TypeError, StorageError: as `fencing.check` and `codec.encoded`; nothing of
                the group is stored then.
        """
        for append in group:
            check(append, self._projections.values())
        frames = [encoded(append.records, append.log) for append in group]
        return [self._store(*pair) for pair in zip(group, frames, strict=True)]

    def _store(self, append: Append, frames: list[bytes]) -> Ack:
        log = self._logs.get(append.log)
        head, epoch = (log.head.seq, log.head.epoch) if log else (0, 0)
        if not holds(append, head, epoch) or any(key in self._keys for key in append.keys):
            return Ack.FENCED
        if log is None:
            log = self._logs[append.log] = _Log(append.head)
        log.frames += frames
        log.head = Head(append.log, append.seq, append.epoch, append.active, log.head.floor)
        log.row = append.row if append.row is not None else log.row
        for key in append.keys:
            self._keys[key] = Place(append.log, append.expected + 1)
            log.keys.append(key)
        for consumer in append.consumers:
            log.consumers.setdefault(consumer, append.expected)
        return Ack.STORED

    def save_snapshot(self, log: str, snapshot: Snapshot) -> None:
        """Keep `snapshot` unless it is older than the one kept or newer than the log."""
        known = self._logs.get(log)
        if known is None or snapshot.seq > known.head.seq:
            return
        if known.snapshot is None or known.snapshot.seq < snapshot.seq:
            known.snapshot = snapshot

    # -- reading

    def read(self, log: str, caller: Caller | None = None) -> Stored | None:
        """The log, if there is one that `caller` may see; see the port."""
        known = self._logs.get(log)
        if known is None or (caller is not None and not may_see(known.row, caller)):
            return None
        return known.stored(log)

    def page(self, log: str, after: int, limit: int) -> tuple[Record, ...] | None:
        """At most `limit` records after `after`."""
        known = self._logs.get(log)
        if known is None:
            return ()
        start = after - known.head.floor
        if start < 0:
            return None
        return tuple(decode(frame, log) for frame in known.frames[start : start + limit])

    def find(self, key: str) -> Place | None:
        """Where the append that bore `key` began."""
        return self._keys.get(key)

    def list(self, query: Query) -> Listing:
        """One page of what matches; looks at every log."""
        rows = [(name, log.row) for name, log in self._logs.items()]
        found = selected(query, self._projections, rows)
        page, total, more = found
        listed = tuple(self._logs[name].stored(name) for name, _ in page)
        following = position(query.projection, *page[-1]) if more else None
        return Listing(listed, total, following)

    # -- upkeep

    def head(self, log: str) -> Head | None:
        """Where a log ends."""
        known = self._logs.get(log)
        return None if known is None else known.head

    def heads(self, after: str = "", limit: int = 256, *, active: bool = False) -> Sequence[Head]:
        """Logs by name."""
        names = sorted(self._logs, key=str.encode)
        later = [name for name in names if name.encode() > after.encode()]
        found = [self._logs[name].head for name in later]
        return [head for head in found if head.active or not active][:limit]

    def consumed(self, consumer: str, place: Place) -> None:
        """Move a consumer, never backwards; forget it when nothing is left."""
        known = self._logs.get(place.log)
        if known is None or consumer not in known.consumers:
            return
        if place.seq >= known.head.seq:
            del known.consumers[consumer]
        else:
            known.consumers[consumer] = max(known.consumers[consumer], place.seq)

    def unconsumed(
        self, family: str, after: tuple[str, str] = ("", ""), limit: int = 256
    ) -> Sequence[Left]:
        """Where the consumers of a family are to go on, by their names and those of the logs."""
        left = (
            Left(consumer, Place(name, seq))
            for name, log in self._logs.items()
            for consumer, seq in log.consumers.items()
            if consumer == family or consumer.startswith(f"{family}/")
        )
        later = [each for each in left if _order(each) > (after[0].encode(), after[1].encode())]
        return sorted(later, key=_order)[:limit]

    def place(self, consumer: str, log: str) -> Place | None:
        """Where a consumer is to go on in one log."""
        known = self._logs.get(log)
        seq = None if known is None else known.consumers.get(consumer)
        return None if seq is None else Place(log, seq)

    def surplus(self, keep: Keep, limit: int = 256) -> Sequence[Head]:
        """Logs beyond what is to be kept, the oldest first."""
        rows = [
            (name, log.row, sum(map(len, log.frames)))
            for name, log in self._logs.items()
            if not (
                log.head.active
                or log.consumers
                or (keep.compactable and log.head.floor == log.head.seq)
            )
        ]
        return [self._logs[name].head for name in surplus(keep, self._projections, rows)[:limit]]

    def compact(self, log: str, upto: int) -> bool:
        """Let go of the records up to `upto`, where a snapshot stands for them."""
        known = self._logs.get(log)
        if known is None:
            return False
        snapshot, floor = known.snapshot, known.head.floor
        if upto > floor:
            behind = any(seq < upto for seq in known.consumers.values())
            if snapshot is None or snapshot.seq < upto or behind:
                return False
            del known.frames[: upto - floor]
            known.head = known.head._replace(floor=upto)
        return True

    def remove(self, head: Head) -> bool:
        """Let go of a log that is as `head` says, and at rest."""
        known = self._logs.get(head.log)
        if known is None or known.head.active or known.consumers:
            return False
        if (known.head.seq, known.head.epoch) != (head.seq, head.epoch):
            return False
        del self._logs[head.log]
        for key in known.keys:
            del self._keys[key]
        return True

    def restore(self, copy: Copy) -> bool:
        """Take over a log from elsewhere; see the port.

        Raises:
            ValueError, TypeError: as `fencing.check_copy` and `codec.encoded`.
        """
        check_copy(copy, self._projections.values())
        head = copy.head
        frames = encoded(copy.records, head.log)
        if head.log in self._logs or any(key in self._keys for key, _ in copy.keys):
            return False
        log = self._logs[head.log] = _Log(head)
        log.frames, log.snapshot, log.row = frames, copy.snapshot, copy.row
        log.consumers = dict(copy.consumers)
        log.keys = [key for key, _ in copy.keys]
        self._keys.update({key: Place(head.log, seq) for key, seq in copy.keys})
        return True


def _order(left: Left) -> tuple[bytes, bytes]:
    return left.consumer.encode(), left.place.log.encode()
