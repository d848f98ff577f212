"""The events that the core itself makes, as payloads, and the words for refused ones.

Neighbours: `chart.py` (whose reasons are spelled out here), `actor.py` (stores the payloads).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from a2a.types import (
    Message,
    Part,
    Role,
    SendMessageRequest,
    StreamResponse,
    Task,
    TaskState,
    TaskStatus,
    TaskStatusUpdateEvent,
)
from a2a.utils.errors import (
    A2AError,
    InvalidAgentResponseError,
    TaskNotCancelableError,
    TaskNotFoundError,
    UnsupportedOperationError,
)

from actors.task.messages import Emitted
from actors.task.record import Failure, Kind


def stamped(event: Emitted, at: int) -> bytes:
    """Return the payload of an agent's event with a status time (A8, R89) if it bears none.

    Protobuf defines that encoded messages which follow one another are merged, so the time is
    appended instead of parsing and writing the event again.
    """
    status = TaskStatus()
    status.timestamp.FromMilliseconds(at)
    if event.kind == Kind.TASK:
        return event.payload + StreamResponse(task=Task(status=status)).SerializeToString()
    update = TaskStatusUpdateEvent(status=status)
    return event.payload + StreamResponse(status_update=update).SerializeToString()


def _status(state: TaskState, at: int) -> TaskStatus:
    status = TaskStatus(state=state)
    status.timestamp.FromMilliseconds(at)
    return status


def status_update(task: str, context: str, state: TaskState, at: int, say: Message | None) -> bytes:
    """Return the payload of a status update made by the core; `at` in UTC milliseconds."""
    status = _status(state, at)
    if say is not None:
        status.message.CopyFrom(say)
    update = TaskStatusUpdateEvent(task_id=task, context_id=context, status=status)
    return StreamResponse(status_update=update).SerializeToString()


def new_task(
    task: str, context: str, state: TaskState, at: int, request: bytes, say: Message | None
) -> bytes:
    """Return the payload of a Task made by the core, with the user's message as its history."""
    status = _status(state, at)
    if say is not None:
        status.message.CopyFrom(say)
    asked = SendMessageRequest.FromString(request).message
    made = Task(id=task, context_id=context, status=status, history=[asked])
    return StreamResponse(task=made).SerializeToString()


def core_message(task: str, context: str, seq: int, text: str) -> Message:
    """Return a Message in which the core explains a status (R9); its id follows from the log."""
    return Message(
        message_id=f"{task}-{seq}",
        task_id=task,
        context_id=context,
        role=Role.ROLE_AGENT,
        parts=[Part(text=text)],
    )


_VIOLATIONS: Mapping[str, str] = MappingProxyType(
    {
        "status_before_task": "Agent should enqueue Task before TaskStatusUpdateEvent event",
        "artifact_before_task": "Agent should enqueue Task before TaskArtifactUpdateEvent event",
        "update_in_message_mode": (
            "Received {type} in message mode. Use Task with TaskStatusUpdateEvent and "
            "TaskArtifactUpdateEvent instead."
        ),
        "second_message": "Multiple Message objects received.",
        "message_in_task_mode": (
            "Received Message object in task mode. Use TaskStatusUpdateEvent or "
            "TaskArtifactUpdateEvent instead."
        ),
        "state_unspecified": "Agent set no task state; every {type} must name one.",
        "back_to_submitted": "Agent set the task back to SUBMITTED after it had begun.",
        "second_task": "Agent enqueued a second Task; send updates instead.",
        "append_to_unknown": (
            "Agent appended to artifact_id={artifact!r}, which this task does not have. Send the "
            "artifact with append=False first."
        ),
        "append_after_last": (
            "Agent appended to artifact_id={artifact!r} after its last chunk (last_chunk=True)."
        ),
    }
)
"""Why the chart refuses an agent's event -> what callers hear (an InvalidAgentResponseError)."""

_TYPES = {
    Kind.TASK: "Task",
    Kind.STATUS: "TaskStatusUpdateEvent",
    Kind.ARTIFACT: "TaskArtifactUpdateEvent",
    Kind.REPLY: "Message",
}


def violation(reason: str, event: Emitted) -> Failure:
    """Return what a refused event of the agent means for callers (R85)."""
    text = _VIOLATIONS[reason].format(type=_TYPES[event.kind], artifact=event.artifact)
    return Failure(InvalidAgentResponseError.__name__, text)


def unfinished() -> Failure:
    """Return the failure of an agent that returned and had said nothing at all."""
    return Failure(
        InvalidAgentResponseError.__name__, "Agent returned without a Task or a Message."
    )


def terminal_error(task: str, state: int) -> UnsupportedOperationError:
    """Return the answer to a message or subscription to a terminal task (R16, R42)."""
    return UnsupportedOperationError(
        f"Task {task} is in terminal state: {TaskState.Name(TaskState.ValueType(state))}"
    )


def refusal(reason: str, task: str, state: int) -> A2AError:
    """Return the answer to a client's event that the chart refused."""
    match reason:
        case "terminal":
            return terminal_error(task, state)
        case "not_cancelable":
            return TaskNotCancelableError()
        case "busy":
            return UnsupportedOperationError(
                f"Task {task} is working on an earlier message; send again when it has ended."
            )
        case _:
            return TaskNotFoundError()
