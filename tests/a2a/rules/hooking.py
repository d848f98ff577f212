"""R54, R55, R57 and R58: configurations of webhooks, ours and those in a store of the user's.

Neighbours: `lasting.py` (R56, R59, R66: how long they last), `notifying.py` (what is sent),
`hearing.py` (setups and operations).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from a2a.server.context import ServerCallContext
from a2a.types import (
    AgentCard,
    TaskPushNotificationConfig,
    TaskState,
)
from a2a.utils.errors import PushNotificationNotSupportedError, TaskNotFoundError

from actors.a2a import RequestHandler
from tests.a2a.rules import plays
from tests.a2a.rules.defects import Proceed, with_handler
from tests.a2a.rules.hearing import (
    both,
    create,
    delete,
    found,
    hooked,
    hooks,
    page,
)
from tests.a2a.rules.hook_defects import HookDefect
from tests.a2a.rules.registry import breaks, rule
from tests.a2a.rules.server import Setup
from tests.a2a.rules.world import World, state_of

PUBLIC = "https://hooks.example.com/in"
WORKING = TaskState.TASK_STATE_WORKING


def undeclared(setup: Setup) -> Setup:
    """Return the setup of an agent that declares no push notifications, and has none."""
    return replace(setup, capabilities={}, options=dict)


@rule(
    "R54",
    "without the push capability every operation on configurations is PNS, and one in a send",
    sdk="as the rule for the four operations; one in a send is ignored",
    setup=undeclared,
)
async def r54(world: World) -> None:
    async with both(world) as worlds:
        for each in worlds:
            task = (await each.task(plays.ask)).id
            pns = PushNotificationNotSupportedError
            await each.refused(pns, create(each, task, PUBLIC))
            await each.refused(pns, found(each, task, task))
            await each.refused(pns, page(each, task))
            await each.refused(pns, delete(each, task, task))
            inline = each.request(
                plays.work, task=task, task_push_notification_config={"url": PUBLIC}
            )
            if each.spec:
                await each.refused(pns, each.send(inline))
                await each.refused(pns, each.stream(inline))
                assert len(each.seen) == 1
            elif each is world:
                assert state_of(await each.task(inline)) == "COMPLETED"


@breaks("R54")
def keeps_configurations_without_declaring_it(setup: Setup) -> Setup:
    class Declares(RequestHandler):
        def __init__(self, agent: Any, store: Any, card: AgentCard, **options: Any) -> None:
            declared = AgentCard()
            declared.CopyFrom(card)
            declared.capabilities.push_notifications = True
            super().__init__(agent, store, declared, **options)

    return with_handler(setup, Declares)


@breaks("R54", policy="spec")
def ignores_configurations_in_sends(setup: Setup) -> Setup:
    return replace(setup, policy=replace(setup.policy, undeclared_push="ignore"))


@breaks("R54", error=PushNotificationNotSupportedError)
def refuses_configurations_in_sends(setup: Setup) -> Setup:
    return replace(setup, policy=replace(setup.policy, undeclared_push="refuse"))


@rule(
    "R55",
    "create returns the configuration with an id; of an unknown or foreign task it is TNF",
    setup=hooked,
)
async def r55(world: World) -> None:
    async with both(world) as worlds:
        for each in worlds:
            task = (await each.task(plays.ask)).id
            unnamed = await create(each, task, PUBLIC, token="t")
            assert (unnamed.id, unnamed.task_id) == (task, task)  # detail 9
            named = await create(each, task, PUBLIC, id="a name")
            assert (named.id, named.task_id, named.url) == ("a name", task, PUBLIC)
            assert await found(each, task, task) == unnamed
            assert await found(each, task, "a name") == named
            await each.refused(TaskNotFoundError, create(each, "unknown", PUBLIC))
            stranger = each.as_("her")
            await each.refused(TaskNotFoundError, create(stranger, task, PUBLIC, id="hers"))
            assert await hooks(each, task) == sorted((task, "a name"))


@breaks("R55")
def returns_configurations_without_an_id(setup: Setup) -> Setup:
    class Nameless(HookDefect):
        async def config(
            self, op: str, params: Any, context: ServerCallContext, go: Proceed
        ) -> Any:
            given = params.id
            answer = await go(params)
            if op == "create":
                answer.id = given
            return answer

    return with_handler(setup, Nameless)


@breaks("R55")
def creates_for_tasks_that_are_not_there(setup: Setup) -> Setup:
    class Creates(HookDefect):
        async def config(
            self, op: str, params: Any, context: ServerCallContext, go: Proceed
        ) -> Any:
            try:
                return await go(params)
            except TaskNotFoundError:
                if op == "create":
                    return params
                raise

    return with_handler(setup, Creates)


@rule(
    "R57",
    "get of a configuration that is not there, or of a task of somebody else's, is TNF",
    setup=hooked,
)
async def r57(world: World) -> None:
    async with both(world) as worlds:
        for each in worlds:
            task, other = (await each.task(plays.ask)).id, (await each.task(plays.ask)).id
            kept = await create(each, task, PUBLIC, id="h")
            assert await found(each, task, "h") == kept
            for absent in ((task, "another"), (other, "h"), ("unknown", "h")):
                await each.refused(TaskNotFoundError, found(each, *absent))
            for stranger in (each.as_("her"), each.as_(None)):
                await each.refused(TaskNotFoundError, found(stranger, task, "h"))
                await each.refused(TaskNotFoundError, page(stranger, task))


@breaks("R57")
def shows_configurations_to_anybody(setup: Setup) -> Setup:
    return _showing(setup, "h")


@breaks("R57")
def makes_up_configurations(setup: Setup) -> Setup:
    return _showing(setup, "another")


def _showing(setup: Setup, hook: str) -> Setup:
    class Shows(HookDefect):
        async def config(
            self, op: str, params: Any, context: ServerCallContext, go: Proceed
        ) -> Any:
            try:
                return await go(params)
            except TaskNotFoundError:
                if op == "get" and params.id == hook:
                    return TaskPushNotificationConfig(task_id=params.task_id, id=hook, url=PUBLIC)
                raise

    return with_handler(setup, Shows)


@rule(
    "R58",
    "list returns all configurations of a task, once each, page by page where there are pages",
    setup=hooked,
)
async def r58(world: World) -> None:
    async with both(world) as worlds:
        for each in worlds:
            task, other = (await each.task(plays.ask)).id, (await each.task(plays.ask)).id
            assert await hooks(each, task) == []
            names = [f"hook {n}" for n in range(6)]
            for name in names:
                await create(each, task, PUBLIC, id=name)
            await create(each, task, f"{PUBLIC}/new", id=names[3])
            await create(each, other, PUBLIC, id="of another task")
            assert sorted(await listed(each, task)) == sorted(names)
            assert sorted(await listed(each, task, page_size=4)) == sorted(names)
            changed = [c.url for c in (await page(each, task)).configs if c.id == names[3]]
            assert changed == [f"{PUBLIC}/new"]
            await delete(each, task, names[0])
            assert await hooks(each, task) == sorted(names[1:])


async def listed(world: World, task: str, **fields: Any) -> list[str]:
    """Return the ids on all pages."""
    answer = await page(world, task, **fields)
    ids = [config.id for config in answer.configs]
    while answer.next_page_token:
        answer = await page(world, task, page_token=answer.next_page_token, **fields)
        ids += [config.id for config in answer.configs]
    return ids


@breaks("R58")
def lists_four_at_most(setup: Setup) -> Setup:
    class Four(HookDefect):
        async def config(
            self, op: str, params: Any, context: ServerCallContext, go: Proceed
        ) -> Any:
            answer = await go(params)
            if op == "list":
                del answer.configs[4:]
            return answer

    return with_handler(setup, Four)
