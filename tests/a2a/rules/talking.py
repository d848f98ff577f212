"""R10, R19 and R25: references to other tasks, questions and answers, results.

Neighbours: `credentials.py` (R20 to R24).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from a2a.server.agent_execution import RequestContext, SimpleRequestContextBuilder
from a2a.server.context import ServerCallContext
from a2a.types import (
    Task,
    TaskArtifactUpdateEvent,
    TaskState,
    TaskStatus,
    TaskStatusUpdateEvent,
)
from a2a.utils.errors import InvalidAgentResponseError

from tests.a2a.rules import plays
from tests.a2a.rules.defects import Defect, Proceed, Tampered, with_handler
from tests.a2a.rules.plays import Stage
from tests.a2a.rules.registry import breaks, rule
from tests.a2a.rules.server import Setup
from tests.a2a.rules.world import World, collect, short, state_of

AUTH = TaskState.TASK_STATE_AUTH_REQUIRED


@rule("R10", "the agent gets the tasks that a message refers to, if the caller may see them")
async def r10(world: World) -> None:
    mine, hers = await world.task(plays.work), await world.as_("her").task(plays.work)
    ids = [mine.id, hers.id, "unknown"]
    await world.task(plays.work, message={"reference_task_ids": ids})
    request = world.seen[-1]
    assert request.message is not None
    assert list(request.message.reference_task_ids) == ids
    assert [task.id for task in request.related_tasks] == [mine.id]


@breaks("R10")
def refers_to_anybodys_tasks(setup: Setup) -> Setup:
    class Builder(SimpleRequestContextBuilder):
        async def build(self, *args: Any, **given: Any) -> RequestContext:
            request = await super().build(*args, **given)
            params = given.get("params")
            for each in params.message.reference_task_ids if params else ():
                request.attach_related_task(Task(id=each))
            return request

    return replace(setup, options=lambda: {**setup.options(), "request_context_builder": Builder()})


@rule("R19", "an answer to a question resumes the task, with one run for each message")
async def r19(world: World) -> None:
    asked = await world.task(plays.ask, "one")
    assert state_of(asked) == "INPUT_REQUIRED"
    again = await world.task(plays.ask, "two", task=asked.id)
    assert (again.id, state_of(again), len(world.seen)) == (asked.id, "INPUT_REQUIRED", 2)
    done = await collect(world.stream(plays.work, "three", task=asked.id))
    assert short(done[-1]) == "status COMPLETED"
    texts = [seen.get_user_input() for seen in world.seen]
    assert texts == ["one", "two", "three"]
    assert world.seen[-1].current_task is not None
    assert world.seen[-1].current_task.id == asked.id


@breaks("R19")
def runs_answers_twice(setup: Setup) -> Setup:
    class Twice(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            if op == "send" and params.message.task_id:
                await go(params)
            return await go(params)

    return with_handler(setup, Twice)


@rule(
    "R25",
    "results travel as artifacts; a Message in place of a result is refused once there is a Task",
    sdk="refused: IAR to the sender, the Task is FAILED",
    spec="refused: the sender gets the FAILED Task",
)
async def r25(world: World) -> None:
    done = await world.task(plays.work)
    chunks = ["chunk 0", "chunk 1", "chunk 2"]
    found = [part.text for artifact in done.artifacts for part in artifact.parts]
    assert found == chunks
    assert not any("chunk" in str(message) for message in done.history)
    events = [short(event) for event in await collect(world.stream(plays.work))]
    assert [event for event in events if "chunk" in event] == [f"artifact {c}" for c in chunks]

    async def answers(stage: Stage) -> None:
        await stage.begin()
        await plays.reply(stage)

    if world.spec:
        assert state_of(await world.task(answers)) == "FAILED"
    else:
        await world.refused(InvalidAgentResponseError, world.send(answers))
    newest = (await world.list()).tasks[0]
    assert state_of(newest) == "FAILED"
    assert "just a reply" not in str(newest)


@breaks("R25")
def tells_results_as_messages(setup: Setup) -> Setup:
    class Tells(Tampered):
        async def enqueue_event(self, event: Any) -> None:
            if isinstance(event, TaskArtifactUpdateEvent):
                status = TaskStatus(state=TaskState.TASK_STATE_WORKING)
                status.message.message_id = "m"
                status.message.parts.extend(event.artifact.parts)
                event = TaskStatusUpdateEvent(
                    status=status, task_id=event.task_id, context_id=event.context_id
                )
            await super().enqueue_event(event)

    return replace(setup, queue=Tells)
