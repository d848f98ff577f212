"""Killed at any step, a process leaves what it has shown: nothing lost, twice or torn.

A sample of the points, the same on every machine that writes the same; `tests.soak.crash` has many.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.a2a.test_kill import mutated
from tests.crash.matrix import Result, Zygote, all_points, chosen, run_all, zygotes
from tests.crash.points import STEPS

SEED = 20262
RUNS = {"process": 40, "power": 20}


@pytest.fixture
async def several() -> AsyncIterator[list[Zygote]]:
    async with zygotes(2) as made:
        yield made


def verdict(results: list[Result]) -> str:
    """Everything that was wrong, with where the process died."""
    return "\n".join(
        f"{result.kill}\n    {problem}" for result in results for problem in result.problems
    )


@pytest.mark.parametrize("durability", RUNS)
async def test_whatever_step_it_is_killed_at_nothing_is_lost_twice_or_torn(
    several: list[Zygote], durability: str, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = RUNS[durability]
    points = await all_points(several[0], durability)
    results = await run_all(several, durability, chosen(points, SEED), runs)
    killed = [result for result in results if result.killed]
    shown: Counter[str] = Counter()
    for result in results:
        shown.update(result.figures)
    with capsys.disabled():
        print(f" {len(killed)} kills of {len(points):,} points, {shown['events']} events ", end="")
    assert not verdict(results), verdict(results)
    assert len(killed) >= runs * 0.9
    if durability == "process":
        assert {result.kill.step for result in killed} >= {*STEPS} - {"between"}


IN_TWO = (
    "actors/storage/logkeeper.py",
    "    _delete(db, found, found.head.seq)\n",
    """    _delete(db, found, found.head.seq)
    db.execute("COMMIT")
    db.execute("BEGIN IMMEDIATE")
""",
)
"""Removes a log in two transactions."""


async def test_the_test_notices_a_build_that_removes_in_two_steps(tmp_path: Path) -> None:
    build = mutated(tmp_path / "mutant", IN_TWO)
    async with zygotes(1, build) as (mutant,):
        points = await mutant.points("process", "work")
        removing = [kill for kill in points if "logkeeper.py remove:" in kill.name]
        results = await run_all([mutant], "process", chosen(removing, SEED), 4)
    assert "found 0 records, with the head at" in verdict(results)
