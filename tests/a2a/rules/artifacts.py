"""R48 to R50: artifacts and their chunks.

Neighbours: `talking.py` (R25: results are artifacts).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from a2a.server.context import ServerCallContext
from a2a.types import Artifact, Part, Task, TaskArtifactUpdateEvent
from a2a.utils.errors import InvalidAgentResponseError

from tests.a2a.rules.defects import Defect, Proceed, Tampered, with_handler
from tests.a2a.rules.plays import Stage
from tests.a2a.rules.registry import breaks, rule
from tests.a2a.rules.server import Setup
from tests.a2a.rules.world import World, collect, state_of


def contents(task: Task) -> dict[str, list[str]]:
    """Return the texts of each artifact.

    Raises:
        AssertionError: two artifacts have one id.
    """
    ids = [artifact.artifact_id for artifact in task.artifacts]
    assert len(set(ids)) == len(ids), f"artifact ids are not unique: {ids}"
    return {each.artifact_id: [part.text for part in each.parts] for each in task.artifacts}


@rule(
    "R48",
    "artifact ids are unique within a task: another with the same id replaces the first",
    sdk="as the rule; a Task that the agent makes up with two of one id is kept as it was emitted",
    spec="as the rule; a Task that the agent makes up with two of one id is IAR",
)
async def r48(world: World) -> None:
    async def repeats(stage: Stage) -> None:
        await stage.begin()
        await stage.chunk("old", "a")
        await stage.chunk("b", "b")
        await stage.chunk("new", "a")
        await stage.to.requires_input(stage.says("again?"))

    async def again(stage: Stage) -> None:
        await stage.chunk("newest", "a")
        await stage.chunk("c", "c")
        await stage.to.complete()

    first = await world.task(repeats)
    assert contents(first) == {"a": ["new"], "b": ["b"]}
    last = await world.task(again, task=first.id)
    wanted = {"a": ["newest"], "b": ["b"], "c": ["c"]}
    assert contents(last) == wanted
    assert contents(await world.get(first.id)) == wanted
    (listed,) = (await world.list(include_artifacts=True)).tasks
    assert contents(listed) == wanted

    async def two_of_one_id(stage: Stage) -> None:
        task = stage.new_task()
        for text in ("one", "two"):
            task.artifacts.append(Artifact(artifact_id="a", parts=[Part(text=text)]))
        await stage.emit(task)
        await stage.to.complete()

    if world.spec:
        await refused_of_the_agent(world, two_of_one_id)
        return
    made_up = await world.task(two_of_one_id)
    assert [artifact.parts[0].text for artifact in made_up.artifacts] == ["one", "two"]


@breaks("R48")
def keeps_what_was_replaced(setup: Setup) -> Setup:
    class Keeps(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            answer = await go(params)
            if op == "get":
                answer.artifacts.append(answer.artifacts[0])
            return answer

    return with_handler(setup, Keeps)


@breaks("R48", policy="spec")
def takes_two_artifacts_of_one_id(setup: Setup) -> Setup:
    return replace(setup, policy=replace(setup.policy, contexts="as_emitted"))


@rule(
    "R49",
    "append adds parts to the artifact with that id; to an unknown id it is IAR (A7)",
    sdk="as the rule; the sender gets the error, the Task is FAILED",
    spec="as the rule; the sender gets the FAILED Task",
)
async def r49(world: World) -> None:
    async def appends(stage: Stage) -> None:
        await stage.begin()
        await stage.chunk("a0", "a")
        await stage.chunk("b0", "b")
        await stage.chunk("a1", "a", append=True)
        two = [Part(text="a2"), Part(text="a3")]
        await stage.to.add_artifact(two, artifact_id="a", append=True)
        await stage.chunk("b1", "b", append=True)
        await stage.to.complete()

    task = await world.task(appends)
    assert contents(task) == {"a": ["a0", "a1", "a2", "a3"], "b": ["b0", "b1"]}
    assert await world.get(task.id) == task
    events = await collect(world.stream(appends))
    updates = [event.artifact_update for event in events if event.HasField("artifact_update")]
    assert [update.append for update in updates] == [False, False, True, True, True]

    async def to_nothing(stage: Stage) -> None:
        await stage.begin()
        await stage.chunk("a0", "a", append=True)
        await stage.to.complete()

    await refused_of_the_agent(world, to_nothing)


async def refused_of_the_agent(world: World, play: Any) -> None:
    """See that what an agent emits is IAR, and its task FAILED."""
    if world.spec:
        assert state_of(await world.task(play)) == "FAILED"
    else:
        await world.refused(InvalidAgentResponseError, world.send(play))
    assert state_of((await world.list()).tasks[0]) == "FAILED"


@breaks("R49")
def replaces_instead_of_appending(setup: Setup) -> Setup:
    class Replaces(Tampered):
        async def enqueue_event(self, event: Any) -> None:
            if isinstance(event, TaskArtifactUpdateEvent):
                event.append = False
            await super().enqueue_event(event)

    return replace(setup, queue=Replaces)


@breaks("R49")
@breaks("R49", policy="spec")
def begins_artifacts_that_are_appended_to(setup: Setup) -> Setup:
    class Begins(Tampered):
        known: frozenset[str] = frozenset()

        async def enqueue_event(self, event: Any) -> None:
            if isinstance(event, TaskArtifactUpdateEvent):
                event.append = event.append and event.artifact.artifact_id in self.known
                self.known |= {event.artifact.artifact_id}
            await super().enqueue_event(event)

    return replace(setup, queue=Begins)


@rule(
    "R50",
    "last_chunk is told to streams and ends its artifact",
    sdk="told; a chunk that is appended later is accepted nevertheless (A7)",
    spec="as the rule; a chunk that is appended later is IAR (A7)",
)
async def r50(world: World) -> None:
    async def ends_one(stage: Stage) -> None:
        await stage.begin()
        await stage.chunk("a0", "a")
        await stage.chunk("a1", "a", append=True, last_chunk=True)
        await stage.chunk("b0", "b", last_chunk=True)
        await stage.chunk("c0", "c")
        await stage.chunk("c1", "c", append=True)
        await stage.to.complete()

    async def goes_on(stage: Stage) -> None:
        await stage.begin()
        await stage.chunk("a0", "a", last_chunk=True)
        await stage.chunk("a1", "a", append=True)
        await stage.to.complete()

    events = await collect(world.stream(ends_one))
    updates = [event.artifact_update for event in events if event.HasField("artifact_update")]
    assert [update.last_chunk for update in updates] == [False, True, True, False, False]
    stored = await world.get(events[0].task.id)
    assert contents(stored) == {"a": ["a0", "a1"], "b": ["b0"], "c": ["c0", "c1"]}
    if world.spec:
        await refused_of_the_agent(world, goes_on)
    else:
        assert contents(await world.task(goes_on)) == {"a": ["a0", "a1"]}


@breaks("R50", policy="spec")
def takes_chunks_of_closed_artifacts(setup: Setup) -> Setup:
    return replace(setup, policy=replace(setup.policy, closed_artifact="accept"))


@breaks("R50", error=InvalidAgentResponseError)
def refuses_chunks_of_closed_artifacts(setup: Setup) -> Setup:
    return replace(setup, policy=replace(setup.policy, closed_artifact="refuse"))


@breaks("R50")
def keeps_ends_to_itself(setup: Setup) -> Setup:
    class Keeps(Defect):
        async def events(self, op: str, params: Any, events: Any) -> Any:
            async for event in events:
                event.artifact_update.last_chunk = False
                if event.artifact_update.artifact == Artifact():
                    continue
                yield event

    return with_handler(setup, Keeps)
