"""Random charts and sequences of events, from any source of random numbers.

One generator, two drivers: Hypothesis hands in its own `random.Random`, so that a failure shrinks;
the soak hands in one for each pair, so that a pair can be made again from its number. What may
occur is a set of `Features`, one set for each engine that charts are compared with.

Charts are sound by construction in what matters for a comparison (every event has an answer, all
names exist, states can be entered); rules about style are waived as they are found, and the rest is
thrown away by `Chart` itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import TypeVar
from unittest.mock import patch

from statechart import (
    ALWAYS,
    Action,
    After,
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
    compiler,
    done,
    inside,
)
from statechart.check.rules import RULES

EVENTS = ("e0", "e1", "e2")
INSIDE_EVENTS = ("i0", "i1")
GUARDS = ("g0", "g1", "g2")
TIMEOUTS: list[Trigger] = [After(500), After("soon"), Quiet(300), Quiet("soon"), At("noon")]

MOST_CONFIGURATIONS = 12
"""Combinations of states, not counting what histories remember."""

MOST_WORK = 4_000
"""Answers in a table. Larger charts only take longer."""

MOST_MICROSTEPS = 25
"""Transitions that follow by themselves; those of an endless chart are found sooner."""

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Features:
    """What may occur in a chart; with nothing switched on, nested states, guards and actions."""

    regions: int = 1
    parallel: bool = False
    history: bool = False
    parallel_history: bool = False
    return_acts: bool = True
    """Rows to histories may have actions."""

    done: bool = False
    always: bool = False
    raises: bool = False
    internal: bool = False
    several: bool = False
    deep_initial: bool = False
    initial_actions: bool = False
    time: bool = False
    inside: bool = False
    answers: bool = False
    inwards: bool = True
    crossing: bool = False
    steady: bool = False
    """The same guards hold for the whole sequence: a row without an event has settled before."""


EVERYTHING = Features(
    regions=3,
    parallel=True,
    history=True,
    parallel_history=True,
    done=True,
    always=True,
    raises=True,
    internal=True,
    several=True,
    deep_initial=True,
    initial_actions=True,
    time=True,
    inside=True,
    answers=True,
    crossing=True,
)


@dataclass(frozen=True)
class Case:
    """A chart, the guards that hold at its start, and events with those that hold for each."""

    chart: Chart
    start: frozenset[str]
    steps: tuple[tuple[str, frozenset[str]], ...]

    def code(self) -> str:
        """Return the case as code that makes it again."""
        chart = self.chart
        guards = ", ".join(f"{name!r}: partial(in_context, {name!r})" for name in chart.guards)
        lines = [
            f"name={chart.name!r}",
            f"regions={chart.regions!r}",
            f"events={chart.events!r}",
            "rows=(\n        " + ",\n        ".join(map(repr, chart.rows)) + ",\n    )",
            f"guards={{{guards}}}",
            f"times={dict(chart.times)!r}",
            f"waive={dict(chart.waive)!r}",
        ]
        return (
            "chart = Chart(\n    "
            + ",\n    ".join(lines)
            + f",\n)\nstart, steps = {self.start!r}, {self.steps!r}"
        )


def in_context(guard: str, context: frozenset[str], _data: object) -> bool:
    """A guard holds if its name is in the context."""
    return guard in context


def case(random: Random, features: Features) -> Case | None:
    """Return a chart with a sequence for it, None if no attempt gave a sound chart."""
    chart = a_chart(random, features)
    return None if chart is None else sequence(random, features, chart)


def a_chart(random: Random, features: Features, attempts: int = 20) -> Chart | None:
    """Return a sound chart, None if no attempt gave one."""
    found = (build(_Maker(random, features).chart()) for _ in range(attempts))
    return next((chart for chart in found if chart is not None), None)


def sequence(random: Random, features: Features, chart: Chart) -> Case:
    """Return a sequence of events for a chart."""
    events = (*EVENTS, *EVENTS, *chart.compile().timeouts)
    start = some_guards(random)
    steps = [
        (random.choice(events), start if features.steady else some_guards(random))
        for _ in range(random.randint(4, 10))
    ]
    return Case(chart, start, tuple(steps))


def some_guards(random: Random) -> frozenset[str]:
    return frozenset(guard for guard in GUARDS if random.random() < 0.5)


@dataclass(frozen=True)
class Draft:
    """What a chart is built from."""

    regions: tuple[State, ...]
    rows: tuple[Row, ...]
    events: tuple[str, ...]


def build(draft: Draft) -> Chart | None:
    """Build a chart, waiving what may be waived; None if that does not make it sound."""
    waive: dict[str, str] = {}
    for _ in range(4):
        try:
            with patch.multiple(
                compiler, MAX_WORK=MOST_WORK, MAX_MICROSTEPS=MOST_MICROSTEPS, MAX_GUARDS=4
            ):
                return Chart(
                    name="random",
                    regions=draft.regions,
                    events=draft.events,
                    rows=draft.rows,
                    guards={guard: partial(in_context, guard) for guard in GUARDS},
                    times={"soon": 50, "noon": 43_200_000},
                    waive=waive,
                )
        except ChartError as error:
            found = {finding.rule for finding in error.findings}
            if found <= set(waive) or not all(RULES[rule].waivable for rule in found):
                return None
            waive |= dict.fromkeys(sorted(found), "made at random")
    return None


class _Maker:
    """Makes one draft."""

    def __init__(self, random: Random, features: Features) -> None:
        self.random = random
        self.features = features
        self.parents: dict[str, str] = {}
        self.states: dict[str, State] = {}
        self.histories: dict[str, str] = {}
        self.actions = 0
        self.number = 1
        self.started = False

    def chart(self) -> Draft:
        regions: list[State] = []
        rows: list[Row] = []
        number = self.number = (
            1 if self.chance(0.5) else self.random.randint(1, self.features.regions)
        )
        most = MOST_CONFIGURATIONS
        for _ in range(number):
            region = self.state(2 if number > 1 else 3, compound=True)
            while size(region) > most:
                region = self.state(1, compound=True)
            most = max(3, most // size(region))
            regions.append(region)
        for place, region in enumerate(regions):
            rows += self.rows(region, answers_all=place == 0)
        events: tuple[str, ...] = EVENTS
        if self.features.raises:
            events += INSIDE_EVENTS
            rows += [Go(event, regions[0].name, None) for event in INSIDE_EVENTS]
        return Draft(tuple(regions), tuple(rows), events)

    def chance(self, probability: float) -> bool:
        return self.random.random() > 1 - probability  # 0, the simplest, is no

    def pick(self, found: Sequence[T]) -> T:
        return self.random.choice(found)

    # -- states ------------------------------------------------------------------------------------

    def state(self, depth: int, *, compound: bool = False) -> State:
        """Make a state; names are not in alphabetical order, which some engines prefer."""
        name = f"{self.pick('abcdfghk')}{len(self.states)}"
        self.states[name] = State(name)
        found = State(name)
        if depth and (compound or self.chance(0.45)):
            found = self.compound(name, depth)
        found = replace(found, entry=self.done_at("in", name), exit=self.done_at("out", name))
        self.states[name] = found
        return found

    def compound(self, name: str, depth: int) -> State:
        parallel = self.features.parallel and depth > 1 and self.chance(0.35)
        children = [
            self.state(depth - 1, compound=parallel and self.chance(0.8))
            for _ in range(2 if parallel else self.random.randint(2, 3))
        ]
        if not parallel and self.features.done and self.chance(0.5):
            last = children[-1]
            if not last.children:
                children[-1] = self.states[last.name] = replace(last, final=True)
        self.parents |= {child.name: name for child in children}
        found = State(name, tuple(children), parallel=parallel)
        history = self.history(found)
        initial = None if parallel else self.initial(found, history)
        before = self.features.initial_actions and not parallel and self.chance(0.3)
        return replace(
            found,
            children=(*found.children, *([history] if history else [])),
            initial=initial,
            initial_actions=(f"first_{name}",) if before else (),
        )

    def initial(self, state: State, history: History | None) -> str | tuple[str, ...]:
        children = [child for child in state.children if isinstance(child, State)]
        start = self.pick(children[: max(1, len(children) - 1)])
        if not self.features.deep_initial or self.chance(0.7):
            return start.name
        if history and self.chance(0.4):
            return history.name
        return self.spread(start)

    def history(self, state: State) -> History | None:
        wanted = self.features.parallel_history if state.parallel else self.features.history
        if not wanted or not self.chance(0.3):
            return None
        deep = self.chance(0.5)
        children = [child for child in state.children if isinstance(child, State)]
        default: str | tuple[str, ...] = children[0].name
        if state.parallel:
            default = tuple(child.name for child in children)
            if deep:
                default = tuple(name for child in children for name in _several(self.spread(child)))
        elif deep and self.features.deep_initial:
            default = self.spread(self.pick(children))
        name = f"{self.pick('abcdfghk')}h{len(self.histories)}"
        self.histories[name] = state.name
        tells = self.features.initial_actions and self.chance(0.3)
        actions = (f"recall_{name}",) if tells else ()
        return History(name, default, deep, actions)

    def spread(self, state: State) -> str | tuple[str, ...]:
        """Pick a state inside, or one in each of several regions inside."""
        children = [child for child in state.children if isinstance(child, State)]
        if not children or self.chance(0.3):
            return state.name
        if not state.parallel:
            return self.spread(self.pick(children))
        several = tuple(name for child in children for name in _several(self.spread(child)))
        return several if self.features.several else several[0]

    def done_at(self, when: str, name: str) -> tuple[Action, ...]:
        found: list[Action] = [f"{when}_{name}"] if self.chance(0.6) else []
        if self.chance(0.05):
            found += self.special()
        return tuple(found)

    def special(self) -> list[Action]:
        """An action that the chart does itself."""
        found: list[Action] = []
        if self.features.raises:
            found.append(Raise(self.pick(INSIDE_EVENTS)))
        if self.features.time:
            delays: list[int | str | At] = [10, "soon", At("noon")]
            found.append(Start("clock", self.pick(delays), "e0"))
        if self.started:
            found.append(Stop("clock"))
        chosen = [self.pick(found)] if found else []
        self.started = self.started or any(isinstance(action, Start) for action in chosen)
        return chosen

    # -- rows --------------------------------------------------------------------------------------

    def rows(self, region: State, *, answers_all: bool) -> list[Row]:
        found: list[Row] = []
        inner = _walk(region)
        for event in EVENTS:
            for state in inner[1:]:
                if not state.final and self.chance(0.35):
                    found += self.at(event, state.name, region)
            if answers_all or self.chance(0.4):
                found += self.at(event, region.name, region, closed=True)
        for state in inner:
            found += self.by_itself(state, region)
        return found

    def at(self, event: Trigger, source: str, region: State, *, closed: bool = False) -> list[Row]:
        """One or two rows for one state and trigger; only the last may be unconditional."""
        found: list[Row] = []
        if self.chance(0.5):
            found.append(self.row(event, source, region, self.conditions(region)))
        if closed or not found or self.chance(0.3):
            found.append(self.row(event, source, region, ()))
        return found

    def by_itself(self, state: State, region: State) -> list[Row]:
        """Rows that no event from outside triggers."""
        found: list[Row] = []
        features = self.features
        triggers: list[Trigger] = []
        if features.done and state.children and self.chance(0.5):
            triggers.append(done(state.name))
        if features.raises and not state.final and self.chance(0.12) and state is not region:
            triggers.append(self.pick(INSIDE_EVENTS))
        if features.time and not state.final and self.chance(0.15):
            triggers.append(self.pick(TIMEOUTS))
        for trigger in triggers:
            if self.chance(0.4):
                found.append(self.go(trigger, state.name, region, self.conditions(region)))
            found.append(self.go(trigger, state.name, region, ()))
        if features.always and not state.final and self.chance(0.08):
            found.append(self.go(ALWAYS, state.name, region, self.conditions(region)))
        return found

    def conditions(self, region: State) -> tuple[str, ...]:
        found = [self.pick(GUARDS) for _ in range(self.random.randint(1, 2))]
        if self.features.inside and self.chance(0.2):
            found.append(inside(self.pick(_walk(region)).name))
        return tuple(("!" if self.chance(0.4) else "") + name for name in dict.fromkeys(found))

    def row(self, event: Trigger, source: str, region: State, conditions: tuple[str, ...]) -> Row:
        kind = self.random.random() if self.features.answers else 0.0
        words = (self.action(),) if self.chance(0.3) else ()
        if kind < 0.7:
            return self.go(event, source, region, conditions)
        if kind < 0.8:
            return Refuse(event, source, f"no_{source}", conditions, words)
        if kind < 0.9:
            return Drop(event, source, f"drop_{source}", conditions, words)
        return Defer(event, source, f"later_{source}", conditions)

    def go(self, event: Trigger, source: str, region: State, conditions: tuple[str, ...]) -> Go:
        actions: tuple[Action, ...] = (self.action(),) if self.chance(0.7) else ()
        if self.chance(0.1):
            actions += tuple(self.special())
        dest = None if self.chance(0.12) else self.dest(source, region)
        if dest in self.histories and not self.features.return_acts:
            actions = ()
        inwards = not self.states[source].parallel and dest is not None
        inwards = inwards and all(self.inside(name, source) for name in _several(dest or ()))
        internal = self.features.internal and inwards and self.chance(0.6)
        return Go(event, source, dest, conditions, actions, internal=internal)

    def dest(self, source: str, region: State) -> str | tuple[str, ...] | None:
        histories = [name for name in self.histories if self.inside(name, region.name)]
        histories = [name for name in histories if self.allowed(source, name)]
        if histories and self.chance(0.25):
            return self.pick(histories)
        parallels = [state for state in _walk(region) if state.parallel]
        if parallels and self.features.several and self.chance(0.3):
            return self.spread(self.pick(parallels))
        found = [state.name for state in _walk(region) if self.allowed(source, state.name)]
        return self.pick(found) if found else None

    def allowed(self, source: str, dest: str) -> bool:
        """Tell whether the engines that this chart is for agree on what leads to `dest`."""
        if not self.features.inwards and self.inside(dest, source):
            return False
        if self.features.crossing:
            return True
        if dest not in self.parents and self.number > 1:
            return False
        common = next((name for name in self.path(dest) if name in self.path(source)), "")
        way = [name for name in self.path(dest) if name not in self.path(common)]
        around = self.parents.get(common, "")
        ends = common in (source, dest) and around and self.states[around].parallel
        return not ends and not any(self.is_parallel(name) for name in (common, *way[1:]))

    def is_parallel(self, name: str) -> bool:
        return self.states[name].parallel

    def path(self, name: str) -> list[str]:
        found = [self.histories.get(name, name)]
        while found[-1] in self.parents:
            found.append(self.parents[found[-1]])
        return found

    def inside(self, name: str, ancestor: str) -> bool:
        return name != ancestor and ancestor in self.path(name)

    def action(self) -> str:
        self.actions += 1
        return f"do_{self.actions}"


def size(state: State) -> int:
    """Return how many combinations of states there are in a state."""
    sizes = [size(child) for child in state.children if isinstance(child, State)]
    if not state.parallel:
        return sum(sizes) or 1
    found = 1
    for each in sizes:
        found *= each
    return found


def _walk(state: State) -> list[State]:
    inner = [child for child in state.children if isinstance(child, State)]
    return [state, *(found for child in inner for found in _walk(child))]


def _several(found: str | tuple[str, ...]) -> tuple[str, ...]:
    return (found,) if isinstance(found, str) else found
