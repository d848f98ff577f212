"""Pictures: what they show and how, what is lit, and that a stale SVG is noticed."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from statechart import (
    After,
    Chart,
    Defer,
    Drop,
    Go,
    History,
    Refuse,
    Start,
    State,
    done,
)
from statechart.diagram import (
    DiagramError,
    Highlight,
    answers,
    dot,
    dot_digest,
    mermaid,
    plantuml,
    svg,
    svg_digest,
)

if TYPE_CHECKING:
    from pathlib import Path

TIMES = "\N{MULTIPLICATION SIGN}"

ORDER = Chart(
    name='the "order"',
    note="how it is sold; #1",
    regions=(
        State(
            "order",
            (
                State("cart", entry="show", note="end note #1"),
                State(
                    "pay",
                    (
                        History("back", "card", deep=True, actions="ask"),
                        State("card"),
                        State("bank"),
                    ),
                    "card",
                    entry="unlock",
                    exit=("lock", "save"),
                    initial_actions="greet",
                ),
                State(
                    "ship",
                    (
                        State("box", (State("open"), State("shut", final=True)), "open"),
                        State("bill", (State("due"), State("paid", final=True)), "due"),
                    ),
                    parallel=True,
                ),
                State("held"),
                State("end", final=True),
            ),
            "cart",
        ),
    ),
    events=("next", "bank", "hold", "resume", "do_pack", "do_label", "do_both"),
    rows=(
        Go("next", "cart", "pay", conditions="full", actions=("ring", Start("nag", 5, "next"))),
        Refuse("next", "cart", "empty"),
        Go("bank", "card", "bank"),
        Go("bank", "bank", "pay", note="starts again"),
        Go("hold", "pay", "held"),
        Go("hold", "held", None, actions="count"),
        Go("resume", "held", "back"),
        Go("next", "pay", ("open", "due")),
        Go(("do_pack", "do_both"), "open", "shut"),
        Go(("do_label", "do_both"), "due", "paid"),
        Go(done("ship"), "ship", "end", actions="thanks"),
        Go(After(500), "held", "end"),
        Drop(("do_pack", "do_label", "do_both"), "held", "late"),
        Defer("next", "held", "wait"),
        Drop(("next", "bank", "hold", "resume", "do_pack", "do_label", "do_both"), "end", "over"),
        Refuse(("next", "bank", "hold", "resume", "do_pack", "do_label", "do_both"), "order", "no"),
    ),
    guards={"full": lambda context, data: bool(data)},
)

MERMAID = """\
stateDiagram-v2
    accDescr: how it is sold#59; #35;1
    state "order" as order {
        [*] --> cart
        state "any" as order·any
        cart
        state "pay" as pay {
            state "start" as pay·start
            state "any" as pay·any
            state fork·1 <<fork>>
            state "H*" as back
            card
            bank
        }
        state "ship" as ship {
            state "any" as ship·any
            state "box" as box {
                [*] --> open
                open
                shut
            }
            --
            state "bill" as bill {
                [*] --> due
                due
                paid
            }
        }
        held
        state "end" as state·end
    }
    pay·start --> card
    back --> card
    cart --> pay : next [full] / ring, start nag after 5 ms as next
    card --> bank : bank
    bank --> pay·start : bank — starts again
    pay·any --> held : hold
    held --> held : hold / count (internal)
    held --> back : resume
    pay·any --> fork·1 : next
    fork·1 --> open
    fork·1 --> due
    open --> shut : do_pack, do_both
    due --> paid : do_label, do_both
    ship·any --> state·end : done ship / thanks
    held --> state·end : after 500 ms
    note right of order·any
        refuses any event (no)
    end note
    note right of cart
        “en#100; note #35;1”
        entry / show
        refuses next (empty)
    end note
    note right of pay·any
        entry / unlock
        exit / lock, save
        initial / greet
    end note
    note right of back
        default / ask
    end note
    note right of held
        drops do_* (late)
        defers next (wait)
    end note
    note right of state·end
        drops any event (over)
    end note
    classDef final stroke-width:4px
    class shut,paid,state·end final
    classDef history stroke-dasharray:3
    class back history
