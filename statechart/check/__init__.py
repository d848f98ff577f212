"""The rules that make a chart sound, proven once when it is built.

Used by `chart`, which refuses to exist while there are findings. Imports `compiler` and what is
below it. `rules.RULES` is the list of all rules; who holds which, in the order of asking:

    shape      types (`fields`) and sizes; of a chart that fails here nothing else is asked
    naming     names are words and mean one thing
    states     entering a state leads to atomic states that fit together
    rows       rows name what exists, fit their source, and have a priority
    uses       times, timers, raised events, guards
    answers    every event has an answer in every reachable configuration, whatever guards say
    reach      everything can be entered, every row decides something
    ends       final states absorb, and nothing else is an end

The first five read what was `written`, the others what was compiled from it; `cover` tells which
guards leave a gap between rows, `words` how findings speak.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from statechart.check.answers import check_answers, check_steps
from statechart.check.ends import check_ends
from statechart.check.naming import check_names, check_unique_states
from statechart.check.reach import check_reach
from statechart.check.rows import check_edges, check_priority, check_rows
from statechart.check.rules import MAX_DEPTH, MAX_FINDINGS, RULES, Rule
from statechart.check.shape import check_shape
from statechart.check.states import check_entries, check_histories, check_states
from statechart.check.uses import check_guards, check_timers, check_times
from statechart.check.words import near
from statechart.check.written import Written
from statechart.errors import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from statechart.chart import Chart
    from statechart.compiler import Problems

__all__ = ["MAX_DEPTH", "RULES", "Rule", "check_compiled", "check_written"]

_WRITTEN = (
    check_names,
    check_states,
    check_histories,
    check_rows,
    check_edges,
    check_entries,
    check_priority,
    check_times,
    check_timers,
    check_guards,
)


def check_written(chart: Chart) -> tuple[Finding, ...]:
    """Return what is wrong with a chart as written, before anything is made of it.

    Reads its fields and nothing else; at most `MAX_FINDINGS` findings and one that says so.
    """
    for check in (check_shape, check_unique_states):
        found = _some(check(chart))
        if found:
            return found
    written = Written(chart)
    rules = (finding for check in _WRITTEN for finding in check(written))
    return _judge(chart, chain(_check_waivers(chart), rules), written=True)


def check_compiled(chart: Chart, problems: Problems) -> tuple[Finding, ...]:
    """Return what is wrong with the behaviour of a compiled chart.

    Nothing else can be said of a table that could not be finished.
    """
    if problems.unfinished:
        return (problems.unfinished,)
    checks = (check_answers, check_steps, check_reach, check_ends)
    rules = (finding for check in checks for finding in check(chart, problems))
    return _judge(chart, rules, written=False)


# -- waivers ---------------------------------------------------------------------------------------


def _judge(chart: Chart, findings: Iterable[Finding], *, written: bool) -> tuple[Finding, ...]:
    """Leave out what the chart waives. With nothing left, ask whether it had to be waived."""
    broken: set[str] = set()
    found = _some(_not_waived(chart, findings, broken))
    return found or tuple(
        Finding("stale-waiver", f"waive[{rule!r}]", "nothing breaks this rule", "remove it")
        for rule in chart.waive
        if RULES[rule].written is written and rule not in broken
    )


def _not_waived(chart: Chart, findings: Iterable[Finding], broken: set[str]) -> Iterator[Finding]:
    for finding in findings:
        broken.add(finding.rule)
        if finding.rule not in chart.waive or not RULES[finding.rule].waivable:
            yield finding


def _check_waivers(chart: Chart) -> Iterator[Finding]:
    waivable = [name for name, rule in RULES.items() if rule.waivable]
    for rule, reason in chart.waive.items():
        where = f"waive[{rule!r}]"
        if rule not in RULES:
            repair = near(rule, RULES, "remove it")
            yield Finding("bad-waiver", where, "no rule has this name", repair)
        elif rule not in waivable:
            why = f"this rule holds for every chart: {RULES[rule].asks}"
            yield Finding("bad-waiver", where, why, "repair the chart instead, and remove it")
        elif not reason.strip():
            yield Finding("bad-waiver", where, "it gives no reason", "say why this chart may do so")


def _some(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings without repetition, and stop looking when there are too many to read."""
    found: dict[Finding, None] = {}
    for finding in findings:
        if finding not in found and len(found) == MAX_FINDINGS:
            why = f"these are the first {MAX_FINDINGS}, and there are more"
            last = Finding("more-findings", "chart", why, "repair these first, and build it again")
            return (*found, last)
        found[finding] = None
    return tuple(found)
