"""R1 to R3 and R9: what a message creates, and which task it belongs to.

Neighbours: `contexts.py` (R4 to R8: which context).
"""

from __future__ import annotations

import asyncio
from typing import Any

from a2a.server.context import ServerCallContext
from a2a.types import (
    Message,
    Part,
    Role,
    Task,
)
from a2a.utils.errors import InvalidAgentResponseError, TaskNotFoundError

from actors.a2a.streams import Stream
from tests.a2a.rules import plays
from tests.a2a.rules.defects import Defect, Proceed, with_handler
from tests.a2a.rules.plays import Stage
from tests.a2a.rules.registry import breaks, rule
from tests.a2a.rules.server import Setup, may_reply
from tests.a2a.rules.wire_defects import changing_answers
from tests.a2a.rules.world import World, collect

DECLARED = "as the rule, for agents that declare Messages by visible='agent' (A15)"


@rule(
    "R1",
    "an answer to a send is a Task or a Message, never both, never neither",
    spec=DECLARED,
    setup=may_reply,
)
async def r1(world: World) -> None:
    assert list(await world.sent_json(world.request(plays.work))) == ["task"]
    assert list(await world.sent_json(world.request(plays.reply))) == ["message"]
    for play, arms in (
        (plays.work, {"task", "status_update", "artifact_update"}),
        (plays.reply, {"message"}),
    ):
        events = await collect(world.stream(play))
        assert {event.WhichOneof("payload") for event in events} == arms


@breaks("R1")
def answers_with_both(setup: Setup) -> Setup:
    def both(answer: Any) -> Any:
        answer.get("result", {}).setdefault("message", {"messageId": "m"})
        return answer

    return changing_answers(setup, both)


@rule("R2", "concurrent sends get task ids of their own, minted by the server")
async def r2(world: World) -> None:
    tasks = await asyncio.gather(*(world.task(plays.work) for _ in range(8)))
    streams = await asyncio.gather(*(collect(world.stream(plays.work)) for _ in range(4)))
    ids = [task.id for task in tasks] + [events[0].task.id for events in streams]
    assert all(ids)
    assert len(set(ids)) == 12
    assert (await world.list()).total_size == 12


@breaks("R2")
def mints_one_id_for_all(setup: Setup) -> Setup:
    class SameId(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            answer = await go(params)
            if op == "send" and isinstance(answer, Task):
                answer.id = "1"
            return answer

    return with_handler(setup, SameId)


@rule("R3", "a message that names an unknown task is TNF, and nothing is created")
async def r3(world: World) -> None:
    await world.refused(TaskNotFoundError, world.send(plays.work, task="unknown"))
    await world.refused(TaskNotFoundError, world.stream(plays.work, task="unknown"))
    await world.refused(TaskNotFoundError, world.get("unknown"))
    assert (await world.list()).total_size == 0
    assert not world.seen


@breaks("R3")
def creates_the_task_that_is_named(setup: Setup) -> Setup:
    class Creates(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            if op == "send":
                params.message.task_id = ""
            return await go(params)

    return with_handler(setup, Creates)


@breaks("R3")
def streams_another_than_the_task_that_is_named(setup: Setup) -> Setup:
    class Streams(Defect):
        async def opened(
            self, op: str, params: Any, context: ServerCallContext, go: Proceed
        ) -> Stream:
            params.message.task_id = ""
            return await super().opened(op, params, context, go)

    return with_handler(setup, Streams)


@rule(
    "R9",
    "a Message has the context id, and a task id only where there is a task",
    sdk="as the rule; ids that the agent leaves out or makes up are passed on as they are",
    spec=DECLARED,
    setup=may_reply,
)
async def r9(world: World) -> None:
    context = f"c {world.user}"
    for message in (
        await world.message(plays.reply, context=context),
        (await collect(world.stream(plays.reply, context=context)))[0].message,
    ):
        assert (message.context_id, message.task_id) == (context, "")
    task = await world.task(plays.ask, context=context)
    assert (task.status.message.context_id, task.status.message.task_id) == (context, task.id)
    stored = await world.get((await world.task(plays.work, task=task.id)).id)
    assert {message.task_id for message in stored.history} == {task.id}
    assert {message.context_id for message in stored.history} == {context}
    for wrong in ({}, {"context_id": "made up", "task_id": "made up"}):
        said = await told(world, wrong, context)
        as_made = (wrong.get("context_id", ""), wrong.get("task_id", ""))
        assert said == ((context, "") if world.spec else as_made)


async def told(world: World, ids: dict[str, str], context: str) -> tuple[str, str]:
    """Return the ids of a Message that the agent has made with these; right ones if refused."""

    async def says(stage: Stage) -> None:
        said = Message(message_id="m", role=Role.ROLE_AGENT, parts=[Part(text="hm")])
        for name, value in ids.items():
            setattr(said, name, value)
        await stage.emit(said)

    try:
        message = await world.message(says, context=context)
    except InvalidAgentResponseError:
        return context, ""
    return message.context_id, message.task_id


@breaks("R9")
def invents_a_task_for_a_reply(setup: Setup) -> Setup:
    class Invents(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            answer = await go(params)
            if isinstance(answer, Message):
                answer.task_id = "invented"
            return answer

    return with_handler(setup, Invents)
