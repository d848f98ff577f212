"""R36 to R39: what the stream of a message begins with, carries and ends with.

Neighbours: `subscribing.py` (subscriptions), `ordering.py` (several streams at once).
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from a2a.types import (
    Message,
    StreamResponse,
    Task,
    TaskState,
    TaskStatus,
    TaskStatusUpdateEvent,
)

from tests.a2a.rules import plays
from tests.a2a.rules.defects import Defect, with_handler
from tests.a2a.rules.framing import on_the_wire
from tests.a2a.rules.plays import Play, Stage
from tests.a2a.rules.registry import REST, breaks, rule
from tests.a2a.rules.server import Setup, may_reply
from tests.a2a.rules.states import TERMINAL
from tests.a2a.rules.world import World, collect, short, state_of

WORKING = TaskState.TASK_STATE_WORKING
UPDATES = {"status_update", "artifact_update"}


@rule(
    "R36",
    "the stream of a Message is that Message and nothing else, also if the agent goes on",
    setup=may_reply,
)
async def r36(world: World) -> None:
    async def lingers(stage: Stage) -> None:
        await plays.reply(stage)
        await stage.gate.wait()

    for play in (plays.reply, lingers):
        events = await on_the_wire(world, world.request(play))
        assert [short(event) for event in events] == ["message just a reply"]


@breaks("R36")
def says_everything_twice(setup: Setup) -> Setup:
    class Twice(Defect):
        async def events(self, op: str, params: Any, events: Any) -> Any:
            async for event in events:
                yield event
                yield event

    return with_handler(setup, Twice)


@breaks("R36", hangs=True)
def stays_open_after_a_message(setup: Setup) -> Setup:
    class Stays(Defect):
        async def events(self, op: str, params: Any, events: Any) -> Any:
            async for event in events:
                yield event
                if event.HasField("message"):
                    await asyncio.get_running_loop().create_future()

    return with_handler(setup, Stays)


@rule(
    "R37",
    "the stream of a task begins with the Task, then come updates only",
    sdk="as the rule for a new task; no Task first for a follow-up (A6)",
    spec="as the rule, if the agent emits a Task only where there is none; else that comes, too",
)
async def r37(world: World) -> None:
    first = arms(await collect(world.stream(plays.ask)))
    assert first[0] == "task"
    assert set(first[1:]) <= UPDATES
    asked = await world.task(plays.ask)
    follow_up = await collect(world.stream(plays.work, task=asked.id))
    assert set(arms(follow_up)[1:]) == UPDATES
    if world.spec:
        assert follow_up[0].task.id == asked.id
        assert short(follow_up[0]) == "task INPUT_REQUIRED"
    else:
        assert short(follow_up[0]) == "status WORKING"


def arms(events: list[StreamResponse]) -> list[str | None]:
    return [event.WhichOneof("payload") for event in events]


@breaks("R37")
def begins_with_an_update(setup: Setup) -> Setup:
    class Headless(Defect):
        async def events(self, op: str, params: Any, events: Any) -> Any:
            await anext(events)
            async for event in events:
                yield event

    return with_handler(setup, Headless)


@breaks("R37")
def closes_with_the_task(setup: Setup) -> Setup:
    class Closes(Defect):
        async def events(self, op: str, params: Any, events: Any) -> Any:
            task = Task()
            async for event in events:
                task = event.task if event.HasField("task") else task
                yield event
            yield StreamResponse(task=task)

    return with_handler(setup, Closes)


@breaks("R37", policy="spec")
def begins_follow_ups_with_an_update(setup: Setup) -> Setup:
    return replace(setup, policy=replace(setup.policy, follow_up_first="update"))


@breaks("R37")
def begins_follow_ups_with_the_task(setup: Setup) -> Setup:
    return replace(setup, policy=replace(setup.policy, follow_up_first="task"))


@rule(
    "R38",
    "a stream ends at a terminal state, which is its last event, also if the agent goes on",
    sdk="as the rule, within the terminal grace; at INPUT_REQUIRED it ends with its run (A1)",
    spec="as the rule; at INPUT_REQUIRED it ends, too (A1)",
)
async def r38(world: World) -> None:
    streams = [collect(world.stream(goes_on_after(state))) for state in TERMINAL]
    for state, events in zip(TERMINAL, await asyncio.gather(*streams), strict=True):
        assert [event.status_update.status.state for event in events[1:]] == [state]
    assert short((await collect(world.stream(plays.ask)))[-1]) == "status INPUT_REQUIRED"
    asking = world.stream(goes_on_after(TaskState.TASK_STATE_INPUT_REQUIRED))
    begun = [short(await anext(asking)), short(await anext(asking))]
    assert begun == ["task SUBMITTED", "status INPUT_REQUIRED"]
    if world.spec:
        assert await collect(asking) == []
    world.gate.set()
    if not world.spec:
        assert [short(event) for event in await collect(asking)] == ["status COMPLETED"]


def goes_on_after(state: TaskState) -> Play:
    """Return the play of an agent that says that a task is over, or waits, and does not return."""

    async def play(stage: Stage) -> None:
        await stage.begin()
        await stage.status(state)
        await stage.gate.wait()
        await stage.to.complete()

    return play


@breaks("R38", hangs=True)
def ends_streams_with_their_runs_only(setup: Setup) -> Setup:
    return replace(setup, policy=replace(setup.policy, terminal_grace=60))


@breaks("R38", policy="spec", hangs=True)
def stays_open_at_questions(setup: Setup) -> Setup:
    return replace(setup, policy=replace(setup.policy, stream_end="run"))


@breaks("R38")
def speaks_after_the_end(setup: Setup) -> Setup:
    class Speaks(Defect):
        async def events(self, op: str, params: Any, events: Any) -> Any:
            async for event in events:
                yield event
            status = TaskStatus(state=WORKING, message=Message(message_id="late"))
            yield StreamResponse(status_update=TaskStatusUpdateEvent(status=status))

    return with_handler(setup, Speaks)


@rule(
    "R39",
    "a Task that closes a REST stream is the final one; we send none, the last status ends it",
    bindings=(REST,),
)
async def r39(world: World) -> None:
    events = await on_the_wire(world, world.request(plays.work))
    stored = await world.get(events[0].task.id)
    assert state_of(stored) == "COMPLETED"
    for event in events[1:]:
        assert not event.HasField("task") or event.task == stored
    assert short(events[-1]) in {"status COMPLETED", "task COMPLETED"}


@breaks("R39")
def closes_with_a_stale_task(setup: Setup) -> Setup:
    return closes_with_the_task(setup)
