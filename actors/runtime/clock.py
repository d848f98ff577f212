"""Time as the runtime sees it: UTC milliseconds for facts, monotonic seconds for delays.

Neighbours: `dispatcher.py` (reads the clock once per turn and arms timers).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol


class TimerHandle(Protocol):
    """A timer that can still be forgotten."""

    def cancel(self) -> None:
        """Forget the timer; harmless when it has fired."""


class Clock(Protocol):
    """The time source and the scheduler of callbacks; the asyncio loop or a simulated one."""

    def now(self) -> int:
        """UTC milliseconds since the epoch."""

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back; only differences mean anything."""

    def call_soon(self, callback: Callable[[], object], /) -> object:
        """Run a callback in a later iteration of the loop."""

    def call_later(self, delay: float, callback: Callable[[], object], /) -> TimerHandle:
        """Run a callback after `delay` seconds."""


def wall_clock() -> int:
    """UTC milliseconds since the epoch, from the machine's clock."""
    return time.time_ns() // 1_000_000
