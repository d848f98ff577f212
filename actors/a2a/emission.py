"""Emission: what an event of an agent says, as its task will ask.

Neighbours: `queue.py` (takes events), `gathering.py` (what was not delivered yet), `task/runs.py`
(decides about them).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeVar

from a2a.types import (
    Message,
    Role,
    StreamResponse,
    Task,
    TaskArtifactUpdateEvent,
    TaskState,
    TaskStatus,
    TaskStatusUpdateEvent,
)

from actors.a2a.sayable import in_range
from actors.task.chart import STATUS, TASK
from actors.task.fold import TERMINAL
from actors.task.messages import AgentEvent
from actors.task.ports import RunId
from actors.task.record import Failure, Kind

Update = TaskStatusUpdateEvent | TaskArtifactUpdateEvent
Event = Message | Task | Update
AnyEvent = TypeVar("AnyEvent", Message, Task, TaskStatusUpdateEvent, TaskArtifactUpdateEvent)
AUTH_REQUIRED: Final = int(TaskState.TASK_STATE_AUTH_REQUIRED)
_OF_ARTIFACT: Final = Kind.ARTIFACT
_OF_STATUS: Final = Kind.STATUS
_OF_TASK: Final = Kind.TASK
_OF_MESSAGE: Final = Kind.REPLY
_KEPT: Final = 1024
"""Bytes of an event whose head is kept; most have fewer."""
_new = tuple.__new__
"""Makes an `AgentEvent` in a third of the time of its own constructor; there is one an event."""


def emitted(run: RunId, context: str, event: Event, *, checked: bool = False) -> AgentEvent:
    """Read off an event everything that its task will be asked about it.

    Args:
        run: that has emitted it.
        context: of the task.
        event: as emitted.
        checked: what it says of its context is checked, and filled in (R6, R9); so are the ids of
            a Task's artifacts (R48).

    Raises:
        TypeError: it is none of the four kinds of A2A events.
        ValueError: its time cannot be told.
    """
    read = _READERS.get(type(event))
    if read is None:
        raise TypeError(
            f"enqueue_event got {type(event).__name__}; an agent emits Task, Message, "
            "TaskStatusUpdateEvent or TaskArtifactUpdateEvent of a2a.types"
        )
    return read(run, context, event, checked)


def _artifact(
    run: RunId, context: str, event: TaskArtifactUpdateEvent, checked: bool
) -> AgentEvent:
    artifact = event.artifact.artifact_id
    mismatch = None if event.task_id == run.task else _not_ours(event)
    if checked:
        mismatch = mismatch or _elsewhere(context, event) or _nameless(event)
        event = _placed(event, run, context)
    payload = _wrapped(ARTIFACT_UPDATE, event)
    append, last = event.append, event.last_chunk
    fields = (_OF_ARTIFACT, "artifact", 0, payload, 0, (), artifact, append, last, mismatch, ())
    return _new(AgentEvent, fields)


def _status(run: RunId, context: str, event: TaskStatusUpdateEvent, checked: bool) -> AgentEvent:
    status = event.status
    state, at = status.state, _at(status)
    mismatch = None if event.task_id == run.task else _not_ours(event)
    if checked:
        mismatch = mismatch or _elsewhere(context, event)
        event = _placed(event, run, context)
    payload = _wrapped(_STATUS_UPDATE, event)
    trigger = STATUS.get(state, "status_unspecified")
    fields = (_OF_STATUS, trigger, state, payload, at, (), "", False, False, mismatch, ())
    return _new(AgentEvent, fields)


def _task(run: RunId, context: str, event: Task, checked: bool) -> AgentEvent:
    status = event.status
    state, at = status.state, _at(status)
    mismatch = None
    if event.id != run.task or event.context_id != context:
        mismatch = _another(run, context, event)
    if checked:
        mismatch = mismatch or _ambiguous(event)
        event = _placed(event, run, context)
    payload = _wrapped(_TASK, event)
    trigger = TASK.get(state, "task_unspecified")
    artifacts = tuple([artifact.artifact_id for artifact in event.artifacts])
    fields = (_OF_TASK, trigger, state, payload, at, artifacts, "", False, False, mismatch, ())
    return _new(AgentEvent, fields)


def _message(run: RunId, context: str, event: Message, checked: bool) -> AgentEvent:
    mismatch = None
    if checked:
        mismatch = _elsewhere(context, event)
        event = _placed(event, run, context)
    return AgentEvent(_OF_MESSAGE, "message", 0, _wrapped(_MESSAGE, event), mismatch=mismatch)


_READERS: Mapping[type, Callable[[RunId, str, Any, bool], AgentEvent]] = MappingProxyType(
    {
        TaskArtifactUpdateEvent: _artifact,
        TaskStatusUpdateEvent: _status,
        Task: _task,
        Message: _message,
    }
)


def conclusive(event: AgentEvent) -> bool:
    """Whether nothing counts that comes after an event, whatever the chart says of it.

    A Task is none: it may be the second, which is dropped.
    """
    return event.kind is _OF_MESSAGE or (event.kind is _OF_STATUS and event.state in TERMINAL)


def explained(event: Event) -> bool:
    """R20: whether an AUTH_REQUIRED says in a word what is wanted."""
    assert isinstance(event, Task | TaskStatusUpdateEvent)  # noqa: S101 - others have no state
    return event.status.HasField("message")


def _at(status: TaskStatus) -> int:
    if not status.HasField("timestamp"):
        return 0
    timestamp = status.timestamp
    seconds: int = timestamp.seconds
    nanos: int = timestamp.nanos
    if not in_range(seconds, nanos):
        raise ValueError(
            f"the timestamp of a status, {seconds} s, lies outside of the years 1 "
            "to 9999: it counts seconds, not milliseconds"
        )
    return seconds * 1000 + nanos // 1_000_000


def _another(run: RunId, context: str, task: Task) -> Failure:
    """Detail 5: a Task with another id; or of another context."""
    if task.id != run.task:
        return Failure("InternalError", "Task ID mismatch in agent response")
    text = f"Agent sent a Task of context {task.context_id!r}; this task's is {context!r}."
    return Failure("InvalidAgentResponseError", text)


def _nameless(update: TaskArtifactUpdateEvent) -> Failure | None:
    """R11, R85: an artifact without the id that it must have."""
    if update.artifact.artifact_id:
        return None
    return Failure("InvalidAgentResponseError", "Agent sent an artifact without an artifact_id.")


def _ambiguous(task: Task) -> Failure | None:
    """R48: a Task with two artifacts of one id."""
    seen: set[str] = set()
    for artifact in task.artifacts:
        if artifact.artifact_id in seen:
            text = f"Agent sent a Task with two artifacts of the id {artifact.artifact_id!r}."
            return Failure("InvalidAgentResponseError", text)
        seen.add(artifact.artifact_id)
    return None


def _not_ours(update: Update) -> Failure:
    """R85: an update for another task."""
    text = f"Agent sent an update for task {update.task_id!r}."
    return Failure("InvalidAgentResponseError", text)


def _elsewhere(context: str, event: Update | Message) -> Failure | None:
    """R6, R9: an event that names another context."""
    if event.context_id in ("", context):
        return None
    text = f"Agent sent an event of context {event.context_id!r}; this task's is {context!r}."
    return Failure("InvalidAgentResponseError", text)


def _placed(event: AnyEvent, run: RunId, context: str) -> AnyEvent:
    """Return an event as it goes out: in its context, a bare Message without a task (R9)."""
    placed = type(event)()
    placed.CopyFrom(event)
    placed.context_id = context
    for message in _messages(placed):
        message.context_id = message.context_id or context
        message.task_id = message.task_id or run.task
    if isinstance(placed, Message):
        placed.task_id = ""
    return placed


def tag(field: str) -> int:
    """Return the first byte of a serialised StreamResponse that holds this field."""
    number: int = StreamResponse.DESCRIPTOR.fields_by_name[field].number
    return number << 3 | 2


class Heads(dict[int, bytes]):
    """By its size, what stands before an event in a serialised StreamResponse: tag and length.

    So it is wrapped: putting it into a StreamResponse would copy it, at three times the cost.

    Args:
        field: of StreamResponse.
    """

    def __init__(self, field: str) -> None:
        self._tag = tag(field)

    def __missing__(self, size: int) -> bytes:
        head, left = [self._tag], size
        while left > 0x7F:
            head.append(left & 0x7F | 0x80)
            left >>= 7
        made = bytes((*head, left))
        if size <= _KEPT:
            self[size] = made
        return made


ARTIFACT_UPDATE, _STATUS_UPDATE = Heads("artifact_update"), Heads("status_update")
_TASK, _MESSAGE = Heads("task"), Heads("message")


def _wrapped(heads: Heads, event: Event) -> bytes:
    """Return an event as a serialised StreamResponse."""
    payload: bytes = event.SerializeToString()
    return heads[len(payload)] + payload


def _messages(event: Event) -> Iterator[Message]:
    """What the agent says within an event."""
    if isinstance(event, Task | TaskStatusUpdateEvent) and event.status.HasField("message"):
        yield event.status.message
    if isinstance(event, Task):
        yield from (said for said in event.history if said.role == Role.ROLE_AGENT)
