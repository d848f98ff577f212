"""R85 and R103: agents that do not keep to the protocol.

Neighbours: `artifacts.py` (R49 and R50: chunks of artifacts that there are not).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from a2a.server.context import ServerCallContext
from a2a.types import Message, Role, StreamResponse, Task, TaskState, TaskStatusUpdateEvent
from a2a.utils.errors import InvalidAgentResponseError

from tests.a2a.rules import plays
from tests.a2a.rules.defects import Defect, Proceed, Tampered, with_handler
from tests.a2a.rules.plays import Play, Stage
from tests.a2a.rules.registry import GRPC, breaks, rule
from tests.a2a.rules.server import Setup
from tests.a2a.rules.world import World, collect, short, state_of


async def replies_after_its_task(stage: Stage) -> None:
    await stage.begin()
    await plays.reply(stage)


async def names_no_state(stage: Stage) -> None:
    await stage.begin()
    await stage.status(TaskState.TASK_STATE_UNSPECIFIED)


async def appends_to_nothing(stage: Stage) -> None:
    await stage.begin()
    await stage.chunk("x", "unknown", append=True)


async def says_nothing(stage: Stage) -> None:
    """Neither Task nor Message."""


async def begins_with_a_status(stage: Stage) -> None:
    await stage.status(TaskState.TASK_STATE_WORKING)


async def names_no_artifact(stage: Stage) -> None:
    await stage.begin()
    await stage.chunk("x", "")


BAD: tuple[Play, ...] = (replies_after_its_task, names_no_state, appends_to_nothing)
WITHOUT_TASK: tuple[Play, ...] = (says_nothing, begins_with_a_status)


@rule(
    "R85",
    "what is no answer by the protocol is IAR, and its task has FAILED",
    sdk="as the rule, but for an artifact without an id, which goes out as emitted (detail 7)",
    spec="the task has FAILED, which is the answer (A5); a status first is fine, the core having "
    "made the Task (A15)",
)
async def r85(world: World) -> None:
    bad = (*BAD, names_no_artifact) if world.spec else BAD  # R11; detail 7 lets it pass
    for play in (*bad, *WITHOUT_TASK):
        await check_refused(world, play)
    for play in bad:
        events, error = await until_it_ends(world.stream(play))
        assert not any(event.HasField("message") for event in events)
        assert (error is None) == world.spec
        if world.spec:
            assert short(events[-1]) == "status FAILED"
    assert {state_of(task) for task in (await world.list()).tasks} == {"FAILED"}


async def check_refused(world: World, play: Play, **fields: Any) -> None:
    """See that what the agent does is refused, in the form of the policy."""
    if world.spec:
        failed = await world.task(play, **fields)
        assert state_of(failed) == "FAILED", play.__name__
        assert failed.status.message.parts, f"{play.__name__} ends without a word"
    else:
        await world.refused(InvalidAgentResponseError, world.send(play, **fields))


async def until_it_ends(
    stream: AsyncIterator[StreamResponse],
) -> tuple[list[StreamResponse], InvalidAgentResponseError | None]:
    """Read a stream; return its events, and the IAR with which it ended."""
    events = []
    try:
        async for event in stream:
            events.append(event)  # noqa: PERF401 - those before an error are wanted, too
    except InvalidAgentResponseError as error:
        return events, error
    return events, None


@breaks("R85")
@breaks("R85", binding=GRPC, policy="spec")
def swallows_what_is_wrong(setup: Setup) -> Setup:
    class Swallows(Tampered):
        async def enqueue_event(self, event: Any) -> None:
            unstated = isinstance(event, TaskStatusUpdateEvent) and not event.status.state
            if not unstated and not isinstance(event, Message):
                await super().enqueue_event(event)

    right = replace(setup, queue=Swallows)
    return replace(right, policy=replace(right.policy, unfinished="keep"))


@breaks("R85")
def answers_with_the_failed_task(setup: Setup) -> Setup:
    return replace(setup, policy=replace(setup.policy, raised="task"))


@rule(
    "R103",
    "once there is a task, the answer to its messages is the Task; a Message of the agent's is IAR",
    spec="as the rule; in place of the IAR the FAILED Task (A5)",
)
async def r103(world: World) -> None:
    asked = await world.task(plays.ask)
    again = await world.sent_json(world.request(plays.ask, task=asked.id))
    assert list(again) == ["task"]
    assert again["task"]["id"] == asked.id
    done = await collect(world.stream(plays.work, task=asked.id))
    assert not any(event.HasField("message") for event in done)
    asked = await world.task(plays.ask)
    await check_refused(world, plays.reply, task=asked.id)
    assert state_of(await world.get(asked.id)) == "FAILED"
    asked = await world.task(plays.ask)
    events, error = await until_it_ends(world.stream(plays.reply, task=asked.id))
    assert not any(event.HasField("message") for event in events)
    assert (error is None) == world.spec
    assert state_of(await world.get(asked.id)) == "FAILED"


@breaks("R103")
@breaks("R103", binding=GRPC, policy="spec")
def answers_follow_ups_with_a_message(setup: Setup) -> Setup:
    class Replies(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            answer = await go(params)
            if op == "send" and params.message.task_id and isinstance(answer, Task):
                return Message(message_id="m", role=Role.ROLE_AGENT)
            return answer

    return with_handler(setup, Replies)


@breaks("R103")
def lets_agents_reply_to_follow_ups(setup: Setup) -> Setup:
    class Replies(Tampered):
        async def enqueue_event(self, event: Any) -> None:
            if isinstance(event, Message):
                return  # as if it had been told some other way
            await super().enqueue_event(event)

    return replace(setup, queue=Replies)
