"""Each rule of the checker has a chart that breaks it, and says where, why and what to do."""

from __future__ import annotations

import doctest
from typing import TYPE_CHECKING, Any

import pytest

from statechart import Chart, ChartError, Defer, Drop, Go, Refuse, Row, State
from statechart import chart as chart_module

if TYPE_CHECKING:
    from collections.abc import Sequence

DOOR = State("door", (State("open"), State("closed")), initial="open")
ROWS: tuple[Row, ...] = (
    Go("close", "open", "closed"),
    Go("open", "closed", "open"),
    Drop("close", "closed", "is_closed"),
    Drop("open", "open", "is_open"),
)


def build(
    *regions: State,
    rows: Sequence[Row] = ROWS,
    events: Sequence[str] = ("open", "close"),
    **more: Any,
) -> Chart:
    return Chart(
        name="door", regions=regions or (DOOR,), events=tuple(events), rows=tuple(rows), **more
    )


def findings(*regions: State, **more: Any) -> str:
    with pytest.raises(ChartError) as caught:
        build(*regions, **more)
    assert caught.value.name == "door"
    return str(caught.value)


def only(*regions: State, **more: Any) -> str:
    """The one and only finding."""
    text = findings(*regions, **more)
    assert "1 finding(s)" in text, text
    return text


def always(*sources: str) -> tuple[Row, ...]:
    return tuple(Drop(("open", "close"), source, "nothing") for source in sources)


def test_docstring_of_chart_runs() -> None:
    assert doctest.testmod(chart_module).failed == 0


def test_a_sound_chart_builds_and_says_what_it_is() -> None:
    assert repr(build()) == "<Chart 'door': 1 region(s), 3 states, 2 events, 4 rows>"


def test_lists_are_taken_as_tuples() -> None:
    chart = Chart(name="door", regions=[DOOR], events=["open", "close"], rows=list(ROWS))  # type: ignore[arg-type] # callers without a type checker do this
    assert chart.rows == ROWS


def test_all_findings_come_at_once() -> None:
    text = findings(rows=(*ROWS, Go("opne", "open", "clsed"), Refuse("open", "opn", "")))
    for rule in ("unknown-trigger", "unknown-dest", "unknown-source", "no-reason"):
        assert rule in text


# -- rule 1 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({"events": ("open", "close", "a b")}, "event 'a b'"),
        ({"guards": {"!locked": bool}}, "guard '!locked'"),
        ({"rows": (*ROWS, Go("x", "open", None, actions="ring;"))}, "action 'ring;'"),
    ],
)
def test_bad_name(more: dict[str, Any], what: str) -> None:
    assert f"bad-name: {what}: a name is letters" in findings(**more)


def test_bad_name_of_a_state() -> None:
    region = State("door", (State("a-b"), State("closed")), initial="closed")
    assert "bad-name: state 'a-b'" in findings(region)


def test_duplicate_state() -> None:
    region = State("door", (State("open"), State("closed"), State("open")), initial="open")
    assert "duplicate-state: state 'open': 2 states have this name" in only(region)


def test_duplicate_event() -> None:
    text = only(events=("open", "close", "open"))
    assert "duplicate-event: event 'open': listed 2 times. Repair: list it once." in text


def test_unused_event() -> None:
    text = only(events=("open", "close", "lock"))
    assert "unused-event: event 'lock': no row answers it. Repair: add a row" in text


def test_unknown_trigger_names_the_near_miss() -> None:
    text = only(rows=(*ROWS, Go("clos", "open", "closed")))
    assert "unknown-trigger: row 4, Go('clos', 'open'): 'clos' is not in events" in text
    assert "Repair: write 'close'." in text


def test_unknown_source() -> None:
    text = only(rows=(*ROWS, Drop(("open", "close"), ("cellar",), "x")))
    assert "unknown-source: row 4, Drop('open|close', 'cellar'): 'cellar' is not in the" in text
    assert "Repair: add it to the states." in text


def test_unknown_dest() -> None:
    text = only(rows=(Go("close", "open", "shut"), *ROWS[1:]))
    assert "unknown-dest: row 0, Go('close', 'open'): 'shut' is not in the states" in text


def test_unknown_guard_also_behind_a_negation() -> None:
    text = only(rows=(Go("close", "open", None, "!locked"), *ROWS), guards={"lockd": bool})
    assert "unknown-guard: row 0, Go('close', 'open'): 'locked' is not in guards" in text
    assert "Repair: write 'lockd'." in text


@pytest.mark.parametrize(("trigger", "source"), [((), "open"), ("open", ())])
def test_row_without_trigger_or_source(trigger: Any, source: Any) -> None:
    kind = "source" if trigger else "trigger"
    assert f"no-{kind}: row 4" in only(rows=(*ROWS, Go(trigger, source, None)))


@pytest.mark.parametrize("kind", [Refuse, Drop])
def test_no_reason(kind: Any) -> None:
    text = only(rows=(kind("open", "open", ""), *ROWS[:3]))
    assert "no-reason: row 0" in text
    assert "Repair: give a reason." in text


def test_dest_in_other_region() -> None:
    lamp = State("lamp", (State("lit"),), initial="lit")
    text = only(DOOR, lamp, rows=(Go("close", "open", "lit"), *ROWS[1:]))
    assert "dest-in-other-region: row 0" in text
    assert "'lit' is in another region than 'open'" in text


# -- rule 2 ----------------------------------------------------------------------------------------


