"""Whoever errs outside - a listener, a builder, an asker - harms no actor, and no other asker."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from actors.runtime import (
    ActorStopped,
    ActorSystem,
    Directive,
    Effect,
    Envelope,
    LoopClock,
    Reject,
    Stash,
    Step,
    Stop,
    Supervision,
)
from tests.runtime.puppets import (
    A,
    B,
    Do,
    Fail,
    Hold,
    Puppet,
    Release,
    Seen,
    Wake,
    World,
    spawn,
)

BOOM = Fail()
SECRET = "correct horse battery staple"


def on_loop() -> ActorSystem:
    loop = asyncio.get_running_loop()
    return ActorSystem(LoopClock(loop), loop.create_future)


# -- listeners


def test_a_listener_may_stop_the_parent_of_whom_it_hears() -> None:
    world = World()
    a, b = world.family("a", "b")
    world.system.on_dead_letter(lambda _: world.system.stop(a, ActorStopped("by a listener")))
    world.system.tell(b, Hold())
    world.system.stop(b, ActorStopped("first"))
    world.clock.run()
    assert isinstance(world.ask(a, Hold()).error, ActorStopped)
    assert world.system.leftovers() == []


def test_a_listener_may_stop_a_parent_in_the_middle_of_its_restart() -> None:
    world = World()
    world.spawn(A, Puppet(Supervision(Directive.RESTART, first=5.0)))
    world.do(A, spawn(B))
    world.system.on_dead_letter(lambda _: world.system.stop(A, ActorStopped("by a listener")))
    world.system.tell(A, BOOM)
    world.system.tell(B, Hold())
    world.clock.run()
    assert world.system.leftovers() == []
    assert [timer for timer in world.clock.timers if not timer.cancelled] == []


# -- revival


def test_a_builder_that_raises_leaves_nobody_without_an_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    built: list[Puppet] = []

    def build(_: str) -> Puppet:
        if built:
            raise ValueError(SECRET)
        built.append(Puppet())
        return built[0]

    world = World()
    world.system.register("puppet", build)
    world.ask(A, Wake())
    world.system.tell(A, Do(lambda _: (Stop(),)))
    waiting = [world.ask(A, Wake(), run=False) for _ in range(2)]
    world.clock.run()
    for answer in waiting:
        assert isinstance(answer.error, ActorStopped)
    assert world.system.dead_letters == {"cannot be revived": 2}
    assert "puppet:a cannot be revived: ValueError at" in caplog.text
    assert SECRET not in caplog.text


def test_an_heir_takes_over_more_than_its_mailbox_would_admit() -> None:
    class Tight(Puppet):
        mailbox_bound = 2

        def step(self, state: Seen, envelope: Envelope, now: int) -> Step[Seen]:
            if isinstance(envelope.message, Wake) and not lives:
                return Step(state, (Stash(),))
            return super().step(state, envelope, now)

    lives: list[str] = []
    world = World()
    world.system.register("puppet", lambda _: Tight())
    for text in range(4):
        world.tell(A, Wake(text))
    world.system.tell(A, Do(lambda _: (Stop(),)))
    world.system.tell(A, Wake(4))
    lives.append("second")
    world.clock.run()
    assert world.notes(A) == (0, 1, 2, 3, 4)
    assert not world.system.dead_letters


# -- askers


@pytest.mark.parametrize("error", [StopIteration(SECRET), "text", asyncio.CancelledError(SECRET)])
@pytest.mark.parametrize("ending", [False, True])
async def test_an_answer_that_no_await_can_raise_is_an_error_all_the_same(
    error: Any, ending: bool, caplog: pytest.LogCaptureFixture
) -> None:
    class Rejecting(Puppet):
        def stopped(self, state: Seen, _: Exception) -> tuple[Effect, ...]:
            return tuple(Reject(to, error) for to in state.held)

        @staticmethod
        def release(state: Seen) -> tuple[Effect, ...]:
            return tuple(Reject(to, error) for to in state.held)

    system = on_loop()
    system.spawn(A, Rejecting())
    asking = asyncio.ensure_future(system.ask(A, Hold()))
    await asyncio.sleep(0)
    system.tell(A, BOOM if ending else Release())
    with pytest.raises(RuntimeError, match=f"rejected with a {type(error).__name__}") as raised:
        await asking
    assert SECRET not in str(raised.value) + caplog.text
    assert system.alive(A) is not ending
    system.shutdown(ActorStopped("the end"))


async def test_an_asker_whose_callback_raises_harms_nobody_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(_: object) -> None:
        raise ValueError(SECRET)

    system = on_loop()
    system.spawn(A, Puppet())
    gone = asyncio.ensure_future(system.ask(A, Hold(), undelivered=broken))
    there = asyncio.ensure_future(system.ask(A, Hold()))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    system.tell(A, Release())
    assert await there == "released"
    assert system.alive(A)
    assert "undelivered of an ask to puppet:a raised: ValueError at" in caplog.text
    assert SECRET not in caplog.text
    system.shutdown(ActorStopped("the end"))
