"""A chart as a Mermaid `stateDiagram-v2`, which GitHub shows in Markdown.

Imports `picture`. Arrows and notes stand at the top level: inside a group Mermaid would move the
states that they mention out of the group where they were declared. So a start marker can be
Mermaid's own `[*]` only if it leads to a child; else it is a node `start`. Mermaid has no history
either: it is a state labelled H, or H* if it is deep.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from statechart.diagram.highlight import Style
from statechart.diagram.picture import JOIN, Picture, indented
from statechart.model import History, names

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from statechart.chart import Chart
    from statechart.diagram.highlight import Highlight
    from statechart.diagram.picture import Line
    from statechart.model import Edge, State

__all__ = ["mermaid"]

# Words that Mermaid reads as syntax where a state's name may stand, its own name for the whole,
# and what every JavaScript object already has.
_RESERVED = frozenset(
    {"acctitle", "accdescr", "as", "class", "classdef", "click", "default", "direction", "end"}
    | {"fork", "hide", "href", "join", "note", "root", "scale", "state", "statediagram", "style"}
    | {"__proto__", "constructor", "hasownproperty", "isprototypeof", "propertyisenumerable"}
    | {"tolocalestring", "tostring", "valueof"}
)

_STYLES = {
    "final": "stroke-width:4px",
    "history": "stroke-dasharray:3",
    "lit": "fill:#ffe08a,stroke:#b36b00",
}

# Arrows cannot be coloured reliably, so a row that was never taken is marked in its label.
_MARKS = {Style.MISSED: "✗ "}


def mermaid(chart: Chart, lit: Highlight | Collection[str | Edge] = ()) -> str:
    """Return the chart as a Mermaid `stateDiagram-v2`.

    `lit` is a `Highlight`, or names of states to highlight and rows to mark with a dot before
    their label. Raises `DiagramError` if it has something that the chart has not.
    """
    return _Mermaid(Picture(chart, lit)).text()


class _Mermaid:
    """One drawing: the picture, and the groups that need nodes `any` and `start` inside."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self._any = picture.anchored(remarks=True)
        self._start = {line.head for line in picture.rows if picture.within(line)} | {
            name for name, state in picture.tree.states.items() if not _to_children(state)
        }

    def text(self) -> str:
        chart = self._picture.chart
        regions = [list(self._state(region)) for region in chart.regions]
        body = _side_by_side(regions)
        if len(regions) > 1:
            head = f'state "{_plain(self._picture.name)}" as all{JOIN}regions {{'
            body = [head, *indented(body), "}"]
        if self._picture.note:
            body.insert(0, f"accDescr: {_plain(self._picture.note)}")
        body += [*self._arrows(), *self._notes(), *self._classes()]
        return "\n".join(["stateDiagram-v2", *indented(body)]) + "\n"

    # -- states ------------------------------------------------------------------------------------

    def _state(self, state: State | History) -> Iterator[str]:
        own = _id(state.name)
        if isinstance(state, History):
            yield f'state "{"H*" if state.deep else "H"}" as {own}'
        elif not state.children:
            yield own if own == state.name else f'state "{state.name}" as {own}'
        else:
            yield f'state "{state.name}" as {own} {{'
            yield from indented(self._inside(state))
            yield "}"

    def _inside(self, state: State) -> Iterator[str]:
        """Declare what is inside a group: helpers first, then its children."""
        if state.name in self._start:
            yield f'state "start" as {_start(state.name)}'
        else:
            yield from (f"[*] --> {_id(head)}" for head in names(state.initial))
        if state.name in self._any:
            yield f'state "any" as {_any(state.name)}'
        for fork in self._picture.forks:
            if fork.group == state.name:
                yield f"state {fork.name} <<fork>>"
        parts = [list(self._state(child)) for child in state.children]
        if state.parallel:
            parts = [_side_by_side(_regions(state, parts))]
        for part in parts:
            yield from part

    # -- arrows ------------------------------------------------------------------------------------

    def _arrows(self) -> Iterator[str]:
        for fork in self._picture.forks:
            if fork.group is None:
                yield f"state {fork.name} <<fork>>"
        for line in self._picture.markers:
            if line.tail in self._picture.tree.histories:
                yield f"{_id(line.tail)} --> {self._head(line)}"
            elif line.tail in self._start:
                yield f"{_start(line.tail)} --> {self._head(line)}"
        for line in self._picture.rows:
            label = "<br>".join(_MARKS.get(line.style, "") + _plain(text) for text in line.labels)
            arrow = f"{self._tail(line)} --> {self._head(line)}"
            yield f"{arrow} : {label}" if label else arrow

    def _tail(self, line: Line) -> str:
        return _any(line.tail) if self._picture.compound(line.tail) else _id(line.tail)

    def _head(self, line: Line) -> str:
        if line.head is None:
            return self._tail(line)
        return _start(line.head) if self._picture.within(line) else _id(line.head)

    # -- notes and styles --------------------------------------------------------------------------

    def _notes(self) -> Iterator[str]:
        for name, lines in self._picture.remarks.items():
            place = _any(name) if self._picture.compound(name) else _id(name)
            yield f"note right of {place}"
            yield from indented(map(_plain, lines))
            yield "end note"

    def _classes(self) -> Iterator[str]:
        tree, light = self._picture.tree, self._picture.light
        members = {
            "final": [name for name, state in tree.states.items() if state.final],
            "history": list(tree.histories),
            "lit": [name for name in tree.order if name in light.states],
        }
        for name, found in members.items():
            if found:
                yield f"classDef {name} {_STYLES[name]}"
                yield f"class {','.join(map(_id, found))} {name}"


def _to_children(state: State) -> bool:
    """Tell whether `state` starts in children of its own, or nowhere."""
    return {child.name for child in state.children}.issuperset(names(state.initial))


def _regions(state: State, parts: Iterable[list[str]]) -> list[list[str]]:
    """Return the regions of a parallel state, its histories with the first of them."""
    regions: list[list[str]] = []
    histories: list[str] = []
    for child, part in zip(state.children, parts, strict=True):
        if isinstance(child, History):
            histories += part
        else:
            regions.append(part)
    regions[0][:0] = histories
    return regions


def _side_by_side(regions: Iterable[list[str]]) -> list[str]:
    return [line for region in regions for line in ("--", *region)][1:]


def _any(name: str) -> str:
    return f"{name}{JOIN}any"


def _start(name: str) -> str:
    return f"{name}{JOIN}start"


def _id(name: str) -> str:
    return f"state{JOIN}{name}" if name.lower() in _RESERVED else name


def _plain(text: str) -> str:
    """Return one line of text without what Mermaid would read as syntax."""
    text = re.sub(r"[#;:\"<>{}\\%`$&~^|=+]", lambda found: f"#{ord(found[0])};", text)
    return re.sub(r"(?i)(?<=en)d(?= note)", lambda found: f"#{ord(found[0])};", text)
