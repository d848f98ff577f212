"""Acknowledgements of the journal get lost: each append is resolved once, for good (invariant 7).

Neighbours: `lossy.py` (the journals here), `test_failing_journal.py` (failures that are known to
have stored nothing), `test_unknown_random.py`.
"""

from __future__ import annotations

import pytest
from a2a.utils.errors import InternalError

from actors.runtime.journal.errors import JournalCorrupt, StorageError, StorageUnavailable
from actors.runtime.journal.lanes import Lanes
from actors.runtime.journal.messages import JOURNAL, AppendRecords
from actors.runtime.journal.port import Append
from actors.runtime.journal.record import Record
from actors.task.messages import Send, Wait, task_ref
from actors.task.policy import Policy
from actors.task.record import Kind
from tests.manual import Answer
from tests.task.harness import ALICE, CONTEXT, TASK, Bench, request, status, task
from tests.task.lossy import Lossy, Other, broken, node

RERUN = Policy.sdk(recovery="rerun", storage_patience=30.0)


def sends(bench: Bench, *tasks: str) -> list[Answer]:
    """One new task each, all told before any is decided, so that they are stored as one group."""
    answers = []
    for name in tasks:
        answers.append(Answer())
        send = Send(request("hi"), CONTEXT, (), Wait.STREAM, True)
        bench.system.tell(task_ref(name), send, answers[-1], ALICE)
    bench.clock.run()
    return answers


def patience_ends(bench: Bench, seconds: int = 40) -> None:
    for _ in range(seconds * 10):
        bench.clock.advance(0.1)


def void_writers(bench: Bench) -> dict[str, int]:
    lanes: Lanes = bench.system._cells[JOURNAL].state
    return lanes.void


@pytest.fixture
def journal() -> Lossy:
    return Lossy()


@pytest.fixture
def bench(journal: Lossy) -> Bench:
    return node(journal, "one")


# -- stored, and the acknowledgement lost


@pytest.mark.parametrize("times", [1, 2, 20])
def test_a_lost_acknowledgement_is_a_pause_and_nothing_more(
    bench: Bench, journal: Lossy, times: int
) -> None:
    journal.faults = broken(times)
    answer = bench.send(new=True)
    assert bench.kinds() == ["ACCEPTED", "STARTED"]
    assert not bench.agent.asked, "nobody knows yet that this is stored"
    patience_ends(bench, 25)
    assert len(bench.agent.starts()) == 1
    bench.emit(task())
    journal.faults = broken(times)
    bench.emit(status("COMPLETED"))
    assert answer.given == 0
    patience_ends(bench, 25)
    assert answer.value.task
    assert bench.kinds() == ["ACCEPTED", "STARTED", "TASK", "STATUS"]
    assert bench.agent.abandoned() == []


def test_what_was_decided_meanwhile_follows_in_order(bench: Bench, journal: Lossy) -> None:
    answer = bench.send(new=True)
    journal.faults = broken(3)
    for event in (task(), status("WORKING"), status("COMPLETED")):
        bench.emit(event)
    patience_ends(bench, 5)
    assert answer.value.task
    assert bench.kinds() == ["ACCEPTED", "STARTED", "TASK", "STATUS", "STATUS"]


def test_each_task_of_a_group_gets_its_own_verdict(bench: Bench, journal: Lossy) -> None:
    """One was stored, the other had been another server's task before the group came."""
    other = node(Other(journal), "two")
    assert sends(other, "b")[0].given == 1
    theirs = journal.page("b", 0, 9)
    journal.faults = broken()
    mine, taken = sends(bench, "a", "b")
    assert journal.groups == [["a", "b"]]
    assert mine.given + taken.given == 0, "no verdict before the outcome is known"
    patience_ends(bench, 1)
    assert mine.value.message == 1
    assert isinstance(taken.error, InternalError)
    assert journal.page("b", 0, 9) == theirs
    assert [start.run.task for start in bench.agent.starts()] == ["a"]


def test_two_tasks_of_a_group_are_both_found(bench: Bench, journal: Lossy) -> None:
    journal.faults = broken(2)
    answers = sends(bench, "a", "b")
    patience_ends(bench, 1)
    assert [answer.value.message for answer in answers] == [1, 1]
    assert [start.run.task for start in bench.agent.starts()] == ["a", "b"]


def test_a_refusal_of_the_group_after_a_lost_acknowledgement(bench: Bench, journal: Lossy) -> None:
    """The appends are then given again one by one, and each has been there already."""
    journal.faults = [*broken(), StorageError("no")]
    answers = sends(bench, "a", "b")
    patience_ends(bench, 1)
    assert journal.groups == [["a", "b"], ["a", "b"], ["a"], ["b"]]
    assert [answer.value.message for answer in answers] == [1, 1]


