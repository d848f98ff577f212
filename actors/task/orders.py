"""What the standing actors and fan-outs can be told: append, run, deliver, publish, read.

Apart from their actors, since a TaskActor orders from all of them and they answer to it.

Neighbours: `journal.py`, `runner.py`, `outbox.py`, `fanout.py` (receive these), `state.py` and
`release.py` (send most of them).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from actors.runtime import ActorRef, Caller, Lane, Message
from actors.task.messages import Internal, View
from actors.task.ports import Ack, Append, CancelRun, Query, RunId, Snapshot, StartRun
from actors.task.record import Failure, Record

JOURNAL: ActorRef[Message] = ActorRef("journal", "")
RUNNER: ActorRef[Message] = ActorRef("runner", "")
OUTBOX: ActorRef[Message] = ActorRef("outbox", "")


# -- to the JournalActor


@dataclass(frozen=True, slots=True)
class AppendRecords(Internal):
    """Append for the TaskActor at `append.task`; it is told Appended or AppendFailed."""

    append: Append


@dataclass(frozen=True, slots=True)
class Orphan(Message):
    """The actor of a task was lost with a run going on: revive it in a while, to settle that."""

    lane: ClassVar[Lane] = Lane.SYSTEM
    task: str
    caller: Caller
    """Whose run was lost; a user's own store wants to know."""


@dataclass(frozen=True, slots=True)
class Flush(Internal):
    """Everything that was waiting has been gathered: store the group."""

    lane_name: str


@dataclass(frozen=True, slots=True)
class GroupStored(Message):
    """The port's answer to one group."""

    lane: ClassVar[Lane] = Lane.SYSTEM
    lane_name: str
    acks: tuple[Ack, ...]


@dataclass(frozen=True, slots=True)
class GroupFailed(Message):
    """The port could not store a group, or not read back whether it is stored."""

    lane: ClassVar[Lane] = Lane.SYSTEM
    lane_name: str
    error: Exception
    transient: bool


@dataclass(frozen=True, slots=True)
class RetryGroup(Message):
    """Timer: try a failed group again."""

    lane: ClassVar[Lane] = Lane.SYSTEM
    lane_name: str


@dataclass(frozen=True, slots=True)
class Probe(Message):
    """Timer: see whether tasks that a failing journal has voided can be settled by now."""

    lane: ClassVar[Lane] = Lane.SYSTEM


@dataclass(frozen=True, slots=True)
class LoadTask(Internal):
    """Read a log for the TaskActor at `task`, which is told Loaded."""

    task: str


@dataclass(frozen=True, slots=True)
class ReadTask(Message):
    """Read a parked task on behalf of the envelope's caller; answered with `View | None`."""

    task: str


@dataclass(frozen=True, slots=True)
class ReadPage(Internal):
    """Read records after `after`; answered with `Page`."""

    task: str
    after: int
    limit: int


@dataclass(frozen=True, slots=True)
class ListTasks(Message):
    """Answered with `TaskPage`."""

    query: Query


@dataclass(frozen=True, slots=True)
class KeepSnapshot(Internal):
    """Cache a fold."""

    task: str
    snapshot: Snapshot


class TaskPage(NamedTuple):
    """One page of a listing."""

    tasks: tuple[bytes, ...]
    total: int
    next: tuple[int, str] | None


@dataclass(frozen=True, slots=True)
class Fetched(Message):
    """The port's answer to a read: a result or an error. Who asked is the envelope's reply_to."""

    lane: ClassVar[Lane] = Lane.SYSTEM
    asked: Message
    result: Any
    error: Exception | None


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


# -- to a standing actor


@dataclass(frozen=True, slots=True)
class Drain(Internal):
    """Answered (True) by a standing actor once nothing is under way; behind all that waits."""
