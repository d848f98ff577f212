"""Storing: what a simulated process has its journal do, what strikes it, what a crash leaves of it.

Neighbours: `ports.py` and `chosen.py` (say when it happens), `journal.py` (stores), `faults.py`
(strikes).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from actors.runtime.journal.errors import StorageUnavailable
from actors.simulation import trace as seen
from actors.simulation.faults import FAIL, LOSE, Faults
from actors.simulation.journal import SimJournal
from actors.simulation.trace import Trace
from actors.simulation.writes import Group, Write

T = TypeVar("T")
SURVIVES = ("nothing", "all", "torn")
"""What a crash may leave of writes under way: nothing; all, so that only their acknowledgement is
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
        self.under_way: list[Write] = []
        """What a crash may leave on the disk, or not."""

    def write(self, write: Write) -> Any:
        """Do a write now that was under way; what the port says to it.

        Raises:
            StorageUnavailable: nothing is stored, or all of it and the word of that is lost.
        """
        self.under_way.remove(write)
        fault = FAIL if self._faults.away() else self._faults.strikes("appends", 2)
        if fault == FAIL:
            self._trace.add(_refused(self._name, write))
            raise StorageUnavailable("the simulated journal is full")
        answer = self._store(write, told=fault != LOSE)
        if fault == LOSE:
            raise StorageUnavailable("the simulated connection broke during the commit")
        return answer

    def read(self, work: Callable[[], T]) -> T:
        """Read something now.

        Raises:
            StorageUnavailable: it could not be read.
        """
        if self._faults.away() or self._faults.strikes("reads", 1):
            raise StorageUnavailable("the simulated journal could not be read")
        return work()

    def crash(self, survives: str) -> None:
        """Leave of the writes under way what `survives` (one of `SURVIVES`) says."""
        if survives == "all":
            for write in self.under_way:
                self._store(write, told=False)
        elif survives == "torn":
            self._tear()

    def _tear(self) -> None:
        """Leave half of the bytes; the writes that are whole in it are stored, as reads show."""
        journal = self._journal
        staged = [(write, journal.prepare(write)) for write in self.under_way]
        journal.disk.crash(journal.disk.tail // 2)
        journal.open()
        for write, (end, answer, _) in staged:
            if end <= journal.disk.size:
                self._note(write, answer, told=False)

    def _store(self, write: Write, *, told: bool) -> Any:
        answer = self._journal.write(write)
        self._note(write, answer, told=told)
        return answer

    def _note(self, write: Write, answer: Any, *, told: bool) -> None:
        if not isinstance(write, Group):
            self._trace.add(seen.Tended(self._name, write, answer, told))
            return
        for append, ack in zip(write.appends, answer, strict=True):
            self._trace.add(seen.Stored(self._name, append, ack, told))
            self._known(append.log)


def _refused(name: str, write: Write) -> seen.Refused | seen.Untended:
    if isinstance(write, Group):
        return seen.Refused(name, write.appends)
    return seen.Untended(name, write)
