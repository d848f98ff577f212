"""ChosenJournal: the Journal port on the simulated loop, each operation completed when chosen.

Neighbours: `journal.py` (what is stored), `faults.py` (what fails), `server.py` (whose journal).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from actors.runtime import Caller
from actors.runtime.journal.errors import StorageUnavailable
from actors.runtime.journal.port import (
    Ack,
    Append,
    Copy,
    Head,
    Left,
    Listing,
    Place,
    Snapshot,
    Stored,
)
from actors.runtime.journal.projection import Keep, Projection, Query
from actors.runtime.journal.record import Record
from actors.simulation import trace as seen
from actors.simulation.faults import Faults
from actors.simulation.journal import SimJournal
from actors.simulation.process import Process
from actors.simulation.storing import Storing
from actors.simulation.trace import Trace
from actors.simulation.writes import Begin, Consume, Cut, Drop, Group, Write, said


class ChosenJournal:
    """A Journal over `SimJournal` whose every operation completes when the loop chooses it."""

    external = False

    def __init__(self, journal: SimJournal, process: Process, faults: Faults, trace: Trace) -> None:
        self._journal = journal
        self._process = process
        self._trace = trace
        self.storing = Storing(process.name, journal, faults, trace)

    def open(self, *projections: Projection) -> None:
        """Open it again: what the process before has left is there."""
        self._journal.open(*projections)

    def close(self) -> None:
        """Nothing to let go of."""

    def lane(self, log: str) -> str:
        """One lane, as the real ones have."""
        return self._journal.lane(log)

    # -- what is written: it may fail, or be stored without an acknowledgement

    def append(self, group: Sequence[Append]) -> Awaitable[Sequence[Ack]]:
        """Store a group sometime."""
        return self._write(Group(tuple(group)))

    def consumed(self, consumer: str, place: Place) -> Awaitable[None]:
        """Move a consumer sometime."""
        return self._write(Consume(consumer, place))

    def compact(self, log: str, upto: int) -> Awaitable[bool]:
        """Let go of records sometime."""
        return self._write(Cut(log, upto))

    def remove(self, head: Head) -> Awaitable[bool]:
        """Let go of a log sometime."""
        return self._write(Drop(head))

    def restore(self, copy: Copy) -> Awaitable[bool]:
        """Take over a log from elsewhere sometime."""
        return self._write(Begin(copy))

    def save_snapshot(self, log: str, snapshot: Snapshot) -> None:
        """Keep a snapshot."""
        self._trace.add(seen.Kept(self._process.name, log, snapshot))
        self._journal.save_snapshot(log, snapshot)

    # -- what is read: it may fail

    def read(self, log: str, caller: Caller | None = None) -> Awaitable[Stored | None]:
        """Read a log sometime."""
        return self._read(f"read {log}", lambda: self._journal.read(log, caller))

    def page(self, log: str, after: int, limit: int) -> Awaitable[tuple[Record, ...] | None]:
        """Read records sometime."""
        return self._read(f"read {log}", lambda: self._journal.page(log, after, limit))

    def find(self, key: str) -> Awaitable[Place | None]:
        """Look a key up sometime."""
        return self._read(f"find {key}", lambda: self._journal.find(key))

    def list(self, query: Query) -> Awaitable[Listing]:
        """List logs sometime."""
        return self._read("list", lambda: self._journal.list(query))

    def head(self, log: str) -> Awaitable[Head | None]:
        """Read where a log ends sometime."""
        return self._read(f"head {log}", lambda: self._journal.head(log))

    def heads(
        self, after: str = "", limit: int = 256, *, active: bool = False
    ) -> Awaitable[Sequence[Head]]:
        """Read logs by name sometime."""
        work = partial(self._journal.heads, after, limit, active=active)
        return self._read(f"heads after {after!r}", work)

    def unconsumed(
        self, family: str, after: tuple[str, str] = ("", ""), limit: int = 256
    ) -> Awaitable[Sequence[Left]]:
        """Read what is left for a family of consumers sometime."""
        work = partial(self._journal.unconsumed, family, after, limit)
        return self._read(f"left for {family}", work)

    def place(self, consumer: str, log: str) -> Awaitable[Place | None]:
        """Read what is left for a consumer in one log sometime."""
        work = partial(self._journal.place, consumer, log)
        return self._read(f"left for {consumer} in {log}", work)

    def surplus(self, keep: Keep, limit: int = 256) -> Awaitable[Sequence[Head]]:
        """Read what is beyond what is to be kept sometime."""
        return self._read("surplus", lambda: self._journal.surplus(keep, limit))

    # -- how

    def _write(self, write: Write) -> Awaitable[Any]:
        if not isinstance(write, Group):
            self._trace.add(seen.Wanted(self._process.name, write))
        self.storing.under_way.append(write)
        answer = self._soon(said(write), partial(self.storing.write, write))
        answer.add_done_callback(lambda done: self._gone(done, write))
        return answer

    def _gone(self, done: asyncio.Future[Any], write: Write) -> None:
        """Forget a write that whoever asked for it has taken back."""
        if done.cancelled():
            self.storing.under_way.remove(write)

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
