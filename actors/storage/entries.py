"""What is written to a SQLite file: plain data, which can be sent to a process.

Neighbours: `codec.py` (frames), `fencing.py` (what makes an append well-formed), `logwriter.py` and
`logkeeper.py` (write it).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from actors.runtime.journal.port import Append, Copy, Head, Snapshot
from actors.runtime.journal.projection import Projection, Row
from actors.storage.codec import encode
from actors.storage.fencing import check, check_copy, claims

Values = tuple[Any, ...]
"""A row, as columns."""


class Entry(NamedTuple):
    """One append."""

    log: str
    epoch: int
    expected: int
    claims: bool
    frames: Sequence[bytes]
    active: bool
    row: tuple[str, Values] | None
    """Name of the projection, and the row."""
    keys: Sequence[str]
    consumers: Sequence[str]


class Whole(NamedTuple):
    """All of one log."""

    head: Head
    frames: Sequence[bytes]
    """Of every record after the floor."""
    row: tuple[str, Values] | None
    """Name of the projection, and the row."""
    snapshot: Snapshot | None
    keys: Sequence[tuple[str, int]]
    consumers: Sequence[tuple[str, int]]


def entries(group: Sequence[Append], known: Mapping[str, Projection]) -> list[Entry]:
    """The entries of a group.

    Raises:
        ValueError, TypeError, StorageError: as `fencing.check` and `codec.encode`.
    """
    for append in group:
        check(append, known.values())
    return [
        Entry(
            append.log,
            append.epoch,
            append.expected,
            claims(append),
            [encode(record, append.log) for record in append.records],
            append.active,
            named(append.row, known),
            append.keys,
            append.consumers,
        )
        for append in group
    ]


def whole(copy: Copy, known: Mapping[str, Projection]) -> Whole:
    """What is written for a copy of a log.

    Raises:
        ValueError, TypeError: as `fencing.check_copy` and `codec.encode`.
    """
    check_copy(copy, known.values())
    frames = [encode(record, copy.head.log) for record in copy.records]
    row = named(copy.row, known)
    return Whole(copy.head, frames, row, copy.snapshot, copy.keys, copy.consumers)


def named(row: Row | None, known: Mapping[str, Projection]) -> tuple[str, Values] | None:
    """A row with the name of its projection.

    Raises:
        ValueError: it is of none that is known.
    """
    if row is None:
        return None
    for name, projection in known.items():
        if type(row) is projection.row:
            return name, tuple(row)
    raise ValueError(f"a {type(row).__name__} is a row of none of the projections {list(known)}")
