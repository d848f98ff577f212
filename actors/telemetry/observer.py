"""The observer: what one handler reports of its requests, runs, groups and webhooks.

It is told by the shells (`actors/a2a`), never by an actor, and keeps no more than counters, and the
latest state and trace of some tens of thousands of tasks.

Neighbours: `instruments.py` (what is recorded), `spans.py` (trace contexts), `a2a/observed.py`
(tells of requests), `a2a/agent.py` (of runs).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, TypeVar

from a2a.utils.errors import A2AError
from opentelemetry import trace
from opentelemetry.trace import SpanContext, SpanKind, Tracer
from opentelemetry.util.types import AttributeValue

from actors.runtime import ActorSystem
from actors.runtime.journal.port import Ack, Append
from actors.task.ports import CancelRun, Notify, StartRun
from actors.task.record import Kind
from actors.telemetry import spans
from actors.telemetry.census import Census, census, outbox, state_name
from actors.telemetry.instruments import Instruments, Reading, instruments_of
from actors.telemetry.reports import Attempt, Clock, Operation, RunSeen
from actors.telemetry.words import (
    METHOD,
    OK,
    OUTCOME,
    OWNER,
    SCOPE,
    TENANT,
    Telemetry,
    release,
)

T = TypeVar("T")

REMEMBERED: Final = 65_536
"""Tasks whose latest state and run are remembered, for changes and for webhooks' traces."""

STATED: Final = (Kind.TASK, Kind.STATUS)
"""Records that can change the state of a task."""

FRESH: Final = 0.25
"""Seconds for which a census is good enough: several gauges are read at a time."""

CENSUS_GAUGES: Final[Mapping[str, Callable[[Census], Reading]]] = {
    "a2a.tasks.live": lambda found: found.tasks,
    "a2a.actors.live": lambda found: found.actors,
    "a2a.mailbox.waiting": lambda found: found.waiting,
    "a2a.mailbox.fullest": lambda found: found.fullest,
    "a2a.outbox.webhooks": lambda found: {"": found.outbox.get("waiting", 0)},
    "a2a.outbox.failing": lambda found: {"": found.outbox.get("failing", 0)},
    "a2a.outbox.records": lambda found: {"": found.outbox.get("records", 0)},
    "a2a.outbox.given_up": lambda found: {"": found.outbox.get("given_up", 0)},
}


