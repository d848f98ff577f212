"""Webhooks of tasks, from the handler to a receiver's socket, by our own journal and sender."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from a2a.types import TaskPushNotificationConfig
from a2a.utils.errors import InvalidParamsError

from actors.a2a import Policy, RequestHandler
from actors.storage import MemoryJournal
from actors.task.delivery import Delivery
from tests.a2a.agents import Actor, as_user, ask, card
from tests.a2a.receivers import Receiver, receiving, status

ME = as_user("me")


def build(policy: Policy, *allow: str) -> RequestHandler:
    return RequestHandler(
        Actor(),
        None,
        card(push_notifications=True),
        journal=MemoryJournal(),
        policy=policy,
        delivery=Delivery(allow=allow, first_delay=0.01),
    )


def hook(url: str) -> TaskPushNotificationConfig:
    return TaskPushNotificationConfig(
        url=url, token="tok", authentication={"scheme": "Bearer", "credentials": "cred"}
    )


async def until_completed(receiver: Receiver) -> list[dict[str, Any]]:
    """What the receiver was told until the task was completed."""
    told: list[dict[str, Any]] = []
    async with asyncio.timeout(10):
        while "TASK_STATE_COMPLETED" not in json.dumps(told):
            told.append(json.loads((await receiver.asked.get()).body))
    return told


@pytest.mark.parametrize(
    ("policy", "content_type"),
    [(Policy.sdk(), "application/json"), (Policy.spec(), "application/a2a+json")],
    ids=["sdk", "spec"],
)
async def test_a_task_is_told_in_order_with_credentials_and_tried_again(
    policy: Policy, content_type: str
) -> None:
    handler = build(policy, "127.0.0.0/8")
    async with receiving(status(503)) as receiver:
        request = ask("work")
        config = request.configuration.task_push_notification_config
        config.CopyFrom(hook(receiver.url(path="/in?q")))
        await handler.on_message_send(request, ME)
        first, again, *later = await until_completed(receiver)
        await handler.aclose()
        async with asyncio.timeout(5):
            await receiver.gone.get()
    assert first == again
    assert "task" in first
    assert all("task" not in one or policy == Policy.spec() for one in later)
    sequence = [int(got.headers["x-a2a-sequence"]) for got in receiver.got]
    assert sequence[0] == sequence[1]
    assert sequence[1:] == sorted(set(sequence))
    deliveries = [got.headers["x-a2a-delivery-id"] for got in receiver.got]
    assert deliveries[0] == deliveries[1]
    assert len(set(deliveries)) == len(set(sequence))
    for got in receiver.got:
        assert got.headers["authorization"] == "Bearer cred"
        assert got.headers["x-a2a-notification-token"] == "tok"
        assert got.headers["content-type"] == content_type
    assert receiver.connections == 1


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://127.0.0.1:1/?5ecret", "not public"),
        ("http://169.254.169.254/", "not public"),
        ("http://me:5ecret@hooks.example/", "user or password"),
        ("ftp://hooks.example/", "scheme"),
    ],
)
async def test_a_webhook_that_may_not_be_is_refused(url: str, why: str) -> None:
    handler = build(Policy.sdk())
    request = ask("work")
    request.configuration.task_push_notification_config.CopyFrom(hook(url))
    with pytest.raises(InvalidParamsError, match=why) as caught:
        await handler.on_message_send(request, ME)
    assert "5ecret" not in str(caught.value)
    await handler.aclose()
