"""The AgentPort for real: the only place that awaits user code.

One asyncio task while an agent executes, none otherwise. A run that is abandoned has its waits
resolved first, then its asyncio task is cancelled and never awaited again; how it ends later is
only counted.

Neighbours: `queue.py` (what the agent writes to), `requests.py` (the call behind a run),
`task/runner.py` (commands this).
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from a2a.server.agent_execution import AgentExecutor, RequestContext, RequestContextBuilder
from a2a.types import SendMessageRequest, Task

from actors.a2a.limits import RECORD_BYTES
from actors.a2a.queue import RunQueue
from actors.a2a.requests import Call, Calls
from actors.runtime import ActorRef, ActorSystem
from actors.task.messages import AgentEvent, task_ref
from actors.task.orders import RUNNER, RunReported
from actors.task.ports import (
    AbandonRun,
    AgentRequest,
    CancelRun,
    ForgetRequest,
    GrantCredit,
    RunId,
    StartRun,
)
from actors.task.record import Failure
from actors.telemetry import Observer, RunSeen

logger = logging.getLogger("actors.agent")

LAST_WORDS = 0.05
"""Seconds that a loop which cancels all its tasks has to end before we call that a failure."""


@dataclass(slots=True)
class Active:
    """A run: its queue and the asyncio tasks in which user code runs."""

    run: RunId
    call: StartRun | CancelRun
    """What has begun it."""
    queue: RunQueue
    seen: RunSeen
    executing: asyncio.Task[None] | None = None
    cancelling: asyncio.Task[None] | None = None
    over: bool = False
    """Its end was told with its last events, before asyncio told us of it."""


class Agent:
    """Runs one `AgentExecutor` for the RunnerActor of one system.

    Args:
        executor: the user's agent.
        builder: makes the RequestContext of a recovered run.
        calls: the requests behind the runs.
        system: where events and ends are told.
        loop: where user code runs.
        event_bytes: that one event of the agent may have.
        checked: what events say of their context is checked, and filled in.
        observer: is told of runs.
    """

    def __init__(
        self,
        executor: AgentExecutor,
        builder: RequestContextBuilder,
        calls: Calls,
        system: ActorSystem,
        loop: asyncio.AbstractEventLoop,
        event_bytes: int = RECORD_BYTES,
        *,
        checked: bool = False,
        observer: Observer,
    ) -> None:
        self._observer = observer
        self._event_bytes = event_bytes
        self._checked = checked
        self._executor = executor
        self._builder = builder
        self._calls = calls
        self._system = system
        # The same for all runs: of each object in flight the collector takes its share.
        self._tell, self._soon = system.tell, system.scheduler.soon
        self._loop = loop
        self._active: dict[str, Active] = {}

    def perform(self, request: AgentRequest, sender: ActorRef[Any]) -> None:
        """Begin what was asked; never blocks, never raises."""
        match request:
            case GrantCredit(run, events):
                active = self._active.get(run.task)
                if active is not None and active.run == run:
                    active.queue.grant(events)
            case StartRun():
                self._start(request)
            case ForgetRequest(key):
                self._calls.forget(key)
            case CancelRun():
                self._cancel(request)
            case AbandonRun(run):
                self._abandon(run)

    # -- execute

    def _start(self, start: StartRun) -> None:
        call = self._calls.get(start.caller.key)
        request = call.request if call is not None and not start.combined else None
        variables = _variables(call)
        active = self._activate(start, variables)
        work = self._execute(start, request, active)
        active.executing = self._loop.create_task(work, context=variables)
        active.executing.add_done_callback(partial(self._executed, active))

    async def _execute(
        self, start: StartRun, request: RequestContext | None, active: Active
    ) -> None:
        if request is None:
            request = await self._rebuilt(start)
        request.current_task = Task.FromString(start.task) if start.task else None
        await self._executor.execute(request, active.queue)
        if active.cancelling is None:
            active.queue.returned(partial(self._returned, active))

    def _returned(self, active: Active, events: tuple[AgentEvent, ...]) -> None:
        """Tell the end of a run with the last of its events."""
        active.over = True
        self._report(active, None, cancel=False, events=events)

    async def _rebuilt(self, start: StartRun) -> RequestContext:
        """Make the RequestContext of a request that no entry has resolved as it is.

        An earlier process accepted it, or it is several requests in one.
        """
        params = SendMessageRequest.FromString(start.request)
        return await self._builder.build(
            context=self._calls.context_of(start.caller, start.extensions),
            params=params,
            task_id=start.run.task,
            context_id=start.context,
        )

    def _executed(self, active: Active, done: asyncio.Task[None]) -> None:
        if active.over:
            return
        if done.cancelled() and done.cancelling() and active.cancelling is None:
            # Cancelled by somebody else: the loop, most likely, which is about to end. Then this
            # never fires, and the run counts as lost; otherwise it has failed.
            self._loop.call_later(LAST_WORDS, self._ended, active, done)
        else:
            self._ended(active, done)

    def _ended(self, active: Active, done: asyncio.Task[None]) -> None:
        failure = _failure_of(done, active, "execute")
        if active.cancelling is not None:
            return  # the outcome of the cancel is what counts
        if self._active.get(active.run.task) is not active:
            self._system.dead_letter(active.run, "abandoned run ended")
            return
        self._report(active, failure, cancel=False)

    # -- cancel

    def _cancel(self, cancel: CancelRun) -> None:
        active = self._active.get(cancel.run.task)
        variables = _variables(self._calls.get(cancel.caller.key))
        if active is None or active.run != cancel.run:
            active = self._activate(cancel, variables)
        else:
            variables.run(active.seen.enter)
        work = self._call_off(cancel, active)
        active.cancelling = self._loop.create_task(work, context=variables)
        active.cancelling.add_done_callback(partial(self._called_off, active))

    async def _call_off(self, cancel: CancelRun, active: Active) -> None:
        """Call the agent's `cancel` first, so that it finds its queue open; then unwind it."""
        request = RequestContext(
            call_context=self._calls.context_of(cancel.caller),
            task_id=cancel.run.task,
            context_id=cancel.context,
            task=Task.FromString(cancel.task) if cancel.task else None,
        )
        await self._executor.cancel(request, active.queue)
        if active.executing is not None:
            active.executing.cancel()
            await asyncio.wait({active.executing})

    def _called_off(self, active: Active, done: asyncio.Task[None]) -> None:
        given_up = self._active.get(active.run.task) is not active
        if done.cancelled() and done.cancelling() and not given_up:
            # As above: if the loop ends the next one stores CANCELED, as was asked for.
            self._loop.call_later(LAST_WORDS, self._cancel_ended, active, done)
        else:
            self._cancel_ended(active, done)

    def _cancel_ended(self, active: Active, done: asyncio.Task[None]) -> None:
        failure = _failure_of(done, active, "cancel")
        if self._active.get(active.run.task) is active:
            self._report(active, failure, cancel=True)

    # -- both

    def _activate(self, call: StartRun | CancelRun, variables: contextvars.Context) -> Active:
        """Let a run have a queue, and a span in the variables that its user code will have."""
        run, clock = call.run, self._system.clock
        seen = variables.run(self._observer.run, call, clock.monotonic)
        queue = RunQueue(
            run,
            call.context,
            partial(self._tell, task_ref(run.task)),
            self._soon,
            clock.call_later,
            clock.monotonic,
            Late(self._system, call),
            self._event_bytes,
            checked=self._checked,
        )
        active = self._active[run.task] = Active(run, call, queue, seen)
        return active

    def _report(
        self,
        active: Active,
        failure: Failure | None,
        *,
        cancel: bool,
        events: tuple[AgentEvent, ...] = (),
    ) -> None:
        active.queue.flush()  # what the agent has emitted comes before how it has ended
        outcome = "raised" if failure is not None else "cancelled" if cancel else "returned"
        active.seen.end(outcome, failure.error if failure is not None else "")
        if not cancel:
            # The core decides what the end of execute means; a cancel may still reach this run.
            self._retire(active)
        self._system.tell(RUNNER, RunReported(active.run, failure, cancel, events))

    def _retire(self, active: Active) -> None:
        active.queue.shut()
        if self._active.get(active.run.task) is active:
            del self._active[active.run.task]

    def _abandon(self, run: RunId) -> None:
        active = self._active.get(run.task)
        if active is None or active.run != run:
            return
        self._retire(active)
        active.seen.end("abandoned")
        for task in (active.executing, active.cancelling):
            if task is not None and not task.done():
                task.cancel()

    def close(self) -> None:
        """Abandon every run; for a system that shuts down."""
        for active in list(self._active.values()):
            self._abandon(active.run)


