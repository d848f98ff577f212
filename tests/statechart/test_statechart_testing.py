"""Tools for testers: paths that take everything, mutants, random charts."""

from __future__ import annotations

import sys
from importlib import import_module
from itertools import pairwise, product
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from statechart import (
    ALWAYS,
    After,
    Answer,
    Chart,
    Defer,
    Drop,
    Edge,
    Go,
    History,
    Refuse,
    Start,
    State,
    Stop,
)
from statechart.testing import (
    KINDS,
    Mutant,
    Step,
    Unscripted,
    all_pairs,
    all_transitions,
    charts,
    events,
    moves,
    mutants,
    paths,
    same_behaviour,
    scripted,
    strategies,
    survivors,
    valuations,
)
from statechart.testing.building import build, changed
from statechart.testing.tally import edges_of_table

SOME = settings(
    derandomize=True,
    deadline=None,
    max_examples=15,
    suppress_health_check=[HealthCheck.data_too_large],
)


def never(_context: object, _data: object) -> bool:
    return False


def shop(**changes: Any) -> Chart:
    """One of everything."""
    parts: dict[str, Any] = {
        "name": "shop",
        "regions": (
            State(
                "shop",
                (
                    State(
                        "open",
                        (History("was", "empty"), State("empty"), State("full", entry="count")),
                        initial="empty",
                    ),
                    State("shut", exit="unlock"),
                ),
                initial="open",
            ),
        ),
        "events": ("come", "go", "close", "alarm"),
        "rows": (
            Go("come", "empty", "full", "early", ("greet", Start("bell", 10, "alarm"))),
            Refuse("come", "empty", "late"),
            Go("go", "full", "empty", actions=Stop("bell")),
            Go("close", "open", "shut"),
            Go(After(500), "shut", "was"),
            Defer("come", "shut", "tomorrow"),
            Drop(("come", "go", "close", "alarm"), "shop", "never_mind"),
        ),
        "guards": {"early": never},
    }
    return build(**{**parts, **changes})


def brute_force_pairs(chart: Chart) -> set[tuple[Edge, Edge]]:
    return {
        (one, other)
        for here in chart.compile().configurations
        for step in moves(chart, here)
        for following in moves(chart, step.outcome.configuration)
        for one, other in product(step.outcome.edges, following.outcome.edges)
    }


# -- paths -----------------------------------------------------------------------------------------


def test_paths_take_every_edge_of_the_shop() -> None:
    found = all_transitions(shop())
    taken = {edge for path in found for edge in path.edges}
    assert taken == set(edges_of_table(shop().compile()))
    assert {edge.answer for edge in taken} == set(Answer)
    assert len(found) == 1  # nothing is out of reach for good, so one path goes everywhere


@SOME
@given(charts())
def test_paths_take_every_edge_of_random_charts(chart: Chart) -> None:
    found = all_transitions(chart)
    edges = {
        edge
        for here in chart.compile().configurations
        for step in moves(chart, here)
        for edge in (*step.outcome.edges, *step.outcome.after)
    }
    at_start = {edge for _, start in chart.compile().starts() for edge in start.after}
    assert {edge for path in found for edge in path.edges} == edges | at_start


@SOME
@given(charts(size=12, regions=1, depth=1))
def test_paths_take_every_pair_of_edges(chart: Chart) -> None:
    found = {
        pair
        for path in all_pairs(chart)
        for one, other in pairwise(path.steps)
        for pair in product(one.outcome.edges, other.outcome.edges)
    }
    assert found == brute_force_pairs(chart)


@SOME
@given(st.data(), charts())
def test_a_path_is_walked_by_its_chart_and_by_the_scripted_one(
    data: st.DataObject, chart: Chart
) -> None:
    path = data.draw(paths(chart))
    assert path.replay(chart) == path
    table = scripted(chart).compile()
    here = table.start(path.start.guards).configuration
    for step in path.steps:
        outcome = table.step(here, step.event, step.guards)
        assert (outcome.answer, outcome.actions) == (step.outcome.answer, step.outcome.actions)
        here = outcome.configuration
        assert here.atomic == step.outcome.configuration.atomic
    assert here.atomic == path.configuration.atomic


