"""An order with a payment timeout, and a bench to drive such actors on without a loop.

Neighbours: `test_persistent*.py`, `tests/manual.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

from actors.runtime import ActorRef, ActorSystem, Caller, CancelTimer, Perform, StartTimer
from actors.runtime.furnished import furnish
from actors.runtime.journal.port import Stored
from actors.runtime.journal.projection import Projection
from actors.runtime.journal.record import CLAIM
from actors.runtime.message import NOBODY, Message
from actors.runtime.persistent import (
    Command,
    DataclassCodec,
    Decision,
    PersistentActor,
    Then,
    answer,
    persist,
    refuse,
)
from actors.runtime.recovery import RECOVERY, Begin, HowFar, Recovery
from actors.storage import MemoryJournal
from tests.manual import Answer, ManualClock, no_futures
from tests.runtime.fates import Held

ALICE = Caller("alice")
PATIENCE = 10.0
TIMEOUT = 60_000
"""Milliseconds to pay."""


class ClosedError(Exception):
    pass


# -- facts


@dataclass(frozen=True)
class Placed:
    item: str
    owner: str
    due: int


@dataclass(frozen=True)
class Noted:
    text: str


@dataclass(frozen=True)
class Paid:
    pass


@dataclass(frozen=True)
class Expired:
    pass


Event = Placed | Noted | Paid | Expired


# -- commands


@dataclass(frozen=True)
class Place(Command):
    item: str
    owner: str = ""
    key: str = ""


@dataclass(frozen=True)
class Note(Command):
    text: str
    key: str = ""


@dataclass(frozen=True)
class Pay(Command):
    pass


@dataclass(frozen=True)
class Expire(Command):
    pass


@dataclass(frozen=True)
class Look(Command):
    pass


@dataclass(frozen=True)
class Do(Command):
    """Return this, whatever it is, or raise it."""

    what: Any


@dataclass(frozen=True)
class State:
    status: str = ""
    item: str = ""
    owner: str = ""
    due: int = 0
    notes: tuple[str, ...] = ()


class OrderRow(NamedTuple):
    owner: str
    tenant: str
    listed: int
    due: int


class Order(PersistentActor[State, Event]):
    codec = DataclassCodec(Placed, Noted, Paid, Expired)
    projection = Projection("orders", OrderRow, newest="due", listed="listed")

    def initial(self) -> State:
        return State()

    def admit(self, state: State, command: Message, caller: Caller, name: str) -> Any:
        if state.owner and caller != NOBODY and caller.owner != state.owner:
            return PermissionError(name)
        return replace(command, owner=caller.owner) if isinstance(command, Place) else command

    def decide(self, state: State, command: Any, now: int) -> Decision[Event]:
        match command:
            case Place(item, owner) if not state.status:
                timer = StartTimer("payment", TIMEOUT / 1000, Expire())
                return persist(Placed(item, owner, now + TIMEOUT), reply="placed", then=(timer,))
            case Note(text):
                return persist(Noted(text), reply=len(state.notes) + 1)
            case Pay() if state.status == "placed":
                then = (CancelTimer("payment"), Perform("post", state.item))
                return persist(Paid(), reply="paid", then=then)
            case Expire() if state.status == "placed":
                return persist(Expired())
            case Look():
                return answer(state)
            case Do(what) if isinstance(what, Exception):
                raise what
            case Do(what):
                found: Decision[Event] = what
                return found
            case _:
                return refuse(ClosedError(state.status))

    def evolve(self, state: State, event: Event) -> State:
        match event:
            case Placed(item, owner, due):
                return replace(state, status="placed", item=item, owner=owner, due=due)
            case Noted("poison"):
                raise ZeroDivisionError
            case Noted(text):
                return replace(state, notes=(*state.notes, text))
            case Paid():
                return replace(state, status="paid")
            case Expired():
                return replace(state, status="expired")

    def active(self, state: State) -> bool:
        return state.status == "placed"

    def recovered(self, state: State, now: int) -> tuple[Then, ...]:
        return (StartTimer("payment", max(0, state.due - now) / 1000, Expire()),)

    def key(self, command: Any) -> str:
        return getattr(command, "key", "")

    def repeated(self, state: State, command: Any) -> object:
        return "as before"

    def row(self, state: State) -> OrderRow | None:
        return OrderRow(state.owner, "", int(bool(state.status)), state.due)


class Kept(Order):
    """With snapshots."""

    snapshots = DataclassCodec(State)
    keys_kept: ClassVar[int] = 3


# -- the bench


class Post:
    """A port that remembers."""

    def __init__(self) -> None:
        self.sent: list[object] = []

    def perform(self, request: Any, sender: ActorRef[Any]) -> None:
        self.sent.append((sender.id, request))


class Away:
    """A port that cannot."""

    def perform(self, request: Any, sender: ActorRef[Any]) -> None:
        raise OSError(sender.id)


class Bench:
    """A system of orders, to be driven step by step; a crash is another bench on its journal."""

    def __init__(
        self,
        journal: MemoryJournal | None = None,
        clock: ManualClock | None = None,
        behaviour: PersistentActor[Any, Any] | None = None,
        name: str = "one",
    ) -> None:
        self.clock = clock or ManualClock()
        self.journal = journal or MemoryJournal()
        self.behaviour = behaviour or Order()
        behaviours: Mapping[str, PersistentActor[Any, Any]] = {"order": self.behaviour}
        self.journal.open(*filter(None, [each.projection for each in behaviours.values()]))
        self.system = ActorSystem(self.clock, no_futures)
        self.shell = Held(self.journal, self.system)
        self.post = Post()
        self.system.ports.update(journal=self.shell, post=self.post)
        furnish(self.system, self.journal, behaviours, patience=PATIENCE, incarnation=name)
        self.clock.run()

    def recover(self) -> None:
        self.system.tell(RECOVERY, Begin())
        self.clock.run()

    def ask_recovery(self) -> Recovery:
        answer = Answer()
        self.system.tell(RECOVERY, HowFar(), answer)
        self.clock.run()
        told: Recovery = answer.value
        return told

    def ask(self, command: Message, name: str = "1", caller: Caller = NOBODY) -> Answer:
        answer = Answer()
        self.system.tell(order(name), command, answer, caller)
        self.clock.run()
        return answer

    def tell(self, command: Message, name: str = "1") -> None:
        self.system.tell(order(name), command)
        self.clock.run()

    def look(self, name: str = "1") -> State:
        state: State = self.ask(Look(), name).value
        return state

    def alive(self, name: str = "1") -> bool:
        return self.system.alive(order(name))

    def events(self, name: str = "1") -> list[Event]:
        log = read(self.journal, f"order/{name}")
        known = self.behaviour.codec
        return [known.decode(record) for record in log.tail if record.kind != CLAIM]


def order(name: str) -> ActorRef[Message]:
    return ActorRef("order", name)


def read(journal: MemoryJournal, log: str) -> Stored:
    stored = MemoryJournal.read(journal, log)
    assert stored is not None
    return stored


def placed(bench: Bench, name: str = "1") -> Placed:
    assert bench.ask(Place("book"), name, ALICE).value == "placed"
    event = bench.events(name)[0]
    assert isinstance(event, Placed)
    return event


def counted(bench: Bench, reason: str) -> int:
    return bench.system.dead_letters[reason]


def crash(bench: Bench, name: str = "two") -> Bench:
    """A new process on the journal of one that is no more, at the same time of day."""
    clock = ManualClock()
    clock.time = bench.clock.time
    return Bench(bench.journal, clock, bench.behaviour, name)
