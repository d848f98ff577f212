"""Fencing: when a compare-and-append holds, said once for every journal (law L7).

Neighbours: `memory.py`, `sqlite.py`, `foreign.py`. A journal whose database compares by itself
(the conditional UPDATE of `sqlite.py`) must agree with `holds`; the conformance suite checks it.
"""

from __future__ import annotations

from actors.task.ports import Append
from actors.task.record import Kind


def claims(append: Append) -> bool:
    """Whether the append takes the task over, so that a lower stored epoch gives way."""
    return append.records[0].kind is Kind.EPOCH_CLAIMED


def holds(append: Append, head: int, epoch: int) -> bool:
    """Whether `append` may follow a log that ends at `head` in `epoch`; no log: head 0."""
    if append.expected != head:
        return False
    return head == 0 or epoch == append.epoch or (epoch < append.epoch and claims(append))


def check(append: Append) -> None:
    """Refuse an append that no correct writer can have made.

    Raises:
        ValueError: it is empty, its records have a gap, or they, the row and the append disagree.
    """
    task, row, records = append.task, append.row, append.records
    if not records:
        raise ValueError(f"the append for task {task!r} has no records")
    for seq, record in enumerate(records, append.expected + 1):
        if record.seq != seq or record.epoch != append.epoch:
            raise ValueError(
                f"record (seq {record.seq}, epoch {record.epoch}) of task {task!r} stands where "
                f"(seq {seq}, epoch {append.epoch}) belongs"
            )
    found, due = (row.task, row.head, row.epoch), (task, records[-1].seq, append.epoch)
    if found != due:
        raise ValueError(f"the row says (task, head, epoch) = {found}, its last record says {due}")