"""


def test_mermaid() -> None:
    assert mermaid(ORDER) == MERMAID


def test_rows_between_the_same_states_share_an_arrow() -> None:
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
    assert "off --> on : turn, press\\nwave / greet\n" in plantuml(chart)
    assert "on --> off : any event\n" in mermaid(chart)


def test_dot() -> None:
    text = dot(ORDER)
    assert text.startswith('digraph "the \\"order\\"" {\n')
    assert '"end" [label=<end<BR/><FONT POINT-SIZE="9">drops any event (over)' in text
    assert '"cart" -> "pay·start" [label="next [full] / ring, start nag after 5 ms' in text
    assert 'lhead="cluster_pay"]' in text
    assert '"bank" -> "pay·start" [label="bank — starts again"]' in text
    assert '"back" [label="H*", shape=circle, ' in text
    assert text.count('style="rounded,dashed"') == 2


def test_plantuml_divides_a_parallel_state_unless_arrows_cross_its_regions() -> None:
    crossed = plantuml(ORDER)
    assert 'state "box" as box <<region>> ##[dashed] {' in crossed
    assert "--\n" not in re.sub(r"<U.*", "", crossed)
    divided = plantuml(replace(ORDER, rows=tuple(_without_fork())))
    assert 'state "box" as box {' in divided
    assert "        --\n" in divided


def _without_fork() -> list[Go | Refuse | Drop | Defer]:
    return [
        replace(row, dest="ship") if isinstance(row, Go) and row.dest == ("open", "due") else row
        for row in ORDER.rows
    ]


def test_answers_show_everything() -> None:
    table = {line.split(" | ")[0]: line.split(" | ")[1:] for line in answers(ORDER).splitlines()}
    assert " ".join(table["| event"]) == "cart card bank open shut due paid held end |"
    assert table["| next"][:2] == [
        "[full] **go** pay / ring, start nag after 5 ms as next<br>**refuse** empty",
        "**go** open, due",
    ]
    assert table["| hold"][7] == "**go** stay / count"
    assert table["| next"][7] == "**defer** wait"
    assert table["| after 500 ms in held"][7] == "**go** end"
    assert table["| done ship"][3] == "**go** end / thanks"


# -- what is lit -----------------------------------------------------------------------------------


def test_states_and_rows_are_lit() -> None:
    edge = ORDER.tree.edges[0]
    lit = ("pay", "held", edge)
    assert "class pay,held lit" in mermaid(ORDER, lit)
    assert mermaid(ORDER, lit).count("●") == 1
    assert "cart --> pay : ● next" in mermaid(ORDER, lit)
    assert dot(ORDER, lit).count('fillcolor="#ffe08a"') == 1
    assert dot(ORDER, lit).count('fillcolor="#fff4d6"') == 1
    assert dot(ORDER, lit).count("penwidth=2") == 1
    assert "cart -[#ff4500,bold]-> pay : ● next" in plantuml(ORDER, lit)
    assert plantuml(ORDER, lit).count("#ffe08a") == 2


def test_a_configuration_is_lit_with_all_around_it() -> None:
    table = ORDER.compile()
    assert Highlight.of(table.initial).states == {"order", "cart"}
    assert "class order,cart lit" in mermaid(ORDER, Highlight.of(table.initial))


def test_a_path_is_numbered_in_order() -> None:
    table = ORDER.compile()
    first = table.step(table.initial, "bank")
    second = table.step(first.configuration, "next", data=True)
    third = table.step(second.configuration, "bank")
    text = mermaid(ORDER, Highlight.path((first, second, third, third)))
    assert "① refuses bank (no)" in text
    assert "cart --> pay : ② next" in text
    assert "card --> bank : ③④ bank" in text
    assert "class order,cart,pay,card,bank lit" in text


def test_coverage_is_counted() -> None:
    edges = ORDER.tree.edges
    lit = Highlight(taken={edges[0]: 12})
    assert f"cart --> pay : {TIMES}12 next" in mermaid(ORDER, lit)
    assert f"{TIMES}0 refuses next (empty)" in mermaid(ORDER, lit)
    lines = dot(ORDER, lit).splitlines()
    assert next(line for line in lines if f"{TIMES}12 next" in line).count("forestgreen") == 2
    assert "style=dashed" in next(line for line in lines if f"{TIMES}0 bank" in line)
    assert f"card -[#ff0000,dashed]-> bank : {TIMES}0 bank" in plantuml(ORDER, lit)


def test_what_the_chart_has_not_cannot_be_lit() -> None:
    with pytest.raises(DiagramError, match=r"cannot light cat: chart .* has no such state or row"):
        mermaid(ORDER, "cat")
    strange = replace(ORDER.tree.edges[0], trigger="x")
    with pytest.raises(DiagramError, match="cannot light row 0: 'x' in 'cart'"):
        dot(ORDER, Highlight(taken={strange: 1}))


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
    text = svg(ORDER)
    assert text.startswith("<svg></svg>\n<!-- dot sha256 ")
    assert svg_digest(text) == dot_digest(dot(ORDER))
    assert svg_digest(text) != dot_digest(dot(ORDER, lit=("held",)))


def test_svg_without_digest() -> None:
    assert svg_digest("<svg></svg>") is None


def test_svg_without_graphviz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DiagramError, match="without graphviz: `dot` is not on PATH; install it"):
        svg(ORDER)


def test_svg_when_graphviz_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "cat >/dev/null; echo 'syntax error' >&2; exit 3", monkeypatch)
    with pytest.raises(DiagramError, match="failed with code 3: syntax error"):
        svg(ORDER)


@pytest.mark.skipif(shutil.which("dot") is None, reason="graphviz is not installed")
def test_svg_by_graphviz() -> None:
    assert "<svg" in svg(ORDER)
    drawn = subprocess.run(
        ["dot", "-Tsvg"], input=dot(ORDER), capture_output=True, encoding="utf-8", check=True
    )
    assert drawn.stderr == ""
