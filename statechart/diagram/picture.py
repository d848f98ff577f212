"""What every picture shows, whatever its language: arrows, forks, markers and remarks.

Used by `mermaid`, `dot` and `plantuml`. Imports `words`, `highlight`, and `chart` and what is
below it.

A Go row is an arrow from its state to the target as written; rows with the same ends share one.
Several targets are reached through a fork. A compound state that has an initial shows it by an
arrow from a start marker, a history its default in the same way. All else is told in remarks, one
line each, at the state: its note, what it does on entry and exit, which events it does not take.

Mermaid and DOT cannot draw an arrow from a group into itself. There a row of a compound state
starts at a small node `any` inside it, and a row that leads from inside to the compound state
itself ends at the marker where it starts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from statechart.diagram import words
from statechart.diagram.highlight import Highlight, Style
from statechart.model import Answer, History, names

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from statechart.chart import Chart
    from statechart.model import Edge, State

__all__ = ["JOIN", "Fork", "Line", "Picture", "indented"]

JOIN = "·"
"""No state's name can contain it, so a generated name never meets one."""


@dataclass(frozen=True, slots=True)
class Line:
    """An arrow to draw: from a state, history or fork to a state or history; None is back to it.

    `group` is the compound state inside which it begins.
    """

    tail: str
    head: str | None
    group: str | None
    labels: tuple[str, ...] = ()
    style: Style = Style.PLAIN


@dataclass(frozen=True, slots=True)
class Fork:
    """A small node from which a row with several targets goes on to each of them."""

    name: str
    group: str | None


class Picture:
    """The contents of a picture of `chart`, with `lit` marked in it.

    `rows` are the arrows of Go rows and of forks, `markers` those from where a compound state
    starts (its name is the tail) and from histories; `remarks` maps states and histories to lines.
    `name` and `note` are the chart's, on one line each.

    Raises `DiagramError` if `lit` has something that the chart has not.
    """

    def __init__(self, chart: Chart, lit: Highlight | Collection[str | Edge] = ()) -> None:
        self.chart = chart
        self.tree = chart.tree
        self.light = Highlight.read(lit, chart)
        self.name, self.note = words.line(chart.name), words.line(chart.note)
        self.forks: list[Fork] = []
        self.rows: list[Line] = []
        self.markers: list[Line] = []
        self.remarks: dict[str, tuple[str, ...]] = {}
        self._events = words.event_names(chart)
        for (source, targets, style), edges in self._arrows().items():
            self._add_row(source, targets, style, edges)
        self._add_markers()
        self._add_remarks()

    # -- places ------------------------------------------------------------------------------------

    def compound(self, name: str) -> bool:
        """Tell whether `name` is drawn as a group."""
        return name in self.tree.states and bool(self.tree.states[name].children)

    def group(self, name: str) -> str | None:
        """Return the group in which the rows of `name` begin: a compound state's in itself."""
        return name if self.compound(name) else self.tree.parent(name)

    def within(self, line: Line) -> bool:
        """Tell whether `line` leads from inside a compound state to that state itself."""
        return (
            line.head is not None
            and line.group is not None
            and self.compound(line.head)
            and line.head in self.tree.path(line.group)
        )

    def anchored(self, *, remarks: bool) -> frozenset[str]:
        """Return the compound states with rows of their own, or with remarks if these count."""
        tails = {line.tail for line in self.rows} | {f.group for f in self.forks if f.group}
        found = tails | set(self.remarks) if remarks else tails
        return frozenset(name for name in found if self.compound(name))

    # -- rows --------------------------------------------------------------------------------------

    def _arrows(self) -> dict[tuple[str, tuple[str, ...], Style], list[Edge]]:
        found: dict[tuple[str, tuple[str, ...], Style], list[Edge]] = {}
        for edge in self.tree.edges:
            if edge.answer is Answer.GO:
                key = (edge.source, edge.targets, self.light.style(edge))
                found.setdefault(key, []).append(edge)
        return found

    def _add_row(
        self, source: str, targets: tuple[str, ...], style: Style, edges: Sequence[Edge]
    ) -> None:
        group, labels = self.group(source), tuple(self._told(edges))
        if len(targets) <= 1:
            self.rows.append(Line(source, targets[0] if targets else None, group, labels, style))
            return
        fork = Fork(f"fork{JOIN}{len(self.forks) + 1}", group)
        self.forks.append(fork)
        self.rows.append(Line(source, fork.name, group, labels, style))
        self.rows += [Line(fork.name, target, group, (), style) for target in targets]

    def _told(self, edges: Iterable[Edge]) -> Iterator[str]:
        """Yield one text for all rows that differ only in what they wait for."""
        merged: dict[tuple[str, str, str], list[Edge]] = {}
        for edge in edges:
            verb = "" if edge.answer is Answer.GO else f"{words.verb(edge)} "
            key = (self.light.mark(edge), verb, words.suffix(edge))
            merged.setdefault(key, []).append(edge)
        for (mark, verb, suffix), alike in merged.items():
            yield f"{mark}{verb}{words.triggers(alike, self._events)}{suffix}"

    # -- what is not a row -------------------------------------------------------------------------

    def _add_markers(self) -> None:
        for name, state in self.tree.states.items():
            self.markers += [Line(name, head, name) for head in names(state.initial)]
        for name, history in self.tree.histories.items():
            parent = self.tree.parent(name)
            self.markers += [Line(name, head, parent) for head in names(history.default)]

    def _add_remarks(self) -> None:
        told: dict[str, list[Edge]] = {}
        for edge in self.tree.edges:
            if edge.answer is not Answer.GO:
                told.setdefault(edge.source, []).append(edge)
        places: dict[str, State | History] = {**self.tree.states, **self.tree.histories}
        for name in self.tree.order:
            lines = (*_own_remarks(places[name]), *self._told(told.get(name, ())))
            if lines:
                self.remarks[name] = lines


def _own_remarks(place: State | History) -> Iterator[str]:
    if words.line(place.note):
        yield f"“{words.line(place.note)}”"
    if isinstance(place, History):
        kinds = [("default", place.actions)]
    else:
        kinds = [("entry", place.entry), ("exit", place.exit), ("initial", place.initial_actions)]
        if place.parallel and len(place.children) == 1:
            yield "parallel"  # with one region nothing else would tell
    for kind, actions in kinds:
        if words.doing(actions):
            yield f"{kind} / {words.doing(actions)}"


def indented(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines a level further in."""
    return (f"    {line}" for line in lines)
