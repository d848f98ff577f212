"""Log lines: each that concerns a task names it, as programs can read; and none tells a secret."""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import signal
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from a2a.helpers import new_task_from_user_message
from a2a.types import Task, TaskPushNotificationConfig
from a2a.utils.errors import InternalError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from actors.a2a import RequestHandler
from actors.a2a.app import build_app
from actors.cli.logs import formatter
from actors.cli.words import LogFormat
from actors.runtime import Actor as AnyActor
from actors.runtime import ActorRef, ActorSystem, LoopClock, Message, Step
from actors.storage import MemoryJournal
from actors.task.delivery import Delivery
from tests.a2a.agents import Actor, as_user, ask, card
from tests.a2a.watched import until
from tests.cli.processes import started
from tests.servers import free_port
from tests.sockets import listening

ME = as_user("me")
SECRETS = ("the-token", "the-credentials", "the-bearer", "the-query")
AUTHORIZED = {"A2A-Version": "1.0", "Authorization": "Bearer the-bearer"}


@pytest.fixture
def agent() -> Actor:
    return Actor()


@pytest.fixture
async def handler(agent: Actor) -> AsyncIterator[RequestHandler]:
    made = RequestHandler(
        agent,
        None,
        card(push_notifications=True),
        journal=MemoryJournal(),
        delivery=Delivery(allow=("127.0.0.1",), first_delay=0.01, longest_delay=0.01),
    )
    yield made
    agent.gate.set()
    await made.aclose()


BRITTLE: ActorRef[Break] = ActorRef("brittle", "b")


@dataclass(frozen=True)
class Break(Message):
    """Makes it crash."""


class Brittle(AnyActor[int]):
    def __init__(self, names: bool) -> None:
        self._names = names

    def start(self) -> Step[int]:
        return Step(7)

    def step(self, *_: object) -> Step[int]:
        raise ValueError

    def about(self, state: int) -> Mapping[str, object]:
        if not self._names:
            raise KeyError
        return {"level": state, "msg": "taken by every record"}


def _gone(system: ActorSystem) -> bool:
    return not system.alive(BRITTLE)


def about(record: logging.LogRecord) -> tuple[Any, Any, Any]:
    """What a line says of its task."""
    said = record.__dict__
    return said.get("task"), said.get("owner"), said.get("seq")


