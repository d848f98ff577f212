"""PersistentActor: what crashes and a failing journal leave, and who is revived.

Neighbours: `test_persistent.py`, `orders.py` (what is tested).
"""

from __future__ import annotations

import pytest

from actors.runtime import NOBODY, ActorCrashed
from actors.runtime.journal.errors import StorageUnavailable
from actors.runtime.journal.messages import AppendFailed
from actors.runtime.journal.port import Append
from actors.runtime.journal.record import CLAIM, Record
from actors.runtime.recovery import RECOVERY, Recovery
from actors.runtime.recovery import WINDOW as RECOVERING
from actors.storage import MemoryJournal
from tests.runtime.fates import Fates
from tests.runtime.orders import (
    PATIENCE,
    TIMEOUT,
    Bench,
    Expired,
    Look,
    Note,
    Noted,
    Pay,
    Placed,
    counted,
    crash,
    order,
    placed,
    read,
)


@pytest.fixture
def bench() -> Bench:
    return Bench()


# -- timers and crashes


def test_a_timeout_fires(bench: Bench) -> None:
    placed(bench)
    bench.clock.advance(TIMEOUT / 1000 - 1)
    assert bench.look().status == "placed"
    bench.clock.advance(1)
    assert bench.look().status == "expired"
    assert not bench.alive()


def test_a_timeout_survives_a_crash(bench: Bench) -> None:
    event = placed(bench)
    bench.clock.advance(20)
    later = crash(bench)
    later.recover()
    assert later.alive()
    assert later.ask_recovery() == Recovery(done=True, settled=1)
    assert [record.kind for record in read(later.journal, "order/1").tail] == [1, CLAIM]
    later.clock.advance(39)
    assert later.look().status == "placed"
    later.clock.advance(1)
    assert later.look().status == "expired"
    assert later.events() == [event, Expired()]
    assert not later.alive()


def test_a_timeout_that_passed_meanwhile_fires_at_once(bench: Bench) -> None:
    placed(bench)
    bench.clock.advance(20)
    later = crash(bench)
    later.clock.time += 3600
    later.recover()
    later.clock.advance(0)
    assert later.look().status == "expired"


def test_a_paid_order_is_not_woken(bench: Bench) -> None:
    placed(bench)
    bench.ask(Pay())
    later = crash(bench)
    later.recover()
    assert not later.alive()
    assert later.ask_recovery() == Recovery(done=True)
    later.clock.advance(3600)
    assert later.look().status == "paid"


def test_recovery_goes_through_all_pages(bench: Bench) -> None:
    for number in range(150):
        placed(bench, f"{number}/x")
    strange = Append("a task", 1, 0, (Record(1, 1, 0, 1),), NOBODY, active=True)
    bench.journal.append([strange])
    later = crash(bench)
    later.recover()
    assert later.ask_recovery() == Recovery(done=True, settled=150, strange=1)
    later.clock.advance(TIMEOUT / 1000)
    assert {later.look(f"{number}/x").status for number in range(150)} == {"expired"}


def test_a_log_that_cannot_be_recovered_holds_up_no_other(bench: Bench) -> None:
    for name in ("1", "2"):
        placed(bench, name)
    bench.journal._logs["order/1"].frames[:] = bench.journal._logs["order/2"].frames
    later = crash(bench)
    later.recover()
    assert later.ask_recovery() == Recovery(done=True, settled=1, failed=1)


def test_a_log_that_crashes_its_actor_holds_up_no_other(bench: Bench) -> None:
    placed(bench, "1")
    payload = bench.behaviour.codec.encode(Noted("poison")).payload
    poison = Append("order/0", 1, 0, (Record(1, 1, 0, 1, payload),), NOBODY, active=True)
    bench.journal.append([poison])
    later = crash(bench)
    later.recover()
    assert later.ask_recovery() == Recovery(done=True, settled=1, failed=1)
    assert isinstance(later.ask(Look(), "0").error, ActorCrashed)


