"""Timers: what a simulated loop is to call at a virtual time.

Neighbours: `loop.py` (lets them fire), `actions.py` (where they belong).
"""

from __future__ import annotations

import asyncio
import heapq
from typing import NamedTuple

from actors.simulation.actions import PLACE, Place

COMPACT = 100
"""Timers up to which cancelled ones may stay until their time has come."""


class Entry(NamedTuple):
    """One timer; those of one time fire in the order in which they were armed."""

    when: float
    number: int
    handle: asyncio.TimerHandle
    place: Place | None

    @property
    def dead(self) -> bool:
        """Cancelled, or of a process that has ended."""
        place = self.place
        return self.handle.cancelled() or (place is not None and place.down)

    @property
    def paused(self) -> bool:
        """Of a process that has stopped for a while."""
        place = self.place
        return place is not None and place.paused


class Timers:
    """The timers of one loop, the earliest first."""

    def __init__(self) -> None:
        self._heap: list[Entry] = []
        self._armed = 0
        self._cancelled = 0

    def arm(self, handle: asyncio.TimerHandle) -> None:
        """Enter a timer."""
        self._armed += 1
        heapq.heappush(self._heap, Entry(handle.when(), self._armed, handle, _place(handle)))

    def next(self) -> Entry | None:
        """Return the earliest that may fire; those of a paused process wait for it."""
        heap = self._heap
        while heap and heap[0].dead:
            heapq.heappop(heap)
        if not heap or not heap[0].paused:
            return heap[0] if heap else None
        return min((entry for entry in heap if not (entry.dead or entry.paused)), default=None)

    def take(self, entry: Entry) -> None:
        """Take one out that is about to fire."""
        if entry is self._heap[0]:
            heapq.heappop(self._heap)
        else:
            self._heap.remove(entry)
            heapq.heapify(self._heap)

    def cancelled(self) -> None:
        """Count a timer that is being cancelled; drop those that are when they are too many.

        One that had fired before is counted too: then the heap is looked through early.
        """
        self._cancelled += 1
        if len(self._heap) > COMPACT and self._cancelled > len(self._heap) // 2:
            self._heap = [entry for entry in self._heap if not entry.handle.cancelled()]
            heapq.heapify(self._heap)
            self._cancelled = 0

    def __len__(self) -> int:
        """How many are kept, those that will not fire included."""
        return len(self._heap)

    def armed(self) -> list[str]:
        """What would still fire, by what it calls."""
        live = (entry.handle for entry in self._heap if not entry.dead)
        return [callback_name(handle) for handle in live]


def callback_name(handle: asyncio.Handle) -> str:
    """Say what a handle calls."""
    return str(getattr(handle._callback, "__qualname__", handle))  # type: ignore[attr-defined] # noqa: SLF001 - no public way


def _place(handle: asyncio.TimerHandle) -> Place | None:
    place: Place | None = handle._context.get(PLACE)  # type: ignore[attr-defined] # noqa: SLF001 - no public way
    return place
