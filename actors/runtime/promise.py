"""A promise: the asking side of one answer.

Neighbours: `system.py` (makes one for each ask), `message.py` (ReplyTo, which it is).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from actors.runtime.clock import Clock, TimerHandle
from actors.runtime.errors import AskTimeout
from actors.runtime.message import ActorRef, Message
from actors.runtime.report import cause_of

logger = logging.getLogger("actors")


class Promise:
    """The asking side of one answer, as an asyncio future.

    Args:
        future: what the asker awaits.
        ref: who is asked.
        message: what.
        seconds: for how many it waits.
        deadline: monotonic seconds after which no answer is waited for.
        dead_letter: told (answer, reason) of each answer that comes too late, or twice.
        undelivered: told a result, or an error, that did not reach the asker.
    """

    __slots__ = (
        "_dead_letter",
        "_message",
        "_over",
        "_ref",
        "_seconds",
        "_timer",
        "_undelivered",
        "deadline",
        "future",
    )

    def __init__(
        self,
        future: asyncio.Future[Any],
        ref: ActorRef[Any],
        message: Message,
        seconds: float,
        deadline: float,
        dead_letter: Callable[[object, str], None],
        undelivered: Callable[[Any], None] | None = None,
    ) -> None:
        self.future = future
        self.deadline = deadline
        self._ref = ref
        self._message = message
        self._seconds = seconds
        self._dead_letter = dead_letter
        self._undelivered = undelivered
        self._timer: TimerHandle | None = None
        self._over = ""
        """Why a further answer would be a dead letter; empty while the first is waited for."""

    def __fingerprint__(self) -> object:
        """Whose answer it is: the future that waits for it."""
        return self.future

    def expire(self, clock: Clock) -> None:
        """Reject with `AskTimeout` unless answered in time."""
        if not self._over:
            self._timer = clock.call_later(self._seconds, self._expired)

    def resolve(self, value: object) -> None:
        """Answer; an asker that has gone or has its answer may want to know what it missed."""
        future = self.future
        if not self._over and not future.done():
            self._over = "second answer"
            future.set_result(value)
            if self._timer is not None:
                self._timer.cancel()
            return
        self._missed(value)
        if self._undelivered is not None:
            self._give_back(self._undelivered, value)

    def reject(self, error: Exception) -> None:
        """Answer with an error; counted when the asker has gone or has its answer."""
        if not self._over and not self.future.done():
            self._fail(error)
            self._over = "second answer"
        else:
            self._missed(error)
            if self._undelivered is not None:
                self._give_back(self._undelivered, error)

    def lapsed(self) -> None:
        """The ask was not handled before its deadline, of which the asker has been told."""
        if self._undelivered is not None:
            what = type(self._message).__qualname__
            lapsed = AskTimeout(f"{what} was not handled by {self._ref} in time")
            self._give_back(self._undelivered, lapsed)

    def abandoned(self) -> None:
        """The asker was cancelled; an answer that has come already has not reached it."""
        future = self.future
        if self._timer is not None:
            self._timer.cancel()
        answered, self._over = self._over == "second answer", "asker gone"
        if not answered or future.cancelled():
            return
        error = future.exception()
        if error is None:
            self.resolve(future.result())
        elif isinstance(error, Exception):
            self.reject(error)

    def _expired(self) -> None:
        if self._over:
            return
        self._over = "late answer"
        if not self.future.done():
            what = type(self._message).__qualname__
            self._fail(AskTimeout(f"no answer to {what} by {self._ref} within {self._seconds} s"))

    def _give_back(self, undelivered: Callable[[Any], None], value: object) -> None:
        try:
            undelivered(value)
        except Exception as error:  # noqa: BLE001 - the asker's mistake, not the answering actor's
            cause = cause_of(error)
            logger.error("undelivered of an ask to %s raised: %s", self._ref, cause)  # noqa: TRY400 - quotes nothing

    def _fail(self, error: object) -> None:
        if not isinstance(error, Exception) or isinstance(error, StopIteration):
            found = type(error).__qualname__
            error = RuntimeError(f"rejected with a {found}, which an await cannot raise")
        self.future.set_exception(error)
        if self._timer is not None:
            self._timer.cancel()

    def _missed(self, answer: object) -> None:
        self._dead_letter(answer, self._over or "asker gone")
