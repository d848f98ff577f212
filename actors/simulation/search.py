"""Searching: many runs of one scenario, until one breaks an invariant or the budget is over.

Neighbours: `scenarios.py` and `sandbox.py` (what is run), `invariants/` (what must hold),
`shrink.py` (what is left of a failure), `exhaustive.py` (every run there is, instead of many).
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Protocol

from actors.simulation.choices import Choices, Recorded, Seeded
from actors.simulation.garbage import collecting_seldom
from actors.simulation.invariants.rule import Invariant, Violation, judge
from actors.simulation.shrink import shrink
from actors.simulation.trace import Trace
from actors.simulation.unheard import unheard
from actors.task.policy import Policy

real_time = partial(time.monotonic)
"""Real seconds, also while traps are set for a user's scenario: they reach no function held so."""

LEAST = 5.0
"""Real seconds that shrinking may take at least, where there is a budget."""
_RAISED = re.compile(r"(\w+): .*?(\([^()\s]+:\d+\))?", re.DOTALL)
"""What a scenario raised, as `sandbox.py` says it: the type, a message, and the place."""


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
    held = scenario.invariants if invariants is None else invariants
    return judged(scenario, scenario(choices), choices, held)


def judged(
    scenario: Runnable, trace: Trace, choices: Choices, held: Iterable[Invariant]
) -> Outcome:
    """Hold the trace of one run against invariants."""
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
    begun: Report | None = None,
) -> Report:
    """Run a scenario with the seeds `seed`, `seed + 1`, ... until something breaks.

    Args:
        scenario: what is run.
        seed: the first seed.
        schedules: how many runs at most.
        seconds: how long at most, in real time; shrinking may take as long again as the search
            took, and `LEAST` at least.
        invariants: what must hold, instead of what the scenario says.
        progress: told the report so far after each run.
        begun: a report to go on with; its runs and its time count.
    """
    if schedules is None and seconds is None:
        raise ValueError("search needs an end: pass schedules=, or seconds=, or both")
    report = Report(scenario) if begun is None else begun
    held = scenario.invariants if invariants is None else tuple(invariants)
    with unheard(), collecting_seldom():
        return _search(report, seed, schedules, seconds, held, progress)


def _search(
    report: Report,
    seed: int,
    schedules: int | None,
    seconds: float | None,
    held: tuple[Invariant, ...],
    progress: Callable[[Report], None] | None,
) -> Report:
    began = real_time() - report.seconds
    scenario = report.scenario
    for number in count(seed):
        outcome = run(scenario, Seeded(number), held)
        report.count(outcome)
        report.seconds = real_time() - began
        if outcome.violations:
            budget = None if seconds is None else max(LEAST, report.seconds)
            report.failure = simplest(scenario, outcome, number, held, budget)
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
    seconds: float | None = None,
) -> Failure:
    """Shrink a failing run, keeping to the invariant that it broke first, and to how.

    Args:
        scenario: what was run.
        outcome: the run.
        seed: of its choices, if they were random.
        invariants: what it was held against, instead of what the scenario says.
        seconds: how long at most, in real time.
    """
    began = real_time()
    held = scenario.invariants if invariants is None else tuple(invariants)
    wanted = _kind(outcome.violations[0])

    def fails(made: list[int]) -> bool:
        again = run(scenario, Recorded(made), held)
        return any(_kind(violation) == wanted for violation in again.violations)

    def over() -> bool:
        return seconds is not None and real_time() - began >= seconds

    choices = shrink(outcome.choices, fails, over=over)
    violations = run(scenario, Recorded(choices), held).violations
    return Failure(
        scenario=scenario,
        choices=choices,
        found=outcome.choices,
        seed=seed,
        violations=violations or outcome.violations,
    )


def _kind(violation: Violation) -> tuple[object, ...]:
    """Tell failures apart that are not the same: what raises is all one invariant."""
    raised = _RAISED.fullmatch(violation.text) if violation.number == 0 else None
    return (violation.number, violation.name, *(raised.groups() if raised else ()))
