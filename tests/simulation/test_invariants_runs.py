"""When the invariants of logs, of storing and of runs speak, and when they must not."""

from __future__ import annotations

import pytest
from a2a.types import Task
from a2a.utils.errors import TaskNotCancelableError

from actors.runtime.journal.port import Ack, Snapshot
from actors.simulation import trace as seen
from actors.simulation.choices import Choices, Seeded
from actors.simulation.invariants import INVARIANTS, OF_TWO_RUNS
from actors.simulation.invariants.determinism import repeat
from actors.simulation.scenarios import Scenario, whims
from actors.simulation.search import run
from actors.simulation.trace import Trace
from actors.task.fold import fold
from actors.task.messages import AgentEvent, Emitted, View
from actors.task.policy import Policy
from actors.task.ports import CancelRun, Notify
from actors.task.record import Kind
from tests.simulation.story import CALLER, CONTEXT, TASK, Story, request, sound


def test_every_invariant_of_the_list_is_here_once() -> None:
    numbers = [each.number for each in INVARIANTS] + [each.number for each in OF_TWO_RUNS]

    assert sorted(numbers) == list(range(1, 34))


def test_a_sound_run_breaks_nothing_and_ends_as_it_should() -> None:
    story = sound()
    story.store(Kind.STATUS, story.emit(story.words.status("COMPLETED")))
    story.over()

    verdict = story.judged()

    assert verdict.violations == ()
    assert verdict.exercised >= {1, 2, 3, 4, 5, 14, 17, 23}


# -- 1, 2, 3, 4: the log


def test_1_speaks_of_a_record_behind_a_terminal_one() -> None:
    story = sound()
    story.store(Kind.STATUS, story.emit(story.words.status("COMPLETED")))
    story.store(Kind.ARTIFACT, story.emit(story.words.chunk("b")))

    assert 1 in story.broken()


def test_1_speaks_of_a_record_behind_a_bare_message() -> None:
    story = Story()
    story.begin()
    story.store(Kind.REPLY, story.emit(story.words.message()))
    story.store(Kind.ACCEPTED, request("more"))

    assert 1 in story.broken()


def test_2_speaks_of_an_update_before_the_task() -> None:
    story = Story()
    story.begin()
    story.store(Kind.ARTIFACT, story.emit(story.words.chunk()))

    assert {2, 4} <= story.broken()


def test_2_speaks_of_an_end_that_is_not_stored() -> None:
    story = sound()
    story.store(Kind.ENDED, run=1, message=1, outcome="expired", final=1)

    assert 2 in story.broken()


@pytest.mark.parametrize(("state", "breaks"), [("FAILED", False), ("REJECTED", True)])
def test_2_knows_which_state_the_end_of_a_run_leads_to(state: str, breaks: bool) -> None:
    story = sound()
    payload = story.emit(story.words.status(state))
    story.store(Kind.ENDED, run=1, message=1, outcome="expired", final=1)
    story.store(Kind.STATUS, payload)
    story.trace.add(seen.Abandoned("n1", story.run(1)))

    assert (2 in story.broken()) is breaks


def test_2_goes_by_the_policy() -> None:
    def told_twice(policy: Policy) -> bool:
        story = Story(policy)
        accepted = story.store(Kind.ACCEPTED, request("hello"))
        if policy.visible == "admission":
            story.store(Kind.TASK, story.emit(story.words.task("SUBMITTED")), core=1)
        story.store(Kind.STARTED, run=1, message=accepted.seq)
        story.store(Kind.TASK, story.emit(story.words.task("WORKING")))
        story.store(Kind.STATUS, story.emit(story.words.status("SUBMITTED")))
        return 2 in story.broken()

    assert told_twice(Policy.spec())
    assert not told_twice(Policy.sdk())


def test_3_speaks_of_a_gap() -> None:
    story = sound()
    del story.log[2]

    assert 3 in story.broken()


def test_4_speaks_of_a_view_that_is_not_the_fold_of_its_version() -> None:
    story = sound()
    view = View(Task(id=TASK).SerializeToString(), 4, CONTEXT, 2)
    story.trace.add(seen.Asked("c1.3", "c1", "n1", "get", TASK))
    story.trace.add(seen.Answered("c1.3", view, None))

    assert 4 in story.broken()


def test_4_speaks_of_a_view_beyond_the_log() -> None:
    story = sound()
    story.get("c1.3")
    story.log.pop()

    assert 4 in story.broken()


