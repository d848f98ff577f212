"""Pictures: what they show, that they are stable, and that a stale SVG is noticed."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from statechart import Chart, Defer, Drop, Go, Refuse, State
from statechart.diagram import DiagramError, answers, dot, dot_digest, mermaid, svg, svg_digest

if TYPE_CHECKING:
    from pathlib import Path

TURNSTILE = Chart(
    name='the "turnstile"',
    regions=(
        State(
            "gate",
            (
                State("shut", note="waits; #1"),
                State("ajar", (State("half"), State("wide")), "half"),
                State("end", final=True),
            ),
            "shut",
        ),
        State("lamp", (State("red"), State("green")), "red"),
    ),
    events=("coin", "push", "kick", "wait"),
    rows=(
        Go("coin", "shut", "ajar", conditions="valid", actions=("ring", "count")),
        Refuse("coin", "shut", "bad_coin"),
        Go(("push", "kick"), "half", "wide"),
        Go("push", "ajar", "shut"),
        Go("kick", "ajar", "ajar"),
        Go("coin", "ajar", None, actions="count"),
        Refuse(("push", "kick"), "shut", "locked"),
        Go("wait", "shut", "end"),
        Defer("wait", "ajar"),
        Drop(("coin", "push", "kick", "wait"), "end", "ended"),
        Go("coin", "red", "green"),
        Drop("coin", "green", "is|green"),
        Go("push", "green", "red"),
        Drop("push", "red", "is_red"),
    ),
    guards={"valid": lambda context, data: bool(data)},
)

MERMAID = """\
stateDiagram-v2
    state "the #34;turnstile#34;" as all·regions {
        state "gate" as gate {
            [*] --> shut
            shut
            state "ajar" as ajar {
                state "any" as ajar·any
                half
                wide
            }
            state "end" as state·end
        }
        --
        state "lamp" as lamp {
            [*] --> red
            red
            green
        }
    }
    shut --> half : coin [valid] / ring, count
    half --> wide : push, kick
    ajar·any --> shut : push
    ajar·any --> half : kick
    ajar·any --> ajar·any : coin / count (internal)
    shut --> state·end : wait
    red --> green : coin
    green --> red : push
    note right of shut
        waits#59; #35;1
        refuses coin (bad_coin)
        refuses push, kick (locked)
    end note
    classDef final stroke-width:4px
    class state·end final
"""


def test_mermaid() -> None:
    assert mermaid(TURNSTILE) == MERMAID


def test_mermaid_lights_states_and_edges() -> None:
    edge = TURNSTILE.tree.edges[0]
    text = mermaid(TURNSTILE, lit=("ajar", edge))
    assert "class ajar lit" in text
    assert "shut --> half : ● coin" in text
    assert text.count("●") == 1


def test_mermaid_of_one_region_has_no_frame_around_it() -> None:
    lamp = Chart(
        name="lamp",
        regions=(State("lamp", (State("off"), State("on")), "off"),),
        events=("turn",),
        rows=(Go("turn", "off", "on"), Go("turn", "on", "off")),
    )
    assert mermaid(lamp).splitlines()[1] == '    state "lamp" as lamp {'


def test_labels_between_the_same_states_are_merged() -> None:
    chart = Chart(
        name="lamp",
        regions=(State("lamp", (State("off"), State("on")), "off"),),
        events=("turn", "press", "wave"),
        rows=(
            Go(("turn", "press"), "off", "on"),
            Go("wave", "off", "on", actions="greet"),
            Go(("turn", "press", "wave"), "on", "off"),
        ),
    )
    assert "off --> on : turn, press<br>wave / greet\n" in mermaid(chart)
    assert '"off" -> "on" [label="turn, press\\nwave / greet"]' in dot(chart)


def test_dot() -> None:
    text = dot(TURNSTILE)
    assert text.startswith('digraph "the \\"turnstile\\"" {\n')
    assert 'subgraph "cluster_ajar" {' in text
    assert '"end" [label="end", tooltip="end", peripheries=2]' in text
    assert '"shut" -> "half" [label="coin [valid] / ring, count"]' in text
    assert "locked" not in "".join(line for line in text.splitlines() if "->" in line)
    assert text.count("{") == text.count("}")


def test_dot_lights_states_and_edges() -> None:
    text = dot(TURNSTILE, lit=("ajar", "red", TURNSTILE.tree.edges[0]))
    assert text.count('fillcolor="#ffe08a"') == 1
    assert text.count('fillcolor="#fff4d6"') == 1
    assert text.count("penwidth=2") == 1


def test_answers_show_everything() -> None:
    gate, lamp = answers(TURNSTILE).split("\n\n### ")
    head, line, coin = gate.splitlines()[2:5]
    assert (head, line) == (
        "| event | shut | half | wide | end |",
        "| --- | --- | --- | --- | --- |",
    )
    assert coin.split(" | ") == [
        "| coin",
        "[valid] **go** ajar / ring, count<br>**refuse** bad_coin",
        "**go** stay / count",
        "**go** stay / count",
        "**drop** ended |",
    ]
    assert "| wait | **go** end | **defer** | **defer** | **drop** ended |" in gate
    assert "| coin | **go** green | **drop** is\\|green |" in lamp
    assert "| wait |  |  |" in lamp


# -- SVG -------------------------------------------------------------------------------------------


def install(where: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a program called `dot` on an otherwise empty PATH."""
    program = where / "dot"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(where), prepend=":")


def test_svg_carries_the_digest_of_its_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "cat >/dev/null; echo '<svg></svg>'", monkeypatch)
    text = svg(TURNSTILE)
    assert text.startswith("<svg></svg>\n<!-- dot sha256 ")
    assert svg_digest(text) == dot_digest(dot(TURNSTILE))
    assert svg_digest(text) != dot_digest(dot(TURNSTILE, lit=("shut",)))


def test_svg_without_digest() -> None:
    assert svg_digest("<svg></svg>") is None


def test_svg_without_graphviz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DiagramError, match="without graphviz: `dot` is not on PATH; install it"):
        svg(TURNSTILE)


def test_svg_when_graphviz_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "cat >/dev/null; echo 'syntax error' >&2; exit 3", monkeypatch)
    with pytest.raises(DiagramError, match="failed with code 3: syntax error"):
        svg(TURNSTILE)


@pytest.mark.skipif(shutil.which("dot") is None, reason="graphviz is not installed")
def test_svg_by_graphviz() -> None:
    assert "<svg" in svg(TURNSTILE)
