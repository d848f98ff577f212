"""Races that were found, each as the trace that shows it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from a2a.types import Task
from a2a.utils.errors import A2AError, InvalidParamsError, UnsupportedOperationError

from actors.a2a.emission import emitted
from actors.runtime import ActorCrashed, ActorStopped, Caller
from actors.runtime.journal.errors import StorageError, StorageUnavailable
from actors.runtime.journal.messages import Appended, AppendFailed
from actors.runtime.journal.port import Ack, Append, Stored
from actors.storage import MemoryJournal
from actors.task.listing import TASKS
from actors.task.messages import AgentEvent, Cancel, Detach, Emitted, Hold, Send, Wait, task_ref
from actors.task.orders import RUNNER, RunReported
from actors.task.policy import Policy
from actors.task.ports import CancelRun
from actors.task.record import Failure, Kind
from tests.manual import Answer
from tests.task.harness import (
    ALICE,
    CONTEXT,
    TASK,
    Bench,
    active,
    artifact,
    reply,
    request,
    status,
    task,
)


class Held(MemoryJournal):
    """Answers an append when the test says so, as a database over a network would."""

    def __init__(self) -> None:
        super().__init__()
        self.hold = False
        self.error: Exception | None = None
        self.refuse = ""

    def append(self, group: Sequence[Append]) -> Sequence[Ack]:
        if self.hold:
            raise StorageUnavailable("not yet")
        if self.error is not None:
            raise self.error
        if any(append.log == self.refuse for append in group):
            raise StorageError(f"{self.refuse} cannot be stored")
        return super().append(group)


def held(policy: Policy | None = None) -> tuple[Bench, Held]:
    journal = Held()
    return Bench(policy or Policy.sdk(), journal), journal


def release(bench: Bench, journal: Held) -> None:
    """Let the journal answer, and the retry come."""
    journal.hold = False
    bench.clock.advance(1.5)


def give_up(bench: Bench) -> None:
    for _ in range(70):
        bench.clock.advance(0.5)


def test_a_cancel_is_not_answered_by_the_refusal_of_a_message_that_came_just_before() -> None:
    bench, _ = held()
    bench.send(new=True)
    bench.emit(task())
    queued = bench.send("two")
    cancel = bench.cancel()
    bench.cancelled()
    assert Task.FromString(cancel.value.task).status.state == 5
    assert queued.value.failure.error == "UnsupportedOperationError"


def test_a_reader_of_an_earlier_life_lets_nobody_else_out() -> None:
    bench, journal = held()
    bench.send(new=True)
    bench.emit(task())
    bench.emit(status("INPUT_REQUIRED"))
    bench.returned()
    old = bench.attach().value
    journal.hold = True
    bench.send("lost")
    give_up(bench)
    release(bench, journal)
    new = bench.attach().value
    waiting = bench.pull(new, new.version)
    bench.system.tell(task_ref(TASK), Detach(old.fanout, old.reader))
    bench.clock.run()
    assert old.fanout != new.fanout
    bench.send("heard")
    assert waiting.given == 1
    assert not waiting.errors


def test_a_verdict_on_an_earlier_life_is_none_of_the_next_ones() -> None:
    """The actor was lost with an append on its way; its successor has one on its way too."""
    bench, journal = held()
    bench.send(new=True)
    bench.emit(task())
    bench.emit(status("INPUT_REQUIRED"))
    bench.returned()
    journal.hold = True
    answer = bench.send("again")
    ref, life = task_ref(TASK), bench.system._cells[task_ref(TASK)].state.life
    for verdict in (
        Appended(life - 1, 99),
        AppendFailed(life - 1, fenced=True, error=None),
    ):
        bench.system.tell(ref, verdict)
        bench.clock.run()
    assert len(bench.agent.starts()) == 1, "nothing was stored, so nothing may start"
    assert answer.given == 0
    release(bench, journal)
    bench.emit(status("COMPLETED"))
    assert Task.FromString(answer.value.task).status.state == 3


def test_a_subscriber_between_decision_and_acknowledgement_gets_the_last_event() -> None:
    bench, journal = held()
    bench.send(new=True)
    bench.emit(task())
    journal.hold = True
    bench.emit(status("COMPLETED"))
    bench.returned()
    admitted = bench.attach().value
    waiting = bench.pull(admitted, admitted.version)
    assert waiting.given == 0
    release(bench, journal)
    assert [record.kind for page in waiting.values for record in page.records] == [Kind.STATUS]


def test_l3_a_refusal_waits_for_what_it_speaks_of() -> None:
    bench, journal = held()
    bench.send(new=True)
    bench.emit(task())
    journal.hold = True
    bench.emit(status("COMPLETED"))
    refused = bench.send("late")
    assert refused.given == 0, "COMPLETED may still come to nothing"
    release(bench, journal)
    assert isinstance(refused.error, UnsupportedOperationError)


def test_l3_a_refusal_of_something_that_came_to_nothing_says_try_again() -> None:
    bench, journal = held()
    bench.send(new=True)
    bench.emit(task())
    journal.hold = True
    bench.emit(status("COMPLETED"))
    refused = bench.send("late")
    give_up(bench)
    assert isinstance(refused.error, StorageUnavailable)


def test_execute_ends_just_as_the_cancel_goes_out() -> None:
    bench, _ = held()
    bench.send(new=True)
    bench.emit(task())
    answer = bench.cancel()
    bench.returned()  # reported late; the outcome of the cancel is what counts
    assert answer.given == 0
    bench.cancelled(Failure("InternalError", "cannot stop"))
    assert answer.value.failure == Failure("InternalError", "cannot stop")


def test_a_run_that_ends_before_the_cancel_is_stored_is_not_called_off() -> None:
    bench, journal = held()
    bench.send(new=True)
    bench.emit(task())
    journal.hold = True
    answer = bench.cancel()
    bench.emit(reply("nonsense in task mode"))
    release(bench, journal)
    assert bench.state == "FAILED"
    assert Task.FromString(answer.value.task).status.state == 4
    assert not any(isinstance(asked, CancelRun) for asked in bench.agent.asked)


def test_one_task_that_cannot_be_stored_harms_no_other() -> None:
    bench, journal = held()
    journal.refuse = "poison"
    answers = {name: Answer() for name in ("a", "poison", "b")}
    for name, answer in answers.items():
        send = Send(request("hi"), CONTEXT, (), Wait.STREAM, True)
        bench.system.tell(task_ref(name), send, answer, ALICE)
    bench.clock.run()
    assert isinstance(answers["poison"].error, StorageError)
    assert answers["a"].value.message == answers["b"].value.message == 1


def test_a_crash_of_an_actor_settles_its_run(monkeypatch: pytest.MonkeyPatch) -> None:
    bench, _ = held()
    waiting = bench.send(new=True)
    bench.emit(task())
    broken = Emitted(bench.run, (AgentEvent(Kind.STATUS, "no such event", 0, b""),))
    bench.system.tell(task_ref(TASK), broken)
    bench.clock.run()
    assert isinstance(waiting.error, ActorCrashed)
    assert bench.agent.abandoned() == [bench.run]
    bench.clock.advance(1.5)
    assert bench.state == "FAILED"


def test_a_slow_task_bounds_its_queue_and_says_so() -> None:
    bench, _ = held()
    bench.send(new=True)
    bench.emit(task())
    answers = [bench.send(str(number)) for number in range(130)]
    assert [type(answer.errors[0]).__name__ for answer in answers if answer.errors] == [
        "MailboxFull"
    ] * 2


def test_readers_that_come_and_go_leave_nothing_behind() -> None:
    bench, _ = held()
    bench.send(new=True)
    bench.emit(task())
    keeper = bench.attach().value
    for _ in range(50):
        passing = bench.attach().value
        bench.pull(passing, passing.version)
        bench.system.tell(task_ref(TASK), Detach(passing.fanout, passing.reader))
    bench.clock.run()
    assert bench.system._cells[keeper.fanout].state.waiting == {}


@pytest.mark.parametrize(
    "raised",
    [
        ValueError("lone \ud800 surrogate"),
        InvalidParamsError("x", {"error": "mine", "message": "other"}),
        InvalidParamsError("x", {"odd": object()}),
    ],
)
def test_whatever_an_agent_raises_can_be_stored_and_told(raised: Exception) -> None:
    failure = Failure.of(raised)
    assert Failure.unpack(failure.pack()) == failure
    told = failure.exception()
    assert isinstance(told, type(raised) if isinstance(raised, A2AError) else A2AError)
    if isinstance(raised, A2AError):
        assert told.message == "x"


def test_an_exception_that_cannot_speak_is_still_one() -> None:
    class Mute(Exception):  # noqa: N818 - a double
        def __str__(self) -> str:
            raise RuntimeError("not even this")

    assert "Mute" in Failure.of(Mute()).message


def test_reports_and_events_of_nobody_are_dead_letters() -> None:
    bench, _ = held()
    bench.send(new=True)
    bench.emit(task())
    stranger = bench.run._replace(run=99)
    bench.system.tell(RUNNER, RunReported(stranger, None, cancel=False))
    letter = Emitted(stranger, (emitted(stranger, CONTEXT, artifact()),))
    bench.system.tell(task_ref("nobody"), letter)
    bench.clock.run()
    assert bench.system.dead_letters == {"superseded run": 1, "no such actor": 1}
    assert isinstance(bench.ask(task_ref("nobody"), Cancel()).errors[0], A2AError)


def test_a_refusal_that_waits_for_a_cancel_is_told_even_if_that_comes_to_nothing() -> None:
    bench, journal = held(Policy.sdk(during_run="reject"))
    bench.send(new=True)
    bench.emit(task())
    journal.hold = True
    cancel = bench.cancel()
    refused = bench.send("busy?")
    bench.emit(reply("nonsense in task mode"))
    release(bench, journal)
    assert cancel.given == 1
    assert isinstance(refused.error, UnsupportedOperationError)


def test_a_message_that_waits_while_the_server_drains_is_for_the_next_process() -> None:
    bench, journal = held()
    bench.send("one", new=True)
    bench.emit(task())
    waiting = bench.send("two")
    bench.ask(task_ref(TASK), Hold())
    bench.emit(status("INPUT_REQUIRED"))
    bench.returned()
    assert len(bench.agent.starts()) == 1
    bench.system.shutdown(ActorStopped("closing"))
    assert isinstance(waiting.error, ActorStopped)
    successor = Bench(Policy.sdk(), journal)
    successor.recover()
    assert [start.request for start in successor.agent.starts()] == [request("two")]


def test_a_task_to_be_settled_while_its_log_cannot_be_read_is_looked_after_again() -> None:
    class Away(MemoryJournal):
        away = False

        def read(self, log: str, caller: Caller | None = None) -> Stored | None:
            if self.away:
                raise StorageUnavailable("away")
            return super().read(log, caller)

    bench = Bench(Policy.sdk())
    bench.send(new=True)
    journal = Away()
    journal.open(TASKS)
    for record in bench.log:
        known = bench.journal.read(TASK)
        assert known is not None
        journal.append([Append(TASK, 1, record.seq - 1, (record,), ALICE, True, known.row)])
    journal.away = True
    successor = Bench(Policy.sdk(), journal)
    successor.recover()
    assert active(journal) == [TASK]
    journal.away = False
    successor.clock.advance(2.0)
    assert active(journal) == []
    assert successor.state == "FAILED"
