"""THE receive loop: ready actors in turn, bounded slices, on an asyncio loop.

An actor costs no asyncio task: it is a mailbox and a place in the ready queue. A turn handles at
most `TURN_MESSAGES` messages or `TURN_SECONDS`, then gives the loop back, so sockets and agents
are never starved by actors, and no actor by another.

Neighbours: `system.py` (makes cells ready, handles one message), `clock.py` (what we need of a
loop), `mailbox.py` (what a cell holds).
"""

from __future__ import annotations

import asyncio
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
        self.call_soon = loop.call_soon
        self.monotonic = loop.time

    def now(self) -> int:
        """UTC milliseconds since the epoch."""
        return wall_clock()

    def call_later(self, delay: float, callback: Callable[[], object]) -> TimerHandle:
        """Run a callback after `delay` seconds."""
        return self.loop.call_later(delay, callback)


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
        while ready and left > 0 and time.monotonic() < stop:
            cell = ready.popleft()
            left -= self._slice(cell, now)
            if len(cell.mailbox):
                ready.append(cell)
            else:
                cell.ready = False
        self._armed = bool(ready)
        if ready:
            self._call_soon(self.turn)

    def _slice(self, cell: Ready, now: int) -> int:
        handled = 0
        while handled < SLICE and len(cell.mailbox):
            self._handle(cell, now)
            handled += 1
        return handled
