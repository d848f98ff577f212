"""`simulate`: what it finds in users' agents and actors, how it repeats it, and what it refuses."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections import Counter
from itertools import count
from pathlib import Path

import pytest
from a2a.types import Task, TaskState
from a2a.utils.errors import A2AError
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.simulation import (
    Disconnected,
    FaultPlan,
    NotRepeatable,
    Recorded,
    Simulation,
    SimulationFailed,
    simulate,
)
from actors.simulation.choices import Drawn
from actors.simulation.generic import conversation
from actors.simulation.scenarios import SCENARIOS
from actors.simulation.search import run
from actors.task.policy import Policy
from tests.cli.agents import Clerk
from tests.simulation.users import (
    COMPLETED,
    TILL,
    Agent,
    Clocked,
    Interrupted,
    Leaves,
    Look,
    Slow,
    Take,
    Threaded,
    Tickets,
    Till,
    a_conversation,
    two_customers,
)

ROOT = Path(__file__).parents[2]
FAILED = TaskState.TASK_STATE_FAILED
ONE_CRASH = FaultPlan.only(crashes=1)


def failure(scenario: object, **options: object) -> SimulationFailed:
    with pytest.raises(SimulationFailed) as caught:
        simulate(scenario, **options)  # type: ignore[arg-type] # as the tests pass it
    return caught.value


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
    assert told == list(range(1, 40))
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


# -- what is refused, and what is left


def test_a_trapped_call_is_named_with_its_place() -> None:
    async def clocked(sim: Simulation) -> None:
        await sim.serve(Clocked()).send("what time is it?")

    text = str(failure(clocked))
    assert "time.time() was called in a simulation, at users.py:" in text
    assert simulate(clocked, schedules=2, traps=False).failure is None


def test_a_trapped_call_that_the_scenario_makes_raises_there() -> None:
    async def clocked(sim: Simulation) -> None:
        import uuid

        with pytest.raises(NotRepeatable):
            uuid.uuid4()

    assert "uuid.uuid4() was called in a simulation" in str(failure(clocked))


def test_a_trapped_call_of_one_schedule_is_not_that_of_another() -> None:
    """The simplest run that fails is one in which the call is made."""

    async def sometimes(sim: Simulation) -> None:
        if sim.choose(2):
            await sim.serve(Clocked()).send("what time is it?")

    assert failure(sometimes, schedules=20).failure.choices == [1]


def test_every_schedule_begins_with_the_same_chance() -> None:
    """Ids that libraries draw are few: they depend on the order of the draws only."""
    ids: list[str] = []

    async def begun(sim: Simulation) -> None:
        answer = await sim.serve(Agent()).send("hello")
        assert isinstance(answer, Task)
        ids.append(answer.id)

    simulate(begun, schedules=30)
    assert len(ids) == 30
    assert len(set(ids)) < 5


def test_a_thread_is_refused_by_name() -> None:
    agent = Threaded()

    async def threaded(sim: Simulation) -> None:
        await sim.serve(agent).send("hello")

    simulate(threaded, schedules=2)
    assert "no run_in_executor (asyncio.to_thread" in agent.refusal


def test_an_asyncio_task_that_an_agent_leaves_is_named() -> None:
    async def leaving(sim: Simulation) -> None:
        await sim.serve(Leaves()).send("hello")

    text = str(failure(leaving))
    assert "invariant 31 (nothing_is_left)" in text
    assert "asyncio task forgotten" in text


def test_somebody_who_waits_for_ever_is_named() -> None:
    async def waiting(sim: Simulation) -> None:
        await asyncio.gather(asyncio.create_task(asyncio.Event().wait(), name="the hopeful"))

    text = str(failure(waiting))
    assert "nothing more can happen" in text
    assert "'the hopeful'" in text


def test_a_reader_of_a_stream_that_has_no_end_is_named_too() -> None:
    async def reading(sim: Simulation) -> None:
        server = sim.serve(Clerk())
        asked = await server.send("hello")
        assert isinstance(asked, Task)
        async for _ in server.subscribe(asked.id):
            pass

    text = str(failure(reading, schedules=1))
    assert "nothing more can happen in 5184000 virtual seconds" in text
    assert "n1 subscribe q2" in text


def test_a_scenario_that_never_ends_is_stopped() -> None:
    async def circling(sim: Simulation) -> None:
        for _ in count():
            await asyncio.sleep(0)

    assert "RunsInCircles" in str(failure(circling))


# -- time


def test_two_hours_pass_at_once_and_no_request_is_late_for_them() -> None:
    async def slow(sim: Simulation) -> None:
        began = asyncio.get_running_loop().time()
        answer = await sim.serve(Slow()).send("work")
        assert isinstance(answer, Task)
        assert answer.status.state == COMPLETED
        assert asyncio.get_running_loop().time() - began >= 7_200

    assert simulate(slow, schedules=30).failure is None


def test_a_server_is_slow_but_never_so_slow_that_a_request_misses_its_deadline() -> None:
    async def looked_up(sim: Simulation) -> None:
        server = sim.serve(Tickets())
        answer = await server.send("a")
        assert isinstance(answer, Task)
        await asyncio.sleep(3_600)
        assert (await server.get(answer.id)).status.state == COMPLETED

    assert simulate(looked_up, schedules=200).failure is None


async def _ten_steps() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_quiet_is_when_everything_but_time_has_happened() -> None:
    async def quiet(sim: Simulation) -> None:
        server = sim.serve(Slow())
        first = await server.send("work", immediately=True)
        assert isinstance(first, Task)
        steps = asyncio.create_task(_ten_steps())
        await sim.quiet()
        assert steps.done()
        assert sim.loop.ready == []
        assert (await server.get(first.id)).status.state != COMPLETED
        await asyncio.sleep(7_300)
        assert (await server.get(first.id)).status.state == COMPLETED

    assert simulate(quiet, schedules=20).failure is None


# -- actors


async def two_tills(sim: Simulation) -> None:
    """Two who look, then take what they have seen; in order, one after the other."""
    system = sim.system()
    system.spawn(TILL, Till())

    async def take() -> None:
        if await system.ask(TILL, Look()) >= 10:
            system.tell(TILL, Take(10))

    await asyncio.gather(take(), take())
    assert await system.ask(TILL, Look()) >= 0, "overdrawn"


def test_a_race_between_askers_of_an_actor_of_ones_own_is_found() -> None:
    assert "overdrawn" in str(failure(two_tills, schedules=50))


def test_timers_of_an_actor_of_ones_own_fire_in_virtual_time() -> None:
    async def a_month(sim: Simulation) -> None:
        system = sim.system()
        system.spawn(TILL, Till())
        assert await system.ask(TILL, Look()) == 10
        await asyncio.sleep(29 * 86_400)
        assert await system.ask(TILL, Look()) == 10
        await asyncio.sleep(86_401)
        assert await system.ask(TILL, Look()) == 9

    assert simulate(a_month, schedules=20).failure is None


# -- any agent


@pytest.mark.parametrize("agent", [Agent, Tickets, Slow])
@pytest.mark.parametrize("plan", [FaultPlan.none(), ONE_CRASH])
def test_two_clients_may_do_anything_to_a_sound_agent(agent: type[Agent], plan: FaultPlan) -> None:
    report = simulate(conversation(agent, ("hello", "again")), schedules=40, faults=plan)
    assert report.schedules == 40
    assert report.exercised[23] > 20


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
