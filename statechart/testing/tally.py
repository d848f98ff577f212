"""Counting which rows of charts are taken, and telling about it.

Used by `plugin`. Imports `statechart`; `statechart.diagram` when a diagram is wanted.

Charts are known by their name and their rows as text, so counts of several processes, and of
tables that were compiled twice, can be added up.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from statechart.errors import ChartError
from statechart.load import UsageError, load_chart
from statechart.step import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from statechart.chart import Chart
    from statechart.model import Edge
    from statechart.step import Configuration, Outcome

__all__ = ["Report", "ReportError", "Tally", "edges_of_table"]

Counts: TypeAlias = "list[tuple[str, dict[str, int]]]"
"""Charts by name, each with how often every row was taken, 0 included: only plain values."""


class ReportError(ValueError):
    """A chart that cannot be found, or a file of a kind that is not written."""


def edges_of_table(table: Table) -> tuple[Edge, ...]:
    """Return the rows that some step of `table` takes, or its start, in listing order."""
    outcomes = [outcome for _, outcome in table.starts()]
    for configuration in table.configurations:
        for event in (*table.events, *table.timeouts):
            outcomes += table.outcomes(configuration, event)
    found = {edge for outcome in outcomes for edge in (*outcome.edges, *outcome.after)}
    return tuple(sorted(found, key=lambda edge: (edge.row, edge.source, edge.trigger)))


class Tally:
    """Counts the outcomes of every `Table.step` and `Table.start` from `begin` to `end`."""

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


class Report:
    """The counts of one test run, of chosen charts or of all that were stepped.

    Args:
        wanted: addresses of charts, as for the command line, with commas between; empty for all.
        output: a file to write, None for none.

    Raises `ReportError` if a chart cannot be found or the file cannot be written in this form.
    """

    def __init__(self, wanted: str, output: str | None) -> None:
        self.tally = Tally()
        self._charts = tuple(_load(address.strip()) for address in wanted.split(",") if address)
        self._output = Path(output) if output else None
        self._others: Counts = []
        if self._output and self._output.suffix not in {".json", ".mmd"}:
            raise ReportError(f"cannot write {output}: the file has to end in .json or .mmd")
        if self._output and self._output.suffix == ".mmd" and len(self._charts) != 1:
            raise ReportError(f"{output} is a diagram of one chart: name exactly one")

    def add(self, counts: Iterable[tuple[str, dict[str, int]]]) -> None:
        """Add the counts of another process."""
        self._others += counts

    def counts(self) -> Counts:
        """Return what was taken up to now, chart by chart."""
        found: dict[tuple[str, frozenset[str]], Counter[str]] = {}
        for name, taken in (*self._own(), *self._others):
            found.setdefault((name, frozenset(taken)), Counter(dict.fromkeys(taken, 0))).update(
                taken
            )
        named = [_key(chart) for chart in self._charts] or list(found)
        return [(key[0], dict(found[key])) for key in named]

    def _own(self) -> Iterator[tuple[str, dict[str, int]]]:
        tables = [(chart.compile(), Counter[Any]()) for chart in self._charts]
        for table, taken in (*tables, *self.tally.tables()):
            yield table.name, {str(edge): taken[edge] for edge in edges_of_table(table)}

    def percent(self) -> float:
        """Return the share of rows taken in the chart that has the least, 0 without charts."""
        return min((_percent(taken) for _, taken in self.counts()), default=0.0)

    def lines(self) -> Iterator[str]:
        """Yield a line for each chart, and one for each of its rows that was not taken."""
        counts = self.counts()
        if not counts:
            yield "no chart was stepped"
        for name, taken in counts:
            missing = [row for row, count in taken.items() if not count]
            share = f"{len(taken) - len(missing)}/{len(taken)} rows taken, {_percent(taken):.1f} %"
            yield f"{name}: {share}"
            yield from (f"  never taken: {row}" for row in missing)

    def write(self) -> None:
        """Write the file that was asked for."""
        if self._output is None:
            return
        if self._output.suffix == ".json":
            charts = [{"chart": name, "rows": taken} for name, taken in self.counts()]
            text = json.dumps(charts, indent=2, ensure_ascii=False) + "\n"
        else:
            text = self._diagram(self._charts[0])
        self._output.parent.mkdir(parents=True, exist_ok=True)
        self._output.write_text(text, encoding="utf-8")

    def _diagram(self, chart: Chart) -> str:
        from statechart.diagram import Highlight, mermaid

        ((_, taken),) = self.counts()
        edges = {edge: taken.get(str(edge), 0) for edge in chart.tree.edges}
        return mermaid(chart, lit=Highlight(taken={edge: n for edge, n in edges.items() if n}))


def _put(step: Callable[..., Outcome], start: Callable[..., Outcome]) -> None:
    """Let every table use these: nobody else has a say in it, so steps cost nothing otherwise."""
    Table.step = step  # type: ignore[method-assign] # counting without a hook in the table
    Table.start = start  # type: ignore[method-assign] # as above


def _load(address: str) -> Chart:
    try:
        return load_chart(address)
    except (UsageError, ChartError) as error:
        raise ReportError(str(error)) from error


def _key(chart: Chart) -> tuple[str, frozenset[str]]:
    table = chart.compile()
    return table.name, frozenset(map(str, edges_of_table(table)))


def _percent(taken: dict[str, int]) -> float:
    return 100 * sum(map(bool, taken.values())) / len(taken) if taken else 100.0