@pytest.mark.parametrize("seq", [3, 4, 5])
def test_4_compares_a_snapshot_with_the_log(seq: int) -> None:
    story = sound()
    snapshot = Snapshot(seq, fold(story.log).pack())
    story.trace.add(seen.Kept("n1", TASK, snapshot))

    assert (4 in story.broken()) is (seq != len(story.log))


def test_4_compares_what_the_agent_was_handed() -> None:
    story = sound()
    story.ends()
    accepted = story.store(Kind.ACCEPTED, request("more"))
    story.launch(story.run(2), "more")
    story.store(Kind.STARTED, run=2, message=accepted.seq)
    story.log[2] = story.log[2]._replace(payload=story.emit(story.words.task("SUBMITTED")))

    assert 4 in story.broken()


# -- 5, 6, 7, 15: storing


def test_5_speaks_of_a_stream_event_that_is_not_stored_yet() -> None:
    story = sound()
    story.trace.add(seen.Asked("c1.3", "c1", "n1", "subscribe", TASK))
    story.trace.add(seen.Streamed("c1.3", 5, None))
    story.store(Kind.STATUS, story.emit(story.words.status("WORKING")))

    assert 5 in story.broken()


def test_5_speaks_of_a_webhook_that_is_told_too_early() -> None:
    story = sound()
    record = story.record(Kind.STATUS, story.emit(story.words.status("WORKING")))
    story.trace.add(seen.Notified("n1", Notify(TASK, "", b"", record, "d", 1), ok=True))

    assert 5 in story.broken()


def test_5_speaks_of_an_answer_with_a_task_that_is_not_stored_yet() -> None:
    story = sound()
    story.trace.add(seen.Asked("c1.3", "c1", "n1", "send", TASK, ("more", "settled")))
    record = story.record(Kind.STATUS, story.emit(story.words.status("COMPLETED")))
    story.trace.add(seen.Answered("c1.3", fold([*story.log, record]).task, None))
    story.log.append(record)

    assert 5 in story.broken()


def test_5_speaks_of_a_message_that_is_not_stored_yet() -> None:
    story = Story()
    story.begin()
    message = story.words.message()
    story.trace.add(seen.Asked("c1.3", "c1", "n1", "send", TASK, ("more", "settled")))
    story.trace.add(seen.Answered("c1.3", message, None))
    story.store(Kind.REPLY, story.emit(message))

    assert 5 in story.broken()


def test_5_speaks_of_an_error_that_tells_of_an_end_not_stored_yet() -> None:
    story = sound()
    story.trace.add(seen.Asked("c1.3", "c1", "n1", "cancel", TASK))
    story.trace.add(seen.Answered("c1.3", None, TaskNotCancelableError()))
    story.store(Kind.STATUS, story.emit(story.words.status("COMPLETED")))

    assert 5 in story.broken()


def test_5_speaks_of_an_agent_that_is_called_before_that_is_stored() -> None:
    story = sound()
    cancel = CancelRun(run=story.run(1), caller=CALLER, context=CONTEXT, task=b"")
    story.trace.add(seen.CalledOff("n1", cancel))
    story.store(Kind.CANCEL_ASKED, run=1)

    assert 5 in story.broken()


def test_6_speaks_of_a_record_that_a_crash_has_taken_along() -> None:
    story = sound()
    story.trace.add(seen.Crashed("n1", "nothing"))
    story.log.pop()

    assert 6 in story.broken()


def test_6_goes_by_what_the_writer_was_told_too() -> None:
    story = sound()
    record = story.record(Kind.STATUS, story.words.status("WORKING").SerializeToString())
    story.trace.add(seen.Stored("n1", story.append(record), Ack.FENCED, told=True))
    assert 6 not in story.broken()

    story.trace.add(seen.Verdict("n1", TASK, 1, record.seq, fenced=False))
    assert 6 in story.broken()


def doubtful(*, stored: bool) -> tuple[Story, int]:
    """An append whose acknowledgement is lost; its sequence number."""
    story = sound()
    record = story.record(Kind.STATUS, story.emit(story.words.status("WORKING")))
    ack = Ack.STORED if stored else Ack.FENCED
    story.trace.add(seen.Stored("n1", story.append(record), ack, told=False))
    if stored:
        story.log.append(record)
    return story, record.seq


@pytest.mark.parametrize(("stored", "told"), [(True, True), (False, False), (True, False)])
def test_7_compares_a_late_verdict_with_the_log(stored: bool, told: bool) -> None:
    story, seq = doubtful(stored=stored)
    upto = seq if told else None
    story.trace.add(seen.Verdict("n1", TASK, 1, upto, fenced=not told))

    assert (7 in story.broken()) is (stored != told)


