"""Clients who come by the clock, for half an hour, and a server that must not mind.

    python -m tests.soak.load [--minutes 30] [--seed 1] [--load 0.7] [--fresh] [--summary]

`actors serve` with a new file, in a process of its own. How many sessions a second it can bear is
found first; then `--load` of that many begin, at random times, whether or not those before have
been answered: short tasks, streams, streams that are left and resumed, questions (half of them
never answered), cancels, reads. Everything is answered in time and rightly, nothing is logged,
memory is flat after a warm-up (`load_judge.py`), and at the end no task, stream or file is open.

What was seen every ten seconds is in `.soak/load-series.json`, and drawn in `.soak/load.svg` (with
the extra `bench`). Totals are kept in `.soak/load.json`, and a run adds to those of the one before
it, unless the seed or the commit is another. What is wrong ends in exit code 1. `--summary` adds
the figures to SUMMARY.md.

Neighbours: `load_run.py` (the run), `load_plot.py` (the picture).
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import sys
from pathlib import Path

from tests.soak import program
from tests.soak.load_figures import QUANTILES, Latencies
from tests.soak.load_plot import draw
from tests.soak.load_run import MIB, Progress, Run
from tests.soak.load_server import under_load


async def soak(progress: Progress, options: argparse.Namespace) -> str:
    """Let one run happen; say what is wrong."""
    series = options.progress.with_name("load-series.json")
    series.unlink(missing_ok=True)  # of an earlier run
    async with under_load() as server:
        run = Run(progress, server, options.load, series)
        try:
            wrong = await run.go(options.minutes * 60, options.progress)
        except OSError as error:
            wrong = [f"the server does not answer any more: {error!r}\n{server.logged()}"]
    progress.failed = "\n".join(wrong)
    progress.save(options.progress)
    if series.exists():
        _draw(series)
    return progress.failed


def _draw(series: Path) -> None:
    if importlib.util.find_spec("matplotlib") is None:
        print("not drawn: pip install '.[bench]'")
        return
    picture = series.with_name("load.svg")
    draw(json.loads(series.read_text()), picture)
    print(f"drawn in {picture}")


def summary(progress: Progress, command: str) -> str:
    """The figures, as a section of SUMMARY.md."""
    broke = "broken" if progress.failed else "nothing broke"
    rows = [
        f"| {kind} | {told['count']:,} | " + " | ".join(f"{told[each]:,.1f}" for each in QUANTILES)
        for kind, told in Latencies(progress.buckets).told().items()
    ]
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in progress.sessions.most_common())
    head = (
        f"Commit {progress.commit}, seed {progress.seed}, {progress.seconds:,.0f} s of load: "
        f"{progress.sessions.total():,} sessions ({kinds}), {progress.errors.total()} errors; "
        f"{progress.rate:.0f} a second, where {progress.capacity:.0f} were borne at first; "
        f"{progress.stored / MIB:,.0f} MiB stored; for {progress.waited:.0%} of the time others "
        f"had the server's processor; {broke}."
    )
    lines = (
        f"    {command}",
        "",
        f"{head} Memory after the warm-up: {'; '.join(progress.memory) or 'not judged'}.",
        "",
        "| ms | Count | " + " | ".join(QUANTILES) + " |",
        "|---|---" + "|---" * len(QUANTILES) + "|",
        *(f"{row} |" for row in rows),
    )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = program.parser(__doc__, "load", 30.0)
    parser.add_argument("--load", type=float, default=0.7, help="of what the server can bear")

    def go_on(progress: Progress, options: argparse.Namespace) -> str:
        return asyncio.run(soak(progress, options))

    return program.run(parser, arguments, Progress, go_on, summary, "Half an hour under load")


if __name__ == "__main__":
    sys.exit(main())
