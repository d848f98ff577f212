"""The journal fails for a while, or for good: retries, patience, and what becomes of the tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pytest
from a2a.utils.errors import InternalError, UnsupportedOperationError

from actors.runtime import ActorCrashed, MailboxFull
from actors.runtime.journal.errors import StorageUnavailable
from actors.runtime.journal.port import Ack, Append
from actors.storage import MemoryJournal
from actors.task.draft import REFUSALS_BOUND
from actors.task.messages import AgentEvent, Emitted, Send, Wait, task_ref
from actors.task.policy import Policy
from actors.task.ports import GrantCredit
from actors.task.record import Kind
from actors.task.requests import CANCELS_BOUND, QUEUE_BOUND
from actors.task.state import Pending, TaskState
from tests.task.harness import CONTEXT, TASK, Bench, active, artifact, request, status, task

POLICY = Policy.sdk(storage_patience=30.0)


class Flaky(MemoryJournal):
    """Raises while `away`."""

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


def test_a_voided_task_is_settled_as_soon_as_anything_is_stored(
    bench: Bench, journal: Flaky
) -> None:
    """Not only at the next probe, which may be a minute away."""
    waiting = bench.send(new=True)
    bench.emit(task())
    journal.away = True
    bench.emit(artifact())
    while not waiting.given:
        bench.clock.advance(0.1)
    journal.away = False
    send = Send(request("hi"), CONTEXT, (), Wait.STREAM, True)
    assert bench.ask(task_ref("another"), send).given == 1
    assert bench.state == "FAILED"


def test_a_task_whose_actor_crashed_is_read_behind_its_last_records(
    bench: Bench, journal: Flaky
) -> None:
    """Read any earlier, its next life would be fenced by its last, and nobody would settle it."""
    waiting = bench.send(new=True)
    bench.emit(task())
    journal.away = True
    bench.emit(artifact())
    bench.emit(artifact())
    bench.system.tell(
        task_ref(TASK), Emitted(bench.run, (AgentEvent(Kind.STATUS, "no such event", 0, b""),))
    )
    bench.clock.run()
    assert isinstance(waiting.error, ActorCrashed)
    bench.clock.advance(2.0)
    journal.away = False
    for _ in range(30):
        bench.clock.advance(0.1)
    assert bench.kinds()[3:] == ["ARTIFACT", "ARTIFACT", "EPOCH_CLAIMED", "ENDED", "STATUS"]
    assert active(journal) == []


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


# -- bounds, while nothing is acknowledged


def pending(bench: Bench) -> tuple[Pending, ...]:
    state: TaskState = bench.system._cells[task_ref(TASK)].state
    return state.pending


@pytest.mark.parametrize("during_run", ["queue", "reject"])
def test_clients_cannot_make_a_task_owe_more_and_more(
    journal: Flaky, during_run: Literal["queue", "reject"]
) -> None:
    """Records, and answers that wait for them, whatever clients ask and however often."""
    bench = Bench(Policy.sdk(during_run=during_run), journal)
    bench.send(new=True)
    bench.emit(task())
    bench.returned()
    bench.send("first")
    journal.away = True
    asked = []
    for number in range(300):
        asked += [bench.send(f"{number}"), bench.cancel(), bench.attach(10_000)]
    bench.returned()
    asked += [bench.cancel() for _ in range(300)]
    owed = pending(bench)
    assert len(owed) <= QUEUE_BOUND + 2, "accepted messages, and what the run comes to"
    assert sum(len(entry.then) for entry in owed) <= REFUSALS_BOUND + 4
    waiting = sum(answer.given == 0 for answer in asked)
    assert waiting <= QUEUE_BOUND + REFUSALS_BOUND + CANCELS_BOUND
    journal.away = False
    for _ in range(400):
        bench.clock.advance(0.1)
    bench.cancelled()
    assert [answer.given for answer in asked] == [1] * len(asked)


def test_a_refusal_too_many_is_said_to_be_worth_trying_again(bench: Bench, journal: Flaky) -> None:
    """Those that wait hear what is so once it is stored (law L3)."""
    bench.send(new=True)
    bench.emit(task())
    journal.away = True
    bench.emit(status("COMPLETED"))
    bench.returned()
    refused = [bench.send(f"{number}") for number in range(REFUSALS_BOUND + 50)]
    waiting, told = refused[:REFUSALS_BOUND], refused[REFUSALS_BOUND:]
    assert all(isinstance(answer.error, StorageUnavailable) for answer in told)
    assert all(answer.given == 0 for answer in waiting)
    journal.away = False
    bench.clock.advance(1.0)
    assert {type(answer.error) for answer in waiting} == {UnsupportedOperationError}


def test_a_cancel_too_many_is_refused_and_the_others_are_answered(
    bench: Bench, journal: Flaky
) -> None:
    bench.send(new=True)
    bench.emit(task())
    journal.away = True
    cancels = [bench.cancel() for _ in range(CANCELS_BOUND + 50)]
    waiting, told = cancels[:CANCELS_BOUND], cancels[CANCELS_BOUND:]
    assert all(isinstance(answer.error, MailboxFull) for answer in told)
    assert all(answer.given == 0 for answer in waiting)
    journal.away = False
    bench.clock.advance(1.0)
    bench.cancelled()
    assert bench.state == "CANCELED"
    assert all(answer.value.task for answer in waiting)
