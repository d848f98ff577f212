"""Webhooks as checks need them: setups that send some, and what their receivers have heard.

Neighbours: `hooking.py` (R54 to R59), `notifying.py` (R60 to R66), `tests/a2a/receivers.py`.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
from a2a.server.tasks import BasePushNotificationSender, InMemoryPushNotificationConfigStore
from a2a.types import (
    DeleteTaskPushNotificationConfigRequest,
    GetTaskPushNotificationConfigRequest,
    ListTaskPushNotificationConfigsRequest,
    ListTaskPushNotificationConfigsResponse,
    TaskPushNotificationConfig,
)

from actors.task.delivery import Delivery
from tests.a2a.receivers import Receiver
from tests.a2a.rules.registry import JSONRPC, LOCAL
from tests.a2a.rules.remote import NOBODY, connected
from tests.a2a.rules.server import Setup, serving
from tests.a2a.rules.world import World

LOCALLY = ("127.0.0.0/8",)


def delivering(setup: Setup, **delivery: Any) -> Setup:
    """Return the setup of a server that sends webhooks itself, also to this machine."""
    given = {"allow": LOCALLY, "timeout": 5, "first_delay": 0.02, **delivery}
    return replace(setup, options=lambda: {"delivery": Delivery(**given)})


def hooked(setup: Setup) -> Setup:
    """Return the same with the usual times."""
    return delivering(setup)


@asynccontextmanager
async def beside(world: World, change: Callable[[Setup], Setup]) -> AsyncIterator[World]:
    """Serve another setup, made from this world's, for the same user over the same binding."""
    async with (
        serving(change(world.server.setup)) as server,
        connected(server, world.binding) as remote,
    ):
        yield replace(world, server=server, remote=remote)


@asynccontextmanager
async def both(world: World) -> AsyncIterator[list[World]]:
    """This world, and one whose user has passed a store and a2a-sdk's sender.

    What is beneath does not depend on the binding, so that the second is served over one only.
    """
    if world.binding not in (JSONRPC, *LOCAL):
        yield [world]
        return
    async with httpx.AsyncClient(timeout=5, verify=NOBODY) as client:

        def theirs(setup: Setup) -> Setup:
            return replace(setup, options=lambda: sdks(client))

        async with beside(world, theirs) as other:
            yield [world, other]


def sdks(client: httpx.AsyncClient) -> dict[str, Any]:
    """Return the options of a handler that is given a2a-sdk's own store and sender."""
    store = InMemoryPushNotificationConfigStore()
    sender = BasePushNotificationSender(client, store)
    return {"push_config_store": store, "push_sender": sender}


# -- operations


async def create(world: World, task: str, url: str, **fields: Any) -> TaskPushNotificationConfig:
    """Create a configuration."""
    config = TaskPushNotificationConfig(task_id=task, url=url, **fields)
    return await world.remote.blocking.create_task_push_notification_config(
        config, context=world.call
    )


async def found(world: World, task: str, hook: str) -> TaskPushNotificationConfig:
    """Get a configuration."""
    return await world.remote.blocking.get_task_push_notification_config(
        GetTaskPushNotificationConfigRequest(task_id=task, id=hook), context=world.call
    )


async def page(world: World, task: str, **fields: Any) -> ListTaskPushNotificationConfigsResponse:
    """List the configurations of a task: one page."""
    return await world.remote.blocking.list_task_push_notification_configs(
        ListTaskPushNotificationConfigsRequest(task_id=task, **fields), context=world.call
    )


async def hooks(world: World, task: str) -> list[str]:
    """Return the ids of a task's configurations, sorted."""
    return sorted(config.id for config in (await page(world, task)).configs)


async def delete(world: World, task: str, hook: str) -> None:
    """Delete a configuration."""
    await world.remote.blocking.delete_task_push_notification_config(
        DeleteTaskPushNotificationConfigRequest(task_id=task, id=hook), context=world.call
    )


# -- what receivers hear


async def undisturbed(world: World) -> None:
    """Wait until the server has nothing to deliver."""
    while True:
        told = await world.server.handler.webhooks()
        if not (told.waiting or told.under_way):
            return


def bodies(receiver: Receiver) -> list[dict[str, Any]]:
    """Return what came, as JSON, in order."""
    return [json.loads(got.body) for got in receiver.got]


def states(receiver: Receiver) -> list[str]:
    """Return the states that a receiver has heard of, "artifact" for an artifact."""
    return [_state(body) for body in bodies(receiver)]


def _state(body: dict[str, Any]) -> str:
    ((arm, event),) = body.items()
    if arm == "artifactUpdate":
        return "artifact"
    return str(event["status"]["state"]).removeprefix("TASK_STATE_")
