"""Agents that emit from asyncio tasks of their own and do not await the last of them."""

from __future__ import annotations

import asyncio

import pytest
from a2a.helpers import new_task_from_user_message
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.tasks import TaskUpdater
from a2a.types import Part, Task, TaskState

from actors.a2a import RequestHandler
from actors.storage import MemoryJournal
from tests.a2a.agents import as_user, ask, card


class Callbacks(AgentExecutor):
    """As libraries with synchronous callbacks do it: an asyncio task for each event."""

    def __init__(self, chunks: int) -> None:
        self.chunks = chunks

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        assert context.message is not None
        task = new_task_from_user_message(context.message)
        await event_queue.enqueue_event(task)
        updater = TaskUpdater(event_queue, task.id, task.context_id)
        emitting = [
            asyncio.create_task(
                updater.add_artifact(
                    [Part(text=str(number))], artifact_id="a", append=number > 0, last_chunk=False
                )
            )
            for number in range(self.chunks)
        ]
        self.last = [*emitting, asyncio.create_task(updater.complete())]

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        raise NotImplementedError("nobody cancels here")


@pytest.mark.parametrize("chunks", [0, 1, 5])
async def test_what_it_emits_last_is_heard(chunks: int) -> None:
    handler = RequestHandler(Callbacks(chunks), None, card(), journal=MemoryJournal())
    answer = await handler.on_message_send(ask("go"), as_user("me"))
    assert isinstance(answer, Task)
    assert answer.status.state == TaskState.TASK_STATE_COMPLETED
    said = [part.text for artifact in answer.artifacts for part in artifact.parts]
    assert said == [str(number) for number in range(chunks)]
    await handler.aclose()
