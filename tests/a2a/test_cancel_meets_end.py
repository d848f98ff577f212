"""A cancel that comes while the agent returns upon its last words: whichever is first, all ends.

Neighbours: `test_cancel_matrix.py` (cancels in every state), `agents.py` (the agent).
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from a2a.server.agent_execution import RequestContext
from a2a.server.events import EventQueue
from a2a.server.tasks import TaskUpdater
from a2a.types import CancelTaskRequest, GetTaskRequest, Task, TaskState
from a2a.utils.errors import TaskNotCancelableError

from actors.a2a import Policy, RequestHandler
from actors.storage import MemoryJournal
from tests.a2a.agents import Actor, as_user, ask, card

ME = as_user("me")
TURNS = 12
"""Of the loop: more than there are between a cancel and the agent that hears of it."""
ENDS = (TaskState.TASK_STATE_COMPLETED, TaskState.TASK_STATE_CANCELED)


async def say_nothing(_: RequestContext, queue: EventQueue, to: TaskUpdater) -> None:
    """Be cancelled once it has unwound."""


@pytest.mark.parametrize("turns", range(TURNS))
async def test_a_run_that_returns_as_it_is_cancelled_is_over(turns: int) -> None:
    agent = Actor()
    agent.cancel_play = say_nothing
    policy = Policy.sdk(drain=60, cancel_grace=60)  # longer than the test: nothing waits for them
    handler = RequestHandler(agent, None, card(), journal=MemoryJournal(), policy=policy)
    task = await handler.on_message_send(ask("wait", return_immediately=True), ME)
    assert isinstance(task, Task)
    async with asyncio.timeout(5):
        cancel = handler.on_cancel_task(CancelTaskRequest(id=task.id), ME)
        cancelled = asyncio.ensure_future(cancel)
        for _ in range(turns):
            await asyncio.sleep(0)
        agent.gate.set()
        with suppress(TaskNotCancelableError):
            await cancelled
        found = await handler.on_get_task(GetTaskRequest(id=task.id), ME)
        assert found is not None
        assert found.status.state in ENDS
        await handler.retire()
