"""Covering walks: a few long walks through a graph that together see everything there is to see.

Used by `walks`, which knows what there is to see: edges, or pairs of them. Imports nothing of ours.

A node of the graph is anything hashable. From where it is, a walk goes to the nearest move that
covers something new, and from there on, until nothing new can be reached; then another walk
begins. That is not the least number of walks, which would take long to find, but near it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence

__all__ = ["Move", "cover"]

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Move(Generic[S]):
    """A step from one node to another: what is to be reported of it, and what it covers."""

    step: S
    items: frozenset[Hashable]
    node: Any


Follow: TypeAlias = "Callable[[Any], Iterable[Move[S]]]"


def cover(starts: Iterable[Move[S]], follow: Follow[S]) -> Iterator[tuple[S, list[S]]]:
    """Yield walks, as their start and the steps after it, that cover all that can be reached.

    `follow` returns the moves that leave a node, always the same ones.
    """
    search = _Search(follow)
    for start in starts:
        fresh = not start.items <= search.covered
        search.covered |= start.items
        while (steps := search.longest(start.node)) or fresh:
            yield start.step, steps
            fresh = False


class _Node(Generic[S]):
    """The moves of one node: those that may still cover something, and one to each other node."""

    __slots__ = ("fresh", "onward")

    def __init__(self, node: Any, moves: Sequence[Move[S]]) -> None:
        # Taken from the end. Those that stay go first: what is left may be out of reach for good.
        self.fresh = sorted(moves, key=lambda move: bool(move.node == node))
        self.onward = {move.node: move for move in moves if move.node != node}


class _Search(Generic[S]):
    """The search for short walks that cover what is not covered yet."""

    def __init__(self, follow: Follow[S]) -> None:
        self.covered: set[Hashable] = set()
        self._follow = follow
        self._nodes: dict[Any, _Node[S]] = {}
        self._spent: set[Any] = set()

    def longest(self, node: Any) -> list[S]:
        """Return the steps of one walk from `node`, which goes from each new thing to the next."""
        steps: list[S] = []
        while walk := self._nearest(node):
            for move in walk:
                self.covered |= move.items
            steps += [move.step for move in walk]
            node = walk[-1].node
        return steps

    def _nearest(self, start: Any) -> list[Move[S]]:
        """Return the shortest walk from `start` that covers something new, empty if there is none.

        From where nothing new can be reached it never will be, so such nodes are left out then.
        """
        came: dict[Any, tuple[Any, Move[S]] | None] = {start: None}
        queue = deque([start])
        while queue:
            here = queue.popleft()
            node = self._node(here)
            while node.fresh and node.fresh[-1].items <= self.covered:
                node.fresh.pop()
            if node.fresh:
                return [*_back(here, came), node.fresh[-1]]
            for other, move in node.onward.items():
                if other not in came and other not in self._spent:
                    came[other] = here, move
                    queue.append(other)
        self._spent |= came.keys()
        return []

    def _node(self, here: Any) -> _Node[S]:
        if here not in self._nodes:
            self._nodes[here] = _Node(here, tuple(self._follow(here)))
        return self._nodes[here]


def _back(here: Any, came: Mapping[Any, tuple[Any, Move[S]] | None]) -> list[Move[S]]:
    """Return the moves that led to `here`."""
    found: list[Move[S]] = []
    while (before := came[here]) is not None:
        here, move = before
        found.append(move)
    return found[::-1]
