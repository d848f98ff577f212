"""The agent under load: `short`, `stream COUNT MILLISECONDS` or `ask`, as its message says.

Chunks of a stream say their number and when they were sent, by the clock that all processes of a
machine share, so that whoever gets one knows how long it took.

    actors serve tests.soak.load_agent:Busy

Neighbours: `load_server.py` (serves it), `load_sessions.py` (know what it does).
"""

from __future__ import annotations

import asyncio
import time

from a2a.helpers import new_task_from_user_message
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.tasks import TaskUpdater
from a2a.types import Part


class Busy(AgentExecutor):
    """Does what the first word of the message says."""

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        """Do it; whatever answers a question completes the task."""
        assert context.message is not None
        task = context.current_task
        asked = task is not None
        if task is None:
            task = new_task_from_user_message(context.message)
            await event_queue.enqueue_event(task)
        to = TaskUpdater(event_queue, task.id, task.context_id)
        scene, *numbers = context.get_user_input().split()
        if scene == "ask" and not asked:
            await to.requires_input(to.new_agent_message([Part(text="which one?")]))
            return
        await to.start_work()
        if scene == "stream":
            await _stream(to, *map(int, numbers))
        else:
            await to.add_artifact([Part(text="done")], artifact_id="result")
        await to.complete()

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        """Say CANCELED."""
        await TaskUpdater(event_queue, str(context.task_id), str(context.context_id)).cancel()


async def _stream(to: TaskUpdater, count: int, milliseconds: int) -> None:
    """Send so many chunks, with a pause after each."""
    for number in range(count):
        await to.add_artifact(
            [Part(text=f"chunk {number} {time.monotonic_ns()}")],
            artifact_id="result",
            append=number > 0,
            last_chunk=number == count - 1,
        )
        await asyncio.sleep(milliseconds / 1000)
