"""The invariants of streams on traces made by hand: when each speaks.

Each is held against a sound trace, in which it must have something to judge and be silent, and
against the same trace with one thing wrong.
"""

from __future__ import annotations

from typing import Any

import pytest
from a2a.types import StreamResponse
from a2a.utils.errors import (
    InternalError,
)

from actors.runtime import NOBODY, ActorStopped
from actors.simulation import trace as seen
from actors.task.policy import Policy
from actors.task.ports import RunId, StartRun
from tests.simulation.told import (
    TALK,
    TASK,
    acknowledged,
    answered,
    asked,
    judged,
    over,
    said,
    silent,
    status,
    stored,
    streamed,
    task_at,
)

SDK, SPEC = Policy.sdk(), Policy.spec()
FIRST, SECOND = ("c11", "stream"), ("c21", "stream")


def stream(name: str, what: str, detail: Any, *seqs: int, end: Any = "well") -> list[Any]:
    """One stream of TALK; `end` is an error, "well", or another entry."""
    last = answered(name) if end == "well" else end
    if isinstance(end, BaseException):
        last = answered(name, error=end)
    return [asked(name, what, detail), *streamed(name, TALK, *seqs), last]


# -- 8, 9, 10: what streams carry


@pytest.mark.parametrize(
    ("policy", "entries"),
    [
        (SDK, stream("c1.1", "stream", FIRST, 3, 5, 6)),
        (SDK, stream("c2.1", "stream", SECOND, 5, 6, 9)),
        (SPEC, stream("c1.1", "stream", FIRST, 3, 5, 6, 9)),
        (SPEC, stream("c2.1", "stream", SECOND, -3, 5, 6, 9)),
        (SDK, stream("c3.1", "subscribe", None, -4, 5, 6, 9)),
        (SDK, stream("c3.1", "subscribe", None, -4, 5, end=ActorStopped())),
    ],
)
def test_a_stream_with_the_task_and_all_that_follows_is_sound(policy: Policy, entries: Any) -> None:
    assert silent(judged(8, TALK, entries, policy=policy), 8)


@pytest.mark.parametrize(
    ("policy", "entries", "words"),
    [
        (SDK, stream("c1.1", "stream", FIRST, 3, 6), "event 6 comes where 5 is due"),
        (SDK, stream("c1.1", "stream", FIRST, 3, 5, 5), "event 5 comes where 6 is due"),
        (SDK, stream("c1.1", "stream", FIRST, 5, 3), "event 5 comes where 3 is due"),
        (SDK, stream("c2.1", "stream", SECOND, -3, 5), "event 3 comes where 5 is due"),
        (SDK, stream("c2.1", "stream", ("c22", "stream"), 5), "the log has no message c22"),
        (SPEC, stream("c2.1", "stream", SECOND, 5, 6), "not with the Task before message 4"),
        (SDK, stream("c3.1", "subscribe", None, 5, 6), "event 5, which is not the Task"),
        (SDK, stream("c3.1", "subscribe", None, -4, 5, 6, 9, 9), "event 9 is not in the log"),
        (
            SDK,
            [acknowledged(6), *stream("c3.1", "subscribe", None, -4, 5)],
            "6 was stored before it was asked for",
        ),
        (
            SDK,
            [stored(TALK), *stream("c3.1", "subscribe", None, -4, end=seen.Open("c3.1"))],
            "event 5 has never come",
        ),
    ],
)
def test_a_stream_with_something_else_is_found(policy: Policy, entries: Any, words: str) -> None:
    assert words in said(judged(8, TALK, entries, policy=policy))


def test_a_task_or_an_event_that_is_not_as_stored_is_found() -> None:
    wrong_task = seen.Streamed("c3.1", 4, StreamResponse(task=task_at(TALK, 6)))
    wrong_event = seen.Streamed("c1.1", 3, streamed("", TALK, 5)[0].event)

    task = judged(8, TALK, asked("c3.1", "subscribe"), wrong_task)
    event = judged(8, TALK, asked("c1.1", "stream", FIRST), wrong_event)

    assert "a Task that is not the one at 4" in said(task)
    assert "event 3 is not as stored" in said(event)


def test_streams_of_one_task_are_held_against_one_another() -> None:
    one = stream("c1.1", "stream", FIRST, 3, 5, 6)
    sound = stream("c3.1", "subscribe", None, -4, 5, 6, 9)
    gap = stream("c3.1", "subscribe", None, -4, 6, 9)
    other = [asked("c3.1", "subscribe", 3), seen.Streamed("c3.1", 5, one[3].event)]

    assert silent(judged(9, TALK, one, sound), 9)
    assert "event 6 follows 4, and 5 comes in c1.1" in said(judged(9, TALK, one, gap))
    assert "event 5 differs from that of c1.1" in said(judged(9, TALK, one, other))
    assert judged(9, TALK, one).exercised == frozenset()


def test_a_resumed_stream_goes_on_where_the_client_was() -> None:
    sound = stream("c3.1", "subscribe", 5, 6, 9)

    assert silent(judged(10, TALK, sound), 10)
    again = judged(10, TALK, stream("c3.1", "subscribe", 5, 5, 6, 9))
    assert "event 5 comes where 6 is due" in said(again)
    skipped = judged(10, TALK, stream("c3.1", "subscribe", 5, 9))
    assert "event 9 comes where 6 is due" in said(skipped)
    hung = judged(10, TALK, stored(TALK), stream("c3.1", "subscribe", 5, 6, end=seen.Open("c3.1")))
    assert "event 9 has never come" in said(hung)


