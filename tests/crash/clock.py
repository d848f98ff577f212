"""The loop's clock with its timers held: time passes when the script says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from actors.runtime import LoopClock
from actors.runtime.clock import TimerHandle
from tests.manual import Handle

SOON = 0.1
"""Timers up to so many seconds are the loop's own."""


class HeldClock(LoopClock):
    """Short timers run by themselves; longer ones wait for `pass_by`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._passed = 0.0
        self._held: list[Handle] = []
        self._later, wall = self.call_later, self.now
        self.call_later = self._hold
        self.now = lambda: wall() + int(self._passed * 1000)

    def _hold(self, delay: float, callback: Callable[[], object]) -> TimerHandle:
        if delay <= SOON:
            return self._later(delay, callback)
        self._held.append(Handle(self._passed + delay, callback))
        return self._held[-1]

    async def pass_by(self, seconds: float) -> None:
        """Let time pass, and let what that starts begin."""
        self.advance(seconds)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        """Let time pass; due timers fire in order."""
        self._passed += seconds
        for handle in sorted(self._held, key=lambda timer: timer.due):
            if handle.due <= self._passed and not handle.cancelled:
                handle.cancel()
                handle.callback()
        self._held = [handle for handle in self._held if not handle.cancelled]