class Observer:
    """What one handler reports; nothing is made before the first use.

    Args:
        telemetry: whose providers.
    """

    def __init__(self, telemetry: Telemetry) -> None:
        self.telemetry = telemetry
        self.verdicts: Counter[str] = Counter()
        """Attempts to notify webhooks so far, by what became of them."""
        self._requests: Counter[str] = Counter()
        self._streams: Counter[str] = Counter()
        self._runs = 0
        self._system: ActorSystem | None = None
        self._census: tuple[float, Census] | None = None
        self._dead: Counter[str] = Counter()
        self._instruments: Instruments | None = None
        self._tracer: Tracer | None = None
        self._states: dict[str, int] = {}
        self._latest: dict[str, SpanContext] = {}

    @property
    def instruments(self) -> Instruments:
        """What is recorded to; made now, if it is the first time."""
        if self._instruments is None:
            self.report_to(self.telemetry)
        assert self._instruments is not None  # noqa: S101 - `report_to` has set it
        return self._instruments

    @property
    def tracer(self) -> Tracer:
        """What makes spans."""
        if self._tracer is None:
            provider = self.telemetry.tracer_provider
            self._tracer = trace.get_tracer(SCOPE, release(), provider)
        return self._tracer

    def report_to(self, telemetry: Telemetry) -> None:
        """Report to other providers from now on."""
        if self._instruments is not None:
            self._instruments.observers.discard(self)
        self.telemetry, self._tracer = telemetry, None
        self._instruments = instruments_of(telemetry.meter_provider)
        self._instruments.observers.add(self)

    def watch(self, system: ActorSystem) -> None:
        """Read gauges off this system from now on; what the one before has counted stays."""
        if self._system is not None:
            self._dead.update(self._system.dead_letters)
        self._system, self._census = system, None
        _ = self.instruments  # gauges are to be there before the first request is over

    def webhooks(self) -> Mapping[str, int]:
        """Return how far webhooks are behind; empty before the first request."""
        return outbox(self._system) if self._system is not None else {}

    # -- gauges

    def reading(self, name: str) -> Reading:
        """Return the measurements of one gauge."""
        read = CENSUS_GAUGES.get(name)
        if read is not None:
            return read(self._fresh_census())
        match name:
            case "a2a.dead_letters":
                living = dict(self._system.dead_letters) if self._system is not None else {}
                return self._dead + Counter(living)
            case "a2a.streams.open":
                return dict(self._streams)
            case "a2a.requests.active":
                return dict(self._requests)
            case _:
                return {"": self._runs}

    def _fresh_census(self) -> Census:
        if self._system is None:
            return Census(Counter(), Counter(), {}, Counter(), {})
        now = self._system.clock.monotonic()
        if self._census is None or now - self._census[0] >= FRESH:
            self._census = now, census(self._system)
        return self._census[1]

    # -- requests

    def operation(self, method: str, headers: Mapping[str, str], clock: Clock) -> Operation:
        """Observe one request, to be entered; its span is the current one within.

        Args:
            method: of the protocol.
            headers: of the request that say of its trace, with names in lower case.
            clock: monotonic seconds.
        """
        parent = spans.told(headers) if headers else None
        said: dict[str, AttributeValue] = {METHOD: method, "rpc.system": "a2a"}
        span = self.tracer.start_span(f"a2a {method}", parent, SpanKind.SERVER, said)
        self._requests[method] += 1
        return Operation(span, method, clock, self)

    def opened(self, operation: Operation) -> None:
        """Count a stream that has been let in."""
        self._streams[operation.what] += 1

    def answered(self, operation: Operation, outcome: str, seconds: float) -> None:
        """Count a request that is over."""
        self._requests[operation.what] -= 1
        if operation.streaming:
            self._streams[operation.what] -= 1
        self.instruments.requests.record(seconds, {METHOD: operation.what, OUTCOME: outcome})

    def refused(self, error: BaseException) -> None:
        """Count a request that was refused for a limit, or because another try may succeed."""
        limit = getattr(error, "reason", None)
        if isinstance(error, A2AError) and isinstance(limit, str):
            self.instruments.refused.add(1, {"limit": limit})

    # -- runs

    def run(self, start: StartRun | CancelRun, clock: Clock) -> RunSeen:
        """Observe one run from now on, in the trace of the request that caused it.

        To be called in the context variables that user code will have: its span is then the
        current one there.

        Args:
            start: what is called.
            clock: monotonic seconds.
        """
        call = "cancel" if isinstance(start, CancelRun) else "execute"
        caller, task = start.caller, start.run.task
        said: dict[str, AttributeValue] = {OWNER: caller.owner, "a2a.run": start.run.run}
        if caller.tenant:
            said[TENANT] = caller.tenant
        if isinstance(start, StartRun):
            said["a2a.run.recovered"] = start.recovered
        parent = None  # the current one is
        if isinstance(start, StartRun) and start.trace and not _traced():
            parent = spans.stored(start.trace)
        span = self.tracer.start_span(f"a2a {call}", parent, SpanKind.INTERNAL, said)
        if span is not trace.INVALID_SPAN:
            spans.named(span, task, start.context)
            _remember(self._latest, task, span.get_span_context())
        self._runs += 1
        seen = RunSeen(span, call, clock, self._run_over)
        seen.enter()
        return seen

    def _run_over(self, run: RunSeen, outcome: str, seconds: float) -> None:
        self._runs -= 1
        self.instruments.runs.record(seconds, {OUTCOME: outcome, "call": run.what})

    # -- the journal

    def group(self, group: Sequence[Append], acks: Sequence[Ack] | None, seconds: float) -> None:
        """Count one group of appends; `acks` is None where the journal has raised."""
        outcome = OK if acks is not None else "failed"
        instruments = self.instruments
        instruments.appends.record(seconds, {OUTCOME: outcome})
        if acks is None:
            return
        size = 0
        for append, ack in zip(group, acks, strict=True):
            size += len(append.records)
            state = getattr(append.row, "state", 0)
            changed = ack is Ack.STORED and state and self._states.get(append.log) != state
            if changed and _says_state(append):
                _remember(self._states, append.log, state)
                instruments.changes[state_name(state)] += 1
        instruments.groups.record(size)

    # -- webhooks

    @contextmanager
    def attempt(self, notify: Notify, clock: Clock) -> Iterator[Attempt]:
        """Observe one attempt to notify a webhook; its span is the current one within."""
        said: dict[str, AttributeValue] = {
            "a2a.webhook.attempt": notify.attempt,
            "a2a.record.seq": notify.record.seq,
        }
        if notify.hook:
            said["a2a.webhook.id"] = notify.hook
        parent = spans.under(self._latest.get(notify.task))
        span = self.tracer.start_span("a2a notify", parent, SpanKind.CLIENT, said)
        spans.named(span, notify.task, "")
        attempt = Attempt(span, "notify", clock, self._attempted)
        try:
            with trace.use_span(span, record_exception=False, set_status_on_exception=False):
                yield attempt
        finally:
            attempt.end()

    def _attempted(self, _: Attempt, verdict: str, seconds: float) -> None:
        self.verdicts[verdict] += 1
        self.instruments.attempts.record(seconds, {OUTCOME: verdict})


def _says_state(append: Append) -> bool:
    """Whether one of its records can have changed the state of its task."""
    for record in append.records:  # noqa: SIM110 - half the time of `any`, and there are few
        if record.kind in STATED:
            return True
    return False


def _traced() -> bool:
    """Whether there is a current span, as this process knows it."""
    return trace.get_current_span().get_span_context().is_valid


def _remember(known: dict[str, T], task: str, value: T) -> None:
    """Remember something of a task; of the one least recently touched, nothing any more."""
    known.pop(task, None)
    known[task] = value
    if len(known) > REMEMBERED:
        del known[next(iter(known))]
