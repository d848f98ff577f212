"""EntityActor: runs the decisions of a PersistentActor for one id, upon its log.

It decides ahead: commands are decided on the state after all events so far, while those are still
being stored, at most WINDOW at a time; beyond that they are put aside. Answers and effects are let
go in order as acknowledgements arrive. When an append fails, everything decided and not
acknowledged is void: each asker hears so, the actor stops and is read back from its log.

An active log that is read back was left by a life that is gone, so a new epoch is claimed first:
that settles whether anything of the old life lands late, and holds `recovered` back till then.

Neighbours: `commands.py` (what users write), `journal/logged.py` (asleep, replaying, live).
"""

from __future__ import annotations

from typing import Any, TypeVar

from actors.runtime.actor import Step
from actors.runtime.commands import Decision, PersistentActor, answer, refuse
from actors.runtime.decided import (
    CommandCrashed,
    Entity,
    Pending,
    Settle,
    check,
    check_then,
    check_timers,
    effects_of,
    folded,
    records,
)
from actors.runtime.effects import DeadLetter, Effect, Reject, Stash, Tell, Unstash
from actors.runtime.errors import Mistake
from actors.runtime.events import UnreadableEvent
from actors.runtime.journal.errors import StorageUnavailable
from actors.runtime.journal.logged import SNAPSHOT_TAIL, LoggedActor
from actors.runtime.journal.messages import (
    JOURNAL,
    Appended,
    AppendFailed,
    AppendRecords,
    KeepSnapshot,
    Logged,
    Recover,
    Recovered,
)
from actors.runtime.journal.port import Append, Snapshot, Stored
from actors.runtime.journal.record import CLAIM, Record
from actors.runtime.keys import packed, remembered, scoped
from actors.runtime.message import NOBODY, Caller, Envelope
from actors.runtime.supervision import RESUME, STOP, Directive, Supervision

S = TypeVar("S")

WINDOW = 64
"""Decisions of one actor that may wait for the journal."""

_FORGET = Supervision(Directive.RESTART, limit=1000)


