"""Emission: what an event of an agent says, as its task will ask.

Neighbours: `queue.py` (takes events), `task/runs.py` (decides about them).
"""

from __future__ import annotations

from collections.abc import Iterator

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
from actors.task.messages import Emitted
from actors.task.ports import RunId
from actors.task.record import Failure, Kind

Update = TaskStatusUpdateEvent | TaskArtifactUpdateEvent
Event = Message | Task | Update


def emitted(run: RunId, context: str, event: Event, *, checked: bool = False) -> Emitted:
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
    match event:
        case TaskArtifactUpdateEvent():
            return Emitted(
                run,
                Kind.ARTIFACT,
                "artifact",
                0,
                _placed(StreamResponse(artifact_update=event), run, context, checked=checked),
                artifact=event.artifact.artifact_id,
                append=event.append,
                last=event.last_chunk,
                mismatch=_not_ours(run, event)
                or (_elsewhere(context, event) or _nameless(event) if checked else None),
            )
        case TaskStatusUpdateEvent(status=status):
            return Emitted(
                run,
                Kind.STATUS,
                STATUS.get(status.state, "status_unspecified"),
                status.state,
                _placed(StreamResponse(status_update=event), run, context, checked=checked),
                at=_at(status),
                mismatch=_not_ours(run, event) or (_elsewhere(context, event) if checked else None),
            )
        case Task(status=status):
            return Emitted(
                run,
                Kind.TASK,
                TASK.get(status.state, "task_unspecified"),
                status.state,
                _placed(StreamResponse(task=event), run, context, checked=checked),
                at=_at(status),
                artifacts=tuple(artifact.artifact_id for artifact in event.artifacts),
                mismatch=_wrong_task(run, event)
                or _wrong_context(context, event)
                or (_ambiguous(event) if checked else None),
            )
        case Message():
            return Emitted(
                run,
                Kind.REPLY,
                "message",
                0,
                _placed(StreamResponse(message=event), run, context, checked=checked),
                mismatch=_elsewhere(context, event) if checked else None,
            )
        case _:
            raise TypeError(
                f"enqueue_event got {type(event).__name__}; an agent emits Task, Message, "
                "TaskStatusUpdateEvent or TaskArtifactUpdateEvent of a2a.types"
            )


def unexplained(event: Event) -> bool:
    """R20: AUTH_REQUIRED without a word about what is wanted."""
    if not isinstance(event, Task | TaskStatusUpdateEvent):
        return False
    asks: bool = event.status.state == TaskState.TASK_STATE_AUTH_REQUIRED
    return asks and not event.status.HasField("message")


def _at(status: TaskStatus) -> int:
    if not status.HasField("timestamp"):
        return 0
    if not in_range(status.timestamp):
        raise ValueError(
            f"the timestamp of a status, {status.timestamp.seconds} s, lies outside of the years 1 "
            "to 9999: it counts seconds, not milliseconds"
        )
    return status.timestamp.ToMilliseconds()


def _wrong_task(run: RunId, task: Task) -> Failure | None:
    """Detail 5: a Task with another id."""
    if task.id != run.task:
        return Failure("InternalError", "Task ID mismatch in agent response")
    return None


def _wrong_context(context: str, task: Task) -> Failure | None:
    if task.context_id != context:
        text = f"Agent sent a Task of context {task.context_id!r}; this task's is {context!r}."
        return Failure("InvalidAgentResponseError", text)
    return None


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


def _not_ours(run: RunId, update: Update) -> Failure | None:
    """R85: an update for another task."""
    if update.task_id != run.task:
        text = f"Agent sent an update for task {update.task_id!r}."
        return Failure("InvalidAgentResponseError", text)
    return None


def _elsewhere(context: str, event: Update | Message) -> Failure | None:
    """R6, R9: an event that names another context."""
    if event.context_id in ("", context):
        return None
    text = f"Agent sent an event of context {event.context_id!r}; this task's is {context!r}."
    return Failure("InvalidAgentResponseError", text)


def _placed(response: StreamResponse, run: RunId, context: str, *, checked: bool) -> bytes:
    """Return an event as it goes out: in its context, a bare Message without a task (R9).

    Args:
        response: ours to change.
        run: of the task.
        context: of the task.
        checked: else it goes out as it was emitted.
    """
    if checked:
        event = getattr(response, str(response.WhichOneof("payload")))
        event.context_id = context
        for message in _messages(event):
            message.context_id = message.context_id or context
            message.task_id = message.task_id or run.task
        if isinstance(event, Message):
            event.task_id = ""
    payload: bytes = response.SerializeToString()
    return payload


def _messages(event: Event) -> Iterator[Message]:
    """What the agent says within an event."""
    if isinstance(event, Task | TaskStatusUpdateEvent) and event.status.HasField("message"):
        yield event.status.message
    if isinstance(event, Task):
        yield from (said for said in event.history if said.role == Role.ROLE_AGENT)
