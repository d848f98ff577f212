"""Charts that nobody writes: the checker answers at once, whatever their shape."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from statechart import After, ChartError, Drop, Go, History, Quiet, Start, State
from statechart.check import check_written
from statechart.check.cover import gap
from tests.statechart.check_cases import CLOSED, OPEN, ROWS, Case, build, many, nested, region
from tests.statechart.check_state_cases import SHAPE

AT_ONCE = 3_000_000
"""Calls of functions: a second or two of work, and the same number on every machine."""


def shared(depth: int) -> dict[str, Any]:
    """Each state is twice in the one around it: 2 ** depth states, with `depth` objects."""
    state = State("open")
    for _ in range(depth):
        state = State("open", (state, state), "open")
    return {"regions": (state,)}


def loop_of_two() -> dict[str, Any]:
    children: Any = [OPEN, CLOSED]
    around = State("around", (State("door", children, "open"),), "door")
    children.append(around)
    return {"regions": (around,)}


def without_end() -> dict[str, Any]:
    children: Any = []
    children += [State(f"s{n}", children) for n in range(50)]
    return {"regions": (State("door", children, "s0"),)}


def misspelt(count: int) -> dict[str, Any]:
    states = tuple(State(f"state_{number}") for number in range(9_000))
    rows = (Drop("open", f"stat_{number}", "x") for number in range(count))
    return {**region(OPEN, CLOSED, *states), "rows": (*ROWS, *rows)}


HOSTILE = {
    "100,000 states": (region(OPEN, *(State(f"s{n}") for n in range(100_000))), "too-many-states"),
    "5,000 deep": (nested(5_000), "too-deep"),
    "a loop": (loop_of_two(), "cycle"),
    "a thicket of loops": (without_end(), "cycle"),
    "2 ** 40 states": (shared(40), "too-many-states"),
    "2 ** 5,000 states": (shared(5_000), "too-deep"),
    "a million edges": (
        {"rows": (Drop(tuple("e" * 1_000), tuple("s" * 1_000), "x"),)},
        "too-many-edges",
    ),
    "1,000 misspelt names": (misspelt(1_000), "unknown-source"),
    "100,000 rows": ({"rows": (*ROWS, *(Drop("open", "door", "x"),) * 100_000)}, "too-many-edges"),
    "states in a string": ({"regions": (State("door", "open", "open"),)}, "wrong-type"),  # type: ignore[arg-type] # the point
    "a history of itself": (region(OPEN, History("back", "back")), "wrong-default"),
}


@pytest.mark.parametrize(("chart", "rule"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_shape_is_found_at_once(chart: dict[str, Any], rule: str) -> None:
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event == "call"
        if calls == AT_ONCE:
            raise TimeoutError("this goes on for too long")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        with pytest.raises(ChartError) as caught:
            build(**chart)
    finally:
        sys.setprofile(before)
    assert rule in {finding.rule for finding in caught.value.findings}
    assert len(caught.value.findings) <= 101
    assert len(str(caught.value)) < 50_000


@pytest.mark.parametrize("case", SHAPE, ids=str)
def test_nothing_else_is_asked_of_a_chart_without_shape(case: Case) -> None:
    with pytest.raises(ChartError) as caught:
        build(**{**case.broken, "events": (*case.broken.get("events", ()), 7)})
    shape = {case.rule for case in SHAPE}
    assert {finding.rule for finding in caught.value.findings} <= shape


def test_the_limits_are_inclusive() -> None:
    edges = Drop("open", ("open", "closed"), "x")
    assert "too-deep" not in rules(nested(63))
    assert "too-many-states" not in rules(many(4_998))
    assert "too-many-edges" not in rules({"rows": (edges,) * 25_000})


def rules(chart: dict[str, Any]) -> set[str]:
    try:
        return {finding.rule for finding in check_written(build(**chart))}
    except ChartError as error:
        return {finding.rule for finding in error.findings}


def test_rows_with_more_guards_than_a_step_may_ask_only_count_without_conditions() -> None:
    rows = [*((f"g{n}",) for n in range(40)), *((f"!g{n}",) for n in range(40))]
    assert gap(rows, {}) == {}
    assert gap([*rows, ()], {}) is None


def test_rows_that_cover_each_other_leave_no_gap() -> None:
    assert gap([("a", "b"), ("!a",), ("a", "!b")], {}) is None
    assert gap([("a", "b"), ("!a",)], {}) == {"a": True, "b": False}
    assert gap([("a", "!a")], {}) == {"a": False}
    assert gap([("!a",)], {"a": True}) == {"a": True}
    assert gap([], {}) == {}


def test_a_deep_chart_within_the_limits_is_built() -> None:
    rows = (*ROWS, Go("jump", "open", "closed"), Drop("jump", "closed", "x"))
    chart = build(**nested(63), rows=rows, events=("open", "close", "jump"))
    assert len(chart.compile().configurations) == 2


@pytest.mark.parametrize("delay", [10**15 + 1, 10**5000], ids=["long", "very long"])
def test_a_delay_beyond_all_use(delay: int) -> None:
    found = (
        {"rows": (*ROWS, Go(After(delay), "open", "closed"))},
        {"rows": (*ROWS, Go(Quiet(delay), "open", "closed"))},
        region(State("open", entry=Start("close", delay)), CLOSED),
        {"rows": (*ROWS, Go(After("long"), "open", "closed")), "times": {"long": delay}},
    )
    for chart in found:
        with pytest.raises(ChartError) as caught:
            build(**chart)
        assert [finding.rule for finding in caught.value.findings] == ["bad-delay"]
