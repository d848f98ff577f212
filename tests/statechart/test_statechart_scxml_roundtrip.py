"""Random charts as SCXML: read back they are the same, and read as anybody's they do the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from statechart import (
    ALWAYS,
    Action,
    After,
    Answer,
    At,
    Chart,
    ChartError,
    Defer,
    Drop,
    Go,
    History,
    Quiet,
    Raise,
    Refuse,
    Row,
    Start,
    State,
    Stop,
    Trigger,
    done,
    inside,
)
from statechart.actions import several
from statechart.model import names
from statechart.scxml import from_scxml, to_scxml
from statechart.scxml.theirs import FORGIVEN

EVENTS = ("e0", "e1", "e2.x")
GUARDS = ("g0", "g1")
TIMES = {"grace": 70, "noon": 90}
XML_LACKS = "".join(map(chr, (*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF)))
DETERMINISTIC = settings(
    derandomize=True,
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)

ACTIONS: st.SearchStrategy[Action] = st.sampled_from(
    (
        *(
            "ring",
            "a-b.c",
            Raise("poke"),
            Stop("t"),
            Start("t", 5, "e0"),
            Start("u", "grace", "e0"),
        ),
        *(Start("e1", 0), Start("e1", 0, "e1"), Start("v", At("noon"), "e1")),
    )
)
LISTS = st.lists(ACTIONS, max_size=2).map(tuple)
XML = st.characters(codec="utf-8", exclude_characters=XML_LACKS)
TEXTS = st.one_of(
    st.sampled_from(
        ("a note", "  padded  ", " ", "\n", 'of "two"\n<lines> & a\ttab', "\r\n&#10;'")
    ),
    st.text(XML, min_size=1, max_size=9),
)
NOTES = st.one_of(st.just(""), TEXTS)
REASONS = TEXTS.map(lambda text: f"{text}because{text}")  # a blank one would be no reason


# -- charts ----------------------------------------------------------------------------------------


@st.composite
def trees(draw: st.DrawFn, name: str, depth: int) -> State:
    """A state, by chance with children, of which one may be a history or final."""
    entry, leaving, note = draw(LISTS), draw(LISTS), draw(NOTES)
    plain = State(name, entry=entry, exit=leaving, note=note)
    if not depth or (depth < 2 and draw(st.booleans())):
        return plain
    kind = draw(st.sampled_from(("compound", "parallel") if depth < 2 else ("compound",)))
    count = 2 if kind == "parallel" else draw(st.integers(1, 2)) + depth - 1
    children: list[State | History] = [
        draw(trees(f"{name}_{number}", depth - 1)) for number in range(count)
    ]
    if kind == "parallel":
        return replace(plain, parallel=True, children=tuple(children))
    first = children[0].name
    if draw(st.booleans()):
        children.append(State(f"{name}_end", final=True, entry=draw(LISTS)))
    if draw(st.booleans()):
        deep, actions = draw(st.booleans()), draw(LISTS)
        children.insert(0, History(f"{name}_h", first, deep=deep, actions=actions, note=note))
    via = draw(LISTS)
    return replace(plain, children=tuple(children), initial=first, initial_actions=via)


def below(state: State | History) -> Iterator[State | History]:
    yield state
    for child in state.children if isinstance(state, State) else ():
        yield from below(child)


@st.composite
def rows_of(draw: st.DrawFn, region: State, answers: tuple[str, ...]) -> list[Row]:
    everything = list(below(region))
    sources = [each for each in everything if isinstance(each, State) and not each.final]
    targets = [each.name for each in everything]
    found: list[Row] = [  # so that most of the chart is visited
        Go("next", a.name, b.name)
        for a, b in pairwise(everything[1:])
        if isinstance(a, State) and not a.final
    ]
    for _ in range(draw(st.integers(1, 4))):
        source = draw(st.sampled_from(sources)).name
        other = draw(st.sampled_from(sources)).name
        words = (*GUARDS, "!g0", inside(other), f"!{inside(other)}", "g1")
        conditions = draw(st.sampled_from(((), (), words[:1], words[2:4], words[-2:-1])))
        event = draw(st.lists(st.sampled_from(EVENTS), min_size=1, max_size=2, unique=True))
        match draw(st.sampled_from(answers)):
            case "refuse":
                found.append(Refuse(tuple(event), source, draw(TEXTS), conditions, "log"))
            case "drop":
                found.append(Drop(event[0], source, draw(TEXTS), conditions))
            case "defer":
                found.append(Defer(tuple(event), source, draw(NOTES), conditions))
            case kind:
                trigger = _trigger(kind, source, event)
                note, actions = draw(NOTES), draw(LISTS)
                dest = draw(st.sampled_from((None, *targets, *targets)))
                inner = _within(everything, source)
                internal = dest in inner and draw(st.booleans())
                found.append(Go(trigger, source, dest, conditions, actions, note, internal))
    return found


def _within(everything: list[State | History], source: str) -> set[str]:
    """The states inside `source`, if a transition there may be internal."""
    state = next(each for each in everything if each.name == source)
    if not isinstance(state, State) or state.parallel:
        return set()
    return {each.name for each in below(state)} - {source}


def _trigger(kind: str, source: str, events: list[str]) -> Trigger | tuple[Trigger, ...]:
    triggers: dict[str, Trigger | tuple[Trigger, ...]] = {
        "after": (After(500), After("grace"), *events),
        "quiet": Quiet(300),
        "at": At("noon"),
        "always": ALWAYS,
        "done": done(source),
    }
    return triggers.get(kind, tuple(events))


def told(guard: str, context: Any, _data: object) -> bool:
    return guard in context


def sound(build: Callable[[dict[str, str]], Chart], reason: str = "random") -> Chart:
    """Build a chart that may break all rules that may be waived; pass over what is still wrong."""
    waive: dict[str, str] = {}
    while True:
        try:
            return build(waive)
        except ChartError as error:
            broken = {finding.rule for finding in error.findings} - {"more-findings"}
            allowed = {*FORGIVEN, "unused-time", "unused-guard"} - waive.keys()
            assume(broken and broken <= allowed)
            waive |= dict.fromkeys(sorted(broken), reason)


PLAIN = ("go", "go", "drop", "after", "done", "always")
ALL = (*PLAIN, "refuse", "defer", "quiet", "at")


@st.composite
def charts(draw: st.DrawFn, answers: tuple[str, ...] = ALL) -> Chart:
    regions = [draw(trees(f"r{n}", 2)) for n in range(draw(st.integers(1, 2)))]
    rows = [row for region in regions for row in draw(rows_of(region, answers))]
    rows += [Drop((*EVENTS, "next"), region.name, "nothing_to_do") for region in regions]
    rows.append(Go("poke", regions[0].name, None, actions="ouch"))
    rows.append(Go("tick", regions[0].name, None, actions=(Start("t", 1, "e0"), Start("e1", 2))))
    name, note, reason = draw(NOTES), draw(NOTES), draw(REASONS)
    return sound(
        lambda waive: Chart(
            name=name,
            regions=tuple(regions),
            events=(*EVENTS, "tick", "poke", "next"),
            rows=tuple(rows),
            guards={guard: partial(told, guard) for guard in GUARDS},
            times=TIMES,
            waive=waive,
            note=note,
        ),
        reason,
    )


# -- what must hold --------------------------------------------------------------------------------


def spelled_out(state: State | History) -> State | History:
    """The same state, written in one way where there are two."""
    if isinstance(state, History):
        return replace(state, default=names(state.default), actions=several(state.actions))
    return replace(
        state,
        children=tuple(map(spelled_out, state.children)),
        initial=names(state.initial),
        entry=several(state.entry),
        exit=several(state.exit),
        initial_actions=several(state.initial_actions),
    )


@DETERMINISTIC
@given(charts())
def test_a_chart_comes_back_from_its_document(chart: Chart) -> None:
    text = to_scxml(chart)
    again = from_scxml(text.encode(), guards=chart.guards, times=chart.times)
    assert [*map(spelled_out, again.regions)] == [*map(spelled_out, chart.regions)]
    assert set(again.tree.edges) == set(chart.tree.edges)
    for edge in chart.tree.edges:
        found = again.tree.rows_at(edge.source, edge.trigger)
        assert found == chart.tree.rows_at(edge.source, edge.trigger)
    assert (again.name, again.events, again.note) == (chart.name, chart.events, chart.note)
    assert dict(again.waive) == dict(chart.waive)
    assert to_scxml(again) == text


CONTEXTS = st.frozensets(st.sampled_from(GUARDS))
STEPS = st.lists(st.tuples(st.integers(0, 99), CONTEXTS), max_size=10)


@DETERMINISTIC
@given(charts(PLAIN), CONTEXTS, STEPS)
def test_read_as_scxml_and_no_more_it_does_the_same(
    chart: Chart, at_first: frozenset[str], steps: list[tuple[int, frozenset[str]]]
) -> None:
    """Without the mark that it is ours, only SCXML's rules hold: those of domains above all."""
    text = to_scxml(chart).replace('sc:version="1" ', "")
    used = {c.removeprefix("!") for edge in chart.tree.edges for c in edge.conditions}
    theirs = sound(
        lambda waive: from_scxml(
            text,
            guards={name: guard for name, guard in chart.guards.items() if name in used},
            times=chart.times,
            waive=waive,
        )
    )
    table, other = chart.compile(), theirs.compile()
    ours, same = table.start(at_first), other.start(at_first)
    assert _seen(ours) == _seen(same)
    events = (*table.events, *table.timeouts)
    for number, context in steps:
        event = events[number % len(events)]
        ours = table.step(ours.configuration, event, context)
        same = other.step(same.configuration, event, context)
        assert _seen(ours) == _seen(same)


def _seen(outcome: Any) -> tuple[object, ...]:
    moved = outcome.answer is Answer.GO
    atomic, history = outcome.configuration.atomic, outcome.configuration.history
    # Timers of one id have names of their own there, so what they bring is compared.
    timers = [(each.delay, each.fires) for each in outcome.timers if isinstance(each, Start)]
    return moved, atomic, history, outcome.actions if moved else (), timers
