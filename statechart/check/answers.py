"""Rules on answers: every event has one wherever the chart can be, and every step an end.

Used by `check`. Imports `compiler`, `cover`, `tree`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from statechart.check.cover import gap, told
from statechart.check.words import listed
from statechart.errors import Finding
from statechart.model import event_name, state_asked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from statechart.chart import Chart
    from statechart.check.cover import Said
    from statechart.compiler import Problems
    from statechart.model import Edge
    from statechart.step import Configuration
    from statechart.tree import Tree

__all__ = ["check_answers", "check_steps"]


def check_steps(_: Chart, problems: Problems) -> Iterator[Finding]:
    """Yield steps that ask in vain, and those that listing order decides."""
    unheard = {edge: configuration for configuration, edge in reversed(problems.unheard)}
    for edge, configuration in unheard.items():
        yield Finding(
            "unheard",
            str(edge),
            f"in {configuration!r} the chart raised this event itself, so nobody hears the answer",
            "write a Drop or a Go instead, or raise the event only where it is taken",
        )
    for (beaten, winner), configuration in problems.conflicts.items():
        yield Finding(
            "conflict",
            str(beaten),
            f"in {configuration!r} {winner} is enabled too and leaves what this one leaves: "
            "two enabled transitions without a priority, so only the order of states decides",
            f"write one row at a state around {beaten.source!r} and {winner.source!r}, or give "
            "one of them a condition that keeps it out",
        )


def check_answers(chart: Chart, problems: Problems) -> Iterator[Finding]:
    """Yield events that nothing answers somewhere, or nothing if guards say so."""
    gaps = _Gaps(chart)
    for edge, said in gaps.found.items():
        leaves = gaps.leaves[edge]
        says = " and ".join(name if yes else f"not {name}" for name, yes in said.items())
        yield Finding(
            "partial",
            str(edge),
            f"in {listed(leaves)} nothing answers when {says or 'no condition holds'}",
            "add a row without conditions behind it, at this state or at one around it",
        )
    silent: dict[str, list[Configuration]] = {}
    for configuration, event in dict.fromkeys(problems.unanswered):
        if not any((leaf, event) in gaps.partial for leaf in configuration.atomic):
            silent.setdefault(event, []).append(configuration)
    for event, configurations in silent.items():
        yield Finding(
            "unanswered",
            f"event {event!r} in {listed(map(repr, configurations), ' ')}",
            "no row of any region answers it there",
            "add a Go, Refuse, Drop or Defer for one of these states or a state around them",
        )


class _Gaps:
    """Where a state has rows for an event and none of them holds if guards say so.

    `found` has the last of these rows and an example of what guards say, `leaves` the atomic
    states, `partial` the pairs of those and events. Another region may answer there. Still it
    is a gap: whoever wrote the rows of this one meant them to answer.
    """

    def __init__(self, chart: Chart) -> None:
        self.found: dict[Edge, Said] = {}
        self.leaves: dict[Edge, dict[str, None]] = {}
        self.partial: set[tuple[str, str]] = set()
        configurations: dict[str, list[Configuration]] = {}
        for configuration in chart.compile().configurations:
            for leaf in configuration.atomic:
                configurations.setdefault(leaf, []).append(configuration)
        for leaf, found in configurations.items():
            for event in map(event_name, chart.events):
                self._look(chart.tree, leaf, event, found)

    def _look(self, tree: Tree, leaf: str, event: str, configurations: list[Configuration]) -> None:
        edges = tree.candidates(leaf, event)
        if not edges or not edges[-1].conditions:
            return
        asks = any(state_asked(condition) for edge in edges for condition in edge.conditions)
        for configuration in configurations if asks else configurations[:1]:
            rows = [told(edge.conditions, configuration.states) for edge in edges]
            held = [(edge, row) for edge, row in zip(edges, rows, strict=True) if row is not None]
            said = gap([row for _, row in held], {}) if held else None
            if said is not None:
                edge = held[-1][0]
                self.found.setdefault(edge, said)
                self.leaves.setdefault(edge, {})[leaf] = None
                self.partial.add((leaf, event))
