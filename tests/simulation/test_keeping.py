"""Messages that come again and tasks that make room, in runs of the production core.

Neighbours: `test_invariants_keeping.py` (what is judged), `mutations_keeping.py` (what is caught).
"""

from __future__ import annotations

import gc
from collections import Counter

import pytest

from actors.runtime.journal.port import Ack
from actors.simulation import trace as seen
from actors.simulation.choices import Recorded, Seeded
from actors.simulation.clients import Client
from actors.simulation.faults import FaultPlan
from actors.simulation.garbage import SELDOM, collecting_seldom
from actors.simulation.history import history
from actors.simulation.journal import SimJournal
from actors.simulation.scenarios import (
    KEPT,
    SCENARIOS,
    Scenario,
    acting,
    completes,
    removing,
    shortening,
)
from actors.simulation.search import run
from actors.simulation.trace import Trace
from actors.simulation.writes import Drop
from actors.storage.samples import bare
from actors.task.messages import Wait
from actors.task.policy import Policy
from actors.task.record import Kind
from tests.simulation.mutations_keeping import ONCE


def told(trace: Trace, request: str) -> object:
    """What a request came to."""
    return next(
        each.value or each.error for each in trace.all(seen.Answered) if each.request == request
    )


def accepted(trace: Trace) -> list[str]:
    """The task of each message that was stored, in order."""
    return [
        stored.append.log
        for stored in trace.all(seen.Stored)
        if stored.ack is Ack.STORED
        for record in stored.append.records
        if record.kind == Kind.ACCEPTED
    ]


async def _twice(client: Client) -> None:
    await client.send("t1")
    await client.send_again()


async def _at_once(client: Client) -> None:
    client.at_once(client.send_again())
    await client.send("t1", wait=Wait.SETTLED)


async def _swept_between(client: Client) -> None:
    await client.send("t1")
    await client.pause()
    await client.sweep()
    await client.pause()
    await client.send_again()


def scenario(*acts: object, **changes: object) -> Scenario:
    """One client, an agent that completes its task, nothing that fails, and nobody impatient."""
    usual = {"script": completes(3), "policy": ONCE, "plan": FaultPlan.none(), "early": False}
    fields = usual | changes
    return Scenario(name="again", inhabit=acting(*acts), **fields)  # type: ignore[arg-type] # acts, and fields of a Scenario


# -- messages that come again


@pytest.mark.parametrize("act", [_twice, _at_once], ids=lambda act: act.__name__)
@pytest.mark.parametrize("seed", range(8))
def test_a_message_that_comes_again_is_stored_once_and_answered_alike(
    act: object, seed: int
) -> None:
    outcome = run(scenario(act), Seeded(seed))
    assert outcome.violations == ()
    assert len(accepted(outcome.trace)) == 1
    assert told(outcome.trace, "c1.1") == told(outcome.trace, "c1.2")
    assert len(list(outcome.trace.all(seen.Repeated))) == 1
    assert 18 in outcome.exercised


def test_without_the_policy_it_is_another_message() -> None:
    outcome = run(scenario(_twice, policy=Policy.sdk()), Recorded())
    assert accepted(outcome.trace) == ["t1", "t1.2"]
    assert 18 not in outcome.exercised


# -- tasks that make room


def test_a_message_whose_task_was_removed_comes_anew() -> None:
    outcome = run(scenario(_swept_between, retention=removing()), Recorded())
    assert outcome.violations == ()
    assert accepted(outcome.trace) == ["t1", "t1.2"]
    assert outcome.exercised >= {18, 29}
    assert "t1" not in outcome.trace.kept
    assert outcome.trace.logs["t1"], "what was removed is judged all the same"


def test_a_message_whose_records_were_let_go_is_answered_with_the_task_as_it_is() -> None:
    outcome = run(scenario(_swept_between, retention=shortening()), Recorded())
    assert outcome.violations == ()
    assert accepted(outcome.trace) == ["t1"]
    head = outcome.trace.kept["t1"].head
    assert head.floor == head.seq
    assert told(outcome.trace, "c1.1") == told(outcome.trace, "c1.2")


# fmt: off
REFUSED_AND_LET_GO = [
    0, 0, 6, 3, 3, 1, 0, 2, 2, 4, 2, 3, 1, 2, 0, 0, 0, 11, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 11, 3, 1, 1, 0, 1, 1, 0, 0, 0, 1, 1, 1, 1, 11, 16,
    1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 3, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11,
]
# fmt: on


def test_a_refused_message_whose_records_were_let_go_is_answered_likewise() -> None:
    outcome = run(SCENARIOS["shortened"], Recorded(REFUSED_AND_LET_GO))
    assert outcome.violations == ()
    log = outcome.trace.logs["t1"]
    assert Kind.REFUSED in {record.kind for record in log}
    (again,) = outcome.trace.all(seen.Repeated)
    answered = told(outcome.trace, again.request)
    assert answered == told(outcome.trace, "c1.1"), "the Task as it is"


@pytest.mark.parametrize("kept", KEPT, ids=lambda each: each.name)
def test_whatever_clients_do_nothing_breaks_and_both_are_judged(kept: Scenario) -> None:
    exercised: Counter[int] = Counter()
    repeated = 0
    for seed in range(100):
        outcome = run(kept, Seeded(seed))
        assert outcome.violations == (), f"seed {seed}"
        exercised.update(outcome.exercised)
        repeated += any(outcome.trace.all(seen.Repeated))
    assert exercised[18] > 20
    assert exercised[29] > 3
    assert repeated > 3


# -- what judges go by


def test_the_history_of_a_log_that_began_anew_is_that_of_its_last_life() -> None:
    journal = SimJournal()
    journal.open()
    journal.append([bare("a", 0, 2)])
    head = journal.head("a")
    assert head is not None
    before = history(journal, "a")
    assert journal.write(Drop(head))
    assert history(journal, "a") == before, "removed, and known all the same"
    journal.append([bare("a", 0)])
    journal.append([bare("b", 0)])
    assert len(history(journal, "a")) == 1


def test_the_collector_is_left_as_it_was() -> None:
    outside = gc.get_threshold()
    before = (700, 10, 10)
    gc.set_threshold(*before)
    with collecting_seldom():
        assert gc.get_threshold()[0] == SELDOM
        with collecting_seldom():
            pass
        assert gc.get_threshold()[0] == SELDOM
    assert gc.get_threshold() == before
    gc.set_threshold(0)
    try:
        with collecting_seldom():
            assert gc.get_threshold()[0] == 0, "whoever has turned it off has reasons"
    finally:
        gc.set_threshold(*outside)
