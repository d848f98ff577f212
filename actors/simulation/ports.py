"""The ports of a simulated process: its journal's shell and its agent.

Each operation is an action of the loop, so its completion comes in any order; each can fail in
every way that the real one can. The journal's shell is the production one but for the moment at
which it acts.

Neighbours: `node.py` (owns these), `journal.py` (what is stored), `script.py` (what agents do),
`faults.py` (what fails), `receivers.py` (the port of the webhooks).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from actors.a2a.emission import conclusive, emitted
from actors.a2a.gathering import joined
from actors.a2a.queue import CREDIT
from actors.runtime import ActorRef, ActorSystem
from actors.runtime.journal.actor import Fetch, ReadBack, StoreGroup
from actors.runtime.journal.errors import StorageUnavailable
from actors.runtime.journal.messages import (
    Asked,
    Compact,
    Consumed,
    FindKey,
    Heads,
    KeepSnapshot,
    ListLogs,
    NextPlace,
    NextRecords,
    ReadPage,
    Remove,
    Surplus,
    Unconsumed,
    WholeLog,
)
from actors.runtime.journal.port import Journal, MaybeAwaitable
from actors.runtime.journal.shell import JournalShell, Then
from actors.simulation import trace as seen
from actors.simulation.script import Program
from actors.simulation.storing import Storing
from actors.simulation.writes import Consume, Cut, Drop, Group, Write, said
from actors.task.messages import AgentEvent, Emitted, task_ref
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

if TYPE_CHECKING:
    from actors.simulation.node import Node


class SimShell(JournalShell):
    """The journal's shell, with each operation completed when the loop chooses it."""

    def __init__(self, node: Node, journal: Journal, system: ActorSystem) -> None:
        super().__init__(journal, system)
        self._node = node
        self._request: object = None
        self.storing = Storing(node.name, node.journal, node.faults, node.trace, node.known)

    def take(self) -> None:
        """Nothing: each node stands for a process, with a journal of its own on the one disk."""

    def give_back(self) -> None:
        """Nothing."""

    def perform(self, request: StoreGroup | ReadBack | Fetch, sender: ActorRef[Any]) -> None:
        """Begin a group or a read."""
        self._request = request
        if isinstance(request, Fetch) and isinstance(request.asked, KeepSnapshot):
            kept = request.asked
            self._node.trace.add(seen.Kept(self._node.name, kept.log, kept.snapshot))
        super().perform(request, sender)

    def _run(self, call: Callable[[], MaybeAwaitable[Any]], then: Then) -> None:
        """Complete what has just begun, sometime."""
        write = _writing(self._request)
        if write is None:
            label, work = _reading(self._request), partial(self.storing.read, call)
        else:
            if not isinstance(write, Group):
                self._node.trace.add(seen.Wanted(self._node.name, write))
            self.storing.under_way.append(write)
            label, work = said(write), partial(self.storing.write, write)
        self._node.act(label, partial(self._complete, work, then))

    def _complete(self, work: Callable[[], Any], then: Then) -> None:
        self._node.loop.touch("journal")
        try:
            result = work()
        except StorageUnavailable as error:
            then(None, error)
        else:
            then(result, None)


class Run:
    """One run of the agent: its program, and the program of its cancel."""

    def __init__(self, run: RunId, context: str) -> None:
        self.run = run
        self.context = context
        self.executing: Program | None = None
        self.cancelling: Program | None = None
        self.credit = CREDIT
        self.said: list[AgentEvent] = []
        """Emitted since it let go of the loop last; delivered together, as by `RunQueue`."""
        self.over = False
        """Abandoned, or its end was reported: the core must take nothing more from it."""

    def state(self) -> tuple[object, ...]:
        """Where it is, for comparing states of a search."""
        programs = (self.executing, self.cancelling)
        return (self.run, self.credit, self.over, *(p and p.state() for p in programs))


