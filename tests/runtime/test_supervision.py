"""What a crash does: to the actor, its asks, its children, its parents."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from actors.runtime import (
    ESCALATE,
    RESTART,
    RESUME,
    STOP,
    ActorCrashed,
    ActorRef,
    ActorStopped,
    Directive,
    Effect,
    Envelope,
    Passivate,
    Perform,
    Reply,
    Spawn,
    StartTimer,
    Stash,
    Step,
    Stop,
    Supervision,
    Tell,
)
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
    Ref,
    Release,
    Seen,
    World,
    spawn,
)

BOOM = Fail()
C: Ref = ActorRef("puppet", "c")


def test_resume_keeps_state_and_held_asks() -> None:
    world = World()
    world.spawn(A, Puppet(RESUME))
    held = world.ask(A, Hold())
    world.tell(A, Note(1))
    assert isinstance(world.ask(A, BOOM).error, ActorCrashed)
    assert world.notes(A) == (1,)
    world.tell(A, Release())
    assert held.value == "released"


def test_restart_loses_the_state_and_nothing_else() -> None:
    world = World()
    world.spawn(A, Puppet(RESTART))
    held = world.ask(A, Hold())
    world.tell(A, Note("lost"))
    world.do(A, StartTimer("t", 1.0, Note("of the life before")))
    asked = world.ask(A, BOOM, run=False)
    behind = world.ask(A, Hold(), run=False)
    world.tell(A, Note("kept"))
    world.clock.advance(2.0)
    assert isinstance(asked.error, ActorCrashed)
    assert isinstance(held.error, ActorCrashed), "the lost state has answered whom it kept waiting"
    assert world.notes(A) == ("kept",)
    world.tell(A, Release())
    assert behind.value == "released"


def test_the_stash_comes_first_in_the_new_life() -> None:
    lives: list[str] = []

    class Calmer(Puppet):
        """Puts notes aside in its first life only."""

        def step(self, state: Seen, envelope: Envelope, now: int) -> Step[Seen]:
            if len(lives) == 1 and isinstance(envelope.message, Note):
                return Step(state, (Stash(),))
            return super().step(state, envelope, now)

    def begin() -> tuple[Effect, ...]:
        lives.append("life")
        return ()

    world = World()
    world.spawn(A, Calmer(RESTART, begin))
    world.tell(A, Note(1), Note(2))
    world.system.tell(A, BOOM)
    world.system.tell(A, Note("behind"))
    world.clock.run()
    assert world.notes(A) == (1, 2, "behind")


def test_restarts_pause_ever_longer_up_to_a_limit() -> None:
    world = World()
    starts: list[float] = []
    patient = Supervision(Directive.RESTART, first=1.0, most=4.0, limit=4, within=1000.0)

    def begin() -> tuple[Effect, ...]:
        starts.append(world.clock.time)
        return ()

    world.spawn(A, Puppet(patient, begin))
    pauses = []
    for _ in range(4):
        crashed = world.clock.time
        world.tell(A, BOOM)
        for _ in range(40):
            world.clock.advance(0.25)
        pauses.append(starts[-1] - crashed)
    assert pauses == [1.0, 2.0, 4.0, 4.0]
    world.tell(A, BOOM)
    assert not world.system.alive(A), "one more than the limit"


def test_old_restarts_do_not_count() -> None:
    world = World()
    world.spawn(A, Puppet(Supervision(Directive.RESTART, limit=1, within=60.0)))
    for _ in range(5):
        world.tell(A, BOOM)
        world.clock.advance(61.0)
    assert world.system.alive(A)
    world.tell(A, BOOM, BOOM)
    assert not world.system.alive(A)


def test_while_it_pauses_an_actor_hears_nothing_and_refuses_only_beyond_its_bound() -> None:
    class Small(Puppet):
        mailbox_bound = 2

    world = World()
    world.spawn(A, Small(Supervision(Directive.RESTART, first=5.0)))
    world.tell(A, BOOM)
    world.tell(A, Note(1), Alarm("system"), Note(2), Note("too much"))
    assert world.system.leftovers() == [
        "puppet:a is suspended",
        "puppet:a has 3 waiting messages",
    ]
    assert world.system.dead_letters == {"overflow": 1}
    world.clock.advance(5.0)
    assert world.notes(A) == ("system", 1, 2)


def test_an_actor_that_is_stopped_while_it_pauses_stays_stopped() -> None:
    world = World()
    world.spawn(A, Puppet(Supervision(Directive.RESTART, first=5.0)))
    world.tell(A, BOOM)
    waiting = world.ask(A, Hold())
    world.system.shutdown(ActorStopped("closing"))
    world.clock.advance(10.0)
    assert isinstance(waiting.error, ActorStopped)
    assert world.system.leftovers() == []


def test_a_start_that_raises_is_a_crash_under_the_same_supervision() -> None:
    world = World()
    tries: list[int] = []

    def begin() -> tuple[Effect, ...]:
        tries.append(1)
        if len(tries) < 4:
            raise ValueError("not yet")
        return ()

    world.spawn(A, Puppet(RESTART, begin))
    assert world.notes(A) == ()
    assert len(tries) == 4


@pytest.mark.parametrize("supervision", [RESUME, STOP, RESTART, ESCALATE])
def test_a_start_that_always_raises_ends(supervision: Supervision) -> None:
    def begin() -> tuple[Effect, ...]:
        raise ValueError("never")

    world = World()
    world.spawn(A, Puppet(supervision, begin))
    assert not world.system.alive(A)


def test_errors_can_be_told_apart() -> None:
    class Choosy(Puppet):
        def supervise(self, error: Exception) -> Supervision:
            return RESUME if isinstance(error, ValueError) else STOP

    world = World()
    world.spawn(A, Choosy())
    world.tell(A, Note(1), BOOM)
    assert world.notes(A) == (1,)
    world.tell(A, Fail(KeyError))
    assert not world.system.alive(A)


def test_an_actor_whose_supervise_raises_is_stopped(caplog: pytest.LogCaptureFixture) -> None:
    class Confused(Puppet):
        def supervise(self, error: Exception) -> Supervision:
            raise RuntimeError("no idea")

    world = World()
    world.spawn(A, Confused())
    world.tell(A, BOOM)
    assert not world.system.alive(A)
    assert "could not perform supervise" in caplog.records[0].message
    assert "no idea" not in caplog.text


@pytest.mark.parametrize("end", [Stop(), Stop(ValueError("why")), "stop", "crash"])
def test_children_are_stopped_before_their_parents(end: Stop | str) -> None:
    log: list[str] = []
    world = World()
    a, _, c = world.family("a", "b", "c", log=log)
    held = world.ask(c, Hold())
    mail = Answer()
    if isinstance(end, Stop):
        world.system.tell(a, Do(lambda _: (end,)))
        world.system.tell(c, Hold(), mail)
        world.clock.run()
    elif end == "stop":
        world.system.stop(a, ActorStopped("from outside"))
    else:
        world.tell(a, BOOM)
    assert world.system.refs() == []
    own = [] if isinstance(end, Stop) else ["a"]
    assert log == ["c", "b", *own], "who stops by itself has nothing to be told"
    assert held.given == 1
    if isinstance(end, Stop) and end.error is not None:
        assert str(held.error) == str(mail.error) == "why"


def test_a_restart_stops_the_children_too() -> None:
    log: list[str] = []
    world = World()
    world.spawn(A, Puppet(RESTART, log=log, name="a"))
    world.do(A, spawn(B, Puppet(log=log, name="b")))
    held = world.ask(B, Hold())
    world.tell(A, BOOM)
    assert world.system.refs() == [A]
    assert log == ["b", "a"]
    assert isinstance(held.error, ActorCrashed)
    world.do(A, spawn(B))
    assert world.system.refs() == [A, B], "the address is free again"


def test_a_child_that_ends_alone_is_forgotten_by_its_parent() -> None:
    world = World()
    a, b = world.family("a", "b")
    world.do(b, Stop())
    assert world.system.refs() == [a]
    assert not world.system.cells[a].children


def test_escalation_crashes_the_parent_under_its_own_supervision() -> None:
    world = World()
    world.spawn(A, Puppet(RESTART))
    world.tell(A, Note("lost"))
    world.do(A, spawn(B, Puppet(ESCALATE)))
    world.do(B, spawn(C, Puppet(ESCALATE)))
    world.tell(C, BOOM)
    assert world.system.refs() == [A]
    assert world.notes(A) == ()


def test_a_parent_that_waits_to_passivate_survives_an_escalation_it_resumes_from() -> None:
    world = World()
    world.spawn(A, Puppet(RESUME))
    world.do(A, spawn(B, Puppet(ESCALATE)), Passivate())
    world.tell(B, BOOM)
    assert world.system.refs() == [A]


def test_a_root_that_escalates_stops_and_says_so_critically(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    world.spawn(A, Puppet(ESCALATE))
    world.tell(A, BOOM)
    assert not world.system.alive(A)
    levels = [record.levelno for record in caplog.records]
    assert levels == [logging.ERROR, logging.CRITICAL]


def test_beyond_the_limit_an_actor_may_escalate() -> None:
    world = World()
    world.spawn(A, Puppet(STOP))
    eager = Supervision(Directive.RESTART, limit=2, beyond=Directive.ESCALATE)
    world.do(A, spawn(B, Puppet(eager)))
    world.tell(B, BOOM, BOOM)
    assert world.system.refs() == [A, B]
    world.tell(B, BOOM)
    assert world.system.refs() == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"beyond": Directive.RESTART},
        {"first": -1.0},
        {"first": 40.0},
        {"limit": -1},
        {"within": 0.0},
    ],
)
def test_a_supervision_that_cannot_be_obeyed_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="limit"):
        Supervision(Directive.RESTART, **wrong)


def test_an_effect_that_fails_leaves_no_ask_unanswered() -> None:
    world = World()
    world.spawn(B)
    world.spawn(A)
    held = world.ask(A, Hold())
    handed, replied = Answer(), Answer()

    def effects(envelope: Any) -> tuple[Effect, ...]:
        assert envelope.reply_to is not None
        return (
            Reply(replied, "before"),
            Perform("no such port", object()),
            Tell(B, Hold(), handed),
            Reply(envelope.reply_to, "after"),
        )

    answer = world.ask(A, Do(effects))
    assert replied.value == "before"
    for waiting in (held, handed, answer):
        assert isinstance(waiting.error, ActorCrashed)


def test_an_ask_that_could_not_be_handed_on_is_answered() -> None:
    world = World()
    world.spawn(A)
    handed = Answer()
    world.do(A, Tell(B, "text", handed))
    assert isinstance(handed.error, ActorCrashed)


@pytest.mark.parametrize(
    "effect",
    [Spawn(B, Puppet), StartTimer("t", 1.0, Note()), Stash()],
    ids=lambda effect: type(effect).__name__,
)
def test_after_its_stop_a_step_can_hold_on_to_nothing(
    effect: Effect, caplog: pytest.LogCaptureFixture
) -> None:
    world = World()
    world.spawn(A)
    world.do(A, Stop(), effect)
    assert world.system.leftovers() == []
    assert "has stopped or is being stopped" in caplog.text


def test_what_an_ending_actor_cannot_do_keeps_it_from_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Clinging(Puppet):
        def stopped(self, state: Any, error: Exception) -> tuple[Effect, ...]:
            return (spawn(B), *super().stopped(state, error))

    class Broken(Puppet):
        def stopped(self, state: Any, error: Exception) -> tuple[Effect, ...]:
            raise ValueError("secret")

    world = World()
    world.spawn(A, Clinging())
    world.spawn(C, Broken())
    held = world.ask(A, Hold())
    world.system.shutdown(ActorStopped("closing"))
    assert held.given == 1
    assert world.system.leftovers() == []
    assert "puppet:a could not perform Spawn" in caplog.text
    assert "puppet:c could not perform stopped" in caplog.text
    assert "secret" not in caplog.text
