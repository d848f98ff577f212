"""What a step may ask the shell to do: values, performed in order by `perform.py`.

Neighbours: `message.py` (what is told), `actor.py` (a step returns these).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from actors.runtime.message import NOBODY, ActorRef, Caller, Message, ReplyTo
from actors.runtime.values import value

M = TypeVar("M", bound=Message)


class Effect:
    """Base of what a step may ask for. The shell performs effects in order."""

    __slots__ = ()


@value
class Tell(Effect, Generic[M]):
    """Deliver a message; `reply_to` hands the duty to answer, and its deadline, to the receiver."""

    to: ActorRef[M]
    message: M
    reply_to: ReplyTo[Any] | None = None
    caller: Caller = NOBODY


@value
class Reply(Effect):
    """Answer an ask with a result."""

    to: ReplyTo[Any]
    value: object


@value
class Reject(Effect):
    """Answer an ask with an error."""

    to: ReplyTo[Any]
    error: Exception


@value
class Spawn(Effect):
    """Start another actor, a child of this one: it is stopped before its parent stops or restarts.

    A spawn of a live address, or beyond the limits of the system, is a defect and crashes the
    spawner.
    """

    ref: ActorRef[Any]
    build: Callable[[], Any]
    """Makes the `Actor`; a factory so that the effect itself stays a value without behaviour."""


@value
class Stop(Effect):
    """Leave the address book, children first.

    What its state still owes, the actor answers itself in the same step.
    Messages still waiting are delivered anew if they revive the actor; the others are answered
    with `error` (`ActorStopped` if there is none), and so is what the children owe.
    """

    error: Exception | None = None


@value
class Passivate(Effect):
    """Leave the address book for now, once nothing waits in mailbox or stash and no child lives.

    The wish stands until a message is handled; one that lapses in the mailbox ends nothing. An
    armed timer keeps nobody: it ends with the life.
    """


@value
class Stash(Effect):
    """Put the present message aside, in order.

    Beyond `Actor.stash_bound` its asker is answered `StashFull`; told, it is a dead letter
    ("stash overflow").
    """


@value
class Unstash(Effect):
    """Put everything that was put aside back at the head of the normal lane, in order."""


@value
class Watch(Effect):
    """Be told `Terminated` when the actor at `ref` leaves the book; at once if none lives there.

    A restart forgets what its actor watched.
    """

    ref: ActorRef[Any]


@value
class Unwatch(Effect):
    """Watch no longer; a `Terminated` that waits in the mailbox already still comes."""

    ref: ActorRef[Any]


@value
class StartTimer(Effect):
    """Tell oneself `message` after `delay` seconds; a timer of the same name is replaced.

    A timer that was replaced or cancelled never takes effect, and none outlives its actor's life.
    """

    name: str
    delay: float
    message: Message


@value
class CancelTimer(Effect):
    """Forget a timer; unknown names are fine."""

    name: str


@value
class Perform(Effect):
    """Hand a request to the port registered under `port`; it answers by telling messages."""

    port: str
    request: object


@value
class Each(Effect):
    """Perform these in order; one that fails is reported, and keeps no other from happening.

    If any has failed, the actor is told `failed` after them.
    """

    effects: tuple[Effect, ...]
    failed: Message


@value
class DeadLetter(Effect):
    """A message that can have no effect any more; counted and observable, never silent."""

    message: object
    reason: str


@value
class Log(Effect):
    """One log line (a `logging` level and a text); it names what `Actor.about` says, too."""

    level: int
    text: str
    about: tuple[tuple[str, str | int], ...] = ()
    """Further fields of the `LogRecord`."""