class SimAgent:
    """The AgentPort, with scripted agents that take one step whenever the loop chooses them."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.runs: dict[RunId, Run] = {}

    def perform(self, request: AgentRequest, sender: ActorRef[Any]) -> None:
        """Begin what was asked."""
        match request:
            case StartRun():
                self._node.loop.touch(request.run)
                self._start(request)
            case CancelRun():
                self._node.loop.touch(request.run)
                self._cancel(request)
            case AbandonRun(run):
                self._node.loop.touch(run)
                self._abandon(run)
            case GrantCredit(run, events):
                self._node.loop.touch(run)
                self._grant(run, events)
            case ForgetRequest():
                pass  # no calls are kept here

    def _start(self, start: StartRun) -> None:
        self._node.trace.add(seen.Launched(self._node.name, start))
        run = self.runs.setdefault(start.run, Run(start.run, start.context))
        run.executing = self._node.script.execute(start)
        self._go_on(run)

    def _cancel(self, cancel: CancelRun) -> None:
        self._node.trace.add(seen.CalledOff(self._node.name, cancel))
        run = self.runs.setdefault(cancel.run, Run(cancel.run, cancel.context))
        run.cancelling = self._node.script.cancel(cancel)
        self._node.act(f"agent cancels {_named(run.run)}", partial(self._step_cancel, run))

    def _abandon(self, run: RunId) -> None:
        self._node.trace.add(seen.Abandoned(self._node.name, run))
        known = self.runs.get(run)
        if known is not None:
            known.over = True

    def _grant(self, run: RunId, events: int) -> None:
        known = self.runs.get(run)
        if known is None:
            return
        waited = known.credit <= 0
        known.credit += events
        if waited and known.credit > 0:
            self._go_on(known)

    def _go_on(self, run: Run) -> None:
        self._node.act(f"agent {_named(run.run)}", partial(self._step, run))

    def _step(self, run: Run) -> None:
        """Let `execute` go on until it lets go of the loop: with events, its end, or both.

        With nothing, when it was cancelled.
        """
        self._node.loop.touch(run.run)
        program = run.executing
        if program is None:
            return
        try:
            self._emit(run, next(program))
            while run.credit > 0 and self._node.script.goes_on():
                self._emit(run, next(program))
        except StopIteration:
            self._executed(run, None)
        except Exception as error:  # noqa: BLE001 - an agent may raise anything
            self._executed(run, Failure.of(error))
        else:
            self._deliver(run)
            if run.credit > 0 or run.over:
                self._go_on(run)

    def _executed(self, run: Run, failure: Failure | None) -> None:
        """Deliver what was emitted, then how the run has ended; or both as one, like `Agent`."""
        run.executing = None
        together = failure is None and run.cancelling is None
        if not (together and run.said and conclusive(run.said[-1])):
            self._deliver(run)
        if run.cancelling is None:
            self._report(run, failure, cancel=False)

    def _step_cancel(self, run: Run) -> None:
        self._node.loop.touch(run.run)
        assert run.cancelling is not None  # noqa: S101 - set when this was begun, and kept
        try:
            event = next(run.cancelling)
        except StopIteration:
            run.executing = None  # cancelled, and it unwinds at once
            self._report(run, None, cancel=True)
        except Exception as error:  # noqa: BLE001 - an agent may raise anything
            self._report(run, Failure.of(error), cancel=True)
        else:
            self._emit(run, event)
            self._deliver(run)
            self._node.act(f"agent cancels {_named(run.run)}", partial(self._step_cancel, run))

    def _emit(self, run: Run, event: Any) -> None:
        """Emit, also when nobody may hear it: the core has fences of its own."""
        fact = emitted(run.run, run.context, event)
        run.credit -= 1
        self._node.trace.add(seen.Emission(self._node.name, run.run, fact.payload, run.over))
        run.said.append(fact)

    def _deliver(self, run: Run) -> None:
        """Deliver what was emitted, if anything was."""
        said, run.said = run.said, []
        if said:
            self._node.system.tell(task_ref(run.run.task), Emitted(run.run, joined(said)))

    def _report(self, run: Run, failure: Failure | None, *, cancel: bool) -> None:
        self._node.trace.add(seen.Over(self._node.name, run.run, failure, cancel))
        said, run.said = joined(run.said), []
        self._node.system.tell(RUNNER, RunReported(run.run, failure, cancel, said))


def _writing(request: object) -> Write | None:
    """Return what changes the file; None if nothing does."""
    match request:
        case StoreGroup(_, group):
            return Group(group)
        case Fetch(Consumed(_, consumer, place), _):
            return Consume(consumer, place)
        case Fetch(Compact(_, place), _):
            return Cut(place.log, place.seq)
        case Fetch(Remove(_, head), _):
            return Drop(head)
        case _:
            return None


def _reading(request: object) -> str:
    """Say what is read; two reads that are alike have the same name."""
    match request:
        case Fetch(ListLogs() as asked, _):
            return f"read {type(asked).__name__}"
        case Fetch(ReadPage(log, after, limit), _):
            return f"read {log} after {after} at most {limit}"
        case Fetch(Asked() as asked, _):
            return f"read {_looking(asked)} for {asked.to}"
        case Fetch(FindKey(key), _):
            return f"find {key}"
        case Fetch(asked, _):
            return f"read {type(asked).__name__} {getattr(asked, 'log', '')}"
        case ReadBack(_, append):
            return f"read back {append.log} after {append.expected}"
        case _:
            return "read"


def _looking(asked: Asked) -> str:
    match asked:
        case NextRecords(_, place, limit, consumer):
            return f"{place.log} after {place.seq} at most {limit} {consumer}"
        case WholeLog(_, log):
            return f"all of {log}"
        case Heads(_, after, limit, active):
            return f"{limit} heads after {after!r} {active=}"
        case Unconsumed(_, consumer, after, limit):
            return f"{limit} places for {consumer} after {after!r}"
        case NextPlace(_, consumer, log):
            return f"the place of {consumer} in {log}"
        case Surplus(_, keep, limit):
            rest = (keep.projection.name, keep.state, keep.since, keep.count, keep.size)
            return f"{limit} of what is beyond {rest}"
        case other:
            return type(other).__name__


def _named(run: RunId) -> str:
    return f"{run.task}/{run.epoch}.{run.run}"
