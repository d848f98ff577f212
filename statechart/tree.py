"""The states and rows of a chart, indexed by name: who is whose parent, which rows apply where.

Built by `chart` once the names are known to be sound; used by `step`, `check` and `diagram`.
Imports `model`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from statechart.model import Answer, Edge, State, edges_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from statechart.model import Row

__all__ = ["Tree", "walk"]


def walk(state: State) -> Iterator[State]:
    """Yield `state` and everything below it, parents before children, in listing order."""
    stack = [state]
    while stack:
        state = stack.pop()
        yield state
        stack.extend(reversed(state.children))


class Tree:
    """Look-ups over the states and rows of one chart whose names are sound.

    `states` maps each name to its state, `region_of` to the number of its region, `edges` holds
    every row once per source and trigger in listing order, `leaves` the atomic states of each
    region.
    """

    def __init__(self, regions: Sequence[State], rows: Sequence[Row]) -> None:
        self.states: dict[str, State] = {}
        self.region_of: dict[str, int] = {}
        self.edges: tuple[Edge, ...] = tuple(edges_of(rows))
        self.leaves: tuple[tuple[str, ...], ...] = tuple(
            tuple(state.name for state in walk(region) if not state.children) for region in regions
        )
        self._parent: dict[str, str] = {}
        for number, region in enumerate(regions):
            for state in walk(region):
                self.states[state.name] = state
                self.region_of[state.name] = number
                self._parent.update((child.name, state.name) for child in state.children)
        self._rows: dict[tuple[str, str], list[Edge]] = {}
        for edge in self.edges:
            self._rows.setdefault((edge.source, edge.trigger), []).append(edge)

    def path(self, name: str) -> tuple[str, ...]:
        """Return `name` and its ancestors, nearest first."""
        found = [name]
        while found[-1] in self._parent:
            found.append(self._parent[found[-1]])
        return tuple(found)

    def parent(self, name: str) -> str | None:
        """Return the compound state around `name`, None for a region."""
        return self._parent.get(name)

    def entry(self, name: str) -> str:
        """Return the atomic state that becomes active when `name` is entered."""
        while (state := self.states[name]).children:
            if state.initial is None:
                raise LookupError(f"state {name!r} has children and no initial: cannot enter it")
            name = state.initial
        return name

    def rows_at(self, source: str, trigger: str) -> tuple[Edge, ...]:
        """Return the rows written for exactly this state and trigger, in listing order."""
        return tuple(self._rows.get((source, trigger), ()))

    def candidates(self, leaf: str, trigger: str) -> tuple[Edge, ...]:
        """Return the rows to try for an atomic state, in order.

        The nearest state with a row comes first; when none of its conditions holds, the next
        ancestor is asked. An unconditional row ends the list, since nothing behind it can be
        reached.
        """
        found: list[Edge] = []
        for source in self.path(leaf):
            for edge in self._rows.get((source, trigger), ()):
                found.append(edge)
                if not edge.conditions:
                    return tuple(found)
        return tuple(found)

    def target(self, leaf: str, edge: Edge) -> str:
        """Return the atomic state that is active after `edge` was taken in `leaf`."""
        if edge.answer is not Answer.GO or edge.dest is None:
            return leaf
        return self.entry(edge.dest)
