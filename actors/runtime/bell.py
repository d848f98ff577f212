"""A bell: wakes however many asyncio tasks in one callback of the loop.

Readers of a task wait by the thousand for the same record. With a future for each, to wake one
takes a future, a handle and a place in the loop's queue, and the collector goes through all of
them: 1.5 us of 5. A seat is made once and waited in again and again; those that ring together are
woken one after the other as soon as the actors have had their turn.

Neighbours: `system.py` (has one), `promise.py` (an answer: a future, as there is one of each).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextvars import Context
from typing import Final

GoOn = Callable[["Seat"], object]
"""Lets the task go on that waits."""

NOWHERE: Final = Context()
"""Where nobody waits."""


def _nobody(_: Seat) -> None:
    """Go on with nothing: nobody waits."""


class Seat:
    """Where one asyncio task waits, and then perhaps another: a future that can ring again.

    Args:
        loop: of whoever waits here.
        bell: wakes them.
    """

    __slots__ = (
        "_asyncio_future_blocking",
        "_bell",
        "_cancelled",
        "_context",
        "_go_on",
        "_loop",
        "_rung",
        "_said",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, bell: Bell) -> None:
        self._loop = loop  # where asyncio looks for the loop of a future
        self._bell = bell
        self._asyncio_future_blocking = False
        self._go_on: GoOn = _nobody
        self._context = NOWHERE
        self._cancelled = False
        self._said: object = None
        """With the cancellation."""
        self._rung = False
        """Whoever waits is about to be woken."""

    def ring(self) -> None:
        """Wake whoever waits here, if anybody does, once this turn of the loop is over."""
        if self._go_on is not _nobody and not self._rung:
            self._rung = True
            self._bell.wake(self)

    def vacate(self) -> tuple[GoOn, Context]:
        """Return how the task goes on that waits here, with this seat, and in which context."""
        go_on = self._go_on
        self._go_on, self._rung = _nobody, False
        return go_on, self._context

    # -- what asyncio asks of what a task awaits

    def __await__(self) -> Generator[Seat, None, None]:
        """Wait until it rings.

        Raises:
            RuntimeError: another task waits here.
        """
        if self._go_on is not _nobody:
            raise RuntimeError("two tasks wait in one seat, which holds one: give each its own")
        self._asyncio_future_blocking = True
        yield self

    def add_done_callback(self, go_on: GoOn, *, context: Context) -> None:
        """Note who waits."""
        self._go_on, self._context, self._cancelled = go_on, context, False

    def cancel(self, msg: object = None) -> bool:
        """Have whoever waits raise CancelledError with this message; False if nobody does.

        By the message anyio, and so Starlette, knows the cancellations of its own scopes.
        """
        if self._go_on is _nobody:
            return False
        self._cancelled, self._said = True, msg
        self.ring()
        return True

    def cancelled(self) -> bool:
        """Whether that is how the last wait has ended."""
        return self._cancelled

    def exception(self) -> None:
        """Return nothing: a bell tells nothing but that it rings."""

    def result(self) -> None:
        """Return nothing.

        Raises:
            CancelledError: the wait was cancelled.
        """
        if self._cancelled:
            said = () if self._said is None else (self._said,)
            raise asyncio.CancelledError(*said)

    def __repr__(self) -> str:
        return "<Seat>" if self._go_on is _nobody else "<Seat taken>"  # no address: traces have it

    def __fingerprint__(self) -> object:
        """Whether somebody waits."""
        return self._go_on is not _nobody


class Bell:
    """Wakes those whose seats have rung, in order.

    Args:
        after: calls what it is given, in the context of nobody, once actors have had their turn.
    """

    __slots__ = ("_after", "_rung")

    def __init__(self, after: Callable[[Callable[[], object]], object]) -> None:
        self._after = after
        self._rung: list[Seat] = []

    def seat(self) -> Seat:
        """Return a seat on the running loop."""
        return Seat(asyncio.get_running_loop(), self)

    def wake(self, seat: Seat) -> None:
        """Wake who waits in a seat, once this turn of the loop is over."""
        if not self._rung:
            self._after(self._turn)
        self._rung.append(seat)

    def _turn(self) -> None:
        rung, self._rung = iter(self._rung), []
        try:
            for seat in rung:
                go_on, context = seat.vacate()
                context.run(go_on, seat)
        finally:
            for seat in rung:  # a task has ended the loop, which may go on all the same
                self.wake(seat)
