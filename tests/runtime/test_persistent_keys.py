"""PersistentActor: idempotency keys and snapshots.

Neighbours: `test_persistent.py`, `orders.py` (what is tested).
"""

from __future__ import annotations

import pytest

from actors.runtime.entity import WINDOW
from actors.runtime.journal.actor import StoreGroup
from tests.runtime.fates import Fates
from tests.runtime.orders import (
    ALICE,
    Bench,
    Kept,
    Look,
    Note,
    Order,
    crash,
    placed,
    read,
)


@pytest.fixture
def bench() -> Bench:
    return Bench()


# -- idempotency keys


def test_a_key_is_carried_out_once(bench: Bench) -> None:
    bench.shell.holding = True
    first, second = bench.ask(Note("a", "k")), bench.ask(Note("a", "k"))
    assert not second.given
    bench.shell.let_go()
    bench.clock.run()
    assert (first.value, second.value) == (1, "as before")
    assert bench.ask(Note("a", "k"), caller=ALICE).value == 2  # hers is another
    later = crash(bench)
    assert later.ask(Note("a", "k")).value == "as before"
    assert len(later.events()) == 2


def test_a_key_that_was_never_stored_is_free() -> None:
    journal = Fates()
    bench = Bench(journal)
    journal.fates = ["never"]
    assert bench.ask(Note("a", "k")).errors
    assert bench.ask(Note("a", "k")).value == 1


# -- snapshots


def test_a_long_log_is_read_from_its_snapshot() -> None:
    bench = Bench(behaviour=Kept())
    for number in range(70):
        bench.ask(Note(str(number), f"k{number}" if number in (1, 2, 3, 69) else ""))
    stored = read(bench.journal, "order/1")
    assert stored.snapshot is not None
    assert stored.snapshot.seq == 64
    assert len(stored.tail) == 6
    later = crash(bench)
    assert later.ask(Note("again", "k69")).value == "as before"
    assert later.ask(Note("again", "k2")).value == "as before"
    assert later.ask(Note("again", "k1")).value == 71  # only the latest three keys are kept
    assert later.look().notes == (*map(str, range(70)), "again")


def test_an_active_actor_keeps_snapshots_too() -> None:
    bench = Bench(behaviour=Kept())
    placed(bench)
    for number in range(70):
        bench.ask(Note(str(number)))
    stored = read(bench.journal, "order/1")
    assert stored.snapshot is not None
    assert stored.snapshot.seq == 64
    assert bench.journal.compact("order/1", 64)
    later = crash(bench)
    later.recover()
    assert len(later.look().notes) == 70


def test_a_snapshot_is_of_what_is_stored() -> None:
    bench = Bench(behaviour=Kept())
    placed(bench)
    bench.shell.holding = True
    for number in range(WINDOW):
        bench.ask(Note(str(number)))
    bench.shell.let_go()
    bench.shell.holding = True
    bench.clock.run()
    assert [type(request) for request, _ in bench.shell.requests] == [StoreGroup]
    bench.shell.let_go()
    bench.clock.run()
    snapshot = read(bench.journal, "order/1").snapshot
    assert snapshot is not None
    assert snapshot.seq == WINDOW + 1


def test_a_snapshot_of_another_shape_is_a_clear_error() -> None:
    bench = Bench(behaviour=Kept())
    for number in range(70):
        bench.ask(Note(str(number)))
    bench.behaviour = Order()
    answer = crash(bench).ask(Look())
    assert "log 'order/1'" in str(answer.error)
    assert "snapshots" in str(answer.error)