# -- another writer


def test_another_writer_that_came_first_is_not_taken_for_oneself(
    bench: Bench, journal: Lossy
) -> None:
    other = node(Other(journal), "two")
    waiting = bench.send(new=True)
    bench.emit(task())
    journal.away = True
    bench.emit(status("COMPLETED"))
    other.recover()
    theirs = other.log
    journal.away = False
    patience_ends(bench, 2)
    assert isinstance(waiting.error, StorageUnavailable)
    assert bench.agent.abandoned() == [bench.run]
    assert bench.log == theirs
    assert other.state == "FAILED"


def test_what_was_stored_before_another_writer_came_counts(bench: Bench, journal: Lossy) -> None:
    other = node(Other(journal), "two")
    waiting = bench.send(new=True)
    bench.emit(task())
    journal.faults = broken()
    bench.emit(status("INPUT_REQUIRED"))
    other.recover()
    patience_ends(bench, 2)
    assert waiting.value.task, "its record is in the log"
    assert [record.kind for record in bench.log[3:5]] == [Kind.STATUS, Kind.EPOCH_CLAIMED]


@pytest.mark.parametrize("times", [0, 1, 3])
def test_of_two_equal_claims_one_is_owned(journal: Lossy, times: int) -> None:
    """Both read the same log and claim the same epoch in the same millisecond."""
    dead = node(Other(journal), "dead")
    dead.send(new=True)
    dead.emit(task())
    link = Other(journal)
    first, second = node(journal, "one", RERUN), node(link, "two", RERUN)
    link.away = True
    second.recover()
    journal.faults = broken(times)
    first.recover()
    link.away, link.faults = False, broken(times)
    patience_ends(second, 10)
    patience_ends(first, 10)
    assert [len(node.agent.starts()) for node in (first, second)] == [1, 0]
    claim = first.log[3]
    assert (claim.kind, claim.facts["by"]) == (Kind.EPOCH_CLAIMED, "one")


def test_of_two_equal_messages_to_a_parked_task_one_is_owned(journal: Lossy) -> None:
    """A proxy has sent one request to two servers; a parked task claims no epoch."""
    link = Other(journal)
    first, second = node(journal, "one"), node(link, "two")
    first.send(new=True)
    first.emit(task("INPUT_REQUIRED"))
    first.returned()
    assert not first.system.alive(task_ref(TASK))
    link.away = True
    late = second.send("more")
    journal.faults = broken()
    prompt = first.send("more")
    link.away = False
    patience_ends(second, 2)
    patience_ends(first, 2)
    assert isinstance(late.error, StorageUnavailable)
    assert second.agent.starts() == []
    assert len(first.agent.starts()) == 2
    first.emit(status("COMPLETED"))
    assert prompt.value.task


def test_of_two_equal_first_messages_one_is_owned(journal: Lossy) -> None:
    """An id generator that repeats itself, and a request that was sent twice."""
    link = Other(journal)
    first, second = node(journal, "one"), node(link, "two")
    link.away = True
    late = second.send(new=True)
    first.send(new=True)
    link.away = False
    patience_ends(second, 2)
    assert "must mint unique ids" in str(late.error)
    assert [len(node.agent.starts()) for node in (first, second)] == [1, 0]


def test_only_the_first_record_of_a_life_is_signed(bench: Bench) -> None:
    bench.send(new=True)
    bench.emit(task("INPUT_REQUIRED"))
    bench.returned()
    bench.send("more")
    signed = [record.seq for record in bench.log if "by" in record.facts]
    assert [bench.log[seq - 1].kind for seq in signed] == [Kind.ACCEPTED, Kind.ACCEPTED]
    assert len(bench.log) == 6


def test_nothing_is_stored_upon_a_fenced_append_of_the_same_writer(journal: Lossy) -> None:
    """The second append would hold: epoch and head are those of the other server's records."""
    link = Other(journal)
    first, second = node(journal, "one"), node(link, "two")
    first.send(new=True)
    first.emit(task("INPUT_REQUIRED"))
    first.returned()
    link.away = True
    late = [second.send("two"), second.send("three")]
    first.send("one")
    theirs = first.log
    link.away = False
    patience_ends(second, 2)
    assert [type(answer.error) for answer in late] == [StorageUnavailable] * 2
    assert first.log == theirs
    first.emit(status("COMPLETED"))
    assert first.state == "COMPLETED"


