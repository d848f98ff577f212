"""One measurement, in a process of its own; prints one line of JSON.

    python -m tests.bench.suite.child SIDE DIMENSION SIZE [asyncio|uvloop]

Neighbours: `program.py` (starts it), `tasks.py`, `streams.py`, `fanout.py`, `latency.py`,
`memory.py`, `journal.py`, `recovery.py`, `http.py` (measure).
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Final

from tests.bench.suite.measuring import Found

PLACES: Final = {
    "tasks": "tasks",
    "burst": "streams",
    "yielding": "streams",
    "growth": "streams",
    "fanout": "fanout",
    "paced": "fanout",
    "latency": "latency",
    "loaded": "latency",
    "idle": "memory",
    "traced": "memory",
    "finished": "memory",
    "live": "memory",
    "subscribed": "memory",
    "journal": "journal",
    "recovery": "recovery",
}
"""The module that measures a dimension."""
HTTP: Final = "http-"
"""Begins the names of the dimensions of `http.py`, whose loops are their own."""

Measure = Callable[[str, str, int], Awaitable[Found]]


def measured(side: str, dimension: str, size: int, loop: str) -> Found:
    """Measure, on a new loop.

    Raises:
        KeyError: no such dimension.
    """
    if dimension.startswith(HTTP):
        from tests.bench.suite import http

        return http.measure(side, dimension.removeprefix(HTTP), size)
    place = import_module(f"tests.bench.suite.{PLACES[dimension]}")
    measure: Measure = place.measure

    async def run() -> Found:
        return await measure(side, dimension, size)

    with asyncio.Runner(loop_factory=_factory(loop)) as runner:
        return runner.run(run())


def _factory(loop: str) -> Callable[[], asyncio.AbstractEventLoop]:
    if loop == "asyncio":
        return asyncio.new_event_loop
    import uvloop

    return uvloop.new_event_loop


def versions() -> dict[str, str]:
    """Return what runs here."""
    import importlib.metadata as installed
    import platform

    names = ("a2a-sdk", "protobuf", "uvloop")
    found = {name: installed.version(name) for name in names}
    return {"python": platform.python_version()} | found


def main(arguments: list[str]) -> None:
    """Print the figures, or with `--versions` what runs here."""
    if arguments == ["--versions"]:
        print(json.dumps(versions()))
        return
    side, dimension, size, *loop = arguments
    found = measured(side, dimension, int(size), *(loop or ["asyncio"]))
    print(json.dumps(found), flush=True)
    os._exit(0)  # nothing is left to be done but to free memory piece by piece


if __name__ == "__main__":
    main(sys.argv[1:])
