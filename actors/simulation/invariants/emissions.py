"""Emissions: what the agents of a trace emitted, to be found again in logs and among dead letters.

Neighbours: `runs.py` (judges by this), `../ports.py` (the agents).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from a2a.types import StreamResponse, Task

from actors.runtime.journal.record import Record
from actors.simulation.trace import Dead, Emission, Trace
from actors.task.messages import Emitted, RunOver
from actors.task.orders import RunReported
from actors.task.record import Kind


class Emissions:
    """What the agents of one task emitted, to be found again in its log."""

    def __init__(self) -> None:
        self._by_payload: dict[bytes, Emission] = {}
        self._lengths: set[int] = set()
        self.left: Counter[bytes] = Counter()
        """How often a payload was emitted, and not found in the log so far."""

    def add(self, emission: Emission) -> None:
        """Take one in."""
        self._by_payload[emission.payload] = emission
        self._lengths.add(len(emission.payload))
        self.left[emission.payload] += 1

    def source(self, record: Record) -> Emission | None:
        """Find what became a record: its payload, or the beginning of it.

        The core appends the time to a status that bears none.
        """
        exact = self._by_payload.get(record.payload)
        if exact is not None:
            return exact
        starts = (record.payload[:length] for length in sorted(self._lengths, reverse=True))
        found = next((self._by_payload[each] for each in starts if each in self._by_payload), None)
        return found or self._rewritten(record)

    def _rewritten(self, record: Record) -> Emission | None:
        """Find a Task in whose history the core has put messages as they were sent (A2)."""
        if record.kind != Kind.TASK:
            return None
        stored = _but_its_history(record.payload)
        alike = (each for each in self._by_payload if _but_its_history(each) == stored)
        return next((self._by_payload[each] for each in alike), None)


def _but_its_history(payload: bytes) -> Task:
    """A Task that an agent emitted, without what the core may change in it."""
    task = StreamResponse.FromString(payload).task
    task.ClearField("history")
    task.status.ClearField("timestamp")
    return task


def emissions(trace: Trace) -> dict[str, Emissions]:
    """Return what the agents emitted, by task."""
    found: dict[str, Emissions] = {}
    for emission in trace.all(Emission):
        found.setdefault(emission.run.task, Emissions()).add(emission)
    return found


def dead(letters: Iterable[Dead]) -> Counter[tuple[str, bytes]]:
    """Return how often each process counted each payload as a dead letter."""
    return Counter(
        (letter.node, chunk.payload)
        for letter in letters
        if isinstance(letter.message, Emitted | RunOver | RunReported)
        for event in letter.message.events
        for chunk in event.apart()
    )
