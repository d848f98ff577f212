"""From a log to a live task: born with its first message, or read back and settled.

A run that the log says is going on cannot be: its process is gone, or this actor would not be
reading. So a revived task first claims a new epoch, which fences whatever is left of the old one,
then settles the lost run as the policy says.

Neighbours: `actor.py` (calls these), `fold.py` (what the log says).
"""

from __future__ import annotations

from actors.runtime import Caller, Step
from actors.runtime.journal.port import Stored
from actors.task.chart import STATES
from actors.task.draft import Draft
from actors.task.fold import Fold, fold
from actors.task.listing import task_row
from actors.task.messages import Send
from actors.task.orders import End
from actors.task.record import Kind
from actors.task.rules import Rules
from actors.task.runs import end_run
from actors.task.state import Queued, TaskState
from actors.task.turns import start_next
from statechart import Configuration


def folded(stored: Stored) -> Fold:
    """Fold what a journal knows of a task."""
    base = None if stored.snapshot is None else Fold.unpack(stored.snapshot.payload)
    return fold(stored.tail, base)


def born(rules: Rules, task: str, message: Send, caller: Caller, life: int) -> TaskState:
    """Return the state of a task whose first message is about to be accepted."""
    return TaskState(
        task=task,
        owner=caller.owner,
        tenant=caller.tenant,
        context=message.context,
        configuration=rules.table.initial,
        fold=Fold(),
        artifacts={},
        epoch=1,
        seq=0,
        run=0,
        status_at=0,
        life=life,
        signature=rules.incarnation,
        handed=True,
        hooks=rules.hooks,
    )


def revived(rules: Rules, stored: Stored, life: int, now: int) -> Step[TaskState]:
    """Return a task read back from its log, with its lost run settled by policy."""
    draft = Draft(_as_logged(rules, stored), now, rules.pushed)
    state = draft.state
    state.life, state.signature = life, rules.incarnation
    if state.fold.final:
        state.end = End()
    elif state.fold.active:
        _settle(rules, draft)
    return draft.finish()


def _as_logged(rules: Rules, stored: Stored) -> TaskState:
    row, known = task_row(stored), folded(stored)
    queued = {
        seq: Queued(seq, Caller(row.owner, row.tenant), *accepted[:2], True, accepted.trace)
        for seq, accepted in known.accepted.items()
    }
    running = queued.pop(known.running, None) if known.running else None
    if running is not None:
        running = running._replace(taken=tuple(map(queued.pop, known.taken)))
    return TaskState(
        task=stored.head.log,
        owner=row.owner,
        tenant=row.tenant,
        context=row.context,
        configuration=_configuration(rules, known),
        fold=known,
        artifacts={artifact: closed for artifact, (_, closed) in known.artifacts.items()},
        epoch=known.epoch,
        seq=known.version,
        run=known.run,
        status_at=known.status_at,
        adopted=known.adopted,
        born=row.status_at,
        running=running,
        queue=tuple(queued.values()),
        snapshot=stored.snapshot.seq if stored.snapshot else 0,
        hooks=(*rules.hooks, *known.hooks),
    )


def _configuration(rules: Rules, known: Fold) -> Configuration:
    lifecycle = "replied" if known.replied else STATES.get(known.state, "absent")
    run = "running" if known.running else "idle"
    if known.cancelling:
        run = "cancelling"
    return rules.table.configuration((lifecycle, run))


def _settle(rules: Rules, draft: Draft) -> None:
    lost = draft.state.running
    draft.state.epoch += 1
    draft.record(Kind.EPOCH_CLAIMED)
    if draft.state.fold.cancelling:
        end_run(rules, draft, "cancelled", None)
    elif lost is None:
        start_next(rules, draft)
    elif rules.policy.recovery == "rerun" and not _asked(draft.state):
        _rerun(rules, draft, lost)
    else:
        end_run(rules, draft, "lost", None)  # a task that waits for its client waits on


def _asked(state: TaskState) -> bool:
    """Whether the lost run had asked its question; one asked before is what it was to answer."""
    return "interrupted" in state.configuration and state.fold.spoke is not False


def _rerun(rules: Rules, draft: Draft, lost: Queued) -> None:
    """Run the same message again; it has entered the history already."""
    state = draft.state
    state.configuration = rules.table.step(state.configuration, "lost", state).configuration
    state.running, state.queue = None, (lost, *state.queue)
    start_next(rules, draft, again=True)
