"""Every value of every field of a policy that can change what happens is lived through."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

from actors.simulation.choices import Seeded
from actors.simulation.scenarios import SCENARIOS, Scenario
from actors.simulation.search import run
from actors.simulation.trace import Trace
from actors.task.policy import Policy
from actors.task.record import Kind, messages_of

SCHEDULES = 12
"""Of each policy."""

POLICIES: dict[str, Policy] = {
    "sdk": Policy.sdk(),
    "spec": Policy.spec(),
    "sdk, busy": Policy.sdk(during_run="reject", recovery="park", unfinished="fail"),
    "sdk, strict": Policy.sdk(
        resubmit="refuse", second_task="refuse", late_message="drop", closed_artifact="refuse"
    ),
    "spec, interrupting": Policy.spec(during_run="interrupt", recovery="rerun"),
    "spec, forms": Policy.spec(
        stream_end="run", canceled_again="refuse", raised="error", follow_up_first="update"
    ),
}
NAMED = ("interrupting", "interrupting-logins")
"""Scenarios of this kind that have a policy of their own."""


def lived() -> list[Scenario]:
    whims = SCENARIOS["whims"]
    made = [replace(whims, name=name, policy=policy) for name, policy in POLICIES.items()]
    return [*made, *(SCENARIOS[name] for name in NAMED)]


def values(kind: Any) -> set[Any]:
    """Everything that a field of few values can be."""
    if get_origin(kind) is Literal:
        return set(get_args(kind))
    return {True, False} if kind is bool else set()


def test_every_value_of_every_field_is_among_them() -> None:
    for name, kind in get_type_hints(Policy).items():
        found = {getattr(scenario.policy, name) for scenario in lived()}
        assert found >= values(kind), name


@pytest.mark.parametrize("scenario", lived(), ids=lambda scenario: scenario.name)
def test_nothing_breaks_under_it(scenario: Scenario) -> None:
    for seed in range(SCHEDULES):
        assert run(scenario, Seeded(seed)).violations == (), f"seed {seed}"


@pytest.mark.parametrize(("name", "seeds"), [("interrupting", 40), ("interrupting-logins", 60)])
def test_runs_are_called_off_there(name: str, seeds: int) -> None:
    """And those that followed had taken messages over before they were called off themselves."""
    seen: Counter[str] = Counter()
    for seed in range(seeds):
        seen += takeovers(run(SCENARIOS[name], Seeded(seed)).trace)
    assert seen["called off"] > 1
    assert seen["for two"] > 1
    assert name != "interrupting" or seen["for more"]


def takeovers(trace: Trace) -> Counter[str]:
    seen: Counter[str] = Counter()
    for record in (record for log in trace.logs.values() for record in log):
        seen["called off"] += record.facts.get("outcome") == "interrupted"
        if record.kind == Kind.STARTED:
            seen["for two"] += len(messages_of(record)) == 2
            seen["for more"] += len(messages_of(record)) > 2
    return seen
