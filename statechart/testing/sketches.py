"""Random states and rows, before anybody knows whether they make a sound chart.

Used by `strategies`, which throws the dice and builds the charts. Imports `statechart` only.

Two things make most sketches sound. The event `tour` leads from each child of a state to the next,
and from the last to what comes after the state, so every state can be reached. And the first
region answers every event at last, whatever the guards say.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Protocol, TypeVar

from statechart.actions import After, Quiet, Raise, Start, Stop
from statechart.model import ALWAYS, Answer, Defer, Drop, Go, History, Refuse, State, done
from statechart.tree import walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from statechart.actions import Action
    from statechart.model import Row

__all__ = ["Dice", "Features", "Sketch", "sketch"]

TOUR = "tour"
"""The event that leads everywhere."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What random charts may have; the fields are the arguments of `strategies.charts`."""

    size: int
    regions: int
    depth: int
    width: int
    events: int
    guards: int
    answers: tuple[Answer, ...]
    actions: bool
    parallel: bool
    history: bool
    timeouts: bool
    final: bool
    eventless: bool

    def __post_init__(self) -> None:
        for name, least in (
            ("size", 1),
            ("regions", 1),
            ("depth", 0),
            ("width", 2),
            ("events", 0),
            ("guards", 0),
        ):
            if getattr(self, name) < least:
                raise ValueError(f"{name}={getattr(self, name)}: expected at least {least}")
        if not self.answers:
            raise ValueError("answers is empty: rows need at least one kind of answer")


@dataclass(frozen=True, slots=True)
class Sketch:
    """The parts of a chart that may turn out to be unsound."""

    regions: tuple[State, ...]
    events: tuple[str, ...]
    guards: tuple[str, ...]
    rows: tuple[Row, ...]


class Dice(Protocol):
    """Where chance comes from."""

    def number(self, least: int, most: int) -> int:
        """Return a whole number."""

    def one(self, values: Sequence[T]) -> T:
        """Return one of some values."""


def sketch(dice: Dice, features: Features) -> Sketch:
    """Return the states of some regions, and rows for them."""
    pen = _Pen(dice, features)
    count = dice.number(1, features.regions)
    drawn = [pen.compound(f"r{number}", features.depth) for number in range(count)]
    regions = tuple(_small(drawn, features.size))
    rows: list[Row] = []
    for number, region in enumerate(regions):
        rows += _tour(region)
        rows += pen.rows(region, total=number == 0)
    used = {condition.removeprefix("!") for row in rows for condition in row.conditions}
    guards = tuple(guard for guard in pen.guards if guard in used)
    return Sketch(regions, (TOUR, *pen.events), guards, tuple(rows))


def _small(regions: list[State], size: int) -> Iterator[State]:
    """Yield as many regions, and with as many histories, as have few configurations together."""
    for number, region in enumerate(regions):
        count, remembered = _ways(region), _memories(region)
        if count * remembered > size:
            region, remembered = _forgetful(region), 1
        if number == 0 or count <= size:
            yield region
            size //= count * remembered


def _ways(state: State) -> int:
    """Return in how many ways a state can be active."""
    ways = [_ways(child) for child in state.children if isinstance(child, State)]
    return (prod(ways) if state.parallel else sum(ways)) or 1


def _memories(region: State) -> int:
    """Return how many combinations there are of what the histories of a region may remember."""
    histories = ((s, c) for s in _states(region) for c in s.children if isinstance(c, History))
    return prod(1 + (_ways(s) if h.deep else len(s.children) - 1) for s, h in histories)


def _forgetful(state: State) -> State:
    """Return a state without the histories in it."""
    inside = tuple(_forgetful(child) for child in state.children if isinstance(child, State))
    return replace(state, children=inside)


def _tour(region: State) -> Iterator[Row]:
    """Yield rows that lead through all children of each compound state, and begin anew at last."""
    for state in _states(region):
        if not state.parallel:
            children = [child.name for child in state.children if isinstance(child, State)]
            yield from (Go(TOUR, one, other) for one, other in pairwise(children))
    ends = any(isinstance(child, State) and child.final for child in region.children)
    yield Go(TOUR, region.name, None if ends else region.name)


def _states(region: State) -> Iterator[State]:
    return (state for state in walk(region) if isinstance(state, State))