class EntityActor(LoggedActor[Entity[S]]):
    """The behaviour of one id.

    Args:
        log: the name of its log.
        name: the id.
        behaviour: what decides.
        life: a number that no other actor of this log in this process has had.
        incarnation: names the system among all that ever write to the journal.
    """

    def __init__(
        self,
        log: str,
        name: str,
        behaviour: PersistentActor[S, Any],
        life: int,
        incarnation: str,
    ) -> None:
        super().__init__(log, life)
        self.name = name
        self.behaviour = behaviour
        self.incarnation = incarnation

    def supervise(self, error: Exception) -> Supervision:
        """Keep the state that a crashed command has not changed; forget the actor otherwise.

        What could not be performed may be a timer: only its log says what is to be done then. A
        restart lets go of an actor that has nothing to do, and keeps its mail.
        """
        if not isinstance(error, CommandCrashed):
            return STOP
        return _FORGET if error.at_rest else RESUME

    # -- from the log

    def revived(self, stored: Stored | None, now: int) -> Step[Entity[S]] | Exception:
        """Fold the log; take it over if something was going on."""
        behaviour = self.behaviour
        if stored is None:
            return Step(Entity(behaviour.initial(), signature=self.incarnation))
        try:
            entity = folded(behaviour, stored)._replace(signature=self.incarnation)
        except UnreadableEvent as error:
            return UnreadableEvent(f"log {self.log!r}: {error}")
        if not (stored.head.active or behaviour.active(entity.state)):
            return Step(entity)
        recovered = behaviour.recovered(entity.state, now)
        check_then(behaviour, recovered)
        claim = Record(entity.seq + 1, entity.epoch + 1, now, CLAIM)
        return self._stored(
            entity._replace(epoch=claim.epoch), Envelope(Recover()), (claim,), recovered
        )

    # -- live

    def live(self, state: Entity[S], envelope: Envelope, now: int) -> Step[Entity[S]]:
        """Decide a command, or let go what is stored."""
        message = envelope.message
        if isinstance(message, Appended):
            return self._release(state, message) if message.writer == self.life else Step(state)
        if isinstance(message, Recover):
            report = message.report
            told = () if report is None else (Tell(report, Recovered(self.log)),)
            return self._once_stored(state, envelope, answer(then=told))
        if isinstance(message, Logged):
            return Step(state, (DeadLetter(message, "of an earlier life"),))
        if state.waiting or len(state.pending) >= WINDOW:
            return Step(state._replace(waiting=True), (Stash(),))
        if isinstance(message, Settle):
            return self._once_stored(state, envelope, answer(True))
        try:
            return self._decide(state, envelope, now)
        except Exception as error:
            if envelope.timer is not None:
                raise  # only `recovered` can start it again
            says = f" ({error})" if isinstance(error, Mistake) else ""
            raise CommandCrashed(
                f"{type(self.behaviour).__qualname__} raised {type(error).__qualname__}{says}",
                at_rest=self.at_rest(state),
            ).with_traceback(error.__traceback__) from error

    def _decide(self, state: Entity[S], envelope: Envelope, now: int) -> Step[Entity[S]]:
        behaviour, caller = self.behaviour, envelope.caller
        command = behaviour.admit(state.state, envelope.message, caller, self.name)
        if isinstance(command, Exception):
            return self._once_stored(state, envelope, refuse(command))
        key = behaviour.key(command)
        full = scoped(caller, key) if key else ""
        if full in state.keys:
            again = behaviour.repeated(state.state, command)
            return self._once_stored(state, envelope, answer(again))
        decision = behaviour.decide(state.state, command, now)
        check(behaviour, decision)
        after = state.state
        for event in decision.events:
            after = behaviour.evolve(after, event)
        check_timers(behaviour, after, decision)
        if not decision.events:
            return self._once_stored(state, envelope, decision)
        made = records(behaviour, state, decision.events, full, now)
        keys = remembered(state.keys, full or None, behaviour.keys_kept)
        state = state._replace(state=after, keys=keys)
        return self._stored(state, envelope, made, effects_of(envelope, decision))

    def _stored(
        self,
        state: Entity[S],
        envelope: Envelope,
        made: tuple[Record, ...],
        effects: tuple[Effect, ...],
    ) -> Step[Entity[S]]:
        """Append records; `effects` are performed once they are stored."""
        behaviour, first = self.behaviour, made[0]
        if state.signature:
            made = (first._replace(facts={**first.facts, "by": state.signature}), *made[1:])
        append = Append(
            self.log,
            state.epoch,
            state.seq,
            made,
            envelope.caller,
            active=behaviour.active(state.state),
            row=behaviour.row(state.state),
            writer=self.life,
        )
        pending = Pending(append.seq, envelope.message, envelope.reply_to, effects)
        state = state._replace(seq=append.seq, pending=(*state.pending, pending), signature="")
        return Step(state, (Tell(JOURNAL, AppendRecords(append)),))

    @staticmethod
    def _once_stored(
        state: Entity[S], envelope: Envelope, decision: Decision[Any]
    ) -> Step[Entity[S]]:
        """Answer, and perform effects, once everything is stored that is decided so far."""
        effects = effects_of(envelope, decision)
        if not state.pending:
            return Step(state, effects)
        pending = Pending(state.seq, envelope.message, envelope.reply_to, effects)
        return Step(state._replace(pending=(*state.pending, pending)))

    def _release(self, state: Entity[S], message: Appended) -> Step[Entity[S]]:
        done = [each for each in state.pending if each.seq <= message.upto]
        left = state.pending[len(done) :]
        effects = [effect for each in done for effect in each.effects]
        state = state._replace(pending=left)
        if state.waiting and len(left) <= WINDOW // 2:
            state = state._replace(waiting=False)
            effects.append(Unstash())
        snapshot = None if self.at_rest(state) else self.snapshot(state)
        if snapshot is not None:  # an active one may never come to rest
            state = self.kept(state, snapshot)
            effects.append(Tell(JOURNAL, KeepSnapshot(self.log, snapshot)))
        return Step(state, tuple(effects))

    # -- what LoggedActor asks

    def failed(self, state: Entity[S], failure: AppendFailed) -> Exception | None:
        """Say why nothing of what was decided is known to be stored."""
        if failure.writer != self.life:
            return None
        if failure.error is not None:
            return failure.error
        if failure.fenced:
            return StorageUnavailable(f"another writer has gone on with log {self.log!r}")
        return StorageUnavailable("the journal did not confirm in time that it is stored")

    def void(self, state: Entity[S], error: Exception) -> tuple[Effect, ...]:
        """Answer whoever waits; what nobody asked for is a dead letter."""
        return tuple(
            Reject(each.to, error) if each.to is not None else DeadLetter(each.message, "void")
            for each in state.pending
        )

    def at_rest(self, state: Entity[S]) -> bool:
        """Nothing waits for the journal, and nothing goes on by itself."""
        return not (state.pending or state.waiting or self.behaviour.active(state.state))

    def snapshot(self, state: Entity[S]) -> Snapshot | None:
        """Keep the state, where everything in it is stored and reading the log has become long."""
        codec = self.behaviour.snapshots
        if codec is None or state.pending or state.seq - state.snapshot < SNAPSHOT_TAIL:
            return None
        return Snapshot(state.seq, packed(state.keys, codec.pack(state.state)))

    def kept(self, state: Entity[S], snapshot: Snapshot) -> Entity[S]:
        """Remember which state is kept."""
        return state._replace(snapshot=snapshot.seq)

    def lost(self, state: Entity[S]) -> Caller | None:
        """See to it that an active actor is revived."""
        return NOBODY if self.behaviour.active(state.state) else None
