"""RunQueue: an agent never gets further ahead of the journal than its credit, however it emits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from a2a.types import Artifact, Part, TaskArtifactUpdateEvent

from actors.a2a.queue import CREDIT, RunQueue
from actors.task.fanout import RING
from actors.task.messages import AgentEvent, Emitted
from actors.task.ports import RunId

RUN = RunId("t1", 1, 1)


def chunk(number: int) -> TaskArtifactUpdateEvent:
    artifact = Artifact(artifact_id=str(number), parts=[Part(text="x")])
    return TaskArtifactUpdateEvent(task_id="t1", context_id="c1", artifact=artifact)


def queue_of(told: list[AgentEvent], late: list[Any]) -> RunQueue:
    """A queue that delivers each event by itself."""
    return RunQueue(
        RUN,
        "c1",
        lambda heard: told.extend(heard.events),
        lambda now: now(),
        at_once,
        lambda: 0.0,
        late.append,
    )


def at_once(_: float, look: Callable[[], object]) -> asyncio.Handle:
    look()
    return asyncio.get_running_loop().call_soon(int)


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_many_tasks_of_one_agent_share_its_credit() -> None:
    told: list[AgentEvent] = []
    late: list[Any] = []
    queue = queue_of(told, late)
    emitting = [
        asyncio.create_task(queue.enqueue_event(chunk(number))) for number in range(3 * CREDIT)
    ]
    await turns()
    assert len(told) == CREDIT
    queue.grant(10)
    await turns()
    assert len(told) == CREDIT + 10
    queue.grant(3 * CREDIT)
    await asyncio.gather(*emitting)
    assert [event.artifact for event in told] == [str(number) for number in range(3 * CREDIT)]
    assert late == []


async def test_who_waits_for_room_when_the_run_ends_goes_on_unheard() -> None:
    told: list[AgentEvent] = []
    late: list[Any] = []
    queue = queue_of(told, late)
    emitting = [
        asyncio.create_task(queue.enqueue_event(chunk(number))) for number in range(CREDIT + 5)
    ]
    await turns()
    queue.shut()
    await asyncio.gather(*emitting)
    assert len(told) == CREDIT
    assert len(late) == 5


async def test_the_object_may_be_reused_while_its_event_waits_for_room() -> None:
    told: list[AgentEvent] = []
    queue = queue_of(told, [])
    filling = [asyncio.create_task(queue.enqueue_event(chunk(number))) for number in range(CREDIT)]
    await turns()
    event = chunk(900)
    waiting = asyncio.create_task(queue.enqueue_event(event))
    await turns()
    event.artifact.artifact_id = "changed"
    queue.grant(CREDIT)
    await asyncio.gather(*filling, waiting)
    assert told[-1].artifact == "900"
    assert b"changed" not in told[-1].payload


async def test_a_burst_is_delivered_as_one_when_its_credit_is_used_up() -> None:
    heard: list[int] = []
    loop = asyncio.get_running_loop()

    def tell(emitted: Emitted) -> None:
        heard.append(len(emitted.events))
        loop.call_soon(queue.grant, len(emitted.events))

    queue = RunQueue(RUN, "c1", tell, loop.call_soon, loop.call_later, lambda: 0.0, lambda _: None)
    async with asyncio.timeout(10):
        for number in range(2 * CREDIT + 10):
            await queue.enqueue_event(chunk(number))
    assert heard == [CREDIT, CREDIT]
    queue.shut()
    assert heard == [CREDIT, CREDIT, 10]


def test_what_may_be_stored_at_once_is_in_the_live_tail() -> None:
    """Where turns of the dispatcher end early, as its clock says: else readers fall behind."""
    assert 2 * CREDIT <= RING
