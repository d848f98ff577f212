"""What an acknowledgement of the journal sets free: replies, publications, runs, credit.

From here on what was decided is true and may be shown (law L3). Records are released in order, so
each answer is the Task at exactly the version that satisfied it.

Neighbours: `state.py` (pending records), `actor.py` (calls `release` on Appended).
"""

from __future__ import annotations

from a2a.types import TaskState as A2AState

from actors.runtime import CancelTimer, Perform, Reject, Reply, StartTimer, Tell
from actors.runtime.journal.record import Record
from actors.task.events import combined
from actors.task.messages import ExecutionDeadline, Settled, TerminalGraceOver, Wait
from actors.task.orders import OUTBOX, RUNNER, Deliver, End, Hook, Hooked, Launch, Publish
from actors.task.policy import Policy
from actors.task.ports import GrantCredit, StartRun
from actors.task.record import Failure, Kind, messages_of
from actors.task.settle import Question, answer
from actors.task.state import Draft, Pending, Queued, TaskState, Waiter

_DECISIVE = (Kind.TASK, Kind.STATUS, Kind.REPLY, Kind.ENDED, Kind.REFUSED, Kind.ACCEPTED)
"""Kinds that can be the answer to a settled send or a cancel."""


def release(draft: Draft, upto: int, policy: Policy, pushed: frozenset[int]) -> None:
    """Commit every pending record up to `upto`; webhooks are notified of the kinds `pushed`."""
    pending = draft.state.pending
    done = [p for p in pending if p.record.seq <= upto]
    draft.set(pending=pending[len(done) :])
    for entry in done:
        _commit(draft, entry, policy)
    _publish(draft, tuple(entry.record for entry in done))
    notable = tuple(entry.record for entry in done if entry.record.kind in pushed)
    if notable and (hooks := hooks_of(draft.state)):
        first = not draft.state.handed
        draft.do(Tell(OUTBOX, Deliver(draft.state.task, notable, hooks, first=first)))
        draft.set(handed=True)
    credit = sum(entry.credit for entry in done)
    if credit and draft.state.active:
        draft.do(Perform("agent", GrantCredit(draft.state.run_id, credit)))


def hooks_of(state: TaskState) -> tuple[Hook, ...]:
    """Whoever is to hear of what was just committed."""
    owner = (state.owner, state.tenant)
    everyone = (Hook("", owner=owner) for hook in state.hooks if not hook)
    its_own = (Hook(hook, *known, owner) for hook, known in state.fold.hooks.items())
    return (*everyone, *its_own)


def over(draft: Draft, failure: Failure | None = None) -> None:
    """The log is final and nothing more will be heard of its run: let held answers go."""
    state = draft.state
    if state.end is not None:
        return
    end = End(failure)
    draft.set(end=end)
    draft.do(CancelTimer("terminal_grace"))
    if not state.pending:
        let_go(draft)


def let_go(draft: Draft) -> None:
    """Tell held answers and readers that the end has come; needs all records committed."""
    state = draft.state
    assert state.end is not None  # noqa: S101 - callers have just seen or set it
    for waiter, settled in state.held:
        failure = state.end.failure
        draft.do(Reply(waiter.to, Settled(failure=failure) if failure else settled))
    draft.set(held=())
    if state.fanout is not None:
        draft.do(Tell(state.fanout, Publish((), state.end)))


def _commit(draft: Draft, entry: Pending, policy: Policy) -> None:
    state, record = draft.state, entry.record
    if entry.starts is not None:
        _launch(draft, record, entry.starts, policy)
    running = state.fold.in_hand if state.ending is None else messages_of(state.ending)
    state.fold.apply(record)
    then = entry.then
    if record.kind == Kind.CANCEL_ASKED and not _still_cancelling(state, record):
        then = tuple(effect for effect in then if isinstance(effect, Reply | Reject))
    if record.kind == Kind.HOOK_SET:
        hook, known = next(reversed(state.fold.hooks.items()))
        draft.do(Tell(OUTBOX, Hooked(state.task, Hook(hook, *known, (state.owner, state.tenant)))))
    draft.do(*then)
    if state.waiters and (record.kind in _DECISIVE or record.public):
        _settle(draft, record, running, policy)
    if record.number("final"):
        draft.set(ending=record)
    if state.fold.final:
        _finalised(draft, policy)


def _still_cancelling(state: TaskState, record: Record) -> bool:
    """The run may have ended by itself while the wish to cancel it was being stored."""
    return "cancelling" in state.configuration and state.run == record.number("run")


def _launch(draft: Draft, record: Record, queued: Queued, policy: Policy) -> None:
    """Start the run of a message, with the Task as of the version before (detail 11).

    Not one that has given way to a new message before it was stored (A2).
    """
    state = draft.state
    if state.run != record.number("run"):
        return
    run = state.run_id
    start = StartRun(
        run=run,
        caller=queued.caller,
        request=combined((*(each.request for each in queued.taken), queued.request)),
        context=state.context,
        extensions=queued.extensions,
        task=state.fold.task_bytes,
        recovered=queued.recovered,
        trace=queued.trace,
        seq=record.seq,
        combined=bool(queued.taken),
    )
    draft.do(Tell(RUNNER, Launch(start)))
    if policy.execution_deadline is not None:
        message = ExecutionDeadline(run)
        draft.do(StartTimer("execution", policy.execution_deadline, message))


def _finalised(draft: Draft, policy: Policy) -> None:
    """The last record is stored: end now, or hear the run out for a short while (A1)."""
    state = draft.state
    if state.end is not None:
        let_go(draft)
    elif state.active and policy.terminal_grace > 0:
        draft.do(StartTimer("terminal_grace", policy.terminal_grace, TerminalGraceOver()))
    else:
        over(draft)


def _publish(draft: Draft, records: tuple[Record, ...]) -> None:
    state = draft.state
    if state.fanout is None or not records:
        return
    # Before `let_go`, if that has just told the end: nothing follows an end.
    draft.effects.insert(0, Tell(state.fanout, Publish(records)))


# -- who gets an answer


def _settle(draft: Draft, record: Record, running: tuple[int, ...], policy: Policy) -> None:
    state = draft.state
    left: list[Waiter] = []
    held: list[tuple[Waiter, Settled]] = []
    for waiter in state.waiters:
        question = Question(waiter.wait, waiter.message)
        settled = answer(state.fold, state.ending, question, record, running, policy)
        if settled is None:
            left.append(waiter)
        elif _may_still_fail(state, settled, waiter, policy):
            held.append((waiter, settled))
        else:
            draft.do(Reply(waiter.to, settled))
    if len(left) != len(state.waiters):
        draft.set(waiters=tuple(left), held=(*state.held, *held))


def _may_still_fail(state: TaskState, settled: Settled, waiter: Waiter, policy: Policy) -> bool:
    """A FAILED Task or a Message may be followed by an error of the same run (A1, detail 5)."""
    if waiter.wait is None or settled.failure or policy.terminal_grace <= 0:
        return False
    failed = waiter.wait is Wait.SETTLED and state.fold.state == A2AState.TASK_STATE_FAILED
    return state.fold.final and (failed or bool(settled.message))
