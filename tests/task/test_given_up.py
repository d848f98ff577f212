"""Appends that were given up: they land late, or are refused for good, for a long time.

Neighbours: `lossy.py` (the journals here), `test_unknown_outcome.py` (outcomes found in time),
`test_failing_journal.py` (failures that are known to have stored nothing).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from actors.runtime.journal.errors import StorageError, StorageRejected, StorageUnavailable
from actors.runtime.journal.lanes import Lanes
from actors.runtime.journal.messages import JOURNAL
from actors.runtime.journal.port import Ack, Append, Stored
from actors.task.messages import Send, Wait, task_ref
from actors.task.policy import Policy
from actors.task.record import Kind
from tests.task.harness import CONTEXT, TASK, Bench, active, artifact, request, status, task
from tests.task.lossy import Lossy, Other, node

HASTY = Policy.sdk(storage_patience=1.0)
RERUN = Policy.sdk(storage_patience=1.0, recovery="rerun")


def passes(bench: Bench, seconds: float) -> None:
    for _ in range(round(seconds * 10)):
        bench.clock.advance(0.1)


def until(bench: Bench, holds: Callable[[], bool]) -> None:
    for _ in range(1000):
        if holds():
            return
        bench.clock.advance(0.1)
    raise AssertionError("it did not come to that in 100 seconds")


def lanes(bench: Bench) -> Lanes:
    state: Lanes = bench.system.cells[JOURNAL].state
    return state


def at_work(bench: Bench) -> None:
    bench.send(new=True)
    bench.emit(task("WORKING"))


def another_task(bench: Bench, name: str) -> None:
    send = Send(request("hi"), CONTEXT, (), Wait.STREAM, True)
    assert bench.ask(task_ref(name), send).given == 1


# -- landing late


def test_a_task_whose_append_lands_late_is_settled() -> None:
    """Its next life has read the log before, and is fenced by it."""
    journal = Lossy()
    bench = node(journal, "one", HASTY)
    at_work(bench)
    journal.late = True
    bench.emit(artifact())
    passes(bench, 2)
    assert bench.agent.abandoned() == [bench.run]
    passes(bench, 1)
    assert len(journal.held[-1][0].records) > 1, "the next life wants its claim stored"
    journal.commit(journal.held[0])
    journal.late = False
    passes(bench, 5)
    kinds = ["ACCEPTED", "STARTED", "TASK", "ARTIFACT", "EPOCH_CLAIMED", "ENDED", "STATUS"]
    assert bench.kinds() == kinds
    assert (bench.state, active(journal)) == ("FAILED", [])
    assert lanes(bench).limbo == {}
    assert bench.system.refs()[3:] == []


def test_an_append_that_lands_after_the_load_fences_a_first_try() -> None:
    """The very next append finds it there: never tried before, yet fenced by ourselves."""
    journal = Landing()
    bench = node(journal, "one", HASTY)
    at_work(bench)
    journal.late = True
    bench.emit(artifact())
    until(bench, lambda: bool(lanes(bench).limbo))
    journal.late = False
    passes(bench, 5)
    assert (bench.state, active(journal)) == ("FAILED", [])
    assert lanes(bench).limbo == {}


class Landing(Lossy):
    """What is held lands just before the next append, as a row lock has it."""

    def append(self, group: Sequence[Append]) -> Sequence[Ack]:
        if self.held and not self.late:
            self.commit(self.held.pop(0))
            self.held.clear()
        return super().append(group)


def test_a_claim_that_lands_late_is_known_by_its_signature() -> None:
    """Three lives of one server: what the first wanted is lost, what the second wanted lands."""
    journal = Lossy()
    bench = node(journal, "one", RERUN)
    at_work(bench)
    journal.late = True
    bench.emit(artifact())
    first = journal.held[0][0]
    until(bench, lambda: journal.held[-1][0].writer == first.writer + 2)
    second = next(held for held in journal.held if held[0].writer == first.writer + 1)
    assert journal.commit(second) == [Ack.STORED]
    journal.late = False
    passes(bench, 5)
    assert len(bench.agent.starts()) == 2, "what is active has a run that goes on"
    assert [record.kind for record in bench.log].count(Kind.ARTIFACT) == 0
    assert lanes(bench).limbo == {}


@pytest.mark.parametrize("lands", ["first", "second"])
def test_a_task_that_another_server_has_taken_since_is_left_to_it(lands: str) -> None:
    journal = Lossy()
    bench, other = node(journal, "one", RERUN), node(Other(journal), "two", RERUN)
    at_work(bench)
    journal.late = True
    bench.emit(artifact())
    first = journal.held[0]
    until(bench, lambda: journal.held[-1][0].writer == first[0].writer + 2)
    second = next(held for held in journal.held if held[0].writer == first[0].writer + 1)
    journal.commit(first if lands == "first" else second)
    other.recover()
    theirs = other.log
    assert theirs[-1].epoch > second[0].epoch or lands == "first"
    journal.late = False
    passes(bench, 5)
    assert other.log == theirs, "a live run is not taken away"
    assert bench.system.refs()[3:] == []
    other.emit(status("COMPLETED"))
    assert other.state == "COMPLETED"


def test_what_is_in_limbo_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.runtime.journal.lanes.LIMBO_MOST", 2)
    journal = Lossy()
    bench = node(journal, "one", HASTY)
    journal.away = True
    for name in "abc":
        bench.system.tell(task_ref(name), Send(request("hi"), CONTEXT, (), Wait.STREAM, True))
    bench.clock.run()
    passes(bench, 3)
    assert list(lanes(bench).limbo) == ["b", "c"], "the oldest is forgotten first"


def test_a_place_that_is_no_longer_kept_is_not_another_writer() -> None:
    """Nobody can say whose records stood there: the log is read again."""
    journal = Forgetful()
    bench = node(journal, "one", HASTY)
    waiting = bench.send(new=True)
    bench.emit(task("WORKING"))
    journal.faults = [StorageUnavailable("connection broke")]
    bench.emit(status("COMPLETED"))
    passes(bench, 5)
    assert "another server" not in str(waiting.error)
    assert (bench.state, active(journal)) == ("COMPLETED", [])
    other = node(Other(journal), "two", HASTY)
    other.recover()
    assert bench.system.refs()[3:] == []


def test_a_run_whose_place_is_no_longer_kept_is_settled() -> None:
    journal = Forgetful()
    bench = node(journal, "one", HASTY)
    at_work(bench)
    journal.faults = [StorageUnavailable("connection broke")]
    bench.emit(artifact())
    passes(bench, 5)
    assert (bench.state, active(journal)) == ("FAILED", [])


class Forgetful(Lossy):
    """Keeps no records to be read page by page, except to the test."""

    def page(self, task: str, after: int, limit: int) -> Any:
        return super().page(task, after, limit) if limit > 1000 else None


# -- refused


class Refusing(Lossy):
    """A user's own store that refuses some tasks."""

    def __init__(self) -> None:
        super().__init__()
        self.unread: set[str] = set()
        self.unstored: set[str] = set()
        self.reads: list[str] = []

    def append(self, group: Sequence[Append]) -> Sequence[Ack]:
        if self.unstored & {append.log for append in group}:
            raise StorageRejected(ValueError("too large"))
        return super().append(group)

    def read(self, task: str, caller: Any = None) -> Stored | None:
        self.reads.append(task)
        if task in self.unread:
            raise StorageRejected(ValueError("cannot decode"))
        return super().read(task, caller)


