"""The pytest plugin: marked tests run in the simulator, each pytest in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STRICT = "[pytest]\naddopts = --strict-config --strict-markers\nfilterwarnings = error\n"
HEAD = """
import asyncio
import functools
import pytest
from actors.simulation import FaultPlan
from tests.simulation.users import Agent, Tickets, two_customers
"""
RACE = """
@pytest.mark.simulate(schedules=50)
async def test_two_customers(sim):
    await two_customers(sim)
"""
SOUND = """
RUNS = []

@pytest.fixture
def answer():
    return 42

@pytest.mark.simulate(schedules=5)
async def test_function(sim, answer):
    RUNS.append(sim)
    await sim.serve(Agent()).send("hello")
    assert answer == 42

def noted(test):
    @functools.wraps(test)
    async def wrapper(self, sim):
        RUNS.append(sim)
        await test(self, sim)
    return wrapper

class TestClass:
    @noted
    @pytest.mark.simulate(schedules=5, seed=3, faults=FaultPlan.none(), traps=False)
    async def test_method(self, sim):
        await asyncio.sleep(3_600)

def test_each_schedule_had_a_simulation_of_its_own():
    assert len(RUNS) == len(set(map(id, RUNS))) == 10
"""

Run = Callable[..., subprocess.CompletedProcess[str]]
ASYNCIO = (
    *("-p", "pytest_asyncio.plugin", "-o", "asyncio_mode=auto"),
    *("-o", "asyncio_default_fixture_loop_scope=function"),
)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    (tmp_path / "pytest.ini").write_text(STRICT)
    path = os.pathsep.join((str(tmp_path), str(ROOT)))
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": path}

    def call(test: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "test_it.py").write_text(HEAD + test)
        command = [sys.executable, "-m", "pytest", "-p", "actors.plugin", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    return call


@pytest.mark.parametrize("runner", [(), ASYNCIO], ids=["alone", "pytest-asyncio"])
def test_functions_and_methods_run_many_times_with_their_fixtures(
    run: Run, runner: tuple[str, ...]
) -> None:
    done = run(SOUND, *runner)
    assert "3 passed" in done.stdout, done.stdout


@pytest.mark.parametrize("runner", [(), ASYNCIO], ids=["alone", "pytest-asyncio"])
def test_a_race_is_found_and_shown_without_a_traceback_of_ours(
    run: Run, runner: tuple[str, ...]
) -> None:
    done = run(RACE, *runner)
    assert done.returncode == 1
    assert "AssertionError: 2 tickets sold" in done.stdout
    assert "Found with seed" in done.stdout
    assert "Traceback" not in done.stdout
    assert "actors/plugin.py" not in done.stdout
    assert "actors/simulation" not in done.stdout


def test_what_a_failure_says_repeats_just_that_run(run: Run) -> None:
    told = run(RACE).stdout
    marker = told.partition("Only this run: ")[2].splitlines()[0]
    again = run(RACE.replace("@pytest.mark.simulate(schedules=50)", marker))
    assert again.returncode == 1
    assert "2 tickets sold" in again.stdout
    assert "Found with seed" not in again.stdout


def test_options_stand_in_for_what_markers_say(run: Run) -> None:
    assert run(RACE, "--simulate-schedules=1").returncode == 0
    done = run(RACE.replace("50", "1"), "--simulate-schedules=500", "--simulate-seed=1000")
    assert done.returncode == 1
    seed = done.stdout.partition("Found with seed ")[2].partition(":")[0]
    assert int(seed) >= 1000


@pytest.mark.parametrize(
    ("test", "said"),
    [
        ("async def test_it(sim): pass", "mark this test with @pytest.mark.simulate"),
        ("@pytest.mark.simulate\ndef test_it(sim): pass", "for tests that are 'async def'"),
        ("@pytest.mark.simulate\nasync def test_it(): pass", "needs the argument 'sim'"),
        (
            "@pytest.mark.simulate(schedles=5)\nasync def test_it(sim): pass",
            "does not know schedles; it takes schedules, seed",
        ),
        (
            "@pytest.mark.simulate(5)\nasync def test_it(sim): pass",
            "does not know 5; it takes schedules, seed",
        ),
        (
            "@pytest.mark.simulate(schedules=0)\nasync def test_it(sim): pass",
            "schedules=0 runs nothing",
        ),
    ],
)
def test_wrong_use_is_told(run: Run, test: str, said: str) -> None:
    done = run(test)
    assert done.returncode == 1
    assert said in done.stdout


def test_pytest_finds_the_plugin_by_itself() -> None:
    (found,) = entry_points(group="pytest11", name="actors")
    assert found.value == "actors.plugin"


def test_a_run_without_simulations_imports_nothing_for_them() -> None:
    """Loading the plugin costs every run of pytest, also those that simulate nothing."""
    script = "import sys, pytest; before = set(sys.modules); import actors.plugin\n"
    script += "print(sorted(set(sys.modules) - before))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "['actors', 'actors.plugin']"


def test_an_expected_failure_may_say_that_an_assertion_fails(run: Run) -> None:
    expected = "\n@pytest.mark.xfail(raises=AssertionError, strict=True)"
    done = run(expected + RACE)
    assert "1 xfailed" in done.stdout, done.stdout
    done = run(expected.replace("AssertionError", "KeyError") + RACE)
    assert "1 failed" in done.stdout, done.stdout


NOT_YET = """
@pytest.fixture
def server(sim):
    return sim.serve(Agent())

@pytest.mark.simulate
async def test_it(sim, server):
    pass
"""


def test_a_fixture_that_uses_the_simulation_is_told_why_there_is_none(run: Run) -> None:
    done = run(NOT_YET)
    assert done.returncode == 1
    assert "there is no 'sim.serve' here: fixtures are made once" in done.stdout


SKIPS = """
@pytest.mark.simulate(schedules=3)
async def test_it(sim):
    pytest.skip("not today")
"""


def test_a_simulated_test_may_skip_itself(run: Run) -> None:
    assert "1 skipped" in run(SKIPS).stdout


DID_NOT_RAISE = """
@pytest.mark.simulate(schedules=30)
async def test_it(sim):
    if sim.choose(3) == 2:
        with pytest.raises(ValueError):
            sim.choose(2)
"""


def test_an_error_that_is_not_raised_is_shown_with_its_choices(run: Run) -> None:
    done = run(DID_NOT_RAISE)
    assert "DID NOT RAISE" in done.stdout
    assert "Only this run: @pytest.mark.simulate(choices=[2])" in done.stdout
