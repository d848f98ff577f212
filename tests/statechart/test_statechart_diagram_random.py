"""Random charts: every picture can be read back, and then has all that the chart has.

`diagram_readers` has a small reader for each language. Pictures do not ask whether a chart is
sound, so the charts here need not be: that makes room for odd ones.
"""

from __future__ import annotations

import shutil
import subprocess
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from statechart import (
    ALWAYS,
    After,
    At,
    Chart,
    Defer,
    Drop,
    Go,
    History,
    Quiet,
    Raise,
    Refuse,
    Start,
    State,
    Stop,
    done,
)
from statechart.actions import several
from statechart.diagram import dot, mermaid, plantuml
from statechart.model import names
from statechart.tree import Tree
from tests.statechart.diagram_readers import EVENTS, Seen, read_dot, read_mermaid, read_plantuml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from statechart.model import Edge, Row

DETERMINISTIC = settings(
    derandomize=True,
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


# -- charts ----------------------------------------------------------------------------------------


WORDS = (
    "end",
    "note",
    "state",
    "Class",
    "root",
    "a__b",
    "constructor",
    "remove",
    "as",
    "__proto__",
)
NAMES = (*WORDS, *(f"s{number}" for number in range(40)))
HOSTILE = (
    *("end note", "<b>&amp;</b> #35; ;", '"quoted" \\n {', "} --> [*] : go", "a\nrefuses go (x)"),
    *("--\n--", "@enduml", "%%{init}%% `x`", "é ☃ “…”", "[g] / do (local) — x", "//it// **b**", ""),
    *("classDef final x", "\x00\x1b\u2028", "x) / y", "a very long note " * 12, "' /' <U+0041>"),
)
TEXTS = st.sampled_from(HOSTILE)
ACTIONS: st.SearchStrategy[tuple[Any, ...]] = st.lists(
    st.sampled_from(
        ("ring", "a-b.c", Raise("go"), Start("t", 5), Start("t", At("due"), "go"), Stop("t"))
    ),
    max_size=2,
).map(tuple)
PLAIN_ACTIONS: st.SearchStrategy[tuple[Any, ...]] = st.lists(
    st.sampled_from(("ring", "count")), max_size=2
).map(tuple)
CONDITIONS = st.lists(st.sampled_from(("g", "!g", "in:s1", "!in:s2")), max_size=2).map(tuple)
TRIGGERS: st.SearchStrategy[tuple[Any, ...]] = st.lists(
    st.sampled_from(
        (*EVENTS, *EVENTS, ALWAYS, done("s1"), After(500), After("soon"), Quiet(7), At("due"))
    ),
    min_size=1,
    max_size=10,
    unique=True,
).map(tuple)


@st.composite
def places(draw: st.DrawFn, free: list[str], depth: int) -> State | History:
    """A state with what is inside it; a region has the greatest depth."""
    name, note = free.pop(), draw(TEXTS)
    if not depth or (depth < 3 and draw(st.booleans())):
        final = draw(st.booleans())
        return State(name, (), None, final, note, entry=draw(ACTIONS), exit=draw(ACTIONS))
    inner = [draw(places(free, depth - 1)) for _ in range(draw(st.integers(1, 3)))]
    inside = [place.name for child in inner for place in everything(child)]
    for _ in range(draw(st.integers(0, 1))):
        default = tuple(draw(st.lists(st.sampled_from(inside), max_size=2, unique=True)))
        deep, actions = draw(st.booleans()), draw(ACTIONS)
        inner.insert(0, History(free.pop(), default, deep, actions, draw(TEXTS)))
    parallel = draw(st.booleans())
    targets = st.lists(st.sampled_from([*inside, inner[0].name]), max_size=2, unique=True)
    initial = () if parallel else tuple(draw(targets))
    more: dict[str, Any] = {
        "entry": draw(ACTIONS),
        "exit": draw(ACTIONS),
        "initial_actions": draw(ACTIONS),
    }
    return State(name, tuple(inner), initial or None, False, note, parallel, **more)


def everything(place: State | History) -> Iterator[State | History]:
    yield place
    for child in getattr(place, "children", ()):
        yield from everything(child)


@st.composite
def rows(draw: st.DrawFn, region: State) -> Row:
    states = [place.name for place in everything(region) if isinstance(place, State)]
    targets = [place.name for place in everything(region)]
    source = tuple(draw(st.lists(st.sampled_from(states), min_size=1, max_size=2, unique=True)))
    trigger, conditions = draw(TRIGGERS), draw(CONDITIONS)
    kind: type[Row] = draw(st.sampled_from((Go, Go, Go, Refuse, Drop, Defer)))
    if kind is Go:
        dest = tuple(draw(st.lists(st.sampled_from(targets), max_size=3, unique=True)))
        actions, note, internal = draw(ACTIONS), draw(TEXTS), draw(st.booleans())
        return Go(trigger, source, dest or None, conditions, actions, note, internal)
    if kind is Defer:
        return Defer(trigger, source, draw(TEXTS), conditions)
    row = Refuse if kind is Refuse else Drop
    return row(trigger, source, draw(TEXTS), conditions, draw(PLAIN_ACTIONS))


@st.composite
def charts(draw: st.DrawFn) -> Chart:
    free = list(draw(st.permutations(NAMES)))
    regions = [cast("State", draw(places(free, 3))) for _ in range(draw(st.integers(1, 2)))]
    listed = [row for r in regions for row in draw(st.lists(rows(r), max_size=6))]
    name, note = draw(TEXTS), draw(TEXTS)
    tree = Tree(regions, listed)
    double = SimpleNamespace(name=name, note=note, regions=regions, events=EVENTS, tree=tree)
    return cast("Chart", double)


# -- what a picture should have --------------------------------------------------------------------


def line(text: str) -> str:
    text = " ".join(text.split())
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def expected(chart: Chart) -> Seen:
    seen, tree = Seen(), chart.tree
    for name, state in tree.states.items():
        seen.states[name] = (tree.parent(name), "final" if state.final else "")
        kinds = [("entry", state.entry), ("exit", state.exit), ("initial", state.initial_actions)]
        seen.told |= {(name, kind, ", ".join(map(str, several(a)))) for kind, a in kinds if a}
        seen.told |= {(name, "note", line(state.note))} if line(state.note) else set()
        if state.initial:
            seen.starts[name] = [*names(state.initial)]
    for name, history in tree.histories.items():
        seen.states[name] = (tree.parent(name), "H*" if history.deep else "H")
        seen.told |= {(name, "note", line(history.note))} if line(history.note) else set()
        if history.actions:
            seen.told.add((name, "default", ", ".join(map(str, several(history.actions)))))
        if history.default:
            seen.starts[name] = [*names(history.default)]
    seen.rows = set(map(row_of, tree.edges))
    return seen


def row_of(edge: Edge) -> tuple[Any, ...]:
    actions = tuple(map(str, edge.actions))
    answer = (edge.answer, line(edge.reason), line(edge.note), edge.internal)
    return (edge.source, edge.trigger, edge.targets, edge.conditions, actions, answer)


READERS = pytest.mark.parametrize(
    ("draw", "read"),
    [(mermaid, read_mermaid), (dot, read_dot), (plantuml, read_plantuml)],
    ids=["mermaid", "dot", "plantuml"],
)


@READERS
@DETERMINISTIC
@given(data=st.data())
def test_everything_is_in_every_picture(draw: Any, read: Any, data: Any) -> None:
    chart = data.draw(charts())
    text = draw(chart)
    seen, wanted = read(text), expected(chart)
    assert seen.states == wanted.states
    assert seen.starts == wanted.starts
    assert seen.told == wanted.told
    assert seen.rows == wanted.rows
    assert draw(chart) == text


@pytest.mark.skipif(shutil.which("dot") is None, reason="graphviz is not installed")
@settings(DETERMINISTIC, max_examples=10)
@given(charts())
def test_graphviz_takes_what_is_drawn_without_a_word(chart: Chart) -> None:
    done = subprocess.run(
        ["dot", "-Tsvg"], input=dot(chart), capture_output=True, encoding="utf-8", check=True
    )
    assert done.stderr == ""
