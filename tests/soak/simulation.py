"""The simulator by the hour: the task core, and whole handlers, under random schedules and faults.

    python -m tests.soak.simulation [--minutes 20] [--seed 1] [--fresh] [--summary]

Six policies, and under each the task core by itself and two agents behind the production handler,
with crashes and a journal that fails. All take turns, a batch of seeds each. Progress is kept in
`.soak/simulation.json`, and a run goes on where the one before it stopped, unless the seed or the
commit is another. The first failure ends the run: it is explained, written to
`.soak/simulation-COMMIT`, and the exit code is 1. `--summary` adds the figures to SUMMARY.md.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from actors.simulation import FaultPlan, SimulationFailed, search, simulate
from actors.simulation.generic import conversation
from actors.simulation.invariants import INVARIANTS
from actors.simulation.report import explain, write
from actors.simulation.sandbox import Life
from actors.simulation.scenarios import HOOKED, SCENARIOS, Scenario
from actors.simulation.search import Report
from actors.task.policy import Policy
from tests.cli.agents import Clerk, HastyDesk
from tests.soak import program
from tests.soak.progress import Kept

BATCH = 50
"""Seeds of one turn."""
FAULTS = FaultPlan.only(appends=1, crashes=1)
"""Of an agent's run: whole handlers have crashes and a journal that fails."""
POLICIES = tuple(
    preset(recovery=recovery, **more)
    for preset in (Policy.sdk, Policy.spec)
    for recovery, more in (
        ("fail", {}),
        ("rerun", {}),
        ("rerun", {"during_run": "interrupt", "during_auth": "interrupt"}),
    )
)

Turn = Callable[[int], tuple[Report, str]]
"""Runs a batch from a seed on; what is said of a failure is empty if there is none."""


@dataclass(kw_only=True)
class Progress(Kept):
    """How far a run has come; `exercised` counts schedules by invariant."""

    schedules: Counter[str] = field(default_factory=Counter)
    exercised: Counter[str] = field(default_factory=Counter)


def core(scenario: Scenario, directory: Path) -> Turn:
    """The task core by itself."""

    def turn(seed: int) -> tuple[Report, str]:
        report = search(scenario, seed=seed, schedules=BATCH)
        if report.failure is None:
            return report, ""
        write(report.failure, directory)
        return report, explain(report.failure).text

    return turn


def agent(life: Life, policy: Policy, directory: Path) -> Turn:
    """An agent behind the production handler; every turn begins with the run in order."""

    def turn(seed: int) -> tuple[Report, str]:
        told: list[Report] = []
        try:
            report = simulate(
                life,
                seed=seed,
                schedules=BATCH,
                faults=FAULTS,
                policy=policy,
                report_to=directory,
                progress=told.append,
            )
        except SimulationFailed as failed:
            return told[-1], str(failed)
        return report, ""

    return turn


def turns(directory: Path) -> dict[str, Turn]:
    """Everything that takes turns, by name."""
    desk = conversation(HastyDesk, ("I would like to see Lisbon", "Lisbon, 1 day"))
    clerk = conversation(Clerk, ("hello", "stop"))
    found: dict[str, Turn] = {}
    for policy in POLICIES:
        name = f"{policy.name}, {policy.recovery}, {policy.during_run}"
        found[f"core, {name}"] = core(replace(SCENARIOS["whims"], policy=policy), directory)
        found[f"travel desk, {name}"] = agent(desk, policy, directory)
        found[f"clerk, {name}"] = agent(clerk, policy, directory)
    for name in ("removed", "shortened"):
        found[f"tasks are {name}"] = core(SCENARIOS[name], directory)
    for hooked in HOOKED:
        found[hooked.name] = core(hooked, directory)
    found["several owners"] = core(SCENARIOS["strangers"], directory)
    return found


def soak(progress: Progress, seconds: float, path: Path) -> str:
    """Let all take turns until there was time enough or something broke; say what broke."""
    started, before = time.monotonic(), progress.seconds
    directory = path.parent / f"simulation-{progress.commit}"
    while time.monotonic() - started < seconds:
        for name, turn in turns(directory).items():
            report, said = turn(progress.seed * 1_000_000 + progress.schedules[name])
            progress.schedules[name] += report.schedules
            progress.exercised.update({str(n): count for n, count in report.exercised.items()})
            progress.seconds = before + time.monotonic() - started
            if said:
                progress.failed = name
                progress.save(path)
                return f"{name}:\n{said}"
        progress.save(path)
    return ""


def never(progress: Progress) -> list[int]:
    """Invariants that had nothing to judge in any schedule."""
    return [each.number for each in INVARIANTS if not progress.exercised[str(each.number)]]


def summary(progress: Progress, command: str) -> str:
    """The figures, as a section of SUMMARY.md."""
    total = progress.schedules.total()
    broke = f"broken: {progress.failed}" if progress.failed else "nothing broke"
    rows = [f"| {name} | {count:,} |" for name, count in sorted(progress.schedules.items())]
    rarely = sorted((count, int(number)) for number, count in progress.exercised.items())[:3]
    seldom = ", ".join(f"{number} ({count:,} times)" for count, number in rarely)
    rate = total / max(progress.seconds, 0.001)
    took = f"{total:,} schedules in {progress.seconds:,.0f} s on one core, {rate:,.0f}/s"
    idle = ", ".join(map(str, never(progress))) or "none"
    lines = (
        f"    {command}",
        "",
        f"Commit {progress.commit}, seed {progress.seed}: {took}; {broke}.",
        "",
        "| Run, policy, after a crash | Schedules |",
        "|---|---|",
        *rows,
        "",
        f"Invariants never exercised: {idle}; most seldom: {seldom or '-'}.",
    )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = program.parser(__doc__, "simulation", 20.0)

    def go_on(progress: Progress, options: argparse.Namespace) -> str:
        return soak(progress, options.minutes * 60, options.progress)

    return program.run(parser, arguments, Progress, go_on, summary, "Random schedules and faults")


if __name__ == "__main__":
    sys.exit(main())
