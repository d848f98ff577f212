"""R40 to R42: subscriptions.

Neighbours: `streaming.py` (streams of messages), `ordering.py` (several at once).
"""

from __future__ import annotations

from typing import Any

from a2a.server.context import ServerCallContext
from a2a.types import GetTaskRequest, StreamResponse, Task, TaskState
from a2a.utils.errors import TaskNotFoundError, UnsupportedOperationError

from actors.a2a.streams import Stream
from tests.a2a.rules import plays
from tests.a2a.rules.defects import Defect, Proceed, stream_of, with_handler
from tests.a2a.rules.plays import Play, Stage, ends_in
from tests.a2a.rules.registry import breaks, rule
from tests.a2a.rules.server import Setup
from tests.a2a.rules.states import INTERRUPTED, TERMINAL
from tests.a2a.rules.world import World, collect, short, state_of

SUBMITTED = TaskState.TASK_STATE_SUBMITTED
WORKING = TaskState.TASK_STATE_WORKING
AUTH = TaskState.TASK_STATE_AUTH_REQUIRED
OPEN = (SUBMITTED, WORKING, *INTERRUPTED)


@rule(
    "R40",
    "a subscription begins with the Task as it is; with what follows it gives the final Task",
)
async def r40(world: World) -> None:
    async def long(stage: Stage) -> None:
        await stage.begin()
        await stage.status(WORKING, "first half")
        await stage.chunk("0")
        await stage.chunk("1", append=True)
        await stage.gate.wait()
        await stage.status(WORKING, "second half")
        await stage.chunk("2", append=True)
        await stage.chunk("3", "another")
        await stage.status(TaskState.TASK_STATE_COMPLETED, "done")

    sending = world.stream(long)
    begun = (await anext(sending)).task.id
    while short(await anext(sending)) != "artifact 1":
        pass
    subscription = world.subscribe(begun)
    snapshot = (await anext(subscription)).task
    assert snapshot == await world.get(begun)
    assert [part.text for part in snapshot.artifacts[0].parts] == ["0", "1"]
    world.gate.set()
    rest = await collect(subscription)
    assert [short(event) for event in rest] == [
        "status WORKING",
        "artifact 2",
        "artifact 3",
        "status COMPLETED",
    ]
    for event in rest:
        apply(snapshot, event)
    assert snapshot == await world.get(begun)


def apply(task: Task, event: StreamResponse) -> None:
    """Do to a client's copy of a task what an event says."""
    if event.HasField("status_update"):
        if task.status.HasField("message"):
            task.history.append(task.status.message)
        task.status.CopyFrom(event.status_update.status)
        return
    update = event.artifact_update
    known = {artifact.artifact_id: artifact for artifact in task.artifacts}
    if update.append:
        known[update.artifact.artifact_id].parts.extend(update.artifact.parts)
    else:
        assert update.artifact.artifact_id not in known
        task.artifacts.append(update.artifact)


@breaks("R40")
def subscribes_from_the_next_event_on(setup: Setup) -> Setup:
    class Late(Defect):
        async def events(self, op: str, params: Any, events: Any) -> Any:
            first = True
            async for event in events:
                if op == "subscribe" and first:
                    event = StreamResponse(task=Task(id=event.task.id))
                first = False
                yield event

    return with_handler(setup, Late)


@breaks("R40")
def repeats_what_the_snapshot_has(setup: Setup) -> Setup:
    class Repeats(Defect):
        async def events(self, op: str, params: Any, events: Any) -> Any:
            async for event in events:
                yield event
                if op == "subscribe" and event.HasField("artifact_update"):
                    yield event

    return with_handler(setup, Repeats)


@rule(
    "R41",
    "every task that is not terminal can be subscribed to, busy or at rest, until it is terminal",
)
async def r41(world: World) -> None:
    subscriptions = []
    for state in OPEN:
        sending = world.stream(reaching(state))
        task = (await anext(sending)).task.id
        if state != SUBMITTED:
            assert (await anext(sending)).status_update.status.state == state
        subscriptions.append(world.subscribe(task))
        assert (await anext(subscriptions[-1])).task.status.state == state
    world.gate.set()
    for subscription in subscriptions:
        assert [short(event) for event in await collect(subscription)] == ["status COMPLETED"]
    for state in INTERRUPTED:
        parked = await world.task(ends_in(state))
        subscription = world.subscribe(parked.id)
        assert (await anext(subscription)).task == parked
        await world.task(plays.ask, task=parked.id)
        await world.cancel(parked.id)
        rest = [short(event) for event in await collect(subscription)]
        assert rest == ["status INPUT_REQUIRED", "status CANCELED"]


def reaching(state: TaskState) -> Play:
    """Return the play of an agent that brings a task to a state and goes on when it may."""

    async def play(stage: Stage) -> None:
        await stage.begin()
        if state != SUBMITTED:
            await stage.status(state)
        await stage.gate.wait()
        await stage.to.complete()

    return play


@breaks("R41", error=UnsupportedOperationError)
def refuses_subscriptions_to_what_waits(setup: Setup) -> Setup:
    class Refuses(Defect):
        async def opened(
            self, op: str, params: Any, context: ServerCallContext, go: Proceed
        ) -> Stream:
            if op == "subscribe":
                task = await self.on_get_task(GetTaskRequest(id=params.id), context)
                if task is not None and task.status.state == AUTH:
                    raise UnsupportedOperationError
            return await super().opened(op, params, context, go)

    return with_handler(setup, Refuses)


@breaks("R41")
def ends_subscriptions_to_what_rests(setup: Setup) -> Setup:
    class Ends(Defect):
        async def events(self, op: str, params: Any, events: Any) -> Any:
            async for event in events:
                yield event
                if op == "subscribe" and event.task.status.state in INTERRUPTED:
                    return

    return with_handler(setup, Ends)


@rule("R42", "a subscription to a terminal task is UNS, to an unknown or foreign one TNF")
async def r42(world: World) -> None:
    for state in TERMINAL:
        ended = await world.task(ends_in(state))
        error = await world.refused(UnsupportedOperationError, world.subscribe(ended.id))
        assert TaskState.Name(state) in str(error)
    await world.refused(TaskNotFoundError, world.subscribe("unknown"))
    hers = await world.as_("her").task(plays.ask)
    await world.refused(TaskNotFoundError, world.subscribe(hers.id))
    assert state_of(await world.as_("her").get(hers.id)) == "INPUT_REQUIRED"


@breaks("R42")
def accepts_terminal_subscriptions(setup: Setup) -> Setup:
    return _instead(setup, UnsupportedOperationError)


@breaks("R42")
def waits_for_unknown_tasks(setup: Setup) -> Setup:
    return _instead(setup, TaskNotFoundError)


def _instead(setup: Setup, kind: type[Exception]) -> Setup:
    class Answers(Defect):
        async def opened(
            self, op: str, params: Any, context: ServerCallContext, go: Proceed
        ) -> Stream:
            try:
                return await super().opened(op, params, context, go)
            except kind:
                return stream_of(StreamResponse(task=Task(id=params.id)))

    return with_handler(setup, Answers)
