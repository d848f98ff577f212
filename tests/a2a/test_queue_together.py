"""RunQueue: chunks of an agent that lets go of the loop after each wait for one another, briefly.

Neighbours: `test_queue.py` (credit).
"""

from __future__ import annotations

from collections.abc import Callable

from a2a.types import (
    Artifact,
    Part,
    TaskArtifactUpdateEvent,
    TaskState,
    TaskStatus,
    TaskStatusUpdateEvent,
)

from actors.a2a.queue import TOGETHER, TOGETHER_SECONDS, RunQueue
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


class Loop:
    """A queue whose turns, time and journal are in the hands of the test."""

    def __init__(self) -> None:
        self.now = 100.0
        self.due: list[Callable[[], object]] = []
        self.told: list[int] = []
        """How many events each delivery had."""
        self.stored = 0
        self.queue = RunQueue(
            RunId("t1", 1, 1), "c1", self.tell, self.due.append, lambda: self.now, print
        )

    def tell(self, emitted: Emitted) -> None:
        self.told.append(sum(1 + len(event.more) for event in emitted.events))

    async def turn(self, *events: TaskArtifactUpdateEvent | TaskStatusUpdateEvent) -> None:
        """The agent emits; then what is due is called."""
        for event in events:
            await self.queue.enqueue_event(event)
        due = self.due[:]
        self.due.clear()
        for look in due:
            look()

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


async def test_a_turn_without_a_chunk_ends_the_wait() -> None:
    loop = Loop()
    await loop.turn(CHUNK)
    await loop.turn(CHUNK, CHUNK)
    assert loop.told == [1]
    await loop.turn()
    assert loop.told == [1, 2]
    assert loop.due == []


async def test_what_follows_at_once_upon_an_answer_waits_for_so_long() -> None:
    loop = Loop()
    await loop.turn(CHUNK)
    loop.store()
    for _ in range(3):
        await loop.turn(CHUNK)
        loop.now += TOGETHER_SECONDS / 4
    assert loop.told == [1]
    loop.now += TOGETHER_SECONDS
    await loop.turn(CHUNK)
    assert loop.told == [1, 4]


async def test_a_paced_agent_is_never_held_up() -> None:
    loop = Loop()
    for _ in range(3):
        await loop.turn(CHUNK)
        loop.store()
        loop.now += 2 * TOGETHER_SECONDS
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
