"""Streams of chunks of an artifact, from `SendStreamingMessage`: in a burst, or yielding.

Neighbours: `agents.py` (who sends them), `fanout.py` (many readers), `child.py`.
"""

from __future__ import annotations

import asyncio
from typing import Final

from a2a.server.request_handlers.request_handler import RequestHandler as Handler
from a2a.types import TaskArtifactUpdateEvent

from tests.bench.suite.agents import Bench
from tests.bench.suite.measuring import Asked, Found, Spent, asked, repeated
from tests.bench.suite.sides import serving
from tests.bench.suite.tasks import warm_up

YIELDING: Final = {1: 1_000, 100: 20}
"""Events of each task, by tasks at once."""
SHORT: Final = 1_000
"""Events of the streams that a long one is compared with."""


async def measure(side: str, dimension: str, size: int) -> Found:
    """Return events per second, and what each costs.

    Args:
        side: see `sides.py`.
        dimension: `burst`: one stream of `size` events; `yielding`: `size` tasks at once;
            `growth`: what an event of a stream of `size` costs, over one of `SHORT`.
        size: see `dimension`.
    """
    async with serving(side, Bench()) as handler:
        await warm_up(handler)
        if dimension == "burst":
            return (await _bursts(handler, size)).found()
        if dimension == "growth":
            short, long = await _bursts(handler, SHORT), await _bursts(handler, size)
            return {"growth": long.found()["cpu_us"] / short.found()["cpu_us"]}
        return (await yielded(handler, size, YIELDING[size])).found()


async def _bursts(handler: Handler, size: int) -> Spent:
    return await repeated(
        lambda spent: spent.work(size, read(handler, asked(f"burst {size}"), size))
    )


async def yielded(handler: Handler, tasks: int, events: int) -> Spent:
    """So many tasks at once, of so many events each; again and again."""

    async def once(spent: Spent) -> None:
        requests = [asked(f"yielding {events}") for _ in range(tasks)]
        reading = asyncio.gather(*(read(handler, each, events) for each in requests))
        await spent.work(tasks * events, reading)

    return await repeated(once)


async def read(handler: Handler, each: Asked, expected: int) -> None:
    """Read a stream to its end, and be sure that nothing is missing.

    Raises:
        RuntimeError: something was.
    """
    count = 0
    async for event in handler.on_message_send_stream(*each):
        count += isinstance(event, TaskArtifactUpdateEvent)
    if count != expected:
        raise RuntimeError(f"a stream had {count} chunks, expected {expected}")
