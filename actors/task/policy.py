"""Policy: where the specification, a2a-sdk and good sense differ (A2A_RULES A1 to A15, R31, R62).

A field that changes what may happen becomes rows of the chart (`chart.py`); one that concerns only
the form of an answer is read by `a2a/answers.py` and never reaches the chart. Safety is no policy:
under every policy terminal states absorb, nothing accepted is lost, nobody hangs, owners are kept
apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, Literal, get_args, get_origin, get_type_hints


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One answer to every open question. Times are in seconds; None means no limit.

    Raises:
        ValueError: a choice is not one of those that its field names; a time is infinite, negative
            or not a number; or 0 where that means never.
    """

    name: str

    # Rows of the chart.
    visible: Literal["agent", "admission"]
    """A15: the Task appears when the agent enqueues it, or at once, SUBMITTED."""
    during_run: Literal["queue", "reject", "interrupt"]
    """A2: a message that comes while a run is going on and has asked nothing: it gets a run of its
    own afterwards, is refused, or the run is called off and one is started for both messages."""
    during_auth: Literal["queue", "interrupt"]
    """R23: the same for a message that comes while a run waits for a login (AUTH_REQUIRED)."""
    unfinished: Literal["keep", "fail"]
    """R31: the agent returned and the task is SUBMITTED or WORKING."""
    resubmit: Literal["accept", "refuse"]
    """A status SUBMITTED after WORKING."""
    second_task: Literal["ignore", "refuse"]
    """A second Task object in a run: logged and ignored, or an invalid agent response."""
    late_message: Literal["report", "drop"]
    """A Message after a terminal status: told to the streams of that run, or dropped."""
    closed_artifact: Literal["accept", "refuse"]
    """A7: a chunk appended after `last_chunk`."""
    contexts: Literal["as_emitted", "checked"]
    """R6, R9: what an agent says of its context goes out as it is; or is filled in where it says
    nothing, refused where it is wrong, and a bare Message names no task. R48: likewise a Task with
    two artifacts of one id."""
    recovery: Literal["fail", "rerun", "park"]
    """A run that was going on when its process died: its task is FAILED, the same message runs
    again, or the task waits for its client (INPUT_REQUIRED)."""
    deduplicate: bool
    """A12, R86: a message id that its owner has used before gets the answer that it got then."""

    # Forms of answers.
    stream_end: Literal["run", "state"]
    """A1: a send stream ends with its run, or at the first terminal or INPUT_REQUIRED state."""
    canceled_again: Literal["refuse", "answer"]
    """A3: cancel on a CANCELED task."""
    raised: Literal["error", "task"]
    """A5: callers of an agent that raised get its text as an error, or the FAILED Task."""
    follow_up_first: Literal["update", "task"]
    """A6: whether the stream of a follow-up begins with the Task."""

    pushed: Literal["states", "all"]
    """A10: webhooks hear of Task and status records, or of artifacts too."""
    pushed_as: Literal["json", "a2a+json"]
    """R60: the content type of what webhooks hear."""
    undeclared_push: Literal["ignore", "refuse"]
    """R54: a webhook in a message to an agent that does not declare that it notifies any."""
    declared: Literal["ignored", "checked"]
    """R83, R90: requests of another minor version, or without an extension that the card requires,
    are served, or refused."""
    extended_card: Literal["anybody", "authenticated"]
    """R76: whom the extended card is shown to."""

    # Times.
    execution_deadline: float | None
    """How long one run may take before it is abandoned and the task FAILED."""
    cancel_grace: float
    """How long an agent may take to cancel before the core stores CANCELED."""
    terminal_grace: float
    """A1: how long after a terminal record an error of the same run is still reported."""
    drain: float
    """How long runs may go on after the handler was asked to close."""
    storage_patience: float
    """How long a failing journal is retried before waiting requests get an error."""
    request_deadline: float
    """How long one blocking request may wait for its answer; its task goes on."""
    parked_life: float | None
    """How long a task may stay open with nobody at work on it before it is FAILED."""

    def __post_init__(self) -> None:
        """See that choices are among those that there are, and times are times."""
        for name, choices in _CHOICES.items():
            if (value := getattr(self, name)) not in choices:
                raise ValueError(f"{name} is {value!r}, expected one of {', '.join(choices)}")
        if self.deduplicate not in (True, False):
            raise ValueError(f"deduplicate is {self.deduplicate!r}, expected True or False")
        for name in ("execution_deadline", "parked_life", "request_deadline"):
            value = getattr(self, name)
            if (value is None and name != "request_deadline") or (_finite(value) and value > 0):
                continue
            raise ValueError(f"{name} is {value!r}, expected a finite number of seconds above 0")
        for name in ("cancel_grace", "terminal_grace", "drain", "storage_patience"):
            value = getattr(self, name)
            if not (_finite(value) and value >= 0):
                raise ValueError(f"{name} is {value!r}, expected a finite number of seconds from 0")

    @classmethod
    def sdk(cls, **changes: Any) -> Policy:
        """What clients of a2a-sdk 1.3 see today, its defects aside. The default.

        Args:
            **changes: fields that differ from the preset.
        """
        return replace(_SDK, **changes)

    @classmethod
    def spec(cls, **changes: Any) -> Policy:
        """What the A2A specification 1.0 asks for where a2a-sdk departs from it.

        Args:
            **changes: fields that differ from the preset.
        """
        return replace(_SPEC, **changes)


def _finite(value: object) -> bool:
    """Whether it is a number of seconds that a clock in milliseconds can count."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and isfinite(value) and abs(value) < 1e12  # type: ignore[arg-type] # a number


_CHOICES: Mapping[str, tuple[str, ...]] = {
    name: get_args(hint)
    for name, hint in get_type_hints(Policy).items()
    if get_origin(hint) is Literal
}
"""Field -> what it may be."""

_SDK = Policy(
    name="sdk",
    visible="agent",
    during_run="queue",
    during_auth="queue",
    unfinished="keep",
    resubmit="accept",
    second_task="ignore",
    late_message="report",
    closed_artifact="accept",
    contexts="as_emitted",
    recovery="fail",
    deduplicate=False,
    stream_end="run",
    canceled_again="refuse",
    raised="error",
    follow_up_first="update",
    pushed="states",
    pushed_as="json",
    undeclared_push="ignore",
    declared="ignored",
    extended_card="anybody",
    execution_deadline=None,
    cancel_grace=5.0,
    terminal_grace=0.25,
    drain=10.0,
    storage_patience=30.0,
    request_deadline=86_400.0,
    parked_life=None,
)

_SPEC = Policy(
    name="spec",
    visible="admission",
    during_run="queue",
    during_auth="interrupt",
    unfinished="fail",
    resubmit="refuse",
    second_task="refuse",
    late_message="drop",
    closed_artifact="refuse",
    contexts="checked",
    recovery="fail",
    deduplicate=True,
    stream_end="state",
    canceled_again="answer",
    raised="task",
    follow_up_first="task",
    pushed="all",
    pushed_as="a2a+json",
    undeclared_push="refuse",
    declared="checked",
    extended_card="authenticated",
    execution_deadline=3600.0,
    cancel_grace=5.0,
    terminal_grace=0.0,
    drain=10.0,
    storage_patience=30.0,
    request_deadline=86_400.0,
    parked_life=604_800.0,
)
