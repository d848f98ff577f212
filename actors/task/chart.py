"""The chart of a task: everything that may happen to it, once (law L1).

Two parallel regions. `lifecycle` is what clients see; `run` is whether the agent is at work. An
event takes place when no region refuses it, so "there is no run" vetoes an agent's event whatever
the lifecycle says. Cells follow A2A_RULES, section 3; where `Policy` decides, a row differs, never
a guard.

Neighbours: `policy.py` (chooses rows), `actor.py` (steps the compiled table and carries out the
actions it names).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Protocol

from a2a.types import TaskState

from actors.task.policy import Policy
from statechart import Chart, Drop, Go, Guard, Refuse, State, inside

Row = Go | Refuse | Drop

STATES: dict[int, str] = {
    TaskState.TASK_STATE_SUBMITTED: "submitted",
    TaskState.TASK_STATE_WORKING: "working",
    TaskState.TASK_STATE_INPUT_REQUIRED: "input_required",
    TaskState.TASK_STATE_AUTH_REQUIRED: "auth_required",
    TaskState.TASK_STATE_COMPLETED: "completed",
    TaskState.TASK_STATE_FAILED: "failed",
    TaskState.TASK_STATE_CANCELED: "canceled",
    TaskState.TASK_STATE_REJECTED: "rejected",
}
"""`TaskState` number -> state of the chart. UNSPECIFIED has none: it is never a valid response."""

TERMINAL = ("completed", "failed", "canceled", "rejected")

STATUS = {state: f"status_{name}" for state, name in STATES.items()}
TASK = {state: f"task_{name}" for state, name in STATES.items()}
STATUS[TaskState.TASK_STATE_UNSPECIFIED] = "status_unspecified"
TASK[TaskState.TASK_STATE_UNSPECIFIED] = "task_unspecified"

AGENT_EVENTS = (*STATUS.values(), *TASK.values(), "artifact", "message")
"""What an agent can emit, by trigger."""

CORE_EVENTS = (
    "send",  # a client's message
    "start",  # the next message of the queue gets its run
    "cancel",  # a client asks to cancel
    "returned",  # execute returned
    "raised",  # execute raised
    "violated",  # the agent broke the protocol
    "expired",  # the execution deadline passed
    "cancelled",  # cancel returned, or the grace ran out
    "cancel_raised",  # cancel raised
    "interrupted",  # a message has come that does not wait for the end of the run
    "lost",  # the process that ran the agent is gone
    "overdue",  # nobody has been at work on it for longer than a task may stay open
)


class Context(Protocol):
    """What the guards look at: the artifacts of the task, and whether the agent made it."""

    @property
    def artifacts(self) -> dict[str, bool]:
        """Artifact id -> whether its last chunk has come."""

    @property
    def adopted(self) -> bool:
        """The Task is the agent's own (not one that the core made at admission)."""


class Chunk(Protocol):
    """What the guards look at in an artifact event."""

    artifact: str
    append: bool


def appends_to_unknown(task: Context, event: Chunk) -> bool:
    """A7: `append` names an artifact that the task does not have (R49)."""
    return event.append and event.artifact not in task.artifacts


def appends_after_last(task: Context, event: Chunk) -> bool:
    """A7: `append` names an artifact whose last chunk has come (R50)."""
    return event.append and task.artifacts.get(event.artifact, False)


def adopted(task: Context, _: object) -> bool:
    """Tell whether the agent has made the Task its own."""
    return task.adopted


@cache
def task_chart(policy: Policy) -> Chart:
    """Return the chart of a task under `policy`; building it also proves it total and sound."""
    return Chart(
        name=f"task ({policy.name})",
        regions=(_lifecycle(), _run()),
        events=(*CORE_EVENTS, *AGENT_EVENTS),
        rows=(
            *_status_rows(policy),
            *_task_rows(policy),
            *_artifact_rows(policy),
            *_message_rows(policy),
            *_client_rows(policy),
            *_interrupting_rows(policy),
            *_ending_rows(policy),
            *_run_rows(),
        ),
        guards=dict(_guards(policy)),
    )


