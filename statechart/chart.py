"""The chart: states, events and rows in one immutable object that is correct or does not exist.

Building a chart checks it (`check`) and compiles it (`step`); the diagrams (`diagram`) and the
reference engine (`library`) are made from the same object. Imports `model`, `tree`, `step`,
`check`.

>>> from statechart import Chart, Drop, Go, Refuse, State
>>> light = Chart(
...     name="light",
...     regions=(State("light", (State("red"), State("green"), State("dark")), initial="red"),),
...     events=("turn", "fail"),
...     rows=(Go("turn", "red", "green", actions="ring"), Go("turn", "green", "red"),
...           Go("fail", "light", "dark"), Drop("fail", "dark", "dark_already"),
...           Refuse("turn", "dark", "no_power")),
... )
>>> table = light.compile()
>>> table.step(table.initial, "turn").actions
('ring',)
>>> table.step(table.initial, "fail").configuration
<dark>
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from statechart.check import check_structure, check_table
from statechart.model import ChartError, Guard, Row, State
from statechart.step import Table
from statechart.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Chart"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Chart:
    """A complete, checked statechart.

    One region makes an ordinary chart, several run in parallel. `events` lists all that may
    happen. `rows` answer them; a row on a compound state answers for everything below it unless a
    nearer row does, and of several rows for one state and trigger the first whose conditions hold
    is taken. `guards` maps the names used in conditions to pure predicates of (context, data).

    Raises `ChartError` with all findings if anything is wrong; see `check` for the rules.
    """

    name: str
    regions: tuple[State, ...]
    events: tuple[str, ...]
    rows: tuple[Row, ...]
    guards: Mapping[str, Guard] = field(default_factory=dict)
    note: str = ""
    tree: Tree = field(init=False)
    _table: Table = field(init=False)

    def __post_init__(self) -> None:
        for name in ("regions", "events", "rows"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        object.__setattr__(self, "guards", MappingProxyType(dict(self.guards)))
        findings = check_structure(self)
        if findings:
            raise ChartError(self.name, findings)
        tree = Tree(self.regions, self.rows)
        roots = [region.name for region in self.regions]
        table = Table(self.name, tree, roots, self.events, self.guards)
        findings = check_table(self, tree, table)
        if findings:
            raise ChartError(self.name, findings)
        object.__setattr__(self, "tree", tree)
        object.__setattr__(self, "_table", table)

    def compile(self) -> Table:
        """Return the table of this chart, always the same object."""
        return self._table

    def __repr__(self) -> str:
        return (
            f"<Chart {self.name!r}: {len(self.regions)} region(s), {len(self.tree.states)} states, "
            f"{len(self.events)} events, {len(self.rows)} rows>"
        )
