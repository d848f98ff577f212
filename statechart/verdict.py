"""What an exploration found, told: as lines for people, and as JSON for programs.

Used by `commands`. Imports `load` for the kinds of claims; `explore` only for its types.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from statechart.load import CLAIMS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from statechart.explore import Counterexample, Exploration, Step

__all__ = ["as_json", "as_text", "claims"]


def claims(asked: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the kind and the name of each claim among the arguments of `explore`."""
    named = [(f"{kind} ", name) for kind in CLAIMS for name in asked.get(kind) or ()]
    return [*named, *([("", "ends")] if asked.get("ends") else [])]


def as_text(found: Exploration, claims: Collection[tuple[str, str]]) -> str:
    """Return the numbers, a line for each of `claims`, and each counterexample."""
    lines = [_numbers(found)]
    if not found.complete:
        lines.append("  not complete: the limit was reached; raise --limit")
    if found.deadlocks:
        lines.append(f"  {len(found.deadlocks)} deadlock(s), the first in {found.deadlocks[0]}")
    if found.untaken:
        lines.append(f"  {len(found.untaken)} row(s) never taken, the first {found.untaken[0]}")
    lines += _judged(found, claims)
    return "\n".join([*lines, *map(str, found.violations.values())]) + "\n"


def _numbers(found: Exploration) -> str:
    return (
        f"chart {found.chart.name!r}: {found.states} states, {found.transitions} transitions, "
        f"{len(found.configurations)} configurations, depth {found.depth}"
    )


def _judged(found: Exploration, claims: Collection[tuple[str, str]]) -> Iterator[str]:
    """Yield one line for each claim."""
    good = "holds" if found.complete else "holds so far"
    for kind, name in claims:
        wrong = name in found.violations or name in found.unmet
        bad = "was never seen" if name in found.unmet else "is violated"
        yield f"  {kind}{name!r} {bad if wrong else good}"


def as_json(found: Exploration) -> dict[str, object]:
    """Return all that was found as numbers, strings, lists and dictionaries."""
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
