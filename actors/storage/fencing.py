"""Fencing: when a compare-and-append holds, said once for every journal (law L7).

And what no correct writer can have made: such an append, or copy of a log, is refused.

Neighbours: `memory.py`, `sqlite.py`, `postgres.py`, `foreign.py`. A journal whose database compares
by itself (the conditional UPDATE of `sqlite.py`) must agree with `holds`; the conformance suite
checks it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from actors.runtime.journal.fitting import check_row
from actors.runtime.journal.port import Append, Copy
from actors.runtime.journal.projection import Projection
from actors.runtime.journal.record import CLAIM


def claims(append: Append) -> bool:
    """Whether the append takes the log over, so that a lower stored epoch gives way."""
    return append.records[0].kind == CLAIM


def holds(append: Append, head: int, epoch: int) -> bool:
    """Whether `append` may follow a log that ends at `head` in `epoch`; no log: head 0."""
    if append.expected != head:
        return False
    return head == 0 or epoch == append.epoch or (epoch < append.epoch and claims(append))


def check(append: Append, known: Iterable[Projection] | None = None) -> None:
    """Refuse an append that no correct writer can have made.

    Args:
        append: what is to be stored.
        known: the projections that the journal was opened with; None where rows are not kept.

    Raises:
        ValueError: it is empty, its records have a gap or another epoch, or its row is of no
            projection that the journal knows, or does not fit it.
    """
    if not append.records:
        raise ValueError(f"the append for log {append.log!r} has no records")
    for seq, record in enumerate(append.records, append.expected + 1):
        if record.seq != seq or record.epoch != append.epoch:
            raise ValueError(
                f"record (seq {record.seq}, epoch {record.epoch}) of log {append.log!r} stands "
                f"where (seq {seq}, epoch {append.epoch}) belongs"
            )
    if known is not None:
        check_row(append.log, append.row, known)


def check_copy(copy: Copy, known: Iterable[Projection]) -> None:
    """Refuse a copy that is of no log.

    Args:
        copy: what is to be restored.
        known: the projections that the journal was opened with.

    Raises:
        ValueError: says what does not hold together; see `Upkeep.restore`.
    """
    for wrong in (*_misplaced(copy), *_broken(copy)):
        raise ValueError(f"the copy of log {copy.head.log!r} does not hold together: {wrong}")
    check_row(copy.head.log, copy.row, known)


def _misplaced(copy: Copy) -> Iterator[str]:
    """What lies outside of the log."""
    _, seq, epoch, _, floor = copy.head
    if seq < 1 or epoch < 1 or not 0 <= floor <= seq:
        yield f"its head is at {seq} in epoch {epoch}, its floor at {floor}"
    if copy.snapshot is None and floor:
        yield f"no snapshot stands for what is below its floor, {floor}"
    if copy.snapshot is not None and not floor <= copy.snapshot.seq <= seq:
        yield f"its snapshot is at {copy.snapshot.seq}, expected {floor} to {seq}"
    named = (("key", copy.keys, 1, seq), ("consumer", copy.consumers, floor, seq - 1))
    for what, places, least, most in named:
        if len(dict(places)) < len(places):
            yield f"a {what} stands twice in it"
        for name, at in places:
            if not least <= at <= most:
                yield f"its {what} {name!r} is at {at}, expected {least} to {most}"


def _broken(copy: Copy) -> Iterator[str]:
    """Records that do not follow one another."""
    head, epoch = copy.head, 0
    if len(copy.records) != head.seq - head.floor:
        yield f"it has {len(copy.records)} records from {head.floor + 1} to {head.seq}"
    for seq, record in enumerate(copy.records, head.floor + 1):
        if record.seq != seq:
            yield f"record {record.seq} stands where {seq} belongs"
        if record.epoch < epoch or (0 < epoch < record.epoch and record.kind != CLAIM):
            yield f"record {seq} is of epoch {record.epoch}, without a claim after {epoch}"
        epoch = record.epoch
    if copy.records and epoch != head.epoch:
        yield f"its last record is of epoch {epoch}, its head of {head.epoch}"
