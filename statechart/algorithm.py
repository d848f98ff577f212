"""What transitions do: the algorithm of SCXML, appendix D, over one moment of a chart.

A `Moment` is what is active and what histories remember. `take` follows transitions that
`selection` has chosen: it leaves states, acts and enters states in SCXML's order. Pure. Imports
`model`, `tree`; used by `compiler`, which runs it over every moment that a chart can reach.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from statechart.actions import Action, After, At, Quiet, Raise, Start, Stop, several
from statechart.model import Edge, done, names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from statechart.tree import Tree

__all__ = ["Effects", "Moment", "begin", "finished", "take"]

Remembered: TypeAlias = tuple[tuple[str, tuple[str, ...]], ...]


class Moment(NamedTuple):
    """The active states, ancestors included, and what each history remembers, by its name."""

    states: frozenset[str]
    history: Remembered = ()


@dataclass(slots=True)
class Effects:
    """What one step asks for, in order: actions, timers, and events to happen within the step."""

    actions: list[str] = field(default_factory=list)
    timers: list[Start | Stop] = field(default_factory=list)
    raised: list[str] = field(default_factory=list)
    entered: set[str] = field(default_factory=set)

    def add(self, actions: Iterable[Action]) -> None:
        """Sort actions into those for the outside, those for timers and those for the chart."""
        for action in actions:
            match action:
                case str():
                    self.actions.append(action)
                case Raise(event):
                    self.raised.append(event)
                case Start() | Stop():
                    self.timers.append(action)


def _exits(tree: Tree, moment: Moment, edges: Iterable[Edge]) -> set[str]:
    """Return the active states that these transitions leave (SCXML: computeExitSet)."""
    domains: set[str] = set()
    regions: set[int] = set()
    for edge in edges:
        if edge.targets:
            domain = tree.domain(edge)
            if domain is None:
                regions.add(tree.region_of[edge.source])
            else:
                domains.add(domain)
    return {
        name
        for name in moment.states
        if tree.region_of[name] in regions or not domains.isdisjoint(tree.path(name)[1:])
    }


def begin(tree: Tree, effects: Effects) -> Moment:
    """Enter the chart: each region through its initial states."""
    entry = _Entry(tree, {})
    for region in tree.regions:
        entry.descend(region)
    return entry.enter(frozenset(), effects)


def take(tree: Tree, moment: Moment, edges: Sequence[Edge], effects: Effects) -> Moment:
    """Follow transitions together: exits innermost first, actions, entries outermost first."""
    leaving = sorted(_exits(tree, moment, edges), key=tree.order.__getitem__, reverse=True)
    remembered = dict(moment.history)
    for name in leaving:
        for history in tree.histories_of(name):
            remembered[history.name] = _memory(tree, moment.states, name, deep=history.deep)
    for name in leaving:
        effects.add(several(tree.states[name].exit))
        effects.timers += [Stop(edge.trigger) for edge in _timers(tree, name)]
    for edge in edges:
        effects.add(edge.actions)
    entry = _Entry(tree, remembered)
    for edge in edges:
        if edge.targets:
            entry.follow(edge, tree.domain(edge))
    return entry.enter(moment.states - set(leaving), effects)


def _effective(
    tree: Tree, remembered: dict[str, tuple[str, ...]], targets: Iterable[str]
) -> Iterator[str]:
    """Yield where targets lead, histories resolved (SCXML: getEffectiveTargetStates)."""
    for target in targets:
        if target not in tree.histories:
            yield target
        elif target in remembered:
            yield from remembered[target]
        else:
            yield from names(tree.histories[target].default)


def _memory(tree: Tree, states: frozenset[str], parent: str, *, deep: bool) -> tuple[str, ...]:
    if deep:
        return tuple(name for name in tree.atoms(states) if tree.below(name, parent))
    return tuple(name for name in tree.children(parent) if name in states)


def _timers(tree: Tree, state: str) -> Iterator[Edge]:
    """Yield one row for each timer of a state: several rows may share one."""
    yield from {edge.trigger: edge for edge in tree.timers.get(state, ())}.values()


def finished(tree: Tree, states: frozenset[str], name: str) -> bool:
    """Tell whether `name` has come to its end (SCXML: isInFinalState)."""
    children = tree.children(name)
    if tree.states[name].parallel:
        return all(finished(tree, states, child) for child in children)
    return any(child in states and tree.states[child].final for child in children)


class _Entry:
    """The states to enter for one set of transitions (SCXML: computeEntrySet)."""

    def __init__(self, tree: Tree, remembered: dict[str, tuple[str, ...]]) -> None:
        self._tree = tree
        self._remembered = remembered
        self._states: set[str] = set()
        self._around: set[str] = set()  # these and all that is around them
        self._by_initial: set[str] = set()
        self._by_default: dict[str, tuple[Action, ...]] = {}

    def follow(self, edge: Edge, domain: str | None) -> None:
        """Add what a transition enters inside its domain."""
        for target in edge.targets:
            self.descend(target)
        for target in _effective(self._tree, self._remembered, edge.targets):
            self._ascend(target, domain)

    def descend(self, name: str) -> None:
        """Add `name` and what entering it makes active (SCXML: addDescendantStatesToEnter)."""
        tree = self._tree
        if name in tree.histories:
            self._recall(name)
            return
        self._add(name)
        if tree.atomic(name):
            return
        if tree.states[name].parallel:
            self._regions(name)
            return
        self._by_initial.add(name)
        self._follow(names(tree.states[name].initial), name)

    def _ascend(self, name: str, domain: str | None) -> None:
        """Add what is between `name` and `domain` (SCXML: addAncestorStatesToEnter)."""
        for ancestor in self._tree.path(name)[1:]:
            if ancestor == domain:
                return
            self._add(ancestor)
            if self._tree.states[ancestor].parallel:
                self._regions(ancestor)

    def enter(self, states: frozenset[str], effects: Effects) -> Moment:
        """Return the moment after entering what was added, and note the effects in order."""
        tree = self._tree
        for name in sorted(self._states, key=tree.order.__getitem__):
            state = tree.states[name]
            states |= {name}
            effects.entered.add(name)
            effects.add(several(state.entry))
            effects.timers += [_start(edge) for edge in _timers(tree, name)]
            if name in self._by_initial:
                effects.add(several(state.initial_actions))
            effects.add(self._by_default.get(name, ()))
            if state.final:
                effects.raised += _ended(tree, states, name)
        remembered = sorted(self._remembered.items(), key=lambda item: tree.order[item[0]])
        return Moment(states, tuple(remembered))

    def _regions(self, name: str) -> None:
        """Add the regions of a parallel state that nothing else was added in."""
        for child in self._tree.children(name):
            if child not in self._around:
                self.descend(child)

    def _add(self, name: str) -> None:
        self._states.add(name)
        self._around.update(self._tree.path(name))

    def _recall(self, name: str) -> None:
        history, parent = self._tree.histories[name], self._tree.parent(name)
        if name in self._remembered:
            self._follow(self._remembered[name], parent)
            return
        if parent is not None:
            self._by_default[parent] = several(history.actions)
        self._follow(names(history.default), parent)

    def _follow(self, targets: Sequence[str], around: str | None) -> None:
        for target in targets:
            self.descend(target)
        for target in targets:
            self._ascend(target, around)


def _start(edge: Edge) -> Start:
    """Return the start of a state's own timer."""
    match edge.timeout:
        case After(delay) | Quiet(delay):
            return Start(edge.trigger, delay)
        case At() as instant:
            return Start(edge.trigger, instant)
        case None:
            raise TypeError(f"{edge} is not a timeout")


def _ended(tree: Tree, states: frozenset[str], name: str) -> Iterator[str]:
    """Yield the done events that entering the final state `name` brings about."""
    parent = tree.parent(name)
    if parent is None:
        return
    yield done(parent)
    around = tree.parent(parent)
    # Appendix D looks at one parallel state; 3.4 says it of each that ends with this one.
    while around is not None and tree.states[around].parallel and finished(tree, states, around):
        yield done(around)
        around = tree.parent(around)
