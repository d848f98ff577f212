"""What the tests of the simulator's journal share: a journal opened, and what it should hold.

The two lists of groups, one after the other, are the log of most tests: several tasks in a group,
several appends of one task, a takeover, and appends that are fenced.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from actors.runtime.journal.port import Append, Left, Place, Stored
from actors.simulation.disk import Disk
from actors.simulation.journal import SimJournal
from actors.simulation.writes import Begin, Consume, Cut, Drop, Group, Write
from actors.storage import MemoryJournal
from actors.storage.samples import ITEMS, VISITS, appending, claiming

TASKS = ("a", "b", "c")

ACKNOWLEDGED: list[list[Append]] = [
    [appending("a", 0, 2), appending("b", 0), appending("a", 2)],
    [claiming("b", 1, 2), appending("a", 7), appending("a", 3, active=True)],
]
UNDER_WAY: list[list[Append]] = [
    [appending("b", 3, epoch=2), appending("c", 0, 3)],
    [appending("a", 4, 2), appending("b", 4, epoch=1), appending("c", 3)],
]


def journal_on(disk: Disk) -> SimJournal:
    journal = SimJournal(disk)
    journal.open(ITEMS, VISITS)
    return journal


class Contents(NamedTuple):
    """Everything that can be seen of a journal by way of the logs of the tests."""

    logs: dict[str, Stored | None]
    key: Place | None
    left: Sequence[Left]


def contents(journal: MemoryJournal | SimJournal) -> Contents:
    logs = {task: journal.read(task) for task in TASKS}
    return Contents(logs, journal.find("k"), journal.unconsumed("hooks"))


def new_model() -> MemoryJournal:
    """A journal that keeps everything, for comparison."""
    model = MemoryJournal()
    model.open(ITEMS, VISITS)
    return model


def applied(model: MemoryJournal, write: Write) -> Any:
    """Do a write; what the journal says to it."""
    match write:
        case Group(appends):
            return tuple(model.append(appends))
        case Consume(consumer, place):
            return model.consumed(consumer, place)
        case Cut(log, upto, _):
            return model.compact(log, upto)
        case Drop(head):
            return model.remove(head)
        case Begin(copy):
            return model.restore(copy)


def holding(writes: Sequence[Write | list[Append]]) -> Contents:
    """What a journal that keeps everything would hold."""
    model = new_model()
    for write in writes:
        applied(model, Group(tuple(write)) if isinstance(write, list) else write)
    return contents(model)


def written() -> tuple[SimJournal, list[int]]:
    """What is acknowledged and what is under way; where in the tail the frames end, from 0."""
    journal = journal_on(Disk())
    for group in ACKNOWLEDGED:
        journal.append(group)
    ends = [journal.disk.size]
    for group in UNDER_WAY:
        journal.stage(group)
        ends.append(journal.disk.size)
    return journal, [end - ends[0] for end in ends]
