"""Every message of the task core, beside who sends it and who answers it with what.

Neighbours: `actor.py`, `journal.py`, `fanout.py`, `runner.py` (receive these), `core.py` (the
entry that asks), `ports.py` (what goes out to the world).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar, NamedTuple, TypeAlias

from actors.runtime import ActorRef, Lane, Message
from actors.task.ports import Ack, Append, CancelRun, Query, RunId, Snapshot, StartRun, Stored
from actors.task.record import Failure, Kind, Record

TaskRef: TypeAlias = "ActorRef[TaskMessage]"

JOURNAL: ActorRef[Message] = ActorRef("journal", "")
RUNNER: ActorRef[Message] = ActorRef("runner", "")
OUTBOX: ActorRef[Message] = ActorRef("outbox", "")


def task_ref(task: str) -> TaskRef:
    """Return the address of the actor of one task."""
    return ActorRef("task", task)


# -- requests, from the entry; answered exactly once


class Wait(Enum):
    """When a send is answered."""

    STREAM = "stream"
    """When the message is stored, with a reader attached (`Admitted`)."""
    FIRST = "first"
    """At the first public record after the message (`Settled`); `return_immediately`."""
    SETTLED = "settled"
    """At a terminal or interrupted state, a Message, or the end of its run (`Settled`); R31."""


class TaskMessage(Message):
    """Told to a TaskActor."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Send(TaskMessage):
    """A client's message. `context` and `new` say what the entry has resolved."""

    refusable: ClassVar[bool] = True
    revives: ClassVar[bool] = True
    request: bytes
    """SendMessageRequest with ids filled in."""
    context: str
    extensions: tuple[str, ...]
    wait: Wait
    new: bool
    """The task id was minted for this message: there is no log to read."""


@dataclass(frozen=True, slots=True)
class Cancel(TaskMessage):
    """A client wants the task ended. Answered with `Settled`."""

    refusable: ClassVar[bool] = True
    revives: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Get(TaskMessage):
    """Answered with `View`."""

    refusable: ClassVar[bool] = True
    revives: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Attach(TaskMessage):
    """A reader wants the records after `after`; None: the Task first. Answered with `Admitted`."""

    refusable: ClassVar[bool] = True
    revives: ClassVar[bool] = True
    after: int | None


@dataclass(frozen=True, slots=True)
class Detach(TaskMessage):
    """A reader has gone."""

    lane: ClassVar[Lane] = Lane.SYSTEM
    fanout: ActorRef[Message]
    reader: int


@dataclass(frozen=True, slots=True)
class Sync(TaskMessage):
    """Answered (True) once everything told before has been decided."""


@dataclass(frozen=True, slots=True)
class Recover(TaskMessage):
    """Whoever revives a task settles its lost run; this revives it for nothing else."""

    lane: ClassVar[Lane] = Lane.SYSTEM
    revives: ClassVar[bool] = True


class View(NamedTuple):
    """The committed state of a task."""

    task: bytes
    """The Task; empty when none is visible."""
    version: int
    context: str
    state: int
    """`TaskState` number; 0 when no Task is visible."""


class Admitted(NamedTuple):
    """A reader is attached: pull what follows from `fanout`, then tell Detach."""

    fanout: ActorRef[Message]
    reader: int
    """Number of this reader, for its pulls."""
    version: int
    """What `task` shows, or where a resumed reader has got to."""
    message: int
    """Sequence number of the message that the reader sent; 0 for a subscription."""
    task: bytes
    """The Task at `version`; empty when there is none, or the reader knows it."""


class Settled(NamedTuple):
    """What became of a send or a cancel; its form is chosen by `a2a/answers.py`."""

    task: bytes = b""
    message: bytes = b""
    """A bare Message (serialised `StreamResponse`)."""
    failure: Failure | None = None


# -- what a run reports, by way of RunnerActor


@dataclass(frozen=True, slots=True)
class Emitted(TaskMessage):
    """The agent emitted an event; everything the chart asks about it has been read off."""

    run: RunId
    kind: Kind
    trigger: str
    """The event's name in the chart."""
    state: int
    """`TaskState` of a Task or status event, else 0."""
    payload: bytes
    """Serialised StreamResponse."""
    at: int = 0
    """UTC milliseconds of the status; 0 when it bears no time."""
    artifacts: tuple[str, ...] = ()
    """Ids of the artifacts in a Task."""
    artifact: str = ""
    append: bool = False
    last: bool = False
    mismatch: str = ""
    """What is wrong with the ids that the event bears; empty when nothing is."""


