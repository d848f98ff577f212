"""A chart as Graphviz source, and as the SVG that `dot` makes of it.

Imports `picture`. Compound states are clusters, the regions of a parallel state dashed ones. An
arrow to a cluster ends at the point where it starts, clipped at its border when it comes from
outside. Remarks stand under the name of their state.
"""

from __future__ import annotations

import hashlib
import html
import re
import shutil
import subprocess
from textwrap import wrap
from typing import TYPE_CHECKING

from statechart.diagram.highlight import DiagramError, Style
from statechart.diagram.picture import JOIN, Picture, indented
from statechart.model import History

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from statechart.chart import Chart
    from statechart.diagram.highlight import Highlight
    from statechart.diagram.picture import Fork, Line
    from statechart.model import Edge, State

__all__ = ["dot", "dot_digest", "svg", "svg_digest"]

_HEAD = (
    "    rankdir=LR",
    "    compound=true",
    '    graph [fontname="Helvetica", style="rounded"]',
    '    node [fontname="Helvetica", shape=box, style="rounded"]',
    '    edge [fontname="Helvetica", fontsize=10]',
)

_STYLES = {
    Style.PLAIN: (),
    Style.LIT: ("color=orangered", "penwidth=2"),
    Style.TAKEN: ("color=forestgreen", "fontcolor=forestgreen"),
    Style.MISSED: ("color=red", "fontcolor=red", "style=dashed"),
}

_WIDTH = 64
"""Characters in a line of remarks before it is broken; the rest is set in."""

_SET_IN = "\N{NO-BREAK SPACE}" * 2

_LIMIT = 60
"""Seconds that `dot` may take: with thousands of arrows it can take hours."""


def dot(chart: Chart, lit: Highlight | Collection[str | Edge] = ()) -> str:
    """Return the chart as a Graphviz digraph.

    `lit` is a `Highlight`, or names of states and rows to highlight. Raises `DiagramError` if it
    has something that the chart has not.
    """
    return _Dot(Picture(chart, lit)).text()


