"""`simulate`: what it finds in users' agents and actors, how it repeats it, and what it refuses."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections import Counter
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from a2a.types import Task, TaskState
from a2a.utils.errors import A2AError
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.simulation import (
    Disconnected,
    FaultPlan,
    Recorded,
    Simulation,
    SimulationFailed,
    simulate,
)
from actors.simulation.choices import Drawn
from actors.simulation.sandbox import Life
from actors.simulation.scenarios import SCENARIOS
from actors.simulation.search import run
from actors.task.policy import Policy
from tests.simulation.users import (
    COMPLETED,
    ONE_CRASH,
    Agent,
    Interrupted,
    a_conversation,
    failure,
    two_customers,
)

ROOT = Path(__file__).parents[2]
FAILED = TaskState.TASK_STATE_FAILED

# -- races


def test_a_race_passes_in_order_and_is_found_in_another_schedule() -> None:
    assert simulate(two_customers, schedules=1).schedules == 1
    found = failure(two_customers, schedules=100)
    assert "AssertionError: 2 tickets sold" in str(found)
    assert found.failure.seed is not None
    assert len(found.failure.choices) <= len(found.failure.found)


def test_the_choices_of_a_failure_repeat_it() -> None:
    found = failure(two_customers, schedules=100).failure
    again = failure(two_customers, choices=found.choices).failure
    assert again.violations == found.violations
    assert again.choices[: len(found.choices)] == found.choices
    assert simulate(two_customers, choices=[]).failure is None


def test_a_failure_is_written_where_it_is_wanted(tmp_path: Path) -> None:
    found = failure(two_customers, schedules=100, report_to=tmp_path)
    assert sorted(found.files) == sorted(tmp_path.iterdir())
    assert "trace.txt" in str(found)
    (test,) = tmp_path.glob("test_*.py")
    names: dict[str, object] = {}
    exec(compile(test.read_text(), str(test), "exec"), names)
    (function,) = (value for name, value in names.items() if name.startswith("test_"))
    with pytest.raises(SimulationFailed, match="2 tickets sold"):
        function()  # type: ignore[operator] # a test


def test_a_sound_agent_passes_every_schedule_and_the_report_says_what_was_judged() -> None:
    told: list[int] = []
    report = simulate(a_conversation, schedules=40, progress=lambda r: told.append(r.schedules))
    assert report.schedules == 40
    assert told == list(range(1, 41))
    assert report.exercised[3] == 40
    assert report.failure is None


def test_the_seed_says_which_schedules_are_run() -> None:
    seeds = {failure(two_customers, schedules=200, seed=seed).failure.seed for seed in (0, 500)}
    assert len(seeds) == 2
    assert max(each for each in seeds if each is not None) >= 500


def test_it_needs_an_end_and_something_to_run() -> None:
    with pytest.raises(ValueError, match="needs an end"):
        simulate(a_conversation, schedules=None)
    with pytest.raises(ValueError, match="schedules=0 runs nothing"):
        simulate(a_conversation, schedules=0)


def test_the_budget_is_real_time_although_the_clocks_are_trapped() -> None:
    async def sleeps(sim: Simulation) -> None:
        await asyncio.sleep(86_400)

    report = simulate(sleeps, schedules=5, seconds=3_600)
    assert report.schedules == 5
    assert 0 < report.seconds < 3_600


# -- the same choices are the same run

DIGESTS = """
from random import Random

from actors.simulation import Seeded
from actors.simulation.generic import conversation
from actors.simulation.sandbox import UserScenario
from actors.simulation.scenarios import SCENARIOS
from actors.simulation.simulate import _reseed
from actors.simulation.traps import Traps
from tests.cli.agents import HastyDesk
from tests.simulation.users import a_conversation

talk = conversation(HastyDesk, ["Lisbon, 3 days", "Lisbon"])
for seed in range(4):
    print(SCENARIOS["whims"](Seeded(seed)).digest())
    with Traps(lambda: 0.0, Random(0)) as traps:
        for life in (a_conversation, talk):
            scenario = UserScenario(name="digest", life=life, prepare=lambda s: _reseed(traps, s))
            print(scenario(Seeded(seed)).digest())
