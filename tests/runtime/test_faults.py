"""An actor that errs - its effects, supervision, timers, words - errs alone."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from actors.runtime import (
    RESTART,
    RESUME,
    ActorCrashed,
    ActorRef,
    ActorStopped,
    Directive,
    Effect,
    Envelope,
    Log,
    Perform,
    StartTimer,
    Stash,
    Step,
    Stop,
    Supervision,
    Tell,
    Unstash,
    Watch,
)
from statechart import Configuration
from tests.runtime.puppets import (
    A,
    B,
    Do,
    Fail,
    Hold,
    Note,
    Puppet,
    Ref,
    Seen,
    World,
    spawn,
)

BOOM = Fail()
SECRET = "correct horse battery staple"


# -- effects


def test_a_new_life_hears_nothing_of_the_children_of_the_last() -> None:
    world = World()
    world.spawn(A, Puppet(RESTART))
    world.do(A, spawn(B), Watch(B))
    world.tell(A, BOOM)
    assert world.notes(A) == ()


def test_an_ask_that_was_to_be_put_aside_is_answered_when_an_effect_before_fails() -> None:
    world = World()
    world.spawn(A, Puppet(RESUME))
    answer = world.ask(A, Do(lambda _: (Perform("no such port", 1), Stash())))
    assert isinstance(answer.error, ActorCrashed)


def test_a_timer_that_is_armed_anew_and_put_aside_in_one_step_counts_once() -> None:
    world = World()
    world.spawn(A)
    again = (StartTimer("t", 1.0, Note("new")), Stash())
    world.do(A, StartTimer("t", 1.0, Do(lambda _: again)))
    world.clock.advance(1.0)
    world.do(A, Unstash())
    assert world.system.dead_letters == {"stale timer": 1}
    world.clock.advance(1.0)
    assert world.notes(A) == ("new",)
    assert not world.system.cells[A].timers


def test_what_an_ending_actor_tells_bears_no_trace_of_another() -> None:
    traces: list[str] = []

    class Traced(Puppet):
        def step(self, state: Seen, envelope: Envelope, now: int) -> Step[Seen]:
            traces.append(envelope.trace)
            return Step(state)

    class Parting(Puppet):
        def stopped(self, state: Seen, error: Exception) -> tuple[Effect, ...]:
            return (Tell(B, Note("farewell")),)

    world = World()
    world.spawn(B, Traced())
    world.spawn(A, Parting())
    other: Ref = ActorRef("puppet", "other")
    world.spawn(other)
    world.ask(other, Do(lambda _: (Log(0, ""),)), trace="of another")
    world.system.stop(A, ActorStopped("closing"))
    world.clock.run()
    assert traces == [""]


def test_a_step_keeps_its_trace_while_it_ends_others() -> None:
    traces: list[str] = []

    class Traced(Puppet):
        def step(self, state: Seen, envelope: Envelope, now: int) -> Step[Seen]:
            traces.append(envelope.trace)
            return Step(state)

    world = World()
    world.spawn(B, Traced())
    a, b = world.family("a", "child")
    held = world.ask(b, Hold())
    world.ask(a, Do(lambda _: (Stop(), Tell(B, Note("after")))), trace="mine")
    assert held.given == 1
    assert traces == ["mine"]


# -- supervision


def test_a_supervise_that_returns_something_else_is_named_and_stops(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Vague(Puppet):
        def supervise(self, error: Exception) -> Any:
            return None

    def begin() -> tuple[Effect, ...]:
        raise ValueError("never")

    world = World()
    world.spawn(A, Vague())
    world.spawn(B, Vague(begin=begin))
    world.tell(A, BOOM)
    assert world.system.refs() == []
    assert "Vague.supervise returned NoneType; expected a Supervision" in caplog.text


def test_the_limit_is_reached_however_long_the_pauses_are() -> None:
    starts: list[float] = []
    world = World()

    def begin() -> tuple[Effect, ...]:
        starts.append(world.clock.time)
        raise ValueError("never")

    world.spawn(A, Puppet(Supervision(Directive.RESTART, first=1.0), begin))
    for _ in range(200):
        world.clock.advance(1.0)
    pauses = [later - start for start, later in pairwise(starts)]
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 30.0, 30.0]
    assert not world.system.alive(A)


def test_a_long_pause_is_no_life_that_makes_restarts_forgotten() -> None:
    world = World()
    world.spawn(A, Puppet(Supervision(Directive.RESTART, first=20.0, limit=1, within=10.0)))
    world.tell(A, BOOM)
    world.clock.advance(20.0)
    world.tell(A, BOOM)
    assert not world.system.alive(A)


class Mute:
    """Has a word that a report knows, for something that may not be shown."""

    def __init__(self, configuration: object) -> None:
        self.configuration = configuration


@pytest.mark.parametrize(
    ("configuration", "shown"),
    [
        ({"key": SECRET}, "Mute"),
        (Configuration(("open", "working")), "Mute in <open | working>"),
        (
            Configuration((1,)),  # type: ignore[arg-type] # so that its repr raises
            "Mute in <Configuration, whose repr raises TypeError>",
        ),
    ],
)
def test_a_report_shows_configurations_and_nothing_like_them(
    configuration: object, shown: str
) -> None:
    class Charted(Puppet):
        def start(self) -> Step[Any]:
            return Step(Mute(configuration))

    world = World()
    states: list[str] = []
    world.system.on_crash(lambda report: states.append(report.state))
    world.spawn(A, Charted())
    world.tell(A, BOOM)
    assert states == [shown]
    assert not world.system.alive(A)


def test_an_error_that_cannot_say_what_it_is_does_not_keep_its_actor_alive(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class UnspeakableError(Exception):
        def __str__(self) -> str:
            raise ValueError(SECRET)

    world = World(reveal=True)
    world.spawn(A)
    world.tell(A, Fail(UnspeakableError))
    assert not world.system.alive(A)
    assert "UnspeakableError, whose str raises ValueError>" in caplog.text


def test_debug_a_message_too_deep_to_compare_crashes_its_receiver_alone() -> None:
    deep: list[Any] = []
    for _ in range(3000):
        deep = [deep]
    world = World(debug=True)
    world.spawn(A)
    answer = world.ask(A, Note(deep))
    assert isinstance(answer.error, ActorCrashed)
    assert not world.system.alive(A)
