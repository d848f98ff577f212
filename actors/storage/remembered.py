"""What a process remembers of tasks beside a store that keeps only their Tasks.

Neighbours: `foreign.py` (the journal that remembers).
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Any, Final

from a2a.types import StreamResponse, Task

from actors.runtime.journal.port import Append, Head, Snapshot, Stored
from actors.runtime.journal.record import Record
from actors.task.fold import Fold
from actors.task.listing import TaskRow
from actors.task.record import Kind

RECENT: Final = 256
"""Records kept for readers of one task."""
RESTING: Final = 10_000
"""Tasks at rest of which the numbers are remembered, so that they go on from there."""


@dataclass(slots=True)
class Memory:
    """What the process knows of one task beyond its store."""

    task: str
    row: TaskRow
    """As of the head; only its names are used once the fold is gone."""
    active: bool = False
    head: int = 0
    epoch: int = 1
    run: int = 0
    fold: Fold | None = None
    """State at `head`; None when the store's Task says it all."""
    version: Any = None
    """Of the stored Task at `head`, where the store has versions."""
    recent: deque[Record] = field(default_factory=lambda: deque(maxlen=RECENT))
    saving: bool = False

    @property
    def busy(self) -> bool:
        """A run, its queue or a save needs this memory."""
        return self.saving or (self.fold is not None and self.active)

    def advance(self, fold: Fold, last: Append, records: list[Record]) -> None:
        """The store has it all: from here on it is true."""
        self.row, self.active = row_of(last), last.active
        self.head, self.epoch, self.run = fold.version, fold.epoch, fold.run
        at_rest = fold.final or (fold.task is not None and not last.active)
        self.fold = None if at_rest else fold
        self.recent.extend(records)
        if fold.final:
            self.recent.clear()

    def discard(self, last: Append) -> None:
        """What the store holds now only it can say, under a number that nobody has used."""
        self.head = last.seq
        self._start_anew(None)

    def adopt(self, version: Any) -> None:
        """What was just read is what the next append must build on."""
        if self.version is None or version == self.version:
            self.fold, self.version = None, version
            return
        self.head += 1  # somebody else wrote
        self._start_anew(version)

    def _start_anew(self, version: Any) -> None:
        """Fence off, by the epoch, what its writer has decided upon what is not so."""
        self.epoch += 1
        self.fold, self.version = None, version
        self.recent.clear()

    def knows_better(self, version: Any) -> bool:
        """Whether this is at least as new as the Task that the store gave with `version`."""
        if self.fold is None:
            return False
        known = self.version
        return known is None or version == known or not version.is_after(known)

    def fold_of(self, task: Task) -> Fold:
        """The fold that a store's Task amounts to: one TASK record, numbered as remembered."""
        fold = Fold()
        payload = StreamResponse(task=task).SerializeToString()
        fold.apply(Record(1, self.epoch, 0, Kind.TASK, payload))
        fold.version, fold.run = max(1, self.head), self.run
        return fold

    def stored(self, fold: Fold) -> Stored:
        """The task as a journal answers a read."""
        row = self.row._replace(
            context=fold.task.context_id if fold.task is not None else self.row.context,
            state=fold.state,
            status_at=fold.status_at,
        )
        head = Head(self.task, fold.version, fold.epoch, fold.active)
        return Stored(head, row, Snapshot(fold.version, fold.pack()), ())


def row_of(append: Append) -> TaskRow:
    """The row that an append of the task core carries.

    Raises:
        ValueError: it carries none, so no task core made it.
    """
    if isinstance(append.row, TaskRow):
        return append.row
    raise ValueError(f"the append for task {append.log!r} has the row {append.row!r}")


class Memories:
    """Memory by task: of all that are busy, and of the latest RESTING others."""

    def __init__(self) -> None:
        self._busy: dict[str, Memory] = {}
        self._resting: OrderedDict[str, Memory] = OrderedDict()

    def __len__(self) -> int:
        return len(self._busy) + len(self._resting)

    def get(self, task: str) -> Memory | None:
        """What is known of a task."""
        return self._busy.get(task) or self._resting.get(task)

    def keep(self, task: str, memory: Memory) -> None:
        """Remember, as the latest; to be called again when `busy` may have changed."""
        self.forget(task)
        if memory.busy:
            self._busy[task] = memory
            return
        self._resting[task] = memory
        if len(self._resting) > RESTING:
            self._resting.popitem(last=False)

    def forget(self, task: str) -> None:
        """Know nothing of a task."""
        self._busy.pop(task, None)
        self._resting.pop(task, None)