def _guards(policy: Policy) -> Iterable[tuple[str, Guard]]:
    """The guards that the rows of `policy` ask."""
    yield "appends_to_unknown", appends_to_unknown
    if policy.closed_artifact == "refuse":
        yield "appends_after_last", appends_after_last
    if policy.visible == "admission":
        yield "adopted", adopted


def sdk_chart() -> Chart:
    """Return the chart under `Policy.sdk()`."""
    return task_chart(Policy.sdk())


def spec_chart() -> Chart:
    """Return the chart under `Policy.spec()`."""
    return task_chart(Policy.spec())


def _lifecycle() -> State:
    return State(
        "lifecycle",
        (
            State("absent", note="no Task: messages accepted, nothing public yet"),
            State("open", (State("submitted"), State("working"), _interrupted())),
            State("terminal", tuple(State(name, final=True) for name in TERMINAL)),
            State("replied", final=True, note="a bare Message was the answer; no Task exists"),
        ),
        initial="absent",
    )


def _interrupted() -> State:
    return State("interrupted", (State("input_required"), State("auth_required")))


def _run() -> State:
    return State("run", (State("idle"), State("running"), State("cancelling")), initial="idle")


def _status_rows(policy: Policy) -> Iterable[Row]:
    """A2A_RULES 3a: what a status update does, from each state."""
    for trigger in STATUS.values():
        yield Refuse(trigger, "absent", "status_before_task")
        yield Refuse(trigger, "replied", "update_in_message_mode")
        yield Drop(trigger, "terminal", "after_terminal")  # R15, R38
    yield Refuse("status_unspecified", "open", "state_unspecified")
    for name in STATES.values():
        if name != "submitted":
            yield Go(f"status_{name}", "open", name, actions="store")
    yield Go("status_submitted", "submitted", "submitted", actions="store")
    if policy.resubmit == "accept":
        yield Go("status_submitted", "working", "submitted", actions="store")
    yield Refuse("status_submitted", "open", "back_to_submitted")


def _task_rows(policy: Policy) -> Iterable[Row]:
    """A Task object: adopted in any state, once; R37 wants it first."""
    for name in STATES.values():
        yield Go(f"task_{name}", "absent", name, actions="store")
    yield Refuse("task_unspecified", "absent", "state_unspecified")
    second: type[Drop | Refuse] = Drop if policy.second_task == "ignore" else Refuse
    for trigger in TASK.values():
        yield Refuse(trigger, "replied", "update_in_message_mode")
        yield Drop(trigger, "terminal", "after_terminal")
        yield second(trigger, ("working", "interrupted"), "second_task")
    yield from _first_task_of_an_admitted_one(policy, second)


def _first_task_of_an_admitted_one(policy: Policy, second: type[Drop | Refuse]) -> Iterable[Row]:
    """A15: the core made the Task at admission; the agent's own first one takes its place."""
    if policy.visible == "agent":
        yield second(tuple(TASK.values()), "submitted", "second_task")
        return
    yield second(tuple(TASK.values()), "submitted", "second_task", conditions="adopted")
    yield Refuse("task_unspecified", "submitted", "state_unspecified")
    for name in STATES.values():
        target = None if name == "submitted" else name
        yield Go(f"task_{name}", "submitted", target, actions="store")


def _artifact_rows(policy: Policy) -> Iterable[Row]:
    yield Refuse("artifact", "absent", "artifact_before_task")  # R37
    yield Refuse("artifact", "replied", "update_in_message_mode")
    yield Drop("artifact", "terminal", "after_terminal")  # R15
    yield Refuse("artifact", "open", "append_to_unknown", conditions="appends_to_unknown")
    if policy.closed_artifact == "refuse":
        yield Refuse("artifact", "open", "append_after_last", conditions="appends_after_last")
    yield Go("artifact", "open", None, actions="store")


def _message_rows(policy: Policy) -> Iterable[Row]:
    """An agent's bare Message: an answer only while there is no Task (R36, R103).

    So an agent that may answer with a Message declares it by `visible="agent"`.
    """
    yield Go("message", "absent", "replied", actions="store")
    yield Refuse("message", "replied", "second_message")
    yield Refuse("message", "open", "message_in_task_mode")
    if policy.late_message == "report":
        yield Refuse("message", "terminal", "message_in_task_mode")
    else:
        yield Drop("message", "terminal", "after_terminal")


