"""Sweeps of the retention: by whose clock, past what cannot go, and past what goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from a2a.types import TaskState
from a2a.utils.errors import TaskNotFoundError

from actors.runtime.journal.errors import StorageUnavailable
from actors.runtime.journal.port import Head
from actors.runtime.journal.projection import Keep
from actors.storage import MemoryJournal
from actors.task.listing import TaskRow
from actors.task.messages import Attach, task_ref
from actors.task.policy import Policy
from actors.task.retention import Limit, Retention
from tests.manual import Answer
from tests.task.harness import ALICE, TASK, Bench, status, task
from tests.task.test_retention import DAY, POLICY, bench, logs, sweep, work


def stamped(made: Bench, at: int, state: str = "INPUT_REQUIRED") -> None:
    """A task whose agent has a clock of its own, at `at` (seconds)."""
    made.clock.advance(10 * DAY)
    made.send("go", new=True)
    for emitted in (task("WORKING"), status(state)):
        emitted.status.timestamp.FromSeconds(at)
        made.emit(emitted)
    made.returned()


def row(made: Bench) -> TaskRow:
    stored = made.journal.read(TASK)
    assert stored is not None
    assert isinstance(stored.row, TaskRow)
    return stored.row


class TestWhoseClock:
    @pytest.mark.parametrize("at", [1, 4_000_000_000])
    def test_what_an_agent_says_ends_no_task_early_and_none_late(self, at: int) -> None:
        made = bench()
        stamped(made, at)
        made.clock.advance(DAY / 2)
        sweep(made, Retention(), parked_life=DAY)
        assert made.state == "INPUT_REQUIRED"
        made.clock.advance(DAY)
        assert made.state == "FAILED"

    @pytest.mark.parametrize("at", [1, 4_000_000_000])
    def test_nor_removes_one(self, at: int) -> None:
        made = bench()
        stamped(made, at, "COMPLETED")
        made.clock.advance(DAY / 2)
        sweep(made, Retention(completed=Limit(age=DAY), records=DAY, every=600.0))
        kept = made.journal.head(TASK)
        assert kept is not None
        assert kept.floor == 0
        made.clock.advance(DAY)
        assert logs(made) == []

    def test_a_status_of_the_past_is_listed_so_and_one_of_the_future_is_not(self) -> None:
        made = bench()
        stamped(made, 1)
        assert row(made).status_at == 1000
        made = bench()
        stamped(made, 4_000_000_000)
        assert row(made).status_at == made.folded.listed_at <= made.clock.now()


class OneStateAway(MemoryJournal):
    """Cannot say what is surplus of one state."""

    def surplus(self, keep: Keep, limit: int = 256) -> Sequence[Head]:
        if keep.state == TaskState.TASK_STATE_COMPLETED:
            raise StorageUnavailable("timeout")
        return super().surplus(keep, limit)


def test_one_question_that_fails_leaves_the_others() -> None:
    made = Bench(POLICY, OneStateAway())
    work(made, "a", "COMPLETED")
    work(made, "b", "FAILED")
    sweep(made, Retention.terminal(Limit(count=0)))
    assert logs(made) == ["a"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"parked_life": -5},
        {"parked_life": float("nan")},
        {"parked_life": float("inf")},
        {"parked_life": 1e18},
        {"execution_deadline": 0},
        {"request_deadline": None},
        {"cancel_grace": -1},
        {"terminal_grace": "1"},
        {"storage_patience": True},
        {"drain": -1},
    ],
)
def test_impossible_times_of_a_policy(wrong: Any) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} is .*, expected a finite number"):
        Policy.sdk(**wrong)


@pytest.mark.parametrize(
    "wrong", [{"count": True}, {"count": 2.5}, {"size": 10**30}, {"age": 1e18}, {"age": "1d"}]
)
def test_impossible_limits(wrong: Any) -> None:
    with pytest.raises(ValueError, match="expected a number from 0"):
        Limit(**wrong)


@pytest.mark.parametrize("wrong", [{"every": 0.5}, {"records": "1"}, {"failed": 3}])
def test_impossible_retentions(wrong: Any) -> None:
    with pytest.raises(ValueError, match="expected a"):
        Retention(**wrong)


class Wordless(MemoryJournal):
    """Removes a log, and does not say so; `meanwhile` somebody asks for it."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Callable[[], None] = lambda: None

    def remove(self, head: Head) -> bool:
        super().remove(head)
        self.meanwhile()
        raise StorageUnavailable("connection broke")


def test_whoever_comes_while_it_is_not_known_whether_a_task_is_removed_hears_what_is() -> None:
    """An actor that went on would show what the journal has not any more (law L3)."""
    journal = Wordless()
    made = Bench(POLICY, journal)
    work(made)
    reader = Answer()
    journal.meanwhile = lambda: made.system.tell(task_ref(TASK), Attach(0), reader, ALICE)
    sweep(made, Retention(completed=Limit(count=0)))
    assert isinstance(reader.error, TaskNotFoundError)
