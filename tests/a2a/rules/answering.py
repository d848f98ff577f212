"""R31 to R35: when a send is answered, and with what.

Neighbours: `streaming.py` (the same of streams), `cancelling.py` (of cancels).
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from a2a.server.context import ServerCallContext
from a2a.types import (
    CancelTaskRequest,
    Message,
    SendMessageRequest,
    Task,
    TaskPushNotificationConfig,
    TaskState,
)
from a2a.utils.errors import UnsupportedOperationError

from tests.a2a.receivers import Receiver, receiving
from tests.a2a.rules import plays
from tests.a2a.rules.defects import Defect, Proceed, with_handler
from tests.a2a.rules.hearing import hooked, states, undisturbed
from tests.a2a.rules.plays import Play, Stage, ends_in
from tests.a2a.rules.registry import breaks, rule
from tests.a2a.rules.server import Setup, may_reply
from tests.a2a.rules.states import INTERRUPTED, TERMINAL
from tests.a2a.rules.world import World, collect, short, state_of

WORKING = TaskState.TASK_STATE_WORKING


@rule(
    "R31",
    "a send is answered at a terminal or an interrupted state, and not before",
    sdk="as the rule; of a run that returns while WORKING, with the Task as it is",
    spec="as the rule; a run that returns while WORKING is FAILED",
)
async def r31(world: World) -> None:
    for state in (*TERMINAL, *INTERRUPTED):
        assert (await world.task(ends_in(state))).status.state == state

    async def slow(stage: Stage) -> None:
        await stage.status(WORKING, "on it")
        await stage.chunk("half")
        await stage.gate.wait()
        await stage.to.complete()

    asked = await world.task(plays.ask)
    following = world.subscribe(asked.id)
    await anext(following)
    sending = asyncio.create_task(world.task(slow, task=asked.id))
    for seen in ("status WORKING", "artifact half"):
        assert short(await anext(following)) == seen
    await world.get(asked.id)  # a round trip, in which a wrong answer would have come
    assert not sending.done()
    world.gate.set()
    assert state_of(await sending) == "COMPLETED"
    returned = await world.task(ends_in(WORKING))
    assert state_of(returned) == ("FAILED" if world.spec else "WORKING")


@breaks("R31")
def answers_at_the_first_event(setup: Setup) -> Setup:
    return with_handler(setup, sending_as(immediately=True))


@breaks("R31", policy="spec")
def leaves_tasks_working_that_nobody_works_on(setup: Setup) -> Setup:
    return replace(setup, policy=replace(setup.policy, unfinished="keep"))


def sending_as(*, immediately: bool) -> type[Defect]:
    """Return a handler to which every request says the same about `return_immediately`."""

    class Sends(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            if op == "send":
                params.configuration.return_immediately = immediately
            return await go(params)

    return Sends


@rule("R32", "the answer to a send has the latest state and every artifact: it is the stored Task")
async def r32(world: World) -> None:
    async def results(stage: Stage) -> None:
        await stage.begin()
        for number in range(3):
            await stage.chunk(f"{number}", f"artifact {number}")
        await stage.chunk("3", "artifact 2", append=True)
        await stage.to.requires_input(stage.says("more?"))

    first = await world.task(results)
    assert first == await world.get(first.id)
    found = [[part.text for part in artifact.parts] for artifact in first.artifacts]
    assert found == [["0"], ["1"], ["2", "3"]]
    assert state_of(first) == "INPUT_REQUIRED"
    second = await world.task(plays.work, task=first.id)
    assert second == await world.get(first.id)
    assert len(second.artifacts) == 4
    assert state_of(second) == "COMPLETED"


@breaks("R32")
def answers_without_artifacts(setup: Setup) -> Setup:
    class Bare(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            answer = await go(params)
            if op == "send":
                answer.ClearField("artifacts")
            return answer

    return with_handler(setup, Bare)


@breaks("R32")
def answers_with_the_state_before(setup: Setup) -> Setup:
    class Stale(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            answer = await go(params)
            if op == "send":
                answer.status.state = WORKING
            return answer

    return with_handler(setup, Stale)


@rule(
    "R33",
    "with return_immediately the answer comes once there is a Task, whatever the agent does then",
    sdk="as the rule; there is a Task once the agent has emitted it (A15)",
    spec="as the rule; there is one at once (A15)",
)
async def r33(world: World) -> None:
    silent = plays.wait

    async def mute(stage: Stage) -> None:
        await stage.gate.wait()
        await stage.begin()
        await stage.to.complete()

    if world.spec:
        silent = mute
    tasks = [await world.task(silent, return_immediately=True) for _ in range(2)]
    for task in tasks:
        assert state_of(task) in {"SUBMITTED", "WORKING"}
        assert state_of(await world.get(task.id)) in {"SUBMITTED", "WORKING"}
    assert not world.gate.is_set()


@breaks("R33", hangs=True)
def answers_when_the_run_is_over(setup: Setup) -> Setup:
    return with_handler(setup, sending_as(immediately=False))


def replying_hooks(setup: Setup) -> Setup:
    """Return the setup of an agent that may answer with a Message, and notifies webhooks."""
    return hooked(may_reply(setup))


@rule(
    "R34",
    "return_immediately changes nothing about Messages, streams and webhooks",
    setup=replying_hooks,
)
async def r34(world: World) -> None:
    said = await world.message(plays.reply, return_immediately=True)
    assert said.parts[0].text == "just a reply"
    for play in (plays.work, plays.reply):
        usual = await collect(world.stream(play))
        other = await collect(world.stream(play, return_immediately=True))
        assert [short(event) for event in other] == [short(event) for event in usual]
    async with receiving() as receiver:
        usual_ones = await pushed(world, receiver, plays.work)
        assert usual_ones[-1] == "COMPLETED"
        assert await pushed(world, receiver, plays.work, return_immediately=True) == usual_ones


async def pushed(world: World, receiver: Receiver, play: Play, **configuration: Any) -> list[str]:
    """Return the states that a webhook hears of that comes with a message."""
    receiver.got.clear()
    config = TaskPushNotificationConfig(url=receiver.url())
    task = await world.task(play, task_push_notification_config=config, **configuration)
    while state_of(await world.get(task.id)) != "COMPLETED":
        pass  # each look is a round trip
    await undisturbed(world)
    return states(receiver)


@breaks("R34")
def makes_up_a_task_for_the_impatient(setup: Setup) -> Setup:
    class MakesUp(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            answer = await go(params)
            if isinstance(answer, Message) and params.configuration.return_immediately:
                return Task(id="made up", context_id=answer.context_id)
            return answer

    return with_handler(setup, MakesUp)


@breaks("R34")
def cuts_the_streams_of_the_impatient(setup: Setup) -> Setup:
    class Cuts(Defect):
        async def events(self, op: str, params: Any, events: Any) -> Any:
            async for event in events:
                yield event
                if op == "stream" and params.configuration.return_immediately:
                    return

    return with_handler(setup, Cuts)


@breaks("R34")
def notifies_only_the_patient(setup: Setup) -> Setup:
    class Silent(Defect):
        async def _inline(
            self, task: str, params: SendMessageRequest, context: ServerCallContext
        ) -> bytes:
            if params.configuration.return_immediately:
                return b""
            return await super()._inline(task, params, context)

    return with_handler(setup, Silent)


@rule("R35", "work goes on after the answer, and can be followed and looked at")
async def r35(world: World) -> None:
    task = await world.task(plays.wait, return_immediately=True)
    subscribed = world.subscribe(task.id)
    assert (await anext(subscribed)).task.id == task.id
    world.gate.set()
    assert short((await collect(subscribed))[-1]) == "status COMPLETED"
    assert state_of(await world.get(task.id)) == "COMPLETED"


@breaks("R35", error=UnsupportedOperationError)
def stops_work_with_the_answer(setup: Setup) -> Setup:
    class Stops(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            answer = await go(params)
            if op == "send" and params.configuration.return_immediately:
                await self.on_cancel_task(CancelTaskRequest(id=answer.id), context)
            return answer

    return with_handler(setup, Stops)
