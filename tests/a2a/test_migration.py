"""From a2a-sdk's DefaultRequestHandler to ours, as the README tells it, under clients that stay.

An application with the SDK's stores is taken over while a task is at work: its file is copied, as
a crash would leave it. The clients keep their connections: only what is behind the socket changes.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from typing import cast

import httpx
import pytest
from a2a.client import Client, ClientConfig, ClientFactory
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_jsonrpc_routes
from a2a.server.tasks import (
    BasePushNotificationSender,
    DatabasePushNotificationConfigStore,
    DatabaseTaskStore,
)
from a2a.types import (
    AgentCard,
    GetTaskRequest,
    ListTaskPushNotificationConfigsRequest,
    ListTasksRequest,
    StreamResponse,
    Task,
    TaskPushNotificationConfig,
    TaskState,
)
from a2a.utils.errors import TaskNotFoundError, UnsupportedOperationError
from google.protobuf.json_format import ParseDict
from sqlalchemy.ext.asyncio import create_async_engine
from starlette.applications import Starlette
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from actors.a2a import Delivery, RequestHandler
from actors.a2a.wire import jsonrpc_routes
from tests.a2a.agents import Actor, ask, card
from tests.a2a.reaches import USER
from tests.a2a.receivers import Receiver, receiving
from tests.a2a.served import ByHeader
from tests.cli.journals import call
from tests.sockets import listening

CARD = card(push_notifications=True)


class Front:
    """Passes requests to the application of the day."""

    def __init__(self) -> None:
        self._app: Starlette

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    def serve(self, routes: list[BaseRoute]) -> None:
        self._app = Starlette(routes=routes)
        self._app.add_middleware(AuthenticationMiddleware, backend=ByHeader())


class Person:
    """One user's client of the SDK."""

    def __init__(self, client: Client, receiver: Receiver) -> None:
        self.client = client
        self._receiver = receiver

    async def send(self, text: str, task: str = "", *, hook: bool = False) -> StreamResponse:
        """The first answer, or for "wait" the first that says that it is at work."""
        request = ask(text, task)
        if hook:
            config = TaskPushNotificationConfig(id="h", url=self._receiver.url(), token="secret")
            request.configuration.task_push_notification_config.CopyFrom(config)
        events = self.client.send_message(request)
        last = StreamResponse()
        async with aclosing(cast(AsyncGenerator[StreamResponse, None], events)):
            async for last in events:
                if (
                    last.status_update.status.state == TaskState.TASK_STATE_WORKING
                    and text == "wait"
                ):
                    break
        return last

    async def tasks(self) -> dict[str, Task]:
        listed = await self.client.list_tasks(ListTasksRequest(include_artifacts=True))
        found = {each.id: each for each in listed.tasks}
        for name in found:
            found[name] = await self.client.get_task(GetTaskRequest(id=name))
        return found

    async def hooks(self, task: str) -> list[TaskPushNotificationConfig]:
        request = ListTaskPushNotificationConfigsRequest(task_id=task)
        listed = await self.client.list_task_push_notification_configs(request)
        return list(listed.configs)


@asynccontextmanager
async def people(port: int, receiver: Receiver, *names: str) -> AsyncIterator[list[Person]]:
    described = AgentCard()
    described.CopyFrom(CARD)
    described.supported_interfaces[0].url = f"http://127.0.0.1:{port}"
    async with AsyncExitStack() as stack:
        found = []
        for name in names:
            http = await stack.enter_async_context(httpx.AsyncClient(headers={USER: name}))
            client = ClientFactory(ClientConfig(httpx_client=http)).create(described)
            found.append(Person(client, receiver))
        yield found


def heard(receiver: Receiver) -> list[tuple[str, str]]:
    """Task and state of each status that the receiver was told."""
    told = [ParseDict(json.loads(got.body), StreamResponse()) for got in receiver.got]
    updates = [each.status_update for each in told if each.HasField("status_update")]
    return [(each.task_id, TaskState.Name(each.status.state)) for each in updates]


@asynccontextmanager
async def theirs(front: Front, file: Path) -> AsyncIterator[None]:
    """The application as it was."""
    agent, engine = Actor(), create_async_engine(f"sqlite+aiosqlite:///{file}")
    async with httpx.AsyncClient() as http:
        hooks = DatabasePushNotificationConfigStore(engine)
        handler = DefaultRequestHandler(
            agent,
            DatabaseTaskStore(engine),
            CARD,
            push_config_store=hooks,
            push_sender=BasePushNotificationSender(http, hooks),
        )
        front.serve(list(create_jsonrpc_routes(handler, "/")))
        try:
            yield
        finally:
            await handler.aclose()
            await engine.dispose()


@asynccontextmanager
async def ours(front: Front, file: Path) -> AsyncIterator[None]:
    """The same application with our handler."""
    delivery = Delivery(allow=("127.0.0.1",))
    handler = RequestHandler(Actor(), None, CARD, database=file, delivery=delivery)
    front.serve(jsonrpc_routes(handler))
    await handler.start()
    try:
        yield
    finally:
        await handler.aclose()


# The SDK gives the classes for all its tables one name.
@pytest.mark.filterwarnings("ignore:This declarative base already contains")
async def test_clients_go_on(tmp_path: Path) -> None:
    front, old, new = Front(), tmp_path / "sdk.db", tmp_path / "ours.db"
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(asyncio.timeout(20))
        receiver = await stack.enter_async_context(receiving())
        port = await stack.enter_async_context(listening(front, lifespan="off"))
        ann, bob = await stack.enter_async_context(people(port, receiver, "ann", "bob"))

        async with theirs(front, old):
            done = (await ann.send("work", hook=True)).status_update.task_id
            asked = (await ann.send("ask", hook=True)).status_update.task_id
            busy = (await ann.send("wait", hook=True)).status_update.task_id
            other = (await bob.send("ask")).status_update.task_id
            before, bobs = await ann.tasks(), await bob.tasks()
            hooks = await ann.hooks(asked)
            shutil.copy(old, tmp_path / "left.db")
        assert before.keys() == {done, asked, busy}
        assert len(hooks) == 1
        receiver.got.clear()

        options = ("--allow-webhooks", "127.0.0.1", "--database", str(new))
        command = ("journal", "import-sdk", str(tmp_path / "left.db"), *options)
        imported = await asyncio.to_thread(call, *command)
        assert imported.err == ""
        assert imported.out.startswith("imported 4 tasks with 3 webhooks into")

        async with ours(front, new):
            after = await ann.tasks()
            lost = after.pop(busy)
            assert lost.status.state == TaskState.TASK_STATE_FAILED
            assert before.pop(busy).history == lost.history
            assert after == before
            assert await bob.tasks() == bobs
            assert await ann.hooks(asked) == hooks
            with pytest.raises(TaskNotFoundError):
                await bob.client.get_task(GetTaskRequest(id=asked))
            with pytest.raises(UnsupportedOperationError):
                await ann.send("work", done)
            assert (await ann.send("work", asked)).status_update.task_id == asked
            assert (await bob.send("work", other)).status_update.task_id == other
            ended = await ann.client.get_task(GetTaskRequest(id=asked))
            assert ended.status.state == TaskState.TASK_STATE_COMPLETED
            while len(heard(receiver)) < 3:
                await receiver.asked.get()
    working, completed = "TASK_STATE_WORKING", "TASK_STATE_COMPLETED"
    expected = [(asked, working), (asked, completed), (busy, "TASK_STATE_FAILED")]
    assert sorted(heard(receiver)) == sorted(expected)
    assert all(got.headers["x-a2a-notification-token"] == "secret" for got in receiver.got)
