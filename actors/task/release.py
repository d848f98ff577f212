"""What an acknowledgement of the journal sets free: replies, publications, runs, credit.

From here on what was decided is true and may be shown (law L3). Records are released in order, so
each answer is the Task at exactly the version that satisfied it.

Neighbours: `state.py` (pending records), `actor.py` (calls `release` on Appended).
"""

from __future__ import annotations

from a2a.types import TaskState as A2AState

from actors.runtime import CancelTimer, Effect, Perform, Reject, Reply, StartTimer, Tell
from actors.runtime.journal.record import Record
from actors.task.draft import Draft
from actors.task.events import combined
from actors.task.messages import ExecutionDeadline, Settled, TerminalGraceOver, Wait
from actors.task.orders import OUTBOX, RUNNER, Deliver, End, Hook, Hooked, Launch, Publish
from actors.task.policy import Policy
from actors.task.ports import GrantCredit, StartRun
from actors.task.record import Failure, Kind, messages_of
from actors.task.settle import Question, answer
from actors.task.state import Pending, Queued, TaskState

_DECISIVE = frozenset(
    {
        Kind.TASK,
        Kind.STATUS,
        Kind.ARTIFACT,
        Kind.REPLY,
        Kind.ENDED,
        Kind.REFUSED,
        Kind.ACCEPTED,
    }
)
"""Kinds that can be the answer to a send or a cancel."""
_FAILED = A2AState.TASK_STATE_FAILED
_CONCLUSIVE = frozenset({Kind.TASK, Kind.STATUS, Kind.REPLY})
"""Kinds of which one can be the last record of a log."""
# Looking a member up in its enum takes ten times as long.
_ENDED, _HOOK_SET, _CANCEL_ASKED = Kind.ENDED, Kind.HOOK_SET, Kind.CANCEL_ASKED
_FIRST = Wait.FIRST


def release(draft: Draft, upto: int, policy: Policy, pushed: frozenset[int]) -> None:
    """Commit every pending record up to `upto`; webhooks are notified of the kinds `pushed`."""
    state = draft.state
    pending = state.pending
    done = [entry for entry in pending if entry.records[-1].seq <= upto]
    state.pending = pending[len(done) :]
    records: tuple[Record, ...] = ()
    for entry in done:
        _commit(draft, entry, policy)
        records += entry.records
    _publish(draft, records)
    _notify(draft, records, pushed)
    credit = sum([entry.credit for entry in done])
    if credit and state.active:
        draft.do(Perform("agent", GrantCredit(state.run_id, credit)))


def _notify(draft: Draft, records: tuple[Record, ...], pushed: frozenset[int]) -> None:
    """Hand the outbox what webhooks are to hear."""
    notable = tuple(record for record in records if record.kind in pushed) if pushed else ()
    if notable and (hooks := hooks_of(draft.state)):
        state = draft.state
        draft.do(Tell(OUTBOX, Deliver(state.task, notable, hooks, first=not state.handed)))
        state.handed = True


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
    state.end = end
    if state.fold.final:  # else once the last record is stored, which may be of this very step
        draft.do(CancelTimer("terminal_grace"))
        let_go(draft)


def let_go(draft: Draft) -> None:
    """Tell held answers and readers that the end has come; needs the last record committed.

    Which only what concerns webhooks can follow.
    """
    state = draft.state
    assert state.end is not None  # noqa: S101 - callers have just seen or set it
    for waiter, settled in state.held:
        failure = state.end.failure
        draft.do(Reply(waiter.to, Settled(failure=failure) if failure else settled))
    state.held = ()
    if state.fanout is not None:
        draft.do(Tell(state.fanout, Publish((), state.end)))


def _commit(draft: Draft, entry: Pending, policy: Policy) -> None:
    if entry.appended and not any(waiter.asked.wait is _FIRST for waiter in draft.state.waiters):
        draft.state.fold.extend(entry.records, entry.appended)
        draft.effects += entry.then
        return
    *before, last = entry.records
    for record in before:
        _fold(draft, record, (), policy)
    if entry.starts is not None:
        _launch(draft, last, entry.starts, policy)
    then = entry.then
    if last.kind == _CANCEL_ASKED and not _still_cancelling(draft.state, last):
        then = tuple(effect for effect in then if isinstance(effect, Reply | Reject))
    _fold(draft, last, then, policy)


def _fold(draft: Draft, record: Record, then: tuple[Effect, ...], policy: Policy) -> None:
    state, kind = draft.state, record.kind
    known = state.fold
    asked = bool(state.waiters) and kind in _DECISIVE
    running: tuple[int, ...] = ()
    if asked:
        running = known.in_hand if state.ending is None else messages_of(state.ending)
    known.apply(record)
    if kind == _HOOK_SET:
        hook, config = next(reversed(known.hooks.items()))
        draft.do(Tell(OUTBOX, Hooked(state.task, Hook(hook, *config, (state.owner, state.tenant)))))
    draft.effects += then
    if asked:
        _settle(draft, record, running, policy)
    if kind == _ENDED and record.number("final"):
        state.ending = record
    if kind in _CONCLUSIVE and known.final:
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
        request=combined([*[each.request for each in queued.taken], queued.request]),
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
    state, left = draft.state, []
    for waiter in state.waiters:
        settled = answer(state.fold, state.ending, waiter.asked, record, running, policy)
        if settled is None:
            left.append(waiter)
        elif _may_still_fail(state, settled, waiter.asked, policy):
            state.held = (*state.held, (waiter, settled))
        else:
            draft.effects.append(Reply(waiter.to, settled))
    if len(left) != len(state.waiters):
        state.waiters = tuple(left)


def _may_still_fail(state: TaskState, settled: Settled, asked: Question, policy: Policy) -> bool:
    """A FAILED Task or a Message may be followed by an error of the same run (A1, detail 5)."""
    if asked.wait is None or settled.failure or policy.terminal_grace <= 0:
        return False
    failed = asked.wait is Wait.SETTLED and state.fold.state == _FAILED
    return state.fold.final and (failed or bool(settled.message))
