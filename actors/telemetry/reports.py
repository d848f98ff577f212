"""Reports under way: of a request, of a run, of an attempt to notify a webhook.

Each has a span, and ends once. What a span says of an error is its class: no text, which may quote
what clients and agents have said.

Neighbours: `observer.py` (makes them, and counts them when they end).
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Callable
from contextvars import Token
from typing import Any, Protocol, TypeAlias

from a2a.utils.errors import A2AError, InternalError, InvalidAgentResponseError
from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.trace import INVALID_SPAN, Span, Status, StatusCode

from actors.telemetry import spans
from actors.telemetry.words import CANCELLED, ERROR, OK, OUTCOME

Clock: TypeAlias = Callable[[], float]
"""Monotonic seconds."""
Over: TypeAlias = Callable[[Any, str, float], None]
"""What is over, how it has ended, and after how many seconds."""


class Report:
    """A span and a time, until the end.

    Args:
        span: begun by now.
        what: kind of what is reported: a method of the protocol, a call of the agent.
        clock: of the time that it takes.
        over: told of this, how it has ended, and how many seconds it took.
    """

    __slots__ = ("_began", "_clock", "_ended", "_over", "span", "what")

    def __init__(self, span: Span, what: str, clock: Clock, over: Over) -> None:
        self.span = span
        self.what = what
        self._clock = clock
        self._over = over
        self._began = clock()
        self._ended = False

    def _end(self, outcome: str) -> None:
        self._ended = True
        span = self.span
        if span is not INVALID_SPAN:
            span.set_attribute(OUTCOME, outcome)
            span.end()
        self._over(self, outcome, self._clock() - self._began)

    def _fail(self, error: str, *, ours: bool = True) -> None:
        """Say on the span what went wrong, and whether the server or its agent is to blame."""
        if not self.span.is_recording():
            return
        self.span.set_attribute(ERROR, error)
        if ours:
            self.span.set_status(Status(StatusCode.ERROR))


class Requests(Protocol):
    """Who counts requests."""

    def opened(self, operation: Operation) -> None:
        """Count a stream that has been let in."""

    def refused(self, error: BaseException) -> None:
        """Count a request that ended with an error before its answer, or its stream, began."""

    def answered(self, operation: Operation, outcome: str, seconds: float) -> None:
        """Count a request that is over."""


class Operation(Report):
    """One request; a stream's lasts until the stream is closed. Its span is the current within."""

    __slots__ = ("_requests", "_token", "streaming")

    def __init__(self, span: Span, what: str, clock: Clock, requests: Requests) -> None:
        super().__init__(span, what, clock, requests.answered)
        self._requests = requests
        self._token: Token[contexts.Context] | None = None
        self.streaming = False

    def __enter__(self) -> Operation:
        if self.span is not INVALID_SPAN:
            self._token = made_current(self.span)
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if self._token is not None:
            contexts.detach(self._token)
        if error is not None:
            self._requests.refused(error)
        if error is not None or not self.streaming:
            self.finish(error)

    def opened(self) -> None:
        """Go on until the stream that it has let in is closed."""
        self.streaming = True
        self._requests.opened(self)

    def finish(self, error: BaseException | None) -> None:
        """End it, once."""
        if self._ended:
            return
        if error is None:
            self._end(OK)
            return
        outcome = outcome_of(error)
        if outcome != CANCELLED:
            self._fail(outcome, ours=_ours(error))
        self._end(outcome)


class RunSeen(Report):
    """One run of the agent."""

    __slots__ = ()

    def enter(self) -> None:
        """Make its span the current one, in the context variables in which the run is to be."""
        if self.span is not INVALID_SPAN:
            made_current(self.span)

    def end(self, outcome: str, error: str = "") -> None:
        """End it, once: `returned`, `raised`, `cancelled` or `abandoned`."""
        if self._ended:
            return
        if error:
            self._fail(error)
        self._end(outcome)


class Attempt(Report):
    """One attempt to notify a webhook; `verdict`, to be set, is a value of `orders.Verdict`."""

    __slots__ = ("verdict",)

    def __init__(self, span: Span, what: str, clock: Clock, over: Over) -> None:
        super().__init__(span, what, clock, over)
        self.verdict = CANCELLED

    @staticmethod
    def headers() -> dict[str, str]:
        """Return what the request to the webhook says of its trace."""
        return spans.headers()

    def end(self) -> None:
        """End it, with its verdict."""
        if self.verdict != "done":
            self._fail(self.verdict)
        self._end(self.verdict)


def made_current(span: Span) -> Token[contexts.Context] | None:
    """Make a span the current one; returns what undoes that, None if it was current before.

    As it is where a request is traced, and this process traces nothing: then a span stands for
    its parent. Where nobody traces at all it is `INVALID_SPAN`, and not even looked at.
    """
    if span is trace.get_current_span():
        return None
    return contexts.attach(trace.set_span_in_context(span))


def outcome_of(error: BaseException) -> str:
    """Return the name of how it went: `cancelled` (by who asked), or a class of errors."""
    return CANCELLED if isinstance(error, CancelledError) else type(error).__qualname__


def _ours(error: BaseException) -> bool:
    """Whether the server or its agent is to blame, and not what the client has asked for."""
    theirs = isinstance(error, A2AError)
    return not theirs or isinstance(error, InternalError | InvalidAgentResponseError)
