"""Scopes of anyio, on which Starlette is built, end the streams that are read in them.

Neighbours: `test_streams.py` (the way out), `tests/runtime/test_bell.py` (where readers wait).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import anyio
import pytest
from a2a.types import SubscribeToTaskRequest, Task

from actors.a2a import RequestHandler
from actors.storage import MemoryJournal
from tests.a2a.agents import Actor, as_user, ask, card

ME = as_user("me")
Read = Callable[[RequestHandler, str], AsyncIterator[object]]


def subscribed(handler: RequestHandler, task: str) -> AsyncIterator[object]:
    return handler.on_subscribe_to_task(SubscribeToTaskRequest(id=task), ME)


def sent(handler: RequestHandler, _: str) -> AsyncIterator[object]:
    return handler.on_message_send_stream(ask("wait"), ME)


@pytest.mark.parametrize("read", [subscribed, sent])
async def test_a_scope_that_is_cancelled_ends_a_stream_and_nothing_else(read: Read) -> None:
    """It knows its cancellation by the message, which has to come back to it."""
    agent = Actor()
    handler = RequestHandler(agent, None, card(), journal=MemoryJournal())
    task = await handler.on_message_send(ask("ask"), ME)
    assert isinstance(task, Task)
    async with asyncio.timeout(5):
        with anyio.CancelScope() as scope:
            async for _ in read(handler, task.id):
                asyncio.get_running_loop().call_soon(scope.cancel)  # while it waits for more
        assert scope.cancelled_caught
        await anyio.lowlevel.checkpoint()  # and its task goes on
    agent.gate.set()
    await handler.aclose()
