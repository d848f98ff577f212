"""The events that the core itself makes, as payloads, and the words for refused ones.

Neighbours: `chart.py` (whose reasons are spelled out here), `actor.py` (stores the payloads).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

from actors.task.messages import AgentEvent
from actors.task.record import Failure, Kind


def stamped(event: AgentEvent, at: int) -> bytes:
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
    task: str,
    context: str,
    state: TaskState,
    at: int,
    request: bytes,
    say: Message | None,
    before: Sequence[bytes] = (),
) -> bytes:
    """Return the payload of a Task made by the core, with the user's messages as its history.

    Args:
        task: its id.
        context: its context's.
        state: what it is in.
        at: UTC milliseconds.
        request: what the user asked.
        say: the message of its status.
        before: what the user asked before that, in order.
    """
    status = _status(state, at)
    if say is not None:
        status.message.CopyFrom(say)
    asked = [SendMessageRequest.FromString(each).message for each in (*before, request)]
    made = Task(id=task, context_id=context, status=status, history=asked)
    return StreamResponse(task=made).SerializeToString()


def combined(requests: Sequence[bytes]) -> bytes:
    """Return requests as one, for one run (A2): the last, with the others' parts before its own.

    It also refers to the tasks that the others refer to (R10); ids and all else are its own.
    """
    if len(requests) == 1:
        return requests[0]
    request, messages = SendMessageRequest.FromString(requests[-1]), _messages(requests)
    parts = [part for message in messages for part in message.parts]
    tasks = dict.fromkeys(task for message in messages for task in message.reference_task_ids)
    request.message.ClearField("parts")
    request.message.parts.extend(parts)
    request.message.ClearField("reference_task_ids")
    request.message.reference_task_ids.extend(tasks)
    return request.SerializeToString()


def as_sent(payload: bytes, requests: Sequence[bytes]) -> bytes:
    """Return the payload of an agent's Task whose history has messages as they were sent.

    An agent that makes its Task of `combined` requests knows them as one message.
    """
    if len(requests) == 1:
        return payload
    event, sent = StreamResponse.FromString(payload), _messages(requests)
    combination, known = sent[-1].message_id, [each.message_id for each in event.task.history]
    if combination not in known:
        return payload
    left_out = [each for each in sent if each.message_id not in known or each is sent[-1]]
    history: list[Message] = []
    for message in event.task.history:
        history += left_out if message.message_id == combination else [message]
    event.task.ClearField("history")
    event.task.history.extend(history)
    return event.SerializeToString()


def _messages(requests: Sequence[bytes]) -> list[Message]:
    return [SendMessageRequest.FromString(each).message for each in requests]


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


def violation(reason: str, event: AgentEvent) -> Failure:
    """Return what a refused event of the agent means for callers (R85)."""
    text = _VIOLATIONS[reason].format(type=_TYPES[event.kind], artifact=event.artifact)
    return Failure(InvalidAgentResponseError.__name__, text)


def too_many_artifacts(found: int, most: int) -> Failure:
    """Return what it means for callers that an agent makes more artifacts than a task may have."""
    text = (
        f"Agent made {found} artifacts in one task, {most} are allowed: append to those there are."
    )
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
