"""The words a chart is written in: states, rows, and what may be wrong with them.

Everything here is a plain immutable value without behaviour of its own. `tree` indexes these
values, `step` compiles them, `check` judges them, `chart` puts them together. Imports nothing of
ours.

A row answers one event (or several) in one state (or several). There are four kinds of answers,
because "no transition" hides three different intentions: the sender should hear that the event is
illegal (`Refuse`), the event is fine and changes nothing (`Drop`), or it comes too early and must
be kept (`Defer`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = [
    "Answer",
    "ChartError",
    "Defer",
    "Drop",
    "Edge",
    "Finding",
    "Go",
    "Guard",
    "Names",
    "Refuse",
    "Row",
    "State",
    "UnknownConfiguration",
    "UnknownEvent",
    "edges_of",
    "names",
]

Names: TypeAlias = str | tuple[str, ...]
"""One name, or several."""

Guard: TypeAlias = "Callable[[Any, Any], bool]"
"""A pure predicate over (context, data), the two values handed to `Table.step`."""


class Answer(Enum):
    """What a chart says to an event: taken, illegal, without effect, or too early."""

    GO = "go"
    REFUSE = "refuse"
    DROP = "drop"
    DEFER = "defer"


@dataclass(frozen=True, slots=True)
class State:
    """A state; with children it is compound and stands for whichever child is active.

    Names are unique in the whole chart, so a row needs no path to name a state. `initial` names
    the child entered when a row leads to the compound state itself; a compound state that is only
    a group, entered through its children, may leave it out. `final` states absorb: nothing leads
    out of them.
    """

    name: str
    children: tuple[State, ...] = ()
    initial: str | None = None
    final: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Go:
    """A transition from `source` to `dest`; to None it is internal and leaves no state.

    Conditions name guards of the chart and must all hold; `"!name"` asks that one does not.
    Actions are names too: `Table.step` returns them, nobody here calls them.
    """

    trigger: Names
    source: Names
    dest: str | None
    conditions: Names = ()
    actions: Names = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Refuse:
    """The event is illegal here: nothing changes, and the sender hears `reason`, a short code."""

    trigger: Names
    source: Names
    reason: str
    conditions: Names = ()
    actions: Names = ()


@dataclass(frozen=True, slots=True)
class Drop:
    """The event is legal here and has no effect; `reason` is what it is counted under."""

    trigger: Names
    source: Names
    reason: str
    conditions: Names = ()
    actions: Names = ()


@dataclass(frozen=True, slots=True)
class Defer:
    """The event comes too early: whoever runs the chart keeps it for a later state."""

    trigger: Names
    source: Names
    reason: str = ""
    conditions: Names = ()


Row: TypeAlias = Go | Refuse | Drop | Defer

_ANSWERS: dict[type[Row], Answer] = {
    Go: Answer.GO,
    Refuse: Answer.REFUSE,
    Drop: Answer.DROP,
    Defer: Answer.DEFER,
}


@dataclass(frozen=True, slots=True)
class Edge:
    """One row at one source for one trigger; `row` is its place in the list of rows, from 0."""

    answer: Answer
    trigger: str
    source: str
    dest: str | None = None
    conditions: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    reason: str = ""
    note: str = ""
    row: int = 0

    def __str__(self) -> str:
        guard = f" [{', '.join(self.conditions)}]" if self.conditions else ""
        target = {
            Answer.GO: f"-> {self.dest}" if self.dest else "internal",
            Answer.REFUSE: f"refused ({self.reason})",
            Answer.DROP: f"dropped ({self.reason})",
            Answer.DEFER: "deferred",
        }[self.answer]
        return f"row {self.row}: {self.trigger!r} in {self.source!r}{guard} {target}"


def names(value: Names) -> tuple[str, ...]:
    """Return `value` as a tuple, a single name as a tuple of one."""
    return (value,) if isinstance(value, str) else tuple(value)


def edges_of(rows: Sequence[Row]) -> Iterator[Edge]:
    """Yield one edge for each source and trigger of each row, in listing order."""
    for number, row in enumerate(rows):
        for source in names(row.source):
            for trigger in names(row.trigger):
                yield Edge(
                    answer=_ANSWERS[type(row)],
                    trigger=trigger,
                    source=source,
                    dest=row.dest if isinstance(row, Go) else None,
                    conditions=names(row.conditions),
                    actions=() if isinstance(row, Defer) else names(row.actions),
                    reason="" if isinstance(row, Go) else row.reason,
                    note=row.note if isinstance(row, Go) else "",
                    row=number,
                )


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with a chart: which rule it breaks, where, why, and the smallest repair."""

    rule: str
    where: str
    why: str
    repair: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.where}: {self.why}. Repair: {self.repair}."


class ChartError(ValueError):
    """A chart that cannot be built, with everything found wrong in it."""

    def __init__(self, name: str, findings: tuple[Finding, ...]) -> None:
        self.name = name
        self.findings = findings
        lines = "".join(f"\n  {finding}" for finding in findings)
        super().__init__(f"chart {name!r} has {len(findings)} finding(s):{lines}")


class UnknownEvent(LookupError):  # noqa: N818 - says what is wrong, as LookupErrors do
    """An event that the chart does not declare."""


class UnknownConfiguration(LookupError):  # noqa: N818 - as above
    """A configuration that belongs to another table, or that the chart cannot reach."""
