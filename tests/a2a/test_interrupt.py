"""A message that calls a run off, through the handler and over sockets (A2, R23)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from a2a.client import A2ACardResolver, ClientConfig, ClientFactory
from a2a.helpers import new_task_from_user_message
from a2a.server.agent_execution import RequestContext
from a2a.server.context import ServerCallContext
from a2a.server.events import EventQueue
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types import (
    CancelTaskRequest,
    GetTaskRequest,
    SubscribeToTaskRequest,
    Task,
    TaskState,
)

from actors.a2a import Policy, RequestHandler
from actors.storage import MemoryJournal
from tests.a2a.agents import as_user, ask, card
from tests.a2a.cancelling import resting
from tests.a2a.impatient import Listener
from tests.a2a.test_bindings import message
from tests.a2a.test_handler import shape
from tests.cli.journals import call
from tests.servers import Server, free_port, running

ME = as_user("me")
BOTH: dict[str, Any] = {"during_run": "interrupt", "during_auth": "interrupt"}
DONE = TaskState.TASK_STATE_COMPLETED


@pytest.fixture
def agent() -> Listener:
    return Listener()


@pytest.fixture(params=["sdk", "spec"])
def policy(request: pytest.FixtureRequest) -> Policy:
    return Policy.sdk(**BOTH) if request.param == "sdk" else Policy.spec(**BOTH)


@pytest.fixture
async def handler(agent: Listener, policy: Policy) -> AsyncIterator[RequestHandler]:
    made = RequestHandler(agent, None, card(), journal=MemoryJournal(), policy=policy)
    async with asyncio.timeout(10):
        yield made
        agent.gate.set()
        await made.aclose()


async def collect(stream: Any) -> list[Any]:
    return [event async for event in stream]


def begin(sending: Any) -> asyncio.Task[Any]:
    return asyncio.ensure_future(sending)


async def interrupted(handler: RequestHandler, agent: Listener) -> tuple[str, asyncio.Task[Any]]:
    """A task whose run is called off by what is sent next, and the first message's answer."""
    first = begin(handler.on_message_send(ask("one"), ME))
    await agent.until_heard("one")
    return str(agent.contexts[0].task_id), first


async def test_both_get_the_answer_of_the_one_run(handler: RequestHandler, agent: Listener) -> None:
    task, first = await interrupted(handler, agent)
    second = begin(handler.on_message_send(ask("two", task), ME))
    await agent.until_heard("one", "one\ntwo")
    agent.gate.set()
    answers = await asyncio.gather(first, second)
    assert answers[0] == answers[1]
    assert answers[0].status.state == DONE
    assert [part.text for part in answers[0].artifacts[0].parts] == ["one\ntwo"]
    assert [part.text for each in answers[0].history for part in each.parts] == ["one", "two"]
    assert agent.called_off == 1
    core = await handler._entry.core()
    assert core.system.dead_letters["event after the end of the run"] == 1


async def test_r40_each_stream_goes_on_until_that_run_ends(
    handler: RequestHandler, agent: Listener, policy: Policy
) -> None:
    first = begin(collect(handler.on_message_send_stream(ask("one"), ME)))
    await agent.until_heard("one")
    task = str(agent.contexts[0].task_id)
    second = begin(collect(handler.on_message_send_stream(ask("two", task), ME)))
    watching = begin(collect(handler.on_subscribe_to_task(SubscribeToTaskRequest(id=task), ME)))
    await agent.until_heard("one", "one\ntwo")
    agent.gate.set()
    seen = [shape(events) for events in await asyncio.gather(first, second, watching)]
    ran = ["status working", "chunk"]
    assert seen[0] == ["task submitted", *ran, *ran, "status completed"]
    assert seen[1][-3:] == [*ran, "status completed"]
    assert seen[1][:-3] == ([] if policy.follow_up_first == "update" else ["task working"])
    assert seen[2][-1] == "status completed"


async def test_r33_return_immediately_is_not_held_up(
    handler: RequestHandler, agent: Listener
) -> None:
    task, first = await interrupted(handler, agent)
    answer = await handler.on_message_send(ask("two", task, return_immediately=True), ME)
    assert isinstance(answer, Task)
    assert answer.status.state == TaskState.TASK_STATE_WORKING
    agent.gate.set()
    assert (await first).status.state == DONE


