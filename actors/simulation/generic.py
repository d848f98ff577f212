"""A scenario for any agent: two clients that do what clients do, in every combination.

The first begins a task and follows it; the second, as soon as the task is known, looks at it, reads
along, answers, cancels, or begins one of its own. What they say and do is chosen, so many schedules
see many conversations. An error that the server may answer with is no failure; what the invariants
forbid is, and so is whatever the agent leaves behind.

Neighbours: `sandbox.py` (runs it), `simulate.py` (runs it often), `cli/simulate.py` (for whom).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import aclosing
from typing import Any

from a2a.server.agent_execution import AgentExecutor
from a2a.types import Message, Task, TaskArtifactUpdateEvent, TaskState, TaskStatusUpdateEvent
from a2a.utils.errors import A2AError

from actors.simulation.process import Disconnected
from actors.simulation.sandbox import Life, Simulation
from actors.simulation.server import Server

Event = Message | Task | TaskStatusUpdateEvent | TaskArtifactUpdateEvent

WAITING = (TaskState.TASK_STATE_INPUT_REQUIRED, TaskState.TASK_STATE_AUTH_REQUIRED)
ANSWERS = 2
"""Questions of the agent that a client answers, at most."""
PATIENCE = 3_600.0
"""Virtual seconds after which a client leaves: an agent need not end, nor does its stream then."""
OPERATIONS = 2
"""What the second client does."""


def conversation(make: Callable[[], AgentExecutor], texts: Sequence[str]) -> Life:
    """Return the scenario.

    Args:
        make: returns a new agent for each run.
        texts: what clients say; at least one.
    """

    async def conversation(sim: Simulation) -> None:
        talk = _Talk(sim, sim.serve(make()), texts)
        await asyncio.gather(talk.first(), talk.second())

    return conversation


class _Talk:
    """One run of it."""

    def __init__(self, sim: Simulation, server: Server, texts: Sequence[str]) -> None:
        self._choose = sim.choose
        self._server = server
        self._texts = texts
        self._task: asyncio.Future[str] = sim.loop.create_future()
        """Id of the first task; empty if there is none."""

    async def first(self) -> None:
        """Begin a task, and answer what its agent asks."""
        match self._choose(3):
            case 0:
                state = await self._follow(self._server.stream(self._text()))
            case 1:
                state = await self._follow(self._sent(self._text()))
            case _:
                state = await self._follow(self._sent(self._text(), immediately=True))
        if not self._task.done():
            self._task.set_result("")
        task = self._task.result()
        for _ in range(ANSWERS):
            if state not in WAITING:
                return
            state = await self._follow(self._sent(self._text(), task=task))

    async def second(self) -> None:
        """Do something to the same task."""
        task = await self._task
        for _ in range(OPERATIONS):
            await self._anything(task)

    async def _anything(self, task: str) -> None:
        server = self._server
        match self._choose(6) if task else 5:
            case 0:
                await _allowed(server.get(task))
            case 1:
                await _allowed(server.cancel(task))
            case 2:
                await _allowed(server.send(self._text(), task=task))
            case 3:
                await self._follow(server.subscribe(task))
            case 4:
                await self._follow(server.stream(self._text(), task=task))
            case _:
                await _allowed(server.send(self._text()))

    def _text(self) -> str:
        return self._texts[self._choose(len(self._texts))]

    async def _sent(
        self, text: str, *, task: str = "", immediately: bool = False
    ) -> AsyncGenerator[Event, None]:
        """Send a message; what comes back is a stream of one."""
        yield await self._server.send(text, task=task, immediately=immediately)

    async def _follow(self, events: AsyncGenerator[Event, None]) -> int:
        """Read to the end; return the last state, 0 if there was none."""
        state = 0

        async def read() -> None:
            nonlocal state
            async with aclosing(events) as stream:
                async for event in stream:
                    state = self._seen(event, state)

        await _allowed(read())
        return state

    def _seen(self, event: Event, state: int) -> int:
        if isinstance(event, Task) and not self._task.done():
            self._task.set_result(event.id)
        if isinstance(event, Task | TaskStatusUpdateEvent):
            return event.status.state
        return state


async def _allowed(work: Coroutine[Any, Any, object]) -> None:
    """Wait for what may well end with an error that the server answers with, but not for ever."""
    try:
        async with asyncio.timeout(PATIENCE):
            await work
    except (A2AError, Disconnected, TimeoutError):
        return
