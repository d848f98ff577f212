"""Races and corners of the adapter that were found, each as the trace that shows it."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from a2a.server.agent_execution import RequestContext, RequestContextBuilder
from a2a.server.context import ServerCallContext
from a2a.server.events import EventQueue
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types import (
    GetTaskRequest,
    Part,
    SendMessageRequest,
    SubscribeToTaskRequest,
    Task,
    TaskState,
)
from a2a.utils.errors import InternalError

from actors.a2a import Policy, RequestHandler
from actors.runtime.journal.errors import StorageError
from actors.runtime.journal.projection import Projection
from actors.storage import MemoryJournal, SqliteJournal
from actors.task.fanout import ALONE, PAGE
from tests.a2a.agents import STANDING, Actor, as_user, ask, card, until_quiet

ME = as_user("me")
SPEC = Policy.spec()


@pytest.fixture
def agent() -> Actor:
    return Actor()


@pytest.fixture
async def strict(agent: Actor) -> AsyncIterator[RequestHandler]:
    made = RequestHandler(agent, None, card(), journal=MemoryJournal(), policy=SPEC)
    yield made
    agent.gate.set()
    await made.aclose()


async def collect(stream: Any) -> list[Any]:
    return [event async for event in stream]


def states(events: list[Any]) -> list[str]:
    return [
        TaskState.Name(event.status.state).removeprefix("TASK_STATE_")
        for event in events
        if hasattr(event, "status")
    ]


async def test_a1_spec_the_stream_stays_open_at_auth_required(
    strict: RequestHandler, agent: Actor
) -> None:
    async def auth(context: RequestContext, queue: EventQueue, to: TaskUpdater) -> None:
        await to.requires_auth(to.new_agent_message([Part(text="log in")]))

    agent.auth = auth  # type: ignore[method-assign] # a scene of this test
    stream = strict.on_message_send_stream(ask("auth"), ME)
    task = await anext(stream)
    assert isinstance(task, Task)
    await anext(stream)
    rest = asyncio.create_task(collect(stream))
    await until_resting(strict)
    assert not rest.done(), "R21: the agent has returned and the stream goes on"
    await strict.on_message_send(ask("work", task.id), ME)
    assert states(await rest)[-1] == "COMPLETED"


async def until_resting(handler: RequestHandler) -> None:
    """Until the actors have nothing left to do."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_a1_spec_a_question_of_the_run_before_ends_no_later_stream(
    strict: RequestHandler, agent: Actor
) -> None:
    async def gated(context: RequestContext, queue: EventQueue, to: TaskUpdater) -> None:
        await to.start_work()
        await agent.gate.wait()
        await to.requires_input()

    agent.wait = gated  # type: ignore[method-assign] # a scene of this test
    first = await strict.on_message_send(ask("wait", return_immediately=True), ME)
    assert isinstance(first, Task)
    second = asyncio.create_task(collect(strict.on_message_send_stream(ask("work", first.id), ME)))
    await until_resting(strict)
    agent.gate.set()
    assert states(await second)[-1] == "COMPLETED"


async def test_a5_spec_what_comes_after_completed_is_for_the_log_alone(
    strict: RequestHandler, agent: Actor
) -> None:
    work = agent.work

    async def late(context: RequestContext, queue: EventQueue, to: TaskUpdater) -> None:
        await to.start_work()
        await agent.gate.wait()
        await to.complete()
        raise ValueError("late bug")

    del work
    agent.late = late  # type: ignore[method-assign] # a scene of this test
    task = await strict.on_message_send(ask("late", return_immediately=True), ME)
    assert isinstance(task, Task)
    watching = strict.on_subscribe_to_task(SubscribeToTaskRequest(id=task.id), ME)
    await anext(watching)
    agent.gate.set()
    assert states(await collect(watching))[-1] == "COMPLETED"


async def test_a_subscriber_that_leaves_after_the_task_leaves_nothing(
    strict: RequestHandler,
) -> None:
    parked = await strict.on_message_send(ask("ask"), ME)
    assert isinstance(parked, Task)
    for _ in range(3):
        watching = strict.on_subscribe_to_task(SubscribeToTaskRequest(id=parked.id), ME)
        await anext(watching)
        await watching.aclose()
    await until_resting(strict)
    core = await strict._entry.core()
    assert {ref.kind for ref in core.system.refs()} <= STANDING


async def test_with_a_users_store_a_slow_reader_gets_the_task_instead_of_silence(
    agent: Actor,
) -> None:
    chunks = ALONE + 4 * PAGE
    handler = RequestHandler(agent, InMemoryTaskStore(), card())
    stream = handler.on_message_send_stream(ask(f"many {chunks}"), ME)
    first = await anext(stream)
    assert isinstance(first, Task)
    await until_quiet()
    rest = await collect(stream)
    last = rest[-1]
    assert last.status.state == TaskState.TASK_STATE_COMPLETED
    whole = next(event for event in rest if isinstance(event, Task))
    seen = sum(1 for event in rest if hasattr(event, "artifact"))
    assert seen < chunks
    assert len(whole.artifacts[0].parts) == chunks
    await handler.aclose()


class CopyingBuilder(RequestContextBuilder):
    """A builder that leaves the request of the caller alone."""

    async def build(
        self,
        context: ServerCallContext,
        params: SendMessageRequest | None = None,
        task_id: str | None = None,
        context_id: str | None = None,
        task: Task | None = None,
    ) -> RequestContext:
        copy = SendMessageRequest()
        if params is not None:
            copy.CopyFrom(params)
        return RequestContext(context, copy, task_id, context_id, task)


