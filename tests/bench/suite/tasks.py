"""Short tasks in a closed loop: a blocking send, then the next one.

Neighbours: `agents.py` (Task, WORKING, an artifact, COMPLETED), `child.py`.
"""

from __future__ import annotations

import asyncio
from typing import Final

from a2a.server.request_handlers.request_handler import RequestHandler as Handler
from a2a.types import Task, TaskState

from tests.bench.suite.agents import Bench
from tests.bench.suite.measuring import SECONDS, Asked, Found, Spent, asked, repeated
from tests.bench.suite.sides import serving

EACH: Final = {1: 200, 100: 1_000, 1000: 2_000}
"""Tasks of one repetition, by clients."""
SLOW: Final = 10
"""The peer's databases do so many times fewer."""


async def measure(side: str, dimension: str, size: int) -> Found:
    """Return tasks per second with `size` clients, and what each costs."""
    count = max(size, EACH[size] // (SLOW if side.startswith("peer-") else 1))
    async with serving(side, Bench()) as handler:
        await warm_up(handler)

        async def once(spent: Spent) -> None:
            requests = [asked("short") for _ in range(count)]
            await spent.work(count, _clients(handler, requests, size))

        return (await repeated(once)).found()


async def warm_up(handler: Handler) -> None:
    """Let a handler begin, and do a little of everything."""
    for _ in range(20 if SECONDS >= 0.5 else 5):
        await send(handler, asked("short"))
    request, context = asked("burst 50")
    async for _ in handler.on_message_send_stream(request, context):
        pass


async def send(handler: Handler, each: Asked) -> None:
    """Send, and be sure of the answer."""
    answer = await handler.on_message_send(*each)
    assert isinstance(answer, Task), f"no Task but {answer!r}"
    assert answer.status.state == TaskState.TASK_STATE_COMPLETED, f"not completed: {answer!r}"


async def _clients(handler: Handler, requests: list[Asked], count: int) -> None:
    left = iter(requests)

    async def client() -> None:
        for each in left:
            await send(handler, each)

    await asyncio.gather(*(client() for _ in range(count)))
