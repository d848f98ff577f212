"""A chart as a picture: Mermaid, DOT, SVG, and a table of every answer.

Imports `chart` and what is below it. Everything here is text and the same for the same chart, so
generated files can be compared; only `svg` runs a program.

What is drawn: each atomic state once; each Go row as an arrow to the atomic state where it ends.
Arrows between the same two states share one label. A row on a compound state starts at a small
node `any` inside it, because neither Mermaid nor DOT can draw an arrow from a group into itself.
Refuse and Drop never become arrows; Refuse is told in notes, and `answers` shows everything.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from statechart.model import Answer, Edge

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from statechart.chart import Chart
    from statechart.model import State

__all__ = ["DiagramError", "answers", "dot", "dot_digest", "mermaid", "svg", "svg_digest"]


class DiagramError(RuntimeError):
    """The picture cannot be made: graphviz is missing or did not accept the source."""


# -- what both pictures show -----------------------------------------------------------------------


# No state's name can contain it, so a generated name never meets one; both languages take it.
_JOIN = "·"


@dataclass(frozen=True, slots=True)
class _Arrow:
    """All Go edges that start and end at the same drawn nodes."""

    source: str
    dest: str
    edges: tuple[Edge, ...]

    def labels(self) -> tuple[str, ...]:
        """One text for each guard and action, with all triggers that share them."""
        merged: dict[str, list[str]] = {}
        for edge in self.edges:
            merged.setdefault(_suffix(edge), []).append(edge.trigger)
        return tuple(", ".join(triggers) + suffix for suffix, triggers in merged.items())


def _suffix(edge: Edge) -> str:
    guard = f" [{', '.join(edge.conditions)}]" if edge.conditions else ""
    action = f" / {', '.join(edge.actions)}" if edge.actions else ""
    return guard + action + ("" if edge.dest else " (internal)")


def _any(name: str) -> str:
    """Name the node inside a compound state from which its own rows start."""
    return f"{name}{_JOIN}any"


def _node(chart: Chart, name: str) -> str:
    return _any(name) if chart.tree.states[name].children else name


def _arrows(chart: Chart) -> tuple[_Arrow, ...]:
    merged: dict[tuple[str, str], list[Edge]] = {}
    for edge in chart.tree.edges:
        if edge.answer is Answer.GO:
            source = _node(chart, edge.source)
            dest = chart.tree.entry(edge.dest) if edge.dest else source
            merged.setdefault((source, dest), []).append(edge)
    return tuple(_Arrow(source, dest, tuple(edges)) for (source, dest), edges in merged.items())


def _remarks(chart: Chart) -> dict[str, list[str]]:
    """Return lines to note beside nodes: the state's own note, then what it refuses and why."""
    found: dict[str, list[str]] = {}
    for name, state in chart.tree.states.items():
        if state.note:
            found.setdefault(_node(chart, name), []).append(state.note)
    refused: dict[tuple[str, str], list[str]] = {}
    for edge in chart.tree.edges:
        if edge.answer is Answer.REFUSE:
            guard = f" [{', '.join(edge.conditions)}]" if edge.conditions else ""
            key = (_node(chart, edge.source), edge.reason)
            refused.setdefault(key, []).append(edge.trigger + guard)
    for (node, reason), triggers in refused.items():
        found.setdefault(node, []).append(f"refuses {', '.join(triggers)} ({reason})")
    return found


def _shown(chart: Chart) -> frozenset[str]:
    """Return the `any` nodes that something is attached to."""
    ends = {arrow.source for arrow in _arrows(chart)} | set(_remarks(chart))
    return frozenset(ends - set(chart.tree.states))


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"    {line}" for line in lines)


# -- Mermaid ---------------------------------------------------------------------------------------

# Words that Mermaid reads as syntax where a state's name may stand.
_RESERVED = frozenset(
    {"as", "class", "classdef", "click", "default", "direction", "end", "fork"}
    | {"hide", "href", "join", "note", "scale", "state", "style"}
)


