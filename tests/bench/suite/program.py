"""Ours beside a2a-sdk's: `make bench`.

    python -m tests.bench.suite.program [--rounds 5] [--only tasks] [--loop uvloop] [--quick]

Each measurement is a process of its own; within a round the sides of a dimension take turns, each
round beginning with another one. A ratio is of one round, and the table has the median of them.
After each measurement everything is written to a file, so nothing is lost when it is stopped:
`report.py` prints the table of it.

Neighbours: `targets.py` (what is measured), `child.py` (measures), `report.py` (the table),
`plots.py` (draws from the file).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from tests.bench.suite import database, report
from tests.bench.suite.measuring import Found
from tests.bench.suite.sides import DSN
from tests.bench.suite.targets import ROWS, SDK_ROUTES, Key, Row, by_cpu, rounds_of

ROOT: Final = Path(__file__).parent.parent.parent.parent
FILE: Final = ROOT / ".bench" / "last.json"
QUICK_FILE: Final = ROOT / ".bench" / "quick.json"
QUICK_SECONDS: Final = "0.3"
PATIENCE: Final = 300.0
"""Seconds after which a measurement is given up."""
TOOK: Final = "took_s"
"""The figure that says how long the measurement itself took, with all of its process."""
COMPARED: Final = ("asyncio", "uvloop")
"""Loops, of which the table has one."""


class MeasurementError(Exception):
    """A measurement that did not come to its end."""


def chosen(only: list[str], sides: list[str], *, quick: bool) -> list[Row]:
    """Return the rows that are asked for, by the beginnings of their dimensions.

    Raises:
        LookupError: there are none.
    """
    rows = [
        row
        for row in ROWS
        if (row.quick or not quick)
        and (not only or row.dimension.startswith(tuple(only)))
        and (not sides or row.ours in sides)
    ]
    if not rows:
        known = sorted({row.dimension for row in ROWS})
        raise LookupError(f"no rows for {only} of {sides}; there are {', '.join(known)}")
    return rows


def plan(rows: Iterable[Row], rounds: int) -> list[tuple[int, Key]]:
    """Return what is measured in which round: each once, the sides of a dimension in turns."""
    sides: dict[tuple[str, int], list[Key]] = {}
    for key in dict.fromkeys(key for row in rows for key in row.keys):
        sides.setdefault((key.dimension, key.size), []).append(key)
    return [
        (at, key)
        for at in range(rounds)
        for keys in sides.values()
        for key in keys[at % len(keys) :] + keys[: at % len(keys)]
        if at < rounds_of(key, rounds)
    ]


# -- children


def child(python: str, key: Key, loop: str, environment: dict[str, str]) -> Found:
    """Measure in a new process.

    Raises:
        MeasurementError: it failed, or took too long.
    """
    command = [python, "-m", "tests.bench.suite.child"]
    command += [key.side, key.dimension, str(key.size), loop]
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired as error:
        raise MeasurementError(f"no end after {PATIENCE:g} s") from error
    if done.returncode:
        raise MeasurementError(f"exit {done.returncode}\n{done.stderr[-2_000:].strip()}")
    found: Found = json.loads(done.stdout.splitlines()[-1])
    return found


def head(python: str, loop: str, rounds: int, rows: list[Row]) -> dict[str, Any]:
    """Return what the figures are of, for whoever reads them later."""
    told = subprocess.check_output(
        [python, "-m", "tests.bench.suite.child", "--versions"], cwd=ROOT, text=True
    )
    versions: dict[str, str] = json.loads(told)
    git = ["git", "-C", str(ROOT)]
    commit = subprocess.check_output([*git, "rev-parse", "--short", "HEAD"], text=True).strip()
    changed = subprocess.check_output([*git, "status", "--porcelain", "-uno"], text=True)
    return {
        "Python": versions["python"],
        "a2a-sdk": versions["a2a-sdk"],
        "protobuf": versions["protobuf"],
        "loop": loop if loop == "asyncio" else f"{loop} {versions[loop]}",
        "commit": commit + (" with changes" if changed else ""),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "rounds": rounds,
        "durability": "/".join(sorted({row.ours.removesuffix(SDK_ROUTES) for row in rows})),
    }


class Run:
    """A run of the suite.

    Attributes:
        found: what was measured until now.
        failed: what was not, and why.
    """

    def __init__(self, options: argparse.Namespace, told: dict[str, Any]) -> None:
        self._options = options
        self._head = told
        self.found: dict[Key, dict[int, Found]] = {}
        self.failed: dict[Key, str] = {}

    def go(self, rows: list[Row]) -> None:
        """Measure; the file grows with each measurement."""
        steps = plan(rows, self._options.rounds)
        with database.server(any(database.wanted(key) for _, key in steps)) as dsn:
            for number, (at, key) in enumerate(steps, 1):
                self._say(f"{number} of {len(steps)}: {key.dimension} {key.size}, {key.side}")
                self._step(at, key, dsn)
                self.save(rows)
        self._say("")

    def _step(self, at: int, key: Key, dsn: str) -> None:
        with ExitStack() as stack:
            environment = {"BENCH_SECONDS": QUICK_SECONDS} if self._options.quick else {}
            if database.wanted(key):
                environment[DSN] = stack.enter_context(database.database(dsn))
            began = time.monotonic()
            try:
                found = child(self._options.python, key, self._options.loop, environment)
            except MeasurementError as error:
                self.failed[key] = str(error)
            else:
                took = time.monotonic() - began
                self.found.setdefault(key, {})[at] = found | {TOOK: took}

    def save(self, rows: list[Row]) -> None:
        """Write everything to the file, whole or not at all."""
        path: Path = self._options.json
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        text = json.dumps(report.saved(self._head, self.found, rows), indent=1)
        new.write_text(text, encoding="utf-8")
        new.replace(path)

    def _say(self, text: str) -> None:
        if sys.stderr.isatty():
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def parser() -> argparse.ArgumentParser:
    """Return the options."""
    made = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    made.add_argument("--rounds", type=int, help="5, or 1 with --quick")
    made.add_argument("--only", action="append", default=[], help="how a dimension begins")
    made.add_argument(
        "--side", action="append", default=[], help="one of ours: process, power, ..."
    )
    made.add_argument("--loop", choices=COMPARED, default="asyncio")
    made.add_argument(
        "--python", default=sys.executable, help="another interpreter, with all of it"
    )
    made.add_argument("--quick", action="store_true", help="a few rows, one short round")
    made.add_argument("--cpu", action="store_true", help="judge rates by processor time")
    made.add_argument("--json", type=Path, help=".bench/last.json, or .bench/quick.json")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Measure, and print the table; returns 1 if a measurement failed."""
    options = parser().parse_args(arguments)
    options.rounds = options.rounds or (1 if options.quick else 5)
    options.json = options.json or (QUICK_FILE if options.quick else FILE)
    rows = chosen(options.only, options.side, quick=options.quick)
    rows = [by_cpu(row) for row in rows] if options.cpu else rows
    began = time.monotonic()
    told = head(options.python, options.loop, options.rounds, rows)
    print(", ".join(f"{name} {value}" for name, value in told.items()))
    others = [each for each in COMPARED if each != options.loop]
    print(f"not measured: {', '.join(others)}; Pythons other than {told['Python']}\n", flush=True)
    run = Run(options, told)
    run.go(rows)
    lines = [report.line(row, run.found) for row in rows]
    print(report.table(lines))
    print(f"\n{report.score(lines)}")
    for key, why in run.failed.items():
        print(f"failed: {key.dimension} {key.size}, {key.side}: {why}")
    print(f"{(time.monotonic() - began) / 60:.1f} minutes; {options.json}")
    return int(bool(run.failed))


if __name__ == "__main__":
    sys.exit(main())
