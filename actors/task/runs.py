"""Decisions about runs: what the agent emits, and how a run ends.

Neighbours: `decide.py` (calls these), `requests.py` (starts runs), `events.py` (the words).
"""

from __future__ import annotations

import logging

from a2a.types import Message as A2AMessage
from a2a.types import TaskState as A2AState

from actors.runtime import Caller, DeadLetter, Envelope, Log, Perform
from actors.task.draft import Draft
from actors.task.events import (
    as_sent,
    core_message,
    new_task,
    stamped,
    status_update,
    terminal_error,
    too_many_artifacts,
    violation,
)
from actors.task.messages import (
    AgentEvent,
    CancelGraceOver,
    CancelOver,
    Emitted,
    ExecutionDeadline,
    Overdue,
    RunOver,
)
from actors.task.policy import Policy
from actors.task.ports import ForgetRequest, GrantCredit, RunId
from actors.task.record import CANCEL_RAISED, Failure, Kind
from actors.task.release import over
from actors.task.rules import Rules
from actors.task.state import TaskState
from actors.task.turns import leave, start_next, write_end
from statechart import Answer, Outcome

UNINTERRUPTED = (A2AState.TASK_STATE_SUBMITTED, A2AState.TASK_STATE_WORKING)

_SAY = {
    "lost": "The server was interrupted while the agent was working on this task.",
    "expired": "The agent took longer than this server allows.",
    "returned": "The agent returned without finishing.",
    "overdue": "Nobody has gone on with this task for longer than this server allows.",
    "park": "The server was interrupted while the agent was working on this task. Send a message "
    "to let it go on.",
}
"""What a status of the core says to clients, by the event that led to it; never internals."""
_SAY_OF_AGENTS = {
    "raised": "The agent failed.",
    "violated": "The agent's answer does not keep to the protocol.",
}
"""The same, where that is all that callers hear of it (A5, R85)."""


def emitted(rules: Rules, draft: Draft, _: Envelope, message: Emitted) -> None:
    """Hear what the agent has emitted, event by event."""
    _hear(rules, draft, message.run, message.events)


def _hear(rules: Rules, draft: Draft, run: RunId, events: tuple[AgentEvent, ...]) -> None:
    state = draft.state
    for event in events:
        # Events before this one may have ended the run, and begun another.
        if run.run == state.run and run.epoch == state.epoch:
            _heard(rules, draft, run, event)
        else:
            for each in event.apart():
                draft.do(DeadLetter(Emitted(run, (each,)), "superseded run"))


def _heard(rules: Rules, draft: Draft, run: RunId, event: AgentEvent) -> None:
    """Store an event of the agent, or drop it, or end the run that broke the protocol."""
    state = draft.state
    if event.mismatch and not state.final:
        _violated(rules, draft, run, event, event.mismatch)
        return
    outcome = rules.table.step(state.configuration, event.trigger, state, event)
    goes = outcome.answer is Answer.GO
    failure = _too_many_artifacts(rules, state, event) if goes else None
    if goes and failure is None:
        _store(draft, outcome, event)
    elif event.more:  # the first of these chunks may change what becomes of the others
        _hear(rules, draft, run, event.apart())
    elif failure is not None:
        _violated(rules, draft, run, event, failure)
    elif outcome.answer is Answer.DROP:
        _drop(draft, run, event, outcome.reason)
    elif outcome.reason == "superseded":
        draft.do(DeadLetter(Emitted(run, (event,)), outcome.reason))
    else:
        _violated(rules, draft, run, event, violation(outcome.reason, event))


def _too_many_artifacts(rules: Rules, state: TaskState, event: AgentEvent) -> Failure | None:
    """Whether the task would have more artifacts than it may (R85, R100)."""
    most = rules.artifacts
    named = (event.artifact,) if event.kind == Kind.ARTIFACT else event.artifacts
    if most is None or len(state.artifacts) + len(named) <= most:
        return None
    found = len(state.artifacts.keys() | set(named)) if named else 0
    return too_many_artifacts(found, most) if found > most else None


