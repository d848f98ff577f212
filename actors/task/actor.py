"""TaskActor: one per live task; what its log says, decided upon by its chart.

The phases before it is live are those of every actor with a log (`LoggedActor`); `revive.py` is the
way from the log to a live state, `decide.py` says who decides what then.

Neighbours: `decide.py` (live), `revive.py` (before), `state.py` (what it knows).
"""

from __future__ import annotations

from typing import Any, TypeGuard

from a2a.utils.errors import InternalError

from actors.runtime import Caller, Effect, Envelope, Perform, Reject, Reply, ReplyTo, Step, Tell
from actors.runtime.journal.errors import StorageUnavailable
from actors.runtime.journal.logged import LONG_LOG, SNAPSHOT_TAIL, LoggedActor
from actors.runtime.journal.messages import AppendFailed
from actors.runtime.journal.port import Snapshot, Stored
from actors.task.decide import decide
from actors.task.messages import Send
from actors.task.orders import RUNNER, Abandon
from actors.task.ports import ForgetRequest
from actors.task.revive import born, revived
from actors.task.rules import Rules
from actors.task.state import TaskState


class TaskActor(LoggedActor[TaskState]):
    """The behaviour of one task.

    Args:
        task: its id, the name of its log.
        rules: how a live task decides.
        life: a number that no other actor of this task in this process has had.
    """

    def __init__(self, task: str, rules: Rules, life: int = 0) -> None:
        super().__init__(task, life)
        self.rules = rules

    def born(self, envelope: Envelope) -> TaskState | None:
        """Begin a task whose id was minted for its first message."""
        message = envelope.message
        if isinstance(message, Send) and message.new:
            return born(self.rules, self.log, message, envelope.caller, self.life)
        return None

    def asker(self, envelope: Envelope) -> Caller | None:
        """Read the log of a task for nobody but its owner (R87).

        What nobody waits for comes from the core itself; a user's own store judges on its own.
        """
        if envelope.reply_to is None or self.rules.external:
            return None
        return envelope.caller._replace(key=0)

    def revived(self, stored: Stored | None, now: int) -> Step[TaskState] | Exception:
        """Read a task back, and settle its lost run."""
        if stored is None:
            return self.rules.unknown()
        return revived(self.rules, stored, self.life, now)

    def live(self, state: TaskState, envelope: Envelope, now: int) -> Step[TaskState]:
        """Decide by the chart."""
        return decide(self.rules, state, envelope, now)

    def failed(self, state: TaskState, failure: AppendFailed) -> Exception | None:
        """Say to those who wait why nothing of what was decided is stored."""
        if failure.writer != state.life:
            return None
        if failure.error is not None:
            return failure.error
        if not failure.fenced:
            return StorageUnavailable("the journal did not confirm in time that it is stored")
        if state.fold.version == 0 and self.rules.policy.deduplicate:
            # Its key may be taken: whoever tries again finds that, or is given another id.
            return StorageUnavailable("the same message has just come in elsewhere")
        if state.fold.version == 0:
            return InternalError(
                f"Task id {state.task} is taken: the server's id generator must mint unique ids."
            )
        return StorageUnavailable("another server has taken this task over")

    def void(self, state: TaskState, error: Exception) -> tuple[Effect, ...]:
        """Reject what waits and abandon the run.

        Readers wait with the fan-out, a child: it answers them as it is stopped.
        """
        waiting = [waiter.to for waiter in state.waiters] + [waiter.to for waiter, _ in state.held]
        for pending in state.pending:
            waiting += filter(None, map(_asked, pending.then))
        effects: list[Effect] = [Reject(to, error) for to in waiting]
        if state.active:
            effects.append(Tell(RUNNER, Abandon(state.run_id)))
        running = (*state.running.taken, state.running) if state.running else ()
        asked = (*state.queue, *running)
        forget = [Perform("agent", ForgetRequest(queued.caller.key)) for queued in asked]
        for pending in state.pending:
            forget += filter(_forgets, pending.then)
        return (*effects, *forget)

    def at_rest(self, state: TaskState) -> bool:
        """Nothing goes on, nobody waits or reads."""
        return state.at_rest

    def snapshot(self, state: TaskState) -> Snapshot | None:
        """Keep a fold when reading the log has become long."""
        fold = state.fold
        due = fold.version - state.snapshot >= SNAPSHOT_TAIL
        return Snapshot(fold.version, fold.pack()) if due else None

    def midway(self, state: TaskState) -> Snapshot | None:
        """Keep a fold at each doubling: all of them together cost as much as the last two."""
        fold = state.fold
        if fold.version < LONG_LOG or fold.version.bit_length() <= state.snapshot.bit_length():
            return None
        return Snapshot(fold.version, fold.pack())

    def kept(self, state: TaskState, snapshot: Snapshot) -> TaskState:
        """Remember which version is kept."""
        knows = state.copy()
        knows.snapshot = snapshot.seq
        return knows

    def about(self, state: Any) -> dict[str, object]:
        """Task, owner, and the sequence number that has been decided."""
        named: dict[str, object] = {"task": self.log}
        if isinstance(state, TaskState):
            named.update(owner=state.owner, seq=state.seq)
        return named

    def lost(self, state: TaskState) -> Caller | None:
        """Name the caller of the run that a crash takes along."""
        if not state.active:
            return None
        return state.running.caller if state.running else Caller()


def _forgets(effect: Effect) -> TypeGuard[Perform]:
    """Whether a request is over, whatever becomes of the record."""
    return isinstance(effect, Perform) and isinstance(effect.request, ForgetRequest)


def _asked(effect: Effect) -> ReplyTo[Any] | None:
    """Who was to be answered once a record is stored."""
    match effect:
        case Reply(to=to) | Reject(to=to):
            return to
        case Tell(reply_to=to):
            return to
        case _:
            return None
