"""What the command line does: draw, check and explore a chart. Each command returns its answer.

Used by `cli`, which prints. Imports `load`, and what a command needs only when it runs (`verdict`
too), so that none waits for another's imports.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from statechart.errors import ChartError
from statechart.load import UsageError, load_chart, load_properties, near, theirs

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Collection
    from pathlib import Path

    from statechart.chart import Chart
    from statechart.diagram import Highlight
    from statechart.explore import Exploration

__all__ = ["ENDINGS", "FORMATS", "PICTURES", "Reply", "check", "draw", "explore"]

PICTURES = ("mermaid", "dot", "svg", "plantuml")
"""What a chart can be drawn as, with something lit."""

FORMATS = (*PICTURES, "scxml", "answers")
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
    """What goes to standard output, and the exit code; `exact` if no letter may be replaced."""

    text: str
    code: int = 0
    exact: bool = False


# -- draw ------------------------------------------------------------------------------------------


def draw(options: Namespace) -> Reply:
    """Draw a chart: the text of the drawing, or nothing if it went to a file.

    Raises `UsageError`, or `ChartError` if the chart is not sound.
    """
    kind = options.format or _format(options.output, FORMATS)
    text = _drawing(load_chart(options.chart, options.code), kind, tuple(options.lit))
    if options.output is None:
        return Reply(text, exact=True)
    _write(options.output, text)
    return Reply("")


def _format(output: Path | None, among: Collection[str]) -> str:
    if output is None:
        return FORMATS[0]
    kind = ENDINGS.get(output.suffix.lower(), "")
    if kind not in among:
        endings = " ".join(ending for ending, each in ENDINGS.items() if each in among)
        raise UsageError(
            f"cannot tell what to write from the name {str(output)!r}; end it in one of "
            f"{endings}, or say --format"
        )
    return kind


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
    return _picture(chart, kind, lit)


def _picture(chart: Chart, kind: str, lit: Highlight | Collection[str]) -> str:
    from statechart import diagram

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
        path.write_bytes(text.encode())  # in this order: what cannot be written empties no file
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
    except UnicodeEncodeError as error:
        letter = ascii(error.object[error.start])
        raise UsageError(
            f"cannot write {path}: UTF-8 has no letter {letter}; write another into the chart"
        ) from error


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
    # In ASCII, so that every output can hold it: names may have letters that no encoding has.
    return json.dumps(value, indent=2) + "\n"


# -- explore ---------------------------------------------------------------------------------------


def explore(options: Namespace) -> Reply:
    """Search what a chart can do, and judge what is claimed of it.

    Without properties every event may come at any time, and a chart that has ends is asked
    whether it can always come to one.
    """
    from statechart import verdict

    among = PICTURES[:1] if options.sequence else PICTURES
    kind = options.format or _format(options.output, among)
    chart = load_chart(options.chart, options.code)
    if options.properties is None:
        asked: dict[str, Any] = {"ends": any(map(chart.tree.can_end, chart.tree.regions))}
    else:
        asked = load_properties(options.properties)
    if options.limit is not None:
        asked["limit"] = options.limit

    def run() -> tuple[Exploration, str]:  # their guards, predicates, environment and contexts
        found = _searched(chart, asked, lively=options.no_deadlocks)
        if options.json:
            return found, _json(verdict.as_json(found))
        claims = [*verdict.claims(asked), *([("", _LIVELY)] if options.no_deadlocks else [])]
        return found, verdict.as_text(found, claims)

    found, text = theirs(f"cannot explore {options.chart}", run)
    if options.output is not None and found.violations:
        shortest = min(found.violations.values(), key=lambda each: len(each.steps))
        way = (
            shortest.sequence()
            if options.sequence
            else _picture(found.chart, kind, shortest.highlight())
        )
        _write(options.output, way)
    return Reply(text, 0 if found.ok else 1)


_LIVELY = "--no-deadlocks"
"""The name of the claim that this option makes; nobody names theirs like that."""


def _searched(chart: Chart, asked: dict[str, Any], *, lively: bool) -> Exploration:
    """Search; if it is to be `lively`, the first deadlock is a violation too."""
    from statechart import explore as search

    found = search.explore(chart, **asked)
    if not lively or not found.deadlocks:
        return found
    steps = found.path(found.deadlocks[0]).steps
    stuck = search.Counterexample(chart=chart, name=_LIVELY, claim="no deadlocks", steps=steps)
    return replace(found, violations={**found.violations, _LIVELY: stuck})
