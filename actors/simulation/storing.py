"""Storing: what a simulated process has its journal do, what strikes it, what a crash leaves of it.

Neighbours: `ports.py` and `chosen.py` (say when it happens), `journal.py` (stores), `faults.py`
(strikes).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from actors.simulation import trace as seen
from actors.simulation.faults import FAIL, LOSE, Faults
from actors.simulation.journal import SimJournal
from actors.simulation.trace import Trace
from actors.task.ports import Ack, Append, StorageUnavailable

T = TypeVar("T")
SURVIVES = ("nothing", "all", "torn")
"""What a crash may leave of appends under way: nothing; all, so that only their acknowledgement is
lost; or a part of their bytes, as a power cut does."""


class Storing:
    """The operations of one process on a journal.

    Args:
        name: of the process.
        journal: what it shares with the processes before and after it.
        faults: what may strike.
        trace: where what happens is written down.
        known: told each task of which something has been stored.
    """

    def __init__(
        self,
        name: str,
        journal: SimJournal,
        faults: Faults,
        trace: Trace,
        known: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._name = name
        self._journal = journal
        self._faults = faults
        self._trace = trace
        self._known = known
        self.under_way: list[tuple[Append, ...]] = []
        """Groups that a crash may leave on the disk, or not."""

    def append(self, group: tuple[Append, ...]) -> Sequence[Ack]:
        """Store a group now.

        Raises:
            StorageUnavailable: nothing is stored, or all of it and the word of that is lost.
        """
        fault = FAIL if self._faults.away() else self._faults.strikes("appends", 2)
        if fault == FAIL:
            self._trace.add(seen.Refused(self._name, group))
            raise StorageUnavailable("the simulated journal is full")
        acks = self._store(group, told=fault != LOSE)
        if fault == LOSE:
            raise StorageUnavailable("the simulated connection broke during the commit")
        return acks

    def read(self, work: Callable[[], T]) -> T:
        """Read something now.

        Raises:
            StorageUnavailable: it could not be read.
        """
        if self._faults.away() or self._faults.strikes("reads", 1):
            raise StorageUnavailable("the simulated journal could not be read")
        return work()

    def crash(self, survives: str) -> None:
        """Leave of the groups under way what `survives` (one of `SURVIVES`) says."""
        if survives == "all":
            for group in self.under_way:
                self._store(group, told=False)
        elif survives == "torn":
            for group in self.under_way:
                self._journal.stage(group)
            self._journal.disk.crash(self._journal.disk.tail // 2)
            self._journal.open()

    def _store(self, group: tuple[Append, ...], *, told: bool) -> Sequence[Ack]:
        acks = self._journal.append(group)
        for append, ack in zip(group, acks, strict=True):
            self._trace.add(seen.Stored(self._name, append, ack, told))
            self._known(append.task)
        return acks
