"""Counting which rows of charts are taken.

Used by `report`, which adds up and tells, and by `plugin`, which begins and ends. Imports
`statechart` and `uncounted`.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from statechart.step import Table
from statechart.testing.uncounted import counts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from statechart.model import Edge
    from statechart.step import Configuration, Outcome

__all__ = ["Tally", "edges_of_table"]


def edges_of_table(table: Table) -> tuple[Edge, ...]:
    """Return the rows that some step of `table` takes, or its start, in listing order."""
    outcomes = [outcome for _, outcome in table.starts()]
    for configuration in table.configurations:
        for event in (*table.events, *table.timeouts):
            outcomes += table.outcomes(configuration, event)
    found = {edge for outcome in outcomes for edge in (*outcome.edges, *outcome.after)}
    return tuple(sorted(found, key=lambda edge: (edge.row, edge.source, edge.trigger)))


class Tally:
    """Counts the outcomes of every `Table.step` and `Table.start` from `begin` to `end`.

    It puts other methods into `Table`, so what was bound before `begin` is not seen. Steps that
    `uncounted` leaves out are not counted.
    """

    def __init__(self) -> None:
        # By identity: an outcome belongs to its table, and both are kept here.
        self._outcomes: dict[Table, dict[int, tuple[Outcome, int]]] = {}
        self._step, self._start = Table.step, Table.start

    def begin(self) -> None:
        """Count from now on."""
        step, start, note = self._step, self._start, self._note

        def counted_step(
            table: Table,
            configuration: Configuration,
            event: object,
            context: object = None,
            data: object = None,
        ) -> Outcome:
            return note(table, step(table, configuration, event, context, data))

        def counted_start(table: Table, context: object = None, data: object = None) -> Outcome:
            return note(table, start(table, context, data))

        _put(counted_step, counted_start)

    def end(self) -> None:
        """Let tables be as they were."""
        _put(self._step, self._start)

    def _note(self, table: Table, outcome: Outcome) -> Outcome:
        if counts(table):
            outcomes = self._outcomes.setdefault(table, {})
            _, count = outcomes.get(id(outcome), (outcome, 0))
            outcomes[id(outcome)] = (outcome, count + 1)
        return outcome

    def tables(self) -> Iterator[tuple[Table, Counter[Edge]]]:
        """Yield every table that was stepped or started, with how often its rows were taken."""
        for table, outcomes in self._outcomes.items():
            taken: Counter[Edge] = Counter()
            for outcome, count in outcomes.values():
                taken.update(dict.fromkeys((*outcome.edges, *outcome.after), count))
            yield table, taken


def _put(step: Callable[..., Outcome], start: Callable[..., Outcome]) -> None:
    """Let every table use these: nobody else has a say in it, so steps cost nothing otherwise."""
    Table.step = step  # type: ignore[method-assign] # counting without a hook in the table
    Table.start = start  # type: ignore[method-assign] # as above
