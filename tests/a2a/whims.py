"""An agent that does anything, in any order: what no agent should, too.

What a run does is drawn. On sockets the draws of a run depend on nothing but a seed and its
message; in a simulation they are choices of the schedule, and shrink with it.

Neighbours: `random_clients.py` (who talks to it), `observed.py` (what must hold all the same).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from a2a.helpers import new_task_from_user_message
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.types import (
    Artifact,
    Message,
    Part,
    Role,
    Task,
    TaskArtifactUpdateEvent,
    TaskState,
    TaskStatus,
    TaskStatusUpdateEvent,
)
from a2a.utils.errors import InvalidParamsError, UnsupportedOperationError

Draw = Callable[[int], int]
"""Returns a number from 0 to below its argument."""

WHIM = "a whim"
"""In the text of everything that this agent raises, and nowhere in what is ours."""
LONGEST = 6
"""Deeds of one run."""
STATES: list[Any] = [TaskState.ValueType(number) for number in TaskState.values() if number]


class OnAWhim(Exception):  # noqa: N818 - says what happened
    """Raised by the agent."""


def nested(depth: int) -> list[object]:
    """Deeper than a JSON encoder goes."""
    found: list[object] = []
    for _ in range(depth):
        found = [found]
    return found


class Mute:
    """Has no text."""

    def __str__(self) -> str:
        raise OnAWhim(WHIM)

    __repr__ = __str__


ERRORS: tuple[Callable[[], BaseException], ...] = (
    lambda: OnAWhim(WHIM),
    lambda: ValueError(f"{WHIM}\n\x00é"),
    lambda: UnsupportedOperationError(WHIM),
    lambda: InvalidParamsError(WHIM, data={"of": math.inf}),
    lambda: InvalidParamsError(WHIM, data={"of": nested(100_000)}),
    lambda: UnsupportedOperationError(WHIM, data={"of": Mute()}),
    lambda: UnsupportedOperationError(f"{WHIM} \ud800", data={"of": "\udc00", "list": [None, 1]}),
    lambda: asyncio.CancelledError(WHIM),
    lambda: TimeoutError(WHIM),
)


class Run(NamedTuple):
    """One call of `execute` or `cancel`."""

    draw: Draw
    context: RequestContext
    queue: EventQueue
    deaf: list[bool]
    """Not empty: it was cancelled, and has gone on all the same."""

    @property
    def ids(self) -> tuple[str, str]:
        """Of its task and its context."""
        return str(self.context.task_id), str(self.context.context_id)


Deed = Callable[[Run], Awaitable[None]]


class Whims(AgentExecutor):
    """Does what is drawn.

    Args:
        drawn: returns what draws for a run, by its name.
        pause: seconds of its pauses.
    """

    def __init__(self, drawn: Callable[[str], Draw], pause: float) -> None:
        self._drawn = drawn
        self._pause = pause
        self._number = 0
        self._queues: list[EventQueue] = []
        """Of earlier runs: an agent may keep what it should not."""
        self._deeds: tuple[tuple[Deed, int], ...] = (
            (self._status, 6),
            (self._artifact, 5),
            (self._wait, 3),
            (self._end, 3),
            (self._begin, 2),
            (self._question, 2),
            (self._reply, 1),
            (self._raise, 1),
            (self._hang, 1),
            (self._foreign, 1),
            (self._rubbish, 1),
            (self._twins, 1),
            (self._late, 1),
            (self._obstinate, 1),
        )

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        message = context.message
        assert message is not None
        run = Run(self._drawn(f"execute {message.message_id}"), context, event_queue, [])
        self._queues.append(event_queue)
        if run.draw(8):
            await self._begin(run)
        for _ in range(run.draw(LONGEST + 1)):
            await self._any(run)

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        run = Run(self._drawn(f"cancel {context.task_id}"), context, event_queue, [])
        match run.draw(8):
            case 0:
                return
            case 1:
                await self._any(run)
            case 2:
                await self._hang(run)
            case 3:
                await self._raise(run)
            case _:
                await self._say(run, TaskState.TASK_STATE_CANCELED)

    # -- deeds

    async def _any(self, run: Run) -> None:
        at = run.draw(sum(weight for _, weight in self._deeds))
        for deed, weight in self._deeds:
            if at < weight:
                return await deed(run)
            at -= weight
        return None

    async def _begin(self, run: Run) -> None:
        """A Task, or another one: a second one, one in some other state."""
        if run.context.current_task is None and run.context.message is not None:
            task = new_task_from_user_message(run.context.message)
            if not run.draw(8):
                task.status.state = run.draw(len(STATES) + 1)  # type: ignore[assignment] # it is one
            task.metadata["number"] = self._next()
            await run.queue.enqueue_event(task)

    async def _status(self, run: Run) -> None:
        await self._say(run, TaskState.TASK_STATE_WORKING)

    async def _end(self, run: Run) -> None:
        await self._say(run, STATES[run.draw(len(STATES))])

    async def _question(self, run: Run) -> None:
        await self._say(
            run,
            (TaskState.TASK_STATE_INPUT_REQUIRED, TaskState.TASK_STATE_AUTH_REQUIRED)[run.draw(2)],
        )

    async def _say(self, run: Run, state: TaskState) -> None:
        task, context = run.ids
        status = TaskStatus(state=state)
        if run.draw(2):
            status.message.CopyFrom(self._message(run))
        event = TaskStatusUpdateEvent(task_id=task, context_id=context, status=status)
        event.metadata["number"] = self._next()
        await run.queue.enqueue_event(event)

    async def _artifact(self, run: Run) -> None:
        task, context = run.ids
        event = TaskArtifactUpdateEvent(
            task_id=task,
            context_id=context,
            artifact=Artifact(
                artifact_id=f"a{run.draw(2)}", parts=[Part(text=f"part {self._next()}")]
            ),
            append=run.draw(3) == 2,
            last_chunk=run.draw(4) == 3,
        )
        await run.queue.enqueue_event(event)

    async def _reply(self, run: Run) -> None:
        await run.queue.enqueue_event(self._message(run))

    async def _wait(self, run: Run) -> None:
        await asyncio.sleep(self._pause * run.draw(3))

    async def _raise(self, run: Run) -> None:
        error = ERRORS[run.draw(len(ERRORS))]()
        raise error

    async def _hang(self, run: Run) -> None:
        if not run.deaf:  # else nobody would end it
            await asyncio.get_running_loop().create_future()

    async def _foreign(self, run: Run) -> None:
        """An event of another task, or of another context."""
        task, context = run.ids
        status = TaskStatus(state=TaskState.TASK_STATE_WORKING)
        events: tuple[Task | TaskStatusUpdateEvent | TaskArtifactUpdateEvent, ...] = (
            Task(id="other", context_id=context, status=status),
            Task(id=task, context_id="other", status=status),
            TaskStatusUpdateEvent(task_id="other", context_id=context, status=status),
            TaskArtifactUpdateEvent(task_id="", context_id=context),
        )
        await run.queue.enqueue_event(events[run.draw(len(events))])

    async def _rubbish(self, run: Run) -> None:
        """What is no event, or has no form in JSON: refused, and half of the time that is fine."""
        task, context = run.ids
        nan = TaskStatusUpdateEvent(
            task_id=task,
            context_id=context,
            status=TaskStatus(state=TaskState.TASK_STATE_WORKING),
            metadata={"of": math.nan},
        )
        late = TaskStatus(state=TaskState.TASK_STATE_WORKING)
        late.timestamp.seconds = 10**15
        events = (None, nan, TaskStatusUpdateEvent(task_id=task, context_id=context, status=late))
        try:
            await run.queue.enqueue_event(events[run.draw(len(events))])  # type: ignore[arg-type] # on purpose
        except (TypeError, ValueError) as refused:
            if run.draw(2):
                raise OnAWhim(WHIM) from refused

    async def _twins(self, run: Run) -> None:
        """Two coroutines emit, and neither waits for the other."""
        await asyncio.gather(self._several(run), self._several(run))

    async def _several(self, run: Run) -> None:
        for _ in range(2):
            await self._artifact(run)
            await asyncio.sleep(0)

    async def _late(self, run: Run) -> None:
        """Emit to the queue of a run that may be over."""
        queue = self._queues[run.draw(min(len(self._queues), 3))]
        await self._status(run._replace(queue=queue))

    async def _obstinate(self, run: Run) -> None:
        """Go on after being cancelled, for a while."""
        try:
            await asyncio.sleep(self._pause)
        except asyncio.CancelledError:
            await self._say(run, TaskState.TASK_STATE_COMPLETED)
            if run.draw(2):
                raise
            run.deaf.append(True)

    # -- how

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _message(self, run: Run) -> Message:
        return Message(
            message_id=f"said {self._next()}",
            context_id=run.ids[1],
            role=Role.ROLE_AGENT,
            parts=[Part(text="as drawn")],
        )
