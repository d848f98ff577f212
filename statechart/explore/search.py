"""The search behind `explore`: breadth first, each node once, each kept as a number.

Used by `explore` only. Imports `moves`, `counterexample` and what is below them.
"""

from __future__ import annotations

from array import array
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, TypeAlias

from statechart.explore.counterexample import Counterexample
from statechart.explore.environment import Node
from statechart.machine import Turn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from statechart.chart import Chart
    from statechart.explore.environment import Move, Step
    from statechart.explore.moves import Moves
    from statechart.model import Edge
    from statechart.step import Outcome

__all__ = ["Claims", "Search", "StateProperty", "StepProperty"]

StateProperty: TypeAlias = "Callable[[Node], object]"
"""A pure predicate over a node."""

StepProperty: TypeAlias = "Callable[[Node, Turn, Node], object]"
"""A pure predicate over the node before a turn, the turn, and the node behind it."""

_NOWHERE = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What is claimed, by kind and name. Raises `ValueError` if two claims share a name."""

    always: Mapping[str, StateProperty]
    sometimes: Mapping[str, StateProperty]
    steps: Mapping[str, StepProperty]
    possible: Mapping[str, StateProperty]

    def __post_init__(self) -> None:
        found = Counter([*self.always, *self.sometimes, *self.steps, *self.possible])
        name, count = found.most_common(1)[0] if found else ("", 1)
        if count > 1:
            raise ValueError(f"two claims are called {name!r}; give each a name of its own")


class _Full(Exception):  # noqa: N818 - ends a search, not an error
    """The limit is reached."""


class Search:
    """One search: `run` it once, then read what it found. A node is known by its number."""

    def __init__(self, chart: Chart, moves: Moves, claims: Claims, limit: int) -> None:
        self.nodes: list[Node] = []
        self.transitions = 0
        self.deadlocks: list[Node] = []
        self.violations: dict[str, Counterexample] = {}
        self.unseen = dict(claims.sometimes)
        self.complete = True
        self._chart = chart
        self._moves = moves
        self._claims = claims
        self._limit = limit
        self._numbers: dict[Node, int] = {}
        # How each node was found: from which node, and by which of its moves. Numbers, not steps:
        # moves can be asked again, and most are never wanted.
        self._before = array("q")
        self._by = array("q")
        self._graph = (array("q"), array("q"))
        self._outcomes: dict[int, Outcome] = {}
        self._taken: Counter[int] = Counter()

    def run(self) -> None:
        """Search until nothing is new or the limit is reached, and judge every claim."""
        expanded = 0
        try:
            for number, move in enumerate(self._moves.starts()):
                self._count(move)
                self._reach(move[-1].node, _NOWHERE, number)
            while expanded < len(self.nodes):
                self._expand(expanded)
                expanded += 1
        except _Full:
            self.complete = False
        except Exception as error:
            where = f"behind {self.nodes[expanded]}" if self.nodes else "at the start"
            error.add_note(f"while exploring chart {self._chart.name!r} {where}")
            raise
        for name, predicate in self._claims.possible.items():
            self._check_possible(name, predicate, expanded)

    def _expand(self, here: int) -> None:
        node, left = self.nodes[here], False
        sources, targets = self._graph
        for number, move in enumerate(self._moves.behind(node)):
            there = self._reach(move[-1].node, here, number)
            self.transitions += 1
            self._count(move)
            left = left or there != here
            if self._claims.steps:
                self._check_steps(here, node, move)
            if self._claims.possible:
                sources.append(here)
                targets.append(there)
        if not left and not node.configuration.final:
            self.deadlocks.append(node)

    def _reach(self, node: Node, before: int, by: int) -> int:
        """Return the number of `node`; a new one is noted and judged."""
        try:
            known = self._numbers.get(node)
        except TypeError as error:
            error.add_note(
                "what an environment keeps must be hashable: contexts, and events and data that "
                "may be postponed; use tuples, frozensets and frozen dataclasses"
            )
            raise
        if known is not None:
            return known
        number = len(self.nodes)
        if number == self._limit:
            raise _Full
        self._numbers[node] = number
        self.nodes.append(node)
        self._before.append(before)
        self._by.append(by)
        self._check_node(node)
        return number

    def _count(self, move: Move) -> None:
        for step in move:
            outcome = step.turn.outcome
            key = id(outcome)  # an outcome is slow to hash, and there is one object for each
            self._outcomes[key] = outcome
            self._taken[key] += 1

    # -- claims ------------------------------------------------------------------------------------

    def _check_node(self, node: Node) -> None:
        for name, holds in self._claims.always.items():
            if name not in self.violations and not holds(node):
                self._violate(name, f"always {name!r}", self.path(node))
        for name in [name for name, holds in self.unseen.items() if holds(node)]:
            del self.unseen[name]

    def _check_steps(self, here: int, node: Node, move: Move) -> None:
        for number, step in enumerate(move):
            for name, holds in self._claims.steps.items():
                if name not in self.violations and not holds(node, step.turn, step.node):
                    way = (*self._way(here), *move[: number + 1])
                    self._violate(name, f"every step {name!r}", way)
            node = step.node

    def _check_possible(self, name: str, predicate: StateProperty, expanded: int) -> None:
        """Go backwards from where the predicate holds; what was not expanded may lead there."""
        good = bytearray(len(self.nodes))
        queue: deque[int] = deque()
        for number, node in enumerate(self.nodes):
            if number >= expanded or predicate(node):
                good[number] = True
                queue.append(number)
        first, sources = _reversed(len(self.nodes), *self._graph)
        while queue:
            number = queue.popleft()
            for source in sources[first[number] : first[number + 1]]:
                if not good[source]:
                    good[source] = True
                    queue.append(source)
        bad = good.find(False)
        if bad >= 0:
            self._violate(name, f"always possible {name!r}", self._way(bad))

    def _violate(self, name: str, claim: str, steps: tuple[Step, ...]) -> None:
        self.violations[name] = Counterexample(
            chart=self._chart, name=name, claim=claim, steps=steps
        )

    # -- what was found ----------------------------------------------------------------------------

    def path(self, node: Node) -> tuple[Step, ...]:
        """Return the steps of a shortest way to `node`."""
        try:
            return self._way(self._numbers[node])
        except KeyError:
            raise LookupError(
                f"this search of chart {self._chart.name!r} did not find {node}; take one of its "
                "nodes"
            ) from None

    def _way(self, number: int) -> tuple[Step, ...]:
        """Return the steps to a node: its moves are worked out again, from the start."""
        numbers = [number]
        while self._before[numbers[-1]] != _NOWHERE:
            numbers.append(self._before[numbers[-1]])
        return tuple(chain.from_iterable(map(self._move, reversed(numbers))))

    def _move(self, number: int) -> Move:
        before = self._before[number]
        moves = (
            self._moves.starts() if before == _NOWHERE else self._moves.behind(self.nodes[before])
        )
        return next(islice(moves, self._by[number], None))

    def depth(self) -> int:
        """Return the depth of the last node: breadth first, none is further away."""
        depth, number = 0, len(self.nodes) - 1
        while self._before[number] != _NOWHERE:
            depth, number = depth + 1, self._before[number]
        return depth

    def edges(self) -> dict[Edge, int]:
        """Return how many moves took each row, in listing order; rows not taken are left out."""
        found: Counter[Edge] = Counter()
        for key, count in self._taken.items():
            outcome = self._outcomes[key]
            for edge in {*outcome.edges, *outcome.after}:
                found[edge] += count
        return {edge: found[edge] for edge in self._chart.tree.edges if edge in found}


def _reversed(
    size: int, sources: Iterable[int], targets: Iterable[int]
) -> tuple[array[int], array[int]]:
    """Return edges by their target: where those of each node begin, and their sources."""
    first = array("q", bytes(8 * (size + 1)))
    for target in targets:
        first[target + 1] += 1
    for number in range(size):
        first[number + 1] += first[number]
    free = array("q", first)
    found = array("q", bytes(8 * first[size]))
    for source, target in zip(sources, targets, strict=True):
        found[free[target]] = source
        free[target] += 1
    return first, found
