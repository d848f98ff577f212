"""Everything the chart of a task can do, whatever its guards say: exact counts, and invariants."""

from __future__ import annotations

import pytest

from actors.task.chart import TERMINAL, sdk_chart, spec_chart, task_chart
from actors.task.policy import Policy
from statechart import Chart, Turn
from statechart.explore import Node, explore

CHARTS = {
    "sdk": (sdk_chart(), 28, 908, 4),
    "spec": (spec_chart(), 27, 913, 3),
    "interrupt": (task_chart(Policy.sdk(during_run="interrupt")), 28, 908, 4),
}


def lifecycle(node: Node) -> str:
    return node.configuration.atomic[0]


def nothing_leaves_a_terminal_state(before: Node, _: Turn, after: Node) -> bool:
    """R15: what is terminal stays as it is, and nothing more is stored."""
    return "terminal" not in before or lifecycle(before) == lifecycle(after)


def nothing_is_stored_behind_the_end(before: Node, turn: Turn, _: Node) -> bool:
    ended = "terminal" in before or "replied" in before
    return not ended or not {"store", "accept", "fail", "cancel"} & set(turn.outcome.actions)


def a_refusal_changes_nothing(before: Node, turn: Turn, after: Node) -> bool:
    return turn.outcome.answer.value == "go" or before == after


@pytest.mark.parametrize("name", sorted(CHARTS))
def test_everything_a_task_can_do(name: str) -> None:
    chart, states, transitions, depth = CHARTS[name]
    found = explore(
        chart,
        steps={
            "nothing leaves a terminal state": nothing_leaves_a_terminal_state,
            "nothing is stored behind the end": nothing_is_stored_behind_the_end,
            "a refusal changes nothing": a_refusal_changes_nothing,
        },
        sometimes={state: lambda node, state=state: state in node for state in chart.tree.states},  # type: ignore[misc] # bound now
        possible={"idle and over": idle_and_over},
        ends=True,
    )
    found.assert_ok()
    assert (found.states, found.transitions, found.depth) == (states, transitions, depth)
    assert found.configurations == chart.compile().configurations
    assert found.deadlocks == ()


def idle_and_over(node: Node) -> bool:
    return "idle" in node and lifecycle(node) in (*TERMINAL, "replied")


def test_a_claim_that_does_not_hold_has_the_shortest_way() -> None:
    """A client may cancel before anything runs, and the agent is then asked though it is idle."""
    chart: Chart = CHARTS["spec"][0]
    found = explore(chart, always={"asked while it runs": lambda node: "cancelling" not in node})
    way = found.violations["asked while it runs"].steps
    assert [step.turn.event for step in way] == [None, "send", "cancel"]
