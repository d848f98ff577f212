"""An actor: an initial state and a pure step (law L2).

Neighbours: `message.py` (envelopes in, effects out), `supervision.py` (what a crash means),
`system.py` (runs the steps and performs the effects).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Generic, NamedTuple, TypeVar

from actors.runtime.message import Effect, Envelope
from actors.runtime.supervision import Directive

S = TypeVar("S")


class Step(NamedTuple, Generic[S]):
    """The outcome of one message: the next state, and what the shell is to do, in order."""

    state: S
    effects: tuple[Effect, ...] = ()


class Actor(ABC, Generic[S]):
    """A behaviour without a life of its own: no asyncio, clock, random, uuid or I/O inside.

    One instance may serve many addresses; what belongs to one of them is in its state.
    """

    supervision: ClassVar[Directive] = Directive.STOP

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
        """What to do when the system stops this actor from outside or after a crash.

        Every ask that the state still holds must be answered here (law L4).
        """
        return ()
