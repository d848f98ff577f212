"""What the tests of the simulator's journal share: a journal opened, and what it should hold.

The two lists of groups, one after the other, are the log of most tests: several tasks in a group,
several appends of one task, a takeover, and appends that are fenced.
"""

from __future__ import annotations

from collections.abc import Sequence

from actors.simulation.disk import Disk
from actors.simulation.journal import SimJournal
from actors.storage import MemoryJournal
from actors.storage.samples import appending, claiming
from actors.task.ports import Append, Stored

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
    journal.open()
    return journal


def contents(journal: MemoryJournal) -> dict[str, Stored | None]:
    return {task: journal.read(task) for task in TASKS}


def holding(groups: Sequence[Sequence[Append]]) -> dict[str, Stored | None]:
    """What a journal that keeps everything would hold."""
    memory = MemoryJournal()
    for group in groups:
        memory.append(group)
    return contents(memory)


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
