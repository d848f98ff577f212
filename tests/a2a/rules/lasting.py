"""R56, R59 and R66: how configurations of webhooks begin with a send, last, and end.

Neighbours: `hooking.py` (R54 to R58: the operations), `notifying.py` (R60 to R65: what is sent).
"""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from a2a.server.context import ServerCallContext
from a2a.types import (
    GetTaskPushNotificationConfigRequest,
    ListTaskPushNotificationConfigsResponse,
    SendMessageRequest,
    TaskPushNotificationConfig,
    TaskState,
)
from a2a.utils.errors import TaskNotFoundError

from actors.a2a import RequestHandler
from actors.storage import SqliteJournal
from tests.a2a.receivers import receiving, status
from tests.a2a.rules import plays
from tests.a2a.rules.defects import Proceed, with_handler
from tests.a2a.rules.hearing import (
    beside,
    both,
    create,
    delete,
    found,
    hooked,
    hooks,
    page,
    states,
    undisturbed,
)
from tests.a2a.rules.hook_defects import HookDefect, swallowing
from tests.a2a.rules.plays import Stage
from tests.a2a.rules.registry import breaks, rule
from tests.a2a.rules.server import Setup
from tests.a2a.rules.world import World, short

WORKING = TaskState.TASK_STATE_WORKING
COMPLETED = TaskState.TASK_STATE_COMPLETED


@rule(
    "R56",
    "a configuration lasts until its task is over: through questions, answers and a restart",
    setup=hooked,
)
async def r56(world: World) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tasks.db"

        def stored(setup: Setup) -> Setup:
            return replace(setup, journal=lambda: SqliteJournal(path))

        async with receiving() as receiver:
            async with beside(world, stored) as before:
                task = (await before.task(plays.ask)).id
                created = await create(before, task, receiver.url(), id="h", token="t")
                await before.task(plays.ask, task=task)
                await undisturbed(before)
            assert states(receiver) == ["INPUT_REQUIRED"]
            async with beside(world, stored) as after:
                assert await hooks(after, task) == ["h"]
                assert await found(after, task, "h") == created
                await after.task(plays.work, task=task)
                await undisturbed(after)
    heard = [state for state in states(receiver) if state != "artifact"]
    assert heard == ["INPUT_REQUIRED", "WORKING", "COMPLETED"]
    assert {got.headers["x-a2a-notification-token"] for got in receiver.got} == {"t"}


@breaks("R56")
def forgets_configurations_at_a_restart(setup: Setup) -> Setup:
    class Forgets(HookDefect):
        created: frozenset[str] = frozenset()

        async def config(
            self, op: str, params: Any, context: ServerCallContext, go: Proceed
        ) -> Any:
            if op == "create":
                self.created |= {params.task_id}
            if op == "list" and params.task_id not in self.created:
                return ListTaskPushNotificationConfigsResponse()
            return await go(params)

    return with_handler(setup, Forgets)


@breaks("R56")
def notifies_of_the_first_event_only(setup: Setup) -> Setup:
    return swallowing(setup, lambda event: event.status_update.status.state == COMPLETED)


@rule(
    "R59",
    "a deleted configuration stays deleted, deleting it again is fine, and it hears no more",
    setup=hooked,
)
async def r59(world: World) -> None:
    async with both(world) as worlds:
        for each in worlds:
            await hears_no_more(each)
    await is_tried_no_more(world)


async def hears_no_more(world: World) -> None:
    async def slow(stage: Stage) -> None:
        await stage.begin()
        await stage.status(WORKING, "first")
        await stage.gate.wait()
        await stage.to.complete()

    async with receiving() as deleted, receiving() as kept:
        task = (await world.task(plays.ask)).id
        for name, receiver in (("deleted", deleted), ("kept", kept)):
            await create(world, task, receiver.url(), id=name)
        subscription = world.subscribe(task)
        await anext(subscription)
        run = asyncio.create_task(world.task(slow, task=task))
        assert short(await anext(subscription)) == "status WORKING"
        await undisturbed(world)
        for _ in range(2):
            await delete(world, task, "deleted")
        await world.refused(TaskNotFoundError, found(world, task, "deleted"))
        assert await hooks(world, task) == ["kept"]
        world.gate.set()
        await run
        await undisturbed(world)
        world.gate.clear()
        assert states(kept) == ["WORKING", "COMPLETED"]
        assert states(deleted) == ["WORKING"]
        await delete(world, task, "deleted")
        await world.refused(TaskNotFoundError, delete(world, "unknown", "deleted"))


