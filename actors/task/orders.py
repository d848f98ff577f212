"""What the other actors of the task core can be told: run, deliver, publish, pull.

Apart from their actors, since a TaskActor orders from all of them and they answer to it.

Neighbours: `runner.py`, `outbox.py`, `fanout.py` (receive these), `state.py` and
`release.py` (send most of them).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from actors.runtime import ActorRef, Internal, Lane, Message
from actors.runtime.journal.record import Record
from actors.task.messages import View
from actors.task.ports import CancelRun, RunId, StartRun
from actors.task.record import Failure

RUNNER: ActorRef[Message] = ActorRef("runner", "")
OUTBOX: ActorRef[Message] = ActorRef("outbox", "")
RETENTION: ActorRef[Message] = ActorRef("retention", "")

WEBHOOKS = "webhooks"
"""The durable consumer of tasks' logs that the outbox is."""


class TaskPage(NamedTuple):
    """One page of a listing."""

    tasks: tuple[bytes, ...]
    total: int
    next: tuple[int, str] | None


# -- to the RunnerActor


@dataclass(frozen=True, slots=True)
class Launch(Message):
    """Start a run for a TaskActor, which is told RunOver."""

    lane: ClassVar[Lane] = Lane.SYSTEM
    start: StartRun


@dataclass(frozen=True, slots=True)
class CallOff(Message):
    """Ask the agent to cancel; the TaskActor is told CancelOver."""

    lane: ClassVar[Lane] = Lane.SYSTEM
    cancel: CancelRun


@dataclass(frozen=True, slots=True)
class Abandon(Message):
    """Fence a run and forget it; whatever it reports later is a dead letter."""

    lane: ClassVar[Lane] = Lane.SYSTEM
    run: RunId


@dataclass(frozen=True, slots=True)
class RunReported(Internal):
    """The port says that `execute` (or, while cancelling, `cancel`) is over."""

    run: RunId
    failure: Failure | None
    cancel: bool


# -- to the OutboxActor


@dataclass(frozen=True, slots=True)
class Deliver(Internal):
    """Notify the webhooks of a task of these public records, in order."""

    task: str
    records: tuple[Record, ...]
    first: bool = False
    """Of an actor that was revived: what an earlier life of it had stored, and did not live to hand
    over, comes before."""


@dataclass(frozen=True, slots=True)
class LookAfter(Internal):
    """See whether an earlier life of a task's actor has left something to notify webhooks of."""

    task: str


@dataclass(frozen=True, slots=True)
class LookAgain(Internal):
    """Timer: ask the journal once more, for the records of a task, or which are left ("")."""

    task: str


@dataclass(frozen=True, slots=True)
class Delivered(Message):
    """The port says that one notification of a task is over, well or not."""

    lane: ClassVar[Lane] = Lane.SYSTEM
    task: str


# -- to a FanOutActor


@dataclass(frozen=True, slots=True)
class Publish(Internal):
    """Records just committed, in order; `end` is set once nothing can follow."""

    records: tuple[Record, ...]
    end: End | None = None


@dataclass(frozen=True, slots=True)
class Close(Internal):
    """No reader is left, or the task is void: whoever still waits gets `error`, and resumes."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Left(Internal):
    """A reader has gone, with or without a pull that waits."""

    reader: int


@dataclass(frozen=True, slots=True)
class Pull(Internal):
    """A reader wants at most `limit` records after `after`; answered with `Page`."""

    reader: int
    after: int
    limit: int


class End(NamedTuple):
    """The task is final and its run is over, or will not be heard of any more."""

    failure: Failure | None = None
    """What went wrong with the run after its terminal record, if anything did."""


class Page(NamedTuple):
    """Records after a cursor, in order. Empty only when `end`, `gap` or `snapshot` is set."""

    records: tuple[Record, ...]
    end: End | None = None
    gap: bool = False
    """The records after the cursor are no longer kept."""
    snapshot: View | None = None
    """Instead of records that are no longer kept: the Task as it is; what follows comes next."""
