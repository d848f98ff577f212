"""Searching: many runs of one scenario, until one breaks an invariant or the budget is over.

Neighbours: `scenarios.py` and `sandbox.py` (what is run), `invariants/` (what must hold),
`shrink.py` (what is left of a failure), `exhaustive.py` (every run there is, instead of many).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Protocol

from actors.simulation.choices import Choices, Recorded, Seeded
from actors.simulation.invariants.rule import Invariant, Violation, judge
from actors.simulation.shrink import shrink
from actors.simulation.trace import Trace
from actors.simulation.unheard import unheard
from actors.task.policy import Policy

real_time = partial(time.monotonic)
"""Real seconds, also while traps are set for a user's scenario: they reach no function held so."""


class Runnable(Protocol):
    """A scenario: with the same choices it is the same run."""

    @property
    def name(self) -> str:
        """What it is called, or where it is: "module:function"."""

    @property
    def policy(self) -> Policy:
        """What the invariants go by."""

    @property
    def invariants(self) -> tuple[Invariant, ...]:
        """What must hold of every run."""

    def __call__(self, choices: Choices, *, detailed: bool = False) -> Trace:
        """Run it once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One run, judged."""

    trace: Trace
    choices: list[int]
    violations: tuple[Violation, ...]
    exercised: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A run that broke an invariant, as simple as it could be made."""

    scenario: Runnable
    choices: list[int]
    """What to replay."""
    found: list[int]
    """The choices of the run in which it was found."""
    seed: int | None
    violations: tuple[Violation, ...]


@dataclass(slots=True)
class Report:
    """What a search has done."""

    scenario: Runnable
    schedules: int = 0
    seconds: float = 0.0
    exercised: Counter[int] = field(default_factory=Counter)
    """Invariant -> schedules in which it had something to judge."""
    failure: Failure | None = None

    def count(self, outcome: Outcome) -> None:
        """Count one run."""
        self.schedules += 1
        self.exercised.update(outcome.exercised)


def run(
    scenario: Runnable, choices: Choices, invariants: Iterable[Invariant] | None = None
) -> Outcome:
    """Run a scenario once and judge it, by its own invariants or by others."""
    trace = scenario(choices)
    held = scenario.invariants if invariants is None else invariants
    verdict = judge(held, trace, scenario.policy)
    return Outcome(
        trace=trace,
        choices=choices.made,
        violations=verdict.violations,
        exercised=verdict.exercised,
    )


def search(
    scenario: Runnable,
    *,
    seed: int = 0,
    schedules: int | None = None,
    seconds: float | None = None,
    invariants: Iterable[Invariant] | None = None,
    progress: Callable[[Report], None] | None = None,
) -> Report:
    """Run a scenario with the seeds `seed`, `seed + 1`, ... until something breaks.

    Args:
        scenario: what is run.
        seed: the first seed.
        schedules: how many runs at most.
        seconds: how long at most, in real time.
        invariants: what must hold, instead of what the scenario says.
        progress: told the report so far after each run.
    """
    if schedules is None and seconds is None:
        raise ValueError("search needs an end: pass schedules=, or seconds=, or both")
    report = Report(scenario)
    held = scenario.invariants if invariants is None else tuple(invariants)
    with unheard():
        return _search(report, seed, schedules, seconds, held, progress)


def _search(
    report: Report,
    seed: int,
    schedules: int | None,
    seconds: float | None,
    held: tuple[Invariant, ...],
    progress: Callable[[Report], None] | None,
) -> Report:
    began = real_time()
    scenario = report.scenario
    for number in count(seed):
        outcome = run(scenario, Seeded(number), held)
        report.count(outcome)
        report.seconds = real_time() - began
        if outcome.violations:
            report.failure = simplest(scenario, outcome, number, held)
        if progress is not None:
            progress(report)
        over = seconds is not None and report.seconds >= seconds
        if report.failure is not None or over or report.schedules == schedules:
            return report
    raise AssertionError("counting has no end")


def simplest(
    scenario: Runnable,
    outcome: Outcome,
    seed: int | None,
    invariants: Iterable[Invariant] | None = None,
) -> Failure:
    """Shrink a failing run, keeping to the invariant that it broke first."""
    held = scenario.invariants if invariants is None else tuple(invariants)
    wanted = outcome.violations[0].number

    def fails(made: list[int]) -> bool:
        again = run(scenario, Recorded(made), held)
        return any(violation.number == wanted for violation in again.violations)

    choices = shrink(outcome.choices, fails)
    violations = run(scenario, Recorded(choices), held).violations
    return Failure(
        scenario=scenario,
        choices=choices,
        found=outcome.choices,
        seed=seed,
        violations=violations or outcome.violations,
    )
