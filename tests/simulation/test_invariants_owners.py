"""The invariant of owners, on traces made by hand; and runs in which several people meet.

Neighbours: `told.py` (the traces), `mutations_owners.py` (the same invariant, on changed code).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from a2a.types import Task
from a2a.utils.errors import TaskNotCancelableError, TaskNotFoundError

from actors.runtime import ActorStopped, Caller
from actors.simulation import trace as seen
from actors.simulation.choices import Recorded, Seeded
from actors.simulation.exhaustive import exhaust
from actors.simulation.invariants.rule import Verdict, judge
from actors.simulation.report.lines import text_of
from actors.simulation.scenarios import (
    STRANGERS,
    Act,
    cancels,
    looks,
    sends,
    small,
    subscribes,
)
from actors.simulation.search import run
from actors.simulation.trace import Trace
from actors.simulation.world import World
from actors.task.messages import View
from actors.task.orders import TaskPage
from actors.task.policy import Policy
from tests.simulation.told import (
    BY_NUMBER,
    TALK,
    TASK,
    acknowledged,
    answered,
    asked,
    said,
    silent,
    stored,
    streamed,
    task_at,
)

ANN, BOB = Caller("owner", ""), Caller("owner", "blue")
VIEW = View(task_at(TALK, 9).SerializeToString(), 9, "c", 3)
UNKNOWN = TaskNotFoundError()


def judged(*entries: Any) -> Verdict:
    """Ann has begun the task and is c1; Bob, of another tenant, is c2."""
    trace = Trace()
    trace.logs[TASK] = TALK
    trace.people.update(c1=ANN, c2=BOB)
    trace.owners[TASK] = ANN
    for entry in [stored(TALK), acknowledged(9), *entries]:
        for each in entry if isinstance(entry, list) else [entry]:
            trace.add(each)
    return judge([BY_NUMBER[26]], trace, Policy.sdk())


ABSENT = {
    "get": answered("c2.1"),
    "send": answered("c2.1", error=UNKNOWN),
    "stream": answered("c2.1", error=UNKNOWN),
    "subscribe": answered("c2.1", error=UNKNOWN),
    "cancel": answered("c2.1", error=ActorStopped("the server goes away")),
}


@pytest.mark.parametrize("what", ABSENT)
def test_what_is_said_of_an_absent_task_may_be_said(what: str) -> None:
    assert silent(judged(asked("c2.1", what), ABSENT[what]), 26)


def test_whoever_leaves_has_seen_nothing() -> None:
    assert silent(judged(asked("c2.1", "subscribe"), seen.Left("c2.1")), 26)


TOLD = {
    "the task": (asked("c2.1", "get"), answered("c2.1", VIEW)),
    "got Task": (asked("c2.1", "cancel"), answered("c2.1", task_at(TALK, 9))),
    "got an end": (asked("c2.1", "subscribe"), answered("c2.1")),
    "TaskNotCancelableError": (
        asked("c2.1", "cancel"),
        answered("c2.1", error=TaskNotCancelableError()),
    ),
    "has read event 5": (asked("c2.1", "subscribe"), streamed("c2.1", TALK, 5), ABSENT["stream"]),
    "waits": (asked("c2.1", "subscribe"), seen.Open("c2.1")),
    "was led to": (
        asked("c2.1", "send", ("m", "settled"))._replace(task="t2"),
        seen.Repeated("c2.1", TASK),
        answered("c2.1", error=UNKNOWN),
    ),
}


@pytest.mark.parametrize("told", TOLD)
def test_anything_else_tells_a_stranger_that_there_is_something(told: str) -> None:
    assert told in said(judged(*TOLD[told]))


def page(*tasks: str, total: int = 1) -> TaskPage:
    return TaskPage(tuple(Task(id=task).SerializeToString() for task in tasks), total, None)


def listed(client: str, answer: TaskPage) -> str:
    entry = asked(f"{client}.1", "list")._replace(task="")
    return said(judged(entry, answered(f"{client}.1", answer)))


def test_a_list_is_of_ones_own_tasks_and_of_all_of_them() -> None:
    assert listed("c1", page(TASK)) == ""
    assert listed("c2", page(total=0)) == ""
    assert f"shows {TASK}" in listed("c2", page(TASK))
    assert "counts 1 tasks" in listed("c2", page())
    assert f"does not show {TASK}" in listed("c1", page(total=0))


def test_an_owner_is_not_told_that_there_is_nothing() -> None:
    assert said(judged(asked("c1.1", "get"), answered("c1.1", VIEW))) == ""
    assert "it is theirs" in said(judged(asked("c1.1", "get"), answered("c1.1")))
    assert "it is theirs" in said(judged(asked("c1.1", "cancel"), answered("c1.1", error=UNKNOWN)))


def test_nothing_is_done_on_behalf_of_a_stranger() -> None:
    done = stored(TALK)
    by = Caller("owner", "blue", 7)
    theirs = done._replace(append=done.append._replace(caller=by))
    assert "a record on behalf of owner of blue" in said(judged(theirs))


def test_whatever_several_people_do_nothing_breaks() -> None:
    exercised: Counter[int] = Counter()
    strange: Counter[str] = Counter()
    for seed in range(100):
        outcome = run(STRANGERS, Seeded(seed))
        assert outcome.violations == (), f"seed {seed}"
        exercised.update(outcome.exercised)
        known = outcome.trace.evidence
        strange.update(each.asked.what for each in known.strangers.values())
        strange.update(each.asked.what for each in known.asked.values() if not each.asked.task)
    assert exercised[26] == 100
    assert exercised[18] > 20
    assert min(strange[what] for what in (*ABSENT, "list")) > 20


@pytest.mark.parametrize("act", [looks, subscribes, cancels], ids=lambda act: str(act.__name__))
def test_in_a_small_scope_there_is_no_run_in_which_a_stranger_sees_anything(act: Act) -> None:
    def inhabit(world: World) -> None:
        for name, owner, does in (("c1", "ann", sends), ("c2", "bob", act)):
            world.act(name, does(world.client(name, owner)))

    scope = small("a stranger", sends, act, events=1, crashes=0)
    report = exhaust(replace(scope, inhabit=inhabit))
    assert report.complete
    assert report.failure is None
    assert 26 in report.exercised


def test_a_list_is_told_in_a_report() -> None:
    trace = run(STRANGERS, Recorded()).trace
    request = asked("c1.1", "list")._replace(task="")
    assert "c1 asks n1: list (request c1.1)" in text_of(request, {})
    assert trace.people["c1"] == Caller("ann", "red")