def _client_rows(policy: Policy) -> Iterable[Row]:
    if policy.during_run == "reject":
        yield Refuse("send", _ASKED_NOTHING, "busy", conditions=inside("running"))
        yield Refuse("send", "cancelling", "busy")
    if policy.visible == "admission":
        yield Go("send", "absent", "submitted", actions=("accept", "create"))
    else:
        yield Go("send", "absent", None, actions="accept")
    yield Go("send", "open", None, actions="accept")  # R18, R19, R23
    yield Refuse("send", "terminal", "terminal")  # R16
    yield Refuse("send", "replied", "not_found")
    yield Refuse("cancel", "terminal", "not_cancelable")  # R52
    yield Refuse("cancel", ("absent", "replied"), "not_found")


_ASKED_NOTHING = ("absent", "submitted", "working")


def _interrupting_rows(policy: Policy) -> Iterable[Row]:
    """A2, R23: whether a message that was accepted calls the run off that is going on.

    Once a run has asked for input, what comes is the answer: it gets a run of its own.
    """
    yield Refuse("interrupted", ("idle", "cancelling"), "no_run")
    if "interrupt" not in (policy.during_run, policy.during_auth):
        yield Drop("interrupted", "running", "queued")
        return
    yield Go("interrupted", "running", "idle", actions=("end", "abandon"))
    yield Refuse("interrupted", "input_required", "queued")
    yield Refuse("interrupted", ("terminal", "replied"), "terminal")
    if policy.during_run != "interrupt":
        yield Refuse("interrupted", _ASKED_NOTHING, "queued")
    if policy.during_auth != "interrupt":
        yield Refuse("interrupted", "auth_required", "queued")


def _ending_rows(policy: Policy) -> Iterable[Row]:
    """How the end of a run reaches the lifecycle."""
    for trigger in ("raised", "expired"):
        yield Go(trigger, ("absent", "open"), "failed", actions="fail")  # A5
    yield Go("cancel_raised", "open", "failed", actions="fail")  # nobody cancels without a Task
    yield Go("violated", "open", "failed", actions="fail")  # R85
    yield Go("cancelled", "open", "canceled", actions="cancel")  # R51
    if policy.unfinished == "fail":
        yield Go("returned", ("submitted", "working"), "failed", actions="fail")
    if policy.recovery == "fail":
        yield Go("lost", ("absent", "submitted", "working"), "failed", actions="fail")
    if policy.recovery == "park":
        unfinished = ("absent", "submitted", "working")
        yield Go("lost", unfinished, "input_required", actions="park")
    yield Go("overdue", "open", "failed", actions="fail")
    yield Drop("overdue", ("absent", "replied", "terminal"), "not_open")
    yield Refuse("start", ("terminal", "replied"), "terminal")


def _run_rows() -> Iterable[Row]:
    yield Refuse(AGENT_EVENTS, "idle", "superseded")
    yield Go("start", "idle", "running", actions="run")
    yield Refuse("start", ("running", "cancelling"), "run_active")
    yield Go("cancel", ("idle", "running"), "cancelling", actions="call_cancel")
    yield Go("cancel", "cancelling", None)  # R53: waits for the same outcome
    yield Refuse(("returned", "raised", "violated", "expired"), "idle", "superseded")
    yield Refuse(("cancelled", "cancel_raised"), ("idle", "running"), "superseded")
    yield Go(("returned", "raised"), "running", "idle", actions="end")
    yield Go(("violated", "expired"), ("running", "cancelling"), "idle", actions=("end", "abandon"))
    # While a cancel is going on the agent port reports its outcome, not that of execute.
    yield Refuse(("returned", "raised"), "cancelling", "superseded")
    yield Go(("cancelled", "cancel_raised"), "cancelling", "idle", actions=("end", "abandon"))
    yield Drop("lost", "idle", "no_run")
    yield Refuse("overdue", ("running", "cancelling"), "run_active")
    yield Go("lost", ("running", "cancelling"), "idle", actions="end")
