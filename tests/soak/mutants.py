"""Every mutant of the task charts against the rules: each other target, each event of each row.

    python -m tests.soak.mutants [--fresh] [--progress FILE]

The suite runs a selection of these on every build. What is done is kept in `.soak/mutants.json` by
chart and kind of mutant, and a run goes on where the one before it stopped. Nothing is random. The
exit code is 1 if a mutant survives; those that behave as the chart does are proven to and counted.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from statechart.testing import KINDS, Survivors, mutants, survivors
from tests.soak.differential import ROOT, commit
from tests.task.test_chart_mutants import CHARTS, keeps_the_rules

PROGRESS = ROOT / ".soak" / "mutants.json"


def run(preset: str, kind: str) -> Survivors:
    """Try all mutants of one kind."""
    chart = CHARTS[preset]()
    return survivors(chart, keeps_the_rules(preset), mutants(chart, kinds={kind}))


def counts(found: Survivors) -> dict[str, object]:
    return {
        "mutants": found.total,
        "killed by the rules": found.killed,
        "refused by the check": found.stillborn,
        "equivalent": [mutant.description for mutant in found.equivalent],
        "survived": [mutant.description for mutant in found.survived],
    }


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--fresh", action="store_true", help="forget what is done")
    parser.add_argument("--progress", type=Path, default=PROGRESS)
    options = parser.parse_args(arguments)
    path: Path = options.progress
    done = {} if options.fresh or not path.exists() else json.loads(path.read_text())
    if done.get("commit") != commit():
        done = {"commit": commit()}
    path.parent.mkdir(parents=True, exist_ok=True)
    for preset in CHARTS:
        for kind in KINDS:
            name = f"{preset}, {kind}"
            if name not in done:
                done[name] = counts(run(preset, kind))
                path.write_text(json.dumps(done, indent=2) + "\n")
            print(name, done[name], flush=True)
    results = [each for name, each in done.items() if name != "commit"]
    total = {key: sum(each[key] for each in results) for key in list(results[0])[:3]}
    print(f"commit {done['commit']}: {total}")
    return int(any(each["survived"] for each in results))


if __name__ == "__main__":
    sys.exit(main())
