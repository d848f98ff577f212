"""The words a chart is written in: states and rows.

Everything here is a plain immutable value without behaviour of its own. `tree` indexes these
values, `selection` and `algorithm` say what they mean, `compiler` compiles them, `check` judges
them, `chart` puts them together. Imports `actions`.

A row answers one event (or several) in one state (or several). There are four kinds of answers,
because "no transition" hides three different intentions: the sender should hear that the event is
illegal (`Refuse`), the event is fine and changes nothing (`Drop`), or it comes too early and must
be kept until the state has changed (`Defer`).

What may stand as a trigger: the name of an event, or its type (`Paid`, a class: its name is the
event's); `ALWAYS`, taken as soon as its conditions hold; `done("state")`, the end of a compound or
parallel state; and `After`, `Quiet` and `At`, which are timeouts of the state they are written at.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeAlias

from statechart.actions import Action, Actions, After, At, Quiet, Timeout, several

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = [
    "ALWAYS",
    "Answer",
    "Defer",
    "Drop",
    "Edge",
    "Go",
    "Guard",
    "History",
    "Names",
    "Refuse",
    "Row",
    "State",
    "Trigger",
    "Triggers",
    "done",
    "edges_of",
    "event_name",
    "inside",
    "names",
    "split",
    "state_asked",
]

Names: TypeAlias = str | tuple[str, ...]
"""One name, or several."""

Guard: TypeAlias = "Callable[[Any, Any], bool]"
"""A pure predicate over (context, data), the two values handed to `Table.step`."""

ALWAYS = ""
"""The trigger of a transition that needs no event (SCXML 3.13, eventless)."""

_DONE = "done.state."
_INSIDE = "in:"


def done(state: str) -> str:
    """Return the event that happens when `state` is finished.

    A compound state is finished when a final child becomes active, a parallel one when all of its
    regions are (SCXML 3.7).
    """
    return _DONE + state


def inside(state: str) -> str:
    """Return the condition that `state` is active, which needs no guard: SCXML's `In`."""
    return _INSIDE + state


def split(condition: str) -> tuple[str, bool]:
    """Return what a condition asks, and the answer that it wants."""
    return condition.removeprefix("!"), not condition.startswith("!")


def state_asked(condition: str) -> str | None:
    """Return the state whose activity a condition asks for, None if it asks a guard."""
    name, _ = split(condition)
    return name.removeprefix(_INSIDE) if name.startswith(_INSIDE) else None


class Answer(Enum):
    """What a chart says to an event: taken, illegal, without effect, or too early."""

    GO = "go"
    REFUSE = "refuse"
    DROP = "drop"
    DEFER = "defer"


# -- states ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class State:
    """A state; with children it is compound, or parallel if all its children are active together.

    Names are unique in the whole chart, so a row needs no path to name a state. `initial` names
    the child entered when a row leads to the compound state itself (or several states further in,
    one for each parallel region); a compound state that is only a group, entered through its
    children, may leave it out. `final` states absorb: nothing leads out of them, but what is
    around them may be left. `entry` and `exit` are done whenever the state is entered or left,
    `initial_actions` when it is entered through `initial`.
    """

    name: str
    children: tuple[State | History, ...] = ()
    initial: Names | None = None
    final: bool = False
    note: str = ""
    parallel: bool = False
    entry: Actions = ()
    exit: Actions = ()
    initial_actions: Actions = ()


@dataclass(frozen=True, slots=True)
class History:
    """A place to return to: leads to where its parent was when it was last left.

    A shallow history remembers the active children of its parent, a deep one the atomic states
    below. `default` is where it leads before anything was left; `actions` are done then, when its
    parent is entered (a row from inside the parent does not enter it: SCXML 3.10).
    """

    name: str
    default: Names = ()
    deep: bool = False
    actions: Actions = ()
    note: str = ""


# -- rows ------------------------------------------------------------------------------------------

Trigger: TypeAlias = str | type | After | Quiet | At
Triggers: TypeAlias = Trigger | tuple[Trigger, ...]


