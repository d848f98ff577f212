"""The EventQueue that an agent writes to: facts out, credit back.

`enqueue_event` serialises the event before its first await, so the agent may reuse its objects;
those bytes are what the journal, every stream and every webhook share. Then it waits for credit:
an agent is slowed by its own journal, never by its readers.

Neighbours: `agent.py` (owns one per run), `task/runs.py` (decides what was emitted).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Self

from a2a.server.events import EventQueue
from a2a.types import (
    Message,
    StreamResponse,
    Task,
    TaskArtifactUpdateEvent,
    TaskStatus,
    TaskStatusUpdateEvent,
)

from actors.a2a.sayable import in_range, unsayable
from actors.task.chart import STATUS, TASK
from actors.task.messages import Emitted
from actors.task.ports import RunId
from actors.task.record import Failure, Kind

Event = Message | Task | TaskStatusUpdateEvent | TaskArtifactUpdateEvent

CREDIT = 128
"""Events that a run may emit ahead of the journal."""

EVENT_BOUND = 16 * 1024 * 1024
"""Bytes of one event; a record must fit into a frame of any journal."""


class RunQueue(EventQueue):
    """The queue of one run. Closed when the run is over, abandoned or superseded.

    Args:
        run: whose events these are.
        context: context id of the task.
        tell: delivers what was emitted; called before `enqueue_event` first awaits, if there is
            room.
        late: told about each event that came after the queue was closed.
    """

    def __init__(
        self,
        run: RunId,
        context: str,
        tell: Callable[[Emitted], None],
        late: Callable[[object], None],
    ) -> None:
        self._run = run
        self._context = context
        self._tell = tell
        self._late = late
        self._credit = CREDIT
        self._room: asyncio.Future[None] | None = None
        self.closed = False

    async def enqueue_event(self, event: Event) -> None:
        """Emit an event; returns once there is room for the next one.

        After the end of the run, or of the task, this returns at once and the event is counted as
        a dead letter.

        Raises:
            TypeError: `event` is none of the four kinds of A2A events.
            ValueError: `event` is larger than a record can be, or has no form in JSON: NaN or an
                infinity in its data or metadata, a time beyond the year 9999.
        """
        if self.closed:
            self._late(event)
            await asyncio.sleep(0)  # an agent that goes on for ever must not block the loop
            return
        fact = emitted(self._run, self._context, event)
        if len(fact.payload) > EVENT_BOUND:
            raise ValueError(
                f"an event of {len(fact.payload)} bytes is too large, {EVENT_BOUND} is the most: "
                "send large artifacts in chunks (append=True) or by URL"
            )
        if (reason := unsayable(event, fact.payload)) is not None:
            raise ValueError(
                f"an event cannot be told to clients, as JSON has no such number ({reason}): use "
                "None or a string in place of NaN and infinities in data and metadata"
            )
        await self._has_room()  # another task of this agent may have used it up
        if self.is_closed():
            self._late(event)
            return
        self._credit -= 1
        self._tell(fact)
        await self._has_room()

    async def _has_room(self) -> None:
        while self._credit <= 0 and not self.closed:
            if self._room is None:
                self._room = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._room)

    def grant(self, events: int) -> None:
        """Make room for more events."""
        self._credit += events
        if self._credit > 0:
            self._wake()

    def shut(self) -> None:
        """Take no more events; whoever waits for credit goes on."""
        self.closed = True
        self._wake()

    # What agents written for the queues of a2a-sdk may call, and users' own helpers do.

    async def close(self, immediate: bool = False) -> None:
        """Drop whatever the agent emits after this; what it has emitted stands."""
        self.shut()

    def is_closed(self) -> bool:
        """Tell whether further events are dropped."""
        return self.closed

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _wake(self) -> None:
        room, self._room = self._room, None
        if room is not None and not room.done():
            room.set_result(None)


def emitted(run: RunId, context: str, event: Event) -> Emitted:
    """Read off an event everything that its task will be asked about it.

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
                StreamResponse(artifact_update=event).SerializeToString(),
                artifact=event.artifact.artifact_id,
                append=event.append,
                last=event.last_chunk,
                mismatch=_not_ours(run, event.task_id),
            )
        case TaskStatusUpdateEvent(status=status):
            return Emitted(
                run,
                Kind.STATUS,
                STATUS.get(status.state, "status_unspecified"),
                status.state,
                StreamResponse(status_update=event).SerializeToString(),
                at=_at(status),
                mismatch=_not_ours(run, event.task_id),
            )
        case Task(status=status):
            return Emitted(
                run,
                Kind.TASK,
                TASK.get(status.state, "task_unspecified"),
                status.state,
                StreamResponse(task=event).SerializeToString(),
                at=_at(status),
                artifacts=tuple(artifact.artifact_id for artifact in event.artifacts),
                mismatch=_wrong_task(run, event) or _wrong_context(context, event),
            )
        case Message():
            payload = StreamResponse(message=event).SerializeToString()
            return Emitted(run, Kind.REPLY, "message", 0, payload)
        case _:
            raise TypeError(
                f"enqueue_event got {type(event).__name__}; an agent emits Task, Message, "
                "TaskStatusUpdateEvent or TaskArtifactUpdateEvent of a2a.types"
            )


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


def _not_ours(run: RunId, task: str) -> Failure | None:
    """R85: an update for another task."""
    if task != run.task:
        return Failure("InvalidAgentResponseError", f"Agent sent an update for task {task!r}.")
    return None
