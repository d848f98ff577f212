"""Search: many runs, the first that breaks, and nothing kept of those that did not."""

from __future__ import annotations

import gc
import importlib
import weakref
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from actors.simulation.choices import Choices, Recorded, Seeded
from actors.simulation.invariants.rule import Invariant, Saw, invariant
from actors.simulation.sandbox import Simulation, UserScenario
from actors.simulation.scenarios import SMALL, Scenario, whims
from actors.simulation.search import LEAST, Failure, Outcome, Report, run, search, simplest
from actors.simulation.trace import Answered, Crashed, Trace
from actors.task.policy import Policy

WHIMS = Scenario(name="whims", inhabit=whims())


@invariant(99, "No process ever crashes: deliberately false.")
def nothing_crashes(trace: Trace, _: Policy, saw: Saw) -> Iterator[str]:
    saw()
    for crashed in trace.all(Crashed):
        yield f"{crashed.node} crashed"


def test_what_breaks_is_found_and_made_simple() -> None:
    report = search(WHIMS, seed=10, schedules=500, invariants=(nothing_crashes,))
    failure = report.failure
    assert failure is not None
    assert failure.seed == 10 + report.schedules - 1
    assert len([chosen for chosen in failure.choices if chosen]) <= 2, "the crash, and its moment"
    assert len(failure.choices) < len(failure.found)
    again = run(WHIMS, Recorded(failure.choices), (nothing_crashes,))
    assert again.violations == failure.violations


def test_a_search_counts_what_was_exercised_and_tells_how_far_it_is() -> None:
    told: list[int] = []
    report = search(WHIMS, schedules=40, progress=lambda so_far: told.append(so_far.schedules))
    assert report.failure is None
    assert told == list(range(1, 41))
    assert report.exercised[16] == 40, "every run has requests"
    assert 0 < report.exercised[5] < 40


def test_a_search_needs_an_end() -> None:
    with pytest.raises(ValueError, match="schedules="):
        search(WHIMS)


def test_time_ends_a_search_too() -> None:
    report: Report = search(WHIMS, seconds=0.0)
    assert report.schedules == 1


@pytest.mark.parametrize("seed", range(5))
def test_the_same_seed_is_the_same_run(seed: int) -> None:
    first, second = run(WHIMS, Seeded(seed)), run(WHIMS, Seeded(seed))
    assert first.choices == second.choices
    assert first.trace.digest() == second.trace.digest()


def test_a_recording_is_the_run_it_was_made_of() -> None:
    seeded = run(WHIMS, Seeded(11))
    assert run(WHIMS, Recorded(seeded.choices)).trace.digest() == seeded.trace.digest()


def test_nothing_is_kept_of_a_run_that_was_judged() -> None:
    """Errors hold the frames that they came through, and those hold the world."""
    for seed in range(200):
        outcome = run(SMALL[0], Seeded(seed))
        if any(answered.error for answered in outcome.trace.all(Answered)):
            break
    else:
        pytest.fail("no run in which a client heard an error")
    kept = weakref.ref(outcome.trace)
    del outcome
    gc.collect()
    assert kept() is None


async def two_ways_to_fail(sim: Simulation) -> None:
    """The second needs fewer choices than the first; it is another failure all the same."""
    way = sim.choose(3)
    if way == 1:
        raise ValueError(f"of {sim.choose(4)}")
    if way == 2 and sim.choose(4):
        raise KeyError(sim.choose(4))


@pytest.mark.parametrize("kind", ["ValueError", "KeyError"])
def test_what_is_made_simple_stays_the_failure_that_was_found(kind: str) -> None:
    scenario = UserScenario(name="two ways", life=two_ways_to_fail)
    outcomes = (run(scenario, Seeded(seed)) for seed in range(100))
    found = next(each for each in outcomes if each.violations and kind in str(each.violations[0]))
    (violation,) = simplest(scenario, found, None).violations
    assert violation.text.startswith(f"{kind}: ")


async def _fails_here_or_there(sim: Simulation) -> None:
    if sim.choose(2):
        if sim.choose(2):
            raise ValueError("there")
        raise ValueError("here")


def test_the_same_error_of_another_line_is_another_failure() -> None:
    scenario = UserScenario(name="two lines", life=_fails_here_or_there)
    (violation,) = simplest(scenario, run(scenario, Recorded([1, 1])), None).violations
    assert violation.text.startswith("ValueError: there")


SEARCH = importlib.import_module("actors.simulation.search")  # the package has a function so called


@pytest.mark.parametrize(("seconds", "runs"), [(0.0, 0), (5.0, 4)])
def test_shrinking_keeps_to_its_time(
    seconds: float, runs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look at the clock takes a second."""
    found = run(WHIMS, Seeded(_failing_seed()), (nothing_crashes,))
    clock = count()
    monkeypatch.setattr(SEARCH, "real_time", lambda: next(clock))
    tried: list[Choices] = []

    def counted(scenario: Scenario, choices: Choices, held: tuple[Invariant, ...]) -> Outcome:
        tried.append(choices)
        return run(scenario, choices, held)

    monkeypatch.setattr(SEARCH, "run", counted)
    simplest(WHIMS, found, None, (nothing_crashes,), seconds)
    assert len(tried) == runs + 1, "and once more to see what the simplest run breaks"
    tried.clear()
    simplest(WHIMS, found, None, (nothing_crashes,))
    assert len(tried) > 10


def _failing_seed() -> int:
    failure = search(WHIMS, seed=10, schedules=500, invariants=(nothing_crashes,)).failure
    assert failure is not None
    assert failure.seed is not None
    return failure.seed


@pytest.mark.parametrize(("tick", "least"), [(0, LEAST), (100, 100)])
def test_a_search_with_a_budget_gives_shrinking_as_long_again(
    tick: int, least: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[float | None] = []

    def noted(*arguments: Any) -> Failure:
        given.append(arguments[-1])
        return simplest(*arguments[:-1])

    monkeypatch.setattr(SEARCH, "simplest", noted)
    seed = _failing_seed()
    clock = count(0, tick)
    monkeypatch.setattr(SEARCH, "real_time", lambda: next(clock))
    search(WHIMS, seed=seed, seconds=90_000, invariants=(nothing_crashes,))
    assert given == [None, least]