"""


def test_a_seed_is_the_same_run_in_every_process() -> None:
    """Whatever the order of sets and dictionaries: the core by itself, and whole handlers."""

    def digests(hash_seed: int) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", DIGESTS]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True, cwd=ROOT
        )
        return done.stdout

    different = {digests(hash_seed) for hash_seed in range(5)}
    assert len(different) == 1
    assert len(different.pop().split()) == 12


# -- what may go wrong


def test_a_crash_in_the_middle_disconnects_the_client_and_settles_the_task() -> None:
    outcomes: Counter[str] = Counter()

    async def crashed(sim: Simulation) -> None:
        agent = Interrupted()
        server = sim.serve(agent)
        try:
            answer = await server.send("work")
        except (Disconnected, A2AError):
            outcomes["disconnected"] += 1
            outcomes["begun before the crash"] += agent.begun
            return
        assert isinstance(answer, Task)
        assert answer.status.state == COMPLETED
        outcomes["completed"] += 1

    simulate(crashed, schedules=150, faults=ONE_CRASH)
    assert outcomes["disconnected"] > 5
    assert outcomes["completed"] > 5
    assert outcomes["begun before the crash"] > 0


def test_after_a_crash_the_task_is_as_the_policy_says() -> None:
    states: dict[str, set[int]] = {"fail": set(), "rerun": set()}

    async def crashed(sim: Simulation) -> None:
        server = sim.serve(Interrupted())
        first = await server.send("work", immediately=True)
        assert isinstance(first, Task)
        server.crash()
        await asyncio.sleep(60)
        states[sim.policy.recovery].add((await server.get(first.id)).status.state)

    for recovery in ("fail", "rerun"):
        policy = Policy.sdk(recovery=recovery)
        simulate(crashed, schedules=20, policy=policy)
    assert FAILED in states["fail"]
    assert states["rerun"] == {COMPLETED}


def test_storage_that_fails_is_an_error_or_none_but_never_a_wrong_answer() -> None:
    outcomes: Counter[str] = Counter()

    async def stored(sim: Simulation) -> None:
        server = sim.serve(Agent())
        try:
            answer = await server.send("hello")
        except A2AError:
            outcomes["error"] += 1
            return
        outcomes["answer"] += 1
        assert isinstance(answer, Task)
        assert (await server.get(answer.id)).status.state == COMPLETED

    plan = FaultPlan.only(appends=2)
    assert simulate(stored, schedules=100, faults=plan).schedules == outcomes.total()
    assert outcomes["answer"] > 0


# -- Hypothesis chooses


def test_hypothesis_can_choose_and_a_failure_is_then_its_own_to_shrink() -> None:
    """Its choices reach what seeds reach, and the choices of a failing run repeat it."""
    whims = SCENARIOS["whims"]
    longest: list[list[int]] = []

    @given(data=st.data())
    @settings(derandomize=True, deadline=None, max_examples=25, database=None)
    def holds(data: st.DataObject) -> None:
        drawn = count()

        def draw(least: int, most: int) -> int:
            """All that Hypothesis has room for; from then on everything is in order."""
            return data.draw(st.integers(least, most)) if next(drawn) < 200 else 0

        choices = Drawn(draw)
        outcome = run(whims, choices)
        assert outcome.violations == ()
        longest.append(outcome.choices)

    holds()
    made = max(longest, key=len)
    assert len(made) > 20
    assert run(whims, Recorded(made)).trace.digest() == run(whims, Recorded(made)).trace.digest()


# -- what is no scenario


class _Shop:
    async def open(self, sim: Simulation) -> None:
        await asyncio.sleep(sim.choose(2))


async def _many(price: int, sim: Simulation) -> None:
    await asyncio.sleep(price + sim.choose(2))


@pytest.mark.parametrize("life", [_Shop().open, partial(_many, 3), partial(_Shop.open, _Shop())])
def test_methods_and_partials_of_async_functions_are_scenarios(life: Life) -> None:
    assert simulate(life, schedules=3).schedules == 3


def _not_async(sim: Simulation) -> None: ...


async def _takes_nothing() -> None: ...


@pytest.mark.parametrize(
    ("life", "said"),
    [
        (_not_async, "_not_async.*is no scenario: expected 'async def"),
        (_Shop(), "is no scenario: expected 'async def"),
        (None, "None is no scenario"),
        (_takes_nothing, r"_takes_nothing\(\).* cannot be called with a Simulation alone"),
        (_many, "_many.* cannot be called with a Simulation alone: missing a required"),
    ],
)
def test_what_is_no_scenario_is_refused(life: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        simulate(life, schedules=1)


@pytest.mark.parametrize(
    ("choices", "error", "said"),
    [
        ("12", TypeError, r"choices\[0\] is str, expected int"),
        ([1, 2.0], TypeError, r"choices\[1\] is float, expected int"),
        ([0, -1], ValueError, r"choices\[1\] is -1, expected 0 or more"),
    ],
)
def test_choices_are_numbers(choices: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        simulate(a_conversation, choices=choices)


def test_progress_is_told_of_a_single_run_too() -> None:
    told: list[int] = []
    simulate(a_conversation, schedules=1, progress=lambda report: told.append(report.schedules))
    simulate(a_conversation, choices=[], progress=lambda report: told.append(report.schedules))
    simulate(a_conversation, seconds=0.0, progress=lambda report: told.append(report.schedules))
    assert told == [1, 1, 1]
