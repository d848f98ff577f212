"""Whole handlers in simulation, by the hour: random agents, random clients, every policy, faults.

    python -m tests.soak.handlers [--minutes 10] [--seed 1] [--fresh] [--summary]

What agents and clients do are choices of the schedule, as its order, time, crashes and the faults
of its journal are; so what fails is made simple and can be repeated. Every turn has a policy of its
own, each field of it drawn from all its values. Progress is kept in `.soak/handlers.json`, and a
run goes on where the one before it stopped, unless the seed or the commit is another. The first
failure ends the run: it is explained, written to `.soak/handlers-COMMIT`, and the exit code is 1.
`--summary` adds the figures to SUMMARY.md.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from dataclasses import dataclass, field, fields
from pathlib import Path
from random import Random
from typing import Any

from actors.simulation import FaultPlan, SimulationFailed, simulate
from actors.simulation.search import Report
from actors.task.policy import Policy
from tests.a2a.random_simulated import conversation
from tests.soak import program
from tests.soak.progress import Kept

BATCH = 500
"""Schedules of one turn."""
SECONDS = 60.0
"""Of one turn; what fails is made simpler for as long again."""
PLANS = (
    FaultPlan.none(),
    FaultPlan.only(crashes=1),
    FaultPlan.only(appends=2, reads=1),
    FaultPlan.only(appends=1, crashes=2, outages=1),
)
VALUES: dict[str, tuple[Any, ...]] = {
    "visible": ("agent", "admission"),
    "during_run": ("queue", "reject", "interrupt"),
    "during_auth": ("queue", "interrupt"),
    "contexts": ("as_emitted", "checked"),
    "pushed_as": ("json", "a2a+json"),
    "undeclared_push": ("ignore", "refuse"),
    "declared": ("ignored", "checked"),
    "extended_card": ("anybody", "authenticated"),
    "unfinished": ("keep", "fail"),
    "resubmit": ("accept", "refuse"),
    "second_task": ("ignore", "refuse"),
    "late_message": ("report", "drop"),
    "closed_artifact": ("accept", "refuse"),
    "recovery": ("fail", "rerun", "park"),
    "deduplicate": (False, True),
    "stream_end": ("run", "state"),
    "canceled_again": ("refuse", "answer"),
    "raised": ("error", "task"),
    "follow_up_first": ("update", "task"),
    "pushed": ("states", "all"),
    "execution_deadline": (30.0, 3600.0, None),
    "cancel_grace": (0.0, 5.0),
    "terminal_grace": (0.0, 0.25),
    "drain": (0.0, 10.0),
    "storage_patience": (0.0, 30.0),
    "request_deadline": (86_400.0,),
    "parked_life": (None, 60.0),
}
"""Every value of each field of a policy; of times, some."""


@dataclass(kw_only=True)
class Progress(Kept):
    """How far a run has come; `exercised` counts schedules by invariant, `values` by policy."""

    schedules: Counter[str] = field(default_factory=Counter)
    exercised: Counter[str] = field(default_factory=Counter)
    values: Counter[str] = field(default_factory=Counter)


def policy_of(draw: Random) -> Policy:
    """A policy with each field drawn.

    Raises:
        KeyError: a policy has a field whose values are not known here.
    """
    names = [each.name for each in fields(Policy) if each.name != "name"]
    return Policy.spec(name="drawn", **{name: draw.choice(VALUES[name]) for name in names})


def turn(progress: Progress, directory: Path) -> str:
    """Run a batch; say what broke."""
    first = progress.schedules.total()
    draw = Random(f"{progress.seed} {first}")
    policy, plan = policy_of(draw), draw.choice(PLANS)
    told: list[Report] = []
    try:
        simulate(
            conversation(policy),
            seed=progress.seed * 1_000_000_000 + first,
            schedules=BATCH,
            seconds=SECONDS,
            faults=plan,
            policy=policy,
            report_to=directory / str(first),
            progress=told.append,
        )
    except SimulationFailed as failed:
        return f"schedules from {first}, {policy}, {plan}:\n{failed}"
    finally:
        if told:
            progress.schedules[str(plan).removeprefix("FaultPlan")] += told[-1].schedules
            progress.exercised.update({str(n): count for n, count in told[-1].exercised.items()})
            progress.values.update(
                f"{name} {getattr(policy, name)}" for name in VALUES if len(VALUES[name]) > 1
            )
    return ""


def soak(progress: Progress, seconds: float, path: Path) -> str:
    """Take turns until there was time enough or something broke; say what broke."""
    started, before = time.monotonic(), progress.seconds
    directory = path.parent / f"handlers-{progress.commit}"
    while time.monotonic() - started < seconds:
        progress.failed = turn(progress, directory)
        progress.seconds = before + time.monotonic() - started
        progress.save(path)
        if progress.failed:
            return progress.failed
    return ""


def summary(progress: Progress, command: str) -> str:
    """The figures, as a section of SUMMARY.md."""
    total = progress.schedules.total()
    rate = total / max(progress.seconds, 0.001)
    broke = "broken" if progress.failed else "nothing broke"
    took = f"{total:,} schedules in {progress.seconds:,.0f} s on one core, {rate:,.0f}/s"
    rows = [f"| {plan} | {count:,} |" for plan, count in sorted(progress.schedules.items())]
    fewest, seldom = min(
        ((count, value) for value, count in progress.values.items()), default=(0, "")
    )
    lines = (
        f"    {command}",
        "",
        f"Commit {progress.commit}, seed {progress.seed}: {took}; {broke}.",
        "",
        "| At most | Schedules |",
        "|---|---|",
        *rows,
        "",
        f"Values of the policy: {len(progress.values)}, most seldom {seldom} ({fewest} turns).",
    )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = program.parser(__doc__, "handlers", 10.0)

    def go_on(progress: Progress, options: argparse.Namespace) -> str:
        return soak(progress, options.minutes * 60, options.progress)

    title = "Random agents and clients in simulation"
    return program.run(parser, arguments, Progress, go_on, summary, title)


if __name__ == "__main__":
    sys.exit(main())
