"""What goes over to `transitions` and comes back, and what cannot."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from typing import Any

import pytest
from transitions import Machine
from transitions.extensions.asyncio import HierarchicalAsyncMachine
from transitions.extensions.nesting import HierarchicalMachine
from transitions.extensions.states import Tags, add_state_features

from statechart import (
    ALWAYS,
    After,
    Answer,
    Chart,
    ChartError,
    Defer,
    Drop,
    Go,
    History,
    Raise,
    Refuse,
    State,
    done,
    inside,
)
from statechart.library import InexpressibleError, Reference, from_machine, to_machine


def allowed(context: object, data: object) -> bool:
    return context == "yes"


def machine(**changes: Any) -> HierarchicalMachine:
    """A machine as people write them, with a nested state and a condition."""
    described: dict[str, Any] = {
        "states": ["idle", {"name": "busy", "initial": "hot", "children": ["hot", "cold"]}],
        "transitions": [
            {"trigger": "start", "source": "idle", "dest": "busy", "conditions": allowed},
            {"trigger": "cool", "source": "busy_hot", "dest": "busy_cold"},
            {"trigger": "stop", "source": "busy", "dest": "idle"},
            {"trigger": "stop", "source": "busy_cold", "dest": None, "unless": allowed},
        ],
        "initial": "idle",
        "auto_transitions": False,
        "name": "oven",
    }
    return HierarchicalMachine(**(described | changes))


def test_a_machine_becomes_a_chart() -> None:
    chart = from_machine(machine())
    table = chart.compile()
    assert chart.name == "oven"
    assert [c.atomic for c in table.configurations] == [("idle",), ("hot",), ("cold",)]
    refused = table.step(table.initial, "start", "no")
    assert (refused.answer, refused.reason) == (Answer.REFUSE, "invalid_trigger")
    hot = table.step(table.initial, "start", "yes").configuration
    cold = table.step(hot, "cool").configuration
    assert "busy" in cold
    assert table.step(cold, "stop", "no").configuration is cold
    assert table.step(cold, "stop", "yes").configuration is table.initial


def test_automatic_transitions_are_left_out() -> None:
    assert from_machine(machine(auto_transitions=True)).events == ("start", "cool", "stop")


def test_transitions_declared_inside_a_state() -> None:
    busy = {
        "name": "busy",
        "initial": "hot",
        "children": ["hot", "cold"],
        "transitions": [["flip", "hot", "cold"], ["flip", "cold", "hot"]],
    }
    chart = from_machine(machine(states=["idle", busy], transitions=[["start", "idle", "busy"]]))
    table = chart.compile()
    hot = table.step(table.initial, "start").configuration
    assert table.step(hot, "flip").configuration.atomic == ("cold",)


def test_conditions_by_name_need_a_guard() -> None:
    transitions = [["start", "idle", "busy", "is_ok"], ["cool", "busy_hot", "busy_cold"]]
    described = machine(transitions=transitions)
    with pytest.raises(InexpressibleError, match=r"'start' from 'idle': .*pass guards="):
        from_machine(described)
    table = from_machine(described, guards={"is_ok": allowed}).compile()
    assert table.step(table.initial, "start", "yes").answer is Answer.GO


def note(*_: object) -> None:
    """A callback."""


BUSY = {"name": "busy", "initial": "hot", "children": ["hot", "cold"]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"after_state_change": note}, "machine, after_state_change"),
        ({"prepare_event": note}, "machine, prepare_event"),
        ({"on_final": note}, "machine, on_final"),
        ({"send_event": True}, "machine, send_event"),
        ({"queued": True}, "machine, queued"),
        (
            {"transitions": [{"trigger": "go", "source": "idle", "dest": "busy", "before": note}]},
            "transition 'go' from 'idle', before",
        ),
        (
            {"transitions": [["go", "idle", "busy", lambda *_: True]]},
            "<lambda> has no name of its own",
        ),
        (
            {"states": ["idle", BUSY | {"on_enter": lambda *_: True}], "transitions": []},
            "state 'busy', on_enter: <lambda>",
        ),
        ({"states": ["idle", BUSY | {"on_final": note}]}, "state 'busy', on_final"),
        (
            {"states": ["idle", BUSY | {"ignore_invalid_triggers": True}]},
            "state 'busy', ignore_invalid_triggers",
        ),
        (
            {"states": ["idle", BUSY | {"initial": ["hot"]}]},
            "are some of its children and not all",
        ),
        ({"initial": ["idle"]}, "are some of its states and not all"),
        (
            {
                "states": ["idle", {"name": "busy", "parallel": ["hot", "cold"]}],
                "transitions": [["go", "busy_hot", "busy_hot"], ["start", "idle", "busy"]],
            },
            "transition 'go' from 'hot': .*only one region of 'busy'",
        ),
    ],
)
def test_what_a_chart_cannot_say(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InexpressibleError, match=message):
        from_machine(machine(**changes))


def test_extensions_and_asyncio_are_not_said() -> None:
    @add_state_features(Tags)
    class Tagged(Machine):
        pass

    with pytest.raises(InexpressibleError, match=r"state 'a': it has features of transitions\."):
        from_machine(Tagged(states=["a"], initial="a", auto_transitions=False))
    with pytest.raises(InexpressibleError, match="machine, asyncio"):
        from_machine(HierarchicalAsyncMachine(states=["a"], initial="a"))


def test_entry_and_exit_callbacks_become_actions_of_their_names() -> None:
    states = ["idle", BUSY | {"on_enter": ["lock", note], "on_exit": "unlock"}]
    chart = from_machine(machine(states=states))
    table = chart.compile()
    taken = table.step(table.initial, "start", "yes")
    assert taken.actions == ("lock", "note")
    assert table.step(taken.configuration, "stop", "yes").actions == ("unlock",)


def test_a_foreign_parallel_state() -> None:
    left = {"name": "left", "initial": "l1", "children": ["l1", "l2"]}
    right = {"name": "right", "initial": "r1", "children": ["r1", "r2"]}
    rows: list[Any] = [
        ["start", "idle", "both"],
        ["move", "both_left_l1", "both_left_l2"],
        ["move", "both_right_r1", "both_right_r2"],
        ["stop", "both", "idle"],
    ]
    described = HierarchicalMachine(
        states=["idle", {"name": "both", "parallel": [left, right]}],
        transitions=rows,
        initial="idle",
        auto_transitions=False,
    )
    table = from_machine(described).compile()
    active = table.step(table.initial, "start").configuration
    moved = table.step(active, "move").configuration
    described.trigger_event(described, "start")
    described.trigger_event(described, "move")
    assert moved.atomic == ("l2", "r2")
    assert described.state == ["both_left_l2", "both_right_r2"]
    assert table.step(moved, "stop").configuration is table.initial


def test_states_that_are_initial_together_are_parallel() -> None:
    described = HierarchicalMachine(
        states=["a", "b"],
        transitions=[["go", "a", None]],
        initial=["a", "b"],
        auto_transitions=False,
    )
    assert from_machine(described).compile().initial.atomic == ("a", "b")


def test_a_flat_machine_with_wildcards_reflexive_and_several_sources() -> None:
    class Light(Enum):
        RED = 1
        GREEN = 2
        DARK = 3

    rows: list[Any] = [
        ["turn", Light.RED, Light.GREEN],
        ["fail", [Light.RED, Light.GREEN], Light.DARK],
        ["again", "*", "="],
    ]
    described = Machine(
        states=Light,
        transitions=rows,
        initial=Light.RED,
        auto_transitions=False,
        ignore_invalid_triggers=True,
    )
    chart = from_machine(described)
    table = chart.compile()
    green = table.step(table.initial, "turn").configuration
    assert green.atomic == ("GREEN",)
    assert table.step(green, "again").edges[0].targets == ("GREEN",)
    dark = table.step(green, "fail").configuration
    assert dark.atomic == ("DARK",)
    assert table.step(dark, "turn").answer is Answer.DROP


def test_a_machine_that_starts_further_inside() -> None:
    chart = from_machine(machine(initial="busy_cold"))
    assert chart.compile().initial.atomic == ("cold",)


def test_a_row_inwards_is_internal_as_it_is_for_the_machine() -> None:
    states = ["idle", BUSY | {"on_enter": "lock"}]
    rows = [["start", "idle", "busy"], ["cool", "busy", "busy_cold"]]
    described = machine(states=states, transitions=rows)
    table = from_machine(described).compile()
    hot = table.step(table.initial, "start").configuration
    assert table.step(hot, "cool").actions == ()


def test_two_conditions_of_one_name() -> None:
    def again() -> Any:
        def allowed(context: object, data: object) -> bool:
            return False

        return allowed

    transitions = [["start", "idle", "busy", allowed], ["cool", "busy_hot", "busy_cold", again()]]
    with pytest.raises(InexpressibleError, match="two different functions are called 'allowed'"):
        from_machine(machine(transitions=transitions))


def test_an_unsound_machine_is_an_unsound_chart() -> None:
    with pytest.raises(ChartError, match="unreachable: state 'busy'"):
        from_machine(machine(transitions=[["stay", "idle", None]]))


# -- chart to machine ------------------------------------------------------------------------------

PAIR = Chart(
    name="pair",
    regions=(
        State("left", (State("l_up"), State("l_down")), "l_up"),
        State("right", (State("r_up"), State("r_down")), "r_up"),
    ),
    events=("drop", "lift"),
    rows=(
        Go("drop", "l_up", "l_down", actions="thud"),
        Drop("drop", "l_down", "is_down"),
        Go("lift", "left", "l_up"),
        Go("drop", "r_up", "r_down", conditions="loose"),
        Refuse("drop", "right", "fixed"),
        Go("lift", "right", "r_up"),
    ),
    guards={"loose": lambda context, _: context == "loose"},
    waive={"dead-row": "a veto in the other region hides it"},
)


def test_paths_regions_and_state_of_the_machine() -> None:
    built = to_machine(PAIR)
    assert built.state == ["regions/left/l_up", "regions/right/r_up"]
    assert set(built.get_triggers(*built.state)) == {"drop", "lift"}


def test_the_machine_alone_takes_half_a_step_and_the_reference_does_not() -> None:
    alone = to_machine(PAIR)
    alone.trigger_event(alone, "drop", "fixed", None)
    assert alone.state == ["regions/left/l_down", "regions/right/r_up"]
    reference = Reference(PAIR)
    assert not reference.fire("drop", "fixed")
    assert repr(reference) == "<Reference 'pair' in l_up | r_up>"
    assert reference.fire("drop", "loose")
    assert reference.atomic == ("l_down", "r_down")


def test_a_round_trip_keeps_rows_and_guards() -> None:
    back = Chart.from_transitions(PAIR.to_transitions())
    assert back.rows[0] == Go("drop", "l_up", "l_down", (), ("thud",))
    assert back.regions == PAIR.regions
    assert back.guards == PAIR.guards


def one(*children: State | History, rows: tuple[Any, ...] = (), **changes: Any) -> Chart:
    """A chart of one region that is sound but for what is waived."""
    top = State("top", (State("a"), State("b"), *children), "a")
    named: dict[str, Any] = {
        "name": "one",
        "regions": (top,),
        "events": ("go", "back"),
        "rows": (
            Go("go", "a", "b"),
            Go("back", "b", "a"),
            *rows,
            Drop(("go", "back"), "top", "no"),
        ),
    }
    try:
        return Chart(**(named | changes))
    except ChartError as error:  # it need not make sense, only be a chart
        waive = {finding.rule: "not the point" for finding in error.findings}
        return Chart(**(named | changes | {"waive": waive}))


ROOM = State("room", (State("c"), State("d"), History("past", "c")), "c")


@pytest.mark.parametrize(
    ("chart", "message"),
    [
        (one(ROOM, rows=(Go("back", "a", "past"), Go("go", "c", "d"))), "history 'past'"),
        (
            one(
                State("e", (State("e1"), State("e2", final=True)), "e1"),
                rows=(Go("back", "a", "e"), Go("go", "e1", "e2"), Go(done("e"), "e", "a")),
            ),
            "takes nothing by itself",
        ),
        (one(rows=(Go(ALWAYS, "b", None, inside("a")),)), "by itself"),
        (one(rows=(Go(After(5), "b", "a"),)), "has no time"),
        (one(rows=(Go("go", "b", "a", actions=Raise("back")),)), "done by the chart itself"),
        (one(rows=(Go("go", "b", "a", inside("top")),)), "in:top"),
        (
            one(
                State("e", (State("e1"), State("e2")), "e1", initial_actions="x"),
                rows=(Go("back", "a", "e"), Go("go", "e1", "e2")),
            ),
            "state 'e', initial_actions",
        ),
        (
            one(
                State("e", (State("e1"), State("e2")), "e1", entry="x"),
                rows=(Go("back", "a", "e"), Go("go", "e", "e2")),
            ),
            "it leaves and enters 'e', which has actions",
        ),
    ],
)
def test_what_transitions_cannot_say(chart: Chart, message: str) -> None:
    with pytest.raises(InexpressibleError, match=message):
        chart.to_transitions()


class Model:
    """What a chart acts on: notes what it is told, in order."""

    state: str

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        if name not in ("leave", "act", "enter", "tick"):
            raise AttributeError(name)
        return lambda context, data: self.told.append((name, context))


def test_a_model_acts_between_leaving_and_entering() -> None:
    top = State("top", (State("a", exit=("leave",)), State("b", entry=("enter",))), "a")
    rows = (
        Go("go", "a", "b", actions="act"),
        Go("back", "b", "a"),
        Go("back", "a", None, actions="tick"),
        Defer("go", "b"),
    )
    chart = Chart(name="acts", regions=(top,), events=("go", "back"), rows=rows)
    model = Model()
    built = to_machine(chart, model)
    built.trigger_event(model, "back", 1, None)
    built.trigger_event(model, "go", 2, None)
    assert model.told == [("tick", 1), ("leave", 2), ("act", 2), ("enter", 2)]
    assert from_machine(built).regions == chart.regions


def test_a_machine_without_a_model_lists_what_was_due() -> None:
    built = to_machine(PAIR)
    built.trigger_event(built, "drop", "fixed", None)
    assert built.performed == ["thud"]


def test_nested_parallel_states_go_over_and_come_back() -> None:
    left = State("left", (State("l1"), State("l2")), "l1")
    right = State("right", (State("r1"), State("r2")), "r1")
    both = State("both", (left, right), parallel=True, entry=("light",))
    rows = (Go("go", "b", "both"), Go("go", "l1", "l2"), Go("go", "r1", "r2"))
    chart = one(both, rows=(*rows, Go("back", "both", "a")))
    back = from_machine(to_machine(chart))
    assert back.regions == chart.regions
    assert [replace(edge, row=0) for edge in back.tree.edges] == [
        replace(edge, row=0) for edge in chart.tree.edges
    ]
    reference = Reference(chart)
    for _ in range(3):
        assert reference.fire("go")
    assert reference.atomic == ("l2", "r2")
    assert reference.answer("go") == (Answer.DROP, ())
    assert reference.fire("back")
