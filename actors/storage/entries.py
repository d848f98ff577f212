"""What is written to a SQLite file: plain data, which can be sent to a process.

Neighbours: `codec.py` (frames), `stretches.py` (rows of them), `fencing.py` (what makes an append
well-formed), `logwriter.py` and `logkeeper.py` (write it).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from actors.runtime.journal.port import Append, Copy, Head, Snapshot
from actors.runtime.journal.projection import Projection, Row
from actors.storage.fencing import check, check_copy, claims
from actors.storage.stretches import Stretch, stretches

Values = tuple[Any, ...]
"""A row, as columns."""
NamedRow = tuple[str, Values]
"""The name of a projection, and a row of it."""


class Entry(NamedTuple):
    """One append."""

    log: str
    epoch: int
    expected: int
    claims: bool
    stretches: Sequence[Stretch]
    active: bool
    row: NamedRow | None
    keys: Sequence[str]
    consumers: Sequence[str]


class Whole(NamedTuple):
    """All of one log."""

    head: Head
    stretches: Sequence[Stretch]
    """Of every record after the floor."""
    row: NamedRow | None
    snapshot: Snapshot | None
    keys: Sequence[tuple[str, int]]
    consumers: Sequence[tuple[str, int]]


def entries(group: Sequence[Append], known: Mapping[str, Projection]) -> list[Entry]:
    """The entries of a group.

    Raises:
        ValueError, TypeError, StorageError: as `fencing.check` and `codec.encoded`.
    """
    projections, made = known.values(), []
    for append in group:
        check(append, projections)
        log, epoch, expected, records, _, active, row, _, keys, consumers = append
        rows, beside = stretches(records, log), None if row is None else named(row, known)
        made.append(
            Entry(log, epoch, expected, claims(append), rows, active, beside, keys, consumers)
        )
    return made


def whole(copy: Copy, known: Mapping[str, Projection]) -> Whole:
    """What is written for a copy of a log.

    Raises:
        ValueError, TypeError: as `fencing.check_copy` and `codec.encoded`.
    """
    check_copy(copy, known.values())
    rows = stretches(copy.records, copy.head.log)
    row = None if copy.row is None else named(copy.row, known)
    return Whole(copy.head, rows, row, copy.snapshot, copy.keys, copy.consumers)


def named(row: Row, known: Mapping[str, Projection]) -> NamedRow:
    """A row with the name of its projection.

    Raises:
        ValueError: it is of none that is known.
    """
    for name, projection in known.items():
        if type(row) is projection.row:
            return name, row
    raise ValueError(f"a {type(row).__name__} is a row of none of the projections {list(known)}")