# -- 11: ends


@pytest.mark.parametrize(
    ("policy", "entries"),
    [
        (SDK, stream("c1.1", "stream", FIRST, 3, 5, 6)),
        (SDK, stream("c2.1", "stream", SECOND, 5, 6, 9)),
        (SPEC, stream("c1.1", "stream", FIRST, 3, 5, 6, 9)),
        (SDK, stream("c3.1", "subscribe", None, -4, 5, 6, 9)),
        (SDK, stream("c3.1", "subscribe", 9)),
        (SDK, stream("c3.1", "subscribe", None, -4, end=InternalError("what the agent said"))),
    ],
)
def test_a_stream_that_ends_as_the_policy_says_is_sound(policy: Policy, entries: Any) -> None:
    assert silent(judged(11, TALK, entries, policy=policy), 11)


@pytest.mark.parametrize(
    ("policy", "entries", "words"),
    [
        (SDK, stream("c1.1", "stream", FIRST, 3, 5), "ended after 5, before 6 had come"),
        (SDK, stream("c1.1", "stream", FIRST, 3, 5, 6, 9), "beyond its end at 7"),
        (SDK, stream("c2.1", "stream", SECOND, 5, 6), "ended after 6, before 9 had come"),
        (SPEC, stream("c1.1", "stream", FIRST, 3, 5, 6), "ended after 6, before 9 had come"),
        (SDK, stream("c3.1", "subscribe", None, -4, 5), "ended after 5, before 6 had come"),
        (SDK, stream("c3.1", "subscribe", None, -4, end=KeyError("x")), "ended with KeyError"),
    ],
)
def test_a_stream_that_ends_otherwise_is_found(policy: Policy, entries: Any, words: str) -> None:
    assert words in said(judged(11, TALK, entries, policy=policy))


def test_a_stream_ends_neither_by_itself_nor_with_an_error_of_no_run() -> None:
    parked = TALK[:7]
    made_up = stream("c3.1", "subscribe", None, -4, end=InternalError("made up"))

    by_itself = judged(11, parked, stream("c3.1", "subscribe", None, -4, 5, 6))
    for_nothing = judged(11, parked, made_up)

    assert "ended after 6, and nothing has ended it" in said(by_itself)
    assert "InternalError, and no run has failed like that" in said(for_nothing)


def test_a_question_ends_the_stream_of_its_own_run() -> None:
    log = (*TALK[:5], status(6, "INPUT_REQUIRED"))
    asks = [asked("c1.1", "stream", FIRST), *streamed("c1.1", log, 3, 5, 6), answered("c1.1")]
    waits = [asked("c2.1", "stream", SECOND), *streamed("c2.1", log, -3, 5, 6), answered("c2.1")]

    assert silent(judged(11, log, asks, policy=SPEC), 11)
    assert "nothing has ended it" in said(judged(11, log, waits, policy=SPEC))


# -- 12, 13: readers that stall, and readers that go

STALLS = [asked("c2.1", "subscribe"), *streamed("c2.1", TALK, -4), seen.Stalled("c2.1")]
RUN = RunId(TASK, 1, 1)
LAUNCHED = seen.Launched(
    "n1",
    StartRun(
        run=RUN, caller=NOBODY, request=b"", context="c", extensions=(), task=b"", recovered=False
    ),
)


def test_while_a_reader_stalls_everybody_else_is_served() -> None:
    reads = stream("c3.1", "subscribe", None, -4, 5, 6, 9)
    behind = stream("c3.1", "subscribe", None, -4, 5, end=seen.Open("c3.1"))
    begun = [stored(TALK), *STALLS, LAUNCHED]

    assert silent(judged(12, TALK, begun, over(1), reads), 12)
    assert judged(12, TALK, reads).exercised == frozenset()
    assert "has got no further than 5" in said(judged(12, TALK, begun, over(1), behind))
    assert "run 1.1 of t1 has never come to its end" in said(judged(12, TALK, begun, reads))
    waits = [asked("c3.1", "cancel"), seen.Open("c3.1")]
    assert "has never been answered" in said(judged(12, TALK, begun, over(1), waits))


def test_a_reader_that_goes_is_noticed_by_nobody() -> None:
    parked = TALK[:7]
    leaves = [asked("c2.1", "subscribe"), *streamed("c2.1", TALK, -4), seen.Left("c2.1")]
    reads = stream("c3.1", "subscribe", None, -4, 5, 6)
    cut = stream("c3.1", "subscribe", None, -4, 5, end=ActorStopped("gone"))
    gone = seen.Abandoned("n1", RunId(TASK, 1, 2))

    assert silent(judged(13, parked, over(1), stored(parked), leaves, reads), 13)
    assert judged(13, parked, stored(parked), reads).exercised == frozenset()
    assert "cut off" in said(judged(13, parked, over(1), stored(parked), leaves, cut))
    void = judged(13, parked, over(1), stored(parked), leaves, acknowledged(None), cut)
    assert silent(void, 13)
    early = judged(13, parked, leaves, stored(parked), over(1))
    assert "record 7 ends run 1 (returned), which never happened" in said(early)
    lost = judged(13, parked, over(1), stored(parked), leaves, gone)
    assert "run 1.2 was abandoned, and the log does not say why" in said(lost)
