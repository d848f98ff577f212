"""Exhaustive search: every run of a small scope, and the reductions lose nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from actors.simulation.actions import EVERYTHING
from actors.simulation.choices import Recorded
from actors.simulation.clients import Client
from actors.simulation.exhaustive import exhaust, independent
from actors.simulation.faults import FaultPlan
from actors.simulation.invariants.rule import Saw, invariant
from actors.simulation.receivers import BRIEF
from actors.simulation.scenarios import Scenario, cancels, looks, sends, small, subscribes
from actors.simulation.script import Fixed
from actors.simulation.search import run
from actors.simulation.trace import Answered, Asked, Crashed, Trace
from actors.task.policy import Policy


async def leaves(client: Client) -> None:
    await client.send("t1", patience=False)


SCOPES = (
    small("one event", sends, events=1, crashes=0),
    small("two events", sends, events=2, crashes=0),
    small("one event and a crash", sends, events=1, crashes=1),
    small("one that leaves", leaves, events=1, crashes=0),
    replace(
        small("one that leaves, a lost word", leaves, events=1, crashes=0),
        plan=FaultPlan.only(appends=1),
        early=False,  # with it there are three times as many states, and none of another kind
    ),
    replace(
        small("a look at an agent that breaks", sends, looks, events=1, crashes=0),
        script=lambda _: Fixed([RuntimeError("broken")]),
    ),
)


@pytest.mark.parametrize("scope", SCOPES, ids=lambda scope: scope.name)
def test_leaving_out_orders_that_commute_leaves_out_no_state(scope: Scenario) -> None:
    full, reduced = exhaust(scope, reduce=False), exhaust(scope)
    assert full.complete
    assert reduced.complete
    assert full.failure is None
    assert reduced.failure is None
    assert reduced.states == full.states
    assert reduced.transitions < full.transitions
    assert reduced.exercised == full.exercised


@pytest.mark.parametrize(
    ("scope", "states"),
    [(SCOPES[0], 67), (SCOPES[1], 196), (SCOPES[2], 195)],
    ids=lambda value: getattr(value, "name", ""),
)
def test_the_number_of_states_is_known(scope: Scenario, states: int) -> None:
    """A change of it is a change of what can happen: look at that before you accept it."""
    assert exhaust(scope).states == states


@pytest.mark.parametrize("act", [looks, subscribes, cancels], ids=lambda act: act.__name__)
def test_two_clients_and_one_event_hold(act: object) -> None:
    report = exhaust(small("two clients", sends, act, events=1, crashes=0))  # type: ignore[arg-type] # an act, by parametrize
    assert report.complete
    assert report.failure is None


async def sends_hooked(client: Client) -> None:
    await client.send("t1", hook=client.webhook("h1", 1))


def test_one_webhook_and_one_failure_of_its_receiver_hold() -> None:
    scope = replace(
        small("a webhook", sends_hooked, events=1, crashes=0),
        plan=FaultPlan.only(webhooks=1),
        delivery=BRIEF,
        early=False,
    )
    report = exhaust(scope)
    assert report.complete
    assert report.failure is None
    assert 25 in report.exercised


@invariant(98, "The first client is answered before anybody else asks: deliberately false.")
def the_first_is_first(trace: Trace, _: Policy, saw: Saw) -> Iterator[str]:
    """Its violation lies in the past of a state that others reach without one."""
    asked = {asked.request: place for place, asked in trace.timed(Asked)}
    for place, answered in trace.timed(Answered):
        if answered.request == "c1.1" and asked.get("c2.1", 0) > place:
            saw()
            yield "the second client asked after the first was answered"


def test_what_only_the_past_of_a_state_shows_is_judged_too() -> None:
    scope = replace(
        small("a look at an agent that breaks", sends, looks, events=1, crashes=0),
        script=lambda _: Fixed([RuntimeError("broken")]),
    )
    assert exhaust(scope, invariants=(the_first_is_first,)).failure is not None


def test_what_a_search_finds_is_repeated_by_its_choices() -> None:
    report = exhaust(SCOPES[2], invariants=(nobody_is_told_of_a_crash,))
    assert report.failure is not None
    found = run(SCOPES[2], Recorded(report.failure.found), (nobody_is_told_of_a_crash,))
    assert found.violations


@invariant(99, "Nobody is ever told of a crash: deliberately false.")
def nobody_is_told_of_a_crash(trace: Trace, _: Policy, saw: Saw) -> Iterator[str]:
    if any(trace.all(Crashed)):
        saw()
    for answered in trace.all(Answered):
        if "crashed" in str(answered.error):
            yield f"{answered.request} was"


def test_a_violation_deep_in_the_search_is_found_and_made_simple() -> None:
    report = exhaust(SCOPES[2], invariants=(nobody_is_told_of_a_crash,))
    assert report.failure is not None
    assert report.exercised == {99}
    assert [chosen for chosen in report.failure.choices if chosen] == [1]
    assert [violation.number for violation in report.failure.violations] == [99]


def test_a_search_that_runs_out_of_time_says_that_it_is_not_complete() -> None:
    report = exhaust(SCOPES[1], seconds=0.0)
    assert not report.complete
    assert report.runs == 1


def test_what_touches_nothing_in_common_commutes() -> None:
    assert independent(frozenset("ab"), frozenset("cd"))
    assert not independent(frozenset("ab"), frozenset("bc"))
    assert not independent(frozenset("a"), frozenset((EVERYTHING,)))
