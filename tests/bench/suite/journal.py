"""What an event costs in the journal: bytes handed to the system, and commits. Ours only.

Neighbours: `agents.py` (who sends), `streams.py` (the same loads, timed), `child.py`.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from actors.telemetry import Telemetry
from tests.bench.suite.agents import Bench
from tests.bench.suite.measuring import Found, asked
from tests.bench.suite.processes import family
from tests.bench.suite.sides import serving
from tests.bench.suite.streams import read
from tests.bench.suite.tasks import warm_up

EVENTS = 2_000
"""Of all tasks together."""
GROUPS = "a2a.journal.group.size"


async def measure(side: str, dimension: str, size: int) -> Found:
    """Return bytes and commits for each event of `size` yielding tasks at once.

    Bytes are what this process and the journal's writer hand to `write` and its like; of a database
    server that is what was sent to it.
    """
    reader = InMemoryMetricReader()
    telemetry = Telemetry(meter_provider=MeterProvider([reader], shutdown_on_exit=False))
    async with serving(side, Bench(), telemetry=telemetry) as handler:
        await warm_up(handler)
        bytes_, commits = written(), _commits(reader)
        each = EVENTS // size
        requests = [asked(f"yielding {each}") for _ in range(size)]
        await asyncio.gather(*(read(handler, request, each) for request in requests))
        return {
            "bytes": (written() - bytes_) / EVENTS,
            "commits": (_commits(reader) - commits) / EVENTS,
        }


def written() -> int:
    """Return the bytes that this process and its children have written."""
    return sum(_written(each) for each in family(os.getpid()))


def _written(pid: int) -> int:
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["wchar"])


def _commits(reader: InMemoryMetricReader) -> int:
    told: Any = reader.get_metrics_data()
    return sum(
        point.count
        for resource in told.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == GROUPS
        for point in metric.data.data_points
    )
