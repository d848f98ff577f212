"""PersistentActor: commands, events, state, answers; and code that raises.

Neighbours: `test_persistent_crash.py`, `test_persistent_keys.py`, `orders.py` (what is tested).
"""

from __future__ import annotations

from typing import Any

import pytest

from actors.runtime import (
    ActorCrashed,
    Caller,
    CancelTimer,
    Log,
    Perform,
    StartTimer,
    Stop,
    Tell,
)
from actors.runtime.entity import WINDOW
from actors.runtime.journal.messages import Appended
from actors.runtime.persistent import Decision, persist
from tests.runtime.orders import (
    TIMEOUT,
    Away,
    Bench,
    ClosedError,
    Do,
    Expire,
    Look,
    Note,
    Noted,
    Order,
    Paid,
    Pay,
    Placed,
    order,
    placed,
    read,
)


@pytest.fixture
def bench() -> Bench:
    return Bench()


# -- from a command to its answer


def test_a_command_becomes_events_and_an_answer(bench: Bench) -> None:
    event = placed(bench)
    assert event == Placed("book", "alice", bench.clock.now() + TIMEOUT)
    assert bench.ask(Pay()).value == "paid"
    assert bench.events() == [event, Paid()]
    assert bench.look().status == "paid"
    assert bench.post.sent == [("1", "book")]
    assert bench.ask(Pay()).error.args == ("paid",)
    assert len(bench.events()) == 2


def test_several_events_of_a_command_are_stored_together(bench: Bench) -> None:
    bench.shell.holding = True
    both = bench.ask(Do(persist(Noted("a"), Noted("b"), reply="both")))
    assert not both.given
    bench.shell.let_go()
    bench.clock.run()
    assert both.value == "both"
    assert bench.events() == [Noted("a"), Noted("b")]


def test_an_actor_with_nothing_to_do_is_forgotten_and_read_back(bench: Bench) -> None:
    placed(bench)
    assert bench.alive()
    bench.ask(Pay())
    assert not bench.alive()
    assert bench.look().status == "paid"
    assert not bench.alive()


def test_a_command_that_says_nothing_is_answered_none(bench: Bench) -> None:
    assert bench.ask(Do(Decision[Any]())).value is None
    assert not bench.alive()


def test_nothing_is_shown_before_it_is_stored(bench: Bench) -> None:
    placed(bench)
    bench.shell.holding = True
    paid, look, refused = bench.ask(Pay()), bench.ask(Look()), bench.ask(Pay())
    bench.clock.run()
    assert (paid.given, look.given, refused.given) == (0, 0, 0)
    assert bench.post.sent == []
    bench.shell.let_go()
    bench.clock.run()
    assert paid.value == "paid"
    assert look.value.status == "paid"
    assert isinstance(refused.error, ClosedError)
    assert bench.post.sent == [("1", "book")]


def test_who_asks_is_judged_and_stamped_into_the_command(bench: Bench) -> None:
    placed(bench)
    assert isinstance(bench.ask(Pay(), caller=Caller("bob")).error, PermissionError)
    assert bench.look().owner == "alice"
    stored = read(bench.journal, "order/1")
    assert stored.row == ("alice", "", 1, bench.look().due)


# -- the window


def test_commands_beyond_the_window_wait_in_order_and_are_all_answered(bench: Bench) -> None:
    bench.shell.holding = True
    answers = [bench.ask(Note(str(number))) for number in range(3 * WINDOW)]
    cell = bench.system.cells[order("1")]
    while any(not answer.given for answer in answers):
        if cell.started and cell.stash:  # it must not overtake those
            answers.append(bench.ask(Note(str(len(answers)))))
        pending = getattr(cell.state, "pending", ())
        assert len(pending) <= WINDOW
        bench.shell.let_go()
        bench.shell.holding = True
        bench.clock.run()
    bench.shell.let_go()
    bench.clock.run()
    assert len(answers) > 3 * WINDOW
    assert [answer.value for answer in answers] == list(range(1, len(answers) + 1))
    texts = [event.text for event in bench.events() if isinstance(event, Noted)]
    assert texts == [str(number) for number in range(len(answers))]
    assert not bench.alive()