@dataclass(frozen=True, slots=True)
class RunOver(TaskMessage):
    """`execute` returned, or raised `failure`."""

    run: RunId
    failure: Failure | None


@dataclass(frozen=True, slots=True)
class CancelOver(TaskMessage):
    """`cancel` returned and the run is over, or `cancel` raised `failure`."""

    run: RunId
    failure: Failure | None


# -- timers of a TaskActor


@dataclass(frozen=True, slots=True)
class CancelGraceOver(TaskMessage):
    """The agent had its time to cancel."""

    lane: ClassVar[Lane] = Lane.SYSTEM
    run: RunId


@dataclass(frozen=True, slots=True)
class ExecutionDeadline(TaskMessage):
    """The run took too long."""

    lane: ClassVar[Lane] = Lane.SYSTEM
    run: RunId


@dataclass(frozen=True, slots=True)
class TerminalGraceOver(TaskMessage):
    """Nothing more will be heard of the run that ended this task."""

    lane: ClassVar[Lane] = Lane.SYSTEM


# -- answers of the journal


@dataclass(frozen=True, slots=True)
class Appended(TaskMessage):
    """Every record up to `upto` that this life of the actor wrote is stored."""

    lane: ClassVar[Lane] = Lane.SYSTEM
    writer: int
    upto: int


@dataclass(frozen=True, slots=True)
class AppendFailed(TaskMessage):
    """Nothing after the last acknowledged record is stored: what was decided since is void."""

    lane: ClassVar[Lane] = Lane.SYSTEM
    writer: int
    fenced: bool
    error: Exception | None
    """An error for callers to hear (a user's own store said no); None: storage is unavailable."""


@dataclass(frozen=True, slots=True)
class Loaded(TaskMessage):
    """The log of a task that is being revived; None if there is none."""

    lane: ClassVar[Lane] = Lane.SYSTEM
    stored: Stored | None
    error: Exception | None = None


# -- to the JournalActor


@dataclass(frozen=True, slots=True)
class AppendRecords(Message):
    """Append for the TaskActor at `append.task`; it is told Appended or AppendFailed."""

    append: Append


@dataclass(frozen=True, slots=True)
class Orphan(Message):
    """The actor of a task was lost with a run going on: revive it in a while, to settle that."""

    lane: ClassVar[Lane] = Lane.SYSTEM
    task: str


@dataclass(frozen=True, slots=True)
class Flush(Message):
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
    """The port could not store a group; nothing of it is stored."""

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
class LoadTask(Message):
    """Read a log for the TaskActor at `task`, which is told Loaded."""

    task: str


@dataclass(frozen=True, slots=True)
class ReadTask(Message):
    """Read a parked task on behalf of the envelope's caller; answered with `View | None`."""

    refusable: ClassVar[bool] = True
    task: str


@dataclass(frozen=True, slots=True)
class ReadPage(Message):
    """Read records after `after`; answered with `Page`."""

    task: str
    after: int
    limit: int


@dataclass(frozen=True, slots=True)
class ListTasks(Message):
    """Answered with `TaskPage`."""

    refusable: ClassVar[bool] = True
    query: Query


@dataclass(frozen=True, slots=True)
class KeepSnapshot(Message):
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
class RunReported(Message):
    """The port says that `execute` (or, while cancelling, `cancel`) is over."""

    run: RunId
    failure: Failure | None
    cancel: bool


@dataclass(frozen=True, slots=True)
class Drain(Message):
    """Answered (True) by a standing actor once nothing is under way; behind all that waits."""


# -- to the OutboxActor


@dataclass(frozen=True, slots=True)
class Deliver(Message):
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
class Publish(Message):
    """Records just committed, in order; `end` is set once nothing can follow."""

    records: tuple[Record, ...]
    end: End | None = None


@dataclass(frozen=True, slots=True)
class Close(Message):
    """No reader is left, or the task is void: whoever still waits gets `error`, and resumes."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Left(Message):
    """A reader has gone, with or without a pull that waits."""

    reader: int


@dataclass(frozen=True, slots=True)
class Pull(Message):
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
