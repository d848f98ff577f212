"""Whose turn it is: the next run of a task, and the run that gives way to a new message (A2, R23).

What a run is for is one message, or several: that of a run which was called off and whatever has
come since. They run together, as the latest with the parts of the others before its own.

Neighbours: `requests.py` (messages come), `runs.py` (runs end), `release.py` (launches),
`revive.py` (goes on after a crash).
"""

from __future__ import annotations

from typing import Any

from actors.runtime import CancelTimer, Perform, Tell
from actors.task.draft import Draft
from actors.task.orders import RUNNER, Abandon
from actors.task.ports import ForgetRequest
from actors.task.record import CALLED_OFF, Failure, Kind
from actors.task.rules import Rules
from actors.task.state import Queued
from statechart import Answer, Outcome

BYTES = 16 * 1024 * 1024
"""Serialised messages that are put together for one run; all of them are gone through for each
further one."""


def start_next(rules: Rules, draft: Draft, *, again: bool = False) -> None:
    """Start the run of the first message that waits, if no run is going on.

    Args:
        rules: the chart.
        draft: the step in the making.
        again: the message ran before, and its run was lost in a crash.
    """
    state = draft.state
    if not state.queue or state.active or state.final or state.holding:
        return
    outcome = rules.table.step(state.configuration, "start", state)
    first, run = state.queue[0], state.run + 1
    state.configuration = outcome.configuration
    state.running, state.queue, state.run = first, state.queue[1:], run
    facts: dict[str, Any] = {"run": run, **_messages(first)}
    if again:
        facts["again"] = 1
    then = [Perform("agent", ForgetRequest(each.caller.key)) for each in first.taken]
    draft.record(Kind.STARTED, b"", facts, tuple(then), starts=first)


def interrupt(rules: Rules, draft: Draft) -> None:
    """Call the run off for the message that has just come; both are then one in the queue.

    Whatever else waits goes along, since it came before. The agent is not asked to cancel: its run
    is fenced, and what it emits from here on is a dead letter. Where all of them together would be
    too much for one run, the message waits for the end of this one instead.
    """
    state, caller = draft.state, draft.caller
    if state.running is None or state.holding:
        return
    together = (*state.running.taken, state.running, *state.queue)
    if sum(len(each.request) for each in together) > BYTES:
        return
    outcome = rules.table.step(state.configuration, CALLED_OFF, state)
    if outcome.answer is not Answer.GO:
        return
    leave(rules, draft, outcome)
    write_end(draft, CALLED_OFF, None)
    draft.caller = caller
    state.queue = (_together(state.running, *state.queue),)
    state.running = None


def leave(rules: Rules, draft: Draft, outcome: Outcome) -> None:
    """Carry out what the chart says to the end of a run, as far as the run goes."""
    state = draft.state
    if rules.policy.execution_deadline is not None:
        draft.do(CancelTimer("execution"))
    if "cancelling" in state.configuration.states:
        draft.do(CancelTimer("cancel_grace"))
    state.configuration = outcome.configuration
    if "abandon" in outcome.actions:
        draft.do(Tell(RUNNER, Abandon(state.run_id)))


def write_end(draft: Draft, trigger: str, failure: Failure | None) -> None:
    """Record the end of the run, in the name of whoever asked for it."""
    state = draft.state
    if state.running is not None:
        draft.caller = state.running.caller
    facts = {
        "run": state.run,
        **(_messages(state.running) if state.running else {"message": 0}),
        "outcome": trigger,
        "final": int(state.final),
    }
    forget = Perform("agent", ForgetRequest(draft.caller.key if draft.caller else 0))
    draft.record(Kind.ENDED, failure.pack() if failure else b"", facts, then=(forget,))


def _messages(running: Queued) -> dict[str, Any]:
    """Return the facts that say what a run is for; see `record.messages_of`."""
    facts: dict[str, Any] = {"message": running.seq}
    if running.taken:
        facts["with"] = [str(each.seq) for each in running.taken]
    return facts


def _together(*messages: Queued) -> Queued:
    """Return messages as one: the last, with the others, in order, taken over by its run."""
    *before, last = (part for each in messages for part in (*each.taken, each))
    return last._replace(taken=tuple(each._replace(taken=()) for each in before))
