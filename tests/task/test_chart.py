"""The chart of a task: its size, its table against the reference engine, its cells."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.task.chart import (
    AGENT_EVENTS,
    CORE_EVENTS,
    TERMINAL,
    sdk_chart,
    spec_chart,
    task_chart,
)
from actors.task.policy import Policy
from statechart import Answer, Chart
from statechart.library import Reference

CHARTS = {
    "sdk": sdk_chart(),
    "spec": spec_chart(),
    "interrupt": task_chart(Policy.spec(name="interrupt", during_run="interrupt")),
}


class Facts:
    """What the guards look at."""

    def __init__(self, *, known: bool, closed: bool, adopted: bool, append: bool) -> None:
        self.artifacts = {"a": closed} if known else {}
        self.adopted = adopted
        self.artifact = "a"
        self.append = append


facts = st.builds(
    Facts, known=st.booleans(), closed=st.booleans(), adopted=st.booleans(), append=st.booleans()
)


@pytest.fixture(params=sorted(CHARTS))
def chart(request: pytest.FixtureRequest) -> Chart:
    return CHARTS[request.param]


def test_the_number_of_reachable_configurations(chart: Chart) -> None:
    """Ten lifecycle states times three of the run, less those that cannot be together."""
    expected = 27 if chart.name == "task (spec)" else 28
    assert len(chart.compile().configurations) == expected


def test_every_configuration_answers_every_event(chart: Chart) -> None:
    table = chart.compile()
    for configuration in table.configurations:
        for event in (*CORE_EVENTS, *AGENT_EVENTS):
            assert table.outcomes(configuration, event)


def test_r15_nothing_leads_out_of_a_terminal_state(chart: Chart) -> None:
    table = chart.compile()
    for configuration in table.configurations:
        if configuration.atomic[0] not in (*TERMINAL, "replied"):
            continue
        for event in (*CORE_EVENTS, *AGENT_EVENTS):
            for outcome in table.outcomes(configuration, event):
                assert outcome.configuration.atomic[0] == configuration.atomic[0]
                assert not {"store", "accept", "fail", "cancel"} & set(outcome.actions)


def test_an_idle_task_takes_nothing_from_an_agent(chart: Chart) -> None:
    table = chart.compile()
    for configuration in table.configurations:
        if "idle" in configuration:
            for event in AGENT_EVENTS:
                outcomes = table.outcomes(configuration, event)
                assert {outcome.answer for outcome in outcomes} == {Answer.REFUSE}


@pytest.mark.parametrize("state", ["submitted", "working", "input_required", "auth_required"])
def test_r22_every_open_state_can_go_on_to_working(state: str) -> None:
    for chart in CHARTS.values():
        table = chart.compile()
        here = table.configuration((state, "running"))
        assert table.step(here, "status_working").configuration.atomic[0] == "working"


@settings(max_examples=300, derandomize=True, deadline=None)
@given(
    name=st.sampled_from(sorted(CHARTS)),
    events=st.lists(st.tuples(st.sampled_from((*CORE_EVENTS, *AGENT_EVENTS)), facts), max_size=30),
)
def test_the_table_and_the_reference_engine_agree(
    name: str, events: list[tuple[str, Facts]]
) -> None:
    """`transitions` runs the same chart side by side with the compiled table (law L1)."""
    chart = CHARTS[name]
    table, reference = chart.compile(), Reference(chart)
    configuration = table.initial
    for event, fact in events:
        outcome = table.step(configuration, event, fact, fact)
        fired = reference.fire(event, fact, fact)
        configuration = outcome.configuration
        assert fired == (outcome.answer is Answer.GO)
        assert reference.atomic == configuration.atomic
