"""R20 to R24: a task that waits for credentials, which come out of band or with a message.

Neighbours: `talking.py` (other conversations).
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Any

from a2a.server.context import ServerCallContext
from a2a.types import GetTaskRequest, Task, TaskState, TaskStatusUpdateEvent
from a2a.utils.errors import TaskNotFoundError

from tests.a2a.rules import plays
from tests.a2a.rules.defects import Defect, Proceed, Tampered, with_handler
from tests.a2a.rules.plays import Stage
from tests.a2a.rules.registry import breaks, rule
from tests.a2a.rules.server import Setup
from tests.a2a.rules.world import World, collect, first, short, state_of

AUTH = TaskState.TASK_STATE_AUTH_REQUIRED


class Heard(logging.Handler):
    """Keeps what was logged, in words."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@rule(
    "R20",
    "a need of credentials is a Task in AUTH_REQUIRED with a message that explains it; "
    "one without is logged",
)
async def r20(world: World) -> None:
    async def asks(stage: Stage) -> None:
        await stage.begin()
        await stage.status(AUTH, "log in there")

    async def asks_without_a_word(stage: Stage) -> None:
        await stage.begin()
        await stage.status(AUTH)

    for asked in (await world.task(asks), (await collect_task(world, asks))):
        assert asked.status.state == AUTH
        assert [part.text for part in asked.status.message.parts] == ["log in there"]
    heard, logger = Heard(), logging.getLogger("actors")
    logger.addHandler(heard)
    try:
        mute = await world.task(asks_without_a_word)
    finally:
        logger.removeHandler(heard)
    assert mute.status.state == AUTH
    said = [line for line in heard.lines if mute.id in line and "AUTH_REQUIRED" in line]
    assert said, "nothing is logged about an AUTH_REQUIRED without a message"


async def collect_task(world: World, play: plays.Play) -> Task:
    """Return the stored Task after a stream that ends, or is left, at its second event."""
    events = await first(world.stream(play), 2)
    return await world.get(events[0].task.id)


@breaks("R20")
def drops_the_explanation(setup: Setup) -> Setup:
    class Mute(Tampered):
        async def enqueue_event(self, event: Any) -> None:
            if isinstance(event, TaskStatusUpdateEvent) and event.status.state == AUTH:
                event.status.ClearField("message")
            await super().enqueue_event(event)

    return replace(setup, queue=Mute)


@rule("R21", "streams stay open at AUTH_REQUIRED, and carry what comes once there are credentials")
async def r21(world: World) -> None:
    sending = world.stream(plays.auth)
    begun = [await anext(sending), await anext(sending)]
    assert [short(event) for event in begun] == ["task SUBMITTED", "status AUTH_REQUIRED"]
    subscribed = world.subscribe(begun[0].task.id)
    assert short(await anext(subscribed)) == "task AUTH_REQUIRED"
    world.gate.set()
    rest = ["status WORKING", "status COMPLETED"]
    assert [short(event) for event in await collect(subscribed)] == rest
    assert [short(event) for event in await collect(sending)] == rest


@breaks("R21")
def ends_streams_at_auth_required(setup: Setup) -> Setup:
    class Ends(Defect):
        async def events(self, op: str, params: Any, events: Any) -> Any:
            async for event in events:
                yield event
                if op == "stream" and event.status_update.status.state == AUTH:
                    return

    return with_handler(setup, Ends)


@breaks("R21")
def ends_subscriptions_at_auth_required(setup: Setup) -> Setup:
    class Ends(Defect):
        async def events(self, op: str, params: Any, events: Any) -> Any:
            async for event in events:
                yield event
                if op == "subscribe" and event.task.status.state == AUTH:
                    return

    return with_handler(setup, Ends)


@rule("R22", "a task goes from AUTH_REQUIRED to WORKING by itself, without another message")
async def r22(world: World) -> None:
    asked = await world.task(plays.auth)
    assert asked.status.state == AUTH
    subscribed = world.subscribe(asked.id)
    assert short(await anext(subscribed)) == "task AUTH_REQUIRED"
    world.gate.set()
    rest = [short(event) for event in await collect(subscribed)]
    assert rest == ["status WORKING", "status COMPLETED"]
    assert state_of(await world.get(asked.id)) == "COMPLETED"
    assert len(world.seen) == 1