def mermaid(chart: Chart, lit: Collection[str | Edge] = ()) -> str:
    """Return the chart as a Mermaid `stateDiagram-v2`.

    `lit` names states to highlight and edges to mark with a dot before their label.
    """
    shown = _shown(chart)
    regions = [
        list(_mermaid_state(region, shown, chart.tree.entry(region.name)))
        for region in chart.regions
    ]
    body = regions[0]
    if len(regions) > 1:
        inner = [line for region in regions for line in ("--", *region)][1:]
        body = [f'state "{_plain(chart.name)}" as all{_JOIN}regions {{', *_indented(inner), "}"]
    # Arrows and notes stand at the top level: inside a group Mermaid would move the states that
    # they mention out of the group where they were declared.
    body += [*_mermaid_arrows(chart, lit), *_mermaid_notes(chart), *_mermaid_classes(chart, lit)]
    return "\n".join(["stateDiagram-v2", *_indented(body)]) + "\n"


def _mermaid_state(state: State, shown: frozenset[str], start: str) -> Iterator[str]:
    """Declare `state`; the marker of the start goes into the innermost group around it."""
    own, anchor = _id(state.name), _any(state.name)
    if not state.children:
        yield own if own == state.name else f'state "{state.name}" as {own}'
        return
    yield f'state "{state.name}" as {own} {{'
    if any(child.name == start for child in state.children):
        yield f"    [*] --> {_id(start)}"
    if anchor in shown:
        yield f'    state "any" as {_id(anchor)}'
    for child in state.children:
        yield from _indented(_mermaid_state(child, shown, start))
    yield "}"


def _mermaid_arrows(chart: Chart, lit: Collection[str | Edge]) -> Iterator[str]:
    for arrow in _arrows(chart):
        mark = "● " if any(edge in lit for edge in arrow.edges) else ""
        label = "<br>".join(map(_plain, arrow.labels()))
        yield f"{_id(arrow.source)} --> {_id(arrow.dest)} : {mark}{label}"


def _mermaid_notes(chart: Chart) -> Iterator[str]:
    for node, lines in _remarks(chart).items():
        yield f"note right of {_id(node)}"
        yield from _indented(map(_plain, lines))
        yield "end note"


def _mermaid_classes(chart: Chart, lit: Collection[str | Edge]) -> Iterator[str]:
    states = chart.tree.states.values()
    for name, style, members in (
        ("final", "stroke-width:4px", [s.name for s in states if s.final]),
        ("lit", "fill:#ffe08a,stroke:#b36b00", [s.name for s in states if s.name in lit]),
    ):
        if members:
            yield f"classDef {name} {style}"
            yield f"class {','.join(map(_id, members))} {name}"


def _id(name: str) -> str:
    return f"state{_JOIN}{name}" if name.lower() in _RESERVED else name


def _plain(text: str) -> str:
    """Return `text` without what Mermaid would read as syntax."""
    text = re.sub(r"[#;:\"<>{}]", lambda found: f"#{ord(found[0])};", text)
    return " ".join(text.split())


# -- DOT and SVG -----------------------------------------------------------------------------------


def dot(chart: Chart, lit: Collection[str | Edge] = ()) -> str:
    """Return the chart as a Graphviz digraph: clusters for compound states and regions.

    `lit` names states and edges to highlight.
    """
    lines = [
        f"digraph {_quoted(chart.name)} {{",
        "    rankdir=LR",
        '    graph [fontname="Helvetica", style="rounded"]',
        '    node [fontname="Helvetica", shape=box, style="rounded"]',
        '    edge [fontname="Helvetica", fontsize=10]',
    ]
    for region in chart.regions:
        lines += _indented(_dot_state(chart, region, lit))
        start = _quoted(f"{region.name}{_JOIN}start")
        lines.append(f'    {start} [shape=point, label=""]')
        lines.append(f"    {start} -> {_quoted(chart.tree.entry(region.name))}")
    for arrow in _arrows(chart):
        label = _quoted("\n".join(arrow.labels()))
        glow = ", color=orangered, penwidth=2" if any(e in lit for e in arrow.edges) else ""
        ends = f"{_quoted(arrow.source)} -> {_quoted(arrow.dest)}"
        lines.append(f"    {ends} [label={label}{glow}]")
    return "\n".join([*lines, "}"]) + "\n"


