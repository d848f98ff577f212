"""Random agents and random clients in simulation: a few schedules (tests/soak/handlers: many).

Neighbours: `random_simulated.py` (the scenario), `observed.py` (what must hold).
"""

from __future__ import annotations

from dataclasses import fields
from random import Random

import pytest

from actors.simulation import simulate
from actors.task.policy import Policy
from tests.a2a.random_simulated import conversation
from tests.soak.handlers import PLANS, VALUES, policy_of

SCHEDULES = 40


def test_every_field_of_a_policy_is_drawn() -> None:
    assert VALUES.keys() == {each.name for each in fields(Policy)} - {"name"}
    drawn = [policy_of(Random(seed)) for seed in range(40)]
    for name, values in VALUES.items():
        assert {getattr(policy, name) for policy in drawn} == set(values), name


@pytest.mark.parametrize("number", range(6))
def test_what_clients_see_fits_the_journal(number: int) -> None:
    policy = policy_of(Random(f"ci {number}"))
    report = simulate(
        conversation(policy),
        seed=number * 1_000,
        schedules=SCHEDULES,
        faults=PLANS[number % len(PLANS)],
        policy=policy,
    )
    assert report.schedules == SCHEDULES
    assert report.exercised[17] > SCHEDULES // 4