@dataclass(frozen=True, slots=True)
class Go:
    """A transition from `source` to `dest`; to None it leaves no state.

    Conditions name guards of the chart and must all hold; `"!name"` asks that one does not, and
    `inside("state")` that a state is active. A transition from a compound state into itself leaves
    and enters it, unless it is `internal`, which only moves the children.
    """

    trigger: Triggers
    source: Names
    dest: Names | None
    conditions: Names = ()
    actions: Actions = ()
    note: str = ""
    internal: bool = False


@dataclass(frozen=True, slots=True)
class Refuse:
    """The event is illegal here: nothing changes, and the sender hears `reason`, a short code."""

    trigger: Triggers
    source: Names
    reason: str
    conditions: Names = ()
    actions: Names = ()


@dataclass(frozen=True, slots=True)
class Drop:
    """The event is legal here and has no effect; `reason` is what it is counted under."""

    trigger: Triggers
    source: Names
    reason: str
    conditions: Names = ()
    actions: Names = ()


@dataclass(frozen=True, slots=True)
class Defer:
    """The event comes too early: `Machine` keeps it and tries again after a change of state."""

    trigger: Triggers
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
    """One row at one source for one trigger; `row` is its place in the list of rows, from 0.

    `trigger` is the name of the event. A timeout's is its own, such as `after.500.waiting`, which
    is also the name of its timer. `targets` is empty for a row that leaves no state.
    """

    answer: Answer
    trigger: str
    source: str
    targets: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    actions: tuple[Action, ...] = ()
    reason: str = ""
    note: str = ""
    row: int = 0
    internal: bool = False
    timeout: Timeout | None = None

    @property
    def label(self) -> str:
        """What people call the trigger."""
        return str(self.timeout) if self.timeout else self.trigger or "always"

    def __str__(self) -> str:
        guard = f" [{', '.join(self.conditions)}]" if self.conditions else ""
        target = {
            Answer.GO: f"-> {', '.join(self.targets)}" if self.targets else "stays",
            Answer.REFUSE: f"refused ({self.reason})",
            Answer.DROP: f"dropped ({self.reason})",
            Answer.DEFER: "deferred",
        }[self.answer]
        return f"row {self.row}: {self.label!r} in {self.source!r}{guard} {target}"


def names(value: Names | None) -> tuple[str, ...]:
    """Return `value` as a tuple, a single name as a tuple of one."""
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)


def event_name(event: str | type) -> str:
    """Return the name under which an event is known: a class goes by its own."""
    return event.__name__ if isinstance(event, type) else event


def edges_of(rows: Iterable[Row]) -> Iterator[Edge]:
    """Yield one edge for each source and trigger of each row, in listing order."""
    for number, row in enumerate(rows):
        triggers = row.trigger if isinstance(row.trigger, tuple | list) else (row.trigger,)
        for source in names(row.source):
            for trigger in triggers:
                yield _edge(number, row, source, trigger)


def _edge(number: int, row: Row, source: str, trigger: Trigger) -> Edge:
    timeout = trigger if isinstance(trigger, After | Quiet | At) else None
    return Edge(
        answer=_ANSWERS[type(row)],
        trigger=event_name(trigger) if isinstance(trigger, str | type) else _timer(trigger, source),
        source=source,
        targets=names(row.dest) if isinstance(row, Go) else (),
        conditions=names(row.conditions),
        actions=() if isinstance(row, Defer) else several(row.actions),
        reason="" if isinstance(row, Go) else row.reason,
        note=row.note if isinstance(row, Go) else "",
        row=number,
        internal=isinstance(row, Go) and row.internal,
        timeout=timeout,
    )


def _timer(timeout: Timeout, state: str) -> str:
    """Return the name of a state's timer, which is also that of the event that it brings."""
    match timeout:
        case After(delay):
            return f"after.{delay}.{state}"
        case Quiet(delay):
            return f"quiet.{delay}.{state}"
        case At(instant):
            return f"at.{instant}.{state}"
