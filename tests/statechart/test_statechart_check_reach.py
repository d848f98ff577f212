"""What counts as dead, reached and final, where a rule that asks less would be wrong."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statechart import (
    ALWAYS,
    After,
    ChartError,
    Drop,
    Go,
    History,
    Quiet,
    Raise,
    Refuse,
    Row,
    State,
    done,
    inside,
)
from tests.statechart.check_cases import DOOR, LAMP, LEFT, ROWS, build, hall, lenient

LAMPS = State("lamp", (State("lit"), State("dim"), State("dark")), "lit")


def broken(**changes: Any) -> set[tuple[str, str]]:
    try:
        build(**changes)
    except ChartError as error:
        return {(finding.rule, finding.where) for finding in error.findings}
    return set()


def beside(*rows: Row, lamp: State = LAMP) -> dict[str, Any]:
    """A door that answers `tick` whatever the lamp beside it says."""
    return {
        "regions": (State("door", DOOR["regions"][0].children, "open"), lamp),
        "events": ("open", "close", "tick"),
        "rows": (*ROWS, Go("tick", "door", None), *rows),
    }


# -- rows ------------------------------------------------------------------------------------------


def test_an_outvoted_row_lives_while_it_keeps_a_row_around_it_from_answering() -> None:
    shield = Drop("tick", "lit", "x")
    dims = (Go(After(5), "lit", "dim"), Go(After(5), "dim", "dark"), Go(After(5), "dark", "lit"))
    assert not broken(**beside(shield, Go("tick", "lamp", "dark"), *dims, lamp=LAMPS))
    assert broken(**beside(shield, *dims, lamp=LAMPS)) == {
        ("dead-row", "row 5: 'tick' in 'lit' dropped (x)")
    }


def test_an_outvoted_row_lives_while_it_closes_a_gap() -> None:
    chart = beside(Go("tick", "lit", None, "free", "blink"), Drop("tick", "lit", "x"))
    assert not broken(**chart, guards={"free": bool})


def test_a_row_that_a_refusal_elsewhere_hides_everywhere_is_dead() -> None:
    found = broken(**beside(Refuse("open", "lamp", "never")))
    assert ("dead-row", "row 1: 'open' in 'closed' -> open") in found
    assert ("dead-row", "row 3: 'open' in 'open' dropped (is_open)") in found


def test_timeouts_where_the_chart_never_rests_are_dead() -> None:
    rows = (*ROWS, Go(ALWAYS, "closed", "open"), Go(After(5), "closed", "open"))
    assert ("dead-row", "row 5: 'after 5 ms' in 'closed' -> open") in broken(rows=rows)


def test_a_row_that_only_a_raised_event_takes_is_alive() -> None:
    passing = (Go("close", "open", "closed", actions=Raise("open")), *ROWS[1:])
    assert broken(rows=passing) == {("dead-row", "row 2: 'close' in 'closed' dropped (is_closed)")}


def test_rows_of_one_source_are_one_finding_for_all_their_triggers() -> None:
    with pytest.raises(ChartError) as caught:
        build(
            rows=(
                *ROWS,
                Go(After(5), "closed", None, ("free", "!free")),
                Go((After(6), Quiet(7)), "open", None, ("free", "!free")),
            ),
            guards={"free": bool},
        )
    assert [finding.where for finding in caught.value.findings] == [
        "row 4: 'after 5 ms' in 'closed' [free, !free] stays",
        "row 5: 'after 6 ms' in 'open' [free, !free] stays (and for 'quiet 7 ms')",
    ]


def test_a_gap_may_be_in_one_configuration_only() -> None:
    rows = (Go("tick", "lit", None, inside("open")), Go("tick", "lit", None, ("free", "in:closed")))
    found = broken(**beside(*rows), guards={"free": bool})
    assert found == {("partial", "row 6: 'tick' in 'lit' [free, in:closed] stays")}


# -- states ----------------------------------------------------------------------------------------


def test_a_history_that_only_an_unreachable_state_leads_to_is_unreachable() -> None:
    chart = hall(History("back", "open"), "door")
    regions = (State("hall", (*chart["regions"][0].children, State("attic")), "door"),)
    rows = (
        *chart["rows"],
        Go("enter", "attic", "back"),
        Drop(("open", "close", "leave"), "attic", "x"),
    )
    assert broken(**{**chart, "regions": regions, "rows": rows}) == {
        ("unreachable", "state 'attic'"),
        ("unreachable", "history 'back'"),
    }


def test_a_history_as_initial_is_used() -> None:
    chart = hall(History("back", "open"), "door")
    children = chart["regions"][0].children[0].children
    door = State("door", children, "back")
    assert not broken(**{**chart, "regions": (State("hall", (door, State("out")), "door"),)})


def test_a_shallow_history_enters_the_children_of_its_parent() -> None:
    group = State("closed", (State("locked"),))
    door = State("door", (History("back", "open"), State("open"), group), "open")
    chart = hall(History("back", "open"))
    rows = (Go("close", "open", "locked"), *chart["rows"][1:])
    found = {**chart, "regions": (State("hall", (door, State("out")), "door"),), "rows": rows}
    assert broken(**found) == {("missing-initial", "state 'closed'")}
    deep = State("door", (History("back", "open", deep=True), State("open"), group), "open")
    assert not broken(**{**found, "regions": (State("hall", (deep, State("out")), "door"),)})


def test_a_region_that_is_only_entered_with_its_state_named_needs_no_initial() -> None:
    left, right = (State(n, (State(f"{n}1"), State(f"{n}2"))) for n in ("l", "r"))
    both = State("both", (left, right), parallel=True)
    assert not broken(
        regions=(State("all", (both,), ("l1", "r1")),),
        events=("l", "r"),
        rows=(*ways("l"), *ways("r")),
    )


def ways(name: str) -> tuple[Row, ...]:
    return Go(name, f"{name}1", f"{name}2"), Go(name, f"{name}2", f"{name}1")


# -- ends ------------------------------------------------------------------------------------------


def parts(*rows: Row, waited: bool = True) -> dict[str, Any]:
    def part(name: str) -> State:
        return State(name, (State(f"{name}1"), State(f"{name}2", final=True)), f"{name}1")

    both = State("both", (part("a"), part("b")), parallel=True)
    wait = (Go(done("both"), "both", "sent"),) if waited else ()
    return {
        "regions": (State("all", (both, State("sent", final=True)), "both"),),
        "events": ("a", "b", "stop"),
        "rows": (
            Go("a", "a1", "a2"),
            Go("b", "b1", "b2"),
            Drop(("a", "b"), "all", "late"),
            *wait,
            Drop("stop", "sent", "late"),
            *rows,
        ),
    }


def test_a_final_state_whose_end_is_waited_for_may_be_left() -> None:
    assert not broken(**parts(Go("stop", "both", "sent")))
    found = broken(**parts(Go("stop", "both", "sent"), waited=False))
    assert found == {("final-exit", "final state 'a2'"), ("final-exit", "final state 'b2'")}


def test_another_region_may_lead_out_of_a_final_state_too() -> None:
    found = broken(**parts(Go("stop", "a1", "sent"), Drop("stop", "a2", "no"), waited=False))
    assert found == {("final-exit", "final state 'b2'")}


def test_a_parallel_state_ends_when_all_its_regions_can() -> None:
    chart = parts(Go("stop", "both", "sent"))
    b = State("b", (State("b1"), State("b2")), "b1")
    both = State("both", (chart["regions"][0].children[0].children[0], b), parallel=True)
    regions = (State("all", (both, State("sent", final=True)), "both"),)
    found = broken(**{**chart, "regions": regions})
    assert found == {("never-done", "row 3, Go('done.state.both', 'both')")}


def test_a_state_that_only_another_region_leaves_is_no_trap() -> None:
    other = State("other", (State("o1"), State("o2")), "o1")
    both = State("both", (LEFT, other), parallel=True)
    assert not broken(
        regions=(State("all", (both, State("end", final=True)), "both"),),
        events=("go",),
        rows=(Go("go", "o1", "o2"), Go("go", "o2", "end"), Drop("go", "end", "x")),
    )


def test_a_state_that_waits_for_an_end_in_vain_is_a_trap() -> None:
    chart = parts()
    rows = [
        Go(done("both"), "both", "sent", "free") if row == chart["rows"][3] else row
        for row in chart["rows"]
    ]
    found = broken(**{**chart, "rows": (*rows, Drop("stop", "all", "no"))}, guards={"free": bool})
    assert found == {("trap", "configuration(s) <a2 | b2>")}


def test_without_final_states_a_sink_is_allowed() -> None:
    rows = (ROWS[0], Drop(("open", "close"), "closed", "x"), ROWS[3])
    assert not broken(rows=rows)


# -- any edit --------------------------------------------------------------------------------------

SOUND = (
    DOOR,
    hall(History("back", "open")),
    parts(Go("stop", "both", "sent")),
    beside(Drop("open", "lit", "x"), lamp=LAMP),
)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.data())
def test_no_edit_of_a_sound_chart_leaves_an_event_without_an_answer(data: st.DataObject) -> None:
    parts = {**DOOR, **data.draw(st.sampled_from(SOUND))}
    rows = list(parts["rows"])
    for _ in range(data.draw(st.integers(1, 3))):
        rows.pop(data.draw(st.integers(0, len(rows) - 1)))
    try:
        table = lenient(**{**parts, "rows": tuple(rows)}).compile()
    except ChartError:
        return
    for configuration in table.configurations:
        for event in table.events:
            outcomes = table.outcomes(configuration, event)
            assert all(outcome.reason != "unanswered" for outcome in outcomes)