class _Pen:
    """Draws the states and rows of one sketch."""

    def __init__(self, dice: Dice, features: Features) -> None:
        self.events = tuple(f"e{number}" for number in range(features.events))
        self.guards = tuple(f"g{number}" for number in range(features.guards))
        self._dice = dice
        self._features = features

    # -- states --------------------------------------------------------------------------------

    def compound(self, name: str, depth: int) -> State:
        """Draw a state with children, of which the first one is entered first."""
        count = self._dice.number(2, self._features.width)
        children = [self._state(f"{name}_{number}", depth) for number in range(count)]
        if self._features.final and not children[-1].children and self._dice.one((False, True)):
            children[-1] = replace(children[-1], final=True, entry=(), exit=())
        return State(
            name,
            (*children, *self._histories(name, children)),
            children[0].name,
            entry=self._actions(f"enter_{name}"),
            exit=self._actions(f"exit_{name}"),
            initial_actions=self._actions(f"begin_{name}"),
        )

    def _state(self, name: str, depth: int) -> State:
        kind = self._dice.one(("atomic", "atomic", "compound", "parallel")) if depth else "atomic"
        if kind == "compound":
            return self.compound(name, depth - 1)
        entry, leave = self._actions(f"enter_{name}"), self._actions(f"exit_{name}")
        if kind == "parallel" and self._features.parallel:
            inside = [self.compound(f"{name}_{side}", max(depth - 2, 0)) for side in ("a", "b")]
            histories = self._histories(name, inside)
            return State(name, (*inside, *histories), parallel=True, entry=entry, exit=leave)
        return State(name, entry=entry, exit=leave)

    def _histories(self, name: str, children: Sequence[State]) -> list[History]:
        if not self._features.history or self._dice.one((True, True, False)):
            return []
        parallel = children[0].name.endswith("_a")
        default = tuple(c.name for c in children) if parallel else self._dice.one(children).name
        return [History(f"{name}_was", default, self._dice.one((False, True)))]

    # -- rows ----------------------------------------------------------------------------------

    def rows(self, region: State, *, total: bool) -> Iterator[Row]:
        """Draw rows for the states of one region; `total` regions answer every event."""
        for state in _states(region):
            if not state.final:
                yield from self._own(region, state)
        for event in self.events:
            some = [
                row
                for state in _states(region)
                if not state.final
                for row in self._some(region, event, state)
            ]
            yield from some
            if total or some:
                yield self._row(region, event, region, ())

    def _own(self, region: State, state: State) -> Iterator[Row]:
        """Draw what comes of a state without an event from outside."""
        features, trigger = self._features, None
        kind = self._dice.one(("none", "none", "after", "quiet", "always", "done"))
        if kind in {"after", "quiet"} and features.timeouts:
            trigger = (After if kind == "after" else Quiet)(self._dice.one((0, 10, 500)))
            yield Go(trigger, state.name, self._target(region), actions=self._actions(kind))
        elif kind == "always" and features.eventless and self.guards:
            # Only onwards in document order: a circle would never end.
            leaves = [leaf.name for leaf in _states(region) if not leaf.children]
            if behind := leaves[leaves.index(state.name) + 1 :] if state.name in leaves else []:
                yield Go(ALWAYS, state.name, self._dice.one(behind), (self._condition(),))
        elif kind == "done" and features.final and _ends(state) and state is not region:
            yield Go(done(state.name), state.name, self._target(region))

    def _some(self, region: State, event: str, source: State) -> Iterator[Row]:
        """Draw up to two rows of one state and event, of which only the last has no conditions."""
        for _ in range(self._dice.one((0, 0, 0, 1, 1, 2))):
            conditions = self._conditions()
            if source is region and not conditions:
                return
            yield self._row(region, event, source, conditions)
            if not conditions:
                return

    def _row(self, region: State, event: str, state: State, conditions: tuple[str, ...]) -> Row:
        source, inside = state.name, _names_inside(state)
        answer, actions = self._dice.one(self._features.answers), self._actions(f"on_{event}")
        names = tuple(action for action in actions if isinstance(action, str))
        match answer:
            case Answer.GO:
                stays = self._dice.one((False, False, True))
                target = None if stays else self._target(region)
                internal = target in inside and self._dice.one((False, True))
                return Go(event, source, target, conditions, actions, internal=internal)
            case Answer.REFUSE:
                return Refuse(event, source, f"no_{event}", conditions, names)
            case Answer.DROP:
                return Drop(event, source, f"drop_{event}", conditions, names)
            case Answer.DEFER:
                return Defer(event, source, f"later_{event}", conditions)

    def _target(self, region: State) -> str:
        return self._dice.one([state.name for state in walk(region) if state is not region])

    def _conditions(self) -> tuple[str, ...]:
        return (self._condition(),) if self.guards and not self._dice.number(0, 2) else ()

    def _condition(self) -> str:
        return self._dice.one(("", "!")) + self._dice.one(self.guards)

    def _actions(self, name: str) -> tuple[Action, ...]:
        if not self._features.actions:
            return ()
        kind = self._dice.one(("none", "none", "name", "name", "timer", "raise"))
        if kind == "name":
            return (name,)
        if kind == "timer" and self.events:
            event = self._dice.one(self.events)
            start = Start("timer", 100, event)
            return self._dice.one(((start,), (Stop("timer"), start)))
        later = [event for event in self.events if f"on_{event}" > name]
        if kind == "raise" and later and name.startswith("on_"):
            return (
                Raise(self._dice.one(later)),
            )  # a later one: a circle of events would never end
        return ()


def _names_inside(state: State) -> set[str]:
    """Return what an internal transition may lead to."""
    return set() if state.parallel else {each.name for each in _states(state)} - {state.name}


def _ends(state: State) -> bool:
    """Tell whether a state can be finished, each of its regions if it is parallel."""
    children = [child for child in state.children if isinstance(child, State)]
    if state.parallel:
        return all(map(_ends, children))
    return any(child.final for child in children)
