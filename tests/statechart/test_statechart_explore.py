"""The search: guards, events, claims, limits, errors, and ways through a chart as pictures."""

from __future__ import annotations

import doctest
import importlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest

from statechart import (
    ALWAYS,
    Chart,
    Drop,
    Go,
    Refuse,
    State,
    UnknownEvent,
)
from statechart.diagram import Highlight, mermaid
from statechart.explore import Environment, PropertyError, Trace, explore
from statechart.explore.moves import Moves


def happened(steps: Iterable[Any]) -> list[object]:
    return [step.turn.event for step in steps][1:]


# -- guards and events -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Pay:
    coins: int


def shop(**more: Any) -> Chart:
    """A typed event, two guards of which the second relies on the first, and a refusal."""
    return Chart(
        name="shop",
        regions=(State("shop", (State("open"), State("sold", final=True)), initial="open"),),
        events=(Pay, "look"),
        rows=(
            Go(Pay, "open", "sold", ("known", "enough"), "sell"),
            Refuse((Pay, "look"), "shop", "no"),
        ),
        guards={
            "known": lambda price, _: price is not None,
            "enough": lambda price, pay: pay.coins >= price,
        },
        waive={"never-taken": "a refusal is needed, and no event to take"},
        **more,
    )


def test_without_an_environment_guards_are_free() -> None:
    found = explore(shop(), ends=True)
    found.assert_ok()
    assert (found.states, found.transitions, found.depth) == (2, 6, 1)
    assert [configuration.atomic for configuration in found.configurations] == [
        ("open",),
        ("sold",),
    ]
    assert found.edges == {
        edge: {"GO": 1, "Pay": 3, "look": 2}["GO" if edge.targets else edge.trigger]
        for edge in found.chart.tree.edges
    }
    assert found.path(found.nodes[1]).steps[1].said == {"known": True, "enough": True}
    assert str(found.path(found.nodes[1])) == (
        "  0. start -> <open>\n  1. Pay [known, enough] / sell -> <sold>"
    )


@pytest.mark.parametrize(("price", "states"), [(None, 1), (3, 2), (4, 1)])
def test_guards_are_asked_in_order_with_the_event_as_data(price: int | None, states: int) -> None:
    world = Environment(context=price, events=(Pay(2), Pay(3), "look", Pay(2)))
    found = explore(shop(), environment=world)
    assert (found.states, found.transitions) == (states, 3 * states)


def test_some_guards_can_be_free_and_others_asked() -> None:
    world = Environment(context=3, events=(Pay(2),), free="known")
    assert explore(shop(), environment=world).transitions == 2
    world = Environment(context=None, events=(Pay(2),), free=("enough",))
    assert explore(shop(), environment=world).states == 1
    world = Environment(context=1, events=(Pay(2),), free=("enough",))
    assert explore(shop(), environment=world).states == 2


def test_an_event_may_come_with_data_of_its_own_or_by_its_class() -> None:
    world = Environment(context=3, events=[(Pay(1), Pay(5))])
    assert explore(shop(), environment=world).states == 2
    assert explore(shop(), environment=Environment(events=(Pay,), free=("known", "enough"))).ok


def test_where_a_chart_starts_may_depend_on_guards() -> None:
    chart = Chart(
        name="late",
        regions=(State("r", (State("early"), State("late")), initial="early"),),
        events=("go",),
        rows=(
            Go(ALWAYS, "early", "late", "is_late"),
            Drop("go", "r", "no"),
        ),
        guards={"is_late": lambda late, _: late},
    )
    free = explore(chart)
    assert (free.states, free.transitions, free.depth) == (2, 2, 0)
    assert free.path(free.nodes[0]).steps[0].said == {"is_late": True}
    assert [free.edges[edge] for edge in chart.tree.edges] == [1, 2]
    asked = explore(chart, environment=Environment(context=True))
    assert [node.configuration.atomic for node in asked.nodes] == [("late",)]
    seen = explore(chart, environment=Environment(context=0, perform=lambda n, _: n + 1), limit=3)
    assert [node.context for node in seen.nodes] == [1, 2, 3]


# -- what is claimed -------------------------------------------------------------------------------


def counter() -> Chart:
    return Chart(
        name="counter",
        regions=(State("counter", (State("on"), State("off", final=True)), initial="on"),),
        events=("add", "stop"),
        rows=(
            Go("add", "on", None, actions="add"),
            Go("stop", "on", "off", "allowed"),
            Drop(("add", "stop"), "counter", "no"),
        ),
        guards={"allowed": lambda n, _: n < 4},
    )


def up_to(most: int) -> Environment:
    return Environment(
        context=0,
        events=lambda node: ("add", "stop") if node.context < most else ("stop",),
        perform=lambda n, turn: n + len(turn.outcome.actions),
    )


