"""Push notifications by the sender the user passes: in order, stored first, in nobody's way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from a2a.server.tasks import (
    BasePushNotificationSender,
    InMemoryPushNotificationConfigStore,
    InMemoryTaskStore,
    PushNotificationSender,
)
from a2a.types import (
    DeleteTaskPushNotificationConfigRequest,
    GetTaskPushNotificationConfigRequest,
    ListTaskPushNotificationConfigsRequest,
    Task,
    TaskPushNotificationConfig,
    TaskState,
)
from a2a.utils.errors import PushNotificationNotSupportedError, TaskNotFoundError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from actors.a2a import Policy, RequestHandler
from actors.storage import MemoryJournal
from tests.a2a.agents import Actor, as_user, ask, card

ME = as_user("me")
HOOK = TaskPushNotificationConfig(url="http://hook.test/", token="secret")


class Receiver:
    """A webhook receiver that notes what it gets, and may answer slowly or badly."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.tokens: set[str] = set()
        self.status = 200
        self.open = asyncio.Event()
        self.open.set()
        app = Starlette(routes=[Route("/", self.receive, methods=["POST"])])
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app))

    async def receive(self, request: Request) -> Response:
        await self.open.wait()
        self.got.append(await request.json())
        self.tokens.add(request.headers["x-a2a-notification-token"])
        return Response(status_code=self.status)

    def states(self) -> list[str]:
        statuses = [next(iter(body.values()))["status"] for body in self.got]
        return [status["state"].removeprefix("TASK_STATE_") for status in statuses]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    yield made
    await made.client.aclose()


def build(receiver: Receiver, agent: Actor, policy: Policy | None = None) -> RequestHandler:
    configs = InMemoryPushNotificationConfigStore()
    return RequestHandler(
        agent,
        None,
        card(push_notifications=True),
        push_config_store=configs,
        push_sender=BasePushNotificationSender(receiver.client, configs),
        journal=MemoryJournal(),
        policy=policy,
    )


async def work(handler: RequestHandler) -> Task:
    answer = await handler.on_message_send(ask("work", task_push_notification_config=HOOK), ME)
    assert isinstance(answer, Task)
    return answer


async def test_r62_each_state_is_notified_in_order(receiver: Receiver) -> None:
    handler = build(receiver, Actor())
    await work(handler)
    await handler.aclose()
    assert receiver.states() == ["SUBMITTED", "WORKING", "COMPLETED"]
    assert receiver.tokens == {"secret"}


async def test_a10_under_spec_artifacts_are_notified_too(receiver: Receiver) -> None:
    handler = build(receiver, Actor(), Policy.spec(visible="agent"))
    await work(handler)
    await handler.aclose()
    assert [next(iter(body)) for body in receiver.got] == [
        "task",
        "statusUpdate",
        *["artifactUpdate"] * 3,
        "statusUpdate",
    ]


async def test_r64_a_slow_receiver_delays_nobody(receiver: Receiver) -> None:
    handler = build(receiver, Actor())
    receiver.open.clear()
    task = await work(handler)
    assert task.status.state == TaskState.TASK_STATE_COMPLETED
    assert receiver.got == []
    receiver.open.set()
    await handler.aclose()
    assert receiver.states() == ["SUBMITTED", "WORKING", "COMPLETED"]


async def test_a_broken_receiver_is_logged_and_changes_nothing(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    handler = build(receiver, Actor())
    receiver.status = 500
    assert (await work(handler)).status.state == TaskState.TASK_STATE_COMPLETED
    await handler.aclose()
    assert len(receiver.got) == 3
    assert "secret" not in caplog.text


async def test_a_sender_that_raises_is_logged_once_for_each_record(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(PushNotificationSender):
        async def send_notification(self, task_id: str, event: object) -> None:
            raise OSError("no route")

    handler = RequestHandler(Actor(), None, card(), push_sender=Broken(), journal=MemoryJournal())
    answer = await handler.on_message_send(ask("work"), ME)
    assert isinstance(answer, Task)
    await handler.aclose()
    assert [record.message for record in caplog.records] == [
        f"could not notify about task {answer.id}"
    ] * 3


def test_what_a_sender_has_not_done_as_the_loop_ends_is_told_by_the_next(tmp_path: Path) -> None:
    told: list[str] = []

    class Stuck(PushNotificationSender):
        def __init__(self) -> None:
            self.stuck = asyncio.Event()
            self.hangs = True

        async def send_notification(self, task_id: str, event: object) -> None:
            told.append(type(event).__name__)
            self.stuck.set()
            if self.hangs:
                await asyncio.Event().wait()

    sender = Stuck()
    database = tmp_path / "t.db"
    handler = RequestHandler(Actor(), None, card(), push_sender=sender, database=database)

    async def begin() -> None:
        await handler.on_message_send(ask("work"), ME)
        await sender.stuck.wait()

    async def go_on() -> None:
        sender.hangs = False
        await handler.webhooks()
        await handler.aclose()

    asyncio.run(begin())
    assert told == ["Task"]
    asyncio.run(go_on())
    assert told == ["Task", "Task", "TaskStatusUpdateEvent", "TaskStatusUpdateEvent"]


async def test_r55_to_r59_configurations(receiver: Receiver) -> None:
    handler = build(receiver, Actor())
    asked = await handler.on_message_send(ask("ask"), ME)
    assert isinstance(asked, Task)
    config = TaskPushNotificationConfig(task_id=asked.id, url="http://hook.test/")
    created = await handler.on_create_task_push_notification_config(config, ME)
    assert created.id == asked.id, "detail 9: an empty id means the task's"
    named = GetTaskPushNotificationConfigRequest(task_id=asked.id, id=created.id)
    assert await handler.on_get_task_push_notification_config(named, ME) == created
    listing = ListTaskPushNotificationConfigsRequest(task_id=asked.id)
    assert list((await handler.on_list_task_push_notification_configs(listing, ME)).configs) == [
        created
    ]
    with pytest.raises(TaskNotFoundError):
        await handler.on_get_task_push_notification_config(named, as_user("them"))
    gone = DeleteTaskPushNotificationConfigRequest(task_id=asked.id, id=created.id)
    for _ in range(2):
        await handler.on_delete_task_push_notification_config(gone, ME)
    with pytest.raises(TaskNotFoundError):
        await handler.on_get_task_push_notification_config(named, ME)
    await handler.aclose()


async def test_r54_without_the_capability_or_anywhere_to_keep_it(receiver: Receiver) -> None:
    """Where tasks are in a store of the user's, or they send, the webhooks are theirs too."""
    config = TaskPushNotificationConfig(task_id="x", url="http://hook.test/")
    kept: dict[str, Any] = {"journal": MemoryJournal()}
    theirs: dict[str, Any] = {"task_store": InMemoryTaskStore()}
    sender = BasePushNotificationSender(receiver.client, InMemoryPushNotificationConfigStore())
    sent: dict[str, Any] = {"push_sender": sender, **kept}
    for declared, given in ((False, kept), (True, theirs), (True, sent)):
        handler = RequestHandler(Actor(), agent_card=card(push_notifications=declared), **given)
        with pytest.raises(PushNotificationNotSupportedError):
            await handler.on_create_task_push_notification_config(config, ME)
