"""Faults of a simulated server: what a crash leaves, what the storage does, what is refused."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from a2a.server.tasks import TaskUpdater

from actors.a2a.errors import DrainingError
from actors.a2a.handler import RequestHandler
from actors.runtime import ActorStopped
from actors.runtime.journal.errors import JournalCorrupt
from actors.runtime.journal.projection import Projection
from actors.simulation import FaultPlan, Simulation, simulate
from actors.simulation import trace as seen
from actors.simulation.choices import Recorded, Seeded
from actors.simulation.chosen import ChosenJournal
from actors.simulation.generic import conversation
from actors.simulation.process import Disconnected
from actors.simulation.sandbox import UserScenario
from actors.simulation.search import run
from actors.simulation.server import Server
from tests.simulation.users import ONE_CRASH, Agent, a_conversation, failure


class Holds(Agent):
    """Holds a lock while it works, and lets somebody know when it has let go."""

    def __init__(self, then: Server | None = None) -> None:
        self.held = False
        self.then = then

    async def work(self, updater: TaskUpdater) -> None:
        self.held = True
        try:
            await asyncio.sleep(5)
        finally:
            self.held = False
            if self.then is not None:
                await self.then.send("I have let go")


class Stubborn(Agent):
    """Does not let itself be cancelled."""

    async def work(self, updater: TaskUpdater) -> None:
        while True:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(50)
                return


async def crash_at_work(server: Server, survives: str = "nothing") -> None:
    """Send a message, and crash the server one second later."""
    asked = asyncio.ensure_future(server.send("work"))
    await asyncio.sleep(1)
    server.crash(survives)
    with pytest.raises(Disconnected):
        await asked
    await asyncio.sleep(10)


def test_a_lock_held_by_a_killed_run_stays_held() -> None:
    async def killed(sim: Simulation) -> None:
        agent = Holds()
        await crash_at_work(sim.serve(agent))
        assert agent.held

    assert simulate(killed, schedules=1).failure is None


def test_the_dead_send_nothing_to_other_servers() -> None:
    async def killed(sim: Simulation) -> None:
        other = sim.serve(Agent())
        await crash_at_work(sim.serve(Holds(other)))
        assert other.journal.logs() == []

    assert simulate(killed, schedules=1).failure is None


def test_a_killed_run_that_cannot_be_cancelled_is_no_leftover() -> None:
    async def killed(sim: Simulation) -> None:
        await crash_at_work(sim.serve(Stubborn()))

    assert simulate(killed, schedules=1).failure is None


def test_nothing_is_written_into_a_trace_after_its_end() -> None:
    async def killed(sim: Simulation) -> None:
        await crash_at_work(sim.serve(Holds(sim.serve(Agent()))))

    trace = UserScenario(name="killed", life=killed)(Recorded())
    assert isinstance(trace.entries[-1], seen.Quiet)


def test_a_crash_leaves_of_an_append_under_way_what_it_is_told_to() -> None:
    async def left(sim: Simulation, survives: str) -> None:
        server = sim.serve(Agent())
        asked = asyncio.ensure_future(server.send("work"))
        while not server.store.storing.under_way:  # noqa: ASYNC110 - a step of the loop at a time
            await asyncio.sleep(0)
        server.crash(survives)
        with pytest.raises(Disconnected):
            await asked
        found[survives] = len(server.journal.logs()), server.journal.torn > 0

    found: dict[str, tuple[int, bool]] = {}
    for survives in ("nothing", "all", "torn"):
        scenario = UserScenario(name="left", life=partial(left, survives=survives))
        assert not list(scenario(Recorded()).all(seen.Broke))
    assert found == {"nothing": (0, False), "all": (1, False), "torn": (0, True)}


def test_a_crash_cannot_leave_what_no_disk_does() -> None:
    async def wrong(sim: Simulation) -> None:
        server = sim.serve(Agent())
        with pytest.raises(ValueError, match=r"'half'.*'nothing', 'all', 'torn'"):
            server.crash("half")
        assert server.process.name == "n1"

    assert simulate(wrong, schedules=1).failure is None


def faulty(plan: FaultPlan, schedules: int) -> list[Any]:
    """What went wrong in runs of a conversation, none of which fails."""
    scenario = UserScenario(name="faulty", life=conversation(Agent, ("hello", "again")), plan=plan)
    entries: list[Any] = []
    for seed in range(schedules):
        outcome = run(scenario, Seeded(seed))
        assert outcome.violations == ()
        entries += outcome.trace.entries
    return entries


def test_crashes_that_strike_by_chance_leave_now_this_now_that() -> None:
    crashes = [each for each in faulty(ONE_CRASH, 150) if isinstance(each, seen.Crashed)]
    assert {each.survived for each in crashes} == {"nothing", "all", "torn"}


def test_reads_fail_and_the_storage_goes_away() -> None:
    away = faulty(FaultPlan.only(outages=1), 60)
    assert any(isinstance(each, seen.StorageAway) for each in away)
    assert any(isinstance(each, seen.Refused) for each in away)
    refused = [each for each in faulty(FaultPlan.only(reads=1), 60) if _refused(each)]
    assert refused


def _refused(entry: object) -> bool:
    return isinstance(entry, seen.Answered) and entry.error is not None


@pytest.mark.parametrize("kind", ["pauses", "webhooks"])
def test_faults_that_servers_do_not_have_are_refused(kind: str) -> None:
    with pytest.raises(ValueError, match=rf"no {kind} to simulate; pass {kind}=0"):
        simulate(a_conversation, faults=FaultPlan.only(**{kind: 1}))


def test_there_are_no_fewer_faults_than_none() -> None:
    with pytest.raises(ValueError, match="crashes=-1 is no number of faults: pass 0 or more"):
        FaultPlan(crashes=-1)


@pytest.mark.parametrize(
    "error", [DrainingError("going"), ActorStopped("closed"), Disconnected("gone")]
)
def test_a_start_that_a_close_or_a_crash_overtakes_is_no_defect(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async def overtaken(_: RequestHandler) -> None:
        raise error

    async def begun(sim: Simulation) -> None:
        sim.serve(Agent())
        await sim.quiet()

    monkeypatch.setattr(RequestHandler, "start", overtaken)
    assert simulate(begun, schedules=1).failure is None


def test_a_server_that_cannot_start_breaks_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(_: ChosenJournal, *__: Projection) -> None:
        raise JournalCorrupt("damaged")

    async def begun(sim: Simulation) -> None:
        sim.serve(Agent())
        await sim.quiet()

    monkeypatch.setattr(ChosenJournal, "open", damaged)
    assert "a server did not start: InternalError: " in str(failure(begun, schedules=1))
