"""The invariants of what is kept, on traces made by hand: when each speaks, and when it must not.

Neighbours: `told.py` (makes the traces), `mutations_keeping.py` (the same in random runs).
"""

from __future__ import annotations

from typing import Any

import pytest

from actors.runtime import Caller
from actors.runtime.journal.port import Head, Snapshot, Stored
from actors.runtime.journal.record import Record
from actors.simulation import trace as seen
from actors.simulation.invariants.keeping import KEEPING
from actors.simulation.invariants.rule import Verdict, judge
from actors.simulation.trace import Trace
from actors.simulation.writes import Cut, Drop
from actors.task.fold import fold
from actors.task.orders import WEBHOOKS
from actors.task.policy import Policy
from actors.task.ports import Notify, RunId, StartRun
from tests.simulation.told import (
    TALK,
    TASK,
    answered,
    asked,
    judged,
    said,
    silent,
    status,
    stored,
    streamed,
)

ONCE = Policy.sdk(deduplicate=True)
WHOLE = Drop(Head(TASK, 9, 1))
ASKED_TWICE = [asked("c1.1", "send", ("c11", "settled")), asked("c1.2", "send", ("c11", "settled"))]


def elsewhere(log: tuple[Record, ...]) -> seen.Stored:
    """The same records, stored for another task."""
    whole = stored(log)
    return whole._replace(append=whole.append._replace(log="t1.2"))


def launched(task: str, *, run: int = 1, recovered: bool = False) -> seen.Launched:
    """A run of the first message of TALK."""
    start = StartRun(
        run=RunId(task, 1, run),
        caller=Caller("owner", ""),
        request=TALK[0].payload,
        context="c",
        extensions=(),
        task=b"",
        recovered=recovered,
    )
    return seen.Launched("n1", start)


def done(write: Drop | Cut, node: str = "n1") -> list[Any]:
    """The journal is asked for it, and does it."""
    return [seen.Wanted(node, write), seen.Tended(node, write, done=True, told=True)]


def notified(*seqs: int) -> list[seen.Notified]:
    """A webhook is told of these."""
    return [
        seen.Notified("n1", Notify(TASK, "", b"", TALK[seq - 1], "d", 1), ok=True) for seq in seqs
    ]


# -- 18: messages that come again


def once(*entries: Any, policy: Policy = ONCE) -> Verdict:
    return judged(18, TALK, ASKED_TWICE, *entries, policy=policy)


def test_18_is_silent_where_a_message_that_comes_again_is_stored_once() -> None:
    assert silent(once(stored(TALK), stored(TALK), launched(TASK)), 18)


def test_18_speaks_of_a_message_that_is_stored_twice() -> None:
    assert "c11 is record 1 of t1, and record 1 of t1.2" in said(
        once(stored(TALK), elsewhere(TALK[:2]))
    )


def test_18_speaks_of_an_agent_that_is_called_twice() -> None:
    assert "executed in run 1.1 of t1.2" in said(once(launched(TASK), launched("t1.2")))
    assert "executed in run 1.2 of t1" in said(once(launched(TASK), launched(TASK, run=2)))


def test_18_lets_the_core_repeat_a_run_that_a_crash_has_lost() -> None:
    assert silent(once(launched(TASK), launched(TASK, run=2, recovered=True)), 18)


def test_18_lets_a_message_come_anew_once_its_task_is_removed() -> None:
    anew = [elsewhere(TALK[:2]), launched("t1.2")]
    assert silent(once(stored(TALK), launched(TASK), done(WHOLE), anew), 18)


def test_18_says_nothing_where_the_policy_lets_messages_repeat() -> None:
    verdict = once(stored(TALK), elsewhere(TALK[:2]), policy=Policy.sdk())
    assert verdict.violations == ()
    assert verdict.exercised == set()


# -- 29: what makes room


def kept(*entries: Any, log: tuple[Record, ...] = TALK, policy: Policy = ONCE) -> Verdict:
    return judged(29, log, *entries, policy=policy)


READER = [asked("c2.1", "subscribe"), *streamed("c2.1", TALK, -3, 5)]


def test_29_is_silent_about_a_task_at_rest_that_nobody_reads() -> None:
    assert silent(kept(stored(TALK), done(WHOLE)), 29)
    assert silent(kept(stored(TALK), READER, answered("c2.1"), done(WHOLE)), 29)
    assert silent(kept(stored(TALK), READER, seen.Left("c2.1"), done(WHOLE)), 29)


def test_29_has_nothing_to_judge_where_nothing_goes() -> None:
    in_vain = seen.Tended("n1", WHOLE, done=False, told=True)
    assert kept(stored(TALK), READER, seen.Wanted("n1", WHOLE), in_vain).exercised == set()


@pytest.mark.parametrize("log", [TALK[:6], TALK[:3]])
def test_29_speaks_of_a_task_that_goes_with_a_run_going_on(log: tuple[Record, ...]) -> None:
    whole = Drop(Head(TASK, len(log), 1))
    assert "was not at rest" in said(kept(stored(log), done(whole), log=log))


def test_29_speaks_of_a_reader_whose_task_goes_or_whose_records_do() -> None:
    assert "c2.1 (subscribe on t1) had got to 5" in said(kept(stored(TALK), READER, done(WHOLE)))
    assert "had got to 5" in said(kept(stored(TALK), READER, done(Cut(TASK, 9))))
    assert silent(kept(stored(TALK), READER, done(Cut(TASK, 5))), 29)


def test_29_speaks_of_a_reader_that_has_stalled() -> None:
    assert "had got to 5" in said(
        kept(stored(TALK), READER, seen.Stalled("c2.1"), done(Cut(TASK, 9)))
    )


def test_29_lets_go_before_a_reader_of_another_process_and_one_that_comes_later() -> None:
    assert silent(kept(stored(TALK), READER, done(WHOLE, "n2")), 29)
    wanted, gone = done(WHOLE)
    assert silent(kept(stored(TALK), wanted, READER, gone), 29)


def test_29_speaks_of_webhooks_that_have_not_heard_all() -> None:
    pushed = stored(TALK)
    pushed = pushed._replace(append=pushed.append._replace(consumers=(WEBHOOKS,)))
    assert "webhook '' had not heard of record 6" in said(kept(pushed, notified(3), done(WHOLE)))
    assert silent(kept(pushed, notified(3, 6, 9), done(WHOLE)), 29)
    assert silent(kept(pushed, notified(3), done(Cut(TASK, 5))), 29)


@pytest.mark.parametrize(
    ("payload", "speaks"), [(TALK, False), ((*TALK[:8], status(9, "FAILED")), True)]
)
def test_29_speaks_of_a_snapshot_that_is_not_what_it_stands_for(
    payload: tuple[Record, ...], speaks: bool
) -> None:
    trace = Trace()
    trace.logs[TASK] = TALK
    for entry in (stored(TALK), *done(Cut(TASK, 9))):
        trace.add(entry)
    snapshot = Snapshot(9, fold(payload).pack())
    trace.kept[TASK] = Stored(Head(TASK, 9, 1, floor=9), None, snapshot, ())

    verdict = judge(KEEPING, trace, ONCE)

    assert bool(verdict.violations) == speaks
    assert all("differs in" in violation.text for violation in verdict.violations)
