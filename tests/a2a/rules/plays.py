"""The agent of the checks: a play is what it does with one message, and comes with the message.

Neighbours: `world.py` (hands plays over), `server.py` (the agent behind the handler).
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from a2a.helpers import new_task_from_user_message
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.tasks import TaskUpdater
from a2a.types import Message, Part, Role, Task, TaskState, TaskStatus, TaskStatusUpdateEvent

Wrap = Callable[[EventQueue], EventQueue]


@dataclass(frozen=True, slots=True)
class Stage:
    """What a play has at hand: the request, the queue, and the gate of the check's user."""

    context: RequestContext
    queue: EventQueue
    to: TaskUpdater
    gate: asyncio.Event

    async def emit(self, event: Any) -> None:
        """Emit any event as it is."""
        await self.queue.enqueue_event(event)

    def new_task(self, state: TaskState = TaskState.TASK_STATE_SUBMITTED) -> Task:
        """Return a Task for the message at hand, not yet emitted."""
        assert self.context.message is not None
        task: Task = new_task_from_user_message(self.context.message)
        task.status.CopyFrom(TaskStatus(state=state))
        return task

    async def begin(self) -> None:
        """Emit the Task, unless there is one."""
        if self.context.current_task is None:
            await self.emit(self.new_task())

    async def status(self, state: TaskState, text: str = "") -> None:
        """Emit any status, as no TaskUpdater would after the end."""
        status = TaskStatus(state=state, message=self.says(text) if text else None)
        task, context = self.to.task_id, self.to.context_id
        await self.emit(TaskStatusUpdateEvent(status=status, task_id=task, context_id=context))

    def says(self, text: str) -> Message:
        """Return a message of the agent's in this task."""
        return self.to.new_agent_message([Part(text=text)])

    async def chunk(self, text: str, artifact: str = "result", **options: Any) -> None:
        """Emit a piece of an artifact."""
        await self.to.add_artifact([Part(text=text)], artifact_id=artifact, **options)


Play = Callable[[Stage], Awaitable[None]]


class Scripted(AgentExecutor):
    """Plays what was registered for a message id, `work` for any other.

    Args:
        wrap: stands between the plays and the real queue.
    """

    def __init__(self, wrap: Wrap) -> None:
        self._wrap = wrap
        self.plays: dict[str, Play] = {}
        self.cancel_plays: dict[str, Play] = {}
        self.gates: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self.seen: defaultdict[str, list[RequestContext]] = defaultdict(list)
        """The requests that reached `execute`, by user."""

    def _stage(self, context: RequestContext, queue: EventQueue) -> Stage:
        wrapped = self._wrap(queue)
        updater = TaskUpdater(wrapped, str(context.task_id), str(context.context_id))
        return Stage(context, wrapped, updater, self.gates[_user(context)])

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        assert context.message is not None
        self.seen[_user(context)].append(context)
        play = self.plays.get(context.message.message_id, work)
        await play(self._stage(context, event_queue))

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        play = self.cancel_plays.get(_user(context), publish_canceled)
        await play(self._stage(context, event_queue))

    def open_gates(self) -> None:
        for gate in self.gates.values():
            gate.set()


def _user(context: RequestContext) -> str:
    return context.call_context.user.user_name


async def publish_canceled(stage: Stage) -> None:
    """How agents answer a cancel."""
    await stage.to.cancel()


async def work(stage: Stage) -> None:
    """A whole task: working, three chunks of one artifact, completed."""
    await stage.begin()
    await stage.to.start_work(stage.says("on it"))
    for number in range(3):
        await stage.chunk(f"chunk {number}", append=number > 0, last_chunk=number == 2)
    await stage.to.complete()


async def ask(stage: Stage) -> None:
    """A question; the run is over."""
    await stage.begin()
    await stage.to.requires_input(stage.says("which one?"))


async def wait(stage: Stage) -> None:
    """Working until the gate opens, then completed."""
    await stage.begin()
    await stage.to.start_work()
    await stage.gate.wait()
    await stage.to.complete()


async def auth(stage: Stage) -> None:
    """Credentials are awaited out of band: the run goes on once the gate opens."""
    await stage.begin()
    await stage.to.requires_auth(stage.says("log in there"))
    await stage.gate.wait()
    await stage.to.start_work()
    await stage.to.complete()


async def reply(stage: Stage) -> None:
    """A bare Message, no Task."""
    said = Message(message_id="reply", role=Role.ROLE_AGENT, parts=[Part(text="just a reply")])
    said.context_id = stage.to.context_id
    await stage.emit(said)


def ends_in(state: TaskState) -> Play:
    """A task that goes straight to a state, by a status of its own."""

    async def play(stage: Stage) -> None:
        await stage.begin()
        await stage.status(state)

    play.__name__ = f"ends_in_{TaskState.Name(state)}"
    return play
