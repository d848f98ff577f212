"""PersistentActor: what goes wrong in a user's code beside `decide`, and harms nobody else.

Neighbours: `test_persistent.py`, `orders.py` (what is tested).
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from typing import Any

import pytest

from actors.runtime import ActorCrashed, Perform, StartTimer
from actors.runtime.entity import WINDOW
from actors.runtime.journal.errors import StorageUnavailable
from actors.runtime.journal.record import CLAIM
from actors.runtime.persistent import DataclassCodec, answer, persist
from tests.runtime.orders import (
    TIMEOUT,
    Away,
    Bench,
    Do,
    Expire,
    Kept,
    Look,
    Note,
    Noted,
    Order,
    OrderRow,
    Paid,
    Pay,
    Placed,
    State,
    crash,
    order,
    placed,
    read,
)

CALL = Perform("post", "x")
FAIL = Perform("away", "x")


def benched(behaviour: Any = None) -> Bench:
    bench = Bench(behaviour=behaviour)
    bench.system.ports["away"] = Away()
    return bench


# -- snapshots


class Unpackable(Kept):
    """Makes states that are not of the declared type."""

    def evolve(self, state: State, event: Any) -> State:
        found = super().evolve(state, event)
        odd: Any = list(found.notes)
        return replace(found, notes=odd)

    def decide(self, state: State, command: Any, now: int) -> Any:
        return super().decide(replace(state, notes=tuple(state.notes)), command, now)


@dataclass(frozen=True)
class Louder(State):
    def __post_init__(self) -> None:
        object.__setattr__(self, "status", self.status + "!")


class Changing(Kept):
    """Has states that are read back as others."""

    snapshots = DataclassCodec(Louder)

    def initial(self) -> State:
        return Louder()


@pytest.mark.parametrize("kind", [Unpackable, Changing])
@pytest.mark.parametrize("active", [False, True])
def test_a_state_that_cannot_be_kept_is_said_once_and_harms_nobody(
    kind: Any, active: bool, caplog: pytest.LogCaptureFixture
) -> None:
    class Mine(kind):  # type: ignore[misc] # a class that is a parameter
        def active(self, state: State) -> bool:
            return active

        def recovered(self, state: State, now: int) -> Any:
            return ()

    bench = Bench(behaviour=Mine())
    with caplog.at_level(logging.ERROR):
        for number in range(2 * WINDOW + 6):
            assert bench.ask(Note(str(number))).value == number + 1
    said = [record for record in caplog.records if "no snapshot of log" in record.message]
    assert len(said) == 1
    assert read(bench.journal, "order/1").snapshot is None
    assert crash(bench).ask(Note("again")).value == 2 * WINDOW + 7


# -- effects


def test_a_failed_effect_keeps_no_other_and_harms_no_answer() -> None:
    bench = benched()
    reports: list[Any] = []
    bench.system.on_crash(reports.append)
    bench.shell.holding = True
    asked = [bench.ask(Do(persist(Noted("a"), reply="a", then=(FAIL, CALL))))]
    asked += [bench.ask(Note(str(number))) for number in range(5)]
    asked.append(bench.ask(Do(persist(Noted("z"), reply="z", then=(CALL,)))))
    while bench.shell.requests:
        bench.shell.let_go()
        bench.shell.holding = True
        bench.clock.run()
    assert [each.value for each in asked] == ["a", 2, 3, 4, 5, 6, "z"]
    assert bench.post.sent == [("1", "x")] * 2
    assert [report.cause.types for report in reports] == [("OSError",)]
    assert not bench.alive()


def test_a_failed_effect_of_what_stores_nothing_keeps_no_other() -> None:
    bench = benched()
    assert bench.ask(Do(answer("a", then=(FAIL, CALL)))).value == "a"
    assert bench.post.sent == [("1", "x")]


def test_an_active_actor_is_read_back_after_a_failed_effect_once_all_is_stored() -> None:
    bench = benched()
    placed(bench)
    bench.shell.holding = True
    first = bench.ask(Do(persist(Noted("a"), reply="a", then=(FAIL,))))
    second = bench.ask(Note("b"))
    bench.shell.let_go()
    bench.shell.holding = True
    bench.clock.run()
    third = bench.ask(Note("c"))
    assert (first.value, second.given, third.given) == ("a", 0, 0)
    bench.shell.let_go()
    bench.clock.run()
    assert (second.value, third.value) == (2, 3)
    kinds = [record.kind for record in read(bench.journal, "order/1").tail]
    assert kinds == [1, 1, 1, CLAIM, 1]
    bench.clock.advance(TIMEOUT / 1000)
    assert bench.look().status == "expired"


def test_what_a_crash_interrupts_is_not_said_to_be_lost() -> None:
    class Broken(Order):
        def decide(self, state: Any, command: Any, now: int) -> Any:
            if isinstance(command, Expire):
                raise KeyError(command)
            return super().decide(state, command, now)

    bench = Bench(behaviour=Broken())
    placed(bench)
    bench.shell.holding = True
    noted = bench.ask(Note("a"))
    bench.clock.advance(TIMEOUT / 1000)
    assert isinstance(noted.error, StorageUnavailable)
    bench.shell.let_go()
    bench.clock.run()
    assert Noted("a") in bench.events()


# -- crash upon crash


@pytest.mark.parametrize("how", ["an effect", "a timer"])
def test_who_fails_at_each_revival_is_revived_ever_later(how: str) -> None:
    class Failing(Order):
        bad = True

        def recovered(self, state: State, now: int) -> Any:
            timer = StartTimer("payment", 0.0, Expire())
            return (FAIL,) if how == "an effect" else (timer,)

        def decide(self, state: State, command: Any, now: int) -> Any:
            if isinstance(command, Expire) and Failing.bad:
                raise KeyError
            return super().decide(state, command, now)

    bench = benched(Failing())
    placed(bench)

    def claims(seconds: int) -> int:
        before = read(bench.journal, "order/1").head.seq
        for _ in range(seconds):
            bench.clock.timers = [timer for timer in bench.clock.timers if not timer.cancelled]
            bench.clock.advance(1.0)
            bench.ask(Note("another's"), f"at {bench.clock.time}")  # is no reason to try again
        return read(bench.journal, "order/1").head.seq - before

    bench.clock.advance(TIMEOUT / 1000)
    if how == "an effect":
        bench.ask(Do(answer(then=(FAIL,))))
    assert 3 <= claims(30) <= 6
    claims(100)
    assert 3 <= claims(240) <= 5
    if how == "a timer":
        Failing.bad = False
        claims(61)
        assert bench.look().status == "expired"


# -- what is not read back, and what does not fit


@dataclass(frozen=True)
class Shouted:
    text: str

    def __post_init__(self) -> None:
        if self.text.endswith("!!"):
            raise ValueError(self.text)
        object.__setattr__(self, "text", self.text + "!")


class Shouting(Order):
    codec: Any = DataclassCodec[Any](Placed, Noted, Shouted)

    def evolve(self, state: State, event: Any) -> State:
        if isinstance(event, Shouted):
            return replace(state, notes=(*state.notes, event.text))
        return super().evolve(state, event)


def test_the_state_is_what_the_log_says_while_it_lives_too() -> None:
    bench = Bench(behaviour=Shouting())
    placed(bench)
    bench.ask(Do(persist(Shouted(""))))
    assert bench.look().notes == crash(bench).look().notes == ("!!",)


def test_an_event_that_is_not_read_back_is_not_stored() -> None:
    bench = Bench(behaviour=Shouting())
    assert isinstance(bench.ask(Do(persist(Shouted("x!")))).error, ActorCrashed)
    assert bench.journal.head("order/1") is None


@pytest.mark.parametrize(
    "row",
    [
        OrderRow("", "", 1, 1.5),  # type: ignore[arg-type] # the point
        OrderRow("", "", True, 1),
        OrderRow("", "", 2**63, 1),
        OrderRow("\ud800", "", 1, 1),
        OrderRow(None, "", 1, 1),  # type: ignore[arg-type] # the point
        ("", "", 1, 1),
    ],
)
def test_a_command_with_a_bad_row_is_refused(row: Any) -> None:
    class Rowed(Order):
        def row(self, state: State) -> Any:
            return row if state.notes else super().row(state)

    bench = Bench(behaviour=Rowed())
    placed(bench)
    assert isinstance(bench.ask(Note("x")).error, ActorCrashed)
    assert bench.ask(Pay()).value == "paid"
    assert [type(event) for event in bench.events()] == [Placed, Paid]


# -- a cancellation is a crash


def test_a_cancellation_in_decide_is_answered() -> None:
    class Cancelled(Order):
        def decide(self, state: State, command: Any, now: int) -> Any:
            if isinstance(command, Pay):
                raise asyncio.CancelledError
            return super().decide(state, command, now)

    bench = Bench(behaviour=Cancelled())
    placed(bench)
    assert isinstance(bench.ask(Pay()).error, ActorCrashed)
    assert bench.alive()
    assert bench.system.alive(order("1"))


def test_a_cancellation_in_evolve_is_answered_when_the_log_is_read() -> None:
    class Cancelled(Order):
        def recovered(self, state: State, now: int) -> Any:
            raise asyncio.CancelledError

    bench = Bench(behaviour=Cancelled())
    placed(bench)
    assert isinstance(crash(bench).ask(Look()).error, ActorCrashed)