def test_no_region() -> None:
    with pytest.raises(ChartError, match="no-region: chart 'door': it has no states"):
        Chart(name="door", regions=(), events=(), rows=())


def test_missing_initial_of_a_region() -> None:
    text = only(State("door", DOOR.children))
    assert "missing-initial: state 'door': the chart starts in it" in text
    assert "Repair: set initial='open', or lead to a child." in text


def test_missing_initial_where_a_row_leads() -> None:
    region = State("door", (State("open"), State("shut", (State("closed"),))), initial="open")
    text = only(region, rows=(Go("close", "open", "shut"), *ROWS[1:]))
    assert "missing-initial: state 'shut': row 0 leads to it" in text


def test_a_group_entered_through_its_children_needs_no_initial() -> None:
    region = State("door", (State("open"), State("shut", (State("closed"),))), initial="open")
    assert build(region).compile().initial.atomic == ("open",)


def test_wrong_initial() -> None:
    text = only(State("door", DOOR.children, initial="opened"))
    assert "wrong-initial: state 'door': initial 'opened' is not one of its children" in text
    assert "Repair: write 'open'." in text


def test_final_compound() -> None:
    region = State("door", DOOR.children, initial="open", final=True)
    assert "final-compound: state 'door'" in only(region)


def test_too_deep() -> None:
    state = DOOR
    for number in range(70):
        state = State(f"s{number}", (state,), initial=state.name)
    assert "too-deep: region 's69': states are nested more than 64 deep" in only(state)


# -- rule 3 ----------------------------------------------------------------------------------------


def test_no_priority() -> None:
    text = only(
        rows=(*ROWS, Refuse("close", "open", "no", conditions="locked")), guards={"locked": bool}
    )
    assert "no-priority: row 4: 'close' in 'open' [locked] refused (no)" in text
    assert "row 0 answers this state and trigger unconditionally before it" in text


# -- rule 4 ----------------------------------------------------------------------------------------


def test_unanswered() -> None:
    text = only(rows=ROWS[:3])
    assert "unanswered: event 'open' in <open>: no row of any region answers it there" in text
    assert "Repair: add a Go, Refuse, Drop or Defer" in text


def test_unanswered_lists_configurations_of_parallel_charts() -> None:
    lamp = State("lamp", (State("lit"), State("dark")), initial="lit")
    text = only(
        DOOR,
        lamp,
        events=("open", "close", "switch"),
        rows=(*ROWS, Go("switch", "lit", "dark")),
    )
    assert "unanswered: event 'switch' in <open | dark> <closed | dark>" in text


def test_one_region_may_answer_for_all() -> None:
    lamp = State("lamp", (State("lit"),), initial="lit")
    assert len(build(DOOR, lamp).compile().configurations) == 2


def test_partial() -> None:
    text = only(rows=(Go("close", "open", "closed", "free"), *ROWS[1:]), guards={"free": bool})
    assert "partial: row 0: 'close' in 'open' [free] -> closed: in open nothing answers" in text
    assert "Repair: add a row without conditions behind it" in text


def test_partial_is_mended_by_an_ancestor() -> None:
    rows = (Go("close", "open", "closed", "free"), *ROWS[1:], Defer("close", "door"))
    assert len(build(rows=rows, guards={"free": bool}).compile().configurations) == 2


# -- rule 5 ----------------------------------------------------------------------------------------


def test_unreachable_names_the_outermost_state_only() -> None:
    attic = State("attic", (State("box"),), initial="box")
    region = State("door", (*DOOR.children, attic), initial="open")
    text = only(region)
    assert "unreachable: state 'attic': no sequence of events leads into it" in text
    assert "Repair: add a Go to it, or remove it." in text


# -- rule 6 ----------------------------------------------------------------------------------------


def test_final_exit_also_when_inherited() -> None:
    region = State("door", (State("open"), State("closed", final=True)), initial="open")
    text = only(region, rows=(Go("close", "open", "closed"), Go("open", "door", "open"), ROWS[2]))
    assert "final-exit: final state 'closed': row 1: 'open' in 'door' -> open leads out" in text
    assert "Repair: answer 'open' in 'closed' with a Refuse or Drop of its own." in text


def test_final_states_need_answers_too() -> None:
    region = State("door", (State("open"), State("closed", final=True)), initial="open")
    rows = (ROWS[0], ROWS[3])
    text = findings(region, rows=rows)
    assert "unanswered: event 'open' in <closed>" in text
    assert "unanswered: event 'close' in <closed>" in text


def test_an_internal_row_does_not_leave_a_final_state() -> None:
    region = State("door", (State("open"), State("closed", final=True)), initial="open")
    rows = (ROWS[0], ROWS[3], ROWS[2], Go("open", "closed", None, actions="creak"))
    table = build(region, rows=rows).compile()
    assert table.configuration(["closed"]).final


def test_trap() -> None:
    region = State(
        "door", (State("open"), State("jammed"), State("closed", final=True)), initial="open"
    )
    rows = (
        Go("close", "open", "closed", "straight"),
        Go("close", "open", "jammed"),
        Drop("open", "open", "is_open"),
        *always("jammed", "closed"),
    )
    text = only(region, rows=rows, guards={"straight": bool})
    assert "trap: state 'jammed': no Go leads out of it" in text
    assert "Repair: add a Go out of it, or mark it final." in text


def test_without_final_states_a_sink_is_allowed() -> None:
    rows = (Go("close", "open", "closed"), Drop("open", "open", "x"), *always("closed"))
    assert not build(rows=rows).compile().configuration(["closed"]).final
