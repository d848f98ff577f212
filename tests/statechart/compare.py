"""One comparison: a case run by the compiled table, by the oracle, and by another engine.

Used by the tests and by the soak.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from statechart import Outcome
from tests.statechart.chart_cases import Case
from tests.statechart.oracle import Oracle, Step
from tests.statechart.peers import PEERS, Peer, Undecided


@dataclass
class Report:
    """What came of one case; `counts` says how many steps were compared, or why they were not."""

    counts: Counter[str] = field(default_factory=Counter)
    disagreement: str = ""


def compare(case: Case, engine: str) -> Report:
    """Run a case by table and oracle, and by `engine` unless that is "oracle"."""
    report = Report()
    table, oracle = case.chart.compile(), Oracle(case.chart)
    outcome, step = table.start(case.start), oracle.start(case.start)
    peer = _peer(case, engine, report) if engine in PEERS else None
    report.disagreement = _differs(outcome, step)
    for number, (event, context) in enumerate(case.steps):
        if report.disagreement:
            break
        before = outcome.configuration
        outcome = table.step(before, event, context)
        step = oracle.happen(event, context)
        report.disagreement = _differs(outcome, step)
        report.counts["oracle"] += 1
        if peer and not report.disagreement:
            why = _ask(peer, case, number, outcome, oracle)
            report.counts[f"{engine}: {why or 'agrees'}"] += 1
            if why.startswith("differs"):
                report.disagreement = why
            peer = None if why else peer
        if report.disagreement:
            report.disagreement = f"step {number}, {event!r} in {before!r}: {report.disagreement}"
    return report


def _peer(case: Case, engine: str, report: Report) -> Peer | None:
    try:
        return PEERS[engine][1](case.chart, case.start)
    except Undecided:
        report.counts[f"{engine}: undecided"] += 1
        return None


def _differs(outcome: Outcome, step: Step) -> str:
    ours = Step(
        answer=outcome.answer,
        atomic=outcome.configuration.atomic,
        actions=outcome.actions,
        timers=outcome.timers,
        history=outcome.configuration.history,
        reason=outcome.reason,
    )
    return "" if ours == step else f"the table says {ours}, the oracle {step}"


def _ask(peer: Peer, case: Case, number: int, outcome: Outcome, oracle: Oracle) -> str:
    """Return why the engine cannot be compared any further, or how it differs."""
    if oracle.conflict:
        return "skipped, conflict"
    if oracle.nested:
        return "skipped, rows inside each other"
    event, context = case.steps[number]
    try:
        actions = peer.happen(event, context)
    except Undecided:
        return "undecided"
    if peer.atomic != set(outcome.configuration.atomic):
        return f"differs: {outcome.configuration!r} and {sorted(peer.atomic)}"
    ordered = plain(case)
    ours, theirs = list(outcome.actions), actions
    if ours == theirs or (not ordered and sorted(ours) == sorted(theirs)):
        return ""
    return f"differs: {ours} and {theirs}"


def plain(case: Case) -> bool:
    """Tell whether only one atomic state is ever active, so that there is only one order."""
    tree = case.chart.tree
    return len(tree.regions) == 1 and not any(state.parallel for state in tree.states.values())
