"""Draining: phases in order, one deadline, and a report of who did not answer."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator

import pytest

from actors.runtime import (
    ActorRef,
    ActorStopped,
    ActorSystem,
    DrainReport,
    LoopClock,
    Phase,
    Tell,
    drain,
)
from tests.runtime.puppets import A, B, Do, Hold, Note, Puppet, Ref, Release, Show

GONE: Ref = ActorRef("puppet", "gone")


@pytest.fixture
async def system() -> AsyncIterator[ActorSystem]:
    loop = asyncio.get_running_loop()
    made = ActorSystem(LoopClock(loop), loop.create_future)
    made.spawn(A, Puppet())
    made.spawn(B, Puppet())
    yield made
    made.shutdown(ActorStopped("the end"))
    assert made.leftovers() == []


async def test_phases_follow_one_another_and_everybody_is_asked(system: ActorSystem) -> None:
    system.tell(A, Do(lambda _: (Tell(B, Note("flows on")),)))
    found: list[list[Ref]] = []

    def refs() -> list[Ref]:
        found.append(system.refs())
        return [*found[-1], GONE]

    first, second = Phase("first", refs, Show), Phase("second", lambda: [B], Show)
    report = await drain(system, [first, second], 5.0)
    assert report == DrainReport(("first", "second"))
    assert report.complete
    assert found == [[A, B]]
    assert await system.ask(B, Show()) == ("flows on",)


async def test_who_does_not_answer_ends_the_drain_and_is_named(system: ActorSystem) -> None:
    phases = [
        Phase("well", lambda: [A], Show),
        Phase("stuck", lambda: [A, B], Hold),
        Phase("never", lambda: [B], Show),
    ]
    release = asyncio.get_running_loop().call_soon(lambda: None)
    report = await drain(system, phases, 0.02)
    release.cancel()
    assert report == DrainReport(("well",), (("stuck", A), ("stuck", B)), ("never",))
    assert not report.complete


async def test_one_of_a_phase_may_be_late(system: ActorSystem) -> None:
    draining = asyncio.create_task(drain(system, [Phase("both", lambda: [A, B], Hold)], 5.0))
    for _ in range(5):
        await asyncio.sleep(0)
    system.tell(A, Release())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not draining.done()
    system.tell(B, Release())
    assert (await draining).complete


async def test_without_time_nobody_is_asked(system: ActorSystem) -> None:
    report = await drain(system, [Phase("first", lambda: [A], Hold)], 0.0)
    assert report == DrainReport((), (), ("first",))
    assert not system.cells[A].mailbox


async def test_who_is_too_busy_to_hear_of_the_drain_has_not_answered(system: ActorSystem) -> None:
    class Full(Puppet):
        mailbox_bound = 0

    full: Ref = ActorRef("puppet", "full")
    system.spawn(full, Full())
    report = await drain(system, [Phase("first", lambda: [full], Hold)], 5.0)
    assert report == DrainReport((), (("first", full),))


@pytest.mark.parametrize("seconds", [math.inf, -math.inf, math.nan])
async def test_a_drain_that_may_last_for_ever_is_refused(
    system: ActorSystem, seconds: float
) -> None:
    with pytest.raises(ValueError, match="finite number of seconds; found"):
        await drain(system, [Phase("first", lambda: [A], Show)], seconds)