class TestFields:
    async def test_an_agent_that_raises(
        self, handler: RequestHandler, agent: Actor, caplog: pytest.LogCaptureFixture
    ) -> None:
        with pytest.raises(InternalError):
            await handler.on_message_send(ask("fail"), ME)
        (line,) = [record for record in caplog.records if "agent raised" in record.message]
        assert about(line) == (agent.contexts[0].task_id, "me", 2)

    async def test_an_agent_that_breaks_the_protocol(
        self, handler: RequestHandler, agent: Actor, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def twice(context: Any, queue: Any, to: Any) -> None:
            for _ in range(2):
                await queue.enqueue_event(new_task_from_user_message(context.message))

        agent.twice = twice  # type: ignore[attr-defined] # a scene of its own
        await handler.on_message_send(ask("twice"), ME)
        (line,) = [record for record in caplog.records if "replacement" in record.message]
        assert about(line) == (agent.contexts[0].task_id, "me", 3)
        assert line.__dict__["actor"] == f"task:{agent.contexts[0].task_id}"

    async def test_an_agent_that_goes_on_after_its_end(
        self, handler: RequestHandler, agent: Actor, caplog: pytest.LogCaptureFixture
    ) -> None:
        kept: list[Any] = []

        async def leak(context: Any, queue: Any, to: Any) -> None:
            kept.append((queue, new_task_from_user_message(context.message)))
            await queue.enqueue_event(kept[0][1])

        agent.leak = leak  # type: ignore[attr-defined] # a scene of its own
        await handler.on_message_send(ask("leak"), ME)
        queue, event = kept[0]
        await queue.enqueue_event(event)
        (line,) = [record for record in caplog.records if "after its run has ended" in record.msg]
        assert about(line) == (agent.contexts[0].task_id, "me", 2)

    async def test_a_webhook_that_refuses(
        self, handler: RequestHandler, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, "actors")
        async with receiver(410) as url:
            hook = TaskPushNotificationConfig(url=url)
            task = await handler.on_message_send(ask("ask", task_push_notification_config=hook), ME)
            await until(lambda: handler.observer.webhooks().get("given_up") == 2)
        assert isinstance(task, Task)
        lines = [record for record in caplog.records if hasattr(record, "hook")]
        levels = sorted(line.levelname for line in lines)
        assert levels == ["INFO", "INFO", "WARNING", "WARNING"], "the attempts, what is given up"
        for line in lines:
            assert about(line)[0] == task.id
            assert about(line)[2] in (4, 5)
            assert line.__dict__["hook"] == task.id

    async def test_an_actor_says_of_itself_what_its_crashes_name(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        for names in (True, False):
            system = ActorSystem(LoopClock(asyncio.get_running_loop()), asyncio.Future)
            system.spawn(BRITTLE, Brittle(names))
            system.tell(BRITTLE, Break())
            await until(functools.partial(_gone, system))
        named, silent = [record.__dict__ for record in caplog.records]
        assert (named["actor"], named["level"], named["msg"]) == ("brittle:b", 7, "%s")
        assert (silent["actor"], silent["about"]) == ("brittle:b", "<KeyError>")


class receiver:  # noqa: N801 - used as a context manager, like a function
    """A webhook receiver that answers with one status; the URL has a secret in its query."""

    def __init__(self, status: int) -> None:
        async def receive(_: Request) -> Response:
            return Response(status_code=status)

        self._served = listening(Starlette(routes=[Route("/", receive, methods=["POST"])]))

    async def __aenter__(self) -> str:
        return f"http://127.0.0.1:{await self._served.__aenter__()}/?key=the-query"

    async def __aexit__(self, *why: Any) -> None:
        await self._served.__aexit__(*why)


class TestSecrets:
    @pytest.mark.parametrize("status", [200, 503, 410, 302])
    async def test_no_line_tells_any_at_debug_level(
        self, handler: RequestHandler, caplog: pytest.LogCaptureFixture, status: int
    ) -> None:
        caplog.set_level(logging.DEBUG)
        app = build_app(handler, card(push_notifications=True))
        authentication = {"scheme": "Bearer", "credentials": "the-credentials"}
        async with receiver(status) as url, listening(app, lifespan="off") as port:
            hook = {"url": url, "token": "the-token", "authentication": authentication}
            message = {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "ask"}]}
            said = {"message": message, "configuration": {"taskPushNotificationConfig": hook}}
            base = f"http://127.0.0.1:{port}"
            async with httpx.AsyncClient(base_url=base, headers=AUTHORIZED) as client:
                for path in ("/rest/message:send", "/rest/message:stream"):
                    assert (await client.post(path, json=said)).status_code == 200
                tasks = (await client.get("/rest/tasks")).json()["tasks"]
                for method in ("GetTaskPushNotificationConfig", "ListTaskPushNotificationConfigs"):
                    params = {"taskId": tasks[0]["id"], "id": tasks[0]["id"]}
                    asked = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
                    assert "the-token" in (await client.post("/", json=asked)).text
                bad = {**hook, "url": "http://10.0.0.1/?key=the-query"}
                refused = {"message": message, "configuration": {"taskPushNotificationConfig": bad}}
                assert (await client.post("/rest/message:send", json=refused)).status_code == 400
            await until(lambda: sum(handler.observer.verdicts.values()) >= 4)
        lines = [f"{record.getMessage()} {record.__dict__}" for record in caplog.records]
        assert len(lines) > 10
        told = [line for line in lines if any(secret in line for secret in SECRETS)]
        assert told == []


class TestFormats:
    RECORD = logging.makeLogRecord(
        {
            "name": "actors.test",
            "levelname": "WARNING",
            "msg": "two %s",
            "args": ("words",),
            "task": "t",
            "owner": "me",
            "seq": 3,
        }
    )

    def test_json(self) -> None:
        said = json.loads(formatter(LogFormat.JSON).format(self.RECORD))
        assert said.pop("timestamp").endswith("+00:00")
        assert said == {
            "level": "WARNING",
            "logger": "actors.test",
            "message": "two words",
            "task": "t",
            "owner": "me",
            "seq": 3,
        }

    def test_text(self) -> None:
        said = formatter(LogFormat.TEXT).format(self.RECORD)
        assert said.endswith(" WARNING actors.test: two words")


def test_serve_logs_json_and_has_no_metrics_if_told_so(tmp_path: Path) -> None:
    port = free_port()
    places = ["--port", str(port), "--grpc-port", "0", "--database", str(tmp_path / "t.db")]
    options = ["--log-format", "json", "--log-level", "debug", "--no-metrics"]
    with started("serve", "tests.a2a.agents:Actor", *places, *options) as server:
        server.line("ready")
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=AUTHORIZED) as client:
            message = {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "fail"}]}
            client.post("/rest/message:send", json={"message": message})
            assert client.get("/metrics", follow_redirects=True).status_code == 404
            assert client.get("/readyz").json()["ready"] is True
            (task,) = client.get("/rest/tasks").json()["tasks"]
        server.signal(signal.SIGTERM)
        done = server.done()
    assert done.code == 0
    lines = [json.loads(line) for line in done.err.splitlines()]
    (raised,) = [line for line in lines if "agent raised" in line["message"]]
    assert (raised["task"], raised["owner"], raised["level"]) == (task["id"], "", "ERROR")
    assert "the tool broke" in raised["exc_info"]
    assert "the-bearer" not in done.err
