"""How the events of a stream fit the log of its task.

Neighbours: `observed.py` (asks).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from a2a.types import StreamResponse, Task, TaskState

from actors.runtime.journal.record import Record
from actors.simulation.invariants.chronicle import uniform
from actors.simulation.invariants.evidence import History
from actors.task.fold import TERMINAL
from actors.task.policy import Policy
from actors.task.record import Kind


class Told(Protocol):
    """An event of a stream."""

    @property
    def seq(self) -> int | None:
        """Its sequence number, where there is one."""

    @property
    def event(self) -> StreamResponse:
        """What was told."""


def version(history: History, task: Task, *, latest: bool = True) -> int | None:
    """The last version, or the first, at which the Task was this one; None if it never was."""
    text = uniform(task)
    places = [place for place, other in enumerate(history.tasks) if other == text]
    if not places:
        return None
    return places[-1] if latest else places[0]


def misfit(
    history: History, told: Sequence[Told], after: int | None, *, snapshot_first: bool
) -> str:
    """Say why these events cannot be of one stream of this log; empty if they can.

    Args:
        history: the log.
        told: the events.
        after: the cursor that the stream went on from.
        snapshot_first: it has to begin with the Task (R40), unless it goes on from a cursor.
    """
    if not told:
        return ""
    if after is not None:
        return _follows(history, told, history.after(after))
    first = told[0]
    wrong = "it begins with no Task"
    if first.event.HasField("task"):
        for place in _versions(history, first):
            wrong = _follows(history, told[1:], history.after(place))
            if not wrong:
                return ""
    if snapshot_first:
        return wrong if first.event.HasField("task") else "it does not begin with the Task (R40)"
    for index, record in enumerate(history.public):
        if history.event(record) == first.event:
            return _follows(history, told, history.public[index:])
    return f"it begins with what the log has nowhere: {first}"


def _versions(history: History, first: Told) -> list[int]:
    text = uniform(first.event.task)
    if first.seq is not None:
        return [first.seq] if history.shows(first.event.task, first.seq) else []
    return [place for place, other in enumerate(history.tasks) if other == text]


def _follows(history: History, told: Sequence[Told], due: Sequence[Record]) -> str:
    if len(told) > len(due):
        return f"it has {len(told)} events where the log has {len(due)}"
    for event, record in zip(told, due, strict=False):
        if event.seq not in (None, record.seq):
            return f"record {record.seq} was told as {event.seq}"
        if event.event != history.event(record):
            return f"record {record.seq} was told as {event.event}"
    return ""


def ended_early(
    history: History, told: Sequence[Told], after: int | None, message: int | None, policy: Policy
) -> str:
    """Say what a stream that ended without an error should have told before (A1).

    Args:
        history: the log.
        told: the events.
        after: the cursor that it went on from.
        message: where the log has the message whose stream it is; None of a subscription.
        policy: says when streams end.
    """
    last = _last(history, told, after)
    later = history.after(last)
    if not later and history.final is not None:
        return ""
    if message is None:
        return f"it ended after {last}, and the log goes on to {len(history.log)}"
    if told and policy.stream_end == "state" and _rests(told[-1].event):
        return ""
    ends = history.about(Kind.ENDED, message)
    if not ends:
        return f"it ended after {last}, and the run of message {message} has not"
    if any(record.seq < ends[0].seq for record in later):
        return f"it ended after {last}, and its run went on to {ends[0].seq}"
    return ""


def _last(history: History, told: Sequence[Told], after: int | None) -> int:
    """The version up to which a stream has told everything."""
    if not told:
        return after or 0
    if told[-1].seq is not None:
        return told[-1].seq
    event = told[-1].event
    at = next((each.seq for each in reversed(history.public) if history.event(each) == event), 0)
    return max(at, (version(history, event.task) or 0) if event.HasField("task") else 0)


def _rests(event: StreamResponse) -> bool:
    if event.HasField("message"):
        return True
    status = event.task.status if event.HasField("task") else event.status_update.status
    return status.state in TERMINAL or status.state == TaskState.TASK_STATE_INPUT_REQUIRED
