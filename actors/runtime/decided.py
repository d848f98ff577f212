"""What an EntityActor knows, and how decisions become records, answers and effects.

Whatever a user's code returns is checked here, before anything comes of it.

Neighbours: `entity.py` (the actor), `commands.py` (what users write).
"""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Generic, NamedTuple, NoReturn, TypeVar

from actors.runtime.commands import Decision, PersistentActor
from actors.runtime.effects import (
    CancelTimer,
    Each,
    Effect,
    Log,
    Perform,
    Reject,
    Reply,
    StartTimer,
    Tell,
)
from actors.runtime.errors import BadStep, Mistake
from actors.runtime.events import StateCodec, UnreadableEvent
from actors.runtime.journal.port import Stored
from actors.runtime.journal.record import CLAIM, NO_FACTS, Fact, Record
from actors.runtime.keys import FACT, NO_KEYS, Keys, remembered, unpacked
from actors.runtime.message import ActorRef, Caller, Envelope, Internal, Lane, Message, ReplyTo

S = TypeVar("S")

THEN: Final = (Tell, StartTimer, CancelTimer, Perform, Log)
"""The members of `commands.Then`."""


@dataclass(frozen=True, slots=True)
class Settle(Internal):
    """Answered (True) once everything that was told before is decided and stored."""


@dataclass(frozen=True, slots=True)
class Unperformed(Message):
    """Told to an actor of whose effects one has failed."""

    lane: ClassVar[Lane] = Lane.SYSTEM


class CommandCrashed(Mistake):
    """`decide` or `evolve` raised; the state is as it was before the command.

    Args:
        what: whose, and what it raised.
        at_rest: nothing else goes on with the actor.
    """

    def __init__(self, what: str, *, at_rest: bool) -> None:
        super().__init__(what)
        self.at_rest = at_rest


class Pending(NamedTuple):
    """A decision, and what is let go once all records up to `seq` are stored."""

    seq: int
    message: Message
    to: ReplyTo[Any] | None
    effects: tuple[Effect, ...]


class Entity(NamedTuple, Generic[S]):
    """Everything that an EntityActor knows."""

    state: S
    """Decided."""
    epoch: int = 1
    seq: int = 0
    """Decided head of the log."""
    keys: Keys = NO_KEYS
    """Decided."""
    pending: tuple[Pending, ...] = ()
    waiting: bool = False
    """Commands are put aside until the window has room again."""
    broken: bool = False
    """An effect has failed: an active actor is read back once nothing is pending."""
    snapshot: int = 0
    """Record up to which the journal has a snapshot, or could not be given one."""
    signature: str = ""
    """Who writes, to go into the first record of this life (`journal/doubt.py`); empty once it is
    in one."""


def folded(behaviour: PersistentActor[S, Any], stored: Stored) -> Entity[S]:
    """Return what a log amounts to.

    Raises:
        UnreadableEvent: a snapshot or a record is none of this behaviour's.
    """
    snapshot, state, keys = stored.snapshot, behaviour.initial(), NO_KEYS
    if snapshot is not None:
        if behaviour.snapshots is None:
            raise UnreadableEvent(
                f"there is a snapshot, and {type(behaviour).__qualname__} has no `snapshots` to "
                "read it with"
            )
        keys, payload = unpacked(snapshot.payload)
        state = behaviour.snapshots.unpack(payload)
    for record in stored.tail:
        keys = remembered(keys, record.facts.get(FACT), behaviour.keys_kept)
        if record.kind != CLAIM:
            state = behaviour.evolve(state, behaviour.codec.decode(record))
    seq, epoch = stored.head.seq, stored.head.epoch
    return Entity(state, epoch, seq, keys, snapshot=snapshot.seq if snapshot else 0)


def records(
    behaviour: PersistentActor[S, Any],
    state: Entity[S],
    events: Sequence[Any],
    key: str,
    now: int,
) -> tuple[Record, ...]:
    """Return the records of events that follow on a state.

    Args:
        behaviour: whose.
        state: before them.
        events: at least one.
        key: the idempotency key of the command, if it has one.
        now: UTC milliseconds.

    Raises:
        BadStep: the codec returned what it may not.
    """
    made: list[Record] = []
    for seq, event in enumerate(events, state.seq + 1):
        kind, payload, given = behaviour.codec.encode(event)
        if kind <= CLAIM or any(name == "by" or "." in name for name in given):
            _odd_record(kind, given)
        facts = dict(given)
        if key and not made:
            facts[FACT] = key
        made.append(Record(seq, state.epoch, now, kind, payload, facts or NO_FACTS))
    return tuple(made)


def evolved(behaviour: PersistentActor[S, Any], state: S, made: Sequence[Record]) -> S:
    """Return the state after records, made of what can be read of them: as after a crash.

    Raises:
        UnreadableEvent: the codec has stored what it does not read back.
    """
    for record in made:
        state = behaviour.evolve(state, behaviour.codec.decode(record))
    return state


