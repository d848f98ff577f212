"""The table of answers: what each atomic state says to each event, as Markdown.

Imports `words`, and `chart` and what is below it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from statechart.diagram import words
from statechart.model import Answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from statechart.chart import Chart
    from statechart.model import Edge

__all__ = ["answers"]


def answers(chart: Chart) -> str:
    """Return a Markdown table per region: triggers down, atomic states across, answers in cells.

    The events of the chart come first, then what rows of the region wait for besides: timeouts,
    the end of a state, nothing at all (`always`). A cell has the rows that are tried, in order:
    the state's own and those of the states around it. An empty cell means that nothing answers
    there, and other states that are active at the same time do.
    """
    tables = []
    for number, region in enumerate(chart.regions):
        leaves = chart.tree.leaves[number]
        lines = [f"### {region.name}", "", _cells("event", leaves)]
        lines.append(_cells("---", ["---"] * len(leaves)))
        lines += (_row(chart, event, event, leaves) for event in words.event_names(chart))
        lines += (_row(chart, edge.trigger, _head(edge), leaves) for edge in _others(chart, number))
        tables.append("\n".join(lines))
    return "\n\n".join(tables) + "\n"


def _others(chart: Chart, region: int) -> Iterator[Edge]:
    """Yield one row of a region for each trigger that is no event of the chart."""
    first: dict[str, Edge] = {}
    for edge in chart.tree.edges:
        if chart.tree.region_of[edge.source] == region:
            first.setdefault(edge.trigger, edge)
    events = frozenset(words.event_names(chart))
    yield from (edge for trigger, edge in first.items() if trigger not in events)


def _head(edge: Edge) -> str:
    """Name a trigger; a timeout with its state, since others may have one that is alike."""
    return f"{words.told(edge)} in {edge.source}" if edge.timeout else words.told(edge)


def _row(chart: Chart, trigger: str, head: str, leaves: Sequence[str]) -> str:
    found = (chart.tree.candidates(leaf, trigger) for leaf in leaves)
    return _cells(head, ("<br>".join(map(_answer, edges)) for edges in found))


def _cells(head: str, cells: Iterable[str]) -> str:
    return "| " + " | ".join((head, *cells)) + " |"


def _answer(edge: Edge) -> str:
    guard = f"[{', '.join(edge.conditions)}] " if edge.conditions else ""
    actions = f" / {words.doing(edge.actions)}" if edge.actions else ""
    what = _plain(edge.reason)
    if edge.answer is Answer.GO:
        what = (", ".join(edge.targets) or "stay") + (" (local)" if edge.internal else "")
    return f"{guard}**{edge.answer.value}** {what}".rstrip() + actions


def _plain(text: str) -> str:
    """Return free text without what Markdown would read as syntax."""
    return re.sub(r"[\\|<>&*`\[\]]", lambda found: f"\\{found[0]}", words.line(text))
