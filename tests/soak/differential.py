"""Random charts by the ten thousand: the compiled table against the oracle and other engines.

    python -m tests.soak.differential [--pairs 20000] [--seed 1] [--minutes 60] [--fresh] [--only I]

A pair is a chart and a sequence of events; four pairs share a chart. Each is made from the seed and
its number, so `--only` makes any of them again. Progress is kept in `.soak/differential.json`, and
a run goes on where the one before it stopped. The first disagreement ends the run: it is printed
as code that makes the case, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from random import Random

from statechart import Chart
from tests.statechart.chart_cases import EVERYTHING, Case, Features, a_chart, sequence
from tests.statechart.compare import compare
from tests.statechart.peers import PEERS

ROOT = Path(__file__).parent.parent.parent
PROGRESS = ROOT / ".soak" / "differential.json"
ENGINES = ("oracle", *PEERS)
PER_CHART = 4
SAVE_EVERY = 100


@dataclass
class Progress:
    """How far a run has come. `counts` are pairs, charts and steps by engine and result."""

    seed: int
    next: int = 0
    seconds: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    disagreements: list[int] = field(default_factory=list)
    commit: str = ""

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(vars(self), indent=2, sort_keys=True) + "\n")


def load(path: Path, seed: int) -> Progress:
    """Return the progress of this seed, a new one if there is none."""
    if path.exists():
        found = json.loads(path.read_text())
        if found["seed"] == seed:
            return Progress(**(found | {"counts": Counter(found["counts"])}))
    return Progress(seed, commit=commit())


def commit() -> str:
    """Return the commit that is tested, with a mark if the tree has changes."""
    asked = ["git", "describe", "--always", "--dirty"]
    found = subprocess.run(asked, capture_output=True, text=True, cwd=ROOT, check=False)
    return found.stdout.strip() or "unknown"


def features_of(engine: str) -> Features:
    return PEERS[engine][0] if engine in PEERS else EVERYTHING


@lru_cache(maxsize=2)
def chart_of(seed: int, number: int, engine: str) -> Chart | None:
    return a_chart(Random(f"chart {seed} {number}"), features_of(engine))


def pair(seed: int, index: int) -> tuple[str, Case | None]:
    """Return the engine and the case with this number; no case if no sound chart was found."""
    number = index // PER_CHART
    engine = ENGINES[number % len(ENGINES)]
    chart = chart_of(seed, number, engine)
    if chart is None:
        return engine, None
    return engine, sequence(Random(f"pair {seed} {index}"), features_of(engine), chart)


def run(progress: Progress, index: int) -> str:
    """Compare one pair and count it; return the disagreement, if any, with its reproducer."""
    engine, case = pair(progress.seed, index)
    if case is None:
        progress.counts[f"pairs without a chart, {engine}"] += 1
        return ""
    if index % PER_CHART == 0:
        progress.counts["charts"] += 1
        progress.counts["configurations"] += len(case.chart.compile().configurations)
    report = compare(case, engine)
    progress.counts[f"pairs, {engine}"] += 1
    progress.counts.update({f"steps, {key}": count for key, count in report.counts.items()})
    if not report.disagreement:
        return ""
    progress.disagreements.append(index)
    return f"seed {progress.seed}, pair {index}, {engine}: {report.disagreement}\n{case.code()}"


def summary(progress: Progress) -> str:
    found = len(progress.disagreements)
    head = f"seed {progress.seed}, {progress.next} pairs in {progress.seconds:.0f} s"
    lines = [f"{head}, {found} disagreement(s), commit {progress.commit}"]
    lines += [f"{count:>9}  {name}" for name, count in sorted(progress.counts.items())]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--fresh", action="store_true", help="forget the progress of this seed")
    parser.add_argument("--only", type=int, help="run this pair and nothing else")
    parser.add_argument("--progress", type=Path, default=PROGRESS)
    options = parser.parse_args(arguments)
    if options.only is not None:
        said = run(Progress(options.seed), options.only)
        print(said or f"seed {options.seed}, pair {options.only}: agrees")
        return int(bool(said))
    if options.fresh:
        options.progress.unlink(missing_ok=True)
    progress = load(options.progress, options.seed)
    said = soak(progress, options.pairs, options.minutes * 60, options.progress)
    print(summary(progress))
    print(said)
    return int(bool(said))


def soak(progress: Progress, pairs: int, seconds: float, path: Path) -> str:
    """Run until enough pairs, time or a disagreement; return the disagreement."""
    started, before = time.monotonic(), progress.seconds
    said = ""
    while progress.next < pairs and not said and time.monotonic() - started < seconds:
        said = run(progress, progress.next)
        progress.next += 1
        if progress.next % SAVE_EVERY == 0:
            progress.seconds = before + time.monotonic() - started
            progress.save(path)
    progress.seconds = before + time.monotonic() - started
    progress.save(path)
    return said


if __name__ == "__main__":
    sys.exit(main())
