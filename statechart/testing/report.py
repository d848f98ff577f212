"""The counts of a test run: added up, told, and written to a file.

Used by `plugin`. Imports `statechart` and `tally`; `statechart.diagram` when a diagram is wanted.

Charts are known by their name and their rows with all that is in them, so counts of several
processes, and of tables that were compiled twice, can be added up.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from statechart.errors import ChartError
from statechart.load import UsageError, load_chart
from statechart.testing.tally import Tally, edges_of_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from statechart.chart import Chart
    from statechart.model import Edge
    from statechart.step import Table

__all__ = ["Count", "Plain", "Report", "ReportError", "Row", "least", "lines", "shown"]

Plain: TypeAlias = "list[tuple[str, list[tuple[tuple[Any, ...], int]]]]"
"""Counts as strings, numbers, tuples and lists only, which another process can be sent."""


class ReportError(ValueError):
    """A chart that cannot be found, or a file of a kind that is not written."""


class Row(NamedTuple):
    """A row at one source and trigger; `edge` is all that is in it, so it tells rows apart.

    Ordered as rows are listed.
    """

    row: int
    source: str
    trigger: str
    answer: str
    targets: tuple[str, ...]
    conditions: tuple[str, ...]
    text: str
    edge: str

    @classmethod
    def of(cls, edge: Edge) -> Row:
        """Return an edge as plain values; a name may have been a member of an enum."""
        return cls(
            row=edge.row,
            source=str.__str__(edge.source),
            trigger=str.__str__(edge.trigger),
            answer=edge.answer.value,
            targets=tuple(map(str.__str__, edge.targets)),
            conditions=tuple(map(str.__str__, edge.conditions)),
            text=str(edge),
            edge=repr(edge),
        )


@dataclass(frozen=True, slots=True)
class Count:
    """How often each row of one chart was taken, 0 included, in listing order."""

    name: str
    rows: Mapping[Row, int]

    @property
    def taken(self) -> int:
        """How many rows were taken."""
        return sum(map(bool, self.rows.values()))

    @property
    def percent(self) -> float:
        """The share of rows that were taken, 100 if there are none."""
        return 100 * self.taken / len(self.rows) if self.rows else 100.0


_Key: TypeAlias = "tuple[str, frozenset[Row]]"


class Report:
    """The counts of one test run, of chosen charts or of all that were stepped.

    Args:
        tally: where steps are counted.
        wanted: addresses of charts, as for the command line, with commas between; empty for all.
        output: a file to write, None for none.

    Raises `ReportError` if a chart cannot be found or the file cannot be written in this form.
    """

    def __init__(self, tally: Tally, wanted: str, output: str | None) -> None:
        self._tally = tally
        self._charts = tuple(_load(address.strip()) for address in wanted.split(",") if address)
        self._output = Path(output) if output else None
        self._others: list[tuple[str, dict[Row, int]]] = []
        if self._output and self._output.suffix not in {".json", ".mmd"}:
            raise ReportError(f"cannot write {output}: the file has to end in .json or .mmd")
        if self._output and self._output.suffix == ".mmd" and len(self._charts) != 1:
            raise ReportError(f"{output} is a diagram of one chart: name exactly one")

    def add(self, counts: Plain) -> None:
        """Add the counts of another process."""
        for name, rows in counts:
            self._others.append((name, {Row(*row): count for row, count in rows}))

    def plain(self) -> Plain:
        """Return what was taken up to now, for `add` in another process."""
        return [
            (each.name, [(tuple(row), count) for row, count in each.rows.items()])
            for each in self.counts()
        ]

    def counts(self) -> tuple[Count, ...]:
        """Return what was taken up to now, by name of chart and then by its rows."""
        found: dict[_Key, Counter[Row]] = {}
        for name, taken in (*self._own(), *self._others):
            found.setdefault((name, frozenset(taken)), Counter()).update(taken)
        wanted = {_key(chart.compile()) for chart in self._charts} or found.keys()
        rows = sorted((key[0], sorted(found[key].items())) for key in wanted)
        return tuple(Count(name, dict(taken)) for name, taken in rows)

    def _own(self) -> Iterator[tuple[str, dict[Row, int]]]:
        tables = [(chart.compile(), Counter["Edge"]()) for chart in self._charts]
        for table, taken in (*tables, *self._tally.tables()):
            rows = {Row.of(edge): taken[edge] for edge in edges_of_table(table)}
            yield str.__str__(table.name), rows

    def write(self, counts: Sequence[Count]) -> str:
        """Write the file that was asked for; return why that failed, empty if it did not."""
        if self._output is None:
            return ""
        text = _json(counts) if self._output.suffix == ".json" else self._diagram(counts[0])
        try:
            self._output.parent.mkdir(parents=True, exist_ok=True)
            self._output.write_text(text, encoding="utf-8")
        except OSError as error:
            return f"cannot write {self._output}: {error.strerror or error}"
        return ""

    def _diagram(self, count: Count) -> str:
        from statechart.diagram import Highlight, mermaid

        (chart,) = self._charts
        edges = {edge: count.rows.get(Row.of(edge), 0) for edge in chart.tree.edges}
        return mermaid(chart, lit=Highlight(taken={edge: n for edge, n in edges.items() if n}))


def least(counts: Iterable[Count]) -> float:
    """Return the share of rows taken in the chart that has the least, 0 without charts."""
    return min((each.percent for each in counts), default=0.0)


def shown(percent: float) -> str:
    """Return a share with one digit behind the point, rounded down: 100.0 % is all there is."""
    return f"{math.floor(percent * 10) / 10:.1f} %"


def lines(counts: Sequence[Count]) -> Iterator[str]:
    """Yield a line for each chart, and one for each of its rows that was not taken."""
    if not counts:
        yield "no chart was stepped"
    for each in counts:
        yield f"{each.name}: {each.taken}/{len(each.rows)} rows taken, {shown(each.percent)}"
        yield from (f"  never taken: {row.text}" for row, count in each.rows.items() if not count)


def _json(counts: Iterable[Count]) -> str:
    charts = [
        {
            "name": each.name,
            "taken": each.taken,
            "total": len(each.rows),
            "percent": each.percent,
            "rows": [_object(row, count) for row, count in each.rows.items()],
        }
        for each in counts
    ]
    return json.dumps(charts, indent=2) + "\n"


def _object(row: Row, count: int) -> dict[str, Any]:
    parts = ("trigger", "source", "answer", "targets", "conditions", "row")
    return {**{part: getattr(row, part) for part in parts}, "count": count}


def _load(address: str) -> Chart:
    path = Path(address.partition("::")[0])
    if path.is_dir() or (path.suffix == ".py" and path.is_file()):
        raise ReportError(
            f"{address} is not a chart but looks like tests, and an option takes the word behind "
            f"it; write --chart-coverage= {address} for all charts, or the tests before the option"
        )
    try:
        return load_chart(address)
    except (UsageError, ChartError) as error:
        raise ReportError(str(error)) from error


def _key(table: Table) -> _Key:
    return str.__str__(table.name), frozenset(map(Row.of, edges_of_table(table)))
