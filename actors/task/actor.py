"""TaskActor: one per live task. Asleep, then reading its log back, then deciding.

The phases are kinds of state. `revive.py` is the way from the log to a live state, and what arrives
meanwhile is stashed; `decide.py` says who decides what; an actor at rest is passivated at once,
since its log is enough.

Neighbours: `decide.py` (live), `revive.py` (before), `journal.py` (loads and appends).
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from a2a.utils.errors import InternalError

from actors.runtime import (
    Actor,
    ActorCrashed,
    Caller,
    DeadLetter,
    Effect,
    Envelope,
    Passivate,
    Perform,
    Reject,
    Reply,
    Stash,
    Step,
    Stop,
    Tell,
    Unstash,
)
from actors.task.decide import decide
from actors.task.messages import AppendFailed, Loaded, Recover, Send
from actors.task.orders import (
    JOURNAL,
    RUNNER,
    Abandon,
    KeepSnapshot,
    LoadTask,
    Orphan,
)
from actors.task.ports import ForgetRequest, Snapshot, StorageRejected, StorageUnavailable
from actors.task.revive import born, revived
from actors.task.rules import Rules
from actors.task.state import TaskState

SNAPSHOT_TAIL = 64
"""A fold is cached when an actor comes to rest this many records after the last cache."""


class Asleep(NamedTuple):
    """Nothing heard yet."""

    task: str


class Replaying(NamedTuple):
    """Waiting for the log; what arrives meanwhile is stashed, in order."""

    task: str


class Unreadable(NamedTuple):
    """There is no log, or it cannot be read: whoever waited for it is told why."""

    task: str
    error: Exception


Phase: TypeAlias = Asleep | Replaying | Unreadable | TaskState


class TaskActor(Actor[Phase]):
    """The behaviour of one task.

    Args:
        task: its id.
        rules: how a live task decides.
        life: a number that no other actor of this task in this process has had.
    """

    def __init__(self, task: str, rules: Rules, life: int = 0) -> None:
        self.task = task
        self.rules = rules
        self.life = life

    def start(self) -> Step[Phase]:
        """Wait for the first message: it says whether there is a log to read.

        If that lapses before it is handled, nothing has woken this actor.
        """
        return Step(Asleep(self.task), (Passivate(),))

    def step(self, state: Phase, envelope: Envelope, now: int) -> Step[Phase]:
        """Decide one message in the phase the task is in."""
        match state:
            case TaskState():
                return self._live(state, envelope, now)
            case Asleep():
                return self._wake(state, envelope, now)
            case Replaying():
                return self._replay(state, envelope, now)
            case Unreadable():
                return Step(state, (_refuse(envelope, state), Passivate()))

    def stopped(self, state: Phase, error: Exception) -> tuple[Effect, ...]:
        """Answer everyone who waits; fence the run."""
        if not isinstance(state, TaskState):
            return ()
        void = _void(state, error)
        crashed = isinstance(error, ActorCrashed) and state.active
        caller = state.running.caller if state.running else Caller()
        orphan = Tell(JOURNAL, Orphan(state.task, caller))
        return (*void, orphan) if crashed else void

    def _wake(self, state: Asleep, envelope: Envelope, now: int) -> Step[Phase]:
        message = envelope.message
        if isinstance(message, Send) and message.new:
            live = born(self.rules, state.task, message, envelope.caller, self.life)
            return self._live(live, envelope, now)
        load = Tell(JOURNAL, LoadTask(state.task), caller=envelope.caller)
        return Step(Replaying(state.task), (Stash(), load))

    def _replay(self, state: Replaying, envelope: Envelope, now: int) -> Step[Phase]:
        message = envelope.message
        if not isinstance(message, Loaded):
            return Step(state, (Stash(),))
        if message.error is not None:
            return self._unreadable(state, message.error)
        if message.stored is None:
            return self._unreadable(state, self.rules.unknown())
        live, effects = revived(self.rules, message.stored, self.life, now)
        return self._rest(live, (*effects, Unstash()))

    @staticmethod
    def _unreadable(state: Replaying, error: Exception) -> Step[Phase]:
        return Step(Unreadable(state.task, error), (Unstash(), Passivate()))

    def _live(self, state: TaskState, envelope: Envelope, now: int) -> Step[Phase]:
        message = envelope.message
        if isinstance(message, AppendFailed) and message.writer == state.life:
            why = _why(state, message)
            return Step(state, (*_void(state, why), Stop(why)))
        return self._rest(*decide(self.rules, state, envelope, now))

    @staticmethod
    def _rest(state: TaskState, effects: tuple[Effect, ...]) -> Step[Phase]:
        """Passivate at once when nothing would be lost by it (performance rule 9)."""
        if not state.at_rest:
            return Step(state, effects)
        fold = state.fold
        if fold.version - state.snapshot >= SNAPSHOT_TAIL:
            keep = KeepSnapshot(state.task, Snapshot(fold.version, fold.pack()))
            effects = (*effects, Tell(JOURNAL, keep))
            # What waits in the mailbox may keep it alive: not this snapshot again then.
            state = state._replace(snapshot=fold.version)
        return Step(state, (*effects, Passivate()))


def _why(state: TaskState, failed: AppendFailed) -> Exception:
    """Say to those who wait why nothing of what was decided is stored."""
    if failed.error is not None:
        return failed.error
    if not failed.fenced:
        return StorageUnavailable("the journal did not confirm in time that it is stored")
    if state.fold.version == 0:
        return InternalError(
            f"Task id {state.task} is taken: the server's id generator must mint unique ids."
        )
    return StorageUnavailable("another server has taken this task over")


def _refuse(envelope: Envelope, state: Unreadable) -> Effect:
    message, error = envelope.message, state.error
    if envelope.reply_to is not None:
        return Reject(envelope.reply_to, error)
    if isinstance(message, Recover) and isinstance(error, StorageUnavailable | StorageRejected):
        return Tell(JOURNAL, Orphan(state.task, envelope.caller))  # it found no one to settle it
    return DeadLetter(message, "task could not be read")


def _void(state: TaskState, error: Exception) -> tuple[Effect, ...]:
    """Everything decided and not acknowledged is void, and everyone who waits is told (L4).

    Readers wait with the fan-out, a child: it answers them as it is stopped.
    """
    waiting = [waiter.to for waiter in state.waiters] + [waiter.to for waiter, _ in state.held]
    for pending in state.pending:
        waiting += [effect.to for effect in pending.then if isinstance(effect, Reply | Reject)]
    effects: list[Effect] = [Reject(to, error) for to in waiting]
    if state.active:
        effects.append(Tell(RUNNER, Abandon(state.run_id)))
    asked = (*state.queue, state.running) if state.running else state.queue
    forget = [Perform("agent", ForgetRequest(queued.caller.key)) for queued in asked]
    return (*effects, *forget)
