"""Recovery: what a crash has left is settled by the policy, a few tasks at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import pytest

from actors.runtime import Caller
from actors.runtime.journal.errors import JournalCorrupt, StorageUnavailable
from actors.runtime.journal.port import Head, Stored
from actors.runtime.recovery import RETRY, WINDOW, Recovery
from actors.storage import MemoryJournal
from actors.task.actor import TaskActor
from actors.task.messages import Wait
from actors.task.policy import Policy
from actors.task.record import Kind
from actors.task.rules import Rules
from tests.task.harness import Bench, active, status, task

How = Literal["fail", "rerun", "park"]
HOWS: tuple[How, ...] = ("fail", "rerun", "park")


class Weak(MemoryJournal):
    """Cannot read the logs in `corrupt`; away for the next `away` questions about heads."""

    def __init__(self) -> None:
        super().__init__()
        self.corrupt: set[str] = set()
        self.away = 0
        self.asked = 0

    def read(self, log: str, caller: Caller | None = None) -> Stored | None:
        if log in self.corrupt:
            raise JournalCorrupt(f"log {log!r} cannot be read")
        return super().read(log, caller)

    def heads(self, after: str = "", limit: int = 256, *, active: bool = False) -> Sequence[Head]:
        self.asked += 1
        if self.away:
            self.away -= 1
            raise StorageUnavailable("connection refused")
        return super().heads(after, limit, active=active)


def killed(bench: Bench, how: How) -> Bench:
    """The next process, on the journal that one which is killed now leaves behind."""
    after = Bench(Policy.sdk(recovery=how), bench.journal)
    after.clock.time = bench.clock.time + 60
    after.begin_recovery()
    return after


def begun(how: How = "fail", journal: MemoryJournal | None = None) -> Bench:
    bench = Bench(Policy.sdk(recovery=how), journal)
    bench.send("one", new=True)
    return bench


def outcomes(bench: Bench) -> list[str]:
    """What became of each accepted message, in order."""
    fates: dict[int, str] = {}
    for record in bench.log:
        if record.kind == Kind.ACCEPTED:
            fates[record.seq] = "nothing"
        elif record.kind == Kind.STARTED:
            fates[record.number("message")] = "run"
        elif record.kind == Kind.REFUSED:
            fates[record.number("message")] = "refused"
    return list(fates.values())


class TestSettles:
    def test_fail_before_any_task(self) -> None:
        after = killed(begun(), "fail")
        assert after.state == "FAILED"
        assert after.recovery() == Recovery(done=True, settled=1)
        assert not after.agent.starts()

    def test_rerun_before_any_task(self) -> None:
        after = killed(begun(), "rerun")
        (run,) = after.agent.starts()
        assert run.recovered
        after.emit(task("COMPLETED"))
        after.returned()
        assert after.state == "COMPLETED"

    def test_park_before_any_task(self) -> None:
        after = killed(begun(), "park")
        assert after.state == "INPUT_REQUIRED"
        folded = after.folded.task
        assert folded is not None
        assert [message.message_id for message in folded.history] == ["m-one"]
        assert "Send a message" in folded.status.message.parts[0].text
        assert not after.agent.starts()
        assert active(after.journal) == []

    def test_a_parked_task_goes_on_with_the_next_message(self) -> None:
        after = killed(begun(), "park")
        answer = after.send("go on")
        after.emit(status("COMPLETED"))
        after.returned()
        assert answer.value.task
        assert after.state == "COMPLETED"

    @pytest.mark.parametrize(
        ("how", "state", "runs"),
        [("fail", "FAILED", 0), ("rerun", "WORKING", 1), ("park", "INPUT_REQUIRED", 0)],
    )
    def test_working(self, how: How, state: str, runs: int) -> None:
        before = begun()
        before.emit(task("WORKING"))
        after = killed(before, how)
        assert (after.state, len(after.agent.starts())) == (state, runs)

    @pytest.mark.parametrize("how", HOWS)
    def test_a_lost_cancel_has_cancelled(self, how: How) -> None:
        before = begun()
        before.emit(task("WORKING"))
        before.cancel()
        after = killed(before, how)
        assert after.state == "CANCELED"
        assert not after.agent.starts()

    @pytest.mark.parametrize("how", HOWS)
    @pytest.mark.parametrize("state", ["INPUT_REQUIRED", "AUTH_REQUIRED"])
    def test_a_run_that_waits_for_its_client_leaves_a_task_that_does(
        self, how: How, state: str
    ) -> None:
        before = begun()
        before.emit(task("WORKING"))
        before.emit(status(state))
        after = killed(before, how)
        assert after.state == state
        assert not after.agent.starts()
        assert active(after.journal) == []

    @pytest.mark.parametrize("how", HOWS)
    def test_a_terminal_task_whose_run_was_going_on_stays_as_it_is(self, how: How) -> None:
        before = begun()
        before.emit(task("COMPLETED"))
        log = before.log
        after = killed(before, how)
        assert after.log == log
        assert after.recovery().done

    @pytest.mark.parametrize(
        ("how", "fates"),
        [
            ("fail", ["run", "refused", "refused"]),
            ("rerun", ["run", "run", "run"]),
            ("park", ["run", "run", "run"]),
        ],
    )
    def test_each_accepted_message_gets_its_run_or_an_error(
        self, how: How, fates: list[str]
    ) -> None:
        before = begun()
        before.emit(task("WORKING"))
        before.send("two")
        before.send("three")
        after = killed(before, how)
        while active(after.journal):
            after.returned()
        assert outcomes(after) == fates
        assert after.folded.queue == ()

    @pytest.mark.parametrize("how", HOWS)
    def test_a_message_that_was_accepted_and_not_started_runs(self, how: How) -> None:
        before = begun()
        before.emit(task("WORKING"))
        before.emit(status("INPUT_REQUIRED"))
        before.send("two")
        after = killed(before, how)
        assert [start.recovered for start in after.agent.starts()] == [True]
        assert after.state == "INPUT_REQUIRED"

    def test_whoever_asks_before_its_turn_settles_a_task(self) -> None:
        journal = Weak()
        before = begun(journal=journal)
        before.emit(task("WORKING"))
        journal.away = 1
        after = killed(before, "park")
        assert not after.recovery().done
        after.get()
        assert after.state == "INPUT_REQUIRED"
        after.clock.advance(RETRY)
        assert after.recovery() == Recovery(done=True)  # nothing was left for it

    def test_a_parked_message_was_answered_by_the_question(self) -> None:
        """What `again.py` reads back: the status comes before the end of the run."""
        before = begun()
        before.emit(task("WORKING"))
        after = killed(before, "park")
        assert after.kinds()[-3:] == ["EPOCH_CLAIMED", "STATUS", "ENDED"]


def many(count: int, journal: MemoryJournal) -> Bench:
    bench = Bench(Policy.sdk(), journal)
    for number in range(count):
        bench.send("go", Wait.FIRST, new=True, task=f"t{number:03}")
        bench.emit(task("WORKING"))
    return bench


class Counted:
    """Makes task actors and counts how many there are at a time."""

    def __init__(self, bench: Bench, policy: Policy, crash: frozenset[str] = frozenset()) -> None:
        self.most = 0
        self._bench = bench
        self._rules = Rules(policy)
        self._crash = crash
        self._life = 0
        bench.system.register("task", self.make)

    def make(self, name: str) -> TaskActor:
        alive = sum(ref.kind == "task" for ref in self._bench.system.refs())
        self.most = max(self.most, alive + 1)
        self._life += 1
        kind = Crashing if name in self._crash else TaskActor
        return kind(name, self._rules, self._life)


class Crashing(TaskActor):
    """Has a defect."""

    def revived(self, stored: Stored | None, now: int) -> Any:
        raise RuntimeError("a defect")


class TestMany:
    def test_at_most_64_are_under_way_at_a_time(self) -> None:
        journal = Weak()
        many(300, journal)
        after = Bench(Policy.sdk(), journal)
        counted = Counted(after, Policy.sdk())
        after.begin_recovery()
        assert after.recovery() == Recovery(done=True, settled=300)
        assert WINDOW // 2 <= counted.most <= WINDOW == 64
        assert active(journal) == []
        assert {after.state_of(f"t{number:03}") for number in range(300)} == {"FAILED"}

    def test_progress_is_told(self) -> None:
        journal = Weak()
        many(100, journal)
        after = Bench(Policy.sdk(), journal)
        journal.away = 1
        after.begin_recovery()
        assert after.recovery() == Recovery(done=False)
        after.clock.advance(RETRY)
        assert after.recovery() == Recovery(done=True, settled=100)

    def test_a_journal_that_is_away_is_asked_again_until_it_is_back(self) -> None:
        journal = Weak()
        many(3, journal)
        after = Bench(Policy.sdk(), journal)
        journal.away = 5
        after.begin_recovery()
        for _ in range(4):
            after.clock.advance(RETRY)
            assert not after.recovery().done
        after.clock.advance(RETRY)
        assert after.recovery() == Recovery(done=True, settled=3)

    def test_one_that_is_corrupt_counts_as_failed_and_stops_nobody(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        journal = Weak()
        many(100, journal)
        after = Bench(Policy.sdk(), journal)
        journal.corrupt = {"t000", "t050"}
        after.begin_recovery()
        assert after.recovery() == Recovery(done=True, settled=98, failed=2)
        assert active(journal) == ["t000", "t050"]
        assert "log 't050' could not be recovered" in caplog.text

    def test_one_whose_actor_crashes_counts_as_failed_and_stops_nobody(self) -> None:
        journal = Weak()
        many(100, journal)
        after = Bench(Policy.sdk(), journal)
        Counted(after, Policy.sdk(), frozenset({"t000", "t099"}))
        after.begin_recovery()
        assert after.recovery() == Recovery(done=True, settled=98, failed=2)

    def test_one_that_cannot_be_stored_now_is_settled_later(self) -> None:
        journal = Weak()
        many(2, journal)

        def away(_: object) -> Any:
            raise StorageUnavailable("disk full")

        after = Bench(Policy.sdk(storage_patience=0.0), journal)
        stores = journal.append
        journal.append = away  # type: ignore[method-assign, assignment] # a fault
        after.begin_recovery()
        assert after.recovery() == Recovery(done=True, failed=2)
        journal.append = stores  # type: ignore[method-assign] # over
        after.clock.advance(60)
        after.clock.advance(60)
        assert active(journal) == []

    def test_a_client_that_comes_first_is_counted_once(self) -> None:
        journal = Weak()
        many(40, journal)
        after = Bench(Policy.sdk(recovery="rerun"), journal)
        assert after.get("t005").value.state == 2
        after.begin_recovery()
        assert after.recovery() == Recovery(done=True, settled=40)
        assert len(after.agent.starts()) == 40

    def test_nothing_to_do(self) -> None:
        bench = Bench(Policy.sdk())
        bench.begin_recovery()
        assert bench.recovery() == Recovery(done=True)
