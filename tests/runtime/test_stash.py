"""Putting messages aside, and leaving when nothing waits."""

from __future__ import annotations

import pytest

from actors.runtime import (
    ActorStopped,
    CancelTimer,
    MailboxFull,
    Passivate,
    StartTimer,
    StashFull,
    Stop,
)
from tests.runtime.puppets import A, Alarm, B, Busy, Do, Hold, Note, Puppet, Wake, World, spawn


def test_what_was_put_aside_comes_back_first_and_in_order() -> None:
    world = World()
    world.spawn(A, Busy())
    world.tell(A, Note(1), Note(2))
    world.system.tell(A, Note(3))
    world.system.tell(A, Alarm("go"))
    world.system.tell(A, Note(4))
    world.clock.run()
    assert world.notes(A) == ("go", 1, 2, 3, 4)
    assert world.system.dead_letters == {}


def test_a_full_stash_answers_the_asker_and_counts_the_rest() -> None:
    world = World()
    world.spawn(A, Busy())
    world.tell(A, Note(1), Note(2), Note(3))
    error = world.ask(A, Hold()).error
    assert isinstance(error, StashFull)
    assert isinstance(error, MailboxFull), "the asker may try again later, as with a full mailbox"
    assert "puppet:a" in str(error)
    world.tell(A, Note(4))
    world.tell(A, Alarm("go"))
    assert world.notes(A) == ("go", 1, 2, 3), "nothing accepted is lost"
    assert world.system.dead_letters == {"stash overflow": 2}


def test_what_is_stashed_is_answered_when_its_actor_stops() -> None:
    world = World()
    world.spawn(A, Busy())
    answer = world.ask(A, Hold())
    assert world.system.leftovers() == ["puppet:a lives", "puppet:a has 1 stashed messages"]
    world.system.stop(A, ActorStopped("enough"))
    assert str(answer.error) == "enough"


def test_a_stashed_timer_that_is_replaced_has_no_effect() -> None:
    world = World()
    world.spawn(A, Busy())
    world.do(A, StartTimer("t", 1.0, Note("old")))
    world.clock.advance(2.0)
    world.do(A, StartTimer("t", 1.0, Alarm("new")))
    world.tell(A, Alarm("go"))
    world.clock.advance(2.0)
    assert world.notes(A) == ("go", "new")
    assert world.system.dead_letters == {"stale timer": 1}


def test_an_actor_passivates_only_when_nothing_waits() -> None:
    world = World()
    world.spawn(A, Busy())
    world.system.tell(A, Do(lambda _: (Passivate(),)))
    world.system.tell(A, Note("waits"))
    world.clock.run()
    world.do(A, Passivate())
    assert world.system.alive(A), "neither mail nor a stash is left behind"
    world.tell(A, Alarm("go"))
    assert world.notes(A) == ("go", "waits")
    world.do(A, Passivate())
    assert not world.system.alive(A)
    assert world.system.dead_letters == {}


@pytest.mark.parametrize("kept_by", ["a stale timer", "a deadline", "what it does not accept"])
def test_what_keeps_an_actor_and_comes_to_nothing_lets_it_go(kept_by: str) -> None:
    class Narrow(Puppet):
        accepts = (Do,)

    world = World()
    world.spawn(A, Narrow())
    world.do(A, StartTimer("t", 1.0, Do()))
    world.system.tell(A, Do(lambda _: (CancelTimer("t"), Passivate())))
    if kept_by == "a stale timer":
        world.clock.timers[-1].callback()
    elif kept_by == "a deadline":
        world.system.tell(A, Do(), deadline=world.clock.monotonic() - 1.0)
    else:
        world.system.tell(A, Note("unexpected"))
    world.clock.run()
    assert world.system.refs() == []
    assert sum(world.system.dead_letters.values()) == 1


def test_a_passive_actor_is_revived_by_a_message_that_revives() -> None:
    world = World()
    world.system.register("puppet", lambda _: Puppet())
    world.spawn(A)
    world.do(A, Passivate())
    world.tell(A, Note("revives nobody"), Wake("up"))
    assert world.notes(A) == ("up",)
    assert world.system.dead_letters == {"no such actor": 1}


def test_a_parent_passivates_as_its_last_child_leaves() -> None:
    world = World()
    world.spawn(A)
    world.do(A, spawn(B), Passivate())
    assert world.system.refs() == [A, B]
    world.tell(B, Note("is heard"))
    world.do(B, Stop())
    assert world.system.refs() == []
    assert world.system.dead_letters == {}


def test_a_parent_that_hears_something_meanwhile_stays() -> None:
    world = World()
    world.spawn(A)
    world.do(A, spawn(B), Passivate())
    world.tell(A, Note("wait"))
    world.do(B, Stop())
    assert world.notes(A) == ("wait",)


def test_stop_delivers_what_revives_to_the_successor_and_answers_the_rest() -> None:
    world = World()
    world.system.register("puppet", lambda _: Puppet())
    world.spawn(A)
    world.system.tell(A, Do(lambda _: (Stop(ValueError("why")),)))
    held = world.ask(A, Hold(), run=False)
    world.tell(A, Wake("anew"))
    assert world.notes(A) == ("anew",)
    assert str(held.error) == "why"
