"""SimJournal: the Journal port on a `Disk`, so that every fault of it can be chosen.

The file is a sequence of frames (`frames.py`), one for each write, which is a transaction. A write
is put into the file by `stage` and made true by `commit`; a crash between the two leaves
any part of its frame. Whole, it is stored and only its acknowledgement lost; otherwise nothing of
it is. What a write must follow (law L7) is the file, with all that is staged: the order of the
frames is the order of the writes, and committing one commits those before it. So an append is told
FENCED only after what fenced it is durable, and nothing is written that does not hold. Snapshots
lie beside the file, where a crash may lose them; but the frame that cuts records off, or takes over
a log without them, carries the snapshot that stands for them.

Reads come from an index in memory that is a function of the durable part and is brought up to date
by whoever asks next. Nodes may share one journal, or each have its own on the same disk: each sees
what the others wrote.

Neighbours: `disk.py`; `writes.py` (what is in a frame), `index.py` (what frames amount to);
`actors/storage` has the codec, the fencing and the conformance suite that this journal keeps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from actors.runtime import Caller
from actors.runtime.journal.errors import StorageError, StorageUnavailable
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
from actors.runtime.journal.projection import Keep, Projection, Query
from actors.runtime.journal.record import Record
from actors.simulation.disk import Disk
from actors.simulation.frames import TornFrame, framed, misplaced, unframed
from actors.simulation.index import Index
from actors.simulation.writes import (
    Begin,
    Consume,
    Cut,
    Drop,
    Group,
    Upkeep,
    Write,
    Written,
    body_of,
    body_of_group,
    encoded,
)
from actors.storage.fencing import check, check_copy

T = TypeVar("T")


class Staged(NamedTuple, Generic[T]):
    """A write that is in the file and not yet known to be durable; for `commit`."""

    end: int
    """Where the file must be durable to, in bytes, before anybody is told."""
    answer: T
    crashes: int
    """Of the disk, so far: a crash in between takes the right to an answer away."""


class _Frame(NamedTuple):
    """A frame of the file that the index of what is durable does not have yet."""

    start: int
    end: int
    write: Written


class SimJournal:
    """A Journal on `disk`, or on a new one."""

    external = False

    def __init__(self, disk: Disk | None = None) -> None:
        self.disk = Disk() if disk is None else disk
        self.torn = 0
        """Bytes that `open` found to be no whole frame, and cut off."""
        self._projections: dict[str, Projection] = {}
        self._forget()

    def __repr__(self) -> str:
        logs, staged = len(self._index.logs), len(self._staged)
        return f"<SimJournal logs={logs} staged={staged} {self.disk!r}>"

    def _forget(self) -> None:
        self._index, self._ahead = Index(), Index()
        for index in (self._index, self._ahead):
            index.open(*self._projections.values())
        self._staged: list[_Frame] = []
        """What `_ahead`, the index of all that is written, has before `_index`."""
        self._seen = 0
        self._crashes = self.disk.crashes

    def open(self, *projections: Projection) -> None:
        """Build the index from the disk; after a crash cut a torn tail off and say so in `torn`.

        Raises:
            JournalCorrupt: the durable part is damaged, or a whole frame is not what we write.
        """
        self._projections.update({each.name: each for each in projections})
        disk = self.disk
        self._forget()
        try:
            self._scan()
        except TornFrame:
            if not disk.unclean or self._seen < disk.synced:
                raise
        self.torn = disk.size - self._seen
        if disk.unclean:
            disk.recover(self._seen)
        self._settle()
        for log in self._index.logs:
            self._learn(self._index, log)

    def close(self) -> None:
        """Nothing to let go of; the contents stay on the disk."""

    def lane(self, log: str) -> str:
        """One lane: there is one file."""
        return "disk"

    def logs(self) -> list[str]:
        """Every log, in order of their names."""
        self._follow()
        return self._index.logs

    # -- writing

    def append(self, group: Sequence[Append]) -> Sequence[Ack]:
        """Store a group; see the port."""
        return self.commit(self.stage(group))

    def consumed(self, consumer: str, place: Place) -> None:
        """Move a consumer; see the port."""
        self.write(Consume(consumer, place))

    def compact(self, log: str, upto: int) -> bool:
        """Let go of records; see the port."""
        return bool(self.write(Cut(log, upto)))

    def remove(self, head: Head) -> bool:
        """Let go of a log; see the port."""
        return bool(self.write(Drop(head)))

    def restore(self, copy: Copy) -> bool:
        """Take over a log from elsewhere; see the port."""
        return bool(self.write(Begin(copy)))

    def write(self, write: Write) -> Any:
        """Do any write; what the method of the port for it returns."""
        return self.commit(self.prepare(write))

    def prepare(self, write: Write) -> Staged[Any]:
        """Put any write into the tail of the disk; see `stage`."""
        return self.stage(write.appends) if isinstance(write, Group) else self._tend(write)

    def stage(self, group: Sequence[Append]) -> Staged[tuple[Ack, ...]]:
        """Write a group to the tail of the disk; no read shows it yet.

        Raises:
            ValueError, TypeError, StorageError: as `fencing.check` and `codec.encode`; nothing is
                written then.
            StorageUnavailable: the disk has crashed and this journal was not opened since.
        """
        self._follow()
        for append in group:
            check(append, self._projections.values())
        whole = [encoded(append, self._projections) for append in group]
        acks = tuple(self._ahead.store(whole, self._seen))
        stored = zip(whole, acks, strict=True)
        held = tuple(each for each, ack in stored if ack is Ack.STORED)
        if held:
            self._put(held, body_of_group(held))
        return Staged(self.disk.size, acks, self._crashes)

    def _tend(self, write: Upkeep) -> Staged[bool | None]:
        self._follow()
        if isinstance(write, Cut):
            self._learn(self._ahead, write.log)
            write = write._replace(snapshot=self._ahead.snapshot(write.log))
        if isinstance(write, Begin):
            check_copy(write.copy, self._projections.values())
        body = body_of(write, self._projections)
        done, changed = self._ahead.tend(write, self._seen)
        if changed:
            self._put(write, body)
        return Staged(self.disk.size, done, self._crashes)

    def _put(self, write: Written, body: bytes) -> None:
        start = self._seen
        self.disk.write(framed(body))
        self._seen = self.disk.size
        self._staged.append(_Frame(start, self._seen, write))

    def commit(self, staged: Staged[T]) -> T:
        """Make a write durable, with everything staged before it, and say what became of it.

        Raises:
            StorageError: the disk has crashed since it was staged; whether it is stored is for a
                read to tell.
        """
        if staged.crashes != self.disk.crashes:
            raise StorageError(
                "the disk crashed before the write was committed, so it may be stored or not: "
                "open the journal again and read the heads of its logs"
            )
        self.disk.sync(staged.end)
        return staged.answer

    def save_snapshot(self, log: str, snapshot: Snapshot) -> None:
        """Keep `snapshot`, also beside the file, unless it is older or newer than it may be."""
        self._follow()
        self._index.save_snapshot(log, snapshot)
        if self._index.snapshot(log) is snapshot:
            self.disk.keep(_cached(log, self._index), snapshot)

    def _learn(self, index: Index, log: str) -> None:
        """Take a snapshot from beside the file."""
        snapshot = self.disk.snapshots.get(_cached(log, index))
        if snapshot is not None:
            index.save_snapshot(log, snapshot)

    # -- the indexes follow the disk

    def _follow(self) -> None:
        """Learn what other journals on this disk have written and synced."""
        disk = self.disk
        if disk.unclean or disk.crashes != self._crashes:
            raise StorageUnavailable(
                f"the disk has crashed ({disk.crashes} times, {self._crashes} known here): "
                "open the journal again"
            )
        if self._seen != disk.size:
            self._scan()
        if self._staged and self._staged[0].end <= disk.synced:
            self._settle()

    def _scan(self) -> None:
        """Read the frames that are new in the file."""
        base = self._seen
        data = self.disk.read(base)
        while self._seen < base + len(data):
            start = self._seen
            write, length = unframed(data, start - base, start, self._projections)
            if not self._ahead.holds(write, start):
                raise misplaced(write, start)
            self._seen += length
            self._staged.append(_Frame(start, self._seen, write))

    def _settle(self) -> None:
        """Take into the index what has become durable."""
        synced = self.disk.synced
        while self._staged and self._staged[0].end <= synced:
            start, _, write = self._staged.pop(0)
            if isinstance(write, Drop):
                self.disk.drop(_cached(write.log, self._index))
            self._index.holds(write, start)

    def _durable(self) -> Index:
        """What may be read now."""
        self._follow()
        return self._index

    # -- reading

    def read(self, log: str, caller: Caller | None = None) -> Stored | None:
        """The log, if there is one that `caller` may see; see the port."""
        return self._durable().read(log, caller)

    def page(self, log: str, after: int, limit: int) -> tuple[Record, ...] | None:
        """At most `limit` records after `after`."""
        return self._durable().page(log, after, limit)

    def find(self, key: str) -> Place | None:
        """Where the append that bore `key` began."""
        return self._durable().find(key)

    def list(self, query: Query) -> Listing:
        """One page of what matches."""
        return self._durable().list(query)

    def head(self, log: str) -> Head | None:
        """Where a log ends."""
        return self._durable().head(log)

    def heads(self, after: str = "", limit: int = 256, *, active: bool = False) -> Sequence[Head]:
        """Logs by name."""
        return self._durable().heads(after, limit, active=active)

    def unconsumed(
        self, family: str, after: tuple[str, str] = ("", ""), limit: int = 256
    ) -> Sequence[Left]:
        """Where the consumers of a family are to go on."""
        return self._durable().unconsumed(family, after, limit)

    def place(self, consumer: str, log: str) -> Place | None:
        """Where a consumer is to go on in one log."""
        return self._durable().place(consumer, log)

    def surplus(self, keep: Keep, limit: int = 256) -> Sequence[Head]:
        """Logs beyond what is to be kept."""
        return self._durable().surplus(keep, limit)

    def digest(self) -> bytes:
        """A hash of what the disk holds; all else that a journal knows follows from it."""
        return self.disk.digest()


def _cached(log: str, index: Index) -> str:
    """Name of a log's snapshot beside the file; another log of that name has another."""
    return f"{index.born(log)} {log}"
