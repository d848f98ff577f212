"""PersistentActor: what one writes to have an actor that a crash does not take along.

    command -> decide -> events -> stored -> evolve -> state -> recovered, active, row

Everything here is pure. `decide` may say no; an event is a fact, and `evolve` takes each. What is
decided is shown to nobody before its events are stored (law L3): replies and effects wait for that,
while the next commands are decided already. What `evolve` makes of the events is the whole truth:
after a crash, whatever is still to be done must follow from the state (`active`, `recovered`).

Neighbours: `events.py` (codecs), `entity.py` (runs these), `persistent.py` (the system around).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Never, TypeAlias, TypeVar

from actors.runtime.effects import CancelTimer, Log, Perform, StartTimer, Tell
from actors.runtime.events import EventCodec, StateCodec
from actors.runtime.journal.projection import Projection, Row
from actors.runtime.message import Caller, Message

S = TypeVar("S")
E = TypeVar("E")
E_co = TypeVar("E_co", covariant=True)

Then: TypeAlias = Tell[Any] | StartTimer | CancelTimer | Perform | Log
"""What a decision may have done once its events are stored, after its answer and in order."""


class Command(Message):
    """Base of what persistent actors are told: wakes them when they are not in memory."""

    __slots__ = ()

    revives: ClassVar[bool] = True


@dataclass(frozen=True)
class Decision(Generic[E_co]):
    """What one command comes to; made by `persist`, `answer` or `refuse`."""

    events: tuple[E_co, ...] = ()
    """All of them are stored, or none."""
    reply: object = None
    """Answers the command, if it was asked, once the events are stored."""
    error: Exception | None = None
    """Answers it instead."""
    then: tuple[Then, ...] = ()


def persist(*events: E, reply: object = None, then: tuple[Then, ...] = ()) -> Decision[E]:
    """Store events; then answer `reply` and perform `then`."""
    return Decision(events, reply, None, then)


def answer(reply: object = None, then: tuple[Then, ...] = ()) -> Decision[Never]:
    """Store nothing; answer once all that the state tells of is stored, and perform `then`."""
    return Decision((), reply, None, then)


def refuse(error: Exception) -> Decision[Never]:
    """Store nothing; who asked gets `error`, once all that the state tells of is stored."""
    return Decision((), None, error)


class PersistentActor(ABC, Generic[S, E]):
    """The behaviour of all actors of one kind: states `S`, changed by events `E`.

    One instance serves every id: what belongs to one of them is in its state. States and events
    are values that nobody changes.

    A raise in `decide` or `evolve` is reported (`ActorSystem.on_crash`), and answered to who asked
    with `ActorCrashed`; nothing of that command is stored, and the state stays as it was. So is a
    decision with what cannot be: an event that is not read back, a row that does not fit, an effect
    that nobody can perform. An effect that fails when it is performed is reported, and takes
    nothing along: what is stored is answered so. An actor that is active is then read back from its
    log, so `recovered` can do it again; one that fails again and again, after longer and longer.
    """

    codec: EventCodec[E]
    """How events are stored."""
    snapshots: StateCodec[S] | None = None
    """How states are, so that long logs are read fast. None: logs are read from the beginning."""
    projection: Projection | None = None
    """What `row` returns, if the actors are to be listed."""
    keys_kept: ClassVar[int] = 1024
    """Latest idempotency keys that one actor remembers."""

    @abstractmethod
    def initial(self) -> S:
        """Return the state before the first event."""

    @abstractmethod
    def decide(self, state: S, command: Any, now: int) -> Decision[E]:
        """Say what a command comes to.

        A command that was asked is always answered: with None if the decision says nothing else.

        Args:
            state: what all events so far have made, also those that are still being stored.
            command: whatever the actor was told; timers tell it commands too.
            now: UTC milliseconds.
        """

    @abstractmethod
    def evolve(self, state: S, event: E) -> S:
        """Return the state after an event; never refuses one."""

    def active(self, state: S) -> bool:
        """Tell whether something goes on by itself, as a timeout does.

        An active actor stays in memory, and is revived after a crash without being asked. Any
        other is forgotten at once, with its timers, and read back when it is told something.
        """
        return False

    def recovered(self, state: S, now: int) -> tuple[Then, ...]:
        """Return what is to be done for an active state that was read back from its log.

        A crash took its timers along, and perhaps effects that were due: start those again. It may
        be called again in the same process, after an effect has failed.
        """
        return ()

    def admit(self, state: S, command: Message, caller: Caller, name: str) -> Message | Exception:
        """Return the command as `decide` is to see it, or why this caller may not give it.

        Args:
            state: as for `decide`.
            command: what came.
            caller: on whose behalf; `NOBODY` for timers, and where nobody was named.
            name: the id of the actor.
        """
        return command

    def key(self, command: Any) -> str:
        """Return the idempotency key of a command; empty if it has none.

        A command whose key a caller has used before, for one that has stored events, is not decided
        again but answered by `repeated`.
        """
        return ""

    def repeated(self, state: S, command: Any) -> object:
        """Return the answer to a command that was carried out before."""
        return None

    def row(self, state: S) -> Row | None:
        """Return the row of the actor in listings; of the type that `projection` names."""
        return None
