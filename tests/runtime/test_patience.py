"""A patient actor lets others tell it more, for some turns; turn by turn, on a clock by hand."""

from __future__ import annotations

import pytest

from actors.runtime import Message
from actors.runtime.dispatcher import PATIENCE
from tests.runtime.puppets import A, Alarm, B, Note, Puppet, World


class Patient(Puppet):
    patient = True


@pytest.fixture
def world() -> World:
    made = World()
    made.spawn(A)
    made.spawn(B, Patient())
    return made


def notes(world: World) -> int:
    return len(world.system.cells[B].state.notes)


def turns_until_noted(world: World, *told: Message, busy: int) -> int:
    """Return the turn in which all of it was noted, with others at work in the first so many."""
    before = notes(world)
    for message in told:
        world.system.tell(B, message)
    for turn in range(1, 20):
        if turn <= busy:
            world.system.tell(A, Note())
        world.clock.soon.popleft()()
        if noted := notes(world) - before:
            assert noted == len(told), "one group"
            return turn
    raise AssertionError("never noted")


def test_it_waits_while_others_are_at_work(world: World) -> None:
    for _ in range(2):  # each time anew
        assert turns_until_noted(world, Note(), Note(), busy=20) == PATIENCE + 1


def test_no_longer_than_they_are(world: World) -> None:
    for _ in range(2):
        assert turns_until_noted(world, Note(), Note(), busy=2) == 3
    assert turns_until_noted(world, Note(), Note(), busy=20) == PATIENCE + 1


def test_not_where_nobody_else_is(world: World) -> None:
    assert turns_until_noted(world, Note(), Note(), busy=0) == 1


def test_not_for_one_that_is_alone(world: World) -> None:
    assert turns_until_noted(world, Note(), busy=20) == 1


def test_not_for_what_goes_first(world: World) -> None:
    assert turns_until_noted(world, Note(), Alarm(), Note(), busy=20) == 1


def test_who_emits_is_at_work(world: World) -> None:
    world.system.tell(B, Note())
    world.system.tell(B, Note())
    for _ in range(PATIENCE):
        world.system.scheduler.soon(lambda: None)
        world.clock.soon.popleft()()
        assert not notes(world)
    world.clock.run()
    assert notes(world) == 2


def test_what_comes_meanwhile_is_of_the_same_group(world: World) -> None:
    for number in range(4):
        world.system.tell(A, Note())
        world.system.tell(B, Note(number))
        if number:  # the first is alone, so it would not wait
            world.clock.soon.popleft()()
    assert not notes(world)
    world.clock.run()
    assert world.notes(B) == (0, 1, 2, 3)