def test_recovery_has_few_actors_under_way(bench: Bench) -> None:
    for number in range(200):
        placed(bench, str(number))
    later = crash(bench)
    later.shell.holding = True
    later.recover()
    state = later.system.cells[RECOVERY].state
    most = 0
    while not state.told.done:
        later.shell.let_go()
        later.shell.holding = True
        later.clock.run()
        state = later.system.cells[RECOVERY].state
        most = max(most, len(state.waiting))
    later.shell.let_go()
    assert state.told.settled == 200
    assert RECOVERING // 2 < most <= RECOVERING


def test_what_recovered_wants_waits_for_the_claim(bench: Bench) -> None:
    placed(bench)
    later = crash(bench)
    later.clock.time += 3600
    later.shell.holding = True
    later.recover()
    later.shell.let_go()  # the heads
    later.shell.holding = True
    later.clock.run()
    later.shell.let_go()  # the log
    later.shell.holding = True
    later.clock.run()
    later.clock.advance(0)
    assert [type(event) for event in later.events()] == [Placed]
    assert not later.system.cells[order("1")].timers
    later.shell.let_go()  # the claim
    later.clock.run()
    later.clock.advance(0)
    assert [type(event) for event in later.events()] == [Placed, Expired]


def test_an_older_life_is_fenced_and_its_askers_hear_it(bench: Bench) -> None:
    placed(bench)
    later = crash(bench)
    later.recover()
    assert later.ask(Pay()).value == "paid"
    stale = bench.ask(Note("stale"))
    assert isinstance(stale.error, StorageUnavailable)
    assert bench.look().status == "paid"
    assert not any(isinstance(event, Noted) for event in later.events())


# -- a journal that fails


def test_when_patience_is_over_everyone_is_told_and_the_actor_is_read_back() -> None:
    journal = Fates()
    bench = Bench(journal)
    placed(bench)
    journal.fates = ["away"] * 1000
    paid, look = bench.ask(Pay()), bench.ask(Look())
    bench.tell(Note("told"))
    bench.clock.advance(PATIENCE / 2)
    assert not paid.given
    for _ in range(20):
        bench.clock.advance(1.0)
    assert isinstance(paid.error, StorageUnavailable)
    assert isinstance(look.error, StorageUnavailable)
    assert counted(bench, "void") >= 1
    assert bench.post.sent == []
    journal.fates = []
    for _ in range(100):
        bench.clock.advance(1.0)
    assert [type(event) for event in bench.events()] == [Placed, Expired]


def test_a_lost_acknowledgement_is_no_failure() -> None:
    journal = Fates()
    bench = Bench(journal)
    journal.fates = ["lost"]
    answer = bench.ask(Note("once"))
    bench.clock.advance(1.0)
    assert answer.value == 1
    assert bench.events() == [Noted("once")]


def test_what_another_process_has_stored_is_not_taken_for_ours() -> None:
    ours, theirs = Fates(), MemoryJournal()
    theirs._logs = ours._logs
    bench, other = Bench(ours), Bench(theirs, name="other")
    ours.fates = ["away"]
    mine = bench.ask(Note("same"))
    assert other.ask(Note("same")).value == 1
    bench.clock.advance(1.0)
    assert isinstance(mine.error, StorageUnavailable)
    assert bench.events() == [Noted("same")]


def test_verdicts_on_an_earlier_life_are_none_on_this(bench: Bench) -> None:
    placed(bench)
    bench.tell(AppendFailed(99, fenced=True, error=None))
    assert bench.alive()
    assert bench.ask(Note("a")).value == 1


def test_a_journal_that_refuses_is_heard() -> None:
    journal = Fates()
    bench = Bench(journal)
    journal.fates = ["never"]
    assert isinstance(bench.ask(Note("x")).error, OSError)
    assert bench.ask(Note("y")).value == 1
