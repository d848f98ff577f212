"""A message that calls a run off: one run for both, one outcome each (A2, R23; `task/turns.py`)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgpack
import pytest
from a2a.types import Message, SendMessageRequest, StreamResponse, Task
from a2a.utils.errors import InternalError

from actors.runtime import MailboxFull
from actors.runtime.journal.record import Record
from actors.task.fold import Fold
from actors.task.messages import Hold, Wait, task_ref
from actors.task.policy import Policy
from actors.task.ports import ForgetRequest
from actors.task.record import Failure, Kind, messages_of
from actors.task.requests import QUEUE_BOUND
from actors.task.settle import Question, Retelling
from tests.manual import Answer
from tests.task.harness import TASK, Bench, artifact, journal_of, reply, request, status, task
from tests.task.test_races import give_up, held, release

BOTH: dict[str, Any] = {"during_run": "interrupt", "during_auth": "interrupt"}
POLICIES = [Policy.sdk(**BOTH), Policy.spec(**BOTH)]
AUTH = [Policy.sdk(during_auth="interrupt"), Policy.spec()]


@pytest.fixture(params=POLICIES, ids=["sdk", "spec"])
def bench(request: pytest.FixtureRequest) -> Bench:
    return Bench(request.param)


def said(bench: Bench) -> str:
    """What the latest run was started with."""
    return texts(SendMessageRequest.FromString(bench.agent.starts()[-1].request).message)


def texts(message: Message) -> str:
    return " ".join(part.text for part in message.parts)


def history(bench: Bench) -> list[str]:
    assert bench.folded.task is not None
    return [texts(message) for message in bench.folded.task.history]


def shown(answer: Answer) -> Task:
    return Task.FromString(answer.value.task)


def outcomes(bench: Bench) -> list[str]:
    ended = (record for record in bench.log if record.kind == Kind.ENDED)
    return [str(record.facts["outcome"]) for record in ended]


def started(bench: Bench) -> list[tuple[int, ...]]:
    return [messages_of(record) for record in bench.log if record.kind == Kind.STARTED]


def test_one_run_for_both_messages_and_one_answer(bench: Bench) -> None:
    first = bench.send("one", new=True)
    bench.emit(task("WORKING", history=[message("one")]))
    old = bench.run
    second = bench.send("two")
    assert bench.agent.abandoned() == [old]
    assert outcomes(bench) == ["interrupted"]
    assert said(bench) == "one two"
    bench.emit(status("COMPLETED"), old)
    assert bench.state == "WORKING", "what the old run emits counts no more"
    assert bench.system.dead_letters == {"superseded run": 1}
    bench.emit(status("COMPLETED"))
    bench.returned()
    assert first.value == second.value
    assert shown(first).status.state == 3
    assert history(bench) == ["one", "two"]
    assert [start.combined for start in bench.agent.starts()] == [False, True]


def test_the_combined_message_is_the_new_one_with_earlier_parts_before_its_own() -> None:
    bench = Bench(POLICIES[1])
    bench.send("one", new=True)
    bench.emit(task("WORKING", history=[message("one")]))
    bench.send("two")
    request_of = SendMessageRequest.FromString(bench.agent.starts()[-1].request)
    assert request_of.message.message_id == "m-two"
    assert request_of.message.task_id == TASK
    assert history(bench) == ["one", "two"], "as sent, in order of execution"


def test_several_one_after_another_in_order(bench: Bench) -> None:
    answers = [bench.send("0", new=True)]
    bench.emit(task("WORKING", history=[message("0")]))
    for number in range(1, 5):
        answers.append(bench.send(str(number)))
        assert said(bench) == " ".join(map(str, range(number + 1)))
    assert started(bench)[-1] == tuple(sorted(started(bench)[-1]))
    assert len(started(bench)[-1]) == 5
    bench.emit(status("INPUT_REQUIRED", "?"))
    assert [shown(answer).status.state for answer in answers] == [6] * 5
    bench.returned()
    assert history(bench) == ["0", "1", "2", "3", "4"]
    assert bench.folded.accepted == {}
    assert bench.system.refs()[3:] == []


def message(text: str) -> Message:
    return SendMessageRequest.FromString(request(text)).message


def test_before_there_is_a_task_the_agents_task_has_the_messages_as_sent() -> None:
    bench = Bench(POLICIES[0])
    first = bench.send("one", new=True)
    second = bench.send("two")
    combined = SendMessageRequest.FromString(bench.agent.starts()[-1].request).message
    bench.emit(task("WORKING", history=[combined]))
    assert history(bench) == ["one", "two"]
    public = next(record for record in bench.log if record.kind == Kind.TASK)
    stored = StreamResponse.FromString(public.payload).task
    assert [texts(each) for each in stored.history] == ["one", "two"], "streams show the same"
    bench.emit(status("COMPLETED"))
    bench.returned()
    assert first.value == second.value


def test_a_message_is_the_answer_to_both() -> None:
    bench = Bench(POLICIES[0])
    first, second = bench.send("one", new=True), bench.send("two")
    bench.emit(reply("both"))
    bench.returned()
    assert first.value == second.value
    assert StreamResponse.FromString(first.value.message).message.parts[0].text == "both"


def test_a_failed_task_made_by_the_core_has_both_messages() -> None:
    bench = Bench(POLICIES[0])
    bench.send("one", new=True)
    bench.send("two")
    bench.returned(Failure("InternalError", "broke"))
    assert (bench.state, history(bench)) == ("FAILED", ["one", "two"])


def test_an_answer_to_a_question_has_a_run_of_its_own(bench: Bench) -> None:
    """Nobody who was asked interrupts by answering, though the run that asks has not returned."""
    bench.send("one", new=True)
    bench.emit(task("WORKING"))
    bench.emit(status("INPUT_REQUIRED", "which?"))
    bench.send("this")
    assert bench.agent.abandoned() == []
    bench.returned()
    assert said(bench) == "this"
    assert started(bench)[-1] == (max(started(bench)[-1]),)


def test_what_waits_already_goes_along_before_the_new_message(bench: Bench) -> None:
    bench.send("one", new=True)
    bench.emit(task("WORKING", history=[message("one")]))
    bench.emit(status("INPUT_REQUIRED", "which?"))
    waits = bench.send("this")
    bench.emit(status("WORKING"))
    last = bench.send("or that")
    assert said(bench) == "one this or that"
    bench.emit(status("COMPLETED"))
    assert waits.value == last.value
    assert [text for text in history(bench) if text != "which?"] == ["one", "this", "or that"]


class TestAuth:
    @pytest.mark.parametrize("policy", AUTH, ids=["sdk", "spec"])
    def test_r23_a_message_reaches_the_agent_while_it_waits_for_a_login(
        self, policy: Policy
    ) -> None:
        bench = Bench(policy)
        first = bench.send("one", new=True)
        bench.emit(task("WORKING", history=[message("one")]))
        bench.emit(status("AUTH_REQUIRED", "log in"))
        assert shown(first).status.state == 8
        second = bench.send("no, wait")
        assert said(bench) == "one no, wait"
        assert bench.state == "AUTH_REQUIRED", "R24: a message authorizes nothing"
        assert second.given == 0
        bench.emit(status("COMPLETED"))
        assert shown(second).status.state == 3
        assert history(bench)[0] == "one"

    @pytest.mark.parametrize("policy", AUTH, ids=["sdk", "spec"])
    def test_before_the_login_is_asked_for_messages_wait(self, policy: Policy) -> None:
        bench = Bench(policy)
        bench.send("one", new=True)
        bench.emit(task("WORKING"))
        bench.send("two")
        assert bench.agent.abandoned() == []

    @pytest.mark.parametrize("during_run", ["queue", "reject", "interrupt"])
    def test_queue_waits_whatever_is_done_elsewhere(self, during_run: Any) -> None:
        bench = Bench(Policy.sdk(during_run=during_run))
        bench.send("one", new=True)
        bench.emit(task("WORKING"))
        bench.emit(status("AUTH_REQUIRED", "log in"))
        second = bench.send("two")
        assert (second.given, bench.agent.abandoned()) == (0, [])
        bench.emit(status("WORKING"))
        bench.returned()
        assert said(bench) == "two"


class TestWaits:
    """Each way to wait for an answer, of each of the two messages."""

    @pytest.mark.parametrize("end", ["COMPLETED", "raised", "returned", "cancelled"])
    def test_both_have_the_same_outcome(self, bench: Bench, end: str) -> None:
        first = bench.send("one", new=True)
        bench.emit(task("WORKING"))
        second = bench.send("two")
        if end == "cancelled":
            bench.cancel()
            bench.cancelled()
        elif end == "COMPLETED":
            bench.emit(status("COMPLETED"))
            bench.returned()
        else:
            bench.returned(Failure("InternalError", "broke") if end == "raised" else None)
        assert first.given == second.given == 1
        assert first.value == second.value
        assert bench.folded.accepted == {}

    def test_return_immediately_shows_the_first_there_is(self) -> None:
        bench = Bench(POLICIES[0])
        first = bench.send("one", Wait.FIRST, new=True)
        second = bench.send("two", Wait.FIRST)
        assert (first.given, second.given) == (0, 0)
        bench.emit(task("WORKING"))
        assert first.value == second.value

    def test_a_run_that_says_nothing_is_an_error_for_whoever_waits(self) -> None:
        bench = Bench(POLICIES[0])
        answers = [bench.send("one", Wait.FIRST, new=True), bench.send("two", Wait.FIRST)]
        bench.returned()
        assert [answer.value.failure.error for answer in answers] == [
            "InvalidAgentResponseError"
        ] * 2

    def test_a_refused_message_is_told_and_calls_nothing_off(self, bench: Bench) -> None:
        bench.send("one", new=True)
        bench.emit(task("WORKING"))
        bench.emit(status("COMPLETED"))
        late = bench.send("two")
        assert late.errors
        assert bench.agent.abandoned() == []

    def test_a_deadline_is_that_of_the_new_run(self) -> None:
        bench = Bench(Policy.sdk(**BOTH, execution_deadline=10.0))
        answers = [bench.send("one", new=True)]
        bench.emit(task("WORKING"))
        bench.clock.advance(8.0)
        answers.append(bench.send("two"))
        bench.clock.advance(8.0)
        assert bench.state == "WORKING"
        bench.clock.advance(3.0)
        assert (bench.state, outcomes(bench)) == ("FAILED", ["interrupted", "expired"])
        assert [answer.value.failure for answer in answers] == [answers[0].value.failure] * 2

    def test_while_a_cancel_is_going_on_messages_wait_for_the_end(self, bench: Bench) -> None:
        bench.send("one", new=True)
        bench.emit(task("WORKING"))
        cancel = bench.cancel()
        late = bench.send("two")
        bench.cancelled()
        assert shown(cancel).status.state == 5
        assert late.value.failure.error == "UnsupportedOperationError"

    def test_a_server_that_drains_interrupts_nothing(self, bench: Bench) -> None:
        bench.send("one", new=True)
        bench.emit(task("WORKING"))
        bench.ask(task_ref(TASK), Hold())
        bench.send("two")
        assert (outcomes(bench), len(bench.agent.starts())) == ([], 1)

    def test_the_messages_of_one_run_are_bounded(self, bench: Bench) -> None:
        bench.send("first", new=True)
        bench.emit(task("WORKING"))
        answers = [bench.send(f"{number}") for number in range(QUEUE_BOUND + 5)]
        refused = [answer for answer in answers if answer.errors]
        assert len(refused) == 5
        assert all(isinstance(answer.error, MailboxFull) for answer in refused)

    def test_what_would_be_too_much_for_one_run_waits(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each further message would go through all of it again."""
        monkeypatch.setattr("actors.task.turns.BYTES", 4_000)
        bench.send("a" * 900, Wait.FIRST, new=True)
        bench.emit(task("WORKING"))
        bench.send("b" * 900, Wait.FIRST)
        assert outcomes(bench) == ["interrupted"]
        bench.send("c" * 900, Wait.FIRST)
        assert outcomes(bench) == ["interrupted"]
        bench.emit(status("INPUT_REQUIRED"))
        bench.returned()
        assert said(bench) == "c" * 900

    def test_each_call_is_forgotten_once_nobody_needs_it(self, bench: Bench) -> None:
        bench.send("one", new=True, key=1)
        bench.emit(task("WORKING"))
        bench.emit(status("INPUT_REQUIRED"))
        bench.send("two", key=2)
        bench.emit(status("WORKING"))
        bench.send("three", key=3)
        assert forgotten(bench) == {1, 2}
        bench.emit(status("COMPLETED"))
        bench.returned()
        assert forgotten(bench) == {1, 2, 3}


