"""The actor system: delivery, asks, crashes, timers, passivation; no task of ours in sight."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import ClassVar

import pytest

from actors.runtime import (
    RESUME,
    Actor,
    ActorCrashed,
    ActorRef,
    ActorStopped,
    ActorSystem,
    AskTimeout,
    CancelTimer,
    Effect,
    Envelope,
    Lane,
    LoopClock,
    MailboxFull,
    Message,
    Overflow,
    Reply,
    Spawn,
    StartTimer,
    Step,
    Stop,
    Tell,
)
from actors.runtime.mailbox import Mailbox
from tests.manual import Answer, ManualClock, no_futures


@dataclass(frozen=True, slots=True)
class Add(Message):
    revives: ClassVar[bool] = True
    number: int


@dataclass(frozen=True, slots=True)
class Total(Message):
    revives: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Urgent(Message):
    lane: ClassVar[Lane] = Lane.SYSTEM


@dataclass(frozen=True, slots=True)
class Break(Message):
    pass


@dataclass(frozen=True, slots=True)
class Rest(Message):
    overflow: ClassVar[Overflow] = Overflow.ADMIT


@dataclass(frozen=True, slots=True)
class Later(Message):
    seconds: float


@dataclass(frozen=True, slots=True)
class Never(Message):
    pass


Numbers = tuple[object, ...]


class Adder(Actor[Numbers]):
    """Notes what it gets; `Break` crashes it."""

    def start(self) -> Step[Numbers]:
        return Step(())

    def step(self, state: Numbers, envelope: Envelope, now: int) -> Step[Numbers]:
        match envelope.message:
            case Add(number):
                return Step((*state, number))
            case Urgent():
                return Step((*state, "urgent"))
            case Total():
                assert envelope.reply_to is not None
                return Step(state, (Reply(envelope.reply_to, state),))
            case Rest():
                return Step(state, (Stop(),))
            case Later(seconds):
                return Step(state, (StartTimer("later", seconds, Urgent()),))
            case Never():
                return Step(state, (CancelTimer("later"),))
            case _:
                raise RuntimeError("broken as asked")

    def stopped(self, state: Numbers, error: Exception) -> tuple[Effect, ...]:
        return (Tell(LOG, Add(len(state))),)


class Sturdy(Adder):
    supervision = RESUME


ADDER: ActorRef[Message] = ActorRef("adder", "1")
LOG: ActorRef[Message] = ActorRef("log", "")


@pytest.fixture
async def system() -> AsyncIterator[ActorSystem]:
    loop = asyncio.get_running_loop()
    made = ActorSystem(LoopClock(loop), loop.create_future)
    made.spawn(LOG, Sturdy())
    made.spawn(ADDER, Adder())
    yield made
    made.shutdown(ActorStopped("end of the test"))


async def test_messages_arrive_in_order_and_the_system_lane_goes_first(system: ActorSystem) -> None:
    system.tell(ADDER, Add(1))
    system.tell(ADDER, Add(2))
    system.tell(ADDER, Urgent())
    assert await system.ask(ADDER, Total()) == ("urgent", 1, 2)


async def test_a_chatty_actor_does_not_starve_another(system: ActorSystem) -> None:
    for number in range(1000):
        system.tell(ADDER, Add(number))
    first = asyncio.create_task(system.ask(ADDER, Total()))
    await asyncio.sleep(0)
    assert await system.ask(LOG, Total()) == ()
    assert not first.done()
    assert len(await first) == 1000


async def test_a_crash_answers_the_ask_and_stops_the_actor(
    system: ActorSystem, caplog: pytest.LogCaptureFixture
) -> None:
    system.tell(ADDER, Add(70_707))  # unlike any line number that the report may name
    broken = asyncio.create_task(system.ask(ADDER, Break()))
    behind = asyncio.create_task(system.ask(ADDER, Total()))
    for ask in (broken, behind):
        with pytest.raises(ActorCrashed):
            await ask
    assert not system.alive(ADDER)
    assert await system.ask(LOG, Total()) == (1,), "stopped() saw the last good state"
    (record,) = caplog.records
    assert "adder:1 crashed on Break" in record.message
    assert "70707" not in record.message, "no payload in a crash report"


async def test_resume_keeps_the_state_from_before_the_crash(system: ActorSystem) -> None:
    system.tell(LOG, Add(1))
    with pytest.raises(ActorCrashed):
        await system.ask(LOG, Break())
    assert await system.ask(LOG, Total()) == (1,)


async def test_an_ask_of_nobody_and_an_ask_that_takes_too_long(system: ActorSystem) -> None:
    with pytest.raises(ActorStopped, match="no actor at adder:2"):
        await system.ask(ActorRef("adder", "2"), Total())
    with pytest.raises(AskTimeout, match="Add by adder:1"):
        await system.ask(ADDER, Add(1), timeout=0.001)
    assert system.dead_letters == {"no such actor": 1}


async def test_a_full_mailbox_refuses_requests_and_nothing_else(system: ActorSystem) -> None:
    for _ in range(1024):
        system.tell(ADDER, Add(0))
    system.tell(ADDER, Rest())
    with pytest.raises(MailboxFull):
        await system.ask(ADDER, Add(1))
    assert system.dead_letters["overflow"] == 1


async def test_passivation_and_revival(system: ActorSystem) -> None:
    system.register("adder", lambda _: Adder())
    system.tell(ADDER, Add(1))
    system.tell(ADDER, Rest())
    system.tell(ADDER, Add(2))
    system.tell(ADDER, Break())
    total = await system.ask(ADDER, Total())
    assert total == (2,), "what waited behind the passivation found the successor"
    assert system.dead_letters == {"receiver stopped": 1}, "Break revives nobody"


def test_timers_fire_are_replaced_and_cancelled() -> None:
    clock = ManualClock()
    system = ActorSystem(clock, no_futures)
    system.spawn(ADDER, Adder())

    def total() -> Numbers:
        answer = Answer()
        system.tell(ADDER, Total(), answer)
        clock.run()
        got: Numbers = answer.value
        return got

    system.tell(ADDER, Later(1.0))
    system.tell(ADDER, Later(5.0))
    clock.run()
    clock.advance(2.0)
    assert total() == ()
    clock.advance(4.0)
    assert total() == ("urgent",)
    system.tell(ADDER, Later(1.0))
    system.tell(ADDER, Never())
    clock.run()
    clock.advance(9.0)
    assert total() == ("urgent",)


async def test_two_actors_cannot_share_an_address(system: ActorSystem) -> None:
    with pytest.raises(ValueError, match="adder:1"):
        system.spawn(ADDER, Adder())


async def test_shutdown_answers_everyone(system: ActorSystem) -> None:
    asks = [asyncio.create_task(system.ask(ref, Total())) for ref in (ADDER, LOG)]
    await asyncio.sleep(0)
    system.shutdown(ActorStopped("closing"))
    for ask in asks:
        try:
            await ask
        except ActorStopped:
            continue
    assert system.refs() == []


def test_the_mailbox_shows_itself() -> None:
    box = Mailbox(bound=1)
    assert box.put(Envelope(Add(1)))
    assert not box.put(Envelope(Add(2)))
    assert repr(box) == "<Mailbox system=0 normal=1 bound=1>"
    assert Spawn(ADDER, Adder).ref is ADDER
    assert [envelope.message for envelope in box.drain()] == [Add(1)]
    assert len(box) == 0