class _Dot:
    """One drawing: the picture, and the groups that need nodes `any` and `start` inside."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self._any = picture.anchored(remarks=False)
        lines = (*picture.rows, *picture.markers)
        ends = {line.head for line in lines} | {line.tail for line in picture.markers}
        self._start = {name for name in ends if name is not None and picture.compound(name)}
        # Nothing is seen to begin or end there: all arrows are clipped at the border.
        seen = {line.head for line in lines if picture.within(line)}
        self._hidden = self._start - seen - {line.tail for line in picture.markers}

    def text(self) -> str:
        name, note = self._picture.name, self._picture.note
        lines = [f"digraph {_quoted(name)} {{", *_HEAD]
        if note:
            lines.append(f"    label={_label(name, [note])}")
        for region in self._picture.chart.regions:
            lines += indented(self._state(region))
        lines += indented(map(_fork, (f for f in self._picture.forks if f.group is None)))
        for line in self._picture.markers:
            lines.append(f"    {self._arrow(line, 'style=dotted')}")
        lines += (f"    {self._arrow(line, *_STYLES[line.style])}" for line in self._picture.rows)
        return "\n".join([*lines, "}"]) + "\n"

    # -- states ------------------------------------------------------------------------------------

    def _state(self, state: State | History, *dashed: str) -> Iterator[str]:
        remarks = self._picture.remarks.get(state.name, ())
        glow = state.name in self._picture.light.states
        if isinstance(state, History):
            yield _history(state, remarks, glow=glow)
        elif state.children:
            yield f"subgraph {_quoted(_cluster(state.name))} {{"
            yield from indented(self._inside(state, remarks, _look(dashed, "#fff4d6" * glow)))
            yield "}"
        else:
            final = ["peripheries=2"] if state.final else []
            label = f"label={_label(state.name, remarks)}"
            looks = _look(dashed, "#ffe08a" * glow)
            yield _node(state.name, label, *final, *(looks if dashed or glow else ()))

    def _inside(
        self, state: State, remarks: Collection[str], looks: Iterable[str]
    ) -> Iterator[str]:
        yield f"label={_label(state.name, remarks)}"
        yield from looks
        if state.name in self._start:
            hidden = ["style=invis"] if state.name in self._hidden else []
            yield _node(_start(state.name), 'label=""', "shape=point", *hidden)
        if state.name in self._any:
            yield _node(_any(state.name), 'label="any"', "shape=plaintext")
        yield from (_fork(fork) for fork in self._picture.forks if fork.group == state.name)
        for child in state.children:
            yield from self._state(child, *(["dashed"] if state.parallel else []))

    # -- arrows ------------------------------------------------------------------------------------

    def _arrow(self, line: Line, *looks: str) -> str:
        """Draw an arrow; what begins at a compound state begins at its start or its `any`."""
        picture, head = self._picture, line.head
        tail = line.tail
        if picture.compound(tail):
            tail = _any(tail) if line.labels else _start(tail)
        options = [f"label={_quoted_text(line.labels)}"] if line.labels else []
        if head is not None and picture.compound(head):
            if not picture.within(line):
                options.append(f"lhead={_quoted(_cluster(head))}")
            head = _start(head)
        options += looks
        ends = f"{_quoted(tail)} -> {_quoted(tail if head is None else head)}"
        return f"{ends} [{', '.join(options)}]" if options else ends


def _history(history: History, remarks: Collection[str], *, glow: bool) -> str:
    """Draw a history as a small circle, its remarks beside it."""
    options = [f'label="{"H*" if history.deep else "H"}"', "shape=circle", "width=0.3"]
    options.append("fixedsize=true")
    if remarks:
        options.append(f"xlabel={_label('', remarks)}")
    return _node(history.name, *options, *(_look((), "#ffe08a") if glow else ()))


def _fork(fork: Fork) -> str:
    bar = ('label=""', "shape=box", "width=0.06", "height=0.4")
    return _node(fork.name, *bar, 'style="filled"', 'fillcolor="black"')


def _look(dashed: Iterable[str], fill: str) -> list[str]:
    style = ",".join(("rounded", *dashed, *(["filled"] if fill else [])))
    return [f'style="{style}"', *([f'fillcolor="{fill}"'] if fill else [])]


def _node(name: str, *options: str) -> str:
    return f"{_quoted(name)} [{', '.join(options)}]"


def _cluster(name: str) -> str:
    return f"cluster_{name}"


def _any(name: str) -> str:
    return f"{name}{JOIN}any"


def _start(name: str) -> str:
    return f"{name}{JOIN}start"


# -- text ------------------------------------------------------------------------------------------


def _label(name: str, remarks: Collection[str]) -> str:
    """Return a name with smaller lines of remarks below it, as one label."""
    if not remarks:
        return _quoted(name)
    lines = [part for remark in remarks for part in _broken(remark)]
    small = "".join(f'{html.escape(line)}<BR ALIGN="LEFT"/>' for line in lines)
    title = f"{html.escape(name)}<BR/>" if name else ""
    return f'<{title}<FONT POINT-SIZE="9">{small}</FONT>>'


def _broken(remark: str) -> list[str]:
    return wrap(
        remark,
        _WIDTH,
        subsequent_indent=_SET_IN,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _quoted(text: str) -> str:
    """Return a name as Graphviz writes it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _quoted_text(lines: Iterable[str]) -> str:
    """Return lines as a label, where `&` would begin an entity."""
    return _quoted("\n".join(lines).replace("&", "&amp;")).replace("\n", "\\n")


# -- SVG -------------------------------------------------------------------------------------------


def dot_digest(source: str) -> str:
    """Return the digest that `svg` embeds for this DOT source."""
    return hashlib.sha256(source.encode()).hexdigest()


def svg(chart: Chart, lit: Highlight | Collection[str | Edge] = ()) -> str:
    """Return the chart as SVG, drawn by the `dot` program.

    A comment at the end holds the digest of the DOT source, so that a stale picture is noticed
    without graphviz. Raises `DiagramError` if `dot` is not installed, fails or does not finish in
    60 s, or if `lit` has something that the chart has not.
    """
    program = shutil.which("dot")
    if program is None:
        raise DiagramError("cannot draw SVG without graphviz: `dot` is not on PATH; install it")
    source = dot(chart, lit)
    try:
        done = subprocess.run(  # noqa: S603 - the program comes from PATH, its input from a chart
            [program, "-Tsvg"],
            input=source,
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=_LIMIT,
        )
    except OSError as error:
        raise DiagramError(f"cannot run {program}: {error.strerror}; install graphviz") from error
    except subprocess.TimeoutExpired as error:
        raise DiagramError(
            f"dot did not finish in {_LIMIT} s; write --format dot and lay it out with other "
            "options"
        ) from error
    if done.returncode:
        raise DiagramError(f"{program} failed with code {done.returncode}: {done.stderr.strip()}")
    return f"{done.stdout.rstrip()}\n<!-- dot sha256 {dot_digest(source)} -->\n"


def svg_digest(text: str) -> str | None:
    """Return the digest of the DOT source that an SVG was drawn from, None if it has none.

    Compare it with `dot_digest(dot(chart))`.
    """
    found = re.search(r"<!-- dot sha256 ([0-9a-f]{64}) -->", text)
    return found[1] if found else None