def forgotten(bench: Bench) -> set[int]:
    return {each.key for each in bench.agent.asked if isinstance(each, ForgetRequest)}


def test_a_run_that_gave_way_before_it_was_stored_never_starts() -> None:
    bench, journal = held(POLICIES[0])
    journal.hold = True
    first, second = bench.send("one", new=True), bench.send("two")
    assert bench.agent.starts() == []
    release(bench, journal)
    assert [said(bench), len(bench.agent.starts())] == ["one two", 1]
    bench.emit(task("COMPLETED"))
    bench.returned()
    assert first.value == second.value


def test_a_journal_that_fails_in_between_leaves_no_run_behind() -> None:
    bench, journal = held(POLICIES[0])
    first = bench.send("one", new=True, key=1)
    bench.emit(task("WORKING"))
    journal.hold = True
    second = bench.send("two", key=2)
    give_up(bench)
    assert first.errors
    assert second.errors
    assert bench.agent.abandoned()[0] == bench.agent.starts()[0].run
    assert forgotten(bench) >= {1, 2}


# -- after a crash


def spoken(policy: Policy) -> Bench:
    """A log with two takeovers, one of them of a login, and one run that ends."""
    bench = Bench(policy)
    bench.send("one", new=True)
    bench.emit(task("WORKING", history=[message("one")]))
    bench.send("two")
    bench.emit(artifact())
    bench.send("three")
    bench.emit(status("WORKING", "on it"))
    bench.emit(status("COMPLETED"))
    bench.returned()
    return bench