@pytest.mark.parametrize("which", ["unread", "unstored"])
def test_a_refused_task_is_not_tried_again_whenever_another_is_stored(which: str) -> None:
    journal = Refusing()
    node(journal, "gone", HASTY).send(new=True)
    bench = node(journal, "one", HASTY)
    getattr(journal, which).add(TASK)
    bench.recover()
    for number in range(60):
        another_task(bench, f"other-{number}")
        passes(bench, 1)
    assert journal.reads.count(TASK) == 6, "at 0, 1, 3, 7, 15 and 31 seconds"
    getattr(journal, which).clear()
    passes(bench, 60)
    assert bench.state == "FAILED"
    assert TASK not in active(journal)
    assert lanes(bench).refused == {}


# -- for long


@pytest.mark.parametrize("patience", [0.0, 100_000.0])
def test_a_journal_may_be_away_for_very_long(patience: float) -> None:
    """More attempts than a float has powers of two, of a group or of a task that is settled."""
    journal = Lossy()
    bench = node(journal, "one", Policy.sdk(storage_patience=patience))
    at_work(bench)
    journal.away = True
    bench.emit(artifact())
    for _ in range(1100):
        bench.clock.advance(60.0 if patience == 0.0 else 1.0)
    assert len(journal.groups) > 1050
    journal.away = False
    bench.clock.advance(60.0)
    bench.clock.advance(60.0)
    assert bench.kinds()[3] == ("EPOCH_CLAIMED" if patience == 0.0 else "ARTIFACT")


def test_a_journal_may_refuse_for_very_long() -> None:
    journal = Refusing()
    node(journal, "gone", HASTY).send(new=True)
    bench = node(journal, "one", HASTY)
    journal.unstored.add(TASK)
    bench.recover()
    for _ in range(1100):
        bench.clock.advance(60.0)
    assert lanes(bench).refused[TASK] > 1050
    journal.unstored.clear()
    bench.clock.advance(60.0)
    assert bench.state == "FAILED"


# -- a journal that miscounts


class Miscounting(Lossy):
    """Stores, and answers with `answer` if there is one."""

    answer: Any = None

    def append(self, group: Sequence[Append]) -> Any:
        acks = super().append(group)
        return acks if self.answer is None else self.answer


@pytest.mark.parametrize("answer", [(), (Ack.STORED, Ack.STORED), 7])
def test_a_journal_that_miscounts_is_an_error_and_the_lane_lives_on(
    answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Miscounting()
    bench = node(journal, "one", HASTY)
    waiting = bench.send(new=True)
    bench.emit(task("WORKING"))
    journal.answer = answer
    bench.emit(artifact())
    assert isinstance(waiting.error, StorageError)
    assert "expected 1: one Ack for each append" in caplog.text
    journal.answer = None
    another_task(bench, "other")
    passes(bench, 5)
    assert (bench.state, active(journal)) == ("FAILED", ["other"])


# -- closing


@pytest.mark.parametrize("wrong", [math.inf, -math.inf, math.nan])
def test_a_policy_whose_drain_never_ends_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="expected a finite number of seconds"):
        Policy.sdk(drain=wrong)
