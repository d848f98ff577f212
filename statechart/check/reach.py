"""Rules on what is of use: every state can be entered, every row decides something.

Used by `check`. Imports `compiler`, `cover`, `rows`, `tree`.

A row that decides nowhere may still be needed, so it is no dead row: where it speaks for its
region and is outvoted, it keeps a row around it from answering, or closes the gap that rows
before it leave. Without rows before and around it, it may go, and the table stays the same.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from statechart.check.cover import gap, said_by, told
from statechart.check.rows import can_finish, hidden
from statechart.check.words import listed
from statechart.errors import Finding
from statechart.model import ALWAYS, Answer, Edge, done, event_name, names, state_asked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from statechart.chart import Chart
    from statechart.compiler import Problems
    from statechart.step import Configuration
    from statechart.tree import Tree

__all__ = ["check_reach"]

_DONE = done("")


def check_reach(chart: Chart, problems: Problems) -> Iterator[Finding]:
    """Yield states and histories that nothing enters, and rows that decide nothing anywhere."""
    yield from _check_states(chart.tree, problems)
    yield from _check_histories(chart.tree, problems)
    yield from _check_rows(chart, problems)
    yield from _check_events(chart, problems)


def _check_events(chart: Chart, problems: Problems) -> Iterator[Finding]:
    """Yield events that are refused wherever they come: a row for all others hides those."""
    taken = {edge.trigger for edge in problems.taken if edge.answer is not Answer.REFUSE}
    for event in map(event_name, chart.events):
        if event not in taken:
            why = "it is refused wherever it comes, so nobody needs it"
            repair = "write the row that takes it, or remove the event"
            yield Finding("never-taken", f"event {event!r}", why, repair)


def _check_states(tree: Tree, problems: Problems) -> Iterator[Finding]:
    for name in tree.states:
        parent = tree.parent(name)
        if name not in problems.entered and (parent is None or parent in problems.entered):
            why = "no sequence of events leads into it"
            yield Finding("unreachable", f"state {name!r}", why, "add a Go to it, or remove it")


def _check_histories(tree: Tree, problems: Problems) -> Iterator[Finding]:
    written = {target for edge in tree.edges for target in edge.targets}
    used = {target for edge in problems.taken for target in edge.targets}
    for state in tree.states.values():
        for found, has in ((written, True), (used, state.name in problems.entered)):
            found.update(names(state.initial) if has else ())
    for name in tree.histories:
        # A history that nothing names at all is `unused-history`.
        if name in written and name not in used and tree.parent(name) in problems.entered:
            why = "no row that leads to it is ever taken"
            yield Finding("unreachable", f"history {name!r}", why, "add a Go to it, or remove it")


# -- rows ------------------------------------------------------------------------------------------


def _check_rows(chart: Chart, problems: Problems) -> Iterator[Finding]:
    """Yield dead rows: one finding for all triggers of a row at a source that fail alike."""
    look = _Look(chart)
    found: dict[tuple[int, str, str], list[Edge]] = defaultdict(list)
    for edge in _suspects(chart.tree, problems):
        why = look.why_dead(edge)
        if why:
            found[edge.row, edge.source, why].append(edge)
    for (row, source, why), edges in found.items():
        labels = listed(repr(edge.label) for edge in edges)
        alike = f" (and for {listed(repr(edge.label) for edge in edges[1:])})"
        yield Finding(
            "dead-row",
            f"{edges[0]}{alike if edges[1:] else ''}",
            f"it never decides anything: {why}",
            f"take {source!r} or {labels} out of row {row}, or remove the row",
        )


def _suspects(tree: Tree, problems: Problems) -> Iterator[Edge]:
    """Yield rows that decided nothing, as far as no other rule says so already."""
    explained = {edge for edge, _ in hidden(tree.edges)}
    explained |= {beaten for beaten, _ in problems.conflicts}
    for edge in tree.edges:
        if edge in problems.taken or edge in explained or edge.source not in problems.entered:
            continue
        ending = tree.states.get(edge.trigger.removeprefix(_DONE))
        if edge.trigger.startswith(_DONE) and ending and not can_finish(tree, ending):
            continue
        yield edge


class _Place(NamedTuple):
    """Where a row may speak: an atomic state inside its source, in a configuration."""

    configuration: Configuration
    leaf: str


class _Look:
    """Looks for the reason why a row decides nothing, in all places where it may speak."""

    def __init__(self, chart: Chart) -> None:
        self._tree = chart.tree
        self._table = chart.compile()
        self._outside = {*map(event_name, chart.events), *self._table.timeouts}
        self._places: dict[str, list[_Place]] = defaultdict(list)
        for configuration in self._table.configurations:
            for leaf in configuration.atomic:
                self._places[leaf].append(_Place(configuration, leaf))

    def why_dead(self, edge: Edge) -> str:
        """Return why `edge` decides nothing, or nothing if something would change without it."""
        if said_by(edge.conditions) is None:
            return "its conditions contradict each other"
        if edge.trigger not in self._outside:
            return self._why_inside(edge)
        if not any(self._at(edge, asks=False)):
            return f"the chart never rests in {edge.source!r}"
        nearer: dict[int, None] = {}
        spoke: _Place | None = None
        for place in self._at(edge, asks=True):
            before = self._before(edge, place)
            if self._speaks(edge, place, before):
                if before or self._behind(edge, place.leaf):
                    return ""
                spoke = spoke or place
            nearer.update((other.row, None) for other in before)
        if spoke:
            return self._outvoted(edge, spoke)
        if nearer:
            return f"where its conditions may hold, rows before it answer: {listed(nearer)}"
        return f"{edge.source!r} is never active while {_inside(edge)}"

    def _why_inside(self, edge: Edge) -> str:
        if edge.trigger == ALWAYS:
            return "its conditions never hold in a step that comes by, or another row is first"
        return f"{edge.label!r} never happens while {edge.source!r} is active, or another is first"

    def _at(self, edge: Edge, *, asks: bool) -> Iterator[_Place]:
        """Yield the places of `edge`; if it `asks` for active states, those where they are."""
        for leaf, places in self._places.items():
            if edge.source not in self._tree.path(leaf):
                continue
            inside = any(self._asks_inside(other) for other in self._rows(leaf, edge.trigger))
            for place in places if inside else places[:1]:
                if not asks or told(edge.conditions, place.configuration.states) is not None:
                    yield place

    def _rows(self, leaf: str, trigger: str) -> Iterator[Edge]:
        for source in self._tree.path(leaf):
            yield from self._tree.rows_at(source, trigger)

    def _asks_inside(self, edge: Edge) -> bool:
        return any(state_asked(condition) for condition in edge.conditions)

    def _before(self, edge: Edge, place: _Place) -> list[Edge]:
        """Return the rows that are asked before `edge`, and may hold."""
        found = []
        for other in self._rows(place.leaf, edge.trigger):
            if other is edge:
                break
            if told(other.conditions, place.configuration.states) is not None:
                found.append(other)
        return found

    def _behind(self, edge: Edge, leaf: str) -> bool:
        """Tell whether another row would be asked if `edge` were not there."""
        return [*self._rows(leaf, edge.trigger)][-1] is not edge

    def _speaks(self, edge: Edge, place: _Place, before: list[Edge]) -> bool:
        """Tell whether `edge` is the first whose conditions hold, if guards say so."""
        states = place.configuration.states
        rows = [told(other.conditions, states) or () for other in before]
        said = said_by(told(edge.conditions, states) or ())
        return said is not None and gap(rows, said) is not None

    def _outvoted(self, edge: Edge, place: _Place) -> str:
        cases = self._table.cases(place.configuration, edge.trigger)
        deciding = dict.fromkeys(str(other) for _, outcome in cases for other in outcome.edges)
        return f"where it speaks, others decide, as in {place.configuration!r} {listed(deciding)}"


def _inside(edge: Edge) -> str:
    asked = [condition for condition in edge.conditions if state_asked(condition)]
    return f"{listed(map(repr, asked))} holds"
