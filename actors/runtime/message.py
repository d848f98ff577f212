"""What actors say to one another, and what a step asks the shell to do.

Neighbours: `actor.py` (a step takes an `Envelope` and returns effects), `mailbox.py` (queues
envelopes), `system.py` (performs effects). Everything here is a value; nothing here acts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar

M = TypeVar("M")
T_contra = TypeVar("T_contra", contravariant=True)


class Lane(Enum):
    """Which queue of a mailbox a message waits in."""

    SYSTEM = "system"
    """Acknowledgements, credits, timers, stop: bounded by construction, never refused, first."""
    NORMAL = "normal"
    """Everything else, in order of arrival."""


class Message:
    """Base of everything an actor can be told. Subclasses are frozen dataclasses."""

    __slots__ = ()

    lane: ClassVar[Lane] = Lane.NORMAL
    refusable: ClassVar[bool] = False
    """Comes from outside, so a full mailbox may refuse it (the sender gets `MailboxFull`)."""
    revives: ClassVar[bool] = False
    """Wakes a passivated actor; any other message to one is a dead letter."""


class ActorRef(NamedTuple, Generic[M]):
    """The address of an actor: opaque, stable across passivation, free to copy and to store."""

    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"


class Caller(NamedTuple):
    """Who asks (law L6: travels in the envelope, never on the actor)."""

    owner: str = ""
    tenant: str = ""
    key: int = 0
    """The entry shell's handle of the request; 0 where no request stands behind a message."""


NOBODY = Caller()


class ReplyTo(Protocol[T_contra]):
    """Where the one answer to an ask goes. A second answer is ignored and counted."""

    def resolve(self, value: T_contra) -> None:
        """Answer with a result."""

    def reject(self, error: Exception) -> None:
        """Answer with an error, raised where the ask is awaited."""


class Envelope(NamedTuple):
    """One delivery: the message and what the transport knows about it."""

    message: Message
    reply_to: ReplyTo[Any] | None = None
    caller: Caller = NOBODY


class Effect:
    """Base of what a step may ask for. The shell performs effects in order."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Tell(Effect):
    """Deliver a message; `reply_to` hands the duty to answer on to the receiver."""

    to: ActorRef[Any]
    message: Message
    reply_to: ReplyTo[Any] | None = None
    caller: Caller = NOBODY


@dataclass(frozen=True, slots=True)
class Reply(Effect):
    """Answer an ask with a result."""

    to: ReplyTo[Any]
    value: object


@dataclass(frozen=True, slots=True)
class Reject(Effect):
    """Answer an ask with an error."""

    to: ReplyTo[Any]
    error: Exception


@dataclass(frozen=True, slots=True)
class Spawn(Effect):
    """Start another actor; a spawn of a live address is a defect and crashes the spawner."""

    ref: ActorRef[Any]
    build: Callable[[], Any]
    """Makes the `Actor`; a factory so that the effect itself stays a value without behaviour."""


@dataclass(frozen=True, slots=True)
class Stop(Effect):
    """Leave the address book.

    Messages still waiting are delivered anew if they revive the actor, and answered with
    `ActorStopped` otherwise.
    """


@dataclass(frozen=True, slots=True)
class StartTimer(Effect):
    """Tell oneself `message` after `delay` seconds; a timer of the same name is replaced."""

    name: str
    delay: float
    message: Message


@dataclass(frozen=True, slots=True)
class CancelTimer(Effect):
    """Forget a timer; unknown names are fine."""

    name: str


@dataclass(frozen=True, slots=True)
class Perform(Effect):
    """Hand a request to the port registered under `port`; it answers by telling messages."""

    port: str
    request: object


@dataclass(frozen=True, slots=True)
class DeadLetter(Effect):
    """A message that can have no effect any more; counted and observable, never silent."""

    message: object
    reason: str


@dataclass(frozen=True, slots=True)
class Log(Effect):
    """One log line (a `logging` level and a text)."""

    level: int
    text: str