async def test_r23_a_message_during_auth_required_reaches_the_agent(
    handler: RequestHandler, agent: Listener
) -> None:
    asked = await handler.on_message_send(ask("login"), ME)
    assert isinstance(asked, Task)
    assert asked.status.state == TaskState.TASK_STATE_AUTH_REQUIRED
    second = begin(handler.on_message_send(ask("without", asked.id), ME))
    await agent.until_heard("login", "login\nwithout")
    agent.gate.set()
    done = await second
    assert done.status.state == DONE


async def test_the_agents_context_is_that_of_the_latest_request(agent: Listener) -> None:
    handler = RequestHandler(
        agent, None, card(), journal=MemoryJournal(), policy=Policy.sdk(**BOTH)
    )
    task, first = await interrupted(handler, agent)
    call = as_user("me")
    call.state["mine"] = "second"
    second = begin(handler.on_message_send(ask("two", task), call))
    await agent.until_heard("one", "one\ntwo")
    combined = agent.contexts[1]
    assert combined.call_context is call
    assert combined.message is not None
    assert combined.message.message_id == "m two"
    assert combined.current_task is not None
    assert agent.contexts[0].get_user_input() == "one", "nobody's request is changed"
    agent.gate.set()
    await asyncio.gather(first, second)
    assert len(handler._entry.calls) == 0
    await handler.aclose()


async def test_a_task_that_the_agent_makes_of_both_has_them_as_they_were_sent(
    agent: Listener,
) -> None:
    """It makes its Task of the message that it gets, whatever there is already."""
    policy = Policy.spec(during_run="interrupt")
    handler = RequestHandler(agent, None, card(), journal=MemoryJournal(), policy=policy)
    begun = asyncio.Event()

    async def own(context: RequestContext, queue: EventQueue) -> None:
        if begun.is_set():
            assert context.message is not None
            await queue.enqueue_event(new_task_from_user_message(context.message))
            await TaskUpdater(queue, str(context.task_id), str(context.context_id)).complete()
        agent.contexts.append(context)
        begun.set()
        await agent.gate.wait()

    agent.execute = own  # type: ignore[method-assign, assignment] # a scene of this test
    first = begin(handler.on_message_send(ask("one"), ME))
    await begun.wait()
    task = str(agent.contexts[0].task_id)
    watching = begin(collect(handler.on_message_send_stream(ask("two", task), ME)))
    events, answer = await asyncio.gather(watching, first)
    assert texts(answer) == ["one", "two"]
    (adopted,) = [event for event in events[1:] if isinstance(event, Task)]
    assert texts(adopted) == ["one", "two"], "streams show what is stored"
    agent.gate.set()
    await handler.aclose()


def texts(task: Task) -> list[str]:
    return [part.text for each in task.history for part in each.parts]