class Late:
    """What becomes of an event that comes after the end of its run: a dead letter, and a warning.

    Args:
        system: counts it.
        call: what began the run.
    """

    __slots__ = ("_call", "_system", "_warned")

    def __init__(self, system: ActorSystem, call: StartRun | CancelRun) -> None:
        self._system = system
        self._call = call
        self._warned = False

    def __call__(self, event: object) -> None:
        """Take note of an event; one line of the log for all of a run."""
        if not self._warned:
            self._warned = True
            logger.warning(
                "task %s: the agent emits after its run has ended, and nobody hears it; await "
                "in execute whatever emits",
                self._call.run.task,
                extra=_about(self._call),
            )
        self._system.dead_letter(event, "event after the end of the run")


def _variables(call: Call | None) -> contextvars.Context:
    """Return the context variables for user code: those of the request that caused it (detail 11).

    Nobody's if that came to an earlier process. A copy, since two asyncio tasks of one request
    must not enter the same context.
    """
    return call.variables.copy() if call is not None else contextvars.copy_context()


def _about(call: StartRun | CancelRun) -> Mapping[str, object]:
    """Return what log lines about a run name."""
    named: dict[str, object] = {"task": call.run.task, "owner": call.caller.owner}
    if isinstance(call, StartRun):
        named["seq"] = call.seq
    return named


def _failure_of(done: asyncio.Task[None], active: Active, what: str) -> Failure | None:
    """Return how user code ended; its traceback is logged here, once, and goes nowhere else."""
    if done.cancelled():
        return Failure("InternalError", f"The agent's {what} was cancelled.")
    error = done.exception()
    if error is None:
        return None
    says = "agent raised in %s of task %s"
    logger.error(says, what, active.run.task, exc_info=error, extra=_about(active.call))
    return Failure.of(error)
