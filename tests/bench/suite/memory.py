"""What a task costs while nothing happens: bytes, and asyncio tasks.

Neighbours: `agents.py` (`park`, `wait`), `child.py`.
"""

from __future__ import annotations

import asyncio
import gc
import os
import tracemalloc
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from typing import Any, Final

from a2a.server.request_handlers.request_handler import RequestHandler as Handler
from a2a.types import SubscribeToTaskRequest, Task

from tests.a2a.agents import as_user
from tests.bench.suite.agents import Bench
from tests.bench.suite.measuring import Found, asked
from tests.bench.suite.processes import family, resident
from tests.bench.suite.sides import serving
from tests.bench.suite.tasks import warm_up

SCENES: Final = {
    "idle": "park",
    "traced": "park",
    "subscribed": "park",
    "finished": "short",
    "live": "wait",
}
AT_ONCE: Final = 50
"""Requests, while the tasks are made."""
BEFORE: Final = 200
"""Tasks that are made first: what is allocated once is not counted."""


async def measure(side: str, dimension: str, size: int) -> Found:
    """Return what one of `size` tasks costs; `tracemalloc` sees no other process.

    Args:
        side: see `sides.py`.
        dimension: `idle`: waiting for input, by resident memory; `traced`: the same, by
            `tracemalloc`; `finished`: COMPLETED; `live`: its agent is at work and waits for
            something; `subscribed`: waiting for input, with a reader each.
        size: how many tasks.
    """
    agent = Bench()
    async with serving(side, agent) as handler, AsyncExitStack() as readers:
        await warm_up(handler)
        await _made(handler, SCENES[dimension], BEFORE)
        if dimension == "traced":
            tracemalloc.start()
        before, tasks = _bytes(), len(asyncio.all_tasks())
        names = await _made(handler, SCENES[dimension], size)
        if dimension == "subscribed":
            for name in names:
                await readers.enter_async_context(aclosing(await _reader(handler, name)))
        del names  # they are ours
        await asyncio.sleep(0)
        found = {
            "bytes": max(0.0, _more(before, _bytes()) / size),
            "asyncio_tasks": (len(asyncio.all_tasks()) - tasks) / size,
        }
        agent.gate.set()
        return found


def _bytes() -> dict[int, int]:
    """Return the memory of each process: ours, and a journal's writer."""
    gc.collect()
    if tracemalloc.is_tracing():
        return {0: tracemalloc.get_traced_memory()[0]}
    return {each: resident(each) for each in family(os.getpid())}


def _more(before: dict[int, int], after: dict[int, int]) -> int:
    """Return by how much they have grown.

    Those that were not there all the time have nothing to do with how many tasks there are: a child
    that does checkpoints, and is gone when it has had none to do for a while.
    """
    return sum(after[each] - before[each] for each in before.keys() & after.keys())


async def _made(handler: Handler, scene: str, count: int) -> list[str]:
    """Return the ids of so many new tasks."""
    left, names = iter(range(count)), []

    async def client() -> None:
        for _ in left:
            answer = await handler.on_message_send(*asked(scene, at_once=scene == "wait"))
            assert isinstance(answer, Task), f"no Task but {answer!r}"
            names.append(answer.id)

    await asyncio.gather(*(client() for _ in range(AT_ONCE)))
    return names


async def _reader(handler: Handler, task: str) -> AsyncGenerator[Any, None]:
    """Return a subscription that has told the Task."""
    reader = handler.on_subscribe_to_task(SubscribeToTaskRequest(id=task), as_user("ann"))
    await anext(reader)
    return reader
