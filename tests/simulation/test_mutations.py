"""Each invariant notices what it is there for: the tables of `mutations_*.py`, one test a row."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest

from actors.simulation.choices import Seeded
from actors.simulation.invariants import INVARIANTS, OF_TWO_RUNS
from actors.simulation.scenarios import Scenario
from actors.simulation.search import run
from tests.simulation.mutate import SDK_TABLES, Mutation, caught, changed

TABLES = sorted(path.stem for path in Path(__file__).parent.glob("mutations_*.py"))


def mutations() -> Iterator[tuple[str, Mutation]]:
    for table in TABLES:
        rows: tuple[Mutation, ...] = import_module(f"tests.simulation.{table}").MUTATIONS
        for row in rows:
            numbers = "+".join(map(str, sorted(row.invariants)))
            yield f"{table.removeprefix('mutations_')}: {numbers}: {row.why}", row


ALL = dict(mutations())


def scenarios() -> dict[Callable[[], Scenario], int]:
    """Each scenario of the tables, and how many of its seeds they use."""
    seeds: dict[Callable[[], Scenario], int] = {}
    for mutation in ALL.values():
        seeds[mutation.scenario] = max(mutation.seeds, seeds.get(mutation.scenario, 0))
    return seeds


@pytest.mark.parametrize("name", ALL)
def test_a_mutation_is_caught_by_each_invariant_that_it_breaks(name: str) -> None:
    mutation = ALL[name]

    assert caught(mutation).keys() == mutation.invariants


@pytest.mark.parametrize(
    ("scenario", "seeds"),
    scenarios().items(),
    ids=lambda each: each.__name__ if callable(each) else str(each),
)
def test_the_code_as_it_is_breaks_nothing_in_the_same_runs(
    scenario: Callable[[], Scenario], seeds: int
) -> None:
    made = scenario()

    for seed in range(seeds):
        assert run(made, Seeded(seed)).violations == (), f"seed {seed}"


def test_every_invariant_has_a_mutation_that_it_catches() -> None:
    shown = {number for mutation in ALL.values() for number in mutation.invariants}

    assert {each.number for each in INVARIANTS} | {each.number for each in OF_TWO_RUNS} == shown


def test_afterwards_everything_is_as_it_was_before() -> None:
    modules, tables = dict(sys.modules), [dict(table) for table in SDK_TABLES]

    with changed(None) as fresh:
        assert fresh.broken(next(iter(scenarios())), 0) == frozenset()
        assert sys.modules["actors.task.release"] is not modules.get("actors.task.release")

    ours = {name: module for name, module in modules.items() if name.startswith("actors")}
    assert {name: sys.modules[name] for name in ours} == ours
    assert [dict(table) for table in SDK_TABLES] == tables


def test_a_mutation_that_no_longer_fits_says_so() -> None:
    first = next(iter(ALL.values()))
    stale = Mutation(
        invariants={1},
        module="actors.task.release",
        old="nothing of this kind",
        new="",
        why="stale",
        scenario=first.scenario,
        seeds=1,
    )

    with pytest.raises(ValueError, match=r"occurs 0 times in actors\.task\.release"):
        caught(stale)
