"""RunQueue: an agent never gets further ahead of the journal than its credit, however it emits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from a2a.types import Artifact, Part, TaskArtifactUpdateEvent

from actors.a2a.queue import AT_ONCE, CREDIT, RunQueue
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


async def test_the_journal_begins_with_a_burst_while_the_agent_goes_on() -> None:
    loop, emitted = asyncio.get_running_loop(), 0
    begun: list[tuple[int, int]] = []

    def tell(heard: Emitted) -> None:  # the journal begins once the loop comes to it
        loop.call_soon(lambda: begun.append((len(heard.events), emitted)))

    queue = RunQueue(RUN, "c1", tell, loop.call_soon, loop.call_later, lambda: 0.0, lambda _: None)
    for number in range(2 * AT_ONCE - 1):
        await queue.enqueue_event(chunk(number))
        emitted += 1
    assert begun == [(AT_ONCE, AT_ONCE - 1)]
    await turns()
    assert begun[1:] == [(AT_ONCE - 1, 2 * AT_ONCE - 1)]


def test_what_may_be_stored_at_once_is_in_the_live_tail() -> None:
    """Measured with a credit of 384: one stream in four costs a fifth more."""
    assert AT_ONCE < CREDIT <= RING
