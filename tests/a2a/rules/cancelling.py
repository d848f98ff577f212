"""R51 to R53: cancelling tasks.

Neighbours: `answering.py` (answers to sends), `states.py` (what is terminal).
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from a2a.server.context import ServerCallContext
from a2a.types import GetTaskRequest, Task
from a2a.utils.errors import (
    TaskNotCancelableError,
    TaskNotFoundError,
    UnsupportedOperationError,
)

from actors.a2a import RequestHandler
from tests.a2a.rules import plays
from tests.a2a.rules.defects import Defect, Proceed, with_handler
from tests.a2a.rules.plays import Play, Scripted, Stage, ends_in
from tests.a2a.rules.registry import breaks, rule
from tests.a2a.rules.server import Setup
from tests.a2a.rules.states import CANCELED, COMPLETED, TERMINAL
from tests.a2a.rules.world import World, collect, short, state_of


async def going_on(world: World) -> Task:
    """Return a task that an agent is at work on."""
    task = await world.task(plays.wait, return_immediately=True)
    subscription = world.subscribe(task.id)
    while "WORKING" not in short(await anext(subscription)):
        pass
    return await world.get(task.id)


@rule("R51", "cancel returns the updated Task; that it ends as CANCELED is not promised")
async def r51(world: World) -> None:
    for task in (await going_on(world), await world.task(plays.ask)):
        canceled = await world.cancel(task.id)
        assert (canceled.id, state_of(canceled)) == (task.id, "CANCELED")
        assert canceled == await world.get(task.id)
    following = await going_on(world)
    subscription = world.subscribe(following.id)
    await anext(subscription)
    await world.cancel(following.id)
    assert [short(event) for event in await collect(subscription)] == ["status CANCELED"]

    async def too_late(stage: Stage) -> None:
        await stage.to.complete()

    async def cannot(_: Stage) -> None:
        raise UnsupportedOperationError("not this one")

    world.when_cancelled(too_late)
    done = await world.cancel((await going_on(world)).id)
    assert state_of(done) == "COMPLETED"
    assert done == await world.get(done.id)
    world.when_cancelled(cannot)
    await world.refused(TaskNotCancelableError, world.cancel((await going_on(world)).id))


@breaks("R51")
def answers_with_the_task_before(setup: Setup) -> Setup:
    class Before(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            if op != "cancel":
                return await go(params)
            task = await self.on_get_task(GetTaskRequest(id=params.id), context)
            await go(params)
            return task

    return with_handler(setup, Before)


@breaks("R51")
def says_canceled_whatever_happened(setup: Setup) -> Setup:
    class Says(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            answer = await go(params)
            if op == "cancel":
                answer.status.state = CANCELED
            return answer

    return with_handler(setup, Says)


@rule(
    "R52",
    "cancel of a terminal task is TNC, of an unknown or foreign one TNF; nothing changes",
    spec="as the rule; of a CANCELED one it is the Task (A3, R53)",
)
async def r52(world: World) -> None:
    for state in TERMINAL:
        ended = await world.task(ends_in(state))
        if state == CANCELED and world.spec:
            assert await world.cancel(ended.id) == ended
        else:
            await world.refused(TaskNotCancelableError, world.cancel(ended.id))
        assert await world.get(ended.id) == ended
    await world.refused(TaskNotFoundError, world.cancel("unknown"))
    hers = await world.as_("her").task(plays.ask)
    await world.refused(TaskNotFoundError, world.cancel(hers.id))
    assert await world.as_("her").get(hers.id) == hers


@breaks("R52")
def cancels_what_is_completed(setup: Setup) -> Setup:
    class Cancels(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            if op == "cancel":
                task = await self.on_get_task(GetTaskRequest(id=params.id), context)
                if task is not None and task.status.state == COMPLETED:
                    return task
            return await go(params)

    return with_handler(setup, Cancels)


@breaks("R52")
def says_of_unknown_tasks_that_they_cannot(setup: Setup) -> Setup:
    class Says(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            try:
                return await go(params)
            except TaskNotFoundError:
                if op == "cancel":
                    raise TaskNotCancelableError from None
                raise

    return with_handler(setup, Says)


@rule(
    "R53",
    "a cancel that is repeated, later or at the same time, has no further effect",
    sdk="as the rule; later it is TNC (A3)",
    spec="as the rule; later it is the Task (A3)",
)
async def r53(world: World) -> None:
    cancels: list[str] = []

    async def counted(stage: Stage) -> None:
        cancels.append(stage.to.task_id)
        await stage.to.cancel(stage.says("as you wish"))

    world.when_cancelled(counted)
    task = await going_on(world)
    once = await world.cancel(task.id)
    assert state_of(once) == "CANCELED"
    for _ in range(2):
        if world.spec:
            assert await world.cancel(task.id) == once
        else:
            await world.refused(TaskNotCancelableError, world.cancel(task.id))
    assert await world.get(task.id) == once
    assert cancels == [task.id]
    task = await going_on(world)
    answers = await asyncio.gather(
        *(world.cancel(task.id) for _ in range(4)), return_exceptions=True
    )
    stored = await world.get(task.id)
    assert state_of(stored) == "CANCELED"
    for answer in answers:
        assert answer == stored or (not world.spec and type(answer) is TaskNotCancelableError)
    assert cancels.count(task.id) == 1


@breaks("R53")
@breaks("R53", policy="spec")
def changes_the_task_again(setup: Setup) -> Setup:
    class Again(Defect):
        canceled: frozenset[str] = frozenset()

        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            answer = await go(params)
            if op == "cancel":
                self.canceled |= {params.id}
            elif op == "get" and params.id in self.canceled:
                answer.status.message.parts.add(text="again")
            return answer

    return with_handler(setup, Again)


@breaks("R53", policy="spec", error=TaskNotCancelableError)
def refuses_the_second_cancel(setup: Setup) -> Setup:
    return replace(setup, policy=replace(setup.policy, canceled_again="refuse"))


@breaks("R53")
def answers_the_second_cancel(setup: Setup) -> Setup:
    return replace(setup, policy=replace(setup.policy, canceled_again="answer"))


@breaks("R53")
def tells_the_agent_twice(setup: Setup) -> Setup:
    class Twice(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            if op == "cancel":
                agent, user = _agent(self), context.user.user_name
                agent.cancel_plays[user] = _twice(agent.cancel_plays[user])
            return await go(params)

    return with_handler(setup, Twice)


def _twice(play: Play) -> Play:
    async def twice(stage: Stage) -> None:
        await play(stage)
        await play(stage)

    return twice


def _agent(handler: RequestHandler) -> Scripted:
    """Return the agent behind a handler."""
    assert isinstance(handler.agent_executor, Scripted)
    return handler.agent_executor