def test_each_kind_of_claim_has_its_shortest_counterexample() -> None:
    found = explore(
        counter(),
        environment=up_to(6),
        always={"below 3": lambda node: node.context < 3, "on or off": lambda _: True},
        sometimes={"five": lambda node: node.context == 5, "nine": lambda node: node.context == 9},
        steps={
            "no 2": lambda before, turn, after: (before.context, after.context) != (1, 2),
            "no drop": lambda before, turn, _: turn.outcome.reason != "no" or "off" in before,
        },
        ends=True,
    )
    assert found.states == 11
    assert list(found.violations) == ["no 2", "below 3", "no drop", "ends"]
    adds = {name: happened(each.steps) for name, each in found.violations.items()}
    assert adds == {
        "no 2": ["add"] * 2,
        "below 3": ["add"] * 3,
        "no drop": ["add"] * 4 + ["stop"],
        "ends": ["add"] * 4,
    }
    assert found.unmet == ("nine",)
    assert not found.ok
    assert found.deadlocks[0].context == 6
    with pytest.raises(PropertyError, match=r"'nine' never seen>\nevery step 'no 2', but not here"):
        found.assert_ok()
    assert repr(found.violations["ends"]) == "<Counterexample of 4 step(s) to <on>; context 4>"


def test_the_search_goes_on_behind_a_violation() -> None:
    chart = counter()
    plain = explore(chart, environment=up_to(6))
    judged = explore(chart, environment=up_to(6), always={"nothing": lambda _: False})
    assert (plain.nodes, plain.transitions) == (judged.nodes, judged.transitions)
    assert len(judged.violations["nothing"].steps) == 1


def test_a_limit_is_told_and_judges_nothing_that_was_not_searched() -> None:
    found = explore(counter(), environment=up_to(3), limit=4, ends=True)
    assert not found.complete
    assert found.states == 4
    assert found.violations == {}
    with pytest.raises(PropertyError, match="not complete: the limit was reached"):
        found.assert_ok()
    explore(counter(), environment=up_to(3), limit=8, ends=True).assert_ok()


def test_what_cannot_be_searched() -> None:
    with pytest.raises(ValueError, match="two claims are called 'a'"):
        explore(counter(), always={"a": bool}, sometimes={"a": bool})
    with pytest.raises(ValueError, match="'ends' is the name"):
        explore(counter(), possible={"ends": bool}, ends=True)
    with pytest.raises(ValueError, match="limit=0 leaves nothing"):
        explore(counter(), limit=0)
    with pytest.raises(ValueError, match="keep=-1 is negative"):
        Environment(keep=-1)
    with pytest.raises(ValueError, match="no guard 'alowed' to be free; its guards are allowed"):
        explore(counter(), environment=Environment(free="alowed"))
    with pytest.raises(UnknownEvent, match="did you mean 'stop'"):
        explore(counter(), environment=Environment(context=0, events="stp"))
    with pytest.raises(UnknownEvent, match="has no event 'Pay'"):
        explore(counter(), environment=Environment(context=0, events=(Pay(1),)))
    found = explore(counter(), environment=up_to(1))
    with pytest.raises(LookupError, match="did not find <on>; context 99"):
        found.path(found.nodes[0]._replace(context=99))


def notes(environment: Environment, error: type[Exception], **claims: Any) -> str:
    with pytest.raises(error) as caught:
        explore(counter(), environment=environment, **claims)
    return " ".join(caught.value.__notes__)


def test_errors_say_where_they_happened() -> None:
    unhashable = Environment(context=[], perform=lambda n, _: n)
    assert "must be hashable" in notes(unhashable, TypeError)
    assert "at the start" in notes(unhashable, TypeError)
    assert "must be hashable" in notes(Environment(events=[("add", [])]), TypeError)
    nothing = Environment(context=None)
    assert notes(nothing, TypeError) == "while exploring chart 'counter' behind <on>"
    wrong = {"wrong": lambda node: 5 // (2 - node.context)}
    assert "behind <on>; context 1" in notes(up_to(3), ZeroDivisionError, always=wrong)


# -- pictures --------------------------------------------------------------------------------------


def test_a_way_as_a_sequence_of_messages() -> None:
    found = explore(shop(), environment=Environment(context=1, events=(Pay(2),)))
    assert found.path(found.nodes[1]).sequence().splitlines() == [
        "sequenceDiagram",
        "    participant environment",
        "    participant chart as shop",
        "    Note over chart: open",
        "    environment->>chart: Pay(coins=2) [known, enough]",
        "    chart->>environment: sell",
        "    Note over chart: sold",
    ]
    chart = counter()
    dropped = next(
        iter(Moves(chart, up_to(0)).behind(explore(chart, environment=up_to(1)).nodes[2]))
    )
    assert Trace(chart=chart, steps=dropped).sequence().splitlines()[3:] == [
        "    environment->>chart: stop",
        "    chart--xenvironment: is dropped (no)",
        "    Note over chart: off",
    ]


def test_a_way_lit_in_the_chart_has_the_numbers_of_the_list() -> None:
    chart = counter()
    found = explore(chart, environment=up_to(2))
    ended = next(node for node in found.nodes if "off" in node and node.context == 2)
    way = found.path(ended)
    assert "  3. stop [allowed] -> <off>; context 2" in str(way)
    start, *outcomes = (step.turn.outcome for step in way.steps)
    assert way.mermaid() == mermaid(chart, lit=Highlight.path(outcomes))
    assert found.path(found.nodes[0]).mermaid() == mermaid(
        chart, lit=Highlight.of(start.configuration)
    )


def test_the_example_in_the_documentation() -> None:
    module = importlib.import_module("statechart.explore.exploration")
    assert doctest.testmod(module) == (0, 6)
