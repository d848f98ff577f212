"""The same message again, when the retention has been there in between (R86)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from a2a.types import SendMessageRequest, Task
from a2a.utils.errors import InvalidParamsError

from actors.a2a import Policy, RequestHandler
from actors.runtime.journal.port import Snapshot
from actors.storage import MemoryJournal
from actors.task.fold import fold
from tests.a2a.agents import Actor
from tests.a2a.test_once import (
    ME,
    ONCE,
    compacted,
    message,
    outcome,
    serving,
    stream,
    turns,
    until_started,
)

SOON = 2.0


@pytest.fixture
def agent() -> Actor:
    return Actor()


@pytest.fixture(params=["sdk", "spec"])
async def handler(request: pytest.FixtureRequest, agent: Actor) -> AsyncIterator[RequestHandler]:
    policy = ONCE if request.param == "sdk" else Policy.spec()
    async with serving(MemoryJournal(), agent, policy) as made:
        yield made


async def begun(handler: RequestHandler) -> str:
    """A task that waits for input, and whose records so far are gone."""
    asked = await outcome(handler, message("ask", name="before"))
    assert isinstance(asked, Task)
    await compacted(handler, asked.id)
    return asked.id


@pytest.mark.parametrize("scene", ["work", "ask", "fail"])
async def test_what_came_after_is_answered_as_then(handler: RequestHandler, scene: str) -> None:
    task = await begun(handler)
    first = await outcome(handler, message(scene, task))
    if scene == "ask":
        await outcome(handler, message("work", task, "later"))  # the task has gone on
    assert await outcome(handler, message(scene, task)) == first


async def test_what_came_after_is_streamed_as_then(handler: RequestHandler) -> None:
    task = await begun(handler)
    first = await stream(handler, message("work", task))
    assert await asyncio.wait_for(stream(handler, message("work", task)), SOON) == first


async def test_a_run_that_goes_on_is_waited_for(handler: RequestHandler, agent: Actor) -> None:
    task = await begun(handler)
    first = asyncio.create_task(outcome(handler, message("wait", task)))
    await until_started(handler, agent, 2)
    second = asyncio.create_task(outcome(handler, message("wait", task)))
    await turns()
    assert not second.done()
    agent.gate.set()
    assert await first == await second


async def test_the_stream_of_a_task_that_waits_ends_with_it(handler: RequestHandler) -> None:
    asked = await outcome(handler, message("ask"))
    assert isinstance(asked, Task)
    await compacted(handler, asked.id)
    ((_, event),) = await asyncio.wait_for(stream(handler, message("ask")), SOON)
    assert event.task == asked  # type: ignore[attr-defined] # a StreamResponse


@pytest.mark.parametrize("scene", ["work", "wait"])
async def test_with_a_snapshot_of_later(handler: RequestHandler, agent: Actor, scene: str) -> None:
    """The records are there and what they stand upon is not: the Task as it is, once it rests."""
    task = await begun(handler)
    agent.gate.set()
    first = await outcome(handler, message(scene, task))
    streamed = await stream(handler, message(scene, task))
    core = await handler._entry.core()
    stored: Any = core.journal.read(task)
    late = fold(stored.tail, type(fold(())).unpack(stored.snapshot.payload))
    core.journal.save_snapshot(task, Snapshot(late.version, late.pack()))
    assert await outcome(handler, message(scene, task)) == first
    again = await asyncio.wait_for(stream(handler, message(scene, task)), SOON)
    assert again == [each for each in streamed if each[0] >= again[0][0]]


async def test_with_a_snapshot_of_a_run_that_goes_on(handler: RequestHandler, agent: Actor) -> None:
    task = await begun(handler)
    first = asyncio.create_task(outcome(handler, message("wait", task)))
    await until_started(handler, agent, 2)
    core = await handler._entry.core()
    stored: Any = core.journal.read(task)
    midway = fold(stored.tail, type(fold(())).unpack(stored.snapshot.payload))
    core.journal.save_snapshot(task, Snapshot(midway.version, midway.pack()))
    second = asyncio.create_task(outcome(handler, message("wait", task)))
    await turns()
    assert not second.done()
    agent.gate.set()
    assert await asyncio.wait_for(second, SOON) == await first


async def refused(handler: RequestHandler, request: SendMessageRequest) -> str:
    with pytest.raises(InvalidParamsError) as caught:
        await handler.on_message_send(request, ME)
    return str(caught.value)


class TestOtherContent:
    """A message id that comes again with something else is no repetition."""

    async def test_other_parts(self, handler: RequestHandler, agent: Actor) -> None:
        await outcome(handler, message("work", name="m"))
        text = await refused(handler, message("ask", name="m"))
        assert "'m' was used before, for a message with other parts" in text
        ((_, streamed),) = await stream(handler, message("ask", name="m"))
        assert streamed == (InvalidParamsError, text)
        assert len(agent.contexts) == 1

    async def test_another_task_or_context(self, handler: RequestHandler) -> None:
        first = await outcome(handler, message("ask", name="m"))
        other = await outcome(handler, message("ask", name="n"))
        assert isinstance(first, Task)
        assert isinstance(other, Task)
        assert await outcome(handler, message("ask", first.id, "m")) == first, "its own"
        assert "other taskId" in await refused(handler, message("ask", other.id, "m"))
        elsewhere = message("ask", name="m")
        elsewhere.message.context_id = other.context_id
        assert "other contextId" in await refused(handler, elsewhere)

    async def test_nobody_knows_what_is_no_longer_kept(self, handler: RequestHandler) -> None:
        asked = await outcome(handler, message("ask", name="m"))
        assert isinstance(asked, Task)
        await compacted(handler, asked.id)
        assert await outcome(handler, message("work", name="m")) == asked
