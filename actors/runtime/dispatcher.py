"""THE receive loop: ready actors in turn, bounded slices, on an asyncio loop.

An actor costs no asyncio task: it is a mailbox and a place in the ready queue. A turn handles at
most `TURN_MESSAGES` messages or `TURN_SECONDS`, then gives the loop back, so sockets and agents
are never starved by actors, and no actor by another.

Neighbours: `system.py` (makes cells ready, handles one message), `clock.py` (what we need of a
loop), `mailbox.py` (what a cell holds).
"""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from actors.runtime.clock import TimerHandle, wall_clock
from actors.runtime.mailbox import Mailbox

TURN_MESSAGES = 128
TURN_SECONDS = 0.002
SLICE = 32
"""Messages that one actor may handle before the next ready one gets its slice."""


class Ready(Protocol):
    """What the loop needs of an actor's cell."""

    mailbox: Mailbox
    ready: bool


class LoopClock:
    """A `Clock` on an asyncio (or uvloop) event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.monotonic = loop.time
        self._nobody = contextvars.Context()
        """Actors run in no request's context variables, whoever's message woke them (law L6)."""

    def now(self) -> int:
        """UTC milliseconds since the epoch."""
        return wall_clock()

    def call_later(self, delay: float, callback: Callable[[], object]) -> TimerHandle:
        """Run a callback after `delay` seconds."""
        return self.loop.call_later(delay, callback, context=self._nobody)

    def call_soon(self, callback: Callable[[], object]) -> object:
        """Run a callback in a later iteration of the loop."""
        return self.loop.call_soon(callback, context=self._nobody)


class Dispatcher:
    """Gives each ready cell its slice. `handle(cell, now)` must take one message from it."""

    __slots__ = ("_armed", "_call_soon", "_handle", "_now", "_ready")

    def __init__(
        self,
        call_soon: Callable[[Callable[[], object]], object],
        now: Callable[[], int],
        handle: Callable[[Ready, int], None],
    ) -> None:
        self._call_soon = call_soon
        self._now = now
        self._handle = handle
        self._ready: deque[Ready] = deque()
        self._armed = False

    def wake(self, cell: Ready) -> None:
        """Put a cell with mail into the ready queue, once."""
        if cell.ready:
            return
        cell.ready = True
        self._ready.append(cell)
        if not self._armed:
            self._armed = True
            self._call_soon(self.turn)

    def turn(self) -> None:
        """One bounded turn; arms the next one while actors are still ready."""
        now = self._now()
        stop = time.monotonic() + TURN_SECONDS
        left = TURN_MESSAGES
        ready = self._ready
        try:
            while ready and left > 0 and time.monotonic() < stop:
                left -= self._slice(ready.popleft(), now)
        finally:
            # Whatever happened to one actor, the others get their turn.
            self._armed = bool(ready)
            if ready:
                self._call_soon(self.turn)

    def _slice(self, cell: Ready, now: int) -> int:
        handled = 0
        try:
            while handled < SLICE and len(cell.mailbox):
                handled += 1
                self._handle(cell, now)
        finally:
            cell.ready = bool(len(cell.mailbox))
            if cell.ready:
                self._ready.append(cell)
        return handled
