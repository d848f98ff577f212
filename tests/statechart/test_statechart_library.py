"""What goes over to `transitions` and comes back, and what cannot."""

from __future__ import annotations

from typing import Any

import pytest
from transitions.extensions.nesting import HierarchicalMachine

from statechart import Answer, Chart, ChartError, Drop, Go, Refuse, State
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
    with pytest.raises(InexpressibleError, match=r"transition 'start' from 'idle': pass guards="):
        from_machine(described)
    table = from_machine(described, guards={"is_ok": allowed}).compile()
    assert table.step(table.initial, "start", "yes").answer is Answer.GO


def note(*_: object) -> None:
    """A callback."""


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"after_state_change": note}, "machine, after_state_change"),
        ({"send_event": True}, "machine, send_event"),
        ({"initial": "busy_cold"}, "'busy' does not have the initial 'cold'"),
        (
            {"transitions": [{"trigger": "go", "source": "idle", "dest": "busy", "before": note}]},
            "transition 'go' from 'idle', before",
        ),
        (
            {"transitions": [["go", "idle", "busy", lambda *_: True]]},
            "condition <lambda> has no name of its own",
        ),
        ({"states": ["idle", {"name": "busy", "on_enter": note}], "transitions": []}, "on_enter"),
        (
            {"states": ["idle", {"name": "busy", "parallel": ["a", "b"]}], "transitions": []},
            "state 'busy' is parallel",
        ),
    ],
)
def test_what_a_chart_cannot_say(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InexpressibleError, match=message):
        from_machine(machine(**changes))


def test_two_conditions_of_one_name() -> None:
    def again() -> Any:
        def allowed(context: object, data: object) -> bool:
            return False

        return allowed

    transitions = [["start", "idle", "busy", allowed], ["cool", "busy_hot", "busy_cold", again()]]
    with pytest.raises(InexpressibleError, match="two different conditions are called 'allowed'"):
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
    back = from_machine(to_machine(PAIR))
    assert back.rows[0] == Go("drop", "l_up", "l_down", (), ("thud",))
    assert back.regions == PAIR.regions
    assert back.guards == PAIR.guards
