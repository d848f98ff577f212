"""TaskActor and its neighbours, message by message, on the bench."""

from __future__ import annotations

import pytest
from a2a.types import StreamResponse, Task
from a2a.utils.errors import (
    InvalidAgentResponseError,
    InvalidParamsError,
    TaskNotCancelableError,
    TaskNotFoundError,
    UnsupportedOperationError,
)

from actors.runtime import Caller
from actors.task.fold import INTERRUPTED
from actors.task.messages import Detach, Get, Wait, task_ref
from actors.task.policy import Policy
from actors.task.record import Failure, Kind
from tests.manual import Answer
from tests.task.harness import (
    TASK,
    Bench,
    artifact,
    journal_of,
    reply,
    request,
    status,
    task,
)

SDK, SPEC = Policy.sdk(), Policy.spec()
RERUN = (Policy.sdk(recovery="rerun"), Policy.spec(recovery="rerun"))
BOOM = Failure("InternalError", "boom")


@pytest.fixture(params=[SDK, SPEC], ids=["sdk", "spec"])
def bench(request: pytest.FixtureRequest) -> Bench:
    return Bench(request.param)


def shown(answer: Answer) -> Task:
    return Task.FromString(answer.value.task)


def finish(bench: Bench) -> None:
    bench.emit(task())
    bench.emit(status("COMPLETED"))
    bench.returned()


class TestSend:
    def test_r31_a_blocking_send_is_answered_at_the_terminal_state(self, bench: Bench) -> None:
        answer = bench.send(new=True)
        bench.emit(task())
        bench.emit(status("WORKING"))
        assert answer.given == 0
        bench.emit(status("COMPLETED"))
        assert shown(answer).status.state == 3

    @pytest.mark.parametrize("state", ["INPUT_REQUIRED", "AUTH_REQUIRED"])
    def test_r31_an_interrupted_state_answers_while_the_run_goes_on(
        self, bench: Bench, state: str
    ) -> None:
        answer = bench.send(new=True)
        bench.emit(task())
        bench.emit(status(state, "well?"))
        assert shown(answer).status.message.parts[0].text == "well?"
        bench.emit(status("COMPLETED"))
        assert bench.state == "COMPLETED"
        assert answer.given == 1

    def test_r33_return_immediately_needs_the_first_record_only(self, bench: Bench) -> None:
        answer = bench.send(new=True, wait=Wait.FIRST)
        if not answer.given:  # A15: under sdk the agent makes the Task visible
            bench.emit(task())
        assert shown(answer).status.state == 1

    def test_r16_a_message_to_a_terminal_task_is_refused_and_changes_nothing(
        self, bench: Bench
    ) -> None:
        bench.send(new=True)
        finish(bench)
        before = bench.log
        error = bench.send("again").error
        assert isinstance(error, UnsupportedOperationError)
        assert "TASK_STATE_COMPLETED" in str(error)
        assert bench.log == before

    def test_r19_a_message_resumes_an_interrupted_task_once(self, bench: Bench) -> None:
        bench.send(new=True)
        bench.emit(task())
        bench.emit(status("INPUT_REQUIRED", "which?"))
        bench.returned()
        answer = bench.send("that")
        assert len(bench.agent.starts()) == 2
        bench.emit(status("COMPLETED"))
        history = [message.parts[0].text for message in shown(answer).history]
        assert history[-2:] == ["which?", "that"]

    def test_a2_a_message_during_a_run_gets_a_run_of_its_own_afterwards(self, bench: Bench) -> None:
        bench.send("one", new=True)
        bench.emit(task())
        second = bench.send("two")
        assert len(bench.agent.starts()) == 1
        bench.emit(status("INPUT_REQUIRED"))
        assert second.given == 0, "the question was not asked of this message's run"
        bench.returned()
        assert [start.request for start in bench.agent.starts()] == [request("one"), request("two")]
        bench.emit(status("COMPLETED"))
        assert shown(second).status.state == 3

    def test_a2_a_queued_message_hears_that_the_task_ended_before_its_run(
        self, bench: Bench
    ) -> None:
        bench.send("one", new=True)
        bench.emit(task())
        second = bench.send("two")
        bench.emit(status("COMPLETED"))
        bench.returned()
        assert second.value.failure.error == "UnsupportedOperationError"
        assert "TASK_STATE_COMPLETED" in second.value.failure.message
        assert len(bench.agent.starts()) == 1
        assert bench.log[-1].kind == Kind.STATUS, "nothing follows a terminal record"

    def test_a2_reject_refuses_at_once(self) -> None:
        bench = Bench(Policy.sdk(during_run="reject"))
        bench.send("one", new=True)
        bench.emit(task())
        assert isinstance(bench.send("two").error, UnsupportedOperationError)

    def test_r3_an_unknown_task_is_not_found(self, bench: Bench) -> None:
        assert isinstance(bench.send("hello?").error, TaskNotFoundError)
        assert bench.log == ()


