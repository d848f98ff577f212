"""Kills and power cuts by the thousand: the crash matrix on each journal.

    python -m tests.soak.crash [--runs 1000] [--minutes 60] [--seed 1] [--fresh] [--summary]

Half of the runs are kills of a process with a file of durability "process", the others kills with
"power" and power cuts under both. All take turns, a batch of runs each. Progress is kept in
`.soak/crash.json`, and a run goes on where the one before it stopped, unless the seed or the
commit is another. What went wrong ends it, with the point, and the exit code is 1. `--summary` adds
the figures to SUMMARY.md.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from random import Random

from tests.crash.matrix import Kill, Zygote, all_points, chosen, run_all, zygotes
from tests.crash.power import cuts
from tests.soak import program
from tests.soak.progress import Kept

BATCH = 20
"""Runs of one turn."""
SHARES = {"kills, process": 5, "kills, power": 3, "cuts, power": 1, "cuts, process": 1}
"""Of ten turns."""

Problems = Sequence[str]


@dataclass(kw_only=True)
class Progress(Kept):
    """How far a run has come."""

    turns: int = 0
    runs: Counter[str] = field(default_factory=Counter)
    """By kind and, of kills, by step."""
    figures: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        return self.turns * BATCH


class Soak:
    """Takes turns.

    Args:
        progress: changed by each turn.
        several: what forks.
    """

    def __init__(self, progress: Progress, several: Sequence[Zygote]) -> None:
        self._progress = progress
        self._several = several
        self._points: dict[str, list[Kill]] = {}
        self._kinds = [kind for kind, share in SHARES.items() for _ in range(share)]

    async def turn(self) -> Problems:
        """Run a batch; returns what went wrong."""
        progress = self._progress
        kind = self._kinds[progress.turns % len(self._kinds)]
        what, durability = kind.split(", ")
        do: Callable[[str, str], Awaitable[Problems]] = (
            self._kills if what == "kills" else self._cuts
        )
        problems = await do(kind, durability)
        progress.turns += 1
        return problems

    async def _kills(self, kind: str, durability: str) -> Problems:
        progress = self._progress
        if durability not in self._points:
            self._points[durability] = await all_points(self._several[0], durability)
        kills = chosen(self._points[durability], progress.seed)
        left = islice(kills, progress.runs[kind], None)
        results = await run_all(self._several, durability, left, BATCH)
        progress.runs[kind] += BATCH
        for result in results:
            progress.runs["killed" if result.killed else "not reached"] += 1
            progress.runs[f"at {result.kill.step}"] += result.killed
            progress.figures.update(result.figures)
        return [f"{kind}, {each.kill}: {text}" for each in results for text in each.problems]

    async def _cuts(self, kind: str, durability: str) -> Problems:
        progress = self._progress
        draw = Random(f"{progress.seed} {progress.turns}")
        problems = []
        async for cut in cuts(self._several[0], durability, draw, BATCH):
            progress.runs[kind] += 1
            progress.figures.update(cut.figures)
            where = f"{kind}, turn {progress.turns}, moment {cut.moment}"
            problems += [f"{where}: {text}" for text in cut.problems]
        return problems


async def soak(progress: Progress, runs: int, seconds: float, path: Path) -> str:
    """Take turns until there were enough, or time enough, or something broke; say what broke."""
    started, before = time.monotonic(), progress.seconds
    async with zygotes(2) as several:
        turns = Soak(progress, several)
        while progress.total < runs and time.monotonic() - started < seconds:
            problems = await turns.turn()
            progress.seconds = before + time.monotonic() - started
            progress.failed = "\n".join(problems)
            progress.save(path)
            if problems:
                return progress.failed
    return ""


def summary(progress: Progress, command: str) -> str:
    """The figures, as a section of SUMMARY.md."""
    shown = progress.figures
    kills = sum(progress.runs[kind] for kind in SHARES if kind.startswith("kills"))
    cut = sum(progress.runs[kind] for kind in SHARES if kind.startswith("cuts"))
    head = f"Commit {progress.commit}, seed {progress.seed}, {progress.seconds:,.0f} s"
    ran = f"{kills:,} kills ({progress.runs['killed']:,} where they were to be), {cut:,} power cuts"
    seen = f"{shown['events']:,} events, {shown['answers']:,} answers, {shown['pushes']:,} webhooks"
    lost = "some of that is lost, twice or torn" if progress.failed else "0 lost, 0 twice, 0 torn"
    read = (
        f"{shown['records']:,} records in {shown['logs']:,} logs, {shown['compacted']:,} compacted"
    )
    twice = f"{shown['repeated']:,} webhooks came twice in a row, which is allowed"
    rows = [
        f"| {name.removeprefix('at ')} | {count:,} |"
        for name, count in sorted(progress.runs.items())
        if name.startswith("at ")
    ]
    lines = (
        f"    {command}",
        "",
        f"{head}: {ran}. Shown before: {seen}: {lost}. Read back: {read}. {twice}.",
        "",
        "| Killed at | Runs |",
        "|---|---|",
        *rows,
    )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = program.parser(__doc__, "crash", 60.0)
    parser.add_argument("--runs", type=int, default=1000)

    def go_on(progress: Progress, options: argparse.Namespace) -> str:
        return asyncio.run(soak(progress, options.runs, options.minutes * 60, options.progress))

    return program.run(parser, arguments, Progress, go_on, summary, "Kills and power cuts")


if __name__ == "__main__":
    sys.exit(main())
