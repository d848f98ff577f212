"""What the other actors of the task core can be told: run, deliver, publish, pull.

Apart from their actors, since a TaskActor orders from all of them and they answer to it.

Neighbours: `runner.py`, `outbox.py`, `fanout.py` (receive these), `draft.py` and
`release.py` (send most of them).
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar, NamedTuple

from actors.runtime import ActorRef, Internal, Lane, Message
from actors.runtime.journal.record import Record
from actors.runtime.values import value
from actors.task.kept import Kept
from actors.task.messages import AgentEvent, View
from actors.task.ports import CancelRun, RunId, StartRun
from actors.task.record import Failure

RUNNER: ActorRef[Message] = ActorRef("runner", "")
OUTBOX: ActorRef[Message] = ActorRef("outbox", "")
RETENTION: ActorRef[Message] = ActorRef("retention", "")

WEBHOOKS = "webhooks"
"""The family of durable consumers of tasks' logs that the outbox is: this one for a sender of the
user's, `webhooks/ID` for each webhook."""


def consumer(hook: str) -> str:
    """Name the durable consumer that a webhook is; "" is the user's sender."""
    return f"{WEBHOOKS}/{hook}" if hook else WEBHOOKS


def hook_of(name: str) -> str:
    """Return the id of the webhook that is the durable consumer of that name."""
    return name.removeprefix(WEBHOOKS).removeprefix("/")


class Hook(NamedTuple):
    """Somebody who is to hear of a task."""

    id: str
    """"" for the sender that the user passed."""
    since: int = 0
    """It hears of records after this one."""
    config: bytes = b""
    """TaskPushNotificationConfig; empty for the user's sender."""
    owner: tuple[str, str] = ("", "")
    """Of its task, with the tenant: places for attempts are shared out among owners."""

    def __repr__(self) -> str:
        """Say nothing of the configuration, which has credentials in it."""
        return f"Hook(id={self.id!r}, since={self.since})"


class TaskPage(NamedTuple):
    """One page of a listing."""

    tasks: tuple[bytes, ...]
    total: int
    next: tuple[int, str] | None


# -- to the RunnerActor


@value
class Launch(Message):
    """Start a run for a TaskActor, which is told RunOver."""

    lane: ClassVar[Lane] = Lane.SYSTEM
    start: StartRun


@value
class CallOff(Message):
    """Ask the agent to cancel; the TaskActor is told CancelOver."""

    lane: ClassVar[Lane] = Lane.SYSTEM
    cancel: CancelRun


@value
class Abandon(Message):
    """Fence a run and forget it; whatever it reports later is a dead letter."""

    lane: ClassVar[Lane] = Lane.SYSTEM
    run: RunId


@value
class RunReported(Internal):
    """The port says that `execute` (or, while cancelling, `cancel`) is over."""

    run: RunId
    failure: Failure | None
    cancel: bool
    events: tuple[AgentEvent, ...] = ()
    """What `execute` has emitted last, as in `RunOver`."""


# -- to the OutboxActor


@value
class Deliver(Internal):
    """Notify the webhooks of a task of these public records, in order."""

    task: str
    records: tuple[Record, ...]
    hooks: tuple[Hook, ...]
    """All that the task has, once these are stored."""
    first: bool = False
    """Of an actor that was revived: what an earlier life of it had stored, and did not live to hand
    over, comes before."""


@value
class LookAfter(Internal):
    """See whether an earlier life of a task's actor has left something to notify webhooks of."""

    task: str
    hooks: tuple[Hook, ...]


@value
class Hooked(Internal):
    """A webhook is stored, perhaps in place of one with that id."""

    task: str
    hook: Hook


@value
class Unhooked(Internal):
    """A webhook is deleted, by record `seq` at the latest: no attempt begins any more.

    Answered with None.
    """

    task: str
    hook: str
    seq: int


@value
class LookAgain(Internal):
    """Timer: ask the journal once more, for the records of a task, or which are left ("")."""

    task: str
    hook: str = ""


@value
class TryAgain(Internal):
    """Timer: notify a webhook once more."""

    task: str
    hook: str


@value
class HowDelivered(Internal):
    """Answered with `Deliveries`."""


class Failing(NamedTuple):
    """A webhook that does not take what it is sent."""

    task: str
    hook: str
    receiver: str
    """Scheme, host and port."""
    seq: int
    """The record that it is to take next."""
    attempts: int
    since: int
    """UTC milliseconds of the first attempt that failed."""
    why: str
    given_up: bool
    """Every further record gets one attempt only, until one succeeds."""


class Undelivered(NamedTuple):
    """A record that a webhook has not got, and will not get any more."""

    task: str
    hook: str
    receiver: str
    seq: int
    at: int
    """UTC milliseconds."""
    why: str


class Deliveries(NamedTuple):
    """How the webhooks of a system are doing."""

    delivered: int
    """Records that a webhook has taken, since the start."""
    retried: int
    """Attempts that failed and were to be repeated."""
    dead: int
    """Records that were given up; the latest are `letters`."""
    waiting: int
    """Webhooks that something waits for."""
    under_way: int
    """Attempts."""
    failing: tuple[Failing, ...]
    """At most a hundred."""
    letters: tuple[Undelivered, ...]
    """At most a hundred, the latest last."""


class Verdict(Enum):
    """What became of one attempt to notify a webhook."""

    DONE = "done"
    """The receiver has it; or the user's sender has returned, well or not."""
    RETRY = "retry"
    """It may work later: no connection, a timeout, 408, 425, 429 or 5xx."""
    REFUSED = "refused"
    """It would not work later either: another answer, or an address that is not allowed."""


@value
class Delivered(Message):
    """The port says that one attempt is over."""

    lane: ClassVar[Lane] = Lane.SYSTEM
    task: str
    hook: str = ""
    verdict: Verdict = Verdict.DONE
    why: str = ""
    """What went wrong, in words for the operator: never credentials, nor a whole URL."""
    wait: float = 0.0
    """Seconds that the receiver wants to be left alone for (Retry-After); 0: it did not say."""


# -- to a FanOutActor


@value
class Publish(Internal):
    """Records just committed, in order; `end` is set once nothing can follow."""

    records: tuple[Record, ...]
    end: End | None = None


@value
class Close(Internal):
    """No reader is left, or the task is void: whoever still waits gets `error`, and resumes."""

    error: Exception


@value
class Left(Internal):
    """A reader has gone, with or without a pull that waits."""

    reader: int


@value
class Pull(Internal):
    """A reader wants at most `limit` records after `after`; answered with `Page`s.

    With one, or with as many as come until `limit` is reached; see `Page.stands`.
    """

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
    kept: Kept | None = None
    """Where readers of the same records keep what they make of them."""
    stands: bool = False
    """The pull that this answers stands: a further page comes, unasked."""
