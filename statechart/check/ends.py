"""Rules on ends: final states absorb, and where there are final states nothing else is an end.

Used by `check`. Imports `compiler`, `tree`.

A final state is an end if nobody waits for it: no row is triggered by the end of a state around
it. Whether something is left is asked of the compiled table, so it counts however that comes
about: by a row there or around it, a timeout, another region of a parallel state.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from statechart.check.words import listed
from statechart.errors import Finding
from statechart.model import Answer, event_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from statechart.chart import Chart
    from statechart.compiler import Problems
    from statechart.model import Edge
    from statechart.step import Configuration, Outcome, Table
    from statechart.tree import Tree

__all__ = ["check_ends"]


def check_ends(chart: Chart, _: Problems) -> Iterator[Finding]:
    """Yield rows that lead out of final states, and what can never be left and is not final."""
    tree, table = chart.tree, chart.compile()
    if not any(map(tree.can_end, tree.regions)):
        return
    ends = _Ends(tree)
    for configuration in table.configurations:
        for outcome in _outcomes(chart, table, configuration):
            ends.follow(configuration, outcome)
    for (name, edge), configuration in ends.left.items():
        yield Finding(
            "final-exit",
            f"final state {name!r}",
            f"in {configuration!r} {edge} leads out of it, and final states absorb",
            f"answer {edge.label!r} in {name!r} with a Refuse or Drop of its own"
            if edge.trigger in set(map(event_name, chart.events))
            else f"write the row at the states beside {name!r} that it is for",
        )
    yield from _check_traps(tree, table, ends)


def _outcomes(chart: Chart, table: Table, configuration: Configuration) -> Iterator[Outcome]:
    for event in (*map(event_name, chart.events), *table.timeouts):
        for _, outcome in table.cases(configuration, event):
            if outcome.answer is Answer.GO:
                yield outcome


class _Ends:
    """What is left in some step.

    `left` has final states with the row that leads out of them, and where; `moved` the atomic
    states that were active before a step and not behind it, `from_` the configurations from which
    a step leads to each.
    """

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self.left: dict[tuple[str, Edge], Configuration] = {}
        self.moved: set[str] = set()
        self.from_: dict[Configuration, list[Configuration]] = defaultdict(list)

    def absorbs(self, name: str) -> bool:
        """Tell whether `name` is a final state that nobody waits for."""
        path = self._tree.path(name)
        return self._tree.states[name].final and self._tree.awaited.isdisjoint(path)

    def follow(self, configuration: Configuration, outcome: Outcome) -> None:
        """Note what one outcome leaves."""
        self.from_[outcome.configuration].append(configuration)
        for name in configuration.atomic:
            if name not in outcome.configuration:
                self.moved.add(name)
            if self.absorbs(name):
                row = self._row_out(name, (*outcome.edges, *outcome.after))
                if row:
                    self.left.setdefault((name, row), configuration)

    def before(self, found: list[Configuration]) -> set[Configuration]:
        """Return all configurations from which some sequence of events leads to one of these."""
        seen = set(found)
        left = list(found)
        while left:
            new = [each for each in self.from_[left.pop()] if each not in seen]
            seen.update(new)
            left += new
        return seen

    def _row_out(self, name: str, edges: tuple[Edge, ...]) -> Edge | None:
        tree = self._tree
        return next(
            (
                edge
                for edge in edges
                if edge.targets
                and tree.region_of[edge.source] == tree.region_of[name]
                and tree.below(name, tree.domain(edge))
            ),
            None,
        )


def _check_traps(tree: Tree, table: Table, ends: _Ends) -> Iterator[Finding]:
    stuck = dict.fromkeys(
        name
        for configuration in table.configurations
        for name in configuration.atomic
        if name not in ends.moved and not ends.absorbs(name) and tree.can_end(tree.path(name)[-1])
    )
    for name in stuck:
        why = "no Go leads out of it, so its region can never reach a final state"
        repair = "add a Go out of it" + ("" if tree.states[name].final else ", or mark it final")
        yield Finding("trap", f"state {name!r}", why, repair)
    saved = ends.before([found for found in table.configurations if found.final])
    lost = [
        configuration
        for configuration in table.configurations
        if configuration not in saved and stuck.keys().isdisjoint(configuration.atomic)
    ]
    if lost:
        yield Finding(
            "trap",
            f"configuration(s) {listed(map(repr, lost), ' ')}",
            "no sequence of events leads from there to a configuration that is final",
            "add a Go that leads on, or mark states final",
        )