def whole(log: tuple[Record, ...]) -> list[int]:
    """Where a crash can be: what one step writes is stored as a whole, or not at all."""
    ends = [record.seq for record in log if record.facts.get("outcome") == "interrupted"]
    within = {seq + more for seq in ends for more in (-1, 0)}
    return [seq for seq in range(1, len(log) + 1) if seq not in within]


@pytest.mark.parametrize("base", POLICIES, ids=["sdk", "spec"])
@pytest.mark.parametrize("recovery", ["fail", "rerun", "park"])
def test_a_crash_anywhere_settles_all_messages_of_the_run(base: Policy, recovery: Any) -> None:
    policy = replace(base, recovery=recovery)
    original = spoken(policy)
    for crash in whole(original.log):
        after = Bench(policy, journal_of(original.log[:crash], original.journal))
        before = after.folded
        after.recover()
        if before.final or not before.active:
            continue
        if policy.recovery == "rerun":
            assert said(after) == " ".join(["one", "two", "three"][: len(before.accepted)])
            after.emit(status("COMPLETED") if after.folded.task else task("COMPLETED"))
            after.returned()
        elif before.running:
            expected = "FAILED" if policy.recovery == "fail" else "INPUT_REQUIRED"
            assert (after.state, after.agent.starts()) == (expected, [])
        assert after.folded.accepted == {} or before.running is None
        if after.folded.task is not None:
            found = [text for text in history(after) if text in ("one", "two", "three")]
            assert found == list(dict.fromkeys(found)), crash