def test_a_timeout_is_only_on_a_path_while_its_state_is_active() -> None:
    for path in all_pairs(shop()):
        here = path.start.outcome.configuration
        for step in path.steps:
            assert step.event != "after.500.shut" or "shut" in here
            here = step.outcome.configuration


def test_a_guard_without_an_answer_is_named() -> None:
    chart = scripted(shop())
    table = chart.compile()
    with pytest.raises(Unscripted, match="'early'"):
        table.step(table.initial, "come", {})
    deaf = shop(
        rows=(Go("come", "empty", "full", (), Start("bell", 10, "alarm")), *shop().rows[2:])
    )
    path = next(path for path in all_transitions(deaf) if "come" in path.events)
    with pytest.raises(Unscripted, match="'early'"):
        path.replay(shop())


def test_a_step_and_a_path_read_well() -> None:
    (path,) = all_transitions(shop())
    assert "come [early]" in str(path)
    assert "come [!early]" in str(path)
    assert len(path) == len(path.steps) == len(path.events)
    assert str(Step("go", {}, path.start.outcome)) == "go"
    assert len({path, path.replay(shop())}) == 2  # configurations of another table are others


# -- behaviour -------------------------------------------------------------------------------------


def test_rows_written_otherwise_behave_alike() -> None:
    *rows, _ = shop().rows
    apart = [Drop(event, "shop", "never_mind") for event in shop().events]
    assert same_behaviour(shop(), shop(rows=(*rows, *apart)))
    assert same_behaviour(shop(), scripted(shop()))


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"history", "priority"}))
def test_behaviour_differs_in_each_way(kind: str) -> None:
    found = [m for m in mutants(shop(), kinds={kind}) if m.chart is not None]
    assert any(not same_behaviour(shop(), m.chart) for m in found if m.chart)


# -- mutants ---------------------------------------------------------------------------------------


def test_the_mutants_of_the_shop() -> None:
    found = list(mutants(shop()))
    counts = {kind: sum(m.kind == kind for m in found) for kind in KINDS}
    assert counts == {
        "edge": 10,
        "target": 13,  # two other atomic states or none; three after the history
        "guard": 1,
        "action": 3,
        "answer": 6,
        "reason": 6,
        "priority": 1,
        "initial": 2,
        "state": 2,
        "delay": 2,
        "history": 1,
    }


def test_a_stillborn_mutant_has_findings() -> None:
    found = [m for m in mutants(shop(), kinds={"edge"}) if m.stillborn]
    assert found
    assert all(m.findings and m.chart is None for m in found)


def test_a_deep_history_of_flat_states_is_proven_equivalent() -> None:
    result = survivors(shop(), lambda _: None, mutants(shop(), kinds={"history"}))
    assert [m.description for m in result.equivalent] == ["was: is deep"]
    assert not result.survived


def test_what_a_suite_does_not_look_at_survives() -> None:
    def only_answers(chart: Chart) -> None:
        table = chart.compile()
        (path,) = all_transitions(shop())
        assert [s.outcome.answer for s in path.replay(chart).steps] == [
            s.outcome.answer for s in path.steps
        ]
        assert table.name == "shop"

    result = survivors(shop(), only_answers)
    assert {m.kind for m in result.survived} >= {"action", "reason", "state", "delay"}
    assert not {m.kind for m in result.survived} & {"answer", "edge"}
    assert result.total == len(list(mutants(shop())))
    assert str(result).startswith(f"{result.total} mutants: {result.killed} killed")


def test_a_suite_that_knows_everything_lets_nothing_pass() -> None:
    result = survivors(shop(), lambda chart: assert_same(shop(), chart))
    assert not result.survived
    assert result.killed + result.stillborn == result.total - len(result.equivalent)


def assert_same(one: Chart, other: Chart) -> None:
    assert same_behaviour(one, other)


def test_a_suite_has_to_pass_on_the_chart_itself() -> None:
    with pytest.raises(ZeroDivisionError):
        survivors(shop(), lambda _: 1 / 0)