def _store(draft: Draft, outcome: Outcome, event: AgentEvent) -> None:
    state, kind, payload = draft.state, event.kind, event.payload
    state.configuration = outcome.configuration
    state.adopted = True
    if kind is Kind.ARTIFACT:
        state.artifacts[event.artifact] = event.last
        if event.more:
            _store_chunks(draft, event)
            return
    else:
        if kind is not Kind.REPLY:
            at = event.at or draft.stamp()
            payload = payload if event.at else stamped(event, at)
            state.status_at = max(state.status_at, at)
            state.artifacts.update(dict.fromkeys(event.artifacts, False))
        if kind is Kind.TASK:
            payload = as_sent(payload, _requests(state))
        if state.queue and state.final:
            _refuse_queue(draft)
    draft.record(kind, payload, credit=True)


def _store_chunks(draft: Draft, event: AgentEvent) -> None:
    """Store chunks of one artifact; the first may begin it, or it anew."""
    if event.append:
        draft.append(event.artifact, (event.payload, *event.more))
    else:
        draft.record(event.kind, event.payload, credit=True)
        draft.append(event.artifact, event.more)


def _drop(draft: Draft, run: RunId, event: AgentEvent, reason: str) -> None:
    draft.do(DeadLetter(Emitted(run, (event,)), reason), Perform("agent", GrantCredit(run, 1)))
    if reason == "second_task":
        text = f"Task {draft.state.task} already exists. Ignoring task replacement."
        draft.do(Log(logging.ERROR, text))


def _violated(rules: Rules, draft: Draft, run: RunId, event: AgentEvent, failure: Failure) -> None:
    """End the run that broke the protocol; one that has ended cannot break it any more."""
    if not draft.state.active:
        draft.do(DeadLetter(Emitted(run, (event,)), "superseded run"))
        return
    draft.do(Log(logging.ERROR, f"agent of task {draft.state.task}: {failure.message}"))
    end_run(rules, draft, "violated", failure)


# -- how a run ends


def run_over(rules: Rules, draft: Draft, _: Envelope, message: RunOver) -> None:
    """Hear that `execute` returned or raised, and what it has emitted last."""
    if message.events:
        _hear(rules, draft, message.run, message.events)
        message = RunOver(message.run, message.failure)
    _reported(rules, draft, message, "raised" if message.failure else "returned")


def cancel_over(rules: Rules, draft: Draft, _: Envelope, message: CancelOver) -> None:
    """Hear that `cancel` returned or raised."""
    _reported(rules, draft, message, CANCEL_RAISED if message.failure else "cancelled")


def _reported(rules: Rules, draft: Draft, message: RunOver | CancelOver, trigger: str) -> None:
    if message.run != draft.state.run_id:
        draft.do(DeadLetter(message, "superseded run"))
    else:
        end_run(rules, draft, trigger, message.failure)


def cancel_grace_over(rules: Rules, draft: Draft, _: Envelope, message: CancelGraceOver) -> None:
    """Give up on an agent that ignores cancel (detail 12)."""
    if message.run == draft.state.run_id:
        end_run(rules, draft, "cancelled", None)


def execution_deadline(rules: Rules, draft: Draft, _: Envelope, message: ExecutionDeadline) -> None:
    """Give up on an agent that takes too long."""
    if message.run == draft.state.run_id:
        end_run(rules, draft, "expired", Failure("InternalError", _SAY["expired"]))


def settle_orphan(rules: Rules, draft: Draft, caller: Caller) -> None:
    """Fail a task whose run was lost when a user's own store refused to save; it is at rest now."""
    state = draft.state
    if state.active or state.queue or state.lifecycle not in UNINTERRUPTED:
        return
    draft.caller = caller
    end_run(rules, draft, "lost", None)


