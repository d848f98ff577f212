"""ChosenJournal: the Journal port on the simulated loop, each operation completed when chosen.

Neighbours: `journal.py` (what is stored), `faults.py` (what fails), `server.py` (whose journal).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from actors.runtime import Caller
from actors.simulation import trace as seen
from actors.simulation.faults import Faults
from actors.simulation.journal import SimJournal
from actors.simulation.process import Process
from actors.simulation.storing import Storing
from actors.simulation.trace import Trace
from actors.task.ports import Ack, Append, Listing, Query, Snapshot, StorageUnavailable, Stored
from actors.task.record import Record


class ChosenJournal:
    """A Journal over `SimJournal` whose every operation completes when the loop chooses it."""

    external = False

    def __init__(self, journal: SimJournal, process: Process, faults: Faults, trace: Trace) -> None:
        self._journal = journal
        self._process = process
        self._trace = trace
        self.storing = Storing(process.name, journal, faults, trace)

    def lane(self, task: str) -> str:
        """One lane, as the real ones have."""
        return self._journal.lane(task)

    def append(self, group: Sequence[Append]) -> Awaitable[Sequence[Ack]]:
        """Store a group sometime; or fail, or lose the acknowledgement."""
        whole = tuple(group)
        under_way = self.storing.under_way
        under_way.append(whole)
        answer = self._soon("append", partial(self.storing.append, whole))
        answer.add_done_callback(lambda _: under_way.remove(whole))
        return answer

    def read(self, task: str, caller: Caller | None = None) -> Awaitable[Stored | None]:
        """Read a task sometime."""
        return self._read(f"read {task}", lambda: self._journal.read(task, caller))

    def page(self, task: str, after: int, limit: int) -> Awaitable[tuple[Record, ...] | None]:
        """Read records sometime."""
        return self._read(f"read {task}", lambda: self._journal.page(task, after, limit))

    def list(self, query: Query) -> Awaitable[Listing]:
        """List tasks sometime."""
        return self._read("list", lambda: self._journal.list(query))

    def active(self) -> Sequence[str]:
        """What a new process must settle."""
        return self._journal.active()

    def save_snapshot(self, task: str, snapshot: Snapshot) -> None:
        """Keep a snapshot."""
        self._trace.add(seen.Kept(self._process.name, task, snapshot))
        self._journal.save_snapshot(task, snapshot)

    def open(self) -> None:
        """Open it again: what the process before has left is there."""
        self._journal.open()

    def close(self) -> None:
        """Nothing to let go of."""

    def _read(self, label: str, work: Callable[[], Any]) -> Awaitable[Any]:
        return self._soon(label, partial(self.storing.read, work))

    def _soon(self, label: str, work: Callable[[], Any]) -> asyncio.Future[Any]:
        answer: asyncio.Future[Any] = self._process.loop.create_future()

        def complete() -> None:
            if answer.done():
                return  # whoever asked was cancelled
            try:
                answer.set_result(work())
            except StorageUnavailable as error:
                answer.set_exception(error)

        self._process.act(label, complete)
        return answer
