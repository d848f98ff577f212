"""The invariants of answers and of the house on traces made by hand: when each speaks.

Each is held against a sound trace, in which it must have something to judge and be silent, and
against the same trace with one thing wrong.
"""

from __future__ import annotations

from typing import Any

import pytest
from a2a.types import StreamResponse
from a2a.utils.errors import (
    InternalError,
    TaskNotCancelableError,
    TaskNotFoundError,
    UnsupportedOperationError,
)

from actors.runtime import NOBODY, ActorRef, AskTimeout, MailboxFull
from actors.simulation import trace as seen
from actors.task.messages import Cancel
from actors.task.policy import Policy
from actors.task.ports import CancelRun, RunId
from actors.task.record import Failure, Kind
from tests.simulation.told import (
    TALK,
    TASK,
    accepted,
    acknowledged,
    answered,
    asked,
    judged,
    over,
    record,
    reply,
    said,
    silent,
    status,
    stored,
    streamed,
    task_at,
)

SDK, SPEC = Policy.sdk(), Policy.spec()
FIRST = ("c11", "stream")
RUN = RunId(TASK, 1, 1)


# -- 16: one answer


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([asked("c1.1", "get")], "was never answered"),
        ([asked("c1.1", "get"), seen.Open("c1.1")], "had no answer when nothing could happen"),
        ([asked("c1.1", "get"), answered("c1.1"), answered("c1.1")], "was answered 2 times"),
        ([asked("c1.1", "subscribe"), seen.Open("c1.1")], "its task is final since record 9"),
        (
            [
                asked("c1.1", "cancel"),
                answered("c1.1", error=AskTimeout("no answer to Cancel within 86400.0 s")),
            ],
            "no answer to Cancel",
        ),
        (
            [seen.FaultsStopped(), asked("c1.1", "get"), answered("c1.1", error=AskTimeout("30"))],
            "30",
        ),
        ([asked("c1.1", "get"), answered("c1.1"), seen.Dead("n1", None, 1, "second answer")], "n1"),
    ],
)
def test_an_answer_too_few_or_too_many_is_found(entries: list[Any], words: str) -> None:
    assert words in said(judged(16, TALK, stored(TALK), entries))


@pytest.mark.parametrize(
    "end",
    [
        [answered("c1.1")],
        [seen.Left("c1.1")],
        [seen.Stalled("c1.1"), seen.Open("c1.1")],
        [seen.Open("c1.1")],
        [answered("c1.1", error=AskTimeout("no answer to Get within 30.0 s"))],
    ],
)
def test_one_answer_or_a_reason_for_none_is_sound(end: list[Any]) -> None:
    assert silent(judged(16, TALK[:7], stored(TALK[:7]), asked("c1.1", "subscribe"), end), 16)


# -- 19, 20, 22, 24: the right answer

LATE = ("c31", "settled")


@pytest.mark.parametrize(
    ("what", "detail"), [("send", LATE), ("stream", LATE), ("subscribe", None)]
)
def test_whoever_comes_to_a_terminal_task_is_told(what: str, detail: Any) -> None:
    entries = [stored(TALK), acknowledged(9), asked("c3.1", what, detail)]

    told = answered("c3.1", error=UnsupportedOperationError())
    assert silent(judged(19, TALK, entries, told), 19)
    nothing = judged(19, TALK, entries, answered("c3.1", error=TaskNotFoundError()))
    assert "TaskNotFoundError, though its task was terminal" in said(nothing)
    assert judged(19, TALK, entries, answered("c3.1", error=MailboxFull())).violations == ()


def test_a_message_that_waited_when_its_task_ended_is_refused() -> None:
    log = (*TALK[:6], record(7, Kind.REFUSED, message=4), status(8, "COMPLETED"))
    send = asked("c2.1", "send", ("c21", "settled"))
    refused = answered("c2.1", error=UnsupportedOperationError())

    assert silent(judged(19, log, send, stored(log), refused), 19)
    done = answered("c2.1", task_at(log, 8))
    assert "Task, though" in said(judged(19, log, send, stored(log), done))


def test_an_answer_is_not_about_the_same_message_of_a_later_request() -> None:
    log = (*TALK[:6], record(7, Kind.REFUSED, message=4), status(8, "COMPLETED"))
    early = [asked("c2.1", "send", ("c21", "settled")), answered("c2.1", error=TaskNotFoundError())]

    assert judged(19, log, early, stored(log)).violations == ()
    assert "TaskNotFoundError, though" in said(judged(19, log, early[0], stored(log), early[1]))


CANCEL = asked("c2.1", "cancel")
ENDED = (*TALK[:3], record(4, Kind.CANCEL_ASKED, run=1), status(5, "CANCELED"))


def test_a_cancel_is_answered_with_the_task_as_stored() -> None:
    right, wrong = answered("c2.1", task_at(ENDED, 5)), answered("c2.1", task_at(ENDED, 4))
    refused = answered("c2.1", error=TaskNotCancelableError())

    assert silent(judged(20, ENDED, CANCEL, stored(ENDED), right), 20)
    assert "a Task that is not the stored one" in said(judged(20, ENDED, CANCEL, wrong))
    assert "the log has no terminal state" in said(judged(20, ENDED[:4], CANCEL, wrong))
    assert "the log has no terminal state" in said(judged(20, ENDED[:4], CANCEL, refused))
    strange = answered("c2.1", error=InternalError("made up"))
    assert "no cancel has raised that" in said(judged(20, ENDED, CANCEL, strange))


