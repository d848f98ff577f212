"""What an EntityActor knows, and how decisions become records, answers and effects.

Whatever a user's code returns is checked here, before anything comes of it.

Neighbours: `entity.py` (the actor), `commands.py` (what users write).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, NamedTuple, NoReturn, TypeVar

from actors.runtime.commands import Decision, PersistentActor
from actors.runtime.effects import (
    CancelTimer,
    Effect,
    Log,
    Perform,
    Reject,
    Reply,
    StartTimer,
    Tell,
)
from actors.runtime.errors import BadStep, Mistake
from actors.runtime.events import UnreadableEvent
from actors.runtime.journal.port import Stored
from actors.runtime.journal.record import CLAIM, NO_FACTS, Fact, Record
from actors.runtime.keys import FACT, NO_KEYS, Keys, remembered, unpacked
from actors.runtime.message import Envelope, Internal, Message, ReplyTo

S = TypeVar("S")

THEN: Final = (Tell, StartTimer, CancelTimer, Perform, Log)
"""The members of `commands.Then`."""


@dataclass(frozen=True, slots=True)
class Settle(Internal):
    """Answered (True) once everything that was told before is decided and stored."""


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
    snapshot: int = 0
    """Record up to which the journal has a snapshot."""
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


def _odd_record(kind: int, given: Mapping[str, Fact]) -> NoReturn:
    raise BadStep(
        f"the codec returned kind {kind} and facts {sorted(given)}; expected a kind of at least 1, "
        "and names of facts other than `by` and without dots"
    )


def check(behaviour: PersistentActor[Any, Any], decision: object) -> None:
    """Refuse what is no decision.

    Raises:
        BadStep: it is none, or asks for other effects than it may.
    """
    if type(decision) is not Decision:
        raise BadStep(
            f"{type(behaviour).__qualname__}.decide returned {type(decision).__qualname__}; "
            "expected a Decision: persist(...), answer(...) or refuse(...)"
        )
    check_then(behaviour, decision.then)


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


def check_then(behaviour: PersistentActor[Any, Any], then: Sequence[Effect]) -> None:
    """Refuse effects that an actor which is forgotten and read back cannot have.

    Raises:
        BadStep: there are such.
    """
    odd = sorted({type(each).__qualname__ for each in then if not isinstance(each, THEN)})
    if odd:
        raise BadStep(
            f"{type(behaviour).__qualname__} wants {', '.join(odd)}; expected only "
            f"{', '.join(kind.__qualname__ for kind in THEN)}"
        )


def effects_of(envelope: Envelope, decision: Decision[Any]) -> tuple[Effect, ...]:
    """Return what is performed once a decision is stored: the answer first."""
    to = envelope.reply_to
    if to is None:
        return decision.then
    if decision.error is not None:
        return (Reject(to, decision.error), *decision.then)
    return (Reply(to, decision.reply), *decision.then)
