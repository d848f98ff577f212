"""Fencing: when a compare-and-append holds, said once for every journal (law L7).

Neighbours: `memory.py`, `sqlite.py`, `postgres.py`, `foreign.py`. A journal whose database compares
by itself (the conditional UPDATE of `sqlite.py`) must agree with `holds`; the conformance suite
checks it.
"""

from __future__ import annotations

from collections.abc import Iterable

from actors.runtime.journal.port import Append
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
            projection that the journal knows.
    """
    if not append.records:
        raise ValueError(f"the append for log {append.log!r} has no records")
    for seq, record in enumerate(append.records, append.expected + 1):
        if record.seq != seq or record.epoch != append.epoch:
            raise ValueError(
                f"record (seq {record.seq}, epoch {record.epoch}) of log {append.log!r} stands "
                f"where (seq {seq}, epoch {append.epoch}) belongs"
            )
    if append.row is None or known is None:
        return
    if not any(type(append.row) is projection.row for projection in known):
        raise ValueError(
            f"the row of log {append.log!r} is a {type(append.row).__name__}, and the journal was "
            "opened with no projection of such rows"
        )
