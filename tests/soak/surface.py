"""Requests that nobody should send, over sockets, by the hour.

    python -m tests.soak.surface [--minutes 10] [--seed 1] [--fresh] [--summary]

Well-formed requests of both HTTP bindings and both protocol versions, made from the protocol's
descriptors, with up to three things wrong in their fields, their JSON or the HTTP around it. Every
one is answered in time, without an internal error and without a word about our internals, and the
server goes on serving. Progress is kept in `.soak/surface.json`, and a run goes on where the one
before it stopped, unless the seed or the commit is another. What is answered as it must not be ends
it, with the request, and the exit code is 1. `--summary` adds the figures to SUMMARY.md.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.a2a.battered import battery
from tests.soak import program
from tests.soak.progress import Kept

BATCH = 2_000
"""Requests of one turn, to one server."""


@dataclass(kw_only=True)
class Progress(Kept):
    """How far a run has come."""

    requests: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    """By status; 0 where the connection was closed without one."""


async def turn(progress: Progress) -> str:
    """Send a batch; say what was answered as it must not be."""
    with tempfile.TemporaryDirectory() as directory:
        async with battery(str(progress.seed), Path(directory) / "tasks.db") as gun:
            found = await gun.fire(progress.requests, BATCH)
    progress.requests += BATCH
    progress.answers.update(gun.answers)
    return "\n".join(map(str, found[:5]))


async def soak(progress: Progress, seconds: float, path: Path) -> str:
    """Go on until there was time enough or something is wrong; say what."""
    started, before = time.monotonic(), progress.seconds
    while time.monotonic() - started < seconds:
        progress.failed = await turn(progress)
        progress.seconds = before + time.monotonic() - started
        progress.save(path)
        if progress.failed:
            return progress.failed
    return ""


def summary(progress: Progress, command: str) -> str:
    """The figures, as a section of SUMMARY.md."""
    broke = "broken" if progress.failed else "nothing broke"
    head = f"Commit {progress.commit}, seed {progress.seed}"
    took = f"{progress.requests:,} requests in {progress.seconds:,.0f} s"
    rows = [f"| {status} | {count:,} |" for status, count in sorted(progress.answers.items())]
    lines = (
        f"    {command}",
        "",
        f"{head}: {took}; {broke}.",
        "",
        "| Answered with | Requests |",
        "|---|---|",
        *rows,
    )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    logging.disable(logging.CRITICAL)  # every refusal is logged
    parser = program.parser(__doc__, "surface", 10.0)

    def go_on(progress: Progress, options: argparse.Namespace) -> str:
        return asyncio.run(soak(progress, options.minutes * 60, options.progress))

    title = "Requests that nobody should send"
    return program.run(parser, arguments, Progress, go_on, summary, title)


if __name__ == "__main__":
    sys.exit(main())