async def is_tried_no_more(world: World) -> None:
    """See that what is deleted is not tried again either; a2a-sdk's sender tries once anyway."""
    async with receiving(*[status(503)] * 1000) as busy:
        inline = TaskPushNotificationConfig(url=busy.url(), id="h")
        task = await world.task(plays.ask, task_push_notification_config=inline)
        await busy.asked.get()
        await busy.asked.get()
        await delete(world, task.id, "h")
        await undisturbed(world)  # no other attempt is to be made
        assert set(states(busy)) == {"SUBMITTED"}


@breaks("R59")
def keeps_what_was_deleted(setup: Setup) -> Setup:
    class Keeps(HookDefect):
        async def config(
            self, op: str, params: Any, context: ServerCallContext, go: Proceed
        ) -> Any:
            return None if op == "delete" else await go(params)

    return with_handler(setup, Keeps)


@breaks("R59")
def hides_what_was_deleted(setup: Setup) -> Setup:
    """A server that says that it is gone, and goes on notifying it."""

    class Hides(HookDefect):
        async def config(
            self, op: str, params: Any, context: ServerCallContext, go: Proceed
        ) -> Any:
            if op == "delete":
                return None
            if op == "get":
                raise TaskNotFoundError
            answer = await go(params)
            if op == "list":
                shown = [config for config in answer.configs if config.id != "deleted"]
                return ListTaskPushNotificationConfigsResponse(configs=shown)
            return answer

    return with_handler(setup, Hides)


@breaks("R59", error=TaskNotFoundError)
def deletes_once_only(setup: Setup) -> Setup:
    class Once(HookDefect):
        async def config(
            self, op: str, params: Any, context: ServerCallContext, go: Proceed
        ) -> Any:
            if op == "delete":
                known = GetTaskPushNotificationConfigRequest(task_id=params.task_id, id=params.id)
                await self.on_get_task_push_notification_config(known, context)
            return await go(params)

    return with_handler(setup, Once)


@rule(
    "R66",
    "a configuration in a send gets the id of the task that the send creates, or names",
    setup=hooked,
)
async def r66(world: World) -> None:
    async with both(world) as worlds:
        for each in worlds:
            async with receiving() as receiver:
                inline = TaskPushNotificationConfig(url=receiver.url())
                task = await each.task(plays.ask, task_push_notification_config=inline)
                kept = (await page(each, task.id)).configs
                assert [(one.task_id, one.id) for one in kept] == [(task.id, task.id)]
                await undisturbed(each)
                assert states(receiver)[-1] == "INPUT_REQUIRED"
                inline.id = "of a follow-up"
                await each.task(plays.ask, task=task.id, task_push_notification_config=inline)
                for config in (await page(each, task.id)).configs:
                    assert config.task_id == task.id
                assert await hooks(each, task.id) == sorted((task.id, inline.id))


@breaks("R66")
def leaves_configurations_without_a_task(setup: Setup) -> Setup:
    class Leaves(RequestHandler):
        async def _inline(
            self, task: str, params: SendMessageRequest, context: ServerCallContext
        ) -> bytes:
            kept = await super()._inline(task, params, context)
            config = TaskPushNotificationConfig.FromString(kept)
            config.task_id = ""
            changed: bytes = config.SerializeToString()
            return changed

    return with_handler(setup, Leaves)


@breaks("R66")
def forgets_configurations_in_sends(setup: Setup) -> Setup:
    class Forgets(RequestHandler):
        async def _inline(
            self, task: str, params: SendMessageRequest, context: ServerCallContext
        ) -> bytes:
            return b""

    return with_handler(setup, Forgets)
