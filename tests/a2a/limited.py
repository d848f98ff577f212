"""Handlers with limits, and an agent that makes much; for `test_limits.py` and its neighbour."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from a2a.server.agent_execution import RequestContext
from a2a.server.events import EventQueue
from a2a.server.tasks import TaskUpdater
from a2a.types import (
    Part,
    Task,
)

from actors.a2a import Limits, Policy, RequestHandler
from actors.a2a.limits import Usage
from actors.storage import MemoryJournal
from tests.a2a.agents import Actor, as_user, ask, card

ME = as_user("me")


class Maker(Actor):
    """Makes much of what it is told to make."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    async def big(self, context: RequestContext, queue: EventQueue, to: TaskUpdater) -> None:
        """An artifact of as many bytes as the second word says; goes on without it if refused."""
        await self._begin(context, queue)
        size = int(context.get_user_input().split()[1])
        try:
            await to.add_artifact([Part(text="x" * size)], artifact_id="big")
        except ValueError as error:
            self.heard.append(str(error))
        await to.complete()

    async def several(self, context: RequestContext, queue: EventQueue, to: TaskUpdater) -> None:
        """As many artifacts as the second word says, each in two chunks."""
        await self._several(context, queue, to)
        await to.complete()

    async def park(self, context: RequestContext, queue: EventQueue, to: TaskUpdater) -> None:
        """The same, and then a question."""
        await self._several(context, queue, to)
        await to.requires_input()

    async def _several(self, context: RequestContext, queue: EventQueue, to: TaskUpdater) -> None:
        await self._begin(context, queue)
        for number in range(int(context.get_user_input().split()[1])):
            for last in (False, True):
                part = [Part(text="x")]
                await to.add_artifact(part, str(number), append=last, last_chunk=last)


@pytest.fixture
def agent() -> Maker:
    return Maker()


Serve = Callable[..., RequestHandler]


@pytest.fixture
async def serve(agent: Maker) -> AsyncIterator[Serve]:
    made: list[RequestHandler] = []

    def handler(journal: Any = None, policy: Policy | None = None, **limits: Any) -> RequestHandler:
        found = RequestHandler(
            agent,
            None,
            card(),
            journal=journal or MemoryJournal(),
            policy=policy,
            limits=Limits(**limits),
        )
        made.append(found)
        return found

    yield handler
    agent.gate.set()
    for handler_ in made:
        await handler_.aclose()


async def task_of(handler: RequestHandler, text: str, **more: str) -> Task:
    found = await handler.on_message_send(ask(text, **more), ME)
    assert isinstance(found, Task)
    return found


def usage(handler: RequestHandler) -> Usage:
    runtime = handler._runtime._runtime
    assert runtime is not None
    return runtime.usage
