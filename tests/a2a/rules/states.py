"""R14 to R18: which states are ends, and that ends are ends."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from a2a.server.context import ServerCallContext
from a2a.types import (
    GetTaskRequest,
    Message,
    Part,
    Role,
    Task,
    TaskState,
    TaskStatusUpdateEvent,
)
from a2a.utils.errors import TaskNotCancelableError, UnsupportedOperationError

from actors.a2a.streams import Stream
from tests.a2a.rules import plays
from tests.a2a.rules.defects import Defect, Proceed, Tampered, stream_of, with_handler
from tests.a2a.rules.plays import Stage, ends_in
from tests.a2a.rules.registry import breaks, rule
from tests.a2a.rules.server import Setup
from tests.a2a.rules.world import World, collect, short, state_of

COMPLETED = TaskState.TASK_STATE_COMPLETED
FAILED = TaskState.TASK_STATE_FAILED
CANCELED = TaskState.TASK_STATE_CANCELED
REJECTED = TaskState.TASK_STATE_REJECTED
TERMINAL = (COMPLETED, FAILED, CANCELED, REJECTED)
INTERRUPTED = (TaskState.TASK_STATE_INPUT_REQUIRED, TaskState.TASK_STATE_AUTH_REQUIRED)


@rule("R14", "COMPLETED, FAILED, CANCELED and REJECTED end a task; the REQUIRED ones interrupt it")
async def r14(world: World) -> None:
    for state in TERMINAL:
        ended = await world.task(ends_in(state))
        assert ended.status.state == state
        await world.refused(UnsupportedOperationError, world.subscribe(ended.id))
        if state != CANCELED:  # A3 is of R53
            await world.refused(TaskNotCancelableError, world.cancel(ended.id))
    for state in INTERRUPTED:
        parked = await world.task(ends_in(state))
        assert parked.status.state == state
        assert (await world.task(plays.work, task=parked.id)).status.state == COMPLETED


@breaks("R14")
def takes_rejected_for_open(setup: Setup) -> Setup:
    class Cancels(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            if op == "cancel":
                task = await self.on_get_task(GetTaskRequest(id=params.id), context)
                if task is not None and task.status.state == REJECTED:
                    task.status.state = CANCELED
                    return task
            return await go(params)

    return with_handler(setup, Cancels)


@rule("R15", "whatever the agent emits after the end changes nothing of the task")
async def r15(world: World) -> None:
    for state in TERMINAL:
        over, told = asyncio.Event(), asyncio.Event()

        async def late(
            stage: Stage,
            state: TaskState = state,
            over: asyncio.Event = over,
            told: asyncio.Event = told,
        ) -> None:
            await stage.begin()
            await stage.chunk("first")
            await stage.status(state, "the end")
            try:
                await over.wait()
                await stage.status(TaskState.TASK_STATE_WORKING, "again")
                await stage.chunk("late", append=True)
                await stage.status(COMPLETED if state != COMPLETED else FAILED)
                await stage.emit(stage.new_task(TaskState.TASK_STATE_WORKING))
            finally:
                told.set()  # also when the core has called the run off

        ended = await world.task(late)
        over.set()
        await told.wait()
        for _ in range(2):
            assert await world.get(ended.id) == ended
        assert ended.status.state == state
        assert [part.text for part in ended.artifacts[0].parts] == ["first"]


@breaks("R15")
def goes_on_after_the_end(setup: Setup) -> Setup:
    """A server that takes events until the agent returns: it reads the end as any other status."""

    class Reopens(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            answer = await go(params)
            if op == "get":
                answer.artifacts[0].parts.append(Part(text="late"))
            return answer

    return with_handler(setup, Reopens)


@rule("R16", "a message to a terminal task is UNS, sent or streamed, and is not in its history")
async def r16(world: World) -> None:
    for state in TERMINAL:
        ended = await world.task(ends_in(state))
        runs = len(world.seen)
        again = world.request(plays.work, "again", task=ended.id)
        error = await world.refused(UnsupportedOperationError, world.send(again))
        assert TaskState.Name(state) in str(error)
        error = await world.refused(UnsupportedOperationError, world.stream(again))
        assert TaskState.Name(state) in str(error)
        assert await world.get(ended.id) == ended
        assert len(world.seen) == runs


@breaks("R16")
def answers_messages_to_a_rejected_task(setup: Setup) -> Setup:
    return _forgiving(setup, REJECTED)


@breaks("R16")
def answers_messages_to_a_canceled_task(setup: Setup) -> Setup:
    return _forgiving(setup, CANCELED)


def _forgiving(setup: Setup, state: TaskState) -> Setup:
    class Forgives(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            try:
                return await go(params)
            except UnsupportedOperationError as error:
                if op == "send" and TaskState.Name(state) in str(error):
                    return Message(message_id="m", role=Role.ROLE_AGENT, parts=[Part(text="hm")])
                raise

    return with_handler(setup, Forgives)


@breaks("R16")
def streams_nothing_instead_of_an_error(setup: Setup) -> Setup:
    class Silent(Defect):
        async def opened(
            self, op: str, params: Any, context: ServerCallContext, go: Proceed
        ) -> Stream:
            try:
                return await super().opened(op, params, context, go)
            except UnsupportedOperationError:
                return stream_of()

    return with_handler(setup, Silent)


@rule("R17", "an agent may reject a task when it creates it, or later")
async def r17(world: World) -> None:
    async def at_once(stage: Stage) -> None:
        await stage.emit(stage.new_task(REJECTED))

    async def later(stage: Stage) -> None:
        await stage.begin()
        await stage.to.start_work()
        await stage.to.reject(stage.says("not me"))

    for play in (at_once, later):
        task = await world.task(play)
        assert task.status.state == REJECTED
        assert await world.get(task.id) == task
        assert short((await collect(world.stream(play)))[-1]).endswith("REJECTED")
    assert task.status.message.parts[0].text == "not me"
    asked = await world.task(plays.ask)
    assert (await world.task(later, task=asked.id)).status.state == REJECTED


@breaks("R17")
def takes_rejected_for_failed(setup: Setup) -> Setup:
    class Renames(Tampered):
        async def enqueue_event(self, event: Any) -> None:
            if isinstance(event, Task | TaskStatusUpdateEvent) and event.status.state == REJECTED:
                event.status.state = FAILED
            await super().enqueue_event(event)

    return replace(setup, queue=Renames)


@rule(
    "R18",
    "a message to a task that is open is accepted: at rest it runs at once, during a run after it",
    spec="as the rule; a run that leaves the task WORKING fails it (R31)",
)
async def r18(world: World) -> None:
    async def parks(stage: Stage) -> None:
        await stage.begin()
        await stage.status(TaskState.TASK_STATE_WORKING)

    parked = await world.task(parks)
    assert state_of(parked) == ("FAILED" if world.spec else "WORKING")
    if not world.spec:
        assert (await world.task(plays.work, task=parked.id)).status.state == COMPLETED

    order: list[str] = []

    async def slow(stage: Stage) -> None:
        await stage.begin()
        order.append("first begins")
        await stage.to.start_work()
        await stage.gate.wait()
        order.append("first ends")
        await stage.to.requires_input(stage.says("what next?"))

    async def next_one(stage: Stage) -> None:
        order.append("second begins")
        await stage.to.complete()

    stream = world.stream(slow)
    begun = (await anext(stream)).task.id
    assert short(await anext(stream)) == "status WORKING"
    second = asyncio.create_task(collect(world.stream(next_one, task=begun)))
    for _ in range(3):  # round trips in which the second message gets there; if not, no harm
        await world.get(begun)
    world.gate.set()
    await collect(stream)
    assert short((await second)[-1]) == "status COMPLETED"
    assert order == ["first begins", "first ends", "second begins"]


@breaks("R18", error=UnsupportedOperationError)
def refuses_every_follow_up(setup: Setup) -> Setup:
    class Refuses(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            if op == "send" and params.message.task_id:
                raise UnsupportedOperationError("one message for each task")
            return await go(params)

    return with_handler(setup, Refuses)


@breaks("R18", hangs=True)
def loses_messages_during_a_run(setup: Setup) -> Setup:
    class Loses(Defect):
        async def opened(self, op: str, params: Any, context: ServerCallContext, go: Any) -> Any:
            if op == "stream" and params.message.task_id:
                await asyncio.get_running_loop().create_future()
            return await go(params)

    return with_handler(setup, Loses)
