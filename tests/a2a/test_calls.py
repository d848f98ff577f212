"""A call is kept as long as its message may run, and no longer, whoever leaves or gives up."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from a2a.server.agent_execution import RequestContext
from a2a.server.events import EventQueue
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types import Part, Task, TaskState, TaskStatusUpdateEvent

from actors.a2a import Limits, Policy, RequestHandler
from actors.a2a.errors import DrainingError
from actors.a2a.limits import Usage
from actors.runtime.journal.errors import StorageUnavailable
from actors.runtime.journal.port import Stored
from actors.storage import MemoryJournal
from tests.a2a.agents import Actor, as_user, ask, card

ME = as_user("me")


def usage(handler: RequestHandler) -> Usage:
    runtime = handler._runtime._runtime
    assert runtime is not None
    return runtime.usage


async def turns() -> None:
    """Let everything run that waits for nothing but the loop."""
    for _ in range(200):
        await asyncio.sleep(0)


class Slow(MemoryJournal):
    """Once `hang` is set, logs are read when that is, and then cannot be."""

    hang: asyncio.Event | None = None

    def read(self, log: str, caller: Any = None) -> Any:
        return super().read(log, caller) if self.hang is None else self._later(self.hang)

    async def _later(self, hang: asyncio.Event) -> Stored:
        await hang.wait()
        raise StorageUnavailable("away")


async def test_a_sender_that_leaves_before_it_is_refused_leaves_nothing() -> None:
    journal = Slow()
    limits = Limits(runs=1)
    handler = RequestHandler(Actor(), None, card(), journal=journal, limits=limits)
    task = await handler.on_message_send(ask("ask"), ME)
    assert isinstance(task, Task)
    resolved, resolve = asyncio.Event(), handler._entry.resolve

    async def resolving(*args: Any) -> RequestContext:
        request = await resolve(*args)
        journal.hang = hang  # what is read from now on is read by the task's actor
        resolved.set()
        return request

    hang = asyncio.Event()
    handler._entry.resolve = resolving  # type: ignore[method-assign,assignment] # to know when it is over
    sending = asyncio.ensure_future(handler.on_message_send(ask("more", task.id), ME))
    await resolved.wait()
    await turns()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert len(handler._entry.calls) == 1, "it may still be accepted"
    hang.set()
    await turns()
    assert len(handler._entry.calls) == 0
    assert not usage(handler).runs._held
    await handler.aclose()


class Patient(Actor):
    """Says who asked."""

    def __init__(self) -> None:
        super().__init__()
        self.users: list[str] = []

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        call = context.call_context
        assert call is not None
        self.users.append(type(call.user).__name__)
        await super().execute(context, event_queue)

    async def park(self, context: RequestContext, queue: EventQueue, to: TaskUpdater) -> None:
        await self._begin(context, queue)
        await self.gate.wait()


async def test_a_message_whose_sender_gives_up_goes_on_with_its_call() -> None:
    agent = Patient()
    policy = Policy.sdk(request_deadline=0.05)
    handler = RequestHandler(agent, None, card(), journal=MemoryJournal(), policy=policy)
    with pytest.raises(DrainingError):
        await handler.on_message_send(ask("park"), ME)
    task = str(agent.contexts[0].task_id)
    with pytest.raises(DrainingError):
        await handler.on_message_send(ask("work", task), ME)
    assert len(handler._entry.calls) == 2
    assert sum(usage(handler).runs._held.values()) == 2
    agent.gate.set()
    await turns()
    assert agent.users == [type(ME.user).__name__] * 2, "not one that is made up"
    assert len(handler._entry.calls) == 0
    await handler.aclose()


class Flooding(Actor):
    """Emits more than a ring holds, and asks before or after its reader has seen that."""

    def __init__(self, *, first: bool) -> None:
        super().__init__()
        self.first = first
        self.flooded = asyncio.Event()

    async def flood(self, context: RequestContext, queue: EventQueue, to: TaskUpdater) -> None:
        await self._begin(context, queue)
        for number in range(400):
            await to.add_artifact([Part(text="x")], artifact_id=str(number))
        if self.first:
            await to.requires_input()
        self.flooded.set()
        await self.gate.wait()
        if not self.first:
            await to.requires_input()


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("external", [True, False])
async def test_a_stream_that_fell_behind_ends_at_the_question(
    *, external: bool, first: bool
) -> None:
    """A user's own store keeps no records: the reader gets the Task in place of them."""
    agent = Flooding(first=first)
    kept: dict[str, Any] = {"task_store": InMemoryTaskStore()} if external else {}
    if not external:
        kept["journal"] = MemoryJournal()
    policy = Policy.spec(deduplicate=False)
    handler = RequestHandler(agent, agent_card=card(), policy=policy, **kept)
    task = await handler.on_message_send(ask("ask"), ME)
    assert isinstance(task, Task)
    stream = handler.on_message_send_stream(ask("flood", task.id), ME)
    events = [await anext(stream)]
    await agent.flooded.wait()
    second = asyncio.ensure_future(anext(stream))
    events.append(await second)
    agent.gate.set()
    async with asyncio.timeout(10):
        events += [event async for event in stream]
    last = events[-1]
    assert isinstance(last, Task | TaskStatusUpdateEvent)
    assert last.status.state == TaskState.TASK_STATE_INPUT_REQUIRED
    await handler.aclose()