def test_rerun_runs_the_same_combined_message_again_also_after_a_snapshot() -> None:
    policy = Policy.sdk(**BOTH, recovery="rerun")
    bench = Bench(policy)
    bench.send("one", new=True)
    bench.emit(task("WORKING", history=[message("one")]))
    bench.send("two")
    before = history(bench)
    again = Bench(policy, journal_of(bench.log, bench.journal))
    again.recover()
    (start,) = again.agent.starts()
    assert start.recovered
    assert start.combined
    assert said(again) == "one two"
    assert messages_of(again.log[-1]) == messages_of(again.log[-3])
    assert history(again) == before
    third = again.send("three")
    assert said(again) == "one two three", "and it can be called off like any other"
    again.emit(status("COMPLETED"))
    assert shown(third).status.state == 3


@pytest.mark.parametrize("state", ["AUTH_REQUIRED", "INPUT_REQUIRED"])
@pytest.mark.parametrize("base", POLICIES, ids=["sdk", "spec"])
def test_a_run_that_has_said_nothing_yet_runs_again_whatever_was_asked_before(
    base: Policy, state: str
) -> None:
    policy = replace(base, recovery="rerun")
    bench = Bench(policy)
    bench.send("one", new=True)
    bench.emit(task("WORKING", history=[message("one")]))
    bench.emit(status(state, "well?"))
    if state == "INPUT_REQUIRED":
        bench.returned()
    bench.send("two")
    again = Bench(policy, journal_of(bench.log, bench.journal))
    again.recover()
    assert said(again) == ("two" if state == "INPUT_REQUIRED" else "one two")
    again.emit(status(state, "once more?"))
    waits = Bench(policy, journal_of(again.log, again.journal))
    waits.recover()
    assert (waits.agent.starts(), waits.state) == ([], state), "that one has asked"


