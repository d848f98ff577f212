"""One task and many readers: what a delivery costs, in a burst and at a slow pace.

Neighbours: `agents.py` (who sends), `streams.py` (one reader), `child.py`.
"""

from __future__ import annotations

import asyncio
from typing import Final

from a2a.server.request_handlers.request_handler import RequestHandler as Handler
from a2a.types import SubscribeToTaskRequest, Task, TaskArtifactUpdateEvent

from tests.a2a.agents import as_user
from tests.bench.suite.agents import Bench
from tests.bench.suite.measuring import SECONDS, Found, Spent, asked, repeated
from tests.bench.suite.sides import serving
from tests.bench.suite.tasks import warm_up

BURST: Final = {1: 1_000, 10: 1_000, 100: 300, 1000: 60}
"""Events of a burst, by readers; fewer than the 1,024 after which the peer drops a reader."""
PERIOD_US: Final = {100: 10_000, 1000: 100_000}
"""From one paced event to the next, by readers: longer than the peer takes to deliver it."""


async def measure(side: str, dimension: str, size: int) -> Found:
    """Return deliveries per second, and what each costs.

    Args:
        side: see `sides.py`.
        dimension: `fanout`: a burst; `paced`: an event at a time.
        size: readers.
    """
    agent = Bench()
    async with serving(side, agent) as handler:
        await warm_up(handler)
        if dimension == "fanout":
            events, text = BURST[size], f"held {BURST[size]}"
            return (await repeated(lambda s: _once(s, handler, agent, text, size, events))).found()
        period, spent = PERIOD_US[size], Spent()
        events = int(2e6 * SECONDS / period)
        await _once(spent, handler, agent, f"clocked {events} {period} 0", size, events)
        return spent.found()


async def _once(
    spent: Spent, handler: Handler, agent: Bench, text: str, readers: int, events: int
) -> None:
    agent.gate.clear()
    task = await handler.on_message_send(*asked(text, at_once=True))
    assert isinstance(task, Task), f"no Task but {task!r}"
    ready = [asyncio.Event() for _ in range(readers)]
    reading = [asyncio.create_task(_read(handler, task.id, events, each)) for each in ready]
    for each in ready:
        await each.wait()
    agent.gate.set()
    await spent.work(readers * events, asyncio.gather(*reading))


async def _read(handler: Handler, task: str, expected: int, ready: asyncio.Event) -> None:
    count = 0
    request = SubscribeToTaskRequest(id=task)
    async for event in handler.on_subscribe_to_task(request, as_user("ann")):
        ready.set()  # the first is the Task as it is
        count += isinstance(event, TaskArtifactUpdateEvent)
    if count != expected:
        raise RuntimeError(f"a reader got {count} chunks, expected {expected}")
