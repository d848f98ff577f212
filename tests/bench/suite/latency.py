"""From `enqueue_event` to a reader, in an open loop: the schedule waits for nobody.

Neighbours: `agents.py` (`paced`, the schedule), `streams.py` (what a side can bear), `child.py`.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from typing import Final

from a2a.server.request_handlers.request_handler import RequestHandler as Handler
from a2a.types import TaskArtifactUpdateEvent

from tests.bench.suite.agents import Bench
from tests.bench.suite.measuring import SECONDS, Asked, Found, asked
from tests.bench.suite.sides import serving
from tests.bench.suite.streams import yielded
from tests.bench.suite.tasks import warm_up

RATE: Final = {1: 200, 50: 1_000}
"""Events per second of all tasks together, by tasks."""
TASKS: Final = 50
"""At once, under load."""


async def measure(side: str, dimension: str, size: int) -> Found:
    """Return the quantiles of the latency, in microseconds.

    Args:
        side: see `sides.py`.
        dimension: `latency`: `size` tasks at a fixed rate; `loaded`: `TASKS` tasks at `size`
            percent of what this side can bear, which is what it does when each of so many agents
            sends as soon as the others had a turn.
        size: see `dimension`.
    """
    agent = Bench()
    async with serving(side, agent) as handler:
        await warm_up(handler)
        if dimension == "latency":
            return await _quantiles(handler, agent, size, RATE[size])
        able = await yielded(handler, TASKS, 20)
        rate = able.found()["per_second"] * size / 100
        return await _quantiles(handler, agent, TASKS, rate) | {"rate": rate}


async def _quantiles(handler: Handler, agent: Bench, tasks: int, rate: float) -> Found:
    period = round(1e6 * tasks / rate)
    events = max(2, round(2 * SECONDS * rate / tasks))
    requests = [asked(f"paced {events} {period} {n * period // tasks}") for n in range(tasks)]
    gc.collect()
    agent.late = 0.0
    found = await asyncio.gather(*(_read(handler, each) for each in requests))
    times = [each for some in found for each in some]
    if len(times) != tasks * events:
        raise RuntimeError(f"{len(times)} events were read, expected {tasks * events}")
    at = statistics.quantiles(times, n=100)
    return {"p50_us": at[49], "p99_us": at[98], "late_ms": agent.late * 1e3}


async def _read(handler: Handler, each: Asked) -> list[float]:
    """Return how old each event was, in microseconds."""
    found = []
    async for event in handler.on_message_send_stream(*each):
        if isinstance(event, TaskArtifactUpdateEvent):
            sent = int(event.artifact.parts[0].text)
            found.append((time.perf_counter_ns() - sent) / 1e3)
    return found
