"""The sandbox of a user's scenario: what it refuses, what it finds left over, and its time."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable
from itertools import count

import pytest
from a2a.types import Task

from actors.simulation import FaultPlan, NotRepeatable, Simulation, SimulationFailed, simulate
from actors.simulation.generic import conversation
from actors.simulation.sandbox import Life
from actors.simulation.timers import COMPACT
from tests.cli.agents import Clerk
from tests.simulation.users import (
    COMPLETED,
    ONE_CRASH,
    TILL,
    Agent,
    Clocked,
    Leaves,
    Look,
    Slow,
    Take,
    Threaded,
    Tickets,
    Till,
    failure,
)

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


# -- what is a failure, and what is none


async def _expects_an_error(sim: Simulation) -> None:
    if sim.choose(3) == 2:
        with pytest.raises(ValueError, match="never"):
            sim.choose(2)


async def _fails_by_word(sim: Simulation) -> None:
    if sim.choose(3) == 2:
        sim.choose(2)
        pytest.fail("no good")


async def _is_cancelled(sim: Simulation) -> None:
    if sim.choose(3) == 2:
        raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("life", "said"),
    [
        (_expects_an_error, "Failed: DID NOT RAISE"),
        (_fails_by_word, "Failed: no good (test_sandbox.py:"),
        (_is_cancelled, "CancelledError"),
    ],
)
def test_what_is_no_exception_fails_too_and_is_made_simple(life: Life, said: str) -> None:
    found = failure(life, schedules=50)
    assert said in found.failure.violations[0].text
    assert found.failure.seed is not None
    assert found.failure.choices == [2]


@pytest.mark.parametrize("outcome", [pytest.skip, pytest.xfail])
def test_a_scenario_may_be_skipped(outcome: Callable[[str], None]) -> None:
    async def life(sim: Simulation) -> None:
        outcome("not here")

    with pytest.raises(BaseException, match="not here") as raised:
        simulate(life, schedules=3)
    assert not isinstance(raised.value, SimulationFailed)


def test_an_exception_in_a_task_that_nobody_awaits_is_named() -> None:
    async def raises() -> None:
        raise ValueError("in the background")

    async def life(sim: Simulation) -> None:
        task = asyncio.create_task(raises(), name="the lost")
        await asyncio.wait([task])

    assert "task the lost raised ValueError('in the background')" in str(failure(life))


def test_an_exception_that_somebody_has_asked_for_is_nothing_left() -> None:
    async def raises() -> None:
        raise ValueError("asked for")

    async def life(sim: Simulation) -> None:
        task = asyncio.create_task(raises())
        await asyncio.wait([task])
        assert isinstance(task.exception(), ValueError)
        await asyncio.gather(raises(), raises(), return_exceptions=True)

    assert simulate(life, schedules=20).failure is None


def test_an_async_generator_that_is_left_by_break_unwinds() -> None:
    closed: list[str] = []

    async def numbers() -> AsyncGenerator[int, None]:
        try:
            for number in count():
                yield number
        finally:
            await asyncio.sleep(1)
            closed.append("after a second")

    async def life(sim: Simulation) -> None:
        closed.clear()
        async for _ in numbers():
            break
        await asyncio.sleep(60)
        assert closed == ["after a second"]

    hooks = sys.get_asyncgen_hooks()
    assert simulate(life, schedules=20).failure is None
    assert sys.get_asyncgen_hooks() == hooks


def test_cancelled_timers_do_not_pile_up() -> None:
    kept: list[int] = []

    async def life(sim: Simulation) -> None:
        kept.clear()
        for number in range(1_000):
            asyncio.get_running_loop().call_later(3_600 + number, print).cancel()
            kept.append(len(sim.loop._timers))
        assert await asyncio.wait_for(asyncio.sleep(1, "slept"), 2) == "slept"

    assert simulate(life, schedules=1).failure is None
    assert max(kept) <= COMPACT + 1


def test_timers_that_are_kept_fire_in_order_beside_those_that_are_cancelled() -> None:
    async def life(sim: Simulation) -> None:
        fired: list[int] = []
        loop = asyncio.get_running_loop()
        timers = [loop.call_later(1 + number % 7, fired.append, number) for number in range(300)]
        for number, timer in enumerate(timers):
            if number % 3:
                timer.cancel()
        await asyncio.sleep(10)
        assert fired == sorted(range(0, 300, 3), key=lambda number: number % 7)

    assert simulate(life, schedules=1).failure is None
