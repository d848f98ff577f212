"""Timers that were replaced never fire; whoever watches is told once."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.runtime import (
    RESTART,
    ActorStopped,
    CancelTimer,
    Effect,
    Passivate,
    StartTimer,
    Stop,
    Terminated,
    Unwatch,
    Watch,
)
from tests.runtime.puppets import A, Alarm, B, Do, Fail, Note, Puppet, World, spawn


@pytest.mark.parametrize(
    "effect", [CancelTimer("t"), StartTimer("t", 60.0, Note("new"))], ids=["cancelled", "replaced"]
)
def test_a_timer_that_has_fired_already_can_still_be_taken_back(effect: Effect) -> None:
    world = World()
    world.spawn(A)
    world.do(A, StartTimer("t", 1.0, Note("old")))
    world.system.tell(A, Do(lambda _: (effect,)))
    timer = world.clock.timers[-1]
    timer.callback()  # due, while the message before it still waits
    world.clock.run()
    assert world.notes(A) == ()
    assert world.system.dead_letters == {"stale timer": 1}


def test_a_timer_of_an_earlier_life_is_stale() -> None:
    world = World()
    world.spawn(A, Puppet(RESTART))
    world.do(A, StartTimer("t", 1.0, Note("old")))
    world.system.tell(A, Fail())
    world.clock.timers[-1].callback()
    world.clock.run()
    assert world.notes(A) == ()


def test_a_timer_does_not_reach_a_successor_at_the_same_address() -> None:
    world = World()
    world.spawn(A)
    world.do(A, StartTimer("t", 1.0, Note("old")))
    world.do(A, Stop())
    world.spawn(A)
    world.clock.advance(2.0)
    assert world.notes(A) == ()
    assert world.system.dead_letters == {}


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("start"), st.sampled_from("xy"), st.sampled_from([0.0, 1.0, 3.0])),
        st.tuples(st.just("cancel"), st.sampled_from("xy"), st.just(0.0)),
        st.tuples(st.just("wait"), st.just(""), st.sampled_from([0.0, 1.0, 2.0])),
    ),
    max_size=30,
)


@given(STEPS)
@settings(derandomize=True, deadline=None, max_examples=300)
def test_exactly_the_timers_that_were_left_alone_take_effect(
    steps: list[tuple[str, str, float]],
) -> None:
    world = World()
    world.spawn(A)
    armed: dict[str, tuple[float, int]] = {}
    expected: list[int] = []
    for number, (kind, name, seconds) in enumerate(steps):
        if kind == "start":
            world.do(A, StartTimer(name, seconds, Alarm(number)))
            armed[name] = (world.clock.time + seconds, number)
        elif kind == "cancel":
            world.do(A, CancelTimer(name))
            armed.pop(name, None)
        else:
            world.clock.advance(seconds)
            due = sorted(entry for entry in armed.values() if entry[0] <= world.clock.time)
            expected += [fired for _, fired in due]
            armed = {name: entry for name, entry in armed.items() if entry not in due}
    assert set(world.notes(A)) == set(expected)
    assert len(world.notes(A)) == len(expected)
    assert set(world.system.cells[A].timers) == set(armed)


# -- watching


@pytest.mark.parametrize(
    ("end", "reason"),
    [(Do(lambda _: (Stop(),)), "stopped"), (Fail(), "crashed"), (None, "stopped")],
    ids=["by itself", "by a crash", "from outside"],
)
def test_whoever_watches_is_told_once(end: Do | Fail | None, reason: str) -> None:
    world = World()
    world.spawn(A)
    world.spawn(B)
    world.do(A, Watch(B), Watch(B))
    if end is None:
        world.system.stop(B, ActorStopped("enough"))
    else:
        world.tell(B, end)
    world.clock.run()
    world.spawn(B)
    world.do(B, Stop())
    assert world.notes(A) == (Terminated(B, reason),), "the successor is somebody else"
    assert not world.system.cells[A].watching


def test_a_passivation_and_the_end_of_a_parent_are_told_too() -> None:
    world = World()
    world.spawn(A)
    parent, child = world.family("parent", "child")
    world.spawn(B)
    world.do(A, Watch(child), Watch(B))
    world.do(B, Passivate())
    world.do(parent, Stop())
    assert world.notes(A) == (Terminated(B, "passivated"), Terminated(child, "parent gone"))


def test_watching_nobody_is_answered_at_once() -> None:
    world = World()
    world.spawn(A)
    world.do(A, Watch(B))
    assert world.notes(A) == (Terminated(B, "no such actor"),)


def test_whoever_has_unwatched_or_started_anew_is_not_told() -> None:
    world = World()
    world.spawn(A, Puppet(RESTART))
    world.spawn(B)
    world.do(A, Watch(B), Unwatch(B), Unwatch(B))
    world.do(A, Watch(B))
    world.tell(A, Fail())
    world.do(B, Stop())
    assert world.notes(A) == ()


def test_a_watcher_that_has_gone_leaves_nothing_behind() -> None:
    world = World()
    world.spawn(A)
    world.spawn(B)
    world.do(A, Watch(B))
    world.do(A, Stop())
    assert not world.system.cells[B].watchers
    world.do(B, Stop())
    assert world.system.dead_letters == {}


def test_a_parent_that_watches_its_child_is_not_told_by_its_own_end() -> None:
    world = World()
    world.spawn(A)
    world.do(A, spawn(B), Watch(B))
    world.do(A, Stop())
    assert world.system.dead_letters == {}


def test_nobody_can_watch_itself(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.spawn(A)
    world.do(A, Watch(A))
    assert not world.system.alive(A)
    assert "cannot watch itself" in caplog.text