async def test_a_builder_that_copies_the_request(agent: Actor, tmp_path: Path) -> None:
    handler = RequestHandler(
        agent,
        None,
        card(),
        request_context_builder=CopyingBuilder(),
        journal=SqliteJournal(tmp_path / "t.db"),
    )
    events = await collect(handler.on_message_send_stream(ask("work"), ME))
    assert states(events)[-1] == "COMPLETED"
    await until_resting(handler)
    core = await handler._entry.core()
    assert {ref.kind for ref in core.system.refs()} <= STANDING
    await handler.aclose()


async def test_an_agent_that_will_not_stop_does_not_freeze_the_server(agent: Actor) -> None:
    async def stubborn(context: RequestContext, queue: EventQueue, to: TaskUpdater) -> None:
        await to.start_work()
        while not agent.gate.is_set():
            try:
                await to.start_work()
            except asyncio.CancelledError:
                continue

    async def forever(*_: object) -> None:
        await asyncio.Event().wait()

    agent.cancel_play = forever
    agent.wait = stubborn  # type: ignore[method-assign] # a scene of this test
    policy = Policy.spec(cancel_grace=0.02)
    handler = RequestHandler(agent, None, card(), journal=MemoryJournal(), policy=policy)
    from a2a.types import CancelTaskRequest

    task = await handler.on_message_send(ask("wait", return_immediately=True), ME)
    assert isinstance(task, Task)
    async with asyncio.timeout(5):
        cancelled = await handler.on_cancel_task(CancelTaskRequest(id=task.id), ME)
    assert cancelled is not None
    assert cancelled.status.state == TaskState.TASK_STATE_CANCELED
    core = await handler._entry.core()
    assert core.system.dead_letters["event after the end of the run"] > 0
    agent.gate.set()
    await handler.aclose()


async def test_an_event_that_no_record_can_hold_is_refused_to_the_agent(agent: Actor) -> None:
    async def huge(context: RequestContext, queue: EventQueue, to: TaskUpdater) -> None:
        await agent._begin(context, queue)
        await to.add_artifact([Part(raw=b"x" * (17 * 1024 * 1024))])

    agent.work = huge  # type: ignore[method-assign] # a scene of this test
    handler = RequestHandler(agent, None, card(), journal=MemoryJournal())
    with pytest.raises(InternalError, match="too large"):
        await handler.on_message_send(ask("work"), ME)
    await handler.aclose()


def test_a_loop_that_ends_without_aclose_is_a_crash_and_no_failure_of_the_agent() -> None:
    journal, agent = MemoryJournal(), Actor()
    policy = Policy.sdk(recovery="rerun")
    handler = RequestHandler(agent, None, card(), journal=journal, policy=policy)

    async def begin() -> str:
        task = await handler.on_message_send(ask("wait", return_immediately=True), ME)
        assert isinstance(task, Task)
        await until_resting(handler)
        return task.id

    async def go_on(task: str) -> None:
        agent.gate = asyncio.Event()
        agent.gate.set()
        await handler.start()
        await until_quiet()
        found = await handler.on_get_task(GetTaskRequest(id=task), ME)
        assert found is not None
        assert found.status.state == TaskState.TASK_STATE_COMPLETED
        await handler.aclose()

    asyncio.run(go_on(asyncio.run(begin())))


async def test_l6_a_users_store_runs_in_nobodys_context_variables(agent: Actor) -> None:
    who: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="nobody")
    seen: set[str] = set()

    class Noting(InMemoryTaskStore):
        async def save(self, task: Task, context: ServerCallContext) -> None:
            seen.add(who.get())
            await super().save(task, context)

    handler = RequestHandler(agent, Noting(), card())

    async def one(name: str) -> None:
        who.set(name)
        await handler.on_message_send(ask("work"), as_user(name))

    await asyncio.gather(*(one(name) for name in ("anna", "bert", "carl")))
    assert seen == {"nobody"}, "the call context says who asks, not whoever woke the loop"
    await handler.aclose()


async def test_a_start_that_fails_lets_the_next_request_try_again(
    agent: Actor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Once(SqliteJournal):
        failed = False

        def open(self, *projections: Projection) -> None:
            if not self.failed:
                self.failed = True
                raise StorageError("bad day")
            super().open(*projections)

    handler = RequestHandler(agent, None, card(), journal=Once(tmp_path / "t.db"))
    with pytest.raises(InternalError):
        await handler.on_message_send(ask("work"), ME)
    assert isinstance(await handler.on_message_send(ask("work"), ME), Task)
    assert "cannot serve: bad day" in caplog.text
    await handler.aclose()


async def test_an_agent_that_emits_after_its_run_is_told_so_once(
    agent: Actor, caplog: pytest.LogCaptureFixture
) -> None:
    background: list[asyncio.Task[None]] = []

    async def hasty(context: RequestContext, queue: EventQueue, to: TaskUpdater) -> None:
        await agent._begin(context, queue)

        async def later() -> None:
            await agent.gate.wait()
            await to.start_work()
            await to.complete()

        background.append(asyncio.create_task(later()))

    agent.work = hasty  # type: ignore[method-assign] # a scene of this test
    handler = RequestHandler(agent, None, card(), journal=MemoryJournal())
    task = await handler.on_message_send(ask("work"), ME)
    assert isinstance(task, Task)
    agent.gate.set()
    await asyncio.gather(*background)
    said = [record.message for record in caplog.records]
    assert len(said) == 1
    assert task.id in said[0]
    assert "await in execute" in said[0]
    await handler.aclose()
