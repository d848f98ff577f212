"""R86: the same message again."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from a2a.server.context import ServerCallContext
from a2a.types import Part
from a2a.utils.errors import InvalidParamsError

from tests.a2a.rules import plays
from tests.a2a.rules.defects import Defect, Proceed, with_handler
from tests.a2a.rules.registry import GRPC, breaks, rule
from tests.a2a.rules.server import Setup
from tests.a2a.rules.world import World, collect


@rule(
    "R86",
    "a message id that its owner has used gets the answer that it got, and no second run",
    sdk="the message is carried out again, as by a2a-sdk (A12)",
)
async def r86(world: World) -> None:
    request = world.request(plays.work)
    first = await world.task(request)
    second, third = await asyncio.gather(world.task(request), world.task(request))
    streamed = (await collect(world.stream(request)))[0].task.id
    ids = [first.id, second.id, third.id, streamed]
    if not world.spec:
        assert len(set(ids)) == len(world.seen) == 4
        return
    assert set(ids) == {first.id}
    assert second == third == first
    assert len(world.seen) == 1
    at_once = world.request(plays.work)
    both = await asyncio.gather(world.task(at_once), world.task(at_once))
    assert both[0].id == both[1].id != first.id
    assert len(world.seen) == 2
    bob = world.as_("bob")
    assert (await bob.task(request)).id != first.id
    request.message.parts.append(Part(text="and more"))
    await world.refused(InvalidParamsError, world.send(request))
    assert (await world.list()).total_size == 2


@breaks("R86", policy="spec")
@breaks("R86", policy="spec", binding=GRPC)
def carries_it_out_again(setup: Setup) -> Setup:
    return replace(setup, policy=replace(setup.policy, deduplicate=False))


@breaks("R86")
def carries_it_out_once_where_the_sdk_does_not(setup: Setup) -> Setup:
    return replace(setup, policy=replace(setup.policy, deduplicate=True))


@breaks("R86", policy="spec")
def takes_ids_for_everybodys(setup: Setup) -> Setup:
    class Everybodys(Defect):
        answers: dict[str, Any] = {}  # noqa: RUF012 - of one handler, by message id

        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            if op != "send":
                return await go(params)
            name = params.message.message_id
            if name not in self.answers:
                self.answers[name] = await go(params)
            return self.answers[name]

    return with_handler(setup, Everybodys)
