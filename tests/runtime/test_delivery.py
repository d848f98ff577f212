"""Delivery: deadlines, traces, one answer each, what becomes of what nobody can take."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from actors.runtime import (
    ActorCrashed,
    ActorStopped,
    ActorSystem,
    AskTimeout,
    DeadLetterNotice,
    Effect,
    LoopClock,
    MailboxFull,
    Message,
    Overflow,
    Reply,
    Spawn,
    StartTimer,
    Tell,
    UnexpectedMessage,
)
from actors.runtime.clock import TimerHandle
from actors.runtime.message import Envelope
from tests.manual import Answer
from tests.runtime.puppets import (
    A,
    Alarm,
    B,
    Do,
    Fail,
    Hold,
    Note,
    Puppet,
    Release,
    Show,
    World,
    spawn,
)

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Timed(Answer):
    """An answer that is expected by a time."""

    deadline = 1_007.0


class Recorder(ActorSystem):
    """Notes the envelope of each told message."""

    seen: list[tuple[str, float, str]]

    def tell(self, ref: Any, message: Any, *args: Any, **more: Any) -> None:
        told = (type(message).__name__, more.get("deadline", 0.0), more.get("trace", ""))
        self.seen.append(told)
        super().tell(ref, message, *args, **more)


@pytest.fixture
async def live() -> AsyncIterator[ActorSystem]:
    loop = asyncio.get_running_loop()
    system = ActorSystem(LoopClock(loop), loop.create_future)
    system.spawn(A, Puppet())
    yield system
    system.shutdown(ActorStopped("the end"))


def recorded() -> World:
    world = World()
    world.system.shutdown(ActorStopped("replaced"))
    world.system = Recorder(world.clock, lambda: pytest.fail("asks with Answer only"))
    world.system.seen = []
    return world


def seen(world: World) -> list[tuple[str, float, str]]:
    assert isinstance(world.system, Recorder)
    return world.system.seen


def test_after_its_deadline_a_message_is_a_dead_letter() -> None:
    world = World()
    world.spawn(A)
    soon = world.clock.monotonic() + 1.0
    world.ask(A, Hold(), run=False, deadline=soon)
    world.ask(A, Hold(), run=False, deadline=soon + 5.0)
    world.clock.time += 2.0
    world.clock.run()
    assert world.system.dead_letters == {"deadline passed": 1}
    assert len(world.system.cells[A].state.held) == 1


def test_effects_inherit_the_trace_and_a_handed_on_ask_its_deadline() -> None:
    world = recorded()
    world.spawn(B)
    world.spawn(A)
    other = Timed()

    def effects(envelope: Envelope) -> tuple[Effect, ...]:
        hands_on = Tell(B, Hold(), envelope.reply_to)
        child = Puppet(begin=lambda: (Tell(B, Alarm("from a start")),))
        timer = StartTimer("t", 1.0, Do(lambda _: (Tell(B, Show()),)))
        return (Tell(B, Note()), hands_on, Tell(B, Release(), other), spawn_c(child), timer)

    def spawn_c(child: Puppet) -> Spawn:
        return spawn(B._replace(id="c"), child)

    world.ask(A, Do(effects), deadline=2_000.0, trace=TRACE)
    world.clock.advance(2.0)
    assert seen(world)[1:] == [
        ("Note", 0.0, TRACE),
        ("Hold", 2_000.0, TRACE),
        ("Release", Timed.deadline, TRACE),
        ("Alarm", 0.0, TRACE),
        ("Show", 0.0, TRACE),
    ]


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.inf, math.nan])
async def test_every_ask_has_a_finite_timeout(live: ActorSystem, wrong: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        await live.ask(A, Show(), timeout=wrong)


async def test_second_and_late_answers_are_counted_by_reason(live: ActorSystem) -> None:
    heard: list[DeadLetterNotice] = []
    live.on_dead_letter(heard.append)

    def twice(envelope: Envelope) -> tuple[Effect, ...]:
        assert envelope.reply_to is not None
        return (Reply(envelope.reply_to, 1), Reply(envelope.reply_to, "two"))

    assert await live.ask(A, Do(twice)) == 1
    with pytest.raises(AskTimeout, match=r"no answer to Hold by puppet:a within 0\.001 s"):
        await live.ask(A, Hold(), timeout=0.001)
    gone = asyncio.create_task(live.ask(A, Hold()))
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    live.tell(A, Release())
    await live.ask(A, Show())
    assert live.dead_letters == {"second answer": 1, "late answer": 1, "asker gone": 1}
    assert [notice.message for notice in heard] == ["two", "released", "released"]


async def test_an_answer_that_missed_its_asker_is_handed_back(live: ActorSystem) -> None:
    back: list[object] = []
    gone = asyncio.create_task(live.ask(A, Hold(), undelivered=back.append))
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    live.tell(A, Release())
    await live.ask(A, Show())
    assert back == ["released"]


class Noting(LoopClock):
    """Keeps the timers that it has armed."""

    def __init__(self) -> None:
        super().__init__(asyncio.get_running_loop())
        self.armed: list[TimerHandle] = []
        arm = self.call_later

        def call_later(delay: float, callback: Callable[[], object]) -> TimerHandle:
            self.armed.append(arm(delay, callback))
            return self.armed[-1]

        self.call_later = call_later

    def open(self) -> int:
        return sum(
            isinstance(timer, asyncio.TimerHandle) and not timer.cancelled() for timer in self.armed
        )


async def test_no_ask_leaves_its_timer_behind(live: ActorSystem) -> None:
    live.clock = clock = Noting()
    with pytest.raises(ActorStopped, match="no actor at puppet:b"):
        await live.ask(B, Show(), timeout=5.0)
    assert clock.armed == [], "answered before there was need of one"
    await live.ask(A, Show(), timeout=5.0)
    with pytest.raises(ActorCrashed):
        await live.ask(A, Fail(), timeout=5.0)
    live.spawn(A, Puppet())
    gone = asyncio.create_task(live.ask(A, Hold(), timeout=5.0))
    await asyncio.sleep(0)
    assert clock.open() == 1
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert len(clock.armed) == 3
    assert clock.open() == 0


def test_what_is_no_message_is_refused_with_names() -> None:
    world = World()
    world.spawn(A)
    with pytest.raises(TypeError, match="puppet:a was told int; expected an instance of a subclas"):
        world.system.tell(A, 42)


def test_a_step_that_tells_what_is_no_message_crashes_alone() -> None:
    world = World()
    world.spawn(B)
    world.spawn(A)
    world.do(A, Tell(B, "text"))
    assert world.system.refs() == [B]


class Narrow(Puppet):
    accepts = (Note, Show)


def test_messages_that_an_actor_does_not_accept_do_not_reach_it() -> None:
    world = World()
    world.spawn(A, Narrow())
    error = world.ask(A, Hold()).error
    assert isinstance(error, UnexpectedMessage)
    assert str(error) == "puppet:a was told Hold; it accepts Note, Show (see Narrow.accepts)"
    world.tell(A, Note(1), Alarm("no"))
    assert world.notes(A) == (1,)
    assert world.system.dead_letters == {"unexpected message": 2}


@dataclass(frozen=True, slots=True)
class Hint(Note):
    overflow: ClassVar[Overflow] = Overflow.DROP


@dataclass(frozen=True, slots=True)
class Inner(Note):
    overflow: ClassVar[Overflow] = Overflow.ADMIT


class Small(Puppet):
    mailbox_bound = 2


@pytest.mark.parametrize(
    ("message", "admitted", "reason"),
    [
        (Note("x"), False, "overflow"),
        (Hint("x"), False, "dropped"),
        (Inner("x"), True, ""),
        (Alarm("x"), True, ""),
    ],
    ids=["refuse", "drop", "admit", "system lane"],
)
def test_each_type_of_message_says_what_happens_when_the_mailbox_is_full(
    message: Message, admitted: bool, reason: str
) -> None:
    world = World()
    world.spawn(A, Small())
    world.system.tell(A, Note(1))
    world.system.tell(A, Note(2))
    answer = world.ask(A, message, run=False)
    assert bool(answer.given) is not admitted
    if not admitted:
        assert isinstance(answer.error, MailboxFull)
    assert world.system.dead_letters == ({reason: 1} if reason else {})
    world.clock.run()
    assert ("x" in world.notes(A)) is admitted


def test_a_timer_is_never_refused_and_keeps_to_its_lane() -> None:
    world = World()
    world.spawn(A, Small())
    world.do(A, StartTimer("t", 1.0, Note("timer")), StartTimer("u", 2.0, Alarm("urgent")))
    world.system.tell(A, Note(1))
    world.system.tell(A, Note(2))
    for timer in world.clock.timers:
        timer.callback()
    world.clock.run()
    assert world.notes(A) == ("urgent", 1, 2, "timer")


# -- listeners


def test_dead_letters_are_told_to_listeners_until_they_unsubscribe() -> None:
    world = World()
    heard: list[DeadLetterNotice] = []
    unsubscribe = world.system.on_dead_letter(heard.append)
    world.tell(A, Note(1))
    unsubscribe()
    unsubscribe()
    world.tell(A, Note(2))
    assert heard == [DeadLetterNotice(A, Note(1), "no such actor")]
    assert world.system.dead_letters == {"no such actor": 2}


@pytest.mark.parametrize("listen", ["on_dead_letter", "on_crash"], ids=["dead letters", "crashes"])
def test_a_listener_that_raises_breaks_nothing(
    listen: str, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("listener")

    world = World()
    heard: list[object] = []
    subscribe: Callable[[Callable[[Any], object]], object] = getattr(world.system, listen)
    subscribe(broken)
    subscribe(heard.append)
    world.spawn(A)
    world.tell(B, Note())
    world.tell(A, Do(lambda _: (Tell(A, 0),)))
    assert len(heard) == 1
    assert "a listener raised" in caplog.text


def test_a_listener_may_cause_dead_letters_without_end() -> None:
    world = World()
    world.system.on_dead_letter(lambda _: world.system.tell(B, Note("again")))
    world.tell(A, Note())
    assert world.system.dead_letters == {"no such actor": 2}