def test_7_speaks_of_a_writer_that_is_never_told() -> None:
    story, _ = doubtful(stored=True)

    assert 7 in story.broken()


def test_7_lets_a_process_that_is_down_know_nothing() -> None:
    story, _ = doubtful(stored=True)
    story.trace.add(seen.Crashed("n1", "all"))

    assert 7 not in story.broken()


def test_7_speaks_of_a_verdict_that_is_taken_back() -> None:
    story, seq = doubtful(stored=True)
    story.trace.add(seen.Verdict("n1", TASK, 1, None, fenced=False))
    story.trace.add(seen.Verdict("n1", TASK, 1, seq, fenced=False))

    assert 7 in story.broken()


def test_7_speaks_of_a_void_writer_that_stores_more() -> None:
    story, _ = doubtful(stored=False)
    story.trace.add(seen.Verdict("n1", TASK, 1, None, fenced=True))
    story.log.append(story.record(Kind.STATUS, story.emit(story.words.status("WORKING"))))
    append = story.append(story.log[-1])
    story.trace.add(seen.Stored("n1", append, Ack.STORED, told=True))

    assert 7 in story.broken()


def test_15_speaks_of_an_epoch_that_comes_back() -> None:
    story = sound()
    story.epoch = 2
    story.store(Kind.EPOCH_CLAIMED)
    assert 15 not in story.broken()

    story.epoch = 1
    story.store(Kind.STATUS, story.emit(story.words.status("WORKING")))
    assert 15 in story.broken()


def test_15_speaks_of_an_epoch_that_nobody_has_claimed() -> None:
    story = sound()
    story.epoch = 2
    story.store(Kind.STATUS, story.emit(story.words.status("WORKING"), story.run(1)))

    assert 15 in story.broken()


# -- 14, 17, 21, 23, 30: runs


def test_14_speaks_of_two_runs_at_work() -> None:
    story = sound()
    accepted = story.store(Kind.ACCEPTED, request("more"))
    story.store(Kind.STARTED, run=2, message=accepted.seq)
    story.launch(story.run(2), "more")

    assert {14, 23} <= story.broken()


def test_14_lets_another_process_take_a_run_over() -> None:
    story = sound()
    story.launch(story.run(2), node="n2")

    assert 14 not in story.broken()


def test_14_speaks_of_what_a_superseded_run_has_stored() -> None:
    story = sound()
    story.ends()
    accepted = story.store(Kind.ACCEPTED, request("more"))
    story.store(Kind.STARTED, run=2, message=accepted.seq)
    story.launch(story.run(2), "more")
    story.store(Kind.STATUS, story.emit(story.words.status("WORKING"), story.run(1)))

    assert 14 in story.broken()


def test_14_speaks_of_what_nobody_has_emitted() -> None:
    story = sound()
    story.store(Kind.STATUS, story.log[2].payload)

    assert 14 in story.broken()


def test_14_speaks_of_what_is_stored_twice() -> None:
    story = sound()
    story.store(Kind.ARTIFACT, story.log[3].payload)

    assert 14 in story.broken()


def test_14_speaks_of_an_end_that_the_agent_has_not_reported() -> None:
    story = sound()
    story.store(Kind.ENDED, run=1, message=1, outcome="returned", final=0)

    assert 14 in story.broken()


def test_17_speaks_of_a_message_that_is_forgotten() -> None:
    story = sound()
    story.store(Kind.ACCEPTED, request("more"))

    assert 17 in story.broken()


def test_17_speaks_of_a_message_that_is_executed_and_refused() -> None:
    story = sound()
    story.store(Kind.REFUSED, message=1)

    assert 17 in story.broken()


def test_17_speaks_of_a_run_of_no_message() -> None:
    story = sound()
    story.ends()
    story.store(Kind.STARTED, run=2, message=4)

    assert 17 in story.broken()


def test_17_speaks_of_an_agent_that_is_called_twice() -> None:
    story = sound()
    story.over()
    story.launch()

    assert 17 in story.broken()


def test_17_speaks_of_an_agent_that_hears_another_message() -> None:
    story = Story()
    story.store(Kind.ACCEPTED, request("hello"))
    story.store(Kind.STARTED, run=1, message=1)
    story.launch(text="goodbye")

    assert 17 in story.broken()


def late(story: Story, *, counted: int) -> bytes:
    """Give a run up; it emits something then, which is counted so many times."""
    story.trace.add(seen.Abandoned("n1", story.run(1)))
    payload = story.emit(story.words.status("WORKING"), late=True)
    event = AgentEvent(Kind.STATUS, "status_working", 2, payload)
    letter = Emitted(story.run(1), (event,))
    for _ in range(counted):
        story.trace.add(seen.Dead("n1", None, letter, "superseded run"))
    return payload


