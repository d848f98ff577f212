"""Writes: everything that changes what a simulated journal holds, as values and as bytes.

A write is one transaction. Its body is one msgpack array: a number that says what it is, then

    group     [log, epoch, expected, active, row, keys, consumers, [record, ...]] for each append
    consume   consumer, log, seq
    cut       log, upto, seq and payload of the snapshot that stands for what is cut off
    drop      log, seq, epoch
    begin     head, row, seq and payload of the snapshot or nil, keys, consumers, [record, ...]

with records as `codec.encode` makes them, and a row as [name of its projection, values]: whoever
reads the file without that projection finds no row.

Neighbours: `journal.py` (puts bodies into frames), `index.py` (what writes amount to),
`storing.py` (writes that are under way).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Any, NamedTuple, TypeAlias

import msgpack

from actors.runtime import Caller
from actors.runtime.journal.port import Append, Copy, Head, Place, Snapshot
from actors.runtime.journal.projection import Projection, Row
from actors.storage.codec import decode, encode

_PACKER = msgpack.Packer()
"""Shared, as making one costs more than packing a group; holds nothing between two calls."""


class _What(IntEnum):
    """The first field of a body."""

    GROUP, CONSUME, CUT, DROP, BEGIN = range(5)


Projections: TypeAlias = Mapping[str, Projection]


class Group(NamedTuple):
    """Store these."""

    appends: tuple[Append, ...]


class Consume(NamedTuple):
    """A consumer is done with a log up to a place."""

    consumer: str
    place: Place

    @property
    def log(self) -> str:
        """Whose it is."""
        return self.place.log


class Cut(NamedTuple):
    """Let go of the records up to `upto`."""

    log: str
    upto: int
    snapshot: Snapshot | None = None
    """What stands for them; the journal says, as it writes this."""


class Drop(NamedTuple):
    """Let go of a log."""

    head: Head

    @property
    def log(self) -> str:
        """Which one."""
        return self.head.log


class Begin(NamedTuple):
    """Take over a log from elsewhere."""

    copy: Copy

    @property
    def log(self) -> str:
        """Which one."""
        return self.copy.head.log


Upkeep: TypeAlias = Consume | Cut | Drop | Begin
Write: TypeAlias = Group | Upkeep


class Encoded(NamedTuple):
    """An append, with the frames of its records and its part of a body."""

    append: Append
    frames: list[bytes]
    packed: bytes = b""
    """Not kept of what was read."""


Written: TypeAlias = tuple[Encoded, ...] | Upkeep
"""What a body says: the appends of a group that held, or upkeep."""


def said(write: Write) -> str:
    """What a write is, in few words; two that are alike have the same."""
    match write:
        case Group():
            return "append"
        case Consume(consumer, place):
            return f"{consumer} is done with {place.log} up to {place.seq}"
        case Cut(log, upto, _):
            return f"compact {log} up to {upto}"
        case Drop(head):
            return f"remove {head.log} at {head.seq}"
        case Begin(copy):
            return f"restore {copy.head.log} at {copy.head.seq}"


# -- to bytes


def encoded(append: Append, known: Projections) -> Encoded:
    """An append, ready to be written.

    Raises:
        ValueError, TypeError, StorageError: as `codec.encode`.
    """
    frames = [encode(record, append.log) for record in append.records]
    log, epoch, expected, active = append.log, append.epoch, append.expected, append.active
    row = _told(append.row, known)
    whole = (log, epoch, expected, active, row, append.keys, append.consumers, frames)
    return Encoded(append, frames, _PACKER.pack(whole))


def body_of_group(held: Iterable[Encoded]) -> bytes:
    """The body that stores these."""
    packed = [each.packed for each in held]
    start: list[bytes] = [_PACKER.pack_array_header(len(packed) + 1), _PACKER.pack(_What.GROUP)]
    return b"".join(start + packed)


def body_of(write: Upkeep, known: Projections) -> bytes:
    """The body that makes upkeep true."""
    body: bytes = _PACKER.pack(_fields(write, known))
    return body


def _fields(write: Upkeep, known: Projections) -> tuple[object, ...]:
    match write:
        case Consume(consumer, place):
            return (_What.CONSUME, consumer, *place)
        case Cut(log, upto, snapshot):
            return (_What.CUT, log, upto, *(snapshot or (0, b"")))
        case Drop(head):
            return (_What.DROP, head.log, head.seq, head.epoch)
        case Begin((head, row, snapshot, records, keys, consumers)):
            frames = [encode(record, head.log) for record in records]
            return (_What.BEGIN, head, _told(row, known), snapshot, keys, consumers, frames)


def _told(row: Row | None, known: Projections) -> tuple[str, Row] | None:
    if row is None:
        return None
    return next(name for name, each in known.items() if each.row is type(row)), row


# -- from bytes


def written(body: bytes, known: Projections) -> Written:
    """What a body says; who asked for an append is not kept.

    Raises:
        ValueError, TypeError, JournalCorrupt: nobody here wrote this.
    """
    what, *fields = msgpack.unpackb(body)
    match what:
        case _What.GROUP:
            return tuple(_append(known, *each) for each in fields)
        case _What.CONSUME:
            consumer, log, seq = fields
            return Consume(consumer, Place(log, seq))
        case _What.CUT:
            log, upto, seq, payload = fields
            return Cut(log, upto, Snapshot(seq, payload))
        case _What.DROP:
            log, seq, epoch = fields
            return Drop(Head(log, seq, epoch))
        case _What.BEGIN:
            return Begin(_copy(known, *fields))
        case other:
            raise ValueError(f"{other!r} is no write")


def _append(
    known: Projections,
    log: str,
    epoch: int,
    expected: int,
    active: bool,
    row: list[Any] | None,
    keys: list[str],
    consumers: list[str],
    frames: list[bytes],
) -> Encoded:
    records = tuple(decode(frame, log) for frame in frames)
    append = Append(log, epoch, expected, records, Caller(), active, _row(row, known))
    named = append._replace(keys=tuple(keys), consumers=tuple(consumers))
    return Encoded(named, frames)


def _copy(
    known: Projections,
    told: list[Any],
    row: list[Any] | None,
    snapshot: list[Any] | None,
    keys: list[list[Any]],
    consumers: list[list[Any]],
    frames: list[bytes],
) -> Copy:
    head = Head(*told)
    return Copy(
        head,
        _row(row, known),
        None if snapshot is None else Snapshot(*snapshot),
        tuple(decode(frame, head.log) for frame in frames),
        tuple((key, seq) for key, seq in keys),
        tuple((consumer, seq) for consumer, seq in consumers),
    )


def _row(told: list[Any] | None, known: Projections) -> Row | None:
    if told is None:
        return None
    name, values = told
    projection = known.get(name)
    row: Row | None = None if projection is None else projection.row(*values)
    return row