class Noting(InMemoryTaskStore):
    """Notes for whom it saves."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[ServerCallContext] = []

    async def save(self, task: Task, context: ServerCallContext) -> None:
        self.calls.append(context)
        await super().save(task, context)


async def test_with_a_users_store_both_messages_are_in_it(agent: Listener, policy: Policy) -> None:
    store, call = Noting(), as_user("me")
    handler = RequestHandler(agent, store, card(), policy=policy)
    task, first = await interrupted(handler, agent)
    await resting()
    before = len(store.calls)
    second = begin(handler.on_message_send(ask("two", task), call))
    await agent.until_heard("one", "one\ntwo")
    agent.gate.set()
    answers = await asyncio.gather(first, second)
    stored = await store.get(task, ME)
    assert stored is not None
    assert texts(stored) == ["one", "two"]
    assert answers[0] == answers[1] == stored
    assert len(store.calls) > before
    assert all(each is call for each in store.calls[before:]), "saved for whom the run is"
    await handler.aclose()


async def test_r86_each_message_sent_again_gets_the_answer_that_it_got(agent: Listener) -> None:
    policy = Policy.sdk(**BOTH, deduplicate=True)
    handler = RequestHandler(agent, None, card(), journal=MemoryJournal(), policy=policy)
    task, first = await interrupted(handler, agent)
    second = begin(handler.on_message_send(ask("two", task), ME))
    await agent.until_heard("one", "one\ntwo")
    streamed = begin(collect(handler.on_message_send_stream(ask("one"), ME)))
    agent.gate.set()
    answers = list(await asyncio.gather(first, second))
    again = [await handler.on_message_send(ask(*what), ME) for what in (("one",), ("two", task))]
    assert again == answers
    assert shape(await streamed)[-1] == "status completed"
    assert agent.heard == ["one", "one\ntwo"]
    await handler.aclose()


async def test_a_cancel_in_between_ends_both(handler: RequestHandler, agent: Listener) -> None:
    task, first = await interrupted(handler, agent)
    second = begin(handler.on_message_send(ask("two", task), ME))
    await agent.until_heard("one", "one\ntwo")
    cancelled = await handler.on_cancel_task(CancelTaskRequest(id=task), ME)
    answers = await asyncio.gather(first, second)
    assert cancelled == answers[0] == answers[1]
    assert cancelled is not None
    assert cancelled.status.state == TaskState.TASK_STATE_CANCELED


def test_after_a_crash_the_same_combined_message_runs_again(tmp_path: Path) -> None:
    """The loop ends, and with it all that is not in the journal."""
    agent, policy = Listener(), Policy.sdk(**BOTH, recovery="rerun")
    database = tmp_path / "t.db"
    handler = RequestHandler(agent, None, card(), database=database, policy=policy)

    async def crash() -> str:
        task, first = await interrupted(handler, agent)
        second = begin(handler.on_message_send(ask("two", task), ME))
        await agent.until_heard("one", "one\ntwo")
        del first, second  # their clients are cut off with the loop
        return task

    async def go_on(task: str) -> str:
        agent.gate, agent.listening = asyncio.Event(), asyncio.Condition()
        await handler.start()
        await agent.until_heard("one", "one\ntwo", "one\ntwo")
        third = begin(handler.on_message_send(ask("three", task), ME))
        await agent.until_heard("one", *["one\ntwo"] * 2, "one\ntwo\nthree")
        agent.gate.set()
        assert texts(await third) == ["one", "two", "three"]
        await handler.aclose()
        return task

    told = call("replay", asyncio.run(go_on(asyncio.run(crash()))), "--database", str(database))
    assert "run 1: interrupted" in told.out
    assert re.search(r"run 2 for the messages in records 1 and \d+\n", told.out)
    assert re.search(r"run 3 for the messages in records 1 and \d+ again, after a cr", told.out)
    assert re.search(r"run 4 for the messages in records 1, \d+ and \d+\n", told.out)


# -- over sockets, with the client of a2a-sdk


async def test_an_interruption_a_kill_and_a_restart(tmp_path: Path) -> None:
    port = free_port()
    arguments = ["-m", "tests.a2a.impatient", str(port), str(tmp_path / "t.db")]
    async with asyncio.timeout(60):
        async with running(arguments, port) as server:
            task = await _interrupt(server)
            server.kill()
            await server.dead()
        async with running(arguments, port) as server:
            await _finished(server, task)


async def _client(server: Server) -> Any:
    base = f"http://127.0.0.1:{server.port}"
    described = await A2ACardResolver(server.client, base).get_agent_card()
    return ClientFactory(ClientConfig(httpx_client=server.client)).create(described)


async def _interrupt(server: Server) -> str:
    """Read both streams until the agent has heard both messages."""
    client = await _client(server)
    first = client.send_message(message("one"))
    task = (await anext(first)).task.id
    while (await anext(first)).WhichOneof("payload") != "artifact_update":
        pass
    second = client.send_message(message("two", task))
    for stream in (second, first):
        while (heard := await anext(stream)).WhichOneof("payload") != "artifact_update":
            pass
        assert heard.artifact_update.artifact.parts[0].text == "one\ntwo"
    return str(task)


async def _finished(server: Server, task: str) -> None:
    """The combined message runs again, and what it comes to is the end of the task."""
    client = await _client(server)
    watching = client.subscribe(SubscribeToTaskRequest(id=task))
    first = (await anext(watching)).task
    assert texts(first) == ["one", "two"]
    await server.client.post("/go")
    last = [event async for event in watching][-1]
    assert last.status_update.status.state == DONE
    found = await client.get_task(GetTaskRequest(id=task))
    assert texts(found) == ["one", "two"]
    assert [part.text for part in found.artifacts[0].parts] == ["one\ntwo"]
