"""What to light in a picture: where a chart is, which way it came, which rows were ever taken.

Used by all who draw. Imports `model`, `step`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from statechart.model import Edge

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from statechart.chart import Chart
    from statechart.step import Configuration, Outcome

__all__ = ["DiagramError", "Highlight", "Style"]


class DiagramError(RuntimeError):
    """The picture cannot be made: see the message for what is missing or unknown."""


class Style(Enum):
    """How an arrow is drawn."""

    PLAIN = "plain"
    LIT = "lit"
    TAKEN = "taken"
    MISSED = "missed"


@dataclass(frozen=True, slots=True)
class Highlight:
    """What to light: names of states, rows, how often rows were taken, and numbered steps.

    With `taken` every row shows its count, a row that is not in it counts as never taken. `steps`
    are the rows of one step after the other; each is marked with the numbers of its steps, from 1.
    """

    states: Collection[str] = ()
    edges: Collection[Edge] = ()
    taken: Mapping[Edge, int] | None = None
    steps: tuple[tuple[Edge, ...], ...] = ()

    @classmethod
    def of(cls, configuration: Configuration) -> Highlight:
        """Light the active states."""
        return cls(states=configuration.states)

    @classmethod
    def path(cls, outcomes: Iterable[Outcome]) -> Highlight:
        """Light the states that outcomes lead to, and number the rows that decided, in order."""
        found = tuple(outcomes)
        return cls(
            states=frozenset[str]().union(*(each.configuration.states for each in found)),
            steps=tuple((*each.edges, *each.after) for each in found),
        )

    @classmethod
    def read(cls, lit: Highlight | Collection[str | Edge], chart: Chart) -> Highlight:
        """Return `lit` as a highlight of `chart`.

        Raises `DiagramError` if it names a state or has a row that the chart does not.
        """
        if not isinstance(lit, Highlight):
            parts = (lit,) if isinstance(lit, str) else tuple(lit)
            lit = cls(
                states=tuple(part for part in parts if isinstance(part, str)),
                edges=tuple(part for part in parts if isinstance(part, Edge)),
            )
        known = frozenset(chart.tree.edges)
        rows = {*lit.edges, *(lit.taken or ()), *(edge for step in lit.steps for edge in step)}
        strange = sorted({*lit.states} - {*chart.tree.order}) + sorted(map(str, rows - known))
        if strange:
            raise DiagramError(
                f"cannot light {', '.join(strange)}: chart {chart.name!r} has no such state or "
                "row; take names and edges from its tree"
            )
        return lit

    def style(self, edge: Edge) -> Style:
        """Return how to draw a row; being lit goes before being counted."""
        if edge in self.edges or any(edge in step for step in self.steps):
            return Style.LIT
        if self.taken is None:
            return Style.PLAIN
        return Style.TAKEN if self.taken.get(edge) else Style.MISSED

    def mark(self, edge: Edge) -> str:
        """Return what to write before a row: its steps, a dot if it is lit, its count."""
        steps = "".join(_number(n) for n, step in enumerate(self.steps, start=1) if edge in step)
        dot = "●" if edge in self.edges and not steps else ""
        count = "" if self.taken is None else f"{_TIMES}{self.taken.get(edge, 0)}"
        return "".join(f"{part} " for part in (steps, dot, count) if part)


_TIMES = "\N{MULTIPLICATION SIGN}"
_LAST_CIRCLED = 20


def _number(step: int) -> str:
    return chr(ord("①") + step - 1) if step <= _LAST_CIRCLED else f"({step})"
