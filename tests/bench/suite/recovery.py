"""How long the tasks that were running take to be settled after `kill -9`. Ours only.

    python -m tests.bench.suite.recovery DATABASE DURABILITY COUNT   (the process that is killed)

Neighbours: `agents.py` (`wait`: a run that is going on), `tests/bench/recovery.py` (starts on large
journals), `child.py`.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import cast

from actors.a2a import RequestHandler
from actors.a2a.runtime import Durability
from tests.a2a.agents import card
from tests.bench.suite.agents import Bench
from tests.bench.suite.measuring import Found, asked

READY = b"ready\n"
PATIENCE = 60.0
"""Seconds."""


async def measure(side: str, dimension: str, size: int) -> Found:
    """Return the seconds from the start until all of `size` running tasks are settled."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        path = str(Path(name) / "tasks.db")
        _crash(path, side, size)
        handler = _handler(path, side)
        began = time.perf_counter()
        await handler.start()
        started = time.perf_counter() - began
        async with asyncio.timeout(PATIENCE):
            while not (told := await handler.recovery()).done:  # noqa: ASYNC110 - it tells who asks
                await asyncio.sleep(0.002)
        settled = time.perf_counter() - began
        await handler.aclose()
        if told.settled != size:
            raise RuntimeError(f"{told.settled} tasks were settled, expected {size}")
        return {"seconds": settled * 1_000 / size, "started": started}


def _crash(path: str, durability: str, count: int) -> None:
    command = [sys.executable, "-m", "tests.bench.suite.recovery", path, durability, str(count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        told = process.stdout.readline()
        process.kill()
    if told != READY:
        raise RuntimeError(f"the process that was to be killed said {told!r}, expected {READY!r}")


def _handler(path: str, durability: str) -> RequestHandler:
    return RequestHandler(
        Bench(), None, card(), database=path, durability=cast("Durability", durability)
    )


async def _run(path: str, durability: str, count: int) -> None:
    handler = _handler(path, durability)
    for _ in range(count):
        await handler.on_message_send(*asked("wait", at_once=True))
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_run(sys.argv[1], sys.argv[2], int(sys.argv[3])))
