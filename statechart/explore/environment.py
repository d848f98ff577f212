"""What the world may do to a chart, and what a search sees of both: nodes and steps.

Only values; `moves` says what follows from them. Imports `machine` and what is below it.

What is left out of a machine
-----------------------------
A `Node` is a `Machine` without its clock, so a timer that runs may fire at any moment: the search
sees everything that a machine can do, and, since it knows no durations, more than that. Where both
delays are constant it keeps to their order: a timer fires before those that were started later and
take as long or longer, and one without a delay before anything comes from outside. Delays that
are worked out, and instants, are not compared with anything.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple, TypeAlias

from statechart.machine import Perform, Postponed, Turn
from statechart.step import Configuration

__all__ = ["Armed", "Cause", "Environment", "Move", "Node", "Step"]


class Armed(NamedTuple):
    """A running timer without its time: its event, and the timers that fire before it.

    `delay` is in milliseconds where it is constant, otherwise None.
    """

    name: str
    event: str
    delay: int | None = None
    behind: tuple[str, ...] = ()


class Node(NamedTuple):
    """Where a chart and its world may be: a machine without its clock, and the context.

    `"state" in node` tells whether a state is active.
    """

    configuration: Configuration
    postponed: tuple[Postponed, ...] = ()
    armed: tuple[Armed, ...] = ()
    context: Any = None

    @property
    def timers(self) -> frozenset[str]:
        """The names of the timers that run."""
        return frozenset(timer.name for timer in self.armed)

    def __contains__(self, name: object) -> bool:
        return name in self.configuration.states

    def __str__(self) -> str:
        return f"{self.configuration!r}{self.rest}"

    @property
    def rest(self) -> str:
        """What there is beside the configuration, for people; empty if there is nothing."""
        found = {
            "context": "" if self.context is None else repr(self.context),
            "postponed": ", ".join(_called(each.event, each.data) for each in self.postponed),
            "timers": ", ".join(timer.name for timer in self.armed),
        }
        return "".join(f"; {name} {text}" for name, text in found.items() if text)


class Cause(Enum):
    """Why an event happens: the chart starts, it comes from outside, is over, or waited."""

    START = "start"
    EVENT = "event"
    TIMER = "timer"
    POSTPONED = "postponed"


class Step(NamedTuple):
    """One turn of a chart: why it came, what its guards said, and the node behind it."""

    cause: Cause
    turn: Turn
    said: Mapping[str, bool]
    node: Node

    @property
    def called(self) -> str:
        """The event as people write it, with its data."""
        if self.cause is Cause.START:
            return "start"
        return _called(self.turn.event, self.turn.data)


Move: TypeAlias = tuple[Step, ...]
"""What one event from outside does: its own turn, and those of postponed events behind it."""


def _called(event: object, data: object) -> str:
    name = event if isinstance(event, str) else repr(event)
    return str(name) if data is None else f"{name}({data!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A finite world around a chart.

    `events` are what may come from outside: names, typed events, or pairs (event, data); or a
    function from a `Node` to those that may come there. Without it every event of the chart may
    come at any time. `context` is the world at the start, and `perform` makes of it and a `Turn`
    the world behind that turn, as in `Machine.send` (`Turn.at` is always 0). Both must be pure;
    contexts, events and data must be hashable.

    Guards are asked, except those named in `free`: they may say either, each time. `keep` bounds
    the postponed events as in `Machine`; one too many is refused. `ordered` may be set to False
    to let timers fire in any order, as if no delay were known.
    """

    context: Any = None
    events: Iterable[object] | Callable[[Node], Iterable[object]] | None = None
    perform: Perform | None = None
    free: Collection[str] = ()
    keep: int = 2
    ordered: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.free, str):
            object.__setattr__(self, "free", (self.free,))
        if isinstance(self.events, str):
            object.__setattr__(self, "events", (self.events,))
        elif self.events is not None and not callable(self.events):
            object.__setattr__(self, "events", tuple(self.events))
        if self.keep < 0:
            raise ValueError(f"keep={self.keep} is negative; 0 keeps no postponed events")
