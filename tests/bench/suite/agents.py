"""The agent of the suite: it does what the message says, the same on every side.

Neighbours: `sides.py` (who serves it), `server.py` (the agent over HTTP).
"""

from __future__ import annotations

import asyncio
import time

from a2a.helpers import new_task_from_user_message
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.tasks import TaskUpdater
from a2a.types import Artifact, Part, Task, TaskArtifactUpdateEvent

RESULT = "result"


def chunk(task: Task, text: str, *, first: bool, last: bool) -> TaskArtifactUpdateEvent:
    """Return one more chunk of the only artifact of a task."""
    return TaskArtifactUpdateEvent(
        task_id=task.id,
        context_id=task.context_id,
        artifact=Artifact(artifact_id=RESULT, parts=[Part(text=text)]),
        append=not first,
        last_chunk=last,
    )


class Bench(AgentExecutor):
    """Plays the scene that the first word names, with the numbers that follow it.

    Attributes:
        gate: holds up the scenes `held`, `clocked` and `wait`.
        late: seconds by which the events of `paced` were late at most, when they were sent.
    """

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.late = 0.0

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        """Play it, in a Task of its own."""
        assert context.message is not None
        task = new_task_from_user_message(context.message)
        await event_queue.enqueue_event(task)
        scene, *numbers = context.get_user_input().split()
        await getattr(self, scene)(task, event_queue, *map(int, numbers))

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        """Nobody cancels here."""
        raise NotImplementedError("nobody cancels here")

    async def short(self, task: Task, queue: EventQueue) -> None:
        """WORKING, one artifact, COMPLETED."""
        to = TaskUpdater(queue, task.id, task.context_id)
        await to.start_work()
        await to.add_artifact([Part(text="done")], artifact_id=RESULT)
        await to.complete()

    async def burst(self, task: Task, queue: EventQueue, count: int) -> None:
        """Chunks as fast as they are taken."""
        for number in range(count):
            await queue.enqueue_event(
                chunk(task, f"token {number}", first=not number, last=number == count - 1)
            )
        await TaskUpdater(queue, task.id, task.context_id).complete()

    async def yielding(self, task: Task, queue: EventQueue, count: int) -> None:
        """The same, but others have a turn after each."""
        for number in range(count):
            await queue.enqueue_event(
                chunk(task, f"token {number}", first=not number, last=number == count - 1)
            )
            await asyncio.sleep(0)
        await TaskUpdater(queue, task.id, task.context_id).complete()

    async def held(self, task: Task, queue: EventQueue, count: int) -> None:
        """A burst, once the gate is open."""
        await self.gate.wait()
        await self.burst(task, queue, count)

    async def clocked(
        self, task: Task, queue: EventQueue, count: int, period: int, offset: int
    ) -> None:
        """`paced`, once the gate is open."""
        await self.gate.wait()
        await self.paced(task, queue, count, period, offset)

    async def paced(
        self, task: Task, queue: EventQueue, count: int, period: int, offset: int
    ) -> None:
        """A chunk at each instant of a schedule, whatever became of those before.

        Args:
            task: whose chunks.
            queue: takes them.
            count: how many.
            period: microseconds from one to the next.
            offset: microseconds to the first.

        Each says when it was sent, in nanoseconds of `time.perf_counter_ns`.
        """
        began = time.perf_counter() + offset / 1e6
        for number in range(count):
            due = began + number * period / 1e6
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            self.late = max(self.late, time.perf_counter() - due)
            sent = str(time.perf_counter_ns())
            await queue.enqueue_event(chunk(task, sent, first=not number, last=number == count - 1))
        await TaskUpdater(queue, task.id, task.context_id).complete()

    async def park(self, task: Task, queue: EventQueue) -> None:
        """INPUT_REQUIRED."""
        await TaskUpdater(queue, task.id, task.context_id).requires_input()

    async def wait(self, task: Task, queue: EventQueue) -> None:
        """A run that is going on until the gate is open."""
        to = TaskUpdater(queue, task.id, task.context_id)
        await to.start_work()
        await self.gate.wait()
        await to.complete()
