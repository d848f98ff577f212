"""Retention: what is let go of, what never is, and who wins when something else happens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from a2a.utils.errors import TaskNotFoundError, UnsupportedOperationError

from actors.runtime.journal.errors import StorageUnavailable
from actors.runtime.journal.port import Head
from actors.runtime.journal.projection import Keep
from actors.storage import MemoryJournal
from actors.task import retention
from actors.task.messages import Attach, Detach, Get, LetGo, Overdue, Send, Shorten, Wait, task_ref
from actors.task.orders import WEBHOOKS
from actors.task.policy import Policy
from actors.task.record import Kind
from actors.task.retention import PAUSE, Limit, Retention
from tests.manual import Answer
from tests.task.harness import ALICE, CONTEXT, TASK, Bench, artifact, reply, request, status, task

DAY = 86_400.0
PAGE = 16
STATES = ("COMPLETED", "FAILED", "CANCELED", "REJECTED", "INPUT_REQUIRED", "AUTH_REQUIRED")
POLICY = Policy.sdk(execution_deadline=None)


def bench(**options: Any) -> Bench:
    return Bench(POLICY, **options)


def work(made: Bench, name: str = TASK, state: str = "COMPLETED", size: int = 1) -> None:
    made.send("go", Wait.FIRST, new=True, task=name)
    made.emit(task("WORKING"))
    made.emit(artifact(text="x" * size))
    made.emit(status(state))
    made.returned()


def sweep(made: Bench, kept: Retention, parked_life: float | None = None) -> None:
    """The first sweep, to its end."""
    made.retain(kept, parked_life)
    made.clock.advance(kept.interval)
    for _ in range(20):
        made.clock.advance(PAUSE)


@pytest.mark.parametrize(
    ("kept", "seconds"),
    [
        (Retention(), 600.0),
        (Retention.terminal(Limit(count=3)), 600.0),
        (Retention.terminal(Limit(age=30 * 86_400)), 600.0),
        (Retention.terminal(Limit(age=3_600), records=600.0), 60.0),
        (Retention(input_required=Limit(age=100.0), records=86_400.0), 10.0),
        (Retention(messages=Limit(age=0.0)), 1.0),
        (Retention(records=1.0, every=30.0), 30.0),
    ],
)
def test_small_ages_are_looked_at_more_often(kept: Retention, seconds: float) -> None:
    assert kept.interval == seconds


def logs(made: Bench) -> list[str]:
    return [head.log for head in made.journal.heads(limit=10_000)]


def head(made: Bench, name: str = TASK) -> Head:
    found = made.journal.head(name)
    assert found is not None
    return found


class TestLimits:
    @pytest.mark.parametrize("state", STATES)
    def test_age_by_state(self, state: str) -> None:
        made = bench()
        work(made, "old", state)
        work(made, "other", "COMPLETED" if state != "COMPLETED" else "FAILED")
        made.clock.advance(DAY)
        work(made, "new", state)
        limits: Any = {state.lower(): Limit(age=DAY / 2)}
        sweep(made, Retention(**limits))
        assert logs(made) == ["new", "other"]
        assert isinstance(made.get("old").error, TaskNotFoundError)

    def test_count_keeps_the_newest(self) -> None:
        made = bench()
        for number in range(5):
            work(made, f"t{number}")
            made.clock.advance(1)
        sweep(made, Retention(completed=Limit(count=2)))
        assert logs(made) == ["t3", "t4"]

    def test_size_keeps_the_newest(self) -> None:
        made = bench()
        for number in range(4):
            work(made, f"t{number}", size=10_000)
            made.clock.advance(1)
        sweep(made, Retention(completed=Limit(size=25_000)))
        assert logs(made) == ["t2", "t3"]

    def test_interactions_without_a_task(self) -> None:
        made = bench()
        made.send("go", new=True)
        made.emit(reply("hello"))
        made.returned()
        work(made, "task")
        made.clock.advance(DAY)
        sweep(made, Retention(messages=Limit(age=1)))
        assert logs(made) == ["task"]

    def test_everything_is_kept_by_default(self) -> None:
        made = bench()
        work(made)
        made.clock.advance(1000 * DAY)
        sweep(made, Retention())
        assert logs(made) == [TASK]

    def test_sweeps_go_on(self) -> None:
        made = bench()
        work(made, "one")
        sweep(made, Retention(completed=Limit(age=DAY)))
        assert logs(made) == ["one"]
        for _ in range(200):
            made.clock.advance(600)
        assert logs(made) == []

    def test_more_than_a_page_and_a_page_of_those_that_cannot_go(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(retention, "PAGE", PAGE)
        made = bench()
        for number in range(PAGE + 10):
            work(made, f"held{number:03}")
            assert made.attach(0, f"held{number:03}").value.reader
        made.clock.advance(1)
        for number in range(PAGE + 10):
            work(made, f"t{number:03}")
        sweep(made, Retention(completed=Limit(count=0)))
        assert [name for name in logs(made) if name.startswith("t")] == []
        assert len(logs(made)) == PAGE + 10

    def test_a_journal_that_is_away_is_asked_in_the_next_sweep(self) -> None:
        journal = Away()
        made = Bench(POLICY, journal)
        work(made)
        journal.away = True
        sweep(made, Retention(completed=Limit(count=0)))
        assert logs(made) == [TASK]
        journal.away = False
        made.clock.advance(600)
        assert logs(made) == []

    @pytest.mark.parametrize("wrong", [{"every": 0}, {"every": -1}, {"records": -1}])
    def test_impossible_times_are_refused(self, wrong: Any) -> None:
        with pytest.raises(ValueError, match="expected a number"):
            Retention(**wrong)

    @pytest.mark.parametrize("wrong", [{"age": -1}, {"count": -1}, {"size": float("nan")}])
    def test_impossible_limits_are_refused(self, wrong: Any) -> None:
        with pytest.raises(ValueError, match="expected a number from 0"):
            Limit(**wrong)


class Away(MemoryJournal):
    """Cannot say what is surplus while `away`."""

    away = False

    def surplus(self, keep: Keep, limit: int = 256) -> Sequence[Head]:
        if self.away:
            raise StorageUnavailable("connection refused")
        return super().surplus(keep, limit)


NOTHING = Limit(count=0)
ALL = Retention.terminal(NOTHING, input_required=NOTHING, auth_required=NOTHING)


class TestNever:
    def test_an_active_task(self) -> None:
        made = bench()
        made.send("go", Wait.FIRST, new=True)
        made.emit(task("AUTH_REQUIRED"))
        made.clock.advance(DAY)
        sweep(made, ALL)
        assert logs(made) == [TASK]
        made.emit(status("COMPLETED"))
        made.returned()
        made.clock.advance(600)
        assert logs(made) == []

    def test_one_with_a_subscriber(self) -> None:
        made = bench()
        work(made, state="INPUT_REQUIRED")
        admitted = made.attach().value
        pull = made.pull(admitted, admitted.version)
        sweep(made, ALL)
        assert logs(made) == [TASK]
        assert pull.given == 0
        made.system.tell(task_ref(TASK), Detach(admitted.fanout, admitted.reader))
        made.clock.advance(600)
        assert logs(made) == []

    def test_one_with_a_reader_that_resumes(self) -> None:
        made = bench()
        work(made)
        admitted = made.attach(after=2).value
        sweep(made, ALL)
        assert [record.seq for record in made.pull(admitted, 2).value.records] == [3, 4, 5]
        made.system.tell(task_ref(TASK), Detach(admitted.fanout, admitted.reader))
        made.clock.advance(600)
        assert logs(made) == []

    def test_one_with_undelivered_webhooks(self) -> None:
        made = bench(pushed=frozenset({int(Kind.TASK), int(Kind.STATUS)}))
        work(made)
        sweep(made, ALL)
        assert logs(made) == [TASK]
        made.deliver_all()
        assert not made.journal.unconsumed(WEBHOOKS)
        made.clock.advance(600)
        assert logs(made) == []

    def test_one_that_has_changed_since_it_was_chosen(self) -> None:
        made = bench()
        work(made, state="INPUT_REQUIRED")
        chosen = head(made)
        made.send("on")
        made.emit(status("INPUT_REQUIRED"))
        made.returned()
        made.system.tell(task_ref(TASK), LetGo(chosen))
        made.clock.run()
        assert logs(made) == [TASK]


def shortened(made: Bench) -> None:
    sweep(made, Retention(records=0, every=600.0))


class TestRecords:
    def test_the_task_is_the_same(self) -> None:
        made = bench()
        work(made)
        before = made.get().value
        made.clock.advance(1)
        shortened(made)
        assert head(made).floor == head(made).seq == before.version
        assert made.get().value == before

    def test_only_what_has_been_at_rest_for_long_enough(self) -> None:
        made = bench()
        work(made, "old")
        made.clock.advance(DAY)
        work(made, "new")
        sweep(made, Retention(records=DAY / 2))
        assert head(made, "old").floor == head(made, "old").seq
        assert head(made, "new").floor == 0

    def test_follow_ups_work_and_so_does_a_restart(self) -> None:
        made = bench()
        work(made, state="INPUT_REQUIRED")
        made.clock.advance(1)
        shortened(made)
        floor = head(made).floor
        answer = made.send("on")
        made.emit(artifact("b"))
        made.emit(status("COMPLETED"))
        made.returned()
        assert answer.value.task
        after = Bench(POLICY, made.journal)
        view = after.get().value
        assert view.task == answer.value.task
        assert head(after).floor == floor < head(after).seq
        late = after.attach(after=floor).value
        records = after.pull(late, floor).value.records
        assert [record.seq for record in records] == list(range(floor + 1, view.version + 1))
        gap = after.pull(late, floor - 1).value
        assert gap.gap
        after.system.tell(task_ref(TASK), Detach(late.fanout, late.reader))
        after.clock.run()

    @pytest.mark.parametrize("state", ["INPUT_REQUIRED", "COMPLETED"])
    def test_not_while_somebody_reads(self, state: str) -> None:
        made = bench()
        work(made, state=state)
        admitted = made.attach(after=1).value
        made.clock.advance(1)
        shortened(made)
        assert head(made).floor == 0
        made.system.tell(task_ref(TASK), Detach(admitted.fanout, admitted.reader))
        made.clock.run()

    def test_not_before_webhooks_have_heard_all(self) -> None:
        made = bench(pushed=frozenset({int(Kind.TASK), int(Kind.STATUS)}))
        work(made)
        made.clock.advance(1)
        shortened(made)
        assert head(made).floor == 0
        made.deliver_all()
        made.clock.advance(600)
        assert head(made).floor == head(made).seq

    def test_once_is_enough(self) -> None:
        made = bench()
        work(made)
        made.clock.advance(1)
        shortened(made)
        told: list[Head] = []
        made.journal.compact = lambda *_: told.append(head(made))  # type: ignore[method-assign,assignment] # counts
        made.clock.advance(600)
        assert told == []


class TestParkedLife:
    @pytest.mark.parametrize("state", ["WORKING", "INPUT_REQUIRED", "AUTH_REQUIRED", "SUBMITTED"])
    def test_an_idle_open_task_is_failed(self, state: str) -> None:
        made = bench()
        made.send("go", Wait.FIRST, new=True)
        made.emit(task(state))
        made.returned()
        made.clock.advance(DAY)
        sweep(made, Retention(), parked_life=DAY)
        assert made.state == "FAILED"
        folded = made.folded.task
        assert folded is not None
        assert "longer than this server allows" in folded.status.message.parts[0].text

    def test_its_subscriber_hears_of_it(self) -> None:
        made = bench()
        work(made, state="INPUT_REQUIRED")
        admitted = made.attach().value
        pull = made.pull(admitted, admitted.version)
        made.clock.advance(DAY)
        sweep(made, Retention(), parked_life=DAY)
        pages = pull.values
        assert [record.kind for page in pages for record in page.records] == [Kind.STATUS]
        assert pages[-1].end is not None
        made.system.tell(task_ref(TASK), Detach(admitted.fanout, admitted.reader))
        made.clock.run()

    def test_not_one_that_is_running(self) -> None:
        made = bench()
        made.send("go", Wait.FIRST, new=True)
        made.emit(task("AUTH_REQUIRED"))
        made.clock.advance(DAY)
        sweep(made, Retention(), parked_life=1)
        made.system.tell(task_ref(TASK), Overdue(made.clock.now()))
        made.clock.run()
        assert made.state == "AUTH_REQUIRED"
        made.emit(status("COMPLETED"))
        assert made.state == "COMPLETED"
        made.returned()

    def test_not_one_that_is_young_or_over(self) -> None:
        made = bench()
        work(made, "young", "INPUT_REQUIRED")
        work(made, "over")
        before = len(made.log_of("over"))
        sweep(made, Retention(), parked_life=DAY)
        assert made.state_of("young") == "INPUT_REQUIRED"
        assert len(made.log_of("over")) == before

    def test_not_one_that_has_gone_on_since_it_was_chosen(self) -> None:
        made = bench()
        work(made, state="INPUT_REQUIRED")
        chosen = Overdue(made.clock.now() + 1)
        made.clock.advance(1)
        made.send("on")
        made.emit(status("INPUT_REQUIRED"))
        made.returned()
        made.system.tell(task_ref(TASK), chosen)
        made.clock.run()
        assert made.state == "INPUT_REQUIRED"


ORDERS = ("LetGo", "Overdue", "Shorten")


def order(made: Bench, name: str) -> Any:
    if name == "Overdue":
        return Overdue(made.clock.now() + 1)
    return LetGo(head(made)) if name == "LetGo" else Shorten(head(made))


def client(name: str) -> Any:
    if name == "send":
        return Send(request("on"), CONTEXT, (), Wait.STREAM, new=False)
    return {"get": Get(), "attach": Attach(None), "resume": Attach(0)}[name]


class TestAtTheSameMoment:
    """Orders of messages: the client's before the retention's, after it, and turns later."""

    @pytest.mark.parametrize("what", ORDERS)
    @pytest.mark.parametrize("who", ["send", "get", "attach", "resume"])
    @pytest.mark.parametrize("later", range(-1, 12))
    @pytest.mark.parametrize("alive", [True, False])
    def test_the_client_wins_or_hears_that_it_is_over(
        self, what: str, who: str, later: int, *, alive: bool
    ) -> None:
        made = bench()
        work(made, state="INPUT_REQUIRED")
        ordered, asked, answer = order(made, what), client(who), Answer()
        ref = task_ref(TASK)
        if alive:  # it is revived by now, and has not gone to rest again
            made.system.tell(ref, Get(), Answer(), ALICE)
        if later < 0:
            made.system.tell(ref, asked, answer, ALICE)
        made.system.tell(ref, ordered)
        for _ in range(later):
            if made.clock.soon:
                made.clock.soon.popleft()()
        if later >= 0:
            made.system.tell(ref, asked, answer, ALICE)
        made.clock.run()
        assert answer.given == 1, "never hangs"
        gone = TASK not in logs(made)
        if answer.errors:
            assert isinstance(answer.error, TaskNotFoundError | UnsupportedOperationError)
            assert gone or made.state == "FAILED"
            return
        if who == "get":
            assert answer.value.task
            return
        assert not gone, "a task with a reader is never removed"
        admitted = answer.value
        made.pull(admitted, max(admitted.version - 1, 0))
        made.system.tell(ref, Detach(admitted.fanout, admitted.reader))
        made.returned()
        assert len(made.agent.starts()) == (2 if who == "send" else 1)

    @pytest.mark.parametrize("result", [False, StorageUnavailable("away")])
    def test_a_task_that_stays_after_all_goes_on(self, result: Any) -> None:
        made = bench()
        work(made, state="INPUT_REQUIRED")

        def refuse(_: Head) -> bool:
            if isinstance(result, Exception):
                raise result
            return False

        made.journal.remove = refuse  # type: ignore[method-assign, assignment] # a fault
        made.system.tell(task_ref(TASK), LetGo(head(made)))
        answer = Answer()
        made.system.tell(task_ref(TASK), client("send"), answer, ALICE)
        made.clock.run()
        made.emit(status("COMPLETED"))
        made.returned()
        assert made.state == "COMPLETED"
        admitted = answer.value
        made.system.tell(task_ref(TASK), Detach(admitted.fanout, admitted.reader))
        made.clock.run()