def _dot_state(chart: Chart, state: State, lit: Collection[str | Edge]) -> Iterator[str]:
    remarks = _remarks(chart)
    glow = ', style="rounded,filled", fillcolor="#ffe08a"' if state.name in lit else ""
    if not state.children:
        double = ", peripheries=2" if state.final else ""
        tip = _quoted("\n".join(remarks.get(state.name, [state.name])))
        label = _quoted(state.name)
        yield f"{label} [label={label}, tooltip={tip}{double}{glow}]"
        return
    yield f"subgraph {_quoted('cluster_' + state.name)} {{"
    yield f"    label={_quoted(state.name)}"
    if glow:
        yield '    style="rounded,filled"'
        yield '    fillcolor="#fff4d6"'
    anchor = _any(state.name)
    if anchor in _shown(chart):
        tip = _quoted("\n".join(remarks.get(anchor, [state.name])))
        yield f'    {_quoted(anchor)} [label="any", shape=plaintext, tooltip={tip}]'
    for child in state.children:
        yield from _indented(_dot_state(chart, child, lit))
    yield "}"


def _quoted(text: str) -> str:
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{text}"'


def dot_digest(source: str) -> str:
    """Return the digest that `svg` embeds for this DOT source."""
    return hashlib.sha256(source.encode()).hexdigest()


def svg(chart: Chart, lit: Collection[str | Edge] = ()) -> str:
    """Return the chart as SVG, drawn by the `dot` program.

    A comment at the end holds the digest of the DOT source, so that a stale picture is noticed
    without graphviz. Raises `DiagramError` if `dot` is not installed or fails.
    """
    program = shutil.which("dot")
    if program is None:
        raise DiagramError("cannot draw SVG without graphviz: `dot` is not on PATH; install it")
    source = dot(chart, lit)
    done = subprocess.run(  # noqa: S603 - the program comes from PATH, its input from a chart
        [program, "-Tsvg"], input=source, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise DiagramError(f"{program} failed with code {done.returncode}: {done.stderr.strip()}")
    return f"{done.stdout.rstrip()}\n<!-- dot sha256 {dot_digest(source)} -->\n"


def svg_digest(text: str) -> str | None:
    """Return the digest of the DOT source that an SVG was drawn from, None if it has none.

    Compare it with `dot_digest(dot(chart))`.
    """
    found = re.search(r"<!-- dot sha256 ([0-9a-f]{64}) -->", text)
    return found[1] if found else None


# -- the table of answers --------------------------------------------------------------------------


def answers(chart: Chart) -> str:
    """Return a Markdown table per region: events down, atomic states across, answers in cells.

    An empty cell means that the region is silent and another one answers.
    """
    tables = []
    for region, leaves in zip(chart.regions, chart.tree.leaves, strict=True):
        lines = [f"### {region.name}", "", _cells("event", leaves)]
        lines.append(_cells("---", ["---"] * len(leaves)))
        for event in chart.events:
            found = [chart.tree.candidates(leaf, event) for leaf in leaves]
            lines.append(_cells(event, ["<br>".join(map(_answer, edges)) for edges in found]))
        tables.append("\n".join(lines))
    return "\n\n".join(tables) + "\n"


def _cells(head: str, cells: Iterable[str]) -> str:
    return "| " + " | ".join((head, *cells)) + " |"


def _answer(edge: Edge) -> str:
    guard = f"[{', '.join(edge.conditions)}] " if edge.conditions else ""
    actions = f" / {', '.join(edge.actions)}" if edge.actions else ""
    what = edge.dest or "stay" if edge.answer is Answer.GO else edge.reason
    text = f"{guard}**{edge.answer.value}** {what}{actions}"
    return " ".join(text.replace("|", "\\|").split())
