"""THE receive loop: ready actors in turn, bounded slices, on an asyncio loop.

An actor costs no asyncio task: it is a mailbox and a place in the ready queue. A turn ends with the
slice that reaches `TURN_MESSAGES`, or `TURN_SECONDS` at the next look at the time, then gives the
loop back, so sockets and agents are never starved by actors, and no actor by another. A step is
never interrupted: a turn lasts at least as long as the slowest `LOOK` steps of a slice.

Neighbours: `system.py` (wakes cells, handles one message), `clock.py` (what we need of a loop),
`cell.py` (says whether it can run).
"""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Protocol, TypeAlias

from actors.runtime.cell import Cell
from actors.runtime.clock import Clock, TimerHandle, wall_clock

TURN_MESSAGES = 128
TURN_SECONDS = 0.002
SLICE = 32
"""Messages that one actor may handle before the next ready one gets its slice."""
LOOK = 8
"""Messages of a slice between two looks at the time."""


class Scheduler(Protocol):
    """Gives cells their turns."""

    def wake(self, cell: Cell) -> None:
        """Know that a cell has become, or may have become, `runnable`."""

    def soon(self, source: Callable[[], object]) -> None:
        """Call `source`, which may tell somebody something, before the next turn."""

    def after(self, wake: Callable[[], object]) -> None:
        """Call `wake`, which lets asyncio tasks go on, once the present turn is over, or soon."""


Handle: TypeAlias = Callable[[Cell, int], None]
"""Handles one message, or the start, of a runnable cell, at a time in UTC milliseconds."""

Dispatch: TypeAlias = Callable[[Clock, Handle], Scheduler]
"""Makes the scheduler of a system."""


class LoopClock:
    """A `Clock` on an asyncio (or uvloop) event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.monotonic = loop.time
        self.now = wall_clock
        nobody = contextvars.Context()
        # Actors run in no request's context variables, whoever's message woke them (law L6).
        # Partial objects, since these two are on the path of every ask.
        self.call_later: Callable[[float, Callable[[], object]], TimerHandle] = partial(
            loop.call_later, context=nobody
        )
        self.call_soon: Callable[[Callable[[], object]], object] = partial(
            loop.call_soon, context=nobody
        )


class Dispatcher:
    """The scheduler of production: each ready cell gets its slice, in turn.

    Args:
        clock: the loop.
        handle: takes one message from a cell.
    """

    __slots__ = (
        "_after",
        "_armed",
        "_call_soon",
        "_handle",
        "_now",
        "_patient",
        "_ready",
        "_sources",
    )

    def __init__(self, clock: Clock, handle: Handle) -> None:
        self._call_soon = clock.call_soon
        self._now = clock.now
        self._handle = handle
        self._ready: deque[Cell] = deque()
        self._patient: deque[Cell] = deque()
        """Ready too, and served when no other is, or at the end of the turn."""
        self._sources: deque[Callable[[], object]] = deque()
        self._after: list[Callable[[], object]] = []
        self._armed = False

    def wake(self, cell: Cell) -> None:
        """Put a cell into the ready queue, once."""
        if cell.ready:
            return
        cell.ready = True
        (self._patient if cell.actor.patient else self._ready).append(cell)
        if not self._armed:
            self._call_soon(self.turn)
            self._armed = True

    def soon(self, source: Callable[[], object]) -> None:
        """Call `source` when the next turn begins: what it tells is handled in that turn."""
        self._sources.append(source)
        if not self._armed:
            self._call_soon(self.turn)
            self._armed = True

    def after(self, wake: Callable[[], object]) -> None:
        """Call `wake` when this turn ends, or the next one if there is none.

        Not in a callback of its own: who waits for an event has it 15 us earlier, of 200.
        """
        self._after.append(wake)
        if not self._armed:
            self._call_soon(self.turn)
            self._armed = True

    def turn(self) -> None:
        """One bounded turn; arms the next one while actors are still ready."""
        now = self._now()
        stop = time.monotonic() + TURN_SECONDS
        left = TURN_MESSAGES
        ready, patient, sources = self._ready, self._patient, self._sources
        try:
            for _ in range(len(sources)):
                sources.popleft()()
            while left > 0 and (ready or patient):
                left -= self._slice((ready or patient).popleft(), now, stop)
                if ready and time.monotonic() >= stop:
                    break
            if ready:
                for _ in range(len(patient)):
                    self._slice(patient.popleft(), now, stop)
        finally:
            # Whatever happened to one actor, the others get their turn.
            after, self._after = self._after, []
            self._armed = bool(ready or patient or sources)
            if self._armed:
                self._call_soon(self.turn)
            for wake in after:
                wake()

    def _slice(self, cell: Cell, now: int, stop: float) -> int:
        handled, more = 0, cell.runnable
        handle = self._handle
        try:
            while more and handled < SLICE:
                look = handled + LOOK
                while more and handled < look:
                    handled += 1
                    handle(cell, now)
                    more = cell.runnable
                if more and time.monotonic() >= stop:
                    break
        finally:
            cell.ready = more
            if more:
                (self._patient if cell.actor.patient else self._ready).append(cell)
        return handled