class TestAgent:
    def test_r36_a_bare_message_is_the_answer_and_no_task_exists(self) -> None:
        bench = Bench(SDK)
        answer = bench.send(new=True)
        bench.emit(reply("hello"))
        bench.returned()
        message = StreamResponse.FromString(answer.value.message).message
        assert message.parts[0].text == "hello"
        assert not answer.value.task
        assert isinstance(bench.send("more").error, TaskNotFoundError)

    def test_a_second_message_is_an_invalid_response(self) -> None:
        bench = Bench(SDK)
        answer = bench.send(new=True)
        bench.emit(reply("hello"))
        bench.emit(reply("again"))
        assert answer.value.failure.message == "Multiple Message objects received."
        assert bench.kinds().count("REPLY") == 1

    def test_r37_a_status_before_the_task_is_an_invalid_response(self) -> None:
        bench = Bench(SDK)
        answer = bench.send(new=True)
        bench.emit(status("WORKING"))
        assert isinstance(answer.value.failure.exception(), InvalidAgentResponseError)
        assert bench.folded.task is None
        assert bench.agent.abandoned() == [bench.run]

    def test_r15_updates_after_the_terminal_state_are_dropped(self, bench: Bench) -> None:
        bench.send(new=True)
        bench.emit(task())
        bench.emit(status("COMPLETED"))
        before = bench.log
        for late in (status("WORKING"), artifact(), task("WORKING"), status("FAILED")):
            bench.emit(late)
        assert bench.log == before
        assert bench.system.dead_letters["after_terminal"] == 4

    def test_a5_an_agent_that_raises_leaves_one_failed_task(self, bench: Bench) -> None:
        answer = bench.send(new=True)
        bench.returned(BOOM)
        assert bench.state == "FAILED"
        assert answer.value.failure == BOOM
        assert shown(answer).status.state == 4
        assert bench.folded.task is not None
        assert [m.parts[0].text for m in bench.folded.task.history] == ["hi"]

    def test_r31_an_agent_that_returns_unfinished(self) -> None:
        for policy, state, number in ((SDK, "WORKING", 2), (SPEC, "FAILED", 4)):
            bench = Bench(policy)
            answer = bench.send(new=True)
            bench.emit(task())
            bench.emit(status("WORKING"))
            bench.returned()
            assert bench.state == state
            assert shown(answer).status.state == number

    def test_an_agent_that_says_nothing_leaves_nobody_waiting(self) -> None:
        silent = Bench(SDK)
        answer = silent.send(new=True)
        silent.returned()
        assert answer.value.failure.error == "InvalidAgentResponseError"
        assert silent.folded.task is None
        strict = Bench(SPEC)
        answer = strict.send(new=True)
        strict.returned()
        assert shown(answer).status.state == 4

    def test_a7_an_append_to_an_unknown_artifact_fails_the_run(self, bench: Bench) -> None:
        answer = bench.send(new=True)
        bench.emit(task())
        bench.emit(artifact("nope", append=True))
        assert bench.state == "FAILED"
        assert "nope" in answer.value.failure.message

    def test_a7_a_chunk_after_the_last_one(self) -> None:
        for policy, state in ((SDK, "SUBMITTED"), (SPEC, "FAILED")):
            bench = Bench(policy)
            bench.send(new=True)
            bench.emit(task())
            bench.emit(artifact(last=True))
            bench.emit(artifact(append=True))
            assert bench.state == state, policy.name

    def test_a_second_task_object_is_ignored_with_a_log_line(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        bench = Bench(SDK)
        bench.send(new=True)
        bench.emit(task())
        bench.emit(task("COMPLETED"))
        assert bench.state == "SUBMITTED"
        assert ["Ignoring task replacement" in r.message for r in caplog.records] == [True]

    def test_events_of_a_superseded_run_are_counted_and_change_nothing(self, bench: Bench) -> None:
        bench.send(new=True)
        bench.emit(task())
        old = bench.run
        bench.emit(status("INPUT_REQUIRED"))
        bench.returned()
        bench.send("more")
        before = bench.log
        bench.emit(status("COMPLETED"), run=old)
        bench.returned(run=old)
        assert bench.log == before
        assert bench.system.dead_letters["superseded run"] == 2

    def test_the_execution_deadline_fails_the_task_and_abandons_the_run(self) -> None:
        bench = Bench(Policy.sdk(execution_deadline=60.0))
        answer = bench.send(new=True)
        bench.emit(task())
        bench.clock.advance(61)
        assert bench.state == "FAILED"
        assert bench.agent.abandoned() == [bench.run]
        assert answer.given == 1

    def test_a8_statuses_are_stamped_and_never_go_back(self, bench: Bench) -> None:
        bench.send(new=True)
        ahead = task()
        ahead.status.timestamp.FromMilliseconds(bench.clock.now() + 60_000)
        bench.emit(ahead)
        bench.emit(status("WORKING"))
        assert bench.folded.task is not None
        assert bench.folded.status_at == bench.clock.now() + 60_000
        assert bench.folded.task.status.timestamp.ToMilliseconds() == bench.folded.status_at


class TestCancel:
    def test_r51_a_cooperative_cancel(self, bench: Bench) -> None:
        waiting = bench.send(new=True)
        bench.emit(task())
        answer = bench.cancel()
        assert len(bench.agent.cancels()) == 1
        assert answer.given == 0
        bench.emit(status("CANCELED"))
        assert shown(answer).status.state == 5
        assert shown(waiting).status.state == 5
        bench.cancelled()
        assert bench.system.refs()[3:] == [], "at rest, the task costs nothing"

    def test_detail_12_the_core_cancels_for_an_agent_that_does_not(self, bench: Bench) -> None:
        bench.send(new=True)
        bench.emit(task())
        answer = bench.cancel()
        bench.clock.advance(5.1)
        assert shown(answer).status.state == 5
        assert bench.agent.abandoned() == [bench.run]
        bench.emit(status("COMPLETED"))
        assert bench.state == "CANCELED"

    def test_detail_12_a_cancel_that_raises_fails_the_task_and_tells_the_caller(
        self, bench: Bench
    ) -> None:
        bench.send(new=True)
        bench.emit(task())
        answer = bench.cancel()
        bench.cancelled(BOOM)
        assert bench.state == "FAILED"
        assert answer.value.failure == BOOM

    def test_r53_a_second_cancel_waits_for_the_same_outcome(self, bench: Bench) -> None:
        bench.send(new=True)
        bench.emit(task())
        answers = [bench.cancel(), bench.cancel()]
        assert len(bench.agent.cancels()) == 1
        bench.cancelled()
        assert [shown(answer).status.state for answer in answers] == [5, 5]

    def test_r52_terminal_and_unknown(self, bench: Bench) -> None:
        assert isinstance(bench.cancel().error, TaskNotFoundError)
        bench.send(new=True)
        finish(bench)
        assert isinstance(bench.cancel().error, TaskNotCancelableError)

    def test_a_parked_task_is_cancelled_by_its_agent_too(self, bench: Bench) -> None:
        bench.send(new=True)
        bench.emit(task())
        bench.emit(status("INPUT_REQUIRED"))
        bench.returned()
        answer = bench.cancel()
        assert len(bench.agent.cancels()) == 1
        bench.cancelled()
        assert shown(answer).status.state == 5


class TestReaders:
    def test_r40_a_subscription_is_the_task_and_then_each_record(self, bench: Bench) -> None:
        bench.send(new=True)
        bench.emit(task())
        admitted = bench.attach().value
        assert Task.FromString(admitted.task).id == TASK
        waiting = bench.pull(admitted, admitted.version)
        assert waiting.given == 0
        bench.emit(status("WORKING"))
        bench.emit(status("COMPLETED"))
        bench.returned()
        got = [record for page in waiting.values for record in page.records]
        assert got == [record for record in bench.log if record.seq > admitted.version]
        assert [page.end is None for page in waiting.values].index(False) == len(waiting.values) - 1

    def test_a_pull_stands_until_it_has_brought_what_it_may(self, bench: Bench) -> None:
        bench.send(new=True)
        bench.emit(task())
        admitted = bench.attach().value
        waiting = bench.pull(admitted, admitted.version, limit=2)
        for number in range(3):
            bench.emit(artifact(text=str(number), append=number > 0))
        assert [len(page.records) for page in waiting.values] == [1, 1]
        assert [page.stands for page in waiting.values] == [True, False]
        rest = bench.pull(admitted, waiting.values[-1].records[-1].seq)
        assert rest.value.records == bench.log[-1:]

    def test_one_pull_of_a_reader_stands_at_a_time(self, bench: Bench) -> None:
        bench.send(new=True)
        bench.emit(task())
        admitted = bench.attach().value
        older, newer = (bench.pull(admitted, admitted.version) for _ in range(2))
        bench.emit(artifact())
        assert (older.given, newer.given) == (0, 1)

    def test_a_cursor_older_than_the_ring_reads_pages_of_the_journal(self, bench: Bench) -> None:
        bench.send(new=True)
        bench.emit(task())
        for number in range(300):
            bench.emit(artifact(text=str(number), append=number > 0))
        admitted = bench.attach(after=0).value
        cursor, got = 0, []
        while cursor < bench.log[-1].seq:
            page = bench.pull(admitted, cursor).value
            got += page.records
            cursor = page.records[-1].seq
        assert tuple(got) == bench.log

    def test_r42_terminal_unknown_and_beyond(self, bench: Bench) -> None:
        assert isinstance(bench.attach().error, TaskNotFoundError)
        bench.send(new=True)
        finish(bench)
        assert isinstance(bench.attach().error, UnsupportedOperationError)
        assert isinstance(bench.attach(after=999).error, InvalidParamsError)

    def test_a_finished_task_is_replayed_from_a_cursor_and_ends(self, bench: Bench) -> None:
        bench.send(new=True)
        finish(bench)
        admitted = bench.attach(after=1).value
        page = bench.pull(admitted, 1).value
        assert tuple(page.records) == bench.log[1:]
        assert bench.pull(admitted, page.records[-1].seq).value.end is not None
        bench.system.tell(task_ref(TASK), Detach(admitted.fanout, admitted.reader))
        bench.clock.run()
        assert bench.system.refs()[3:] == []


class TestOwners:
    def test_r81_somebody_elses_task_is_like_none_at_all(self, bench: Bench) -> None:
        bench.send(new=True)
        bench.emit(task())
        for mallory in (Caller("mallory", ""), Caller("alice", "other tenant")):
            error = bench.ask(task_ref(TASK), Get(), mallory).error
            assert isinstance(error, TaskNotFoundError)


class TestRecovery:
    """A crash after each record of a log, under both recovery policies."""

    def scenario(self, policy: Policy) -> Bench:
        bench = Bench(policy)
        bench.send("one", new=True)
        bench.emit(task())
        bench.emit(status("WORKING"))
        bench.send("two")
        bench.emit(artifact())
        bench.emit(status("INPUT_REQUIRED", "which?"))
        bench.returned()
        bench.emit(status("WORKING"))
        bench.emit(artifact(append=True, last=True))
        bench.cancel()
        bench.cancelled()
        assert bench.state == "CANCELED"
        return bench

    @pytest.mark.parametrize("base", [SDK, SPEC], ids=["sdk", "spec"])
    def test_fail_settles_whatever_was_going_on(self, base: Policy) -> None:
        original = self.scenario(base)
        for crash in range(1, len(original.log) + 1):
            before = original.log[:crash]
            bench = Bench(base, journal_of(before, original.journal))
            known = bench.folded
            bench.recover()
            assert bench.log[:crash] == before
            if known.final or not known.active:
                assert bench.log == before, crash
            elif known.cancelling:
                assert bench.state == "CANCELED", crash
            elif known.state in INTERRUPTED and not known.queue:
                assert known.task is not None
                assert bench.folded.state == known.state, "it waits on for its client"
                assert bench.folded.active is False
            elif known.running and known.state not in INTERRUPTED:
                assert bench.state == "FAILED", crash
            else:
                (start,) = bench.agent.starts()  # accepted and never run: it gets its run
                assert start.recovered
                continue
            assert bench.agent.starts() == []
            assert bench.system.refs()[3:] == []
            if known.active and not known.final:
                assert bench.log[-1].epoch == before[-1].epoch + 1

    @pytest.mark.parametrize("policy", RERUN, ids=["sdk", "spec"])
    def test_rerun_runs_the_lost_message_again_and_it_enters_the_history_once(
        self, policy: Policy
    ) -> None:
        original = self.scenario(policy)
        for crash in range(1, len(original.log) + 1):
            bench = Bench(policy, journal_of(original.log[:crash], original.journal))
            lost = bench.folded.running
            waiting = bench.folded.queue
            if bench.folded.final or bench.folded.cancelling or not (lost or waiting):
                continue
            if bench.folded.state in INTERRUPTED and bench.folded.spoke:
                lost = None  # that run has asked its question; only who waits behind it runs
            bench.recover()
            if not lost and not waiting:
                assert bench.agent.starts() == []
                continue
            (start,) = bench.agent.starts()
            assert start.recovered
            assert start.request == bench.folded.accepted[lost or waiting[0]][0]
            if bench.folded.task is None:
                bench.emit(task())
            bench.emit(status("COMPLETED"))
            bench.returned()
            assert bench.state == "COMPLETED"
            assert bench.folded.task is not None
            ids = [message.message_id for message in bench.folded.task.history]
            assert len(ids) == len(set(ids)), crash