def end_run(rules: Rules, draft: Draft, trigger: str, failure: Failure | None) -> None:
    """Step the chart on the end of a run and carry out what it says."""
    state = draft.state
    was_final, running = state.final, state.running
    if running is not None:
        draft.caller = running.caller
    outcome = rules.table.step(state.configuration, trigger, state)
    if outcome.answer is not Answer.GO:
        draft.do(DeadLetter(trigger, outcome.reason))
        return
    leave(rules, draft, outcome)
    if was_final:
        heard = trigger == "violated" or rules.policy.raised == "error"
        over(draft, failure if heard else None)
        if running is not None:
            # A user's own store is still to save in the call of this request.
            draft.once_stored(Perform("agent", ForgetRequest(running.caller.key)))
        state.running = None
        return
    _log_end(rules.policy, draft, trigger, failure, outcome)
    start_next(rules, draft)


def _log_end(
    policy: Policy, draft: Draft, trigger: str, failure: Failure | None, outcome: Outcome
) -> None:
    """Store the end of the run, then whatever must be said before anything terminal, then that.

    A question is asked before its run ends, by us as by an agent: it is the answer to the message.
    """
    if "park" in outcome.actions:
        _say(policy, draft, A2AState.TASK_STATE_INPUT_REQUIRED, "park")
    write_end(draft, trigger, failure)
    if "fail" in outcome.actions:
        _conclude(policy, draft, A2AState.TASK_STATE_FAILED, trigger)
    elif "cancel" in outcome.actions:
        _conclude(policy, draft, A2AState.TASK_STATE_CANCELED, trigger)
    draft.state.running = None


def overdue(rules: Rules, draft: Draft, _: Envelope, message: Overdue) -> None:
    """Fail a task that nobody has gone on with for too long."""
    state = draft.state
    if state.queue or state.pending or state.fold.touched >= message.before:
        return
    outcome = rules.table.step(state.configuration, "overdue", state)
    if outcome.answer is Answer.GO:
        state.configuration = outcome.configuration
        _conclude(rules.policy, draft, A2AState.TASK_STATE_FAILED, "overdue")


def _conclude(policy: Policy, draft: Draft, to: A2AState, trigger: str) -> None:
    """Write the terminal status that the agent did not; the last record of the log."""
    _refuse_queue(draft)
    _say(policy, draft, to, trigger)


def _say(policy: Policy, draft: Draft, to: A2AState, trigger: str) -> None:
    """Write a status of the core, in a Task where there is none yet."""
    at = draft.stamp()
    state = draft.state
    say = _explanation(policy, state, trigger)
    if draft.task_exists:
        payload = status_update(state.task, state.context, to, at, say)
        draft.record(Kind.STATUS, payload)
    else:
        *before, request = _requests(state)
        made = new_task(state.task, state.context, to, at, request, say, before)
        draft.record(Kind.TASK, made)


def _requests(state: TaskState) -> tuple[bytes, ...]:
    """Return the requests that the run is for, in order; a cancel has an empty one."""
    if state.running is None:
        return (b"",)
    return (*(each.request for each in state.running.taken), state.running.request)


def _explanation(policy: Policy, state: TaskState, trigger: str) -> A2AMessage | None:
    text = _SAY.get(trigger)
    if policy.raised == "task":  # else callers hear the error itself
        text = _SAY_OF_AGENTS.get(trigger, text)
    return core_message(state.task, state.context, state.seq + 1, text) if text else None


def _refuse_queue(draft: Draft) -> None:
    """A2: what still waits when a task ends is refused, before the last record."""
    state = draft.state
    if state.queue:
        failure = Failure.of(terminal_error(state.task, state.lifecycle)).pack()
        for queued in state.queue:
            forget = Perform("agent", ForgetRequest(queued.caller.key))
            draft.record(Kind.REFUSED, failure, {"message": queued.seq}, then=(forget,))
        state.queue = ()
