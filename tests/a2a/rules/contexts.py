"""R4 to R8: which context a message belongs to.

Neighbours: `sending.py` (which task).
"""

from __future__ import annotations

from typing import Any

from a2a.server.context import ServerCallContext
from a2a.types import StreamResponse, TaskState, TaskStatus, TaskStatusUpdateEvent
from a2a.utils.errors import InvalidParamsError

from tests.a2a.rules import plays
from tests.a2a.rules.defects import Defect, Proceed, with_handler
from tests.a2a.rules.plays import Stage
from tests.a2a.rules.registry import breaks, rule
from tests.a2a.rules.server import Setup, may_reply
from tests.a2a.rules.world import World, collect

DECLARED = "as the rule, for agents that declare Messages by visible='agent' (A15)"


@rule(
    "R4",
    "a context id that the server makes is in the Task, in each event and in a Message",
    spec=DECLARED,
    setup=may_reply,
)
async def r4(world: World) -> None:
    task = await world.task(plays.work)
    assert task.context_id
    assert task.context_id != (await world.task(plays.work)).context_id
    assert (await world.message(plays.reply)).context_id
    contexts = {context_of(event) for event in await collect(world.stream(plays.work))}
    assert len(contexts) == 1
    assert "" not in contexts


def context_of(event: StreamResponse) -> str:
    """The context id of any event."""
    found: str = getattr(event, str(event.WhichOneof("payload"))).context_id
    return found


@breaks("R4")
def forgets_the_context(setup: Setup) -> Setup:
    class Forgets(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            answer = await go(params)
            if op == "send":
                answer.context_id = ""
            return answer

    return with_handler(setup, Forgets)


@rule("R5", "a context id of the client's is kept to the letter")
async def r5(world: World) -> None:
    for context in (f"Mixed Case/{world.user}", f"\u00fc\u4e2d {world.user}"):
        task = await world.task(plays.work, context=context)
        assert task.context_id == context
        assert (await world.get(task.id)).context_id == context
        assert [found.id for found in (await world.list(context_id=context)).tasks] == [task.id]
        events = await collect(world.stream(plays.work, context=context))
        assert {context_of(event) for event in events} == {context}
        assert (await collect(world.stream(plays.ask, context=context)))[
            0
        ].task.context_id == context


@breaks("R5")
def lowers_the_context(setup: Setup) -> Setup:
    class Lowers(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            if op == "send":
                params.message.context_id = params.message.context_id.lower()
            return await go(params)

    return with_handler(setup, Lowers)


@rule(
    "R6",
    "a message that names its task alone runs in the task's context, and its events say so",
    sdk="as the rule; an event that the agent leaves without a context is passed on as it is",
    spec="as the rule; an event that the agent leaves without a context gets its task's",
)
async def r6(world: World) -> None:
    asked = await world.task(plays.ask, context=f"c {world.user}")
    again = await world.task(plays.ask, task=asked.id)
    assert (again.id, again.context_id) == (asked.id, asked.context_id)
    events = await collect(world.stream(plays.work, task=asked.id))
    assert {context_of(event) for event in events} == {asked.context_id}
    assert [seen.context_id for seen in world.seen] == [asked.context_id] * 3
    stored = await world.get(asked.id)
    assert {message.context_id for message in stored.history} == {asked.context_id}

    async def forgets(stage: Stage) -> None:
        await stage.begin()
        status = TaskStatus(state=TaskState.TASK_STATE_COMPLETED)
        await stage.emit(TaskStatusUpdateEvent(task_id=stage.to.task_id, status=status))

    events = await collect(world.stream(forgets))
    assert context_of(events[-1]) == (events[0].task.context_id if world.spec else "")


@breaks("R6")
def gives_follow_ups_another_context(setup: Setup) -> Setup:
    class Another(Defect):
        async def events(self, op: str, params: Any, events: Any) -> Any:
            async for event in events:
                if params.message.task_id and event.HasField("status_update"):
                    event.status_update.context_id = "another"
                yield event

    return with_handler(setup, Another)


@rule("R7", "a message that names a task and another context is IP and changes nothing")
async def r7(world: World) -> None:
    asked = await world.task(plays.ask)
    wrong = {"task": asked.id, "context": "another"}
    await world.refused(InvalidParamsError, world.send(plays.work, **wrong))
    await world.refused(InvalidParamsError, world.stream(plays.work, **wrong))
    assert await world.get(asked.id) == asked
    assert len(world.seen) == 1
    right = {"task": asked.id, "context": asked.context_id}
    assert (await world.task(plays.work, **right)).id == asked.id


@breaks("R7")
def overlooks_another_context(setup: Setup) -> Setup:
    class Overlooks(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            if op == "send" and params.message.task_id:
                params.message.context_id = ""
            return await go(params)

    return with_handler(setup, Overlooks)


@rule("R8", "a message that names a context alone begins a new task there")
async def r8(world: World) -> None:
    one = await world.task(plays.ask)
    two = await world.task(plays.work, context=one.context_id)
    assert two.context_id == one.context_id
    assert two.id != one.id
    assert await world.get(one.id) == one
    listed = await world.list(context_id=one.context_id)
    assert {task.id for task in listed.tasks} == {one.id, two.id}


@breaks("R8")
def begins_a_context_for_each_task(setup: Setup) -> Setup:
    class Begins(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            if op == "send":
                params.message.context_id = ""
            return await go(params)

    return with_handler(setup, Begins)
