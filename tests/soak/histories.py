"""Random histories of tasks by the hour, in memory, in files and in a database.

    python -m tests.soak.histories [--minutes 10] [--seed 1] [--fresh] [--postgres DSN] [--summary]

The journals take turns, a batch of seeds each. Progress is kept in `.soak/histories.json`, and a
run goes on where the one before it stopped, unless the seed or the commit is another. The first
failure ends the run and names the seed; the exit code is 1. `--summary` adds the figures to
SUMMARY.md.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from actors.runtime.journal.port import Journal
from actors.storage import MemoryJournal, SqliteJournal
from actors.storage.postgres import PostgresJournal
from tests.soak import program
from tests.soak.progress import Kept
from tests.storage.histories import DEEDS, Deed, live

BATCH = 100
LONGEST = 40
"""Steps of a history."""


@dataclass(kw_only=True)
class Progress(Kept):
    """How far a run has come; histories and records by journal."""

    histories: Counter[str] = field(default_factory=Counter)
    records: Counter[str] = field(default_factory=Counter)


def history(seed: str) -> list[Deed]:
    """The history of a seed."""
    rng = random.Random(seed)
    steps = rng.randint(1, rng.choice((8, LONGEST)))
    return [Deed(rng.choice(DEEDS), rng.getrandbits(32)) for _ in range(steps)]


def turn(progress: Progress, name: str, make: Callable[[], Journal]) -> str:
    """Live through a batch, each history with a log of its own; say what broke."""
    for _ in range(BATCH):
        seed = f"{progress.seed}-{progress.histories[name]}"
        try:
            truth = asyncio.run(live(make(), f"task {seed}", history(seed)))
        except Exception:  # noqa: BLE001 - a failure is told, whatever it is
            return f"{name}, history {seed}:\n{traceback.format_exc()[-4_000:]}"
        progress.histories[name] += 1
        progress.records[name] += len(truth.records)
    return ""


def journals(file: Path, dsn: str, progress: Progress) -> dict[str, Callable[[], Journal]]:
    """How each journal is opened; every turn begins with empty ones."""
    memory = MemoryJournal()
    found: dict[str, Callable[[], Journal]] = {
        "memory": lambda: memory,
        "SQLite": lambda: SqliteJournal(file),
    }
    if dsn:
        schema = f"soak_{progress.histories['PostgreSQL']}"
        found["PostgreSQL"] = lambda: PostgresJournal(dsn, schema=schema)
    return found


def soak(progress: Progress, seconds: float, dsn: str, path: Path) -> str:
    """Let the journals take turns until there was time enough; say what broke."""
    started, before = time.monotonic(), progress.seconds
    while time.monotonic() - started < seconds:
        with tempfile.TemporaryDirectory() as directory:
            for name, make in journals(Path(directory) / "x.db", dsn, progress).items():
                said = turn(progress, name, make)
                progress.seconds = before + time.monotonic() - started
                progress.failed = said.partition("\n")[0]
                progress.save(path)
                if said:
                    return said
    return ""


def summary(progress: Progress, command: str) -> str:
    """The figures, as a section of SUMMARY.md."""
    broke = f"broken: {progress.failed}" if progress.failed else "nothing broke"
    rows = [
        f"| {name} | {count:,} | {progress.records[name]:,} |"
        for name, count in sorted(progress.histories.items())
    ]
    total = f"{progress.histories.total():,} histories in {progress.seconds:,.0f} s"
    lines = (
        f"    {command}",
        "",
        f"Commit {progress.commit}, seed {progress.seed}: {total}; {broke}.",
        "",
        "| Journal | Histories | Records |",
        "|---|---|---|",
        *rows,
    )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = program.parser(__doc__, "histories", 10.0)
    parser.add_argument("--postgres", default="", metavar="DSN", help="a database for schemas")

    def go_on(progress: Progress, options: argparse.Namespace) -> str:
        return soak(progress, options.minutes * 60, options.postgres, options.progress)

    return program.run(parser, arguments, Progress, go_on, summary, "Random histories of tasks")


if __name__ == "__main__":
    sys.exit(main())
