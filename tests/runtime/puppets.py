"""Actors that do what their messages say, on a clock in the hands of the test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple

from actors.runtime import (
    STOP,
    Actor,
    ActorRef,
    ActorSystem,
    Effect,
    Envelope,
    Lane,
    Message,
    Overflow,
    Reject,
    Reply,
    ReplyTo,
    Spawn,
    Stash,
    Step,
    Supervision,
    Terminated,
    Unstash,
)
from tests.manual import Answer, ManualClock, no_futures

Ref = ActorRef[Any]
A: Ref = ActorRef("puppet", "a")
B: Ref = ActorRef("puppet", "b")


def nothing(_: Envelope) -> tuple[Effect, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Note(Message):
    """Noted, and nothing else."""

    text: object = ""


@dataclass(frozen=True, slots=True)
class Alarm(Message):
    """Noted; goes first."""

    lane: ClassVar[Lane] = Lane.SYSTEM
    text: object = ""


@dataclass(frozen=True, slots=True)
class Wake(Message):
    """Noted; revives."""

    revives: ClassVar[bool] = True
    text: object = ""


@dataclass(frozen=True, slots=True)
class Do(Message):
    """Performs what the callable returns."""

    overflow: ClassVar[Overflow] = Overflow.ADMIT
    effects: Callable[[Envelope], tuple[Effect, ...]] = nothing


@dataclass(frozen=True, slots=True)
class Hold(Message):
    """Keeps the ask open."""


@dataclass(frozen=True, slots=True)
class Release(Message):
    """Answers every ask that is held."""


@dataclass(frozen=True, slots=True)
class Leave(Message):
    """Answers every ask that is held, and goes in this way."""

    effect: Effect


@dataclass(frozen=True, slots=True)
class Fail(Message):
    """Raises."""

    kind: type[Exception] = ValueError


@dataclass(frozen=True, slots=True)
class Show(Message):
    """Answered with what has been noted since the start."""

    overflow: ClassVar[Overflow] = Overflow.ADMIT


class Seen(NamedTuple):
    """The state of a puppet."""

    notes: tuple[object, ...] = ()
    held: tuple[ReplyTo[Any], ...] = ()


class Puppet(Actor[Seen]):
    """Notes what it hears.

    Args:
        supervision: what its crashes mean.
        begin: effects of its start; may raise.
        log: names of what was stopped, in order.
        name: what it is called there.
    """

    def __init__(
        self,
        supervision: Supervision = STOP,
        begin: Callable[[], tuple[Effect, ...]] = tuple,
        log: list[str] | None = None,
        name: str = "",
    ) -> None:
        self.means = supervision
        self.begin = begin
        self.log = log
        self.name = name

    def supervise(self, error: Exception) -> Supervision:
        return self.means

    def start(self) -> Step[Seen]:
        return Step(Seen(), self.begin())

    def step(self, state: Seen, envelope: Envelope, now: int) -> Step[Seen]:
        match envelope.message:
            case Note(text) | Alarm(text) | Wake(text):
                return Step(state._replace(notes=(*state.notes, text)))
            case Terminated() as gone:
                return Step(state._replace(notes=(*state.notes, gone)))
            case Do(effects):
                return Step(state, effects(envelope))
            case Hold() if envelope.reply_to is not None:
                return Step(state._replace(held=(*state.held, envelope.reply_to)))
            case Release():
                return Step(state._replace(held=()), self.release(state))
            case Leave(effect):
                return Step(state._replace(held=()), (*self.release(state), effect))
            case Show() if envelope.reply_to is not None:
                return Step(state, (Reply(envelope.reply_to, state.notes),))
            case Fail(kind):
                raise kind("boom")
            case other:
                raise AssertionError(f"no puppet understands {type(other).__name__}")

    @staticmethod
    def release(state: Seen) -> tuple[Effect, ...]:
        return tuple(Reply(to, "released") for to in state.held)

    def stopped(self, state: Seen, error: Exception) -> tuple[Effect, ...]:
        if self.log is not None:
            self.log.append(self.name)
        return tuple(Reject(to, error) for to in state.held)


class Busy(Puppet):
    """Stashes notes until an `Alarm` comes."""

    stash_bound = 3

    def step(self, state: Seen, envelope: Envelope, now: int) -> Step[Seen]:
        busy = "go" not in state.notes
        if busy and isinstance(envelope.message, Note | Hold):
            return Step(state, (Stash(),))
        step = super().step(state, envelope, now)
        if busy and "go" in step.state.notes:
            return Step(step.state, (*step.effects, Unstash()))
        return step


class World:
    """An actor system on a manual clock."""

    def __init__(self, **options: Any) -> None:
        self.clock = ManualClock()
        self.system = ActorSystem(self.clock, no_futures, **options)

    def spawn(self, ref: Ref, actor: Actor[Any] | None = None) -> None:
        self.system.spawn(ref, actor or Puppet())
        self.clock.run()

    def tell(self, ref: Ref, *messages: Message) -> None:
        for message in messages:
            self.system.tell(ref, message)
        self.clock.run()

    def do(self, ref: Ref, *effects: Effect) -> None:
        self.tell(ref, Do(lambda _: effects))

    def ask(self, ref: Ref, message: Message, *, run: bool = True, **more: Any) -> Answer:
        answer = Answer()
        self.system.tell(ref, message, answer, **more)
        if run:
            self.clock.run()
        return answer

    def notes(self, ref: Ref) -> tuple[object, ...]:
        shown: tuple[object, ...] = self.ask(ref, Show()).value
        return shown

    def family(self, *names: str, log: list[str] | None = None) -> list[Ref]:
        """Puppets, each the child of the one before."""
        refs: list[Ref] = [ActorRef("puppet", name) for name in names]
        self.spawn(refs[0], Puppet(log=log, name=names[0]))
        for parent, child in pairwise(refs):
            self.do(parent, spawn(child, Puppet(log=log, name=child.id)))
        return refs


def spawn(ref: Ref, actor: Actor[Any] | None = None) -> Spawn:
    return Spawn(ref, lambda: actor or Puppet())