def test_mutants_can_be_chosen() -> None:
    few = list(mutants(shop(), kinds={"target"}, retargets=1))
    assert len(few) == 4
    one = list(mutants(shop(), only=lambda edge: edge.source == "full"))
    assert {m.kind for m in one if "'full'" in m.description} == {"edge", "target", "action"}
    with pytest.raises(ValueError, match="no such kinds"):
        list(mutants(shop(), kinds={"colour"}))


@SOME
@given(st.data(), charts(size=12, regions=1, depth=1))
def test_mutants_of_random_charts_are_charts_or_have_findings(
    data: st.DataObject, chart: Chart
) -> None:
    kinds = {data.draw(st.sampled_from(sorted(KINDS)))}
    for mutant in mutants(chart, kinds=kinds, retargets=1):
        assert isinstance(mutant, Mutant)
        assert mutant.stillborn is bool(mutant.findings)


def test_waivers_that_a_changed_chart_does_not_need_are_left_out() -> None:
    region = State("a", (State("b"), State("c")), initial="b")
    rows = (Drop("e", "a", "no"),)
    waived = build(name="w", regions=(region,), events=("e",), rows=rows)
    assert waived.waive
    assert not changed(waived, rows=(Go("e", "b", "c"), Go("e", "c", "b"))).waive


# -- strategies ------------------------------------------------------------------------------------


@SOME
@given(
    charts(
        answers={Answer.GO, Answer.DROP},
        actions=False,
        parallel=False,
        history=False,
        timeouts=False,
        final=False,
        eventless=False,
        guards=0,
        regions=1,
        depth=0,
    )
)
def test_features_can_be_switched_off(chart: Chart) -> None:
    tree = chart.tree
    assert {edge.answer for edge in tree.edges} <= {Answer.GO, Answer.DROP}
    assert not any(edge.actions or edge.conditions or edge.timeout for edge in tree.edges)
    assert not any(edge.trigger == ALWAYS for edge in tree.edges)
    assert not any(state.parallel or state.final for state in tree.states.values())
    assert not tree.histories
    assert not chart.guards
    assert len(tree.regions) == 1
    assert all(len(tree.path(name)) <= 2 for name in tree.states)


def test_charts_have_all_features_sometimes() -> None:
    seen: set[str] = set()

    @settings(SOME, max_examples=40, database=None)
    @given(charts())
    def look(chart: Chart) -> None:
        tree = chart.tree
        seen.update(edge.answer.value for edge in tree.edges)
        seen.update("timeout" for edge in tree.edges if edge.timeout)
        seen.update("always" for edge in tree.edges if edge.trigger == ALWAYS)
        seen.update("done" for edge in tree.edges if edge.trigger.startswith("done."))
        seen.update("guard" for edge in tree.edges if edge.conditions)
        seen.update("parallel" for state in tree.states.values() if state.parallel)
        seen.update("history" for _ in tree.histories)
        seen.update("regions" for _ in tree.regions[1:])

    look()
    answers = {answer.value for answer in Answer}
    assert seen == {
        *answers,
        "timeout",
        "always",
        "done",
        "guard",
        "parallel",
        "history",
        "regions",
    }


def test_drawing_makes_hardly_any_strategies() -> None:
    strategies._numbers.cache_clear()

    @settings(SOME, database=None)
    @given(charts())
    def draw(_: Chart) -> None: ...

    draw()
    made = strategies._numbers.cache_info()
    assert made.misses < 60 < 1000 < made.hits


@SOME
@given(events(shop(), timeouts=True), valuations(shop()))
def test_events_and_guards_of_a_chart(event: str, said: dict[str, bool]) -> None:
    table = scripted(shop()).compile()
    assert table.step(table.initial, event, said).answer in Answer
    assert said.keys() == {"early"}


@pytest.mark.parametrize("wrong", [{"width": 1}, {"regions": 0}, {"answers": ()}])
def test_charts_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        charts(**wrong)


def test_without_hypothesis_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    monkeypatch.delitem(sys.modules, "statechart.testing.strategies")
    with pytest.raises(ImportError, match="pip install hypothesis"):
        import_module("statechart.testing.strategies")