# -- the outcome cannot be known in time


def test_a_reading_back_that_fails_is_tried_again(bench: Bench, journal: Lossy) -> None:
    journal.faults, journal.pages = broken(), broken(8)
    answer = bench.send(wait=Wait.STREAM, new=True)
    bench.clock.advance(0.06)
    assert (len(journal.groups), len(journal.pages), answer.given) == (2, 7, 0)
    patience_ends(bench, 10)
    assert len(journal.groups) == 2, "what is known to be refused is not appended again"
    assert answer.value.message == 1
    assert len(bench.agent.starts()) == 1


def test_when_patience_ends_the_log_says_what_is_so(bench: Bench, journal: Lossy) -> None:
    waiting = bench.send(new=True)
    bench.emit(task())
    journal.lost = True
    bench.emit(status("COMPLETED"))
    journal.pages = broken(1000)
    patience_ends(bench)
    assert isinstance(waiting.error, StorageUnavailable)
    assert bench.agent.abandoned() == [bench.run]
    journal.lost, journal.pages = False, []
    patience_ends(bench, 70)
    assert bench.state == "COMPLETED"
    assert bench.kinds() == ["ACCEPTED", "STARTED", "TASK", "STATUS"], "nothing is stored twice"
    assert bench.system.refs()[3:] == []
    assert void_writers(bench) == {}


@pytest.mark.parametrize("reading", [False, True])
def test_a_run_of_unknown_outcome_is_settled_once(
    bench: Bench, journal: Lossy, reading: bool
) -> None:
    """The start of the run was stored; whoever waited has been told to try again."""
    journal.lost = True
    if reading:
        journal.faults, journal.pages, journal.lost = broken(), broken(1000), False
    answer = bench.send(new=True)
    patience_ends(bench, 31)
    assert isinstance(answer.error, StorageUnavailable)
    journal.lost, journal.pages = False, []
    patience_ends(bench, 70)
    assert bench.agent.starts() == []
    assert bench.kinds() == ["ACCEPTED", "STARTED", "EPOCH_CLAIMED", "ENDED", "TASK"]
    assert bench.state == "FAILED"
    assert bench.system.refs()[3:] == []


def test_when_reading_back_fails_for_good_the_others_still_hear_theirs(
    bench: Bench, journal: Lossy
) -> None:
    journal.faults, journal.pages = broken(), [JournalCorrupt("a bad block")]
    answers = sends(bench, "a", "b")
    bench.clock.advance(0.06)
    assert [answer.given for answer in answers] == [1, 1]
    assert answers[0].value.message == 1
    assert isinstance(answers[1].error, StorageUnavailable)


def test_what_gathered_behind_an_unread_append_is_void_and_told_so(
    bench: Bench, journal: Lossy
) -> None:
    journal.faults, journal.pages = broken(), broken(1000)
    (unread,) = sends(bench, "a")
    bench.clock.advance(0.06)
    (behind,) = sends(bench, "b")
    patience_ends(bench, 31)
    assert isinstance(unread.error, StorageUnavailable)
    assert isinstance(behind.error, StorageUnavailable)
    assert journal.read("b") is None


def test_nothing_is_stored_of_a_writer_that_was_told_it_is_void(journal: Lossy) -> None:
    """It was told so while a further append of its was on its way, which would hold."""
    bench = node(journal, "one", Policy.sdk(storage_patience=0.0))
    journal.faults = broken()
    answer = bench.send(new=True)
    assert isinstance(answer.error, StorageUnavailable)
    stored = journal.read(TASK)
    assert stored is not None
    record = Record(3, 1, 0, Kind.CANCEL_ASKED, b"", {"run": 1})
    append = Append(TASK, 1, 2, (record,), ALICE, row=stored.row, writer=1)
    bench.system.tell(JOURNAL, AppendRecords(append))
    bench.clock.run()
    assert bench.system.dead_letters["append of a void writer"] == 1
    bench.clock.advance(2.0)
    assert bench.kinds() == ["ACCEPTED", "STARTED", "EPOCH_CLAIMED", "ENDED", "TASK"]


def test_void_writers_are_remembered_up_to_a_bound(
    journal: Lossy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.runtime.journal.lanes.VOID_MOST", 2)
    first, second = node(journal, "one"), node(Other(journal), "two")
    sends(first, "a", "b", "c")
    sends(second, "a", "b", "c")
    assert list(void_writers(second)) == ["b", "c"], "the oldest is forgotten first"
    assert void_writers(first) == {}
