"""A chart as a PlantUML state diagram.

Imports `picture`. PlantUML can draw arrows from a composite state to itself and to what is inside
it, so no helpers are needed; remarks are descriptions of their state. It refuses an arrow that
crosses the border of a concurrent region: a parallel state with such an arrow has its regions in
dashed boxes instead of behind `--`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from statechart.diagram.highlight import Style
from statechart.diagram.picture import Picture, indented
from statechart.model import History, State, names

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from statechart.chart import Chart
    from statechart.diagram.highlight import Highlight
    from statechart.diagram.picture import Line
    from statechart.model import Edge

__all__ = ["plantuml"]

_JOIN = "ˑ"
"""PlantUML takes letters in names only; this one is no state's, and looks like a dot."""

# Words that PlantUML reads as syntax where a state's name may stand, in one version or another.
_RESERVED = frozenset(
    {"allow", "as", "caption", "center", "end", "footer", "header", "hide", "json", "legend"}
    | {"newpage", "note", "remove", "rotate", "scale", "set", "show", "skinparam", "state"}
    | {"sprite", "style", "title", "together", "url"}
)

_HEAD = (
    "hide empty description",
    "skinparam wrapWidth 400",
)

_ARROWS = {
    Style.PLAIN: "-->",
    Style.LIT: "-[#ff4500,bold]->",
    Style.TAKEN: "-[#228b22]->",
    Style.MISSED: "-[#ff0000,dashed]->",
}
_MARKER = "-[dotted]->"
_GLOW = " #ffe08a"
_BOX = " ##[dashed]"
_FINAL = " ##[bold]"


def plantuml(chart: Chart, lit: Highlight | Collection[str | Edge] = ()) -> str:
    """Return the chart as PlantUML, from `@startuml` to `@enduml`.

    `lit` is a `Highlight`, or names of states and rows to highlight. Raises `DiagramError` if it
    has something that the chart has not.
    """
    return _PlantUML(Picture(chart, lit)).text()


class _PlantUML:
    """One drawing: the picture, parallel states drawn with boxes, regions set apart by `--`."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self._forks = {fork.name: fork.group for fork in picture.forks}
        self._lines = [*picture.markers, *picture.rows]
        tree, regions = picture.tree, picture.tree.regions
        parallel = [name for name, state in tree.states.items() if state.parallel]
        self._boxed = {name for name in parallel if self._must_be_boxed(name)}
        self._apart = {
            *(
                child
                for name in parallel
                if name not in self._boxed
                for child in tree.children(name)
            ),
            *(regions if len(regions) > 1 else ()),
        }

    def text(self) -> str:
        name, note = _plain(self._picture.name), _plain(self._picture.note)
        body = [f"{word} {text}" for word, text in (("title", name), ("caption", note)) if text]
        regions = [
            [*self._state(region), *self._arrows(region.name)]
            for region in self._picture.chart.regions
        ]
        if len(regions) == 1:
            body += regions[0]
        else:
            body += [f'state "{name}" as all{_JOIN}regions {{']
            body += [line for part in regions for line in indented(["--", *part])][1:]
            body += ["}"]
        body += [*self._fork(None), *self._arrows(None)]
        return "\n".join(["@startuml", *_HEAD, *body, "@enduml"]) + "\n"

    # -- places ------------------------------------------------------------------------------------

    def _must_be_boxed(self, parallel: str) -> bool:
        """Tell whether a line has its ends in two regions of a state, or one end outside."""
        return parallel in self._forks.values() or any(
            self._region(line.tail, parallel) != self._region(line.head, parallel)
            for line in self._lines
            if line.head is not None
        )

    def _region(self, end: str, parallel: str) -> str | None:
        """Return the region of `parallel` in which a line ends, None for outside of all."""
        tree, place = self._picture.tree, self._forks.get(end, end)
        path = () if place is None else tree.path(place)
        return next((name for name in path if tree.parent(name) == parallel), None)

    def _home(self, line: Line) -> str | None:
        """Return the region that a line must be drawn in: an atomic one cannot be named outside."""
        return line.tail if line.tail in self._apart and not self._compound(line.tail) else None

    def _compound(self, name: str) -> bool:
        return self._picture.compound(name)

    # -- states ------------------------------------------------------------------------------------

    def _state(self, state: State | History, box: str = "") -> Iterator[str]:
        own = _id(state.name)
        glow = _GLOW if state.name in self._picture.light.states else ""
        if isinstance(state, History):
            label, kind = ("H*", "history*") if state.deep else ("H", "history")
            yield f'state "{label}" as {own} <<{kind}>>{glow}'
            yield from self._remarks(state.name)
            return
        stereotype = " <<final>>" if state.final else " <<region>>" if box else ""
        looks = f"{stereotype}{glow}{_FINAL if state.final else box}"
        shown = f'state "{_plain(state.name)}" as {own}{looks}'
        if not state.children:
            yield shown
            yield from self._remarks(state.name)
            return
        yield f"{shown} {{"
        yield from indented(self._inside(state))
        yield "}"

    def _inside(self, state: State) -> Iterator[str]:
        yield from self._remarks(state.name)
        yield from self._fork(state.name)
        box = _BOX if state.name in self._boxed else ""
        children = sorted(state.children, key=lambda child: isinstance(child, State))
        for number, child in enumerate(children):
            region = child.name in self._apart
            if region and number and isinstance(children[number - 1], State):
                yield "--"
            yield from self._state(child, box if isinstance(child, State) else "")
            yield from self._arrows(child.name) if region else ()
        # Behind the children, since what is named first in a group would belong to it.
        yield from (f"[*] {_MARKER} {_id(head)}" for head in names(state.initial))

    def _fork(self, group: str | None) -> Iterator[str]:
        for name, place in self._forks.items():
            if place == group:
                yield f"state {_id(name)} <<fork>>"

    def _remarks(self, name: str) -> Iterator[str]:
        for remark in self._picture.remarks.get(name, ()):
            yield f"{_id(name)} : {_plain(remark)}"

    # -- arrows ------------------------------------------------------------------------------------

    def _arrows(self, home: str | None) -> Iterator[str]:
        """Draw the lines of an atomic region, or with None all that may stand outside."""
        for line in self._lines:
            inside = self._compound(line.tail) and not line.labels  # `[*]` is drawn there
            if not inside and self._home(line) == home:
                yield self._arrow(line)

    def _arrow(self, line: Line) -> str:
        tail = _id(line.tail)
        head = tail if line.head is None else _id(line.head)
        if line.tail in self._picture.tree.histories:
            return f"{tail} {_MARKER} {head}"
        label = "\\n".join(map(_plain, line.labels))
        arrow = f"{tail} {_ARROWS[line.style]} {head}"
        return f"{arrow} : {label}" if label else arrow


def _id(name: str) -> str:
    """Return the name under which PlantUML knows a state."""
    name = name.replace("·", _JOIN)
    return f"state{_JOIN}{name}" if name.lower() in _RESERVED else name


def _plain(text: str) -> str:
    """Return one line of text without what PlantUML would read as syntax or as markup."""
    return re.sub(
        r"[\\<>&~#@%\"“”'{}|;:$^]|(?<=([-_/*.=\[\]]))\1",
        lambda found: f"<U+{ord(found[0]):04X}>",
        text,
    )
