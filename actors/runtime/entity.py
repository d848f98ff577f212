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

import logging
from asyncio import CancelledError
from collections.abc import Container, Iterable
from typing import Any, TypeVar

from actors.runtime.actor import Step
from actors.runtime.commands import Decision, PersistentActor, answer, refuse
from actors.runtime.decided import (
    CommandCrashed,
    Entity,
    Pending,
    Settle,
    Unperformed,
    check,
    check_then,
    check_timers,
    effects_of,
    evolved,
    folded,
    let_go,
    readable,
    records,
)
from actors.runtime.effects import DeadLetter, Effect, Log, Reject, Stash, Stop, Tell, Unstash
from actors.runtime.errors import ActorCrashed, ActorStopped, BadStep, Mistake
from actors.runtime.events import UnreadableEvent
from actors.runtime.journal.errors import StorageError, StorageUnavailable
from actors.runtime.journal.fitting import check_row
from actors.runtime.journal.logged import SNAPSHOT_TAIL, LoggedActor, Phase
from actors.runtime.journal.messages import (
    JOURNAL,
    Appended,
    AppendFailed,
    AppendRecords,
    KeepSnapshot,
    Logged,
    Orphan,
    Recover,
    Recovered,
)
from actors.runtime.journal.port import Append, Snapshot, Stored
from actors.runtime.journal.record import CLAIM, Record
from actors.runtime.keys import packed, remembered, scoped
from actors.runtime.message import NOBODY, Caller, Envelope
from actors.runtime.shapes import Misfit
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
        ports: the names of those that effects may be for.
        unkept: where a kind is noted whose states could not be packed, as it is said once.
    """

    def __init__(
        self,
        log: str,
        name: str,
        behaviour: PersistentActor[S, Any],
        life: int,
        incarnation: str,
        ports: Container[str],
        unkept: set[str],
    ) -> None:
        super().__init__(log, life)
        self.name = name
        self.behaviour = behaviour
        self.incarnation = incarnation
        self.ports = ports
        self.unkept = unkept

    def supervise(self, error: Exception) -> Supervision:
        """Keep the state that a crashed command has not changed; forget the actor otherwise.

        A restart lets go of an actor that has nothing to do, and keeps its mail.
        """
        if not isinstance(error, CommandCrashed):
            return STOP
        return _FORGET if error.at_rest else RESUME

    def step(self, state: Phase[Entity[S]], envelope: Envelope, now: int) -> Step[Phase[Entity[S]]]:
        """Decide one message; a cancellation that a user's code raises is a crash as any other."""
        try:
            return super().step(state, envelope, now)
        except CancelledError as error:
            raise BadStep(f"{type(self.behaviour).__qualname__} raised CancelledError") from error

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
        check_then(behaviour, recovered, self.ports)
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
        if isinstance(message, Unperformed):
            return self._read_back(state._replace(broken=self.behaviour.active(state.state)))
        if state.waiting or state.broken or len(state.pending) >= WINDOW:
            return Step(state._replace(waiting=True), (Stash(),))
        if isinstance(message, Settle):
            return self._once_stored(state, envelope, answer(True))
        try:
            return self._decide(state, envelope, now)
        except (Exception, CancelledError) as error:
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
        check(behaviour, decision, self.ports)
        made = records(behaviour, state, decision.events, full, now)
        after = evolved(behaviour, state.state, made)
        check_timers(behaviour, after, decision)
        if not decision.events:
            return self._once_stored(state, envelope, decision)
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
        row, projection = behaviour.row(state.state), behaviour.projection
        check_row(self.log, row, () if projection is None else (projection,))
        if state.signature:
            made = (first._replace(facts={**first.facts, "by": state.signature}), *made[1:])
        append = Append(
            self.log,
            state.epoch,
            state.seq,
            made,
            envelope.caller,
            active=behaviour.active(state.state),
            row=row,
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
            return Step(state, let_go(effects))
        pending = Pending(state.seq, envelope.message, envelope.reply_to, effects)
        return Step(state._replace(pending=(*state.pending, pending)))

    def _release(self, state: Entity[S], message: Appended) -> Step[Entity[S]]:
        done = [each for each in state.pending if each.seq <= message.upto]
        left = state.pending[len(done) :]
        effects = let_go([effect for each in done for effect in each.effects])
        state = state._replace(pending=left)
        if state.broken:
            return self._read_back(state, effects)
        if state.waiting and len(left) <= WINDOW // 2:
            state = state._replace(waiting=False)
            effects = (*effects, Unstash())
        return Step(state, effects)

    def _read_back(self, state: Entity[S], effects: tuple[Effect, ...] = ()) -> Step[Entity[S]]:
        """Forget a broken actor, once nothing is pending: its log says what is to be done."""
        if not state.broken or state.pending:
            return Step(state, effects)
        if not self.behaviour.active(state.state):
            state = state._replace(broken=False, waiting=False)
            return Step(state, (*effects, Unstash()))
        gone = ActorStopped(f"log {self.log!r} is to be read back: an effect could not be had")
        return Step(state, (*effects, Tell(JOURNAL, Orphan(self.log, NOBODY)), Stop(gone)))

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
        """Answer whoever waits; what nobody asked for is a dead letter.

        What a crash interrupts may be stored all the same, which no `ActorCrashed` says.
        """
        if isinstance(error, ActorCrashed):
            error = StorageUnavailable("the actor crashed before it knew whether this is stored")
        return tuple(
            Reject(each.to, error) if each.to is not None else DeadLetter(each.message, "void")
            for each in state.pending
        )

    def at_rest(self, state: Entity[S]) -> bool:
        """Nothing waits for the journal, and nothing goes on by itself."""
        if state.pending or state.waiting or state.broken:
            return False
        return not self.behaviour.active(state.state)

    def snapshot(self, state: Entity[S]) -> Snapshot | None:
        """Nothing: `_rest` has kept the state already."""
        return None

    def _rest(self, state: Entity[S], effects: tuple[Effect, ...]) -> Step[Phase[Entity[S]]]:
        """Keep the state where reading the log has become long; an active one may never rest."""
        codec = self.behaviour.snapshots
        long = state.seq - state.snapshot >= SNAPSHOT_TAIL and not state.pending
        if codec is None or not long:
            return super()._rest(state, effects)
        state = state._replace(snapshot=state.seq)  # if it cannot be kept: later, not at once again
        try:
            snapshot = Snapshot(state.seq, packed(state.keys, readable(codec, state.state)))
        except (Exception, CancelledError) as error:  # noqa: BLE001 - only reads are slower by it
            return super()._rest(state, (*effects, *self._unkept(error)))
        return super()._rest(state, (*effects, Tell(JOURNAL, KeepSnapshot(self.log, snapshot))))

    def _unkept(self, error: BaseException) -> Iterable[Effect]:
        kind = type(self.behaviour).__qualname__
        if kind in self.unkept:
            return ()
        self.unkept.add(kind)
        return (
            Log(
                logging.ERROR,
                f"no snapshot of log {self.log!r}, the `snapshots` of {kind} raised "
                f"{_said(error)}: it is read from the beginning; others like it are not mentioned",
            ),
        )

    def kept(self, state: Entity[S], snapshot: Snapshot) -> Entity[S]:
        """Remember which state is kept."""
        return state._replace(snapshot=snapshot.seq)

    def lost(self, state: Entity[S]) -> Caller | None:
        """See to it that an active actor is revived."""
        return NOBODY if self.behaviour.active(state.state) else None


def _said(error: BaseException) -> str:
    """What may be shown of an error: types and fields, no values."""
    told = isinstance(error, StorageError | Mistake) or isinstance(error.__cause__, Misfit)
    return f"{type(error).__qualname__}: {error}" if told else type(error).__qualname__