def test_each_answer_waits_for_its_own_events_alone(bench: Bench) -> None:
    placed(bench)
    bench.shell.holding = True
    first, second = bench.ask(Note("a")), bench.ask(Note("b"))
    bench.tell(Appended(99, 99))  # of an earlier life
    assert (first.given, second.given) == (0, 0)
    bench.shell.let_go()
    bench.shell.holding = True
    bench.clock.run()
    assert (first.given, second.given) == (1, 0)
    bench.shell.let_go()
    bench.clock.run()
    assert second.value == 2


# -- code that raises


def test_a_crash_in_decide_harms_nobody_else(bench: Bench) -> None:
    reports: list[Any] = []
    bench.system.on_crash(reports.append)
    placed(bench)
    bench.shell.holding = True
    noted, crashed = bench.ask(Note("a")), bench.ask(Do(KeyError("secret")))
    bench.shell.let_go()
    bench.clock.run()
    assert noted.value == 1
    assert isinstance(crashed.error, ActorCrashed)
    assert [report.cause.types for report in reports] == [("CommandCrashed", "KeyError")]
    assert "orders.py" in reports[0].cause.frames[-1]
    assert "secret" not in str(reports[0])
    bench.clock.advance(TIMEOUT / 1000)
    assert bench.look().status == "expired"  # the timer was kept


def test_a_crash_in_evolve_stores_nothing(bench: Bench) -> None:
    crashed = bench.ask(Do(persist(Noted("fine"), Noted("poison"))))
    assert isinstance(crashed.error, ActorCrashed)
    assert not bench.alive()
    assert bench.ask(Note("next")).value == 1
    assert bench.events() == [Noted("next")]


def test_a_crash_on_a_timer_starts_it_again() -> None:
    class Broken(Order):
        bad = True

        def decide(self, state: Any, command: Any, now: int) -> Any:
            if isinstance(command, Expire) and Broken.bad:
                raise KeyError(command)
            return super().decide(state, command, now)

    bench = Bench(behaviour=Broken())
    placed(bench)
    bench.clock.advance(TIMEOUT / 1000)
    assert not bench.alive()
    Broken.bad = False
    bench.clock.advance(1.0)
    bench.clock.advance(0.0)
    assert bench.look().status == "expired"


def test_an_effect_that_fails_leaves_what_is_stored(bench: Bench) -> None:
    placed(bench)
    bench.system.ports["post"] = Away()
    assert bench.ask(Pay()).value == "paid"
    assert bench.look().status == "paid"


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("no decision", "expected a Decision"),
        (persist(Noted("x"), then=(Stop(),)), "wants Stop"),  # type: ignore[arg-type] # the point
        (persist(Noted("x"), then=(StartTimer("t", 1.0, Expire()),)), "not active"),
        (persist(3), "expected an instance of Placed, Noted"),
        (persist(Noted("x"), then=[]), "expected a tuple"),  # type: ignore[arg-type] # the point
        (Decision((), None, KeyError), "expected an exception"),  # type: ignore[arg-type] # the point
        *(
            (persist(Placed("x", "", 0), then=(effect,)), says)
            for effect, says in (
                (Perform("nowhere", "x"), "'nowhere', which there is not"),
                (StartTimer("t", float("nan"), Expire()), "after nan seconds"),
                (StartTimer("t", -1.0, Expire()), "after -1.0 seconds"),
                (StartTimer("t", "1", Expire()), "a str, seconds"),  # type: ignore[arg-type] # the point
                (StartTimer("t", 1.0, "x"), "and a Message"),  # type: ignore[arg-type] # the point
                (Tell("x", Expire()), "not of an ActorRef"),  # type: ignore[arg-type] # the point
                (CancelTimer(3), "name is no str"),  # type: ignore[arg-type] # the point
                (Log("x", 5), "a level"),  # type: ignore[arg-type] # the point
            )
        ),
    ],
)
def test_a_mistake_is_said_and_nothing_is_stored(bench: Bench, what: Any, says: str) -> None:
    reports: list[Any] = []
    bench.system.on_crash(reports.append)
    assert isinstance(bench.ask(Do(what)).error, ActorCrashed)
    (report,) = reports
    assert says in str(report) or "TypeError" in str(report)
    assert bench.journal.head("order/1") is None
