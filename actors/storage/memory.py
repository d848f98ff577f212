"""MemoryJournal: the journal as a dictionary, for tests and for servers that may forget.

It stores encoded frames, not records, so that whatever the codec cannot keep shows up here too.
The contents belong to the object: `close` and `open` again, also on another loop, keep them.

Neighbours: `codec.py`, `fencing.py`, `conformance.py` (what it must keep).
"""

from __future__ import annotations

from collections.abc import Sequence

from actors.runtime import Caller
from actors.storage.codec import decode, encode
from actors.storage.fencing import check, holds
from actors.task.ports import Ack, Append, Listing, Query, Row, Snapshot, Stored
from actors.task.record import Record


class _Log:
    __slots__ = ("frames", "row", "snapshot")

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.row: Row | None = None
        self.snapshot: Snapshot | None = None


class MemoryJournal:
    """A Journal that lives as long as this object."""

    external = False

    def __init__(self) -> None:
        self._logs: dict[str, _Log] = {}

    def __repr__(self) -> str:
        return f"<MemoryJournal tasks={len(self._logs)}>"

    def lane(self, task: str) -> str:
        """One lane: everything is stored at once."""
        return "memory"

    def append(self, group: Sequence[Append]) -> Sequence[Ack]:
        """Store a group; see the port.

        Raises:
            ValueError, TypeError, StorageError: as `fencing.check` and `codec.encode`; nothing of
                the group is stored then.
        """
        for append in group:
            check(append)
        encoded = [[encode(record, append.task) for record in append.records] for append in group]
        return [self._store(*pair) for pair in zip(group, encoded, strict=True)]

    def _store(self, append: Append, frames: list[bytes]) -> Ack:
        log = self._logs.get(append.task)
        head, epoch = (log.row.head, log.row.epoch) if log and log.row else (0, 0)
        if not holds(append, head, epoch):
            return Ack.FENCED
        log = self._logs.setdefault(append.task, _Log())
        log.frames += frames
        log.row = append.row
        return Ack.STORED

    def read(self, task: str, caller: Caller | None = None) -> Stored | None:
        """The task, if there is one that `caller` may see; see the port."""
        log = self._logs.get(task)
        if log is None or log.row is None:
            return None
        if caller is not None and (caller.owner, caller.tenant) != (log.row.owner, log.row.tenant):
            return None
        return self._stored(log, log.row)

    def _stored(self, log: _Log, row: Row) -> Stored:
        known = log.snapshot.seq if log.snapshot else 0
        tail = tuple(decode(frame, row.task) for frame in log.frames[known:])
        return Stored(row, log.snapshot, tail)

    def page(self, task: str, after: int, limit: int) -> tuple[Record, ...]:
        """At most `limit` records after `after`."""
        log = self._logs.get(task)
        frames = log.frames[after : after + limit] if log else ()
        return tuple(decode(frame, task) for frame in frames)

    def list(self, query: Query) -> Listing:
        """One page of what matches; looks at every task."""
        found = [
            ((log.row.status_at, log.row.task), log, log.row)
            for log in self._logs.values()
            if log.row is not None and _matches(log.row, query)
        ]
        rest = [hit for hit in found if query.after is None or hit[0] < query.after]
        rest.sort(key=lambda hit: hit[0], reverse=True)
        page = rest[: query.size]
        following = page[-1][0] if len(rest) > query.size else None
        return Listing(tuple(self._stored(log, row) for _, log, row in page), len(found), following)

    def active(self) -> Sequence[str]:
        """Tasks whose row says active."""
        return [task for task, log in self._logs.items() if log.row and log.row.active]

    def save_snapshot(self, task: str, snapshot: Snapshot) -> None:
        """Keep `snapshot` unless it is older than the one kept or newer than the log."""
        log = self._logs.get(task)
        known = log.snapshot.seq if log and log.snapshot else 0
        if log is not None and known < snapshot.seq <= len(log.frames):
            log.snapshot = snapshot

    def open(self) -> None:
        """Nothing to get ready."""

    def close(self) -> None:
        """Nothing to let go of; the contents stay."""


def _matches(row: Row, query: Query) -> bool:
    return (
        row.state != 0
        and (row.owner, row.tenant) == (query.owner, query.tenant)
        and query.context in ("", row.context)
        and query.state in (0, row.state)
        and (query.status_from is None or row.status_at >= query.status_from)
    )
