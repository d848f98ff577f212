"""The chart: states, events and rows in one immutable object that is correct or does not exist.

Building a chart checks it (`check`) and compiles it (`step`); the diagrams (`diagram`) and the
reference engine (`library`) are made from the same object. Imports `check`, `compiler` and what is
below them.

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

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn

from statechart.check import check_compiled, check_written
from statechart.compiler import compile_table
from statechart.errors import ChartError
from statechart.tree import Tree

if TYPE_CHECKING:
    from statechart.actions import Time
    from statechart.errors import Finding
    from statechart.library import ChartMachine, TransitionsMachine
    from statechart.model import Guard, Row, State
    from statechart.step import Table

__all__ = ["Chart"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Chart:
    """A complete, checked statechart.

    One region makes an ordinary chart, several run side by side. `events` lists all that may
    happen, as names or as classes. `rows` answer them; a row on a compound state answers for
    everything inside it unless a nearer row does, and of several rows for one state and trigger
    the first whose conditions hold is taken.

    `guards` maps the names used in conditions to pure predicates of (context, data), `times` the
    names used in timeouts to milliseconds or to pure functions of the same two. `domains` gives,
    for a guard, the (context, data) pairs that it can meet: then a guard that is always true or
    never is found. `waive` maps the name of a rule that this chart may break to the reason.

    Raises `ChartError` with all findings if anything is wrong; see `check` for the rules.
    """

    name: str
    regions: tuple[State, ...]
    events: tuple[str | type, ...]
    rows: tuple[Row, ...]
    guards: Mapping[str, Guard] = field(default_factory=dict)
    times: Mapping[str, Time] = field(default_factory=dict)
    domains: Mapping[str, Iterable[tuple[Any, Any]]] = field(default_factory=dict)
    waive: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    tree: Tree = field(init=False)
    _table: Table = field(init=False)

    def __post_init__(self) -> None:
        for name in ("regions", "events", "rows"):
            object.__setattr__(self, name, _tuple(getattr(self, name)))
        for name in ("guards", "times", "domains", "waive"):
            object.__setattr__(self, name, _mapping(getattr(self, name)))
        self._raise(check_written(self))
        tree = Tree(self.regions, self.rows)
        table, problems = compile_table(self.name, tree, self.events, self.guards)
        object.__setattr__(self, "tree", tree)
        object.__setattr__(self, "_table", table)
        self._raise(check_compiled(self, problems))

    def _raise(self, findings: tuple[Finding, ...]) -> None:
        if findings:
            raise ChartError(self.name, findings)

    def compile(self) -> Table:
        """Return the table of this chart, always the same object."""
        return self._table

    @classmethod
    def from_transitions(
        cls,
        machine: TransitionsMachine,
        guards: Mapping[str, Guard] | None = None,
        *,
        waive: Mapping[str, str] | None = None,
    ) -> Chart:
        """Return a machine of the `transitions` library as a chart; see `library`."""
        from statechart import library

        return library.from_machine(machine, guards, waive=waive)

    def to_transitions(self, model: object | None = None) -> ChartMachine:
        """Return this chart as a machine of the `transitions` library; see `library`."""
        from statechart import library

        return library.to_machine(self, model)

    def __deepcopy__(self, memo: object) -> Chart:
        return self  # immutable, and its configurations are compared by identity

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"{self!r} has functions and cannot be pickled: keep where to import it from, or write "
            "it as SCXML"
        )

    def __repr__(self) -> str:
        if not hasattr(self, "tree"):
            return f"<Chart {self.name!r}, which is not sound>"
        return (
            f"<Chart {self.name!r}: {len(self.regions)} region(s), {len(self.tree.states)} states, "
            f"{len(self.events)} events, {len(self.rows)} rows>"
        )


def _tuple(found: Any) -> Any:
    """Return several things as a tuple; what is not several is left for `check` to judge."""
    apart = isinstance(found, Iterable) and not isinstance(found, str | type)
    return tuple(found) if apart else found


def _mapping(found: Any) -> Any:
    """Return a mapping that nobody can change; what is none is left for `check` to judge."""
    if not isinstance(found, Mapping):
        return found
    return MappingProxyType({name: _tuple(value) for name, value in found.items()})
