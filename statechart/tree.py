"""The states and rows of a chart, indexed by name: who is whose parent, which rows apply where.

Built by `chart` once the names are known to be sound; used by everything that runs, judges or
draws a chart. Imports `model`.

The regions of a chart have no common parent: they are charts side by side that share their events.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from statechart.model import Edge, History, State, done, edges_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from statechart.model import Row

__all__ = ["Tree", "walk"]


def walk(state: State | History) -> Iterator[State | History]:
    """Yield `state` and everything below it, parents before children, in listing order."""
    stack = [state]
    while stack:
        state = stack.pop()
        yield state
        if isinstance(state, State):
            stack.extend(reversed(state.children))


class Tree:
    """Look-ups over the states and rows of one chart whose names are sound.

    `states` and `histories` map names to what they name, in document order: parents before
    children, as listed. `order` numbers both, `region_of` gives the number of a name's region,
    `edges` holds every row once per source and trigger in listing order, `leaves` the atomic
    states of each region, `timers` the rows that are timeouts of a state.
    """

    def __init__(self, regions: Sequence[State], rows: Sequence[Row]) -> None:
        self.regions = tuple(region.name for region in regions)
        self.states: dict[str, State] = {}
        self.histories: dict[str, History] = {}
        self.region_of: dict[str, int] = {}
        self.order: dict[str, int] = {}
        self._parent: dict[str, str] = {}
        self._children: dict[str, tuple[str, ...]] = {}
        for number, region in enumerate(regions):
            for state in walk(region):
                self._add(state, number)
        self.edges: tuple[Edge, ...] = tuple(edges_of(rows))
        self.timers: dict[str, list[Edge]] = {}
        self._rows: dict[tuple[str, str], list[Edge]] = {}
        for edge in self.edges:
            self._rows.setdefault((edge.source, edge.trigger), []).append(edge)
            if edge.timeout:
                self.timers.setdefault(edge.source, []).append(edge)
        # Compiling asks the same over and over; what was found is kept.
        self._paths: dict[str, tuple[str, ...]] = {}
        self._candidates: dict[tuple[str, str], tuple[Edge, ...]] = {}
        self._atoms: dict[frozenset[str], tuple[str, ...]] = {}

    def _add(self, state: State | History, region: int) -> None:
        self.order[state.name] = len(self.order)
        self.region_of[state.name] = region
        if isinstance(state, History):
            self.histories[state.name] = state
            return
        self.states[state.name] = state
        self._parent.update((child.name, state.name) for child in state.children)
        self._children[state.name] = tuple(c.name for c in state.children if isinstance(c, State))

    @cached_property
    def leaves(self) -> tuple[tuple[str, ...], ...]:
        """The atomic states of each region, in document order."""
        found: list[list[str]] = [[] for _ in self.regions]
        for name in self.states:
            if self.atomic(name):
                found[self.region_of[name]].append(name)
        return tuple(map(tuple, found))

    @cached_property
    def awaited(self) -> frozenset[str]:
        """The states whose end some row waits for: it goes on from there."""
        triggers = {edge.trigger for edge in self.edges}
        return frozenset(name for name in self.states if done(name) in triggers)

    def can_end(self, name: str) -> bool:
        """Tell whether `name` has a final state in it that is not on the way to something else."""
        if name in self.awaited:
            return False
        return self.states[name].final or any(map(self.can_end, self.children(name)))

    def at_end(self, states: frozenset[str], name: str) -> bool:
        """Tell whether `name`, with `states` active, has come to an end where it stays."""
        if name in self.awaited:
            return False
        active = [child for child in self.children(name) if child in states]
        return self.states[name].final or (
            bool(active) and all(self.at_end(states, child) for child in active)
        )

    def atomic(self, name: str) -> bool:
        """Tell whether `name` is a state without states inside."""
        return self._children.get(name) == ()

    def atoms(self, states: frozenset[str]) -> tuple[str, ...]:
        """Return the atomic ones of `states`, in document order."""
        if states not in self._atoms:
            found = filter(self.atomic, states)
            self._atoms[states] = tuple(sorted(found, key=self.order.__getitem__))
        return self._atoms[states]

    def children(self, name: str) -> tuple[str, ...]:
        """Return the states directly inside `name`, histories left out."""
        return self._children[name]

    def histories_of(self, name: str) -> tuple[History, ...]:
        """Return the histories directly inside `name`."""
        return tuple(c for c in self.states[name].children if isinstance(c, History))

    def parent(self, name: str) -> str | None:
        """Return the state around `name`, None for a region."""
        return self._parent.get(name)

    def path(self, name: str) -> tuple[str, ...]:
        """Return `name` and its ancestors, nearest first."""
        if name not in self._paths:
            found = [name]
            while found[-1] in self._parent:
                found.append(self._parent[found[-1]])
            self._paths[name] = tuple(found)
        return self._paths[name]

    def below(self, name: str, ancestor: str | None) -> bool:
        """Tell whether `name` is strictly inside `ancestor`; everything is inside None."""
        return ancestor is None or (name != ancestor and ancestor in self.path(name))

    def rows_at(self, source: str, trigger: str) -> tuple[Edge, ...]:
        """Return the rows written for exactly this state and trigger, in listing order."""
        return tuple(self._rows.get((source, trigger), ()))

    def candidates(self, leaf: str, trigger: str) -> tuple[Edge, ...]:
        """Return the rows to try for an atomic state, in order.

        The nearest state with a row comes first; when none of its conditions holds, the next
        ancestor is asked. An unconditional row ends the list, since nothing behind it can be
        reached.
        """
        key = (leaf, trigger)
        if key not in self._candidates:
            self._candidates[key] = tuple(self._until_certain(leaf, trigger))
        return self._candidates[key]

    def _until_certain(self, leaf: str, trigger: str) -> Iterator[Edge]:
        for source in self.path(leaf):
            for edge in self._rows.get((source, trigger), ()):
                yield edge
                if not edge.conditions:
                    return

    def domain(self, edge: Edge) -> str | None:
        """Return the state that a transition stays inside: the least compound one around its ends.

        None is the whole region. Only for edges with targets (SCXML: getTransitionDomain). A
        history counts where it is written. SCXML would look at the states it leads to, and so,
        from inside one of these, enter states that were never left.
        """
        source = self.states[edge.source]
        if (
            edge.internal
            and source.children
            and not source.parallel
            and all(self.below(target, source.name) for target in edge.targets)
        ):
            return source.name
        return self.around((edge.source, *edge.targets))

    def around(self, found: Collection[str]) -> str | None:
        """Return the least compound state strictly around all of `found`, None for the region."""
        first, *others = found
        for ancestor in self.path(first)[1:]:
            if not self.states[ancestor].parallel and all(
                self.below(name, ancestor) for name in others
            ):
                return ancestor
        return None
