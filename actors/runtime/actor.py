"""An actor: an initial state and a pure step (law L2).

Neighbours: `message.py` (envelopes in), `effects.py` (effects out), `supervision.py` (what a crash
means), `system.py` (runs the steps).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, NamedTuple, NoReturn, TypeVar

from actors.runtime.effects import Effect
from actors.runtime.errors import BadStep
from actors.runtime.message import Envelope
from actors.runtime.supervision import STOP, Supervision

S = TypeVar("S")


class Step(NamedTuple, Generic[S]):
    """The outcome of one message: the next state, and what the shell is to do, in order."""

    state: S
    effects: tuple[Effect, ...] = ()


class Actor(ABC, Generic[S]):
    """A behaviour without a life of its own: no asyncio, clock, random, uuid or I/O inside.

    One instance may serve many addresses; what belongs to one of them is in its state.
    """

    supervision: ClassVar[Supervision] = STOP
    mailbox_bound: ClassVar[int] = 1024
    """Messages of the normal lane that may wait; see `Overflow` for the next one."""
    stash_bound: ClassVar[int] = 1024
    """Messages that may be put aside; the next one is answered `StashFull`."""
    patient: ClassVar[bool] = False
    """Its turn comes when no other actor is ready, or the dispatcher's turn ends: what the others
    tell it meanwhile it handles together."""
    accepts: ClassVar[tuple[type, ...] | None] = None
    """Types of messages that reach `step`; others are rejected `UnexpectedMessage`. None: all."""

    @abstractmethod
    def start(self) -> Step[S]:
        """The first state, and effects to perform before the first message."""

    @abstractmethod
    def step(self, state: S, envelope: Envelope, now: int) -> Step[S]:
        """Decide what one message does.

        Args:
            state: the state that the step before returned.
            envelope: the message, who asks, and where the answer goes.
            now: UTC time in milliseconds, read once per turn.

        """

    def stopped(self, state: S, error: Exception) -> tuple[Effect, ...]:
        """What to do when the system stops this actor from outside, or its state is lost.

        Every ask that the state still holds must be answered here (law L4). Told to a parent's
        stop, a crash and a restart alike; what only a living actor can have (children, timers,
        a stash) cannot be asked for any more.
        """
        return ()

    def about(self, state: S) -> Mapping[str, object]:
        """What log lines about this actor name, as fields of the `LogRecord`; no payloads."""
        return {}

    def supervise(self, error: Exception) -> Supervision:
        """What a crash means; override it to tell errors apart."""
        return self.supervision


def no_step(actor: Actor[Any], method: str, found: object) -> NoReturn:
    """Say that a method of an actor has returned something else than a `Step`.

    Raises:
        BadStep: always.
    """
    raise BadStep(
        f"{type(actor).__qualname__}.{method} returned {type(found).__qualname__}; "
        "expected Step(state, effects)"
    )
