"""Closing a handler: open requests are answered, runs get their time, the rest is settled later."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from a2a.types import GetTaskRequest, ListTasksRequest, SubscribeToTaskRequest, Task, TaskState
from a2a.utils.errors import InternalError

from actors.a2a import Policy, RequestHandler
from actors.a2a.errors import DrainingError
from tests.a2a.agents import STANDING, Actor, as_user, ask, card, until_quiet

ME = as_user("me")
HASTY = Policy.sdk(drain=0.05)


def build(agent: Actor, path: Path, policy: Policy = HASTY) -> RequestHandler:
    return RequestHandler(agent, None, card(), database=path / "tasks.db", policy=policy)


async def begun(handler: RequestHandler) -> Task:
    answer = await handler.on_message_send(ask("wait", return_immediately=True), ME)
    assert isinstance(answer, Task)
    return answer


async def test_a_run_that_ends_in_time_ends_well(tmp_path: Path) -> None:
    agent = Actor()
    handler = build(agent, tmp_path, Policy.sdk(drain=10))
    task = await begun(handler)
    closing = asyncio.create_task(handler.aclose())
    await asyncio.sleep(0)
    agent.gate.set()
    await closing
    again = build(agent, tmp_path)
    found = await again.on_get_task(GetTaskRequest(id=task.id), ME)
    assert found is not None
    assert found.status.state == TaskState.TASK_STATE_COMPLETED
    await again.aclose()


async def test_l4_every_open_request_is_answered(tmp_path: Path) -> None:
    handler = build(Actor(), tmp_path)
    stream = handler.on_message_send_stream(ask("wait"), ME)
    task = await anext(stream)
    assert isinstance(task, Task)
    blocked = asyncio.create_task(handler.on_message_send(ask("wait"), ME))
    subscribed = handler.on_subscribe_to_task(SubscribeToTaskRequest(id=task.id), ME)
    await anext(subscribed)
    await anext(stream)
    rest = [asyncio.create_task(_read(reader)) for reader in (stream, subscribed)]
    await asyncio.sleep(0)
    await handler.aclose()
    for open_request in (blocked, *rest):
        with pytest.raises(DrainingError) as caught:
            await open_request
        assert caught.value.data is not None
        assert caught.value.data["retryable"] is True
        assert isinstance(caught.value, InternalError)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.wait(left, timeout=1) if left else None
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def _read(stream: object) -> None:
    async for _ in stream:  # type: ignore[attr-defined] # an async generator of either kind
        continue


async def test_what_was_still_running_is_settled_at_the_next_start(tmp_path: Path) -> None:
    handler = build(Actor(), tmp_path)
    task = await begun(handler)
    await handler.aclose()
    again = build(Actor(), tmp_path)
    await again.start()
    listed = await again.on_list_tasks(ListTasksRequest(), ME)
    assert [(found.id, found.status.state) for found in listed.tasks] == [
        (task.id, TaskState.TASK_STATE_FAILED)
    ]
    await again.aclose()


async def test_requests_meanwhile_are_refused_and_later_ones_start_anew(tmp_path: Path) -> None:
    handler = build(Actor(), tmp_path, Policy.sdk(drain=0.2))
    await begun(handler)
    closing = asyncio.create_task(handler.aclose())
    await asyncio.sleep(0)
    with pytest.raises(DrainingError):
        await handler.on_message_send(ask("work"), ME)
    await closing
    await handler.aclose()
    answer = await handler.on_message_send(ask("work"), ME)
    assert isinstance(answer, Task)
    await handler.aclose()


async def test_a_client_that_leaves_before_it_is_let_in_is_not_waited_for(tmp_path: Path) -> None:
    agent = Actor()
    handler = build(agent, tmp_path, Policy.sdk(drain=10))
    await handler.start()
    for turns in range(12):
        reading = asyncio.create_task(_read(handler.on_message_send_stream(ask("wait"), ME)))
        for _ in range(turns):
            await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
    agent.gate.set()
    await until_quiet()
    core = await handler._entry.core()
    assert {ref.kind for ref in core.system.refs()} <= STANDING
    assert len(handler._entry.calls) == 0
    await handler.aclose()


async def test_a_file_in_use_is_a_clear_line_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    handler, second = build(Actor(), tmp_path), build(Actor(), tmp_path)
    await handler.start()
    with pytest.raises(InternalError) as caught:
        await second.on_message_send(ask("work"), ME)
    assert "tasks.db" not in str(caught.value), "no internals for clients"
    assert "tasks.db is in use by this process" in caplog.text
    await handler.aclose()
    assert isinstance(await second.on_message_send(ask("work"), ME), Task)
    await second.aclose()


async def test_impatience_cuts_no_drain_short_and_everybody_waits_for_the_same(
    tmp_path: Path,
) -> None:
    agent = Actor()
    handler = build(agent, tmp_path, Policy.sdk(drain=10))
    task = await begun(handler)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(handler.aclose(), 0.01)
    second = asyncio.create_task(handler.aclose())
    await asyncio.sleep(0)
    assert not second.done()
    agent.gate.set()
    await second
    again = build(agent, tmp_path)
    found = await again.on_get_task(GetTaskRequest(id=task.id), ME)
    assert found is not None
    assert found.status.state == TaskState.TASK_STATE_COMPLETED
    await again.aclose()


def test_one_handler_cannot_serve_two_loops_that_both_run(tmp_path: Path) -> None:
    handler = build(Actor(), tmp_path)
    first, second = asyncio.new_event_loop(), asyncio.new_event_loop()
    try:
        first.run_until_complete(handler.start())
        with pytest.raises(RuntimeError, match="still open"):
            second.run_until_complete(handler.on_message_send(ask("work"), ME))
        with pytest.raises(RuntimeError, match="still open"):
            second.run_until_complete(handler.aclose())
        first.run_until_complete(handler.aclose())
    finally:
        first.close()
        second.close()
