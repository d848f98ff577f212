"""Search: many runs, the first that breaks, and nothing kept of those that did not."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from actors.simulation.choices import Recorded, Seeded
from actors.simulation.invariants.rule import Saw, invariant
from actors.simulation.scenarios import SMALL, Scenario, whims
from actors.simulation.search import Report, run, search
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
