"""Each rule of the checker has a chart that breaks only this rule, and a repair that repairs it."""

from __future__ import annotations

import doctest

import pytest

from statechart import Chart, ChartError, Drop, Go, Refuse
from statechart import chart as chart_module
from statechart.check import RULES
from statechart.errors import Finding
from tests.statechart.check_behaviour_cases import BEHAVIOUR
from tests.statechart.check_cases import DOOR, ROWS, Case, build
from tests.statechart.check_row_cases import ROW_CASES
from tests.statechart.check_state_cases import STATE_CASES

CASES = (*STATE_CASES, *ROW_CASES, *BEHAVIOUR)
WAIVABLE = {name for name, rule in RULES.items() if rule.waivable}


def findings(**changes: object) -> tuple[Finding, ...]:
    with pytest.raises(ChartError) as caught:
        build(**changes)
    return caught.value.findings


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_is_broken_alone_and_the_repair_repairs(case: Case) -> None:
    found = findings(**case.broken)
    assert {finding.rule for finding in found} == {case.rule}, found
    assert case.where in str(found[0])
    assert case.repair in found[0].repair
    assert isinstance(build(**case.repaired), Chart)


@pytest.mark.parametrize("case", [c for c in CASES if c.rule in WAIVABLE], ids=str)
def test_a_waived_rule_lets_the_chart_be(case: Case) -> None:
    assert isinstance(build(**case.broken, waive={case.rule: "for a test"}), Chart)


def test_every_rule_has_a_case() -> None:
    assert {case.rule for case in CASES} | {"more-findings"} == set(RULES)


def test_rules_say_what_they_ask_and_which_may_be_waived() -> None:
    assert all(rule.asks and len(rule.asks) < 80 for rule in RULES.values())
    assert sorted(WAIVABLE) == [
        "conflict",
        "constant-guard",
        "dead-row",
        "final-exit",
        "never-done",
        "never-taken",
        "no-priority",
        "parallel-of-one",
        "trap",
        "unheard",
        "unreachable",
        "unused-guard",
        "unused-history",
        "unused-time",
    ]


def test_docstring_of_chart_runs() -> None:
    assert doctest.testmod(chart_module).failed == 0


def test_a_sound_chart_builds_and_says_what_it_is() -> None:
    assert repr(Chart(**DOOR)) == "<Chart 'door': 1 region(s), 3 states, 2 events, 4 rows>"


def test_all_findings_come_at_once_and_in_full() -> None:
    text = "\n".join(
        map(str, findings(rows=(*ROWS, Go("opne", "open", "clsed"), Refuse("open", "opn", ""))))
    )
    assert text == (
        "unknown-trigger: row 4, Go('opne', 'open'): 'opne' is not in events. "
        "Repair: write 'open'.\n"
        "unknown-dest: row 4, Go('opne', 'open'): 'clsed' is not in the states. "
        "Repair: write 'closed'.\n"
        "unknown-source: row 5, Refuse('open', 'opn'): 'opn' is not in the states. "
        "Repair: write 'open'.\n"
        "no-reason: row 5, Refuse('open', 'opn'): the sender, or a counter, would be told nothing. "
        "Repair: give a reason."
    )


def test_there_are_no_more_findings_than_can_be_read() -> None:
    found = findings(rows=(*ROWS, *(Drop(f"e{n}", "open", "x") for n in range(5_000))))
    assert len(found) == 101
    assert found[-1].rule == "more-findings"
    assert "the first 100" in found[-1].why