@pytest.mark.parametrize("counted", [0, 1, 2])
def test_21_wants_what_comes_late_counted_once(counted: int) -> None:
    story = sound()
    late(story, counted=counted)

    assert (21 in story.broken()) is (counted != 1)


def test_21_speaks_of_what_comes_late_and_is_stored() -> None:
    story = sound()
    story.store(Kind.STATUS, late(story, counted=1))

    assert 21 in story.broken()


def test_21_lets_a_process_that_is_down_count_nothing() -> None:
    story = sound()
    late(story, counted=0)
    story.trace.add(seen.Crashed("n1", "nothing"))

    assert 21 not in story.broken()


def test_21_lets_a_run_begin_under_the_name_of_one_that_never_did() -> None:
    story = Story()
    story.trace.add(seen.Abandoned("n1", story.run(1)))
    story.begin()
    story.store(Kind.TASK, story.emit(story.words.task()))

    assert 21 not in story.broken()


def test_33_speaks_of_what_is_stored_in_another_order() -> None:
    story = sound()
    first, second = (story.emit(story.words.chunk(each)) for each in "ab")
    story.store(Kind.ARTIFACT, second)
    story.store(Kind.ARTIFACT, first)

    assert story.broken() == {33}


@pytest.mark.parametrize("counted", [False, True])
def test_33_wants_what_is_left_out_counted(counted: bool) -> None:
    story = sound()
    first, second = (story.emit(story.words.chunk(each)) for each in "ab")
    story.store(Kind.ARTIFACT, second)
    if counted:
        letter = Emitted(story.run(1), (AgentEvent(Kind.ARTIFACT, "artifact", 0, first),))
        story.trace.add(seen.Dead("n1", None, letter, "closed_artifact"))

    assert story.broken() == (set() if counted else {33})


def test_33_lets_what_came_last_be_lost_with_its_process() -> None:
    story = sound()
    story.emit(story.words.chunk())
    story.trace.add(seen.Crashed("n1", "nothing"))

    assert 33 not in story.broken()


def test_23_speaks_of_two_runs_of_one_message() -> None:
    story = sound()
    story.ends()
    story.store(Kind.STARTED, run=2, message=1)

    assert {17, 23} <= story.broken()


@pytest.mark.parametrize("claims", [True, False])
def test_23_lets_a_message_run_again_only_if_its_run_was_lost(claims: bool) -> None:
    story = Story(Policy.sdk(recovery="rerun"))
    story.begin()
    if claims:
        story.epoch = 2
        story.store(Kind.EPOCH_CLAIMED)
    story.store(Kind.STARTED, run=2, message=1, again=1)

    assert (23 in story.broken()) is not claims


def test_23_speaks_of_a_run_number_that_is_skipped() -> None:
    story = sound()
    story.ends()
    story.store(Kind.CANCEL_ASKED, run=3)

    assert 23 in story.broken()


def test_30_speaks_of_a_run_that_nobody_is_at_work_on() -> None:
    story = sound()
    assert 30 not in story.broken()

    story.trace.add(seen.Crashed("n1", "nothing"))
    assert 30 in story.broken()


@pytest.mark.parametrize("policy", [Policy.sdk(), Policy.sdk(unfinished="fail")])
def test_30_leaves_unfinished_what_the_policy_leaves_so(policy: Policy) -> None:
    story = Story(policy)
    story.begin()
    story.store(Kind.TASK, story.emit(story.words.task()))
    story.ends()

    assert (30 in story.broken()) is (policy.unfinished == "fail")


# -- 32: two runs


def test_32_the_same_choices_give_the_same_digest() -> None:
    scenario = Scenario(name="whims", inhabit=whims())
    for seed in range(20):
        outcome = run(scenario, Seeded(seed))
        assert repeat(scenario, outcome.trace, outcome.choices) == ()


def test_32_speaks_of_the_first_line_that_differs() -> None:
    runs = 0

    def forgetful(choices: Choices) -> Trace:
        nonlocal runs
        runs += 1
        trace = Trace()
        trace.add(seen.Began("n1"))
        trace.add(seen.Began(f"n{runs}"))
        return trace

    choices = Seeded(0)
    first = forgetful(choices)
    (violation,) = repeat(forgetful, first, choices.made)

    assert violation.number == 32
    assert "   1 Began(node='n1'), then    1 Began(node='n2')" in violation.text
