"""What a TaskActor can be told, beside who tells it and what it answers.

Neighbours: `actor.py` (receives these), `core.py` (asks for clients), `orders.py` (what a TaskActor
in turn tells the standing actors), `ports.py` (what goes out to the world).
"""

from __future__ import annotations

from dataclasses import field
from enum import Enum
from typing import ClassVar, NamedTuple, TypeAlias

from actors.runtime import ActorRef, Internal, Lane, Message, ReplyTo
from actors.runtime.journal.messages import Logged
from actors.runtime.journal.port import Head
from actors.runtime.values import value
from actors.task.ports import RunId
from actors.task.record import Failure, Kind

TaskRef: TypeAlias = "ActorRef[TaskMessage | Logged]"


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


@value
class Send(TaskMessage):
    """A client's message. `context` and `new` say what the entry has resolved."""

    revives: ClassVar[bool] = True
    request: bytes
    """SendMessageRequest with ids filled in."""
    context: str
    extensions: tuple[str, ...]
    wait: Wait
    new: bool
    """The task id was minted for this message: there is no log to read."""
    key: str = ""
    """Idempotency key; empty where messages may repeat."""
    stored: ReplyTo[None] | None = None
    """Resolved once the message is stored: from then on the journal leads from its key to it."""
    hook: bytes = field(default=b"", repr=False)
    """TaskPushNotificationConfig to keep with the message; empty for none. It has credentials."""


@value
class Cancel(TaskMessage):
    """A client wants the task ended. Answered with `Settled`."""

    revives: ClassVar[bool] = True


@value
class Configure(TaskMessage):
    """Keep a webhook. Answered with None once it is stored."""

    revives: ClassVar[bool] = True
    config: bytes = field(repr=False)
    """TaskPushNotificationConfig, with its id and credentials."""


@value
class Unconfigure(TaskMessage):
    """Forget a webhook. Answered with None once no attempt to notify it begins any more."""

    revives: ClassVar[bool] = True
    hook: str


@value
class Get(TaskMessage):
    """Answered with `View`."""

    revives: ClassVar[bool] = True


@value
class Attach(TaskMessage):
    """A reader wants the records after `after`; None: the Task first. Answered with `Admitted`."""

    revives: ClassVar[bool] = True
    after: int | None
    sender: bool = False
    """The reader has sent a message here: it may read while no Task is visible."""


@value
class Detach(TaskMessage):
    """A reader has gone."""

    lane: ClassVar[Lane] = Lane.SYSTEM
    fanout: ActorRef[Message]
    reader: int


@value
class Hold(Internal, TaskMessage):
    """Start no run from now on: what waits is for the next process.

    Answered (True) once everything told before has been decided.
    """


# -- from the retention


@value
class Overdue(TaskMessage):
    """Be FAILED if the latest record is older than `before` and nobody is at work."""

    revives: ClassVar[bool] = True
    before: int
    """UTC milliseconds."""


@value
class LetGo(TaskMessage):
    """Be removed if nothing has happened since `head` and nobody reads."""

    revives: ClassVar[bool] = True
    head: Head
    before: int | None = None
    """UTC milliseconds: not unless the latest record is older."""


@value
class Shorten(TaskMessage):
    """Let a snapshot stand for the log if nothing has happened since `head` and nobody reads."""

    revives: ClassVar[bool] = True
    head: Head
    before: int | None = None
    """UTC milliseconds: not unless the latest record is older."""


# -- answers


class View(NamedTuple):
    """The committed state of a task."""

    task: bytes
    """The Task; empty when none is visible."""
    version: int
    context: str
    state: int
    """`TaskState` number; 0 when no Task is visible."""
    messages: tuple[int, ...] = ()
    """Sequence numbers of the messages whose runs are going on or still to come."""
    hooks: tuple[bytes, ...] = ()
    """Its webhooks (TaskPushNotificationConfig), in the order in which they were set."""


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


class AgentEvent(NamedTuple):
    """An event that an agent has emitted; everything the chart asks about it has been read off."""

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
    mismatch: Failure | None = None
    """What is wrong with the ids that the event bears."""
    more: tuple[bytes, ...] = ()
    """Payloads of the chunks that follow at once and are appended to the same artifact: what the
    chart says of this one holds for them too. `last` is that of the last of them."""

    def apart(self) -> tuple[AgentEvent, ...]:
        """Return the chunks as an event each."""
        first = self._replace(more=(), last=self.last and not self.more)
        chunks = [first._replace(append=True, payload=payload) for payload in self.more]
        if chunks:
            chunks[-1] = chunks[-1]._replace(last=self.last)
        return (first, *chunks)


@value
class Emitted(Internal, TaskMessage):
    """What the agent has emitted since it was last heard, in order: one message for a burst."""

    run: RunId
    events: tuple[AgentEvent, ...]


@value
class RunOver(Internal, TaskMessage):
    """`execute` returned, or raised `failure`."""

    run: RunId
    failure: Failure | None
    events: tuple[AgentEvent, ...] = ()
    """What it has emitted last, where that and the end are heard of at once."""


@value
class CancelOver(Internal, TaskMessage):
    """`cancel` returned and the run is over, or `cancel` raised `failure`."""

    run: RunId
    failure: Failure | None


# -- timers of a TaskActor


@value
class CancelGraceOver(TaskMessage):
    """The agent had its time to cancel."""

    lane: ClassVar[Lane] = Lane.SYSTEM
    run: RunId


@value
class ExecutionDeadline(TaskMessage):
    """The run took too long."""

    lane: ClassVar[Lane] = Lane.SYSTEM
    run: RunId


@value
class TerminalGraceOver(TaskMessage):
    """Nothing more will be heard of the run that ended this task."""

    lane: ClassVar[Lane] = Lane.SYSTEM
