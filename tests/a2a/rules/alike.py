"""R95 and R96: the bindings show the same, each event as it is made.

Neighbours: `ordering.py` (R43 to R45: the order of events).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

from a2a.server.context import ServerCallContext
from a2a.types import StreamResponse, Task, TaskState
from a2a.utils.errors import A2AError
from google.protobuf.json_format import MessageToDict

from tests.a2a.rules import plays
from tests.a2a.rules.defects import Defect, Proceed, with_handler
from tests.a2a.rules.hearing import create, delete, hooks
from tests.a2a.rules.plays import Stage
from tests.a2a.rules.registry import ALL, LOCAL, breaks, rule
from tests.a2a.rules.remote import connected
from tests.a2a.rules.server import Setup
from tests.a2a.rules.wire_defects import changing_answers
from tests.a2a.rules.world import World, collect, first, short

CHANGING = ("id", "taskId", "contextId", "messageId", "timestamp")
"""Fields that are other ones each time."""


def same(value: Any) -> Any:
    """What of JSON does not depend on when and for whom it was made."""
    if isinstance(value, dict):
        return {name: "..." if name in CHANGING else same(each) for name, each in value.items()}
    return [same(each) for each in value] if isinstance(value, list) else value


async def told(call: Any) -> Any:
    """What a call or a stream says, error or not."""
    try:
        answer = await collect(call) if isinstance(call, AsyncIterator) else await call
    except A2AError as error:
        return type(error).__name__
    if isinstance(answer, list):
        return [same(MessageToDict(event)) for event in answer]
    return answer if answer is None else same(MessageToDict(answer))


async def conversation(world: World) -> list[Any]:
    """Have a conversation that uses every operation; returns what was said."""

    async def raises(stage: Stage) -> None:
        await stage.begin()
        raise RuntimeError("no luck")

    said = [await told(world.stream(plays.work)), await told(world.send(plays.work))]
    asked = await world.task(plays.ask, history_length=0)
    said += [same(MessageToDict(asked)), await told(world.get(asked.id, history_length=1))]
    said += [await told(create(world, asked.id, "http://hook.test/", id="h"))]
    said += [await hooks(world, asked.id), await told(delete(world, asked.id, "h"))]
    said += [short(event) for event in await first(world.subscribe(asked.id))]
    said += [await told(world.stream(plays.work, task=asked.id))]
    said += [await told(world.send(plays.work, task=asked.id))]
    said += [await told(world.subscribe(asked.id)), await told(world.cancel(asked.id))]
    canceled = await world.task(plays.ask)
    said += [await told(world.cancel(canceled.id)), await told(world.cancel(canceled.id))]
    said += [await told(call) for call in (world.get("x"), world.cancel("x"), world.subscribe("x"))]
    said += [await told(world.stream(raises)), await told(world.send(raises))]
    said += [await told(world.send(plays.work, message={"parts": []}))]
    said += [await told(world.list(page_size=0)), await told(world.get("x", history_length=-1))]
    page = await world.list(include_artifacts=True, page_size=3)
    return [
        *said,
        len(page.next_page_token) > 0,
        [same(MessageToDict(each)) for each in page.tasks],
    ]


@rule(
    "R95",
    "the same conversation is the same over the three bindings: answers, events, errors",
    bindings=LOCAL,
)
async def r95(world: World) -> None:
    heard = []
    for binding in ALL:
        async with connected(world.server, binding) as remote:
            speaker = replace(world, binding=binding, remote=remote, user=f"{world.user} {binding}")
            heard.append(await conversation(speaker))
    jsonrpc, rest, grpc = heard
    for number, over_jsonrpc in enumerate(jsonrpc):
        assert rest[number] == over_jsonrpc
        assert grpc[number] == over_jsonrpc


@breaks("R95")
def leaves_out_artifacts_in_rest(setup: Setup) -> Setup:
    def without(answer: Any) -> Any:
        if "jsonrpc" not in answer:
            answer.get("task", {}).pop("artifacts", None)
        return answer

    return changing_answers(setup, without)


@breaks("R95")
def knows_another_error_in_grpc(setup: Setup) -> Setup:
    class Other(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            answer = await go(params)
            if op == "get" and "grpc_context" in context.state:
                answer.ClearField("history")
            return answer

    return with_handler(setup, Other)


@rule("R96", "an event is out before the agent makes the next one, to senders and subscribers")
async def r96(world: World) -> None:
    turns = [asyncio.Event() for _ in range(4)]

    async def step_by_step(stage: Stage) -> None:
        await stage.begin()
        for number, turn in enumerate(turns):
            await turn.wait()
            await stage.chunk(str(number), f"a{number}")
        await stage.gate.wait()
        await stage.to.complete()

    sender = world.stream(step_by_step)
    task = (await anext(sender)).task
    subscriber = world.subscribe(task.id)
    assert (await anext(subscriber)).HasField("task")
    for number, turn in enumerate(turns):
        turn.set()
        assert short(await anext(sender)) == f"artifact {number}"
        assert short(await anext(subscriber)) == f"artifact {number}"
        assert len((await world.get(task.id)).artifacts) == number + 1
    world.gate.set()
    for stream in (sender, subscriber):
        assert [short(event) for event in await collect(stream)] == ["status COMPLETED"]


@breaks("R96", hangs=True)
def holds_events_back(setup: Setup) -> Setup:
    return _delaying(setup, lambda event: event.HasField("artifact_update"))


def _delaying(setup: Setup, held: Callable[[StreamResponse], bool]) -> Setup:
    class Delays(Defect):
        async def events(self, op: str, params: Any, events: Any) -> Any:
            late: list[StreamResponse] = []
            async for event in events:
                if held(event):
                    late.append(event)
                else:
                    for each in [*late, event]:
                        yield each
                    late.clear()

    return with_handler(setup, Delays)


@breaks("R96")
def stores_events_late(setup: Setup) -> Setup:
    class Late(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            answer = await go(params)
            working = isinstance(answer, Task) and answer.status.state in (
                TaskState.TASK_STATE_SUBMITTED,
                TaskState.TASK_STATE_WORKING,
            )
            if op == "get" and working:
                answer.ClearField("artifacts")
            return answer

    return with_handler(setup, Late)
