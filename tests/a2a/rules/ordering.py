"""R43 to R45: the order of events, and several streams of one task.

Neighbours: `streaming.py`, `subscribing.py` (what one stream carries).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from a2a.server.context import ServerCallContext
from a2a.types import (
    CancelTaskRequest,
    SendMessageRequest,
    StreamResponse,
    SubscribeToTaskRequest,
    TaskState,
)
from a2a.utils.errors import TaskNotCancelableError, UnsupportedOperationError

from actors.a2a.streams import Stream
from tests.a2a.rules import plays
from tests.a2a.rules.defects import Defect, Proceed, with_handler
from tests.a2a.rules.plays import Stage
from tests.a2a.rules.registry import GRPC, breaks, rule
from tests.a2a.rules.server import Setup
from tests.a2a.rules.world import World, collect, short, state_of

WORKING = TaskState.TASK_STATE_WORKING
CHUNKS = 24
Leave = Callable[[], Awaitable[object]]
ORDER = [f"artifact {n}" if n % 3 else "status WORKING" for n in range(CHUNKS)]


async def many(stage: Stage) -> None:
    """Chunks and statuses in turn: some at once, the others when the gate opens."""
    await stage.begin()
    for number in range(CHUNKS):
        if number == CHUNKS // 2:
            await stage.gate.wait()
        if number % 3:
            await stage.chunk(str(number), append=number > 1)
        else:
            await stage.status(WORKING, str(number))
    await stage.to.complete()


@rule("R43", "events come in the order in which the agent made them, to senders and subscribers")
async def r43(world: World) -> None:
    sending = world.stream(many)
    task = (await anext(sending)).task
    begun = [await anext(sending) for _ in range(CHUNKS // 2)]
    subscription = world.subscribe(task.id)
    snapshot = (await anext(subscription)).task
    world.gate.set()
    sent = [short(event) for event in begun + await collect(sending)]
    assert sent == [*ORDER, "status COMPLETED"]
    followed = [short(event) for event in await collect(subscription)]
    assert followed == sent[CHUNKS // 2 :]
    stored = await world.get(task.id)
    texts = [part.text for part in stored.artifacts[0].parts]
    assert texts == [str(n) for n in range(CHUNKS) if n % 3]
    assert [part.text for part in snapshot.artifacts[0].parts] == texts[: CHUNKS // 3]


@breaks("R43")
def sends_results_before_statuses(setup: Setup) -> Setup:
    class Sorts(Defect):
        async def events(self, op: str, params: Any, events: Any) -> Any:
            held: list[StreamResponse] = []
            async for event in events:
                held.append(event)
                if short(event) == "status WORKING":
                    continue
                for each in reversed(held):
                    yield each
                held.clear()

    return with_handler(setup, Sorts)


@rule("R44", "all streams of a task carry the same events in the same order")
async def r44(world: World) -> None:
    sending = world.stream(many)
    events = [await anext(sending)]
    task = events[0].task.id
    early = world.subscribe(task)
    await anext(early)
    events += [await anext(sending) for _ in range(CHUNKS // 2)]
    late = [world.subscribe(task) for _ in range(2)]
    for subscription in late:
        assert (await anext(subscription)).task.id == task
    world.gate.set()
    all_of_it, followed, *others = await asyncio.gather(
        *(collect(stream) for stream in (sending, early, *late))
    )
    events += all_of_it
    assert short(events[-1]) == "status COMPLETED"
    for each in others:
        assert each == events[-len(each) :]
        assert len(each) == CHUNKS // 2 + 1
    assert followed == events[-len(followed) :]
    assert len(followed) > CHUNKS // 2


@breaks("R44")
def gives_each_event_to_one_stream(setup: Setup) -> Setup:
    class Shares(Defect):
        readers = 0

        async def events(self, op: str, params: Any, events: Any) -> Any:
            type(self).readers += 1
            mine, number = self.readers, 0
            async for event in events:
                number += 1
                if mine != 3 or number % 4:  # the first and the last event come to everybody
                    yield event

    return with_handler(setup, Shares)


@rule("R45", "closing a stream, a sender's too, affects neither the others nor the task")
async def r45(world: World) -> None:
    task = (await world.task(plays.wait, return_immediately=True)).id
    subscriptions = [world.subscribe(task) for _ in range(2)]
    for subscription in subscriptions:
        assert (await anext(subscription)).task.id == task
    sender = await reading(world, world.request(plays.wait))
    others = [await reading(world, SubscribeToTaskRequest(id=task)) for _ in range(2)]
    assert await readers(world) == 5
    for left in (sender, *others):
        await left()
    while await readers(world) > 2:  # each look takes the server further
        pass
    found = (await world.list()).tasks
    assert len(found) == 2
    world.gate.set()
    for subscription in subscriptions:
        assert short((await collect(subscription))[-1]) == "status COMPLETED"
    for each in found:
        assert await end_of(world, each.id) == "COMPLETED"


async def end_of(world: World, task: str) -> str:
    """Return the state in which a task ends that is about to."""
    with suppress(UnsupportedOperationError):  # it has ended
        await collect(world.subscribe(task))
    return state_of(await world.get(task))


async def reading(world: World, request: SendMessageRequest | SubscribeToTaskRequest) -> Leave:
    """Read the first event of a stream; returns how to leave it.

    Over gRPC by hand: a2a-sdk's client does not end the call of a stream that is closed.
    """
    if world.binding == GRPC:
        stub = world.remote.stub
        sends = isinstance(request, SendMessageRequest)
        method = stub.SendStreamingMessage if sends else stub.SubscribeToTask
        call = method(request, metadata=world.metadata)
        await call.read()

        async def leave() -> None:
            call.cancel()

        return leave
    stream: Any
    if isinstance(request, SendMessageRequest):
        stream = world.stream(request)
    else:
        stream = world.subscribe(request.id)
    await anext(stream)
    leave_it: Leave = stream.aclose
    return leave_it


async def readers(world: World) -> int:
    """Return how many streams this user has open, by the server's own count."""
    await world.list()
    runtime = await world.server.handler._runtime.serving()
    return runtime.usage.streams.of((world.user or "", ""))


@breaks("R45")
def ends_tasks_whose_streams_are_left(setup: Setup) -> Setup:
    class Ends(Defect):
        async def opened(
            self, op: str, params: Any, context: ServerCallContext, go: Proceed
        ) -> Stream:
            stream = await super().opened(op, params, context, go)
            if op == "subscribe":
                loop = asyncio.get_running_loop()
                stream.on_close(lambda _: loop.create_task(self.end(params.id, context)))
            return stream

        async def end(self, task: str, context: ServerCallContext) -> None:
            with suppress(TaskNotCancelableError):
                await self.on_cancel_task(CancelTaskRequest(id=task), context)

    return with_handler(setup, Ends)
