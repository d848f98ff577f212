"""SimJournal: the Journal port on a `Disk`, so that every fault of it can be chosen.

The file is a sequence of frames, one for each group, which is its transaction:

    length (4 bytes), CRC-32 of the body (4 bytes), body: msgpack [[row, [record, ...]], ...]

with the records as `codec.encode` makes them. A group is written by `stage` and made true by
`commit`; a crash between the two leaves any part of its frame. Whole, it is stored and only its
acknowledgement lost; otherwise nothing of it is. What an append must follow (law L7) is the file,
with all that is staged: the order of the frames is the order of the groups, and committing one
commits those before it. So an append is told FENCED only after what fenced it is durable, and no
FENCED append is ever written.

Reads come from an index in memory that is a function of the durable part and is brought up to date
by whoever asks next. Nodes may share one journal, or each have its own on the same disk: each sees
what the others wrote.

Neighbours: `disk.py`; `actors/storage` has the index, the codec, the fencing and the conformance
suite that this journal keeps.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import NamedTuple
from zlib import crc32

import msgpack

from actors.runtime import Caller
from actors.simulation.disk import Disk
from actors.storage.codec import decode, encode
from actors.storage.fencing import check, holds
from actors.storage.memory import MemoryJournal
from actors.task.ports import (
    Ack,
    Append,
    JournalCorrupt,
    Listing,
    Query,
    Row,
    Snapshot,
    StorageError,
    StorageUnavailable,
    Stored,
)
from actors.task.record import Record

_HEADER = Struct(">II")
_PACKER = msgpack.Packer()
"""Shared, as making one costs more than packing a group; holds nothing between two calls."""
_NOWHERE = (0, 0)
"""Head and epoch of a task without a log."""

Encoded = tuple[Append, list[bytes]]
"""An append with the frames of its records."""


class Staged(NamedTuple):
    """A group that is written and not yet known to be durable; for `commit`."""

    end: int
    """Where the file must be durable to, in bytes, before anybody is told."""
    acks: tuple[Ack, ...]
    crashes: int
    """Of the disk, so far: a crash in between takes the right to an answer away."""


class _Written(NamedTuple):
    """A frame of the file that the index does not have yet."""

    start: int
    end: int
    appends: Sequence[Encoded]


class _TornFrame(JournalCorrupt):
    """The bytes are not a whole frame; at the end of the file a crash may have done that."""


class SimJournal(MemoryJournal):
    """A Journal on `disk`, or on a new one."""

    def __init__(self, disk: Disk | None = None) -> None:
        super().__init__()
        self.disk = Disk() if disk is None else disk
        self.torn = 0
        """Bytes that `open` found to be no whole frame, and cut off."""
        self._forget()

    def __repr__(self) -> str:
        return f"<SimJournal tasks={len(self._logs)} staged={len(self._written)} {self.disk!r}>"

    def _forget(self) -> None:
        self._logs = {}
        self._heads: dict[str, tuple[int, int]] = {}
        """Head and epoch of each task, with all that is staged."""
        self._written: list[_Written] = []
        self._seen = 0
        self._crashes = self.disk.crashes

    def open(self) -> None:
        """Build the index from the disk; after a crash cut a torn tail off and say so in `torn`.

        Raises:
            JournalCorrupt: the durable part is damaged, or a whole frame is not what we write.
        """
        disk = self.disk
        self._forget()
        try:
            self._scan()
        except _TornFrame:
            if not disk.unclean or self._seen < disk.synced:
                raise
        self.torn = disk.size - self._seen
        if disk.unclean:
            disk.recover(self._seen)
        self._settle()
        for task, snapshot in disk.snapshots.items():
            super().save_snapshot(task, snapshot)

    def tasks(self) -> list[str]:
        """Every task that has a log, in order of their names."""
        self._follow()
        return sorted(self._logs)

    def append(self, group: Sequence[Append]) -> Sequence[Ack]:
        """Stage and commit; see the port."""
        return self.commit(self.stage(group))

    def stage(self, group: Sequence[Append]) -> Staged:
        """Write a group to the tail of the disk; no read shows it yet.

        Raises:
            ValueError, TypeError, StorageError: as `fencing.check` and `codec.encode`; nothing is
                written then.
            StorageUnavailable: the disk has crashed and this journal was not opened since.
        """
        self._follow()
        for append in group:
            check(append)
        acks: list[Ack] = []
        held: list[Encoded] = []
        moved: dict[str, tuple[int, int]] = {}
        for append in group:
            task = append.task
            head, epoch = moved.get(task) or self._heads.get(task, _NOWHERE)
            frames = [encode(record, task) for record in append.records]
            if not holds(append, head, epoch):
                acks.append(Ack.FENCED)
                continue
            acks.append(Ack.STORED)
            held.append((append, frames))
            moved[task] = (append.row.head, append.epoch)
        if held:
            self._write(held)
            self._heads |= moved
        return Staged(self.disk.size, tuple(acks), self._crashes)

    def _write(self, held: Sequence[Encoded]) -> None:
        body = _PACKER.pack([(append.row, frames) for append, frames in held])
        start = self._seen
        self.disk.write(_HEADER.pack(len(body), crc32(body)) + body)
        self._seen = self.disk.size
        self._written.append(_Written(start, self._seen, held))

    def commit(self, staged: Staged) -> Sequence[Ack]:
        """Make a group durable, with every group staged before it, and say what became of it.

        Raises:
            StorageError: the disk has crashed since it was staged; whether it is stored is for a
                read to tell.
        """
        if staged.crashes != self.disk.crashes:
            raise StorageError(
                "the disk crashed before the group was committed, so it may be stored or not: "
                "open the journal again and read the heads of its tasks"
            )
        self.disk.sync(staged.end)
        return staged.acks

    # -- the index follows the disk

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
        if self._written and self._written[0].end <= disk.synced:
            self._settle()

    def _scan(self) -> None:
        """Read the frames that are new in the file."""
        base = self._seen
        data = self.disk.read(base)
        while self._seen < base + len(data):
            start = self._seen
            body = _body(data, start - base, start)
            appends = _decoded(body, start)
            self._seen += _HEADER.size + len(body)
            self._written.append(_Written(start, self._seen, appends))
            for append, _ in appends:
                self._heads[append.task] = (append.row.head, append.epoch)

    def _settle(self) -> None:
        """Take into the index what has become durable."""
        synced = self.disk.synced
        while self._written and self._written[0].end <= synced:
            written = self._written.pop(0)
            for append, frames in written.appends:
                if self._store(append, frames) is Ack.FENCED:
                    raise JournalCorrupt(
                        f"{_at(written.start)} appends to task {append.task!r} after record "
                        f"{append.expected} in epoch {append.epoch}, where its log does not stand"
                    )

    # -- reading

    def read(self, task: str, caller: Caller | None = None) -> Stored | None:
        """The task, if there is one that `caller` may see; see the port."""
        self._follow()
        return super().read(task, caller)

    def page(self, task: str, after: int, limit: int) -> tuple[Record, ...]:
        """At most `limit` records after `after`."""
        self._follow()
        return super().page(task, after, limit)

    def list(self, query: Query) -> Listing:
        """One page of what matches."""
        self._follow()
        return super().list(query)

    def active(self) -> Sequence[str]:
        """Tasks whose row says active."""
        self._follow()
        return super().active()

    def save_snapshot(self, task: str, snapshot: Snapshot) -> None:
        """Keep `snapshot`, also beside the file, unless it is older or newer than it may be."""
        self._follow()
        super().save_snapshot(task, snapshot)
        log = self._logs.get(task)
        if log is not None and log.snapshot is snapshot:
            self.disk.keep(task, snapshot)

    def digest(self) -> bytes:
        """A hash of what the disk holds; all else that a journal knows follows from it."""
        return self.disk.digest()


def _body(data: bytes, start: int, position: int) -> bytes:
    """The body of the frame at `start` of `data`, which is `position` of the file."""
    begin = start + _HEADER.size
    if len(data) < begin:
        found, expected = f"{len(data) - start} bytes", f"a header of {_HEADER.size}"
        raise _TornFrame(f"{_at(position)} is short: found {found}, expected {expected}")
    length, checksum = _HEADER.unpack_from(data, start)
    body = data[begin : begin + length]
    if len(body) < length:
        raise _TornFrame(
            f"{_at(position)} is short: found {len(body)} bytes of body, expected {length}"
        )
    if (actual := crc32(body)) != checksum:
        raise _TornFrame(f"{_at(position)}: found CRC {actual:#010x}, expected {checksum:#010x}")
    return body


def _decoded(body: bytes, position: int) -> list[Encoded]:
    """The appends that a frame holds; who asked for them is not kept.

    Raises:
        JournalCorrupt: the CRC holds, so somebody else than `stage` wrote this.
    """
    try:
        return [_append(Row(*row), frames) for row, frames in msgpack.unpackb(body)]
    except (ValueError, TypeError) as error:
        raise JournalCorrupt(
            f"{_at(position)} is none that this journal wrote: found {error!r}, expected "
            "rows and records"
        ) from error


def _append(row: Row, frames: list[bytes]) -> Encoded:
    records = tuple(decode(frame, row.task) for frame in frames)
    append = Append(row.task, row.epoch, row.head - len(records), records, row, Caller())
    return append, frames


def _at(position: int) -> str:
    return f"the frame at byte {position} of the simulated journal"
