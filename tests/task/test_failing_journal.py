"""The journal fails for a while, or for good: retries, patience, and what becomes of the tasks."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from a2a.utils.errors import InternalError

from actors.storage import MemoryJournal
from actors.task.messages import Wait
from actors.task.policy import Policy
from actors.task.ports import (
    Ack,
    Append,
    GrantCredit,
    StorageUnavailable,
)
from tests.task.harness import Bench, artifact, status, task

POLICY = Policy.sdk(storage_patience=30.0)


class Flaky(MemoryJournal):
    """Raises while `away`; `fence` lets another writer in before the next append."""

    away = False
    attempts = 0

    def append(self, group: Sequence[Append]) -> Sequence[Ack]:
        self.attempts += 1
        if self.away:
            raise StorageUnavailable("disk full")
        return super().append(group)


@pytest.fixture
def journal() -> Flaky:
    return Flaky()


@pytest.fixture
def bench(journal: Flaky) -> Bench:
    return Bench(POLICY, journal)


def test_a_short_failure_is_a_pause_and_nothing_more(bench: Bench, journal: Flaky) -> None:
    answer = bench.send(new=True)
    bench.emit(task())
    journal.away = True
    bench.emit(status("COMPLETED"))
    granted = [request for request in bench.agent.asked if isinstance(request, GrantCredit)]
    assert answer.given == 0, "nothing is shown that is not stored"
    bench.clock.advance(2.0)
    assert answer.given == 0
    assert len([r for r in bench.agent.asked if isinstance(r, GrantCredit)]) == len(granted)
    journal.away = False
    bench.clock.advance(1.0)
    assert answer.given == 1
    assert bench.state == "COMPLETED"


def test_retries_back_off(bench: Bench, journal: Flaky) -> None:
    bench.send(new=True)
    journal.away, journal.attempts = True, 0
    bench.emit(task())
    for _ in range(100):
        bench.clock.advance(0.1)
    assert 10 <= journal.attempts <= 20, "0.05 s, doubling to 1 s"


def test_when_patience_is_over_everyone_is_told_and_the_run_is_fenced(
    bench: Bench, journal: Flaky
) -> None:
    blocked = bench.send(new=True)
    bench.emit(task())
    admitted = bench.attach().value
    reading = bench.pull(admitted, admitted.version)
    journal.away = True
    bench.emit(artifact())
    streaming = bench.send("more", Wait.STREAM)
    for _ in range(400):
        bench.clock.advance(0.1)
    for asked in (blocked, reading, streaming):
        assert isinstance(asked.error, StorageUnavailable)
    assert bench.agent.abandoned() == [bench.run]
    assert bench.kinds() == ["ACCEPTED", "STARTED", "TASK"]


def test_a_voided_task_is_settled_when_the_journal_answers_again(
    bench: Bench, journal: Flaky
) -> None:
    bench.send(new=True)
    bench.emit(task())
    journal.away = True
    bench.emit(artifact())
    for _ in range(400):
        bench.clock.advance(0.1)
    journal.away = False
    for _ in range(50):
        bench.clock.advance(0.1)
    assert bench.state == "FAILED"
    assert bench.kinds()[3:] == ["EPOCH_CLAIMED", "ENDED", "STATUS"]
    assert bench.system.refs()[3:] == []


def test_an_id_that_is_taken_is_a_clear_error(bench: Bench, journal: Flaky) -> None:
    bench.send(new=True)
    bench.emit(task())
    bench.emit(status("COMPLETED"))
    bench.returned()
    again = bench.send(new=True).error
    assert isinstance(again, InternalError)
    assert "must mint unique ids" in str(again)


def test_a_stale_writer_is_fenced_and_its_callers_hear_it(journal: Flaky) -> None:
    """A zombie: two systems on one journal, the second has settled what the first still runs."""
    zombie, successor = Bench(POLICY, journal), Bench(POLICY, journal)
    waiting = zombie.send(new=True)
    zombie.emit(task())
    successor.recover()
    assert successor.state == "FAILED"
    before = successor.log
    zombie.emit(status("COMPLETED"))
    assert isinstance(waiting.error, StorageUnavailable)
    assert zombie.agent.abandoned() == [zombie.run]
    assert successor.log == before
