"""The same actors on asyncio, on uvloop, and on two loops one after another."""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from actors.runtime import (
    RESTART,
    Actor,
    ActorCrashed,
    ActorRef,
    ActorStopped,
    ActorSystem,
    AskTimeout,
    Effect,
    Envelope,
    LoopClock,
    StartTimer,
    Step,
    Tell,
)
from actors.runtime.dispatcher import LOOK, TURN_MESSAGES, TURN_SECONDS
from tests.runtime.puppets import A, Alarm, B, Do, Fail, Hold, Note, Puppet, Ref, Show, World, spawn

Factory = Callable[[], asyncio.AbstractEventLoop]


def uvloop_loop() -> asyncio.AbstractEventLoop:
    if sys.platform == "win32":
        pytest.skip("uvloop does not run on Windows")
    import uvloop

    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


FACTORIES: list[Factory] = [asyncio.new_event_loop, uvloop_loop]


async def play() -> list[object]:
    """A bit of everything that needs a loop; returns what was seen."""
    loop = asyncio.get_running_loop()
    system = ActorSystem(LoopClock(loop), loop.create_future)
    seen: list[object] = [type(loop).__module__.partition(".")[0]]
    system.spawn(A, Puppet(RESTART))
    system.tell(A, Do(lambda _: (spawn(B), StartTimer("t", 0.001, Do(lambda _: (note,))))))
    note = Tell(B, Note("timer"))
    for number in range(3):
        system.tell(A, Note(number))
    seen.append(await system.ask(A, Show()))
    notes: tuple[object, ...] = ()
    while not notes:
        notes = await system.ask(B, Show())
    seen.append(notes)
    for message in (Fail(), Hold()):
        try:
            await system.ask(A, message, timeout=0.005)
        except (ActorCrashed, AskTimeout) as error:
            seen.append(type(error).__name__)
    system.shutdown(ActorStopped("the end"))
    seen.append(system.leftovers())
    return seen


SEEN = [(0, 1, 2), ("timer",), "ActorCrashed", "AskTimeout", []]


@pytest.mark.parametrize("factory", FACTORIES, ids=["asyncio", "uvloop"])
def test_actors_do_the_same_on_either_loop(factory: Factory) -> None:
    with asyncio.Runner(loop_factory=factory) as runner:
        seen = runner.run(play())
    assert seen[0] == ("uvloop" if factory is uvloop_loop else "asyncio")
    assert seen[1:] == SEEN


def test_one_loop_after_another() -> None:
    for factory in (*FACTORIES, *FACTORIES):
        with asyncio.Runner(loop_factory=factory) as runner:
            assert runner.run(play())[1:] == SEEN


async def test_actors_run_in_nobodys_context() -> None:
    owner = contextvars.ContextVar("owner", default="nobody")
    seen: list[str] = []
    loop = asyncio.get_running_loop()
    system = ActorSystem(LoopClock(loop), loop.create_future)
    system.spawn(A, Puppet())
    owner.set("alice")

    def look(_: Envelope) -> tuple[Effect, ...]:
        seen.append(owner.get())
        return ()

    system.tell(A, Do(look))
    await system.ask(A, Show())
    assert seen == ["nobody"]
    system.shutdown(ActorStopped("the end"))


class Relay(Actor[int]):
    """Passes a message on and on."""

    def __init__(self, to: Ref) -> None:
        self.to = to

    def start(self) -> Step[int]:
        return Step(0)

    def step(self, state: int, envelope: Envelope, now: int) -> Step[int]:
        return Step(state + 1, (Tell(self.to, Alarm()),) if state < 10_000 else ())


async def test_busy_actors_give_the_loop_back_after_each_turn() -> None:
    loop = asyncio.get_running_loop()
    system = ActorSystem(LoopClock(loop), loop.create_future)
    ping: Ref = ActorRef("relay", "ping")
    pong: Ref = ActorRef("relay", "pong")
    system.spawn(ping, Relay(pong))
    system.spawn(pong, Relay(ping))
    system.tell(ping, Alarm())
    before = 0
    while before < 2_000:
        await asyncio.sleep(0)
        after = sum(cell.state or 0 for cell in system.cells.values())
        assert after - before <= TURN_MESSAGES
        before = after
    system.shutdown(ActorStopped("the end"))


def test_a_slow_actor_gives_way_in_the_middle_of_its_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.spawn(A)
    world.spawn(B)
    order: list[str] = []

    def slow(_: Envelope) -> tuple[Effect, ...]:
        order.append("slow")
        world.clock.time += TURN_SECONDS
        return ()

    def quick(_: Envelope) -> tuple[Effect, ...]:
        order.append("quick")
        return ()

    time = SimpleNamespace(monotonic=world.clock.monotonic)
    monkeypatch.setattr("actors.runtime.dispatcher.time", time)
    for _ in range(LOOK + 1):
        world.system.tell(A, Do(slow))
    world.system.tell(B, Do(quick))
    world.clock.soon.popleft()()
    assert order == ["slow"] * LOOK, "the turn has ended"
    world.clock.run()
    assert order == [*["slow"] * LOOK, "quick", "slow"]
