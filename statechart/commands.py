"""What the command line does: draw, check and explore a chart. Each command returns its answer.

Used by `cli`, which prints. Imports `load`, and what a command needs only when it runs, so that
none waits for another's imports.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from statechart.errors import ChartError
from statechart.load import CLAIMS, UsageError, failure, load_chart, load_properties, near

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Collection, Iterator

    from statechart.chart import Chart
    from statechart.explore import Exploration
    from statechart.explore.counterexample import Counterexample
    from statechart.explore.environment import Step

__all__ = ["ENDINGS", "FORMATS", "Reply", "check", "draw", "explore"]

FORMATS = ("mermaid", "dot", "svg", "plantuml", "scxml", "answers")
"""What a chart can be written as."""

ENDINGS = {
    ".mmd": "mermaid",
    ".dot": "dot",
    ".svg": "svg",
    ".puml": "plantuml",
    ".scxml": "scxml",
    ".md": "answers",
}
"""The format of a file, by how its name ends."""


class Reply(NamedTuple):
    """What goes to standard output, and the exit code."""

    text: str
    code: int = 0


# -- draw ------------------------------------------------------------------------------------------


def draw(options: Namespace) -> Reply:
    """Draw a chart: the text of the drawing, or nothing if it went to a file.

    Raises `UsageError`, or `ChartError` if the chart is not sound.
    """
    kind = options.format or _format(options.output)
    text = _drawing(load_chart(options.chart, options.code), kind, tuple(options.lit))
    if options.output is None:
        return Reply(text)
    _write(options.output, text)
    return Reply("")


def _format(output: Path | None) -> str:
    if output is None:
        return FORMATS[0]
    try:
        return ENDINGS[output.suffix.lower()]
    except KeyError:
        raise UsageError(
            f"cannot tell what to write from the name {str(output)!r}; end it in one of "
            f"{' '.join(ENDINGS)}, or say --format"
        ) from None


def _drawing(chart: Chart, kind: str, lit: Collection[str]) -> str:
    from statechart import diagram

    for name in lit:
        if name not in chart.tree.states:
            hint = near(name, chart.tree.states)
            raise UsageError(f"chart {chart.name!r} has no state {name!r} to light{hint}")
    if kind in {"scxml", "answers"}:
        if lit:
            raise UsageError(f"--lit lights states in pictures, and {kind} is none")
        return _document(chart) if kind == "scxml" else diagram.answers(chart)
    drawers = {
        "mermaid": diagram.mermaid,
        "dot": diagram.dot,
        "svg": diagram.svg,
        "plantuml": diagram.plantuml,
    }
    try:
        return drawers[kind](chart, lit=lit)
    except diagram.DiagramError as error:
        raise UsageError(str(error)) from error


def _document(chart: Chart) -> str:
    from statechart.scxml import ScxmlError, to_scxml

    try:
        return to_scxml(chart)
    except ScxmlError as error:
        raise UsageError(f"cannot write chart {chart.name!r} as SCXML: {error}") from error


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error


# -- check -----------------------------------------------------------------------------------------


def check(options: Namespace) -> Reply:
    """Say how large a sound chart is and what it waives; or what is wrong with it."""
    if options.rules:
        return _rules(as_json=options.json)
    try:
        chart = load_chart(options.chart, options.code)
    except ChartError as error:
        if not options.json:
            return Reply(f"{error}\n", 1)
        findings = [
            {"rule": each.rule, "where": each.where, "why": each.why, "repair": each.repair}
            for each in error.findings
        ]
        return Reply(_json({"chart": error.name, "sound": False, "findings": findings}), 1)
    size = _size(chart)
    if options.json:
        found = {"chart": chart.name, "sound": True, "findings": [], "size": size}
        return Reply(_json({**found, "waived": dict(chart.waive)}))
    waived = (f"  waived {rule}: {reason}\n" for rule, reason in chart.waive.items())
    counts = ", ".join(f"{n} {what[:-1] if n == 1 else what}" for what, n in size.items())
    return Reply(f"chart {chart.name!r} is sound: {counts}\n{''.join(waived)}")


def _size(chart: Chart) -> dict[str, int]:
    return {
        "regions": len(chart.regions),
        "states": len(chart.tree.states),
        "events": len(chart.events),
        "rows": len(chart.rows),
        "configurations": len(chart.compile().configurations),
    }


def _rules(*, as_json: bool) -> Reply:
    from statechart.check import RULES

    if as_json:
        rules = {
            name: {"asks": rule.asks, "waivable": rule.waivable} for name, rule in RULES.items()
        }
        return Reply(_json(rules))
    width = max(map(len, RULES))
    return Reply(
        "".join(
            f"{name:{width}}  {rule.asks}{' (may be waived)' if rule.waivable else ''}\n"
            for name, rule in RULES.items()
        )
    )


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


# -- explore ---------------------------------------------------------------------------------------


def explore(options: Namespace) -> Reply:
    """Search what a chart can do, and judge what is claimed of it.

    Without properties every event may come at any time, and a chart that has ends is asked
    whether it can always come to one.
    """
    from statechart import explore as search

    chart = load_chart(options.chart, options.code)
    if options.properties is None:
        asked: dict[str, Any] = {"ends": any(map(chart.tree.can_end, chart.tree.regions))}
    else:
        asked = load_properties(options.properties)
    if options.limit is not None:
        asked["limit"] = options.limit
    try:
        found = search.explore(chart, **asked)
    except Exception as error:  # whatever their guards, predicates and environment raise
        raise UsageError(f"cannot explore {options.chart}: {failure(error)}") from error
    if options.output is not None and found.violations:
        shortest = min(found.violations.values(), key=lambda each: len(each.steps))
        _write(options.output, shortest.sequence() if options.sequence else shortest.mermaid())
    text = _json(_as_json(found)) if options.json else _as_text(found, asked)
    return Reply(text, 0 if found.ok else 1)


def _as_text(found: Exploration, asked: dict[str, Any]) -> str:
    lines = [_numbers(found)]
    if not found.complete:
        lines.append("  not complete: the limit was reached; raise --limit")
    if found.deadlocks:
        lines.append(f"  {len(found.deadlocks)} deadlock(s), the first in {found.deadlocks[0]}")
    if found.untaken:
        lines.append(f"  {len(found.untaken)} row(s) never taken, the first {found.untaken[0]}")
    lines += _judged(found, asked)
    return "\n".join([*lines, *map(str, found.violations.values())]) + "\n"


def _numbers(found: Exploration) -> str:
    return (
        f"chart {found.chart.name!r}: {found.states} states, {found.transitions} transitions, "
        f"{len(found.configurations)} configurations, depth {found.depth}"
    )


def _judged(found: Exploration, asked: dict[str, Any]) -> Iterator[str]:
    """Yield one line for each claim."""
    good = "holds" if found.complete else "holds so far"
    claims = [(f"{kind} ", name) for kind in CLAIMS for name in asked.get(kind) or ()]
    for kind, name in (*claims, *([("", "ends")] if asked.get("ends") else [])):
        wrong = name in found.violations or name in found.unmet
        bad = "was never seen" if name in found.unmet else "is violated"
        yield f"  {kind}{name!r} {bad if wrong else good}"


def _as_json(found: Exploration) -> dict[str, object]:
    return {
        "chart": found.chart.name,
        "ok": found.ok,
        "complete": found.complete,
        "states": found.states,
        "transitions": found.transitions,
        "configurations": len(found.configurations),
        "depth": found.depth,
        "deadlocks": [str(node) for node in found.deadlocks],
        "untaken": [str(edge) for edge in found.untaken],
        "unmet": list(found.unmet),
        "violations": [_violation(each) for each in found.violations.values()],
    }


def _violation(found: Counterexample) -> dict[str, object]:
    steps = [_step(step) for step in found.steps]
    return {"name": found.name, "claim": found.claim, "steps": steps}


def _step(step: Step) -> dict[str, object]:
    outcome = step.turn.outcome
    return {
        "cause": step.cause.value,
        "event": step.called,
        "guards": dict(step.said),
        "answer": outcome.answer.value,
        "reason": outcome.reason,
        "actions": list(outcome.actions),
        "configuration": list(outcome.configuration.atomic),
        "node": str(step.node),
    }
