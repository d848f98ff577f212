"""Random agents and random clients on real sockets, by the hour.

    python -m tests.soak.sockets [--minutes 10] [--seed 1] [--fresh] [--summary]

Each session has a server of its own (JSON-RPC, REST, gRPC, a file), a policy that is drawn, an
agent that does anything and six clients that do, too. Progress is kept in `.soak/sockets.json`, and
a run goes on where the one before it stopped, unless the seed or the commit is another. What
does not fit ends it, with the session, and the exit code is 1. `--summary` adds the figures to
SUMMARY.md.

Choices follow from the seed, timing does not: the same session need not fail again.
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

from tests.a2a.random_session import session
from tests.soak import program
from tests.soak.progress import Kept

HANGS = 60.0
"""Seconds after which a session has hung."""


@dataclass(kw_only=True)
class Progress(Kept):
    """How far a run has come."""

    sessions: int = 0
    figures: Counter[str] = field(default_factory=Counter)
    dead_letters: Counter[str] = field(default_factory=Counter)


async def turn(progress: Progress) -> list[str]:
    """Let one session happen; say what does not fit."""
    seed = f"{progress.seed}-{progress.sessions}"
    with tempfile.TemporaryDirectory() as directory:
        try:
            async with asyncio.timeout(HANGS):
                found = await session(seed, Path(directory) / "tasks.db")
        except TimeoutError as error:
            return [f"session {seed} hangs, or its server does not close: {error!r}"]
    progress.sessions += 1
    progress.figures.update(found.figures)
    progress.dead_letters.update(found.dead_letters)
    return [f"session {seed}: {text}" for text in found.wrong]


async def soak(progress: Progress, seconds: float, path: Path) -> str:
    """Go on until there was time enough or something does not fit; say what."""
    started, before = time.monotonic(), progress.seconds
    while time.monotonic() - started < seconds:
        wrong = await turn(progress)
        progress.seconds = before + time.monotonic() - started
        progress.failed = "\n".join(wrong)
        progress.save(path)
        if wrong:
            return progress.failed
    return ""


def summary(progress: Progress, command: str) -> str:
    """The figures, as a section of SUMMARY.md."""
    figures = progress.figures
    broke = "broken" if progress.failed else "nothing broke"
    head = f"Commit {progress.commit}, seed {progress.seed}, {progress.seconds:,.0f} s"
    requests = (
        f"{figures['requests']:,} requests ({figures['errors']:,} answered with an error, "
        f"{figures['left']:,} left early), {figures['events']:,} events of streams"
    )
    stored = f"{figures['records']:,} records in {figures['logs']:,} logs"
    rows = [
        f"| {name} | {count:,} |" for name, count in sorted(figures.items()) if " over " in name
    ]
    lines = (
        f"    {command}",
        "",
        f"{head}: {progress.sessions:,} sessions, {requests}, {stored}; {broke}.",
        "",
        "| Request | |",
        "|---|---|",
        *rows,
    )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    logging.disable(logging.CRITICAL)  # agents raise all the time, and their tracebacks are logged
    parser = program.parser(__doc__, "sockets", 10.0)

    def go_on(progress: Progress, options: argparse.Namespace) -> str:
        return asyncio.run(soak(progress, options.minutes * 60, options.progress))

    title = "Random agents and clients on sockets"
    return program.run(parser, arguments, Progress, go_on, summary, title)


if __name__ == "__main__":
    sys.exit(main())
