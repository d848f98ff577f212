"""A handler on a journal whose storage fails, for tests of what its callers notice.

Time is held: what waits to try again does so when the journal has failed, not after real seconds.

Neighbours: `test_faults.py` (files), `test_faults_postgres.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from a2a.types import GetTaskRequest, Task, TaskState

from actors.a2a import Policy, RequestHandler
from actors.runtime import ActorSystem
from actors.runtime.journal.port import Journal
from tests.a2a.agents import Actor, as_user, ask, card
from tests.crash.clock import HeldClock
from tests.crash.quiet import Watched

ME = as_user("me")
DONE = TaskState.TASK_STATE_COMPLETED
PATIENCE = 30.0
BREATH, STEP = 0.005, 2.0
"""Real seconds after each failure, and held ones that pass then."""

LIMIT = 20.0
"""Seconds after which a failure that does not come is one of the test."""


class Served(RequestHandler):
    """A handler, and what a test wants of it."""

    def __init__(self, journal: Journal, **options: Any) -> None:
        loop = asyncio.get_running_loop()
        self.agent = Actor()
        self.clock = HeldClock(loop)
        self.failures = 0
        self._awaited: tuple[int, asyncio.Future[None]] | None = None
        self.watched = Watched(journal, self._failed)
        policy = Policy.sdk(storage_patience=PATIENCE)
        super().__init__(
            self.agent, None, card(), **{"journal": self.watched, "policy": policy, **options}
        )

    def new_system(self, loop: asyncio.AbstractEventLoop) -> ActorSystem:
        return ActorSystem(self.clock, loop.create_future)

    def _failed(self) -> None:
        self.failures += 1
        if self._awaited is not None and self.failures >= self._awaited[0]:
            self._awaited[1].set_result(None)
            self._awaited = None
        asyncio.get_running_loop().call_later(BREATH, self.clock.advance, STEP)

    async def failing(self, times: int) -> None:
        """Return once the journal has failed so often."""
        if self.failures < times:
            self._awaited = times, asyncio.get_running_loop().create_future()
            await asyncio.wait_for(self._awaited[1], LIMIT)

    async def send(self, text: str, task: str = "") -> Task:
        """Send and wait for the Task."""
        answer = await self.on_message_send(ask(text, task), ME)
        assert isinstance(answer, Task)
        return answer

    async def get(self, task: Task) -> Task:
        """The Task as it is."""
        found = await self.on_get_task(GetTaskRequest(id=task.id), ME)
        assert isinstance(found, Task)
        return found


@asynccontextmanager
async def served(journal: Journal, **options: Any) -> AsyncIterator[Served]:
    """A handler on a journal, closed at the end."""
    made = Served(journal, **options)
    yield made
    made.agent.gate.set()
    await made.aclose()
