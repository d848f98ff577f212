"""What actors say to one another.

Neighbours: `effects.py` (what a step asks the shell to do), `actor.py` (a step takes an
`Envelope`), `mailbox.py` (queues envelopes). Everything here is a value; nothing here acts.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar

from actors.runtime.clock import TimerHandle
from actors.runtime.values import value

T_contra = TypeVar("T_contra", contravariant=True)


class Lane(Enum):
    """Which queue of a mailbox a message waits in."""

    SYSTEM = "system"
    """Acknowledgements, credits, timers, stop: bounded by construction, never refused, first."""
    NORMAL = "normal"
    """Everything else, in order of arrival."""


class Overflow(Enum):
    """What becomes of a message of the normal lane when the mailbox is full."""

    REFUSE = "refuse"
    """Its asker is answered `MailboxFull`; told, it is a dead letter ("overflow")."""
    ADMIT = "admit"
    """Queued all the same: how many there can be is bounded by construction."""
    DROP = "drop"
    """A hint that may be lost: a dead letter ("dropped"); an asker is answered `MailboxFull`."""


class Message:
    """Base of everything an actor can be told. Subclasses are frozen dataclasses, or `value`s."""

    __slots__ = ()

    lane: ClassVar[Lane] = Lane.NORMAL
    overflow: ClassVar[Overflow] = Overflow.REFUSE
    revives: ClassVar[bool] = False
    """Wakes a passivated actor; any other message to one is a dead letter."""


class Internal(Message):
    """Told by one part of a whole to another, and always admitted.

    How many of them can wait is bounded by construction.
    """

    __slots__ = ()

    overflow: ClassVar[Overflow] = Overflow.ADMIT


M = TypeVar("M", bound=Message)


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


class Timer:
    """One arming of a named timer; what it says counts only while it is live."""

    __slots__ = ("handle", "live", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.live = True
        """Neither cancelled nor replaced, and of the present life of its actor."""
        self.handle: TimerHandle | None = None

    def cancel(self) -> None:
        """Take its effect from it, also when its message is in the mailbox already."""
        self.live = False
        if self.handle is not None:
            self.handle.cancel()

    def __fingerprint__(self) -> object:
        """Its name, and whether it counts; not the handle, which differs from run to run."""
        return (self.name, self.live)

    def __repr__(self) -> str:
        return f"<Timer {self.name!r}{'' if self.live else ' stale'}>"


class Envelope(NamedTuple):
    """One delivery: the message and what the transport knows about it."""

    message: Message
    reply_to: ReplyTo[Any] | None = None
    caller: Caller = NOBODY
    deadline: float = 0.0
    """Monotonic seconds after which nobody waits for the answer any more; 0.0: none."""
    trace: str = ""
    """W3C traceparent of what caused this; what a step tells others inherits it."""
    timer: Timer | None = None
    """The timer that told this, if one did."""


@value
class Terminated(Message):
    """Told once to whoever watches an actor that has left the address book."""

    lane: ClassVar[Lane] = Lane.SYSTEM
    ref: ActorRef[Any]
    reason: str
    """`stopped`, `crashed`, `passivated`, `parent gone` or `no such actor`."""
