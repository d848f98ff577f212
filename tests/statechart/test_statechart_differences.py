"""Where other engines part from SCXML, one small chart each. See DIFFERENCES.md.

These tests pin what an engine does, so that a new version of it that does otherwise is noticed and
the comparison in test_statechart_random can be widened.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from sismic.exceptions import ConflictingTransitionsError

from statechart import Chart, Go, History, Row, State
from statechart.library import InexpressibleError, to_machine
from tests.statechart.peers import PEERS, Undecided

NOTHING: frozenset[str] = frozenset()


def chart(region: State, *rows: Row, events: Sequence[str] = ("go",), waive: str = "") -> Chart:
    return Chart(
        name="difference",
        regions=(region,),
        events=tuple(events),
        rows=rows,
        waive=dict.fromkeys(waive.split(), "on purpose"),
    )


def both(of: Chart, engine: str, *events: str) -> tuple[tuple[str, ...], list[str]]:
    """What the last of the events does by our table, and by another engine: actions."""
    table, peer = of.compile(), PEERS[engine][1](of, NOTHING)
    configuration = table.initial
    actions: tuple[str, ...] = ()
    others: list[str] = []
    for event in events:
        outcome = table.step(configuration, event, NOTHING)
        configuration, actions = outcome.configuration, outcome.actions
        others = peer.happen(event, NOTHING)
    return actions, others


def pair(*, parallel: bool = True) -> State:
    """Two regions whose names are not in alphabetical order."""
    right = State("right", (State("r1", exit="out_r1", entry="in_r1"), State("r2")), "r1")
    left = State("left", (State("l1", exit="out_l1", entry="in_l1"), State("l2")), "l1")
    return State("pair", (right, left), parallel=parallel)


MOVES = (
    Go("go", "r1", "r2", actions="move_r"),
    Go("go", "l1", "l2", actions="move_l"),
    Go("go", "r2", "r1"),
    Go("go", "l2", "l1"),
)


@pytest.mark.parametrize(
    ("engine", "order"),
    [
        ("transitions", ["out_r1", "move_r", "out_l1", "move_l"]),
        ("sismic", ["out_l1", "move_l", "out_r1", "move_r"]),
        ("python-statemachine", ["out_l1", "out_r1", "move_r", "move_l"]),
    ],
)
def test_order_of_regions(engine: str, order: list[str]) -> None:
    """SCXML: all exits in reverse document order, then all actions in document order."""
    ours, theirs = both(chart(pair(), *MOVES), engine, "go")
    assert ours == ("out_l1", "out_r1", "move_r", "move_l")
    assert theirs == order


@pytest.mark.parametrize("engine", ["transitions", "sismic"])
def test_a_row_around_one_that_is_taken(engine: str) -> None:
    """SCXML takes both: one leaves nothing, so that there is no conflict."""
    of = chart(
        pair(), *MOVES[:1], *MOVES[2:3], Go("go", "pair", None, actions="tick"), waive="unreachable"
    )
    ours, theirs = both(of, engine, "go")
    assert ours == ("out_r1", "move_r", "tick")
    assert theirs == ["out_r1", "move_r"]


def conflict() -> Chart:
    """Both regions want to leave; the left one is entered anew first."""
    top = State("top", (pair(), State("x"), State("y")), "pair")
    return chart(
        top,
        Go("go", "r2", "x", actions="to_x"),
        Go("go", "l1", "y", actions="to_y"),
        Go("go", "top", None),
        Go("move", "r1", "r2"),
        Go("move", "top", None),
        events=("go", "move"),
        waive="conflict unreachable",
    )


@pytest.mark.parametrize(
    ("engine", "winner"), [("transitions", ["to_x", "to_y"]), ("python-statemachine", ["to_y"])]
)
def test_two_transitions_in_conflict(engine: str, winner: list[str]) -> None:
    """SCXML: the first in document order is taken, and no other."""
    ours, theirs = both(conflict(), engine, "move", "go")
    assert [action for action in ours if action.startswith("to_")] == ["to_x"]
    assert [action for action in theirs if action.startswith("to_")] == winner


def test_sismic_raises_for_a_conflict() -> None:
    with pytest.raises(Undecided) as raised:
        both(conflict(), "sismic", "move", "go")
    assert isinstance(raised.value.__cause__, ConflictingTransitionsError)


def test_python_statemachine_does_the_actions_of_a_row_to_a_history_twice() -> None:
    """SCXML: the actions of the row once, then those of the history."""
    room = State("room", (State("b1"), State("b2"), History("back", "b1")), "b1")
    top = State("top", (State("a"), room), "a")
    of = chart(
        top, Go("go", "a", "back", actions="act"), Go("go", "room", "a"), waive="unreachable"
    )
    ours, theirs = both(of, "python-statemachine", "go")
    assert ours == ("act",)
    assert theirs == ["act", "act"]


def test_transitions_cannot_reenter_one_region_of_several() -> None:
    """It loses its scope: the other regions are gone. `to_machine` refuses such a row."""
    left = State("left", (State("l1"), State("l2")), "l1")
    right = State("right", (State("r1"), State("r2")), "r1")
    rows = (Go("go", "left", "left"), Go("move", "l1", "l2"), Go("move", "l2", "l1"))
    of = Chart(
        name="scope",
        regions=(left, right),
        events=("go", "move"),
        rows=rows,
        waive={"unreachable": "on purpose"},
    )
    with pytest.raises(InexpressibleError, match="one of several regions"):
        to_machine(of)


def test_transitions_does_not_leave_a_state_for_one_inside_it() -> None:
    """SCXML leaves and enters the source; `to_machine` refuses a row where that would show."""
    room = State("room", (State("b1"), State("b2")), "b1", entry="in_room")
    of = chart(
        State("top", (room, State("a")), "room"), Go("go", "room", "b2"), waive="unreachable"
    )
    with pytest.raises(InexpressibleError, match="'room', which has actions"):
        to_machine(of)
