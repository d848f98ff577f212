"""The decided state of a task.

Decided is what the chart has said; committed (`fold`) is what the journal has acknowledged. The
difference between them is `pending`, in order. Nobody outside sees anything but the committed part
(law L3).

Neighbours: `draft.py` (changes it, a step at a time), `actor.py` (decides), `release.py` (commits).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, NamedTuple

from actors.runtime import (
    ActorRef,
    Caller,
    Effect,
    Message,
    ReplyTo,
)
from actors.runtime.journal.record import Record
from actors.task.chart import STATES
from actors.task.fold import Fold
from actors.task.messages import Settled
from actors.task.orders import End
from actors.task.ports import RunId
from actors.task.settle import Question
from statechart import Configuration

CONFIGURED = {name: state for state, name in STATES.items()}
"""State of the chart -> `TaskState` number."""


class Queued(NamedTuple):
    """An accepted message: waiting for its run, or running."""

    seq: int
    caller: Caller
    request: bytes
    extensions: tuple[str, ...]
    recovered: bool = False
    """Its sender's process is gone."""
    trace: str = ""
    """W3C traceparent of its request."""
    taken: tuple[Queued, ...] = ()
    """Earlier messages that its run is for too, in order; none of these has taken any."""


class Pending(NamedTuple):
    """Records that were decided in one step, and what their acknowledgement sets free."""

    records: tuple[Record, ...]
    then: tuple[Effect, ...] = ()
    """Of the last record."""
    starts: Queued | None = None
    """The last record is STARTED: the run to launch, with the Task as it was just before it."""
    credit: int = 0
    """How many the agent has emitted: their acknowledgement makes room for as many."""
    appended: str = ""
    """All are chunks that are appended to the artifact of this id."""

    def followed(self, effect: Effect) -> Pending:
        """Return the same, and this effect behind the others."""
        return self._replace(then=(*self.then, effect))


class Waiter(NamedTuple):
    """A request whose answer depends on records still to come."""

    to: ReplyTo[Any]
    asked: Question


@dataclass(slots=True, eq=False)
class TaskState:
    """Everything a TaskActor knows. One per live task.

    A step changes a copy of its own (`Draft`), so the one that it was given stays as it is.
    """

    task: str
    owner: str
    tenant: str
    context: str
    configuration: Configuration
    fold: Fold
    """Committed. Folded in place, touched by this actor alone."""
    artifacts: dict[str, bool]
    """Decided: artifact id -> whether its last chunk has come. Grows in place, as the fold does:
    a void actor is dropped whole, so nothing in here is ever taken back."""
    epoch: int
    seq: int
    """Decided head of the log."""
    run: int
    status_at: int
    adopted: bool = False
    """The Task is the agent's own, not one that the core made at admission (A15)."""
    running: Queued | None = None
    queue: tuple[Queued, ...] = ()
    pending: tuple[Pending, ...] = ()
    waiters: tuple[Waiter, ...] = ()
    held: tuple[tuple[Waiter, Settled], ...] = ()
    """Answers ready but for an error that the run may still report (A1)."""
    ending: Record | None = None
    """The ENDED record, committed, of the run whose end is the end of the task."""
    end: End | None = None
    """The log is final and its run is over."""
    fanout: ActorRef[Message] | None = None
    readers: int = 0
    holding: bool = False
    """The server drains: no new run starts."""
    leaving: bool = False
    """The journal has been asked to forget this task; what comes meanwhile is stashed."""
    attached: int = 0
    """Readers let in so far; keeps their numbers distinct."""
    life: int = 0
    """Which actor of this task in this process this is: verdicts on and readers of an earlier
    life are none of ours."""
    snapshot: int = 0
    """Version of the latest snapshot that the journal has."""
    signature: str = ""
    """Who writes, to go into the first record of this life; empty once it is in one."""
    handed: bool = False
    """The outbox goes on from what it was handed of this task, and has missed nothing before."""
    born: int = 0
    """UTC milliseconds of the first record; what is listed before there is a status."""
    hooks: tuple[str, ...] = ()
    """Decided: ids of its webhooks; "" for the sender that the user passed."""

    def copy(self) -> TaskState:
        """Return another one with the same fields."""
        return TaskState(*_fields(self))

    @property
    def run_id(self) -> RunId:
        """The current run; messages about any other are dead letters."""
        return RunId(self.task, self.epoch, self.run)

    @property
    def lifecycle(self) -> int:
        """Decided `TaskState` number; 0 while there is no Task."""
        return CONFIGURED.get(self.configuration.atomic[0], 0)

    @property
    def waiting(self) -> int:
        """How many messages wait: in the queue, or behind the latest of their run."""
        return len(self.queue) + (len(self.running.taken) if self.running else 0)

    @property
    def active(self) -> bool:
        """The run region is not idle."""
        return "idle" not in self.configuration.states

    @property
    def final(self) -> bool:
        """Decided: nothing can follow in this log."""
        states = self.configuration.states
        return "terminal" in states or "replied" in states

    @property
    def at_rest(self) -> bool:
        """Nothing would be lost by forgetting this actor."""
        return not (
            self.active
            or self.pending
            or self.queue
            or self.waiters
            or self.held
            or self.readers
            or self.leaving
        )


_fields = attrgetter(*(field.name for field in fields(TaskState)))
