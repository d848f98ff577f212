"""Credit between two actors: the consumer asks for so many items, the producer sends no more.

Reactive streams' demand, as values that the two actors keep in their states. In flight there are
at most `window` items, in the order they were offered; what is offered without credit waits with
the producer, up to a bound that it declares.

Neighbours: `effects.py` (what these return), `actor.py` (whose steps use them).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from actors.runtime.effects import DeadLetter, Effect, Tell
from actors.runtime.message import ActorRef, Lane, Message


@dataclass(frozen=True, slots=True)
class Demand(Message):
    """Consumer to producer: `items` more are welcome."""

    lane: ClassVar[Lane] = Lane.SYSTEM
    items: int

    def __post_init__(self) -> None:
        if self.items < 1:
            raise ValueError(f"a demand is for at least 1 item, found {self.items}")


@dataclass(frozen=True, slots=True)
class Outlet:
    """The producer's side.

    Args:
        to: the consumer.
        bound: items that may wait for credit; the next one is a dead letter ("outlet overflow"),
            so ask `full` first where that would be a loss.
        credit: items that may be sent at once.
        waiting: what was offered without credit, in order.
    """

    to: ActorRef[Any]
    bound: int
    credit: int = 0
    waiting: tuple[Message, ...] = ()

    @property
    def full(self) -> bool:
        """The next item that is offered would be lost."""
        return not self.credit and len(self.waiting) >= self.bound

    def offer(self, item: Message) -> tuple[Outlet, tuple[Effect, ...]]:
        """Send an item, or keep it until there is credit."""
        if self.credit:
            return replace(self, credit=self.credit - 1), (Tell(self.to, item),)
        if self.full:
            return self, (DeadLetter(item, "outlet overflow"),)
        return replace(self, waiting=(*self.waiting, item)), ()

    def demanded(self, items: int) -> tuple[Outlet, tuple[Effect, ...]]:
        """Take in a `Demand`: send what waits, keep the rest of the credit."""
        credit = self.credit + items
        sent, waiting = self.waiting[:credit], self.waiting[credit:]
        outlet = replace(self, credit=credit - len(sent), waiting=waiting)
        return outlet, tuple(Tell(self.to, item) for item in sent)


@dataclass(frozen=True, slots=True)
class Inlet:
    """The consumer's side.

    Args:
        producer: who is asked.
        window: items that may be on their way at most.
        low: once so few are, more are asked for; 0 <= low < window.
        open: items asked for that have not come yet.

    Raises:
        ValueError: the numbers do not fit together.
    """

    producer: ActorRef[Any]
    window: int
    low: int
    open: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.window:
            raise ValueError(f"expected 0 <= low < window, found {self.low} and {self.window}")
        if not 0 <= self.open <= self.window:
            raise ValueError(f"{self.open} items are open in a window of {self.window}")

    def begin(self) -> tuple[Inlet, tuple[Effect, ...]]:
        """Ask for the first items; as `taken` does, for when nothing has come yet."""
        if self.open > self.low:
            return self, ()
        asked = Demand(self.window - self.open)
        return replace(self, open=self.window), (Tell(self.producer, asked),)

    def taken(self) -> tuple[Inlet, tuple[Effect, ...]]:
        """One item has come and is done with: ask for more if few are left.

        Raises:
            ValueError: more items than were asked for.
        """
        return replace(self, open=self.open - 1).begin()