@breaks("R22")
def resumes_only_by_a_message(setup: Setup) -> Setup:
    class Stuck(Tampered):
        asked = False

        async def enqueue_event(self, event: Any) -> None:
            state = event.status.state if isinstance(event, TaskStatusUpdateEvent) else None
            self.asked = self.asked or state == AUTH
            if not (self.asked and state == TaskState.TASK_STATE_WORKING):
                await super().enqueue_event(event)

    return replace(setup, queue=Stuck)


@rule(
    "R23",
    "a message during AUTH_REQUIRED is accepted, and reaches the agent if no run is going on",
    sdk="as the rule; behind a run that waits for credentials it is queued (A2)",
    spec="as the rule; a run that waits for credentials is called off for it (A2)",
)
async def r23(world: World) -> None:
    async def parks(stage: Stage) -> None:
        await stage.begin()
        await stage.to.requires_auth(stage.says("log in there"))

    parked = await world.task(parks)
    again = await world.task(parks, "not yet", task=parked.id)
    assert (again.id, state_of(again)) == (parked.id, "AUTH_REQUIRED")
    assert [seen.get_user_input() for seen in world.seen] == ["parks", "not yet"]

    async def waits(stage: Stage) -> None:
        await parks(stage)
        await stage.gate.wait()
        await stage.to.requires_input(stage.says("and now?"))

    waiting = await world.task(waits)
    if world.spec:
        answer = await world.task(plays.work, "go on", task=waiting.id)
    else:
        answer = await _behind_the_run(world, waiting)
    assert state_of(answer) == "COMPLETED"
    assert "go on" in world.seen[-1].get_user_input()
    assert "go on" in str((await world.get(waiting.id)).history)


async def _behind_the_run(world: World, waiting: Task) -> Task:
    """Send while a run waits for credentials; return the answer once that run has gone on."""
    queued = asyncio.create_task(world.task(plays.work, "go on", task=waiting.id))
    watched = world.subscribe(waiting.id)
    assert short(await anext(watched)) == "task AUTH_REQUIRED"
    world.gate.set()
    states = [short(event) for event in await collect(watched)]
    assert (states[0], states[-1]) == ("status INPUT_REQUIRED", "status COMPLETED")
    return await queued


@breaks("R23", policy="spec")
@breaks("R23")
def keeps_messages_from_the_agent(setup: Setup) -> Setup:
    class Keeps(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            if op == "send" and params.message.task_id:
                task = await self.on_get_task(GetTaskRequest(id=params.message.task_id), context)
                if task is not None and task.status.state == AUTH:
                    return task
            return await go(params)

    return with_handler(setup, Keeps)


@rule("R24", "AUTH_REQUIRED grants nothing to anybody: others stay out, the caller stays who it is")
async def r24(world: World) -> None:
    async def parks(stage: Stage) -> None:
        await stage.begin()
        await stage.to.requires_auth(stage.says("log in there"))

    parked = await world.task(parks)
    for other in (world.as_("other"), world.as_(None)):
        await other.refused(TaskNotFoundError, other.get(parked.id))
        await other.refused(TaskNotFoundError, other.send(plays.work, task=parked.id))
        await other.refused(TaskNotFoundError, other.cancel(parked.id))
        await other.refused(TaskNotFoundError, other.subscribe(parked.id))
        assert not other.seen
    await world.task(parks, "again", task=parked.id)
    assert [seen.call_context.user.user_name for seen in world.seen] == [world.user] * 2


@breaks("R24")
def opens_tasks_that_need_credentials(setup: Setup) -> Setup:
    class Opens(Defect):
        granted: ServerCallContext

        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            if op == "get":
                return await super(Defect, self).on_get_task(params, self.granted)
            answer = await go(params)
            if isinstance(answer, Task) and answer.status.state == AUTH:
                self.granted = context
            return answer

    return with_handler(setup, Opens)
