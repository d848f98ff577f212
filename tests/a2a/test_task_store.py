"""A user's own TaskStore: honoured, and then the only truth (detail 2)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from a2a.server.context import ServerCallContext
from a2a.server.tasks import InMemoryTaskStore, TaskStore
from a2a.types import (
    CancelTaskRequest,
    GetTaskRequest,
    ListTasksRequest,
    ListTasksResponse,
    SubscribeToTaskRequest,
    Task,
    TaskArtifactUpdateEvent,
    TaskState,
)
from a2a.utils.errors import TaskNotFoundError, UnsupportedOperationError

from actors.a2a import RequestHandler
from tests.a2a.agents import STANDING, Actor, as_user, ask, card
from tests.a2a.costs import Chatty

ME = as_user("me")


class Watched(TaskStore):
    """A real store that notes who called it, and can be told to fail or to wait."""

    def __init__(self) -> None:
        self.store = InMemoryTaskStore()
        self.saves: list[tuple[Task, ServerCallContext]] = []
        self.gets: list[str] = []
        self.error: Exception | None = None
        self.gate: asyncio.Event | None = None

    async def save(self, task: Task, context: ServerCallContext) -> None:
        if self.error is not None:
            raise self.error
        if self.gate is not None:
            await self.gate.wait()
        copy = Task()
        copy.CopyFrom(task)
        self.saves.append((copy, context))
        await self.store.save(task, context)

    async def get(self, task_id: str, context: ServerCallContext) -> Task | None:
        self.gets.append(task_id)
        return await self.store.get(task_id, context)

    async def list(self, params: ListTasksRequest, context: ServerCallContext) -> ListTasksResponse:
        return await self.store.list(params, context)

    async def delete(self, task_id: str, context: ServerCallContext) -> None:
        await self.store.delete(task_id, context)


@pytest.fixture
def store() -> Watched:
    return Watched()


@pytest.fixture
def agent() -> Actor:
    return Actor()


@pytest.fixture
async def handler(agent: Actor, store: Watched) -> AsyncIterator[RequestHandler]:
    made = RequestHandler(agent, store, card())
    yield made
    agent.gate.set()
    await made.aclose()


async def collect(stream: Any) -> list[Any]:
    return [event async for event in stream]


async def send(handler: RequestHandler, text: str, task: str = "", **options: Any) -> Task:
    answer = await handler.on_message_send(ask(text, task, **options), ME)
    assert isinstance(answer, Task)
    return answer


async def test_the_store_has_what_the_answer_shows(handler: RequestHandler, store: Watched) -> None:
    done = await send(handler, "work")
    assert done.status.state == TaskState.TASK_STATE_COMPLETED
    assert await store.store.get(done.id, ME) == done
    assert all(context is ME for _, context in store.saves)
    states = [task.status.state for task, _ in store.saves]
    assert states == sorted(states)


async def test_a_read_asks_the_store_once(handler: RequestHandler, store: Watched) -> None:
    done = await send(handler, "work")
    store.gets.clear()
    assert await handler.on_get_task(GetTaskRequest(id=done.id), ME) == done
    assert store.gets == [done.id]


async def test_what_others_write_is_seen(handler: RequestHandler, store: Watched) -> None:
    parked = await send(handler, "ask")
    parked.metadata["by"] = "somebody else"
    await store.store.save(parked, ME)
    found = await handler.on_get_task(GetTaskRequest(id=parked.id), ME)
    assert found is not None
    assert found.metadata["by"] == "somebody else"
    done = await send(handler, "work", parked.id)
    assert done.metadata["by"] == "somebody else"


async def test_a_task_that_only_the_store_knows_is_resumed(
    handler: RequestHandler, store: Watched, agent: Actor
) -> None:
    parked = await send(handler, "ask")
    await handler.aclose()
    another = RequestHandler(agent, store, card())
    done = await another.on_message_send(ask("work", parked.id), ME)
    assert isinstance(done, Task)
    assert done.status.state == TaskState.TASK_STATE_COMPLETED
    assert [m.parts[0].text for m in done.history] == ["ask", "which one?", "work", "on it"]
    await another.aclose()


async def test_an_exception_from_save_reaches_the_caller(
    handler: RequestHandler, store: Watched
) -> None:
    store.error = PermissionError("this table is read-only")
    async with asyncio.timeout(1):
        with pytest.raises(PermissionError, match="read-only"):
            await handler.on_message_send(ask("work"), ME)
        with pytest.raises(PermissionError, match="read-only"):
            await collect(handler.on_message_send_stream(ask("work"), ME))


async def test_saves_cover_what_was_folded_while_one_was_in_flight(
    handler: RequestHandler, store: Watched
) -> None:
    store.gate = asyncio.Event()
    sending = asyncio.create_task(send(handler, "many 50"))
    await asyncio.sleep(0.01)
    assert not sending.done()
    store.gate.set()
    done = await sending
    assert len(done.artifacts[0].parts) == 50
    assert len(store.saves) < 10, "one save for each event would be the peer's way"


async def test_streams_and_subscriptions(
    handler: RequestHandler, store: Watched, agent: Actor
) -> None:
    stream = handler.on_message_send_stream(ask("wait"), ME)
    task = await anext(stream)
    assert isinstance(task, Task)
    watched = handler.on_subscribe_to_task(SubscribeToTaskRequest(id=task.id), ME)
    assert isinstance(await anext(watched), Task)
    agent.gate.set()
    assert (await collect(watched))[-1] == (await collect(stream))[-1]
    with pytest.raises(UnsupportedOperationError):
        await anext(handler.on_subscribe_to_task(SubscribeToTaskRequest(id=task.id), ME))


async def test_readers_who_are_slower_than_a_burst_get_all_of_it() -> None:
    """There is no journal to read what the fan-out has let go of."""
    agent = Chatty()
    handler = RequestHandler(agent, InMemoryTaskStore(), card())
    agent.gate.clear()
    streams = [handler.on_message_send_stream(ask("burst 3000"), ME)]
    first = await anext(streams[0])
    assert isinstance(first, Task)
    asked = SubscribeToTaskRequest(id=first.id)
    streams += [handler.on_subscribe_to_task(asked, ME) for _ in range(5)]
    for stream in streams[1:]:
        await anext(stream)  # the Task, so it is let in

    async def chunks(stream: AsyncIterator[Any]) -> int:
        heard = 0
        async for event in stream:
            heard += isinstance(event, TaskArtifactUpdateEvent)
            if heard % 8 == 0:
                await asyncio.sleep(0)  # others have their turn
        return heard

    agent.gate.set()
    assert await asyncio.gather(*map(chunks, streams)) == [3000] * 6
    await handler.aclose()


async def test_the_store_judges_who_may_see_what(handler: RequestHandler, store: Watched) -> None:
    parked = await send(handler, "ask")
    them = as_user("them")
    with pytest.raises(TaskNotFoundError):
        await handler.on_get_task(GetTaskRequest(id=parked.id), them)
    with pytest.raises(TaskNotFoundError):
        await handler.on_message_send(ask("work", parked.id), them)
    with pytest.raises(TaskNotFoundError):
        await handler.on_cancel_task(CancelTaskRequest(id=parked.id), them)
    with pytest.raises(TaskNotFoundError):
        await anext(handler.on_subscribe_to_task(SubscribeToTaskRequest(id=parked.id), them))


async def test_listing_is_the_stores(handler: RequestHandler) -> None:
    ids = {(await send(handler, "work")).id for _ in range(3)}
    first = await handler.on_list_tasks(ListTasksRequest(page_size=2), ME)
    assert first.total_size == 3
    rest = await handler.on_list_tasks(
        ListTasksRequest(page_size=2, page_token=first.next_page_token), ME
    )
    assert {task.id for task in (*first.tasks, *rest.tasks)} == ids
    assert rest.next_page_token == ""


async def test_cancelling_a_parked_task_is_saved_for_whoever_cancels(
    handler: RequestHandler, store: Watched
) -> None:
    parked = await send(handler, "ask")
    cancelled = await handler.on_cancel_task(CancelTaskRequest(id=parked.id), ME)
    assert cancelled is not None
    assert cancelled.status.state == TaskState.TASK_STATE_CANCELED
    assert await store.store.get(parked.id, ME) == cancelled


async def test_a_bare_message_is_not_saved(handler: RequestHandler, store: Watched) -> None:
    await handler.on_message_send(ask("reply"), ME)
    assert store.saves == []


@pytest.mark.parametrize("mended", [True, False])
async def test_a_task_whose_save_was_refused_is_failed_if_the_store_lets_us(
    handler: RequestHandler, store: Watched, agent: Actor, mended: bool
) -> None:
    task = await send(handler, "wait", return_immediately=True)
    core = await handler._entry.core()
    refusals, again = 0, asyncio.Event()

    async def refuse(task: Task, context: ServerCallContext) -> None:
        nonlocal refusals
        refusals += 1
        if refusals > 1:
            again.set()
        if refusals > 1 and mended:
            await store.store.save(task, context)
        else:
            raise PermissionError("read-only")

    store.save = refuse  # type: ignore[method-assign] # a store that changes its mind
    agent.gate.set()
    async with asyncio.timeout(5):
        await again.wait()
    for _ in range(50):
        await asyncio.sleep(0)
    found = await handler.on_get_task(GetTaskRequest(id=task.id), ME)
    assert found is not None
    expected = TaskState.TASK_STATE_FAILED if mended else TaskState.TASK_STATE_WORKING
    assert found.status.state == expected
    assert {ref.kind for ref in core.system.refs()} <= STANDING
