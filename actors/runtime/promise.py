"""A promise: the asking side of one answer.

Neighbours: `system.py` (makes one for each ask), `message.py` (ReplyTo, which it is).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from actors.runtime.clock import Clock, TimerHandle
from actors.runtime.supervision import AskTimeout


class Promise:
    """The asking side of one answer, as an asyncio future."""

    __slots__ = ("_timer", "_undelivered", "future")

    def __init__(
        self, future: asyncio.Future[Any], undelivered: Callable[[Any], None] | None = None
    ) -> None:
        self.future = future
        self._undelivered = undelivered
        self._timer: TimerHandle | None = None

    def expire(self, clock: Clock, seconds: float, what: str) -> None:
        """Reject with `AskTimeout` unless answered within `seconds`."""
        error = AskTimeout(f"no answer to {what} within {seconds} s")
        self._timer = clock.call_later(seconds, lambda: self.reject(error))

    def resolve(self, value: object) -> None:
        """Answer; an asker that has gone or has its answer may want to know what it missed."""
        if not self.future.done():
            self.future.set_result(value)
            self._forget_timer()
        elif self._undelivered is not None:
            self._undelivered(value)

    def reject(self, error: Exception) -> None:
        """Answer with an error; ignored when the asker has gone or has its answer."""
        if not self.future.done():
            self.future.set_exception(error)
            self._forget_timer()

    def abandoned(self) -> None:
        """The asker was cancelled; an answer that has come already has not reached it."""
        future = self.future
        self._forget_timer()
        if future.done() and not future.cancelled() and future.exception() is None:
            self.resolve(future.result())

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
