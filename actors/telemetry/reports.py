"""Reports under way: of a request, of a run, of an attempt to notify a webhook.

Each has a span, and ends once. What a span says of an error is its class: no text, which may quote
what clients and agents have said.

Neighbours: `observer.py` (makes them, and counts them when they end).
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Callable
from typing import TypeAlias

from a2a.utils.errors import A2AError, InternalError, InvalidAgentResponseError
from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.trace import Span, Status, StatusCode

from actors.telemetry import spans
from actors.telemetry.words import CANCELLED, ERROR, OK, OUTCOME

Clock: TypeAlias = Callable[[], float]
"""Monotonic seconds."""


class Report:
    """A span and a time, until the end.

    Args:
        span: begun by now.
        clock: of the time that it takes.
        over: told how it has ended, and how long it took.
    """

    def __init__(self, span: Span, clock: Clock, over: Callable[[str, float], None]) -> None:
        self.span = span
        self._clock = clock
        self._over = over
        self._began = clock()
        self._ended = False

    def _end(self, outcome: str) -> None:
        self._ended = True
        self.span.set_attribute(OUTCOME, outcome)
        self.span.end()
        self._over(outcome, self._clock() - self._began)


class Operation(Report):
    """One request; a stream's lasts until the stream is closed."""

    streaming = False

    def finish(self, error: BaseException | None) -> None:
        """End it, once."""
        if self._ended:
            return
        outcome = outcome_of(error)
        if outcome not in (OK, CANCELLED):
            self.span.set_attribute(ERROR, outcome)
            if _ours(error):
                self.span.set_status(Status(StatusCode.ERROR))
        self._end(outcome)


class RunSeen(Report):
    """One run of the agent."""

    def enter(self) -> None:
        """Make its span the current one, in the context variables in which the run is to be."""
        contexts.attach(trace.set_span_in_context(self.span))

    def end(self, outcome: str, error: str = "") -> None:
        """End it, once: `returned`, `raised`, `cancelled` or `abandoned`."""
        if self._ended:
            return
        if error:
            self.span.set_attribute(ERROR, error)
            self.span.set_status(Status(StatusCode.ERROR))
        self._end(outcome)


class Attempt(Report):
    """One attempt to notify a webhook; `verdict`, to be set, is a value of `orders.Verdict`."""

    verdict = CANCELLED

    @staticmethod
    def headers() -> dict[str, str]:
        """Return what the request to the webhook says of its trace."""
        return spans.headers()

    def end(self) -> None:
        """End it, with its verdict."""
        if self.verdict != "done":
            self.span.set_attribute(ERROR, self.verdict)
            self.span.set_status(Status(StatusCode.ERROR))
        self._end(self.verdict)


def outcome_of(error: BaseException | None) -> str:
    """Return the name of how it went: `ok`, `cancelled` (by who asked), or a class of errors."""
    if error is None:
        return OK
    return CANCELLED if isinstance(error, CancelledError) else type(error).__qualname__


def _ours(error: BaseException | None) -> bool:
    """Whether the server or its agent is to blame, and not what the client has asked for."""
    theirs = isinstance(error, A2AError)
    return not theirs or isinstance(error, InternalError | InvalidAgentResponseError)
