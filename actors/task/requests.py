"""Decisions about what clients ask of a task: send, cancel, get.

Neighbours: `decide.py` (calls these), `runs.py` (what a started run then does), `readers.py`.
"""

from __future__ import annotations

from typing import Any

from a2a.types import TaskState as A2AState

from actors.runtime import Envelope, MailboxFull, Perform, Reject, Reply, StartTimer, Tell
from actors.task.draft import Draft
from actors.task.events import new_task, refusal
from actors.task.hooks import beyond_bound, keep
from actors.task.messages import Admitted, Cancel, CancelGraceOver, Get, Send, View, Wait
from actors.task.orders import RUNNER, CallOff
from actors.task.ports import CancelRun, ForgetRequest
from actors.task.readers import reader
from actors.task.record import Kind
from actors.task.rules import Rules
from actors.task.settle import Question
from actors.task.state import Queued, TaskState, Waiter
from actors.task.turns import interrupt, start_next
from statechart import Answer

QUEUE_BOUND = 128
"""Messages that may wait on one task, for a run or with others in one; the next sender is asked to
try later."""

CANCELS_BOUND = 128
"""Callers of cancel who may wait for the end of one task; the next is asked to try later."""


def send(rules: Rules, draft: Draft, envelope: Envelope, message: Send) -> None:
    """Accept a message, durably, and start its run when none is going on (R16 to R19, A2)."""
    state = draft.state
    outcome = rules.table.step(state.configuration, "send", state)
    error: Exception | None = None
    if outcome.answer is not Answer.GO:
        error = refusal(outcome.reason, state.task, state.lifecycle)
    elif state.waiting >= QUEUE_BOUND:
        error = MailboxFull(f"{QUEUE_BOUND} messages wait for task {state.task} already")
    elif message.hook:
        error = beyond_bound(draft, message.hook)
    if error is not None:
        draft.reject(envelope, error)
        draft.do(Perform("agent", ForgetRequest(envelope.caller.key)))
        return
    state.configuration = outcome.configuration
    draft.caller = envelope.caller
    seq = _accept(rules, draft, message, envelope)
    if message.hook:
        keep(draft, message.hook)
    if "create" in outcome.actions:
        _create(draft, message)
    queued = Queued(seq, envelope.caller, message.request, message.extensions, trace=envelope.trace)
    state.queue = (*state.queue, queued)
    interrupt(rules, draft)
    start_next(rules, draft)


def _accept(rules: Rules, draft: Draft, message: Send, envelope: Envelope) -> int:
    """Record the message; its sender hears nothing before that is stored."""
    state = draft.state
    seq = state.seq + 1
    facts: dict[str, Any] = {"extensions": list(message.extensions)}
    if envelope.trace:
        facts["trace"] = envelope.trace
    draft.keys = (message.key,) if message.key else ()
    told = () if message.stored is None else (Reply(message.stored, None),)
    if envelope.reply_to is None:
        return draft.record(Kind.ACCEPTED, message.request, facts, told)
    if message.wait is Wait.STREAM:
        version, task = state.fold.version, state.fold.task_bytes
        admitted = Admitted(*reader(rules, draft), version, seq, task)
        told = (*told, Reply(envelope.reply_to, admitted))
        return draft.record(Kind.ACCEPTED, message.request, facts, told)
    waiter = Waiter(envelope.reply_to, Question(message.wait, seq))
    state.waiters = (*state.waiters, waiter)
    return draft.record(Kind.ACCEPTED, message.request, facts, told)


def _create(draft: Draft, message: Send) -> None:
    """A15: the Task is visible from its admission on."""
    at = draft.stamp()
    state, submitted = draft.state, A2AState.TASK_STATE_SUBMITTED
    payload = new_task(state.task, state.context, submitted, at, message.request, None)
    draft.record(Kind.TASK, payload, {"core": 1})


def cancel(rules: Rules, draft: Draft, envelope: Envelope, _: Cancel) -> None:
    """Ask the agent to cancel; whoever asks again waits for the same outcome (R51 to R53)."""
    state = draft.state
    outcome = rules.table.step(state.configuration, "cancel", state)
    if outcome.answer is not Answer.GO:
        draft.reject(envelope, refusal(outcome.reason, state.task, state.lifecycle))
        return
    if envelope.reply_to is not None and _cancels(state) >= CANCELS_BOUND:
        error = MailboxFull(f"{CANCELS_BOUND} callers wait for the end of task {state.task}")
        draft.do(Reject(envelope.reply_to, error))  # tells nothing that is not stored yet
        return
    was_active = state.active
    state.configuration = outcome.configuration
    if envelope.reply_to is not None:
        waiter = Waiter(envelope.reply_to, Question(None, state.seq))
        state.waiters = (*state.waiters, waiter)
    if "call_cancel" in outcome.actions:
        _call_cancel(rules, draft, envelope, new_run=not was_active)


def _cancels(state: TaskState) -> int:
    return sum(waiter.asked.wait is None for waiter in state.waiters)


def _call_cancel(rules: Rules, draft: Draft, envelope: Envelope, *, new_run: bool) -> None:
    """A parked task has no run to cancel, yet its agent is called: it may hold resources."""
    state = draft.state
    if new_run:
        running = Queued(0, envelope.caller, b"", ())
        state.run += 1
        state.running = running
    draft.caller = envelope.caller
    call = CancelRun(
        run=state.run_id, caller=envelope.caller, context=state.context, task=state.fold.task_bytes
    )
    grace = StartTimer("cancel_grace", rules.policy.cancel_grace, CancelGraceOver(state.run_id))
    then = (Tell(RUNNER, CallOff(call)), grace)
    draft.record(Kind.CANCEL_ASKED, b"", {"run": state.run}, then)


def get(_: Rules, draft: Draft, envelope: Envelope, __: Get) -> None:
    """Answer with the committed Task."""
    state = draft.state
    known = state.fold
    messages = tuple(known.accepted)
    hooks = tuple(config for _, config in known.hooks.values())
    view = View(known.task_bytes, known.version, state.context, known.state, messages, hooks)
    draft.reply(envelope, view)
