"""Agents and a handler for tests: what the agent does is what the message says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from a2a.helpers import new_task_from_user_message
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.context import ServerCallContext
from a2a.server.events import EventQueue
from a2a.server.tasks import TaskUpdater
from a2a.types import (
    AgentCapabilities,
    AgentCard,
    AgentInterface,
    AgentSkill,
    Message,
    Part,
    Role,
    SendMessageConfiguration,
    SendMessageRequest,
    TaskArtifactUpdateEvent,
    TaskState,
    TaskStatus,
    TaskStatusUpdateEvent,
)

from tests.users import Named

Play = Callable[[RequestContext, EventQueue, TaskUpdater], Awaitable[None]]

STANDING = {"journal", "runner", "outbox", "recovery", "retention"}
"""Kinds of the actors that live as long as their system."""


class Actor(AgentExecutor):
    """Plays the scene named by the first word of the message; `gates` hold it up."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.contexts: list[RequestContext] = []
        self.cancels = 0
        self.cancel_play: Play = publish_canceled

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        self.contexts.append(context)
        updater = TaskUpdater(event_queue, str(context.task_id), str(context.context_id))
        scene = context.get_user_input().split()[0]
        await getattr(self, scene)(context, event_queue, updater)

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        self.cancels += 1
        updater = TaskUpdater(event_queue, str(context.task_id), str(context.context_id))
        await self.cancel_play(context, event_queue, updater)

    async def _begin(self, context: RequestContext, queue: EventQueue) -> None:
        if context.current_task is None and context.message is not None:
            await queue.enqueue_event(new_task_from_user_message(context.message))

    async def work(self, context: RequestContext, queue: EventQueue, to: TaskUpdater) -> None:
        """A whole task: working, three chunks, completed."""
        await self._begin(context, queue)
        await to.start_work(to.new_agent_message([Part(text="on it")]))
        for number in range(3):
            await to.add_artifact(
                [Part(text=f"chunk {number}")],
                artifact_id="result",
                append=number > 0,
                last_chunk=number == 2,
            )
        await to.complete()

    async def ask(self, context: RequestContext, queue: EventQueue, to: TaskUpdater) -> None:
        await self._begin(context, queue)
        await to.requires_input(to.new_agent_message([Part(text="which one?")]))

    async def auth(self, context: RequestContext, queue: EventQueue, to: TaskUpdater) -> None:
        """Out of band: the run goes on once the gate opens."""
        await self._begin(context, queue)
        await to.requires_auth(to.new_agent_message([Part(text="log in there")]))
        await self.gate.wait()
        await to.start_work()
        await to.complete()

    async def wait(self, context: RequestContext, queue: EventQueue, to: TaskUpdater) -> None:
        await self._begin(context, queue)
        await to.start_work()
        await self.gate.wait()
        await to.complete()

    async def reply(self, context: RequestContext, queue: EventQueue, to: TaskUpdater) -> None:
        await queue.enqueue_event(bare(context, "just a reply"))

    async def fail(self, context: RequestContext, queue: EventQueue, to: TaskUpdater) -> None:
        await self._begin(context, queue)
        await to.start_work()
        raise ValueError("the tool broke")

    async def fail_first(self, context: RequestContext, queue: EventQueue, to: TaskUpdater) -> None:
        raise ValueError("broke before any task")

    async def silent(self, context: RequestContext, queue: EventQueue, to: TaskUpdater) -> None:
        return

    async def late(self, context: RequestContext, queue: EventQueue, to: TaskUpdater) -> None:
        """Goes on after COMPLETED, as no agent should."""
        await self.work(context, queue, to)
        late = TaskStatusUpdateEvent(
            task_id=str(context.task_id),
            context_id=str(context.context_id),
            status=TaskStatus(state=TaskState.TASK_STATE_WORKING),
        )
        await queue.enqueue_event(late)
        await queue.enqueue_event(
            TaskArtifactUpdateEvent(
                task_id=str(context.task_id), context_id=str(context.context_id)
            )
        )

    async def many(self, context: RequestContext, queue: EventQueue, to: TaskUpdater) -> None:
        """As many chunks as the second word says."""
        await self._begin(context, queue)
        for number in range(int(context.get_user_input().split()[1])):
            chunk = [Part(text=str(number))]
            await to.add_artifact(chunk, artifact_id="many", append=number > 0)
        await to.complete()


async def publish_canceled(_: RequestContext, __: EventQueue, to: TaskUpdater) -> None:
    await to.cancel()


def bare(context: RequestContext, text: str) -> Message:
    return Message(
        message_id="reply",
        context_id=str(context.context_id),
        role=Role.ROLE_AGENT,
        parts=[Part(text=text)],
    )


def card(**capabilities: Any) -> AgentCard:
    return AgentCard(
        name="Actor",
        description="plays scenes",
        version="1",
        capabilities=AgentCapabilities(**{"streaming": True, **capabilities}),
        supported_interfaces=[
            AgentInterface(
                url="http://127.0.0.1", protocol_binding="JSONRPC", protocol_version="1.0"
            )
        ],
        default_input_modes=["text/plain"],
        default_output_modes=["text/plain"],
        skills=[AgentSkill(id="play", name="play", description="plays", tags=["test"])],
    )


def ask(text: str, task: str = "", context: str = "", **configuration: Any) -> SendMessageRequest:
    return SendMessageRequest(
        message=Message(
            message_id=f"m {text}",
            role=Role.ROLE_USER,
            parts=[Part(text=text)],
            task_id=task,
            context_id=context,
        ),
        configuration=SendMessageConfiguration(**configuration),
    )


def as_user(name: str, tenant: str = "") -> ServerCallContext:
    return ServerCallContext(user=Named(name), tenant=tenant)


async def until_quiet() -> None:
    """Let everything run that can run without us."""
    for _ in range(20):
        await asyncio.sleep(0)
    others = asyncio.all_tasks() - {asyncio.current_task()}
    while any(not task.done() for task in others):
        await asyncio.wait(others, timeout=2, return_when=asyncio.ALL_COMPLETED)
        others = {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}
    for _ in range(20):
        await asyncio.sleep(0)
