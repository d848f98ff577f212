"""What is not to be counted: charts that are made to be wrong, or by chance.

Used by `mutation` and `strategies`, which make such charts, by `building`, and by `tally`, which
counts. Imports `statechart` only.

A mutant has the name of its chart and mostly its rows, so counted with it, it would make the
figures of the chart worse, or better than they are.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from statechart.chart import Chart
    from statechart.step import Table

__all__ = ["counts", "is_left_out", "leave_out", "uncounted"]

_LEFT_OUT: WeakSet[Table] = WeakSet()
"""Tables say nothing about where they come from, and whoever steps one has only the table."""

_pauses: list[None] = []
"""One for each `uncounted` that is not over."""


def leave_out(chart: Chart) -> Chart:
    """Return `chart`, whose steps are not counted from now on."""
    _LEFT_OUT.add(chart.compile())
    return chart


def is_left_out(chart: Chart) -> bool:
    """Tell whether steps of `chart` are never counted."""
    return chart.compile() in _LEFT_OUT


def counts(table: Table) -> bool:
    """Tell whether a step of `table` is to be counted now."""
    return not _pauses and table not in _LEFT_OUT


@contextmanager
def uncounted() -> Iterator[None]:
    """Count no step of any chart meanwhile, in any thread."""
    _pauses.append(None)
    try:
        yield
    finally:
        _pauses.pop()
