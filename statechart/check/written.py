"""A chart as written, indexed for the rules that read it before it is compiled.

Made by `check` once names mean one thing; used by `states`, `rows` and `uses`. Imports `tree`.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from statechart.actions import Start, Stop, several
from statechart.model import event_name
from statechart.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from statechart.actions import Action
    from statechart.chart import Chart
    from statechart.model import Edge

__all__ = ["Written", "everywhere"]


class Written:
    """The chart, its tree, and the words it declares.

    `events` are names of events, `known` those of states and histories, in document order.
    """

    def __init__(self, chart: Chart) -> None:
        self.chart = chart
        self.tree = Tree(chart.regions, chart.rows)
        self.events = {event_name(event): event for event in chart.events}
        self.known = self.tree.order

    @cached_property
    def transitions(self) -> tuple[Edge, ...]:
        """The rows that lead somewhere, as far as their states exist and are of one region."""
        return tuple(edge for edge in self.tree.edges if edge.targets and self._sound(edge))

    def _sound(self, edge: Edge) -> bool:
        tree = self.tree
        return edge.source in tree.states and all(
            target in self.known and tree.region_of[target] == tree.region_of[edge.source]
            for target in edge.targets
        )

    @cached_property
    def actions(self) -> tuple[tuple[str, Action], ...]:
        """Every action with where it is written."""
        return tuple(everywhere(self.tree))

    @cached_property
    def delays(self) -> tuple[tuple[str, object], ...]:
        """Every delay with where it is written: an `At` where it is an instant."""
        timeouts = [(str(edge), edge.timeout) for edge in self.tree.edges if edge.timeout]
        found = [(where, getattr(timeout, "delay", timeout)) for where, timeout in timeouts]
        found += [(where, each.delay) for where, each in self.actions if isinstance(each, Start)]
        return tuple(found)

    @cached_property
    def started(self) -> frozenset[str]:
        """The names of timers that some action starts."""
        return frozenset(each.timer for _, each in self.actions if isinstance(each, Start))

    @cached_property
    def stopped(self) -> tuple[tuple[str, str], ...]:
        """The names of timers that actions stop, with where that is."""
        return tuple((where, each.timer) for where, each in self.actions if isinstance(each, Stop))


def everywhere(tree: Tree) -> Iterator[tuple[str, Action]]:
    """Yield every action of a chart with where it is written."""
    for name, state in tree.states.items():
        for written in (state.entry, state.exit, state.initial_actions):
            yield from ((f"state {name!r}", action) for action in several(written))
    for name, history in tree.histories.items():
        yield from ((f"history {name!r}", action) for action in several(history.actions))
    for edge in tree.edges:
        yield from ((str(edge), action) for action in edge.actions)
