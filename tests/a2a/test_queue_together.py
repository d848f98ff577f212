"""RunQueue: chunks of an agent that lets go of the loop after each wait for one another, briefly.

Neighbours: `test_queue.py` (credit).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from a2a.types import (
    Artifact,
    Part,
    TaskArtifactUpdateEvent,
    TaskState,
    TaskStatus,
    TaskStatusUpdateEvent,
)

from actors.a2a.queue import AT_THE_HEELS, CREDIT, TOGETHER, TOGETHER_SECONDS, RunQueue
from actors.task.messages import Emitted
from actors.task.ports import RunId

CHUNK = TaskArtifactUpdateEvent(
    task_id="t1",
    context_id="c1",
    artifact=Artifact(artifact_id="a", parts=[Part(text="x")]),
    append=True,
)
WORKING = TaskStatusUpdateEvent(
    task_id="t1", context_id="c1", status=TaskStatus(state=TaskState.TASK_STATE_WORKING)
)


class Timer:
    """A look that is to come."""

    def __init__(self, at: float, callback: Callable[[], object]) -> None:
        self.at = at
        self.callback = callback

    def cancel(self) -> None:
        self.at = math.inf


class Loop:
    """A queue whose turns, time and journal are in the hands of the test."""

    def __init__(self) -> None:
        self.now = 100.0
        self.due: list[Callable[[], object]] = []
        self.timers: list[Timer] = []
        self.told: list[int] = []
        """How many events each delivery had."""
        self.stored = 0
        self.queue = RunQueue(
            RunId("t1", 1, 1), "c1", self.tell, self.due.append, self.later, lambda: self.now, print
        )

    def later(self, delay: float, callback: Callable[[], object]) -> Timer:
        self.timers.append(Timer(self.now + delay, callback))
        return self.timers[-1]

    def tell(self, emitted: Emitted) -> None:
        self.told.append(sum(1 + len(event.more) for event in emitted.events))

    async def turn(self, *events: TaskArtifactUpdateEvent | TaskStatusUpdateEvent) -> None:
        """The agent emits; then what is due is called."""
        for event in events:
            await self.queue.enqueue_event(event)
        due = [*self.due, *(each.callback for each in self.timers if each.at <= self.now)]
        self.due.clear()
        self.timers = [each for each in self.timers if each.at > self.now]
        for look in due:
            look()

    async def moment(self, *events: TaskArtifactUpdateEvent) -> None:
        """A turn that comes so late that chunks are looked at again."""
        self.now += AT_THE_HEELS
        await self.turn(*events)

    def store(self) -> None:
        """Acknowledge all that was delivered."""
        self.queue.grant(sum(self.told) - self.stored)
        self.stored = sum(self.told)


async def test_the_first_chunk_waits_for_nothing() -> None:
    loop = Loop()
    await loop.turn(CHUNK)
    assert loop.told == [1]


async def test_chunks_of_every_turn_wait_until_those_before_are_stored() -> None:
    loop = Loop()
    await loop.turn(CHUNK)
    for _ in range(5):
        await loop.turn(CHUNK)
        loop.now += 1.0  # the disk is slow
    assert loop.told == [1]
    loop.store()
    await loop.turn(CHUNK)
    assert loop.told == [1, 6]


async def test_a_moment_without_a_chunk_ends_the_wait() -> None:
    loop = Loop()
    await loop.turn(CHUNK)
    await loop.turn(CHUNK, CHUNK)
    await loop.turn(CHUNK)
    await loop.moment(CHUNK)
    assert loop.told == [1]
    await loop.moment()
    assert loop.told == [1, 4]
    assert not loop.due
    assert not loop.timers


async def test_what_follows_at_once_upon_an_answer_waits_for_so_long() -> None:
    loop = Loop()
    await loop.turn(CHUNK)
    loop.store()
    for _ in range(3):
        await loop.turn(CHUNK)
        loop.now += 0.4 * TOGETHER_SECONDS
    assert loop.told == [1]
    await loop.turn(CHUNK)
    assert loop.told == [1, 4]


async def test_what_is_stored_meanwhile_does_not_end_the_wait() -> None:
    loop = Loop()
    await loop.turn(CHUNK)
    await loop.turn(CHUNK)
    loop.store()
    await loop.turn(CHUNK)
    assert loop.told == [1]
    loop.now += TOGETHER_SECONDS
    await loop.turn(CHUNK)
    assert loop.told == [1, 3]


async def test_a_paced_agent_is_never_held_up() -> None:
    loop = Loop()
    for _ in range(3):
        await loop.turn(CHUNK)
        loop.store()
        loop.now += 2 * AT_THE_HEELS
    assert loop.told == [1, 1, 1]


async def test_no_more_wait_than_so_many() -> None:
    loop = Loop()
    await loop.turn(CHUNK)
    for _ in range(TOGETHER):
        await loop.turn(CHUNK)
    assert loop.told == [1, TOGETHER]


async def test_a_status_waits_for_nothing() -> None:
    loop = Loop()
    await loop.turn(CHUNK)
    await loop.turn(CHUNK)
    await loop.turn(WORKING)
    assert loop.told == [1, 2]


async def test_they_do_not_wait_when_the_agent_may_emit_no_more() -> None:
    loop = Loop()
    for _ in range(CREDIT - 1):
        await loop.turn(CHUNK)
    assert sum(loop.told) < CREDIT - 1
    emitting = asyncio.create_task(loop.queue.enqueue_event(CHUNK))
    await asyncio.sleep(0)
    assert sum(loop.told) == CREDIT
    loop.store()
    await emitting
