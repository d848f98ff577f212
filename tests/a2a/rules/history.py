"""R26 to R30: how much of its history a task shows, and who chooses what is in it."""

from __future__ import annotations

from typing import Any

from a2a.server.context import ServerCallContext
from a2a.types import Message, Part, Role, Task
from a2a.utils.errors import InvalidParamsError

from tests.a2a.rules import plays
from tests.a2a.rules.defects import Defect, Proceed, with_handler
from tests.a2a.rules.plays import Stage
from tests.a2a.rules.registry import breaks, rule
from tests.a2a.rules.server import Setup
from tests.a2a.rules.world import World, collect

WHOLE = ["one", "which one?", "two", "which one?", "three", "on it"]


async def three_turns(world: World) -> Task:
    """Return a finished task of six messages."""
    asked = await world.task(plays.ask, "one")
    await world.task(plays.ask, "two", task=asked.id)
    return await world.task(plays.work, "three", task=asked.id)


def texts(task: Task) -> list[str]:
    """The history in short."""
    return [message.parts[0].text for message in task.history]


@rule("R26", "without a history length everything is shown", sdk="everything", spec="everything")
async def r26(world: World) -> None:
    task = await three_turns(world)
    assert texts(task) == WHOLE
    assert texts(await world.get(task.id)) == WHOLE
    assert [texts(found) for found in (await world.list()).tasks] == [WHOLE]


@breaks("R26")
def shows_nothing_unless_asked(setup: Setup) -> Setup:
    class Hides(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            answer = await go(params)
            if op == "get" and not params.HasField("history_length"):
                answer.ClearField("history")
            return answer

    return with_handler(setup, Hides)


@rule(
    "R27", "with a history length of N, the N newest messages, in order; the store keeps them all"
)
async def r27(world: World) -> None:
    task = await three_turns(world)
    for length in (1, 2, 5, 6, 50):
        newest = WHOLE[-length:]
        assert texts(await world.get(task.id, history_length=length)) == newest
        listed = await world.list(history_length=length)
        assert [texts(found) for found in listed.tasks] == [newest]
    asked = await world.task(plays.ask, "one")
    answer = await world.task(plays.ask, "two", task=asked.id, history_length=1)
    assert texts(answer) == ["two"]
    events = await collect(world.stream(plays.work, "three", task=asked.id, history_length=1))
    for event in events:
        assert len(event.task.history) <= 1
    assert texts(await world.get(asked.id)) == WHOLE


@breaks("R27")
def shows_the_oldest(setup: Setup) -> Setup:
    class Oldest(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            if op != "get" or not params.HasField("history_length"):
                return await go(params)
            length = params.history_length
            params.ClearField("history_length")
            answer = await go(params)
            del answer.history[length:]
            return answer

    return with_handler(setup, Oldest)


@breaks("R27")
def lists_whole_histories(setup: Setup) -> Setup:
    class Whole(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            if op == "list":
                params.ClearField("history_length")
            return await go(params)

    return with_handler(setup, Whole)


@breaks("R27")
def forgets_what_it_does_not_show(setup: Setup) -> Setup:
    class Forgets(Defect):
        trimmed: dict[str, int]

        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            answer = await go(params)
            if op == "send" and params.configuration.HasField("history_length"):
                self.trimmed = {answer.id: params.configuration.history_length}
            if op == "get" and answer.id in getattr(self, "trimmed", {}):
                del answer.history[: -self.trimmed[answer.id]]
            return answer

    return with_handler(setup, Forgets)


@rule("R28", "with a history length of 0 there is no key `history`")
async def r28(world: World) -> None:
    task = await three_turns(world)
    found = await world.got_json(task.id, history_length=0)
    assert "status" in found, found
    assert "history" not in found
    sent = await world.sent_json(world.request(plays.work, history_length=0))
    assert "history" not in sent["task"]
    assert not any(found.history for found in (await world.list(history_length=0)).tasks)
    for event in await collect(world.stream(plays.work, history_length=0)):
        assert not event.task.history


@breaks("R28")
def takes_zero_for_unset(setup: Setup) -> Setup:
    class Unset(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            if op == "get" and params.history_length == 0:
                params.ClearField("history_length")
            return await go(params)

    return with_handler(setup, Unset)


@rule("R29", "a negative history length is IP, wherever there is one")
async def r29(world: World) -> None:
    task = await world.task(plays.ask)
    for call in (
        lambda: world.get(task.id, history_length=-1),
        lambda: world.list(history_length=-1),
        lambda: world.send(plays.work, history_length=-1),
        lambda: world.stream(plays.work, history_length=-1),
    ):
        error = await world.refused(InvalidParamsError, call())
        assert "history length must be non-negative" in str(error)


@breaks("R29")
def takes_negative_for_zero(setup: Setup) -> Setup:
    class Zero(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            if op == "list" and params.history_length < 0:
                params.history_length = 0
            return await go(params)

    return with_handler(setup, Zero)


@rule("R30", "the agent chooses which messages its Task begins with")
async def r30(world: World) -> None:
    async def chooses(stage: Stage) -> None:
        task = stage.new_task()
        del task.history[:]
        task.history.append(
            Message(message_id="s", role=Role.ROLE_AGENT, parts=[Part(text="a summary")])
        )
        await stage.emit(task)
        await stage.to.complete()

    task = await world.task(chooses, "a long story")
    assert texts(task) == ["a summary"]
    assert texts(await world.get(task.id)) == ["a summary"]


@breaks("R30")
def adds_messages_of_its_own(setup: Setup) -> Setup:
    class Adds(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            answer = await go(params)
            if isinstance(answer, Task):
                answer.history.append(params.message if op == "send" else Message(message_id="x"))
            return answer

    return with_handler(setup, Adds)