def _odd_record(kind: int, given: Mapping[str, Fact]) -> NoReturn:
    raise BadStep(
        f"the codec returned kind {kind} and facts {sorted(given)}; expected a kind of at least 1, "
        "and names of facts other than `by` and without dots"
    )


def readable(codec: StateCodec[S], state: S) -> bytes:
    """Return the bytes of a state, which are read back as such.

    Raises:
        UnreadableEvent: they are not.
    """
    payload = codec.pack(state)
    if codec.pack(codec.unpack(payload)) != payload:
        raise UnreadableEvent(f"a {type(state).__qualname__} is read back as another")
    return payload


def check(behaviour: PersistentActor[Any, Any], decision: object, ports: Container[str]) -> None:
    """Refuse what is no decision.

    Args:
        behaviour: whose.
        decision: what `decide` returned.
        ports: as for `check_then`.

    Raises:
        BadStep: it is none, or asks for other effects than it may.
    """
    if type(decision) is not Decision:
        raise BadStep(
            f"{type(behaviour).__qualname__}.decide returned {type(decision).__qualname__}; "
            "expected a Decision: persist(...), answer(...) or refuse(...)"
        )
    if not (decision.error is None or isinstance(decision.error, Exception)):
        raise BadStep(f"the error of a decision is {decision.error!r}; expected an exception")
    check_then(behaviour, decision.then, ports)


def check_timers(behaviour: PersistentActor[S, Any], after: S, decision: Decision[Any]) -> None:
    """Refuse timers that would be forgotten with the actor at once.

    Raises:
        BadStep: timers are started, and the state after the events is not active.
    """
    timers = [each.name for each in decision.then if isinstance(each, StartTimer)]
    if timers and not behaviour.active(after):
        raise BadStep(
            f"timers {timers} are started in a state that is not active: they would be forgotten "
            "with the actor; let `active` be true while a timer is to run"
        )


def check_then(
    behaviour: PersistentActor[Any, Any], then: Sequence[Effect], ports: Container[str]
) -> None:
    """Refuse effects that cannot be performed, before anything is stored.

    Args:
        behaviour: who wants them.
        then: what is wanted.
        ports: the names of those that there are.

    Raises:
        BadStep: there are such.
    """
    name = type(behaviour).__qualname__
    if type(then) is not tuple:
        raise BadStep(f"{name} wants effects as {type(then).__qualname__}; expected a tuple")
    odd = sorted({type(each).__qualname__ for each in then if not isinstance(each, THEN)})
    if odd:
        raise BadStep(
            f"{name} wants {', '.join(odd)}; expected only "
            f"{', '.join(kind.__qualname__ for kind in THEN)}"
        )
    for each in then:
        wrong = _wrong(each, ports)
        if wrong:
            raise BadStep(f"{name} wants a {type(each).__qualname__} {wrong}")


def _wrong(effect: Any, ports: Container[str]) -> str:
    """Say what is wrong with an effect; empty if nothing is."""
    match effect:
        case Tell(to=ActorRef(), message=Message(), caller=Caller()):
            return ""
        case Tell():
            return "that is not of an ActorRef, a Message and a Caller"
        case StartTimer(name=str(), message=Message(), delay=int() | float() as delay):
            fine = math.isfinite(delay) and delay >= 0
            return "" if fine else f"after {delay} seconds; expected them finite, not negative"
        case StartTimer():
            return "that is not of a str, seconds and a Message"
        case Perform(port) if not (_is(str, port) and port in ports):
            return f"of port {port!r}, which there is not: give it to `persistent.open`"
        case CancelTimer(name) if not _is(str, name):
            return "whose name is no str"
        case Log(level, text) if not (_is(int, level) and _is(str, text)):
            return "that is not of a level (an int) and a text"
    return ""


def _is(kind: type, found: object) -> bool:
    """Whatever was declared: who has written it may not have had it checked."""
    return isinstance(found, kind)


def effects_of(envelope: Envelope, decision: Decision[Any]) -> tuple[Effect, ...]:
    """Return what is performed once a decision is stored: the answer first."""
    to = envelope.reply_to
    if to is None:
        return decision.then
    if decision.error is not None:
        return (Reject(to, decision.error), *decision.then)
    return (Reply(to, decision.reply), *decision.then)


def let_go(effects: Sequence[Effect]) -> tuple[Effect, ...]:
    """Return effects of what is stored so that none which fails keeps another from happening.

    Answers come first: they speak of what is stored, and of nothing that is still to happen.
    """
    answers = [each for each in effects if isinstance(each, Reply | Reject)]
    then = tuple(each for each in effects if not isinstance(each, Reply | Reject))
    return (*answers, Each(then, Unperformed())) if then else tuple(answers)
