"""Recovery, retention and the outbox as a server shows them: /readyz, SSE ids, kill -9."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from a2a.types import ListTasksRequest, SubscribeToTaskRequest, Task, TaskState

from actors.a2a import Policy, RequestHandler
from actors.a2a.app import build_app
from actors.a2a.health import READY
from actors.runtime.journal.errors import StorageUnavailable
from actors.runtime.journal.port import Head, Journal
from actors.runtime.recovery import Recovery
from actors.storage import MemoryJournal, SqliteJournal
from actors.task.retention import Limit, Retention
from tests import sse
from tests.a2a.agents import Actor, as_user, ask, card
from tests.a2a.test_once import compacted, left_behind, serving, turns, until_started
from tests.servers import Server, free_port, start

ME = as_user("me")
ANYBODY = as_user("")


@pytest.fixture
def agent() -> Actor:
    return Actor()


@pytest.fixture(params=["memory", "sqlite"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Journal:
    return MemoryJournal() if request.param == "memory" else SqliteJournal(tmp_path / "t.db")


class Behind(MemoryJournal):
    """Answers which logs are active when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()

    async def heads(  # type: ignore[override] # the port allows both
        self, after: str = "", limit: int = 256, *, active: bool = False
    ) -> Sequence[Head]:
        await self.gate.wait()
        return super().heads(after, limit, active=active)


def client_of(handler: RequestHandler) -> httpx.AsyncClient:
    app = build_app(handler, card())
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


class TestReady:
    async def test_503_until_all_is_settled_and_requests_are_answered_before(
        self, agent: Actor
    ) -> None:
        journal = Behind()
        async with serving(journal, agent) as before:
            sending = asyncio.create_task(before.on_message_send(ask("wait"), ME))
            await until_started(before, agent, 1)
            left = Behind()
            left._logs, left._keys = dict(journal._logs), dict(journal._keys)
            async with serving(left, agent) as after, client_of(after) as client:
                early = await client.get(READY)
                assert early.status_code == 503
                assert early.json()["recovery"]["done"] is False
                await after.on_message_send(ask("reply"), ME)
                left.gate.set()
                await turns()
                answer = await client.get(READY)
                assert (answer.status_code, answer.json()["ready"]) == (200, True)
                assert answer.json()["recovery"]["settled"] == 1
            sending.cancel()
            await asyncio.wait({sending})

    async def test_503_while_the_journal_cannot_be_opened(self, agent: Actor) -> None:
        class Away(MemoryJournal):
            def open(self, *_: Any) -> None:
                raise StorageUnavailable("connection refused")

        handler = RequestHandler(agent, None, card(), journal=Away())
        async with client_of(handler) as client:
            answer = await client.get(READY)
        assert answer.status_code == 503
        assert "connection refused" not in answer.text

    @pytest.mark.parametrize(
        ("how", "state"), [("fail", "FAILED"), ("rerun", "COMPLETED"), ("park", "INPUT_REQUIRED")]
    )
    async def test_recovery_by_every_policy(
        self, journal: Journal, agent: Actor, tmp_path: Path, how: Any, state: str
    ) -> None:
        async with serving(journal, agent) as before:
            sending = asyncio.create_task(before.on_message_send(ask("wait"), ME))
            await until_started(before, agent, 1)
            left = left_behind(journal, tmp_path)
            agent.gate.set()
            async with serving(left, agent, Policy.sdk(recovery=how)) as after:
                while not (await after.recovery()).done:
                    await turns()
                await turns()
                assert await after.recovery() == Recovery(done=True, settled=1)
                (task,) = (await after.on_list_tasks(ListTasksRequest(), ME)).tasks
                assert task.status.state == getattr(TaskState, f"TASK_STATE_{state}")
            await sending


class TestCompacted:
    async def test_a_stream_that_resumes_before_the_floor_gets_the_task_and_what_follows(
        self, journal: Journal, agent: Actor
    ) -> None:
        async with serving(journal, agent) as handler:
            asked = await handler.on_message_send(ask("ask"), ME)
            assert isinstance(asked, Task)
            await compacted(handler, asked.id)
            request = SubscribeToTaskRequest(id=asked.id)
            stream = handler.subscribe(request, ME, 1)
            first = await anext(stream)
            assert first.snapshot
            assert first.event.task == asked
            done = await handler.on_message_send(ask("work", asked.id), ME)
            rest = [sequenced async for sequenced in stream]
            assert isinstance(done, Task)
            assert not any(sequenced.snapshot for sequenced in rest)
            ids = [sequenced.seq for sequenced in (first, *rest)]
            assert ids == sorted(set(ids))
            assert rest[-1].event.status_update.status == done.status

    async def test_over_the_wire_with_ids(self, journal: Journal, agent: Actor) -> None:
        async with serving(journal, agent) as handler, client_of(handler) as client:
            done = await handler.on_message_send(ask("work"), ANYBODY)
            assert isinstance(done, Task)
            whole = [frame async for frame in sse.rest_subscribe(client, done.id, 1)]
            await compacted(handler, done.id)
            (frame,) = [frame async for frame in sse.rest_subscribe(client, done.id, 1)]
            assert frame.id == whole[-1].id
            assert frame.event["task"]["id"] == done.id
            assert frame.event["task"]["status"]["state"] == "TASK_STATE_COMPLETED"

    async def test_by_retention_of_the_handler(
        self, journal: Journal, agent: Actor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("actors.task.retention.OFTEN", 0.0)
        kept = Retention.terminal(Limit(count=1), every=0.01)
        handler = RequestHandler(agent, None, card(), journal=journal, retention=kept)
        for _ in range(3):
            await handler.on_message_send(ask("work"), ME)
        left = 3
        async with asyncio.timeout(5):
            while left > 1:
                left = (await handler.on_list_tasks(ListTasksRequest(), ME)).total_size
        await handler.aclose()


@pytest.fixture
async def killed(tmp_path: Path) -> AsyncIterator[list[Server]]:
    servers: list[Server] = []
    yield servers
    for server in servers:
        if server.process.returncode is None:
            server.kill()
        await server.dead()


async def test_webhooks_go_on_where_a_killed_process_stopped(
    tmp_path: Path, killed: list[Server]
) -> None:
    """At least once, in order; the one under way again, and nothing before it."""
    sent, database = tmp_path / "sent", tmp_path / "tasks.db"
    for _ in range(2):
        port = free_port()
        arguments = ["-m", "tests.a2a.notifier", str(port), str(database), str(sent)]
        killed.append(await start(arguments, port))
        if len(killed) == 1:
            message = {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "work"}]}
            stream = sse.jsonrpc(killed[0].client, "SendStreamingMessage", {"message": message})
            frames = [frame async for frame in stream]
            assert len(frames) == 6
            await killed[0].client.post("/until", params={"lines": "2"})
            killed[0].kill()
            await killed[0].process.wait()
    await killed[1].client.post("/until", params={"lines": "4"})
    states = [line.split()[-1] for line in sent.read_text().splitlines()]
    assert states == ["1", "2", "2", "3"], "SUBMITTED, WORKING, WORKING again, COMPLETED"