def test_a_repeated_cancel_is_answered_as_the_policy_says() -> None:
    task, refused = answered("c2.1", task_at(ENDED, 5)), answered("c2.1", error=_refused())
    again = [stored(ENDED), CANCEL]

    assert silent(judged(20, ENDED, again, refused, policy=SDK), 20)
    assert silent(judged(20, ENDED, again, task, policy=SPEC), 20)
    assert "was terminal before" in said(judged(20, ENDED, again, task, policy=SDK))
    assert "though the task is CANCELED" in said(judged(20, ENDED, again, refused, policy=SPEC))


def _refused() -> Exception:
    return TaskNotCancelableError()


def test_a_canceled_that_somebody_saw_or_emitted_is_never_lost() -> None:
    lost = (*ENDED[:4], status(5, "COMPLETED"))
    seen_by = [asked("c3.1", "subscribe"), *streamed("c3.1", ENDED, -3, 5)]
    emitted = seen.Emission("n1", RUN, ENDED[4].payload, late=False)
    call = seen.CalledOff("n1", CancelRun(run=RUN, caller=NOBODY, context="c", task=b""))

    assert silent(judged(20, ENDED, seen_by, emitted, call), 20)
    assert "shown CANCELED, which the log does not say" in said(judged(20, lost, seen_by))
    assert "the task has never ended" in said(judged(20, ENDED[:4], emitted))
    assert judged(20, ENDED[:4], emitted, acknowledged(None)).violations == ()
    assert "called twice for run 1.1" in said(judged(20, ENDED, call, call))


ANSWERED = (accepted(1, "c11"), record(2, Kind.STARTED, run=1, message=1), reply(3))
MESSAGE = StreamResponse.FromString(ANSWERED[2].payload).message


def test_a_message_is_all_that_anybody_gets() -> None:
    send = asked("c1.1", "send", ("c11", "settled"))
    twice = [asked("c1.1", "stream", FIRST), *streamed("c1.1", ANSWERED, 3, 3)]

    assert silent(judged(22, ANSWERED, send, answered("c1.1", MESSAGE)), 22)
    assert "got a Task" in said(judged(22, ANSWERED, send, answered("c1.1", task_at(TALK, 3))))
    assert "got 2 events" in said(judged(22, ANSWERED, twice))
    assert "other public records" in said(judged(22, (*ANSWERED, reply(4))))


def test_a_blocking_send_is_answered_when_its_run_has_come_to_something() -> None:
    send = asked("c2.1", "send", ("c21", "settled"))
    first = asked("c1.1", "send", ("c11", "settled"))
    unfinished = answered("c1.1", task_at(TALK, 7))

    assert silent(judged(24, TALK, send, answered("c2.1", task_at(TALK, 9))), 24)
    assert silent(judged(24, ANSWERED, first, answered("c1.1", MESSAGE)), 24)
    early = judged(24, TALK, send, answered("c2.1", task_at(TALK, 6)))
    assert "got another Task than the one at 9" in said(early)
    assert silent(judged(24, TALK, first, unfinished, policy=SDK), 24)
    assert said(judged(24, TALK[:8], first, unfinished, policy=SPEC))
    assert "its run gave none" in said(judged(24, TALK, first, answered("c1.1", MESSAGE)))


# -- 27, 28, 31: the house


def test_mailboxes_are_bounded_and_refusals_answered() -> None:
    ref = ActorRef[Any]("task", TASK)
    refused = seen.Dead("n1", ref, Cancel(), "overflow")
    full = [asked("c1.1", "cancel"), answered("c1.1", error=MailboxFull())]

    assert silent(judged(27, (), seen.Crowded("n1", ref, 2, 2), refused, full), 27)
    assert "3 wait for task:t1, bounded by 2" in said(judged(27, (), seen.Crowded("n1", ref, 3, 2)))
    unheard = judged(27, (), refused, asked("c1.1", "cancel"))
    assert "1 refusals of cancel, answered 0 times" in said(unheard)


def test_a_timer_of_the_past_has_no_effect() -> None:
    ref = ActorRef[Any]("task", TASK)
    live, mute = (seen.Expired("n1", ref, "execution", each) for each in (True, False))

    assert silent(judged(28, (), live), 28)
    assert "was told of timer execution, cancelled" in said(judged(28, (), mute))


@pytest.mark.parametrize(
    ("kind", "outcome", "policy"),
    [(Kind.CANCEL_ASKED, "cancelled", SDK), (Kind.STARTED, "expired", SPEC)],
)
def test_a_run_that_a_timer_ends_has_had_its_time(kind: Kind, outcome: str, policy: Policy) -> None:
    failure = Failure("InternalError", "late").pack()

    def ended(at: int) -> Any:
        began = record(4, kind, run=1, message=1)
        return (*TALK[:3], began, record(5, Kind.ENDED, failure, at, run=1, outcome=outcome))

    expired = seen.Expired("n1", ActorRef("task", TASK), "t", live=True)
    assert silent(judged(28, ended(3_600_000), expired, policy=policy), 28)
    assert "ended by a timer after" in said(judged(28, ended(1_000), expired, policy=policy))
    reported = [over(1, cancel=True), stored(ended(1_000))]
    assert judged(28, ended(1_000), reported, policy=policy).violations == ()


def test_what_is_left_over_is_told() -> None:
    assert silent(judged(31, (), seen.Quiet(())), 31)
    assert said(judged(31, (), seen.Quiet(("n1 actor task:t1",)))) == "n1 actor task:t1"
