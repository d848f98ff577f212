"""LoggedActor: an actor whose state is what its log says. Asleep, then reading it back, then live.

The phases are kinds of state. What arrives while the log is being read is stashed; an actor at rest
is passivated at once, since its log is enough, and revived by the next message that wants it.

Neighbours: `actor.py` (loads and appends for this), `actors/runtime/persistent.py` (commands and
events), `actors/task/actor.py` (tasks).
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from actors.runtime.actor import Actor, Step
from actors.runtime.effects import (
    DeadLetter,
    Effect,
    Passivate,
    Reject,
    Stash,
    Stop,
    Tell,
    Unstash,
)
from actors.runtime.errors import ActorCrashed
from actors.runtime.journal.errors import StorageRejected, StorageUnavailable
from actors.runtime.journal.messages import (
    JOURNAL,
    AppendFailed,
    KeepSnapshot,
    Loaded,
    LoadLog,
    Orphan,
    Recover,
    Recovered,
)
from actors.runtime.journal.port import Snapshot, Stored
from actors.runtime.message import Caller, Envelope

SNAPSHOT_TAIL = 64
"""A fold is cached when an actor comes to rest this many records after the last cache."""

LONG_LOG = 512
"""One that does not come to rest caches its fold at this many records, and at each doubling."""


class Asleep(NamedTuple):
    """Nothing heard yet."""

    log: str


class Replaying(NamedTuple):
    """Waiting for the log; what arrives meanwhile is stashed, in order."""

    log: str
    asker: Caller | None = None
    """On whose behalf it is read; None: on that of the core, which may see all."""


class Unreadable(NamedTuple):
    """There is no log, or it cannot be read: whoever waited for it is told why."""

    log: str
    error: Exception
    asker: Caller | None = None
    """The one who may not see it, or there is none; None: it is so for everybody."""


_BEFORE = frozenset({Asleep, Replaying, Unreadable})
"""The phases before it is live."""

S = TypeVar("S")
Phase: TypeAlias = Asleep | Replaying | Unreadable | S


class LoggedActor(Actor[Any], Generic[S]):
    """The phases of an actor with a log; `S` is the state of a live one.

    Args:
        log: its name.
        life: a number that no other actor of this log in this process has had.
    """

    def __init__(self, log: str, life: int = 0) -> None:
        self.log = log
        self.life = life

    # -- what a subclass says

    def born(self, envelope: Envelope) -> S | None:
        """The state of an actor whose first message says that there is no log to read."""
        return None

    def asker(self, envelope: Envelope) -> Caller | None:
        """Who must own the log, or it is not read for this message; None: whoever asks.

        Owner and tenant only: what is found holds for each request of theirs.
        """
        return None

    @abstractmethod
    def revived(self, stored: Stored | None, now: int) -> Step[S] | Exception:
        """The state that a log amounts to (None: there is none), or why it cannot be had."""

    @abstractmethod
    def live(self, state: S, envelope: Envelope, now: int) -> Step[S]:
        """Decide one message."""

    @abstractmethod
    def failed(self, state: S, failure: AppendFailed) -> Exception | None:
        """What those who wait are told when appends failed; None if it is of an earlier life."""

    @abstractmethod
    def void(self, state: S, error: Exception) -> tuple[Effect, ...]:
        """Tell everybody that what was decided and not acknowledged never happened (law L4)."""

    @abstractmethod
    def at_rest(self, state: S) -> bool:
        """Nothing would be lost if this actor were forgotten now."""

    @abstractmethod
    def snapshot(self, state: S) -> Snapshot | None:
        """What is worth keeping for faster reads, at rest; None for nothing new."""

    def midway(self, state: S) -> Snapshot | None:
        """What is worth keeping while it is not at rest, so that nobody has to read a long log."""
        return None

    @abstractmethod
    def kept(self, state: S, snapshot: Snapshot) -> S:
        """The state that knows that `snapshot` is kept."""

    def lost(self, state: S) -> Caller | None:
        """Whose work is lost when this actor crashes; None when nothing was going on."""
        return None

    # -- the phases

    def start(self) -> Step[Phase[S]]:
        """Wait for the first message: it says whether there is a log to read.

        If that lapses before it is handled, nothing has woken this actor.
        """
        return Step(Asleep(self.log), (Passivate(),))

    def step(self, state: Phase[S], envelope: Envelope, now: int) -> Step[Phase[S]]:
        """Decide one message in the phase that this actor is in."""
        if type(state) not in _BEFORE:
            return self._live(state, envelope, now)  # type: ignore[arg-type] # the others are out
        if isinstance(state, Replaying):
            return self._replay(state, envelope, now)
        if isinstance(state, Unreadable) and not self._of_another(state, envelope):
            return Step(state, (*_refuse(envelope, state), Passivate()))
        return self._wake(envelope, now)

    def stopped(self, state: Phase[S], error: Exception) -> tuple[Effect, ...]:
        """Answer everyone who waits; see to what was going on."""
        if isinstance(state, Asleep | Replaying | Unreadable):
            return ()
        effects = self.void(state, error)
        caller = self.lost(state) if isinstance(error, ActorCrashed) else None
        return effects if caller is None else (*effects, Tell(JOURNAL, Orphan(self.log, caller)))

    def _wake(self, envelope: Envelope, now: int) -> Step[Phase[S]]:
        live = self.born(envelope)
        if live is not None:
            return self._live(live, envelope, now)
        asker = self.asker(envelope)
        load = Tell(JOURNAL, LoadLog(self.log, owned=asker is not None), caller=envelope.caller)
        return Step(Replaying(self.log, asker), (Stash(), load))

    def _of_another(self, state: Unreadable, envelope: Envelope) -> bool:
        """Whether the log was read for somebody who may not see it, and another one asks now."""
        if state.asker is None or not envelope.message.revives:
            return False
        return self.asker(envelope) != state.asker

    def _replay(self, state: Replaying, envelope: Envelope, now: int) -> Step[Phase[S]]:
        message = envelope.message
        if not isinstance(message, Loaded):
            return Step(state, (Stash(),))
        revived = message.error or self.revived(message.stored, now)
        if isinstance(revived, Exception):
            asker = state.asker if message.error is None else None
            return Step(Unreadable(self.log, revived, asker), (Unstash(), Passivate()))
        return self._rest(revived.state, (*revived.effects, Unstash()))

    def _live(self, state: S, envelope: Envelope, now: int) -> Step[Phase[S]]:
        message = envelope.message
        if isinstance(message, AppendFailed) and (why := self.failed(state, message)) is not None:
            return Step(state, (*self.void(state, why), Stop(why)))
        return self._rest(*self.live(state, envelope, now))

    def _rest(self, state: S, effects: tuple[Effect, ...]) -> Step[Phase[S]]:
        """Passivate at once when nothing would be lost by it."""
        rests = self.at_rest(state)
        snapshot = self.snapshot(state) if rests else self.midway(state)
        if snapshot is not None:
            effects = (*effects, Tell(JOURNAL, KeepSnapshot(self.log, snapshot)))
            # What waits in the mailbox may keep it alive: not this snapshot again then.
            state = self.kept(state, snapshot)
        return Step(state, (*effects, Passivate()) if rests else effects)


def _refuse(envelope: Envelope, state: Unreadable) -> tuple[Effect, ...]:
    message, error = envelope.message, state.error
    if envelope.reply_to is not None:
        return (Reject(envelope.reply_to, error),)
    if not isinstance(message, Recover):
        return (DeadLetter(message, "its log could not be read"),)
    effects: list[Effect] = []
    if isinstance(error, StorageUnavailable | StorageRejected):
        effects.append(Tell(JOURNAL, Orphan(state.log, envelope.caller)))
    if message.report is not None:
        effects.append(Tell(message.report, Recovered(state.log, error)))
    return tuple(effects) or (DeadLetter(message, "its log could not be read"),)