def test_a_fold_is_the_same_with_and_without_a_snapshot_at_each_record() -> None:
    for policy in POLICIES:
        log = spoken(policy).log
        known = Fold()
        for record in log:
            known = Fold.unpack(known.pack())
            known.apply(record)
        assert known.pack() == spoken(policy).folded.pack()


def test_a_fold_of_an_earlier_release_reads_as_one_without_takeovers() -> None:
    fields = msgpack.unpackb(spoken(POLICIES[0]).folded.pack())
    del fields["taken"], fields["spoke"]
    known = Fold.unpack(msgpack.packb(fields))
    assert (known.taken, known.spoke) == ((), None)


@pytest.mark.parametrize("wait", [Wait.FIRST, Wait.SETTLED])
@pytest.mark.parametrize("policy", POLICIES, ids=["sdk", "spec"])
def test_r86_the_answer_is_retold_from_the_log(wait: Wait, policy: Policy) -> None:
    bench = Bench(policy)
    answers = {1: bench.send("one", wait, new=True)}
    bench.emit(task("WORKING", history=[message("one")]))
    for text in ("two", "three"):
        seq = bench.log[-1].seq + 1
        answers[seq] = bench.send(text, wait)
    bench.emit(status("COMPLETED"))
    bench.returned()
    for seq, answer in answers.items():
        retelling = Retelling(Question(wait, seq), policy, Fold())
        told = next(filter(None, map(retelling.hear, bench.log)))
        assert told == answer.value


def test_a_cancel_that_raises_fails_all_messages_and_tells_only_its_caller(bench: Bench) -> None:
    first = bench.send("one", new=True)
    bench.emit(task("WORKING"))
    second = bench.send("two")
    cancel = bench.cancel()
    bench.cancelled(Failure.of(InternalError("cannot")))
    assert cancel.value.failure.message == "cannot"
    assert first.value == second.value
    assert shown(second).status.state == 4
