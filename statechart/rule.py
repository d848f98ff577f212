"""Rules: rows that are being said, word by word, with handles for states and functions for guards.

Used by `builder`, whose `on` begins a rule. Imports `handles`, `model`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Self, TypeVar

from statechart.handles import HistoryHandle, StateHandle, named
from statechart.model import ALWAYS, Defer, Drop, Go, Guard, Refuse, Row, Trigger, done, inside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from statechart.actions import Action

__all__ = ["Rows", "Rule"]

C = TypeVar("C")
E = TypeVar("E")


class _Head(NamedTuple):
    """What every row begins with, by name."""

    trigger: Trigger
    source: tuple[str, ...]
    conditions: tuple[str, ...]


class Rows:
    """What was said so far: rows, guards by name, and rules that still have no last word.

    A row is made of the regions of the chart when that is built, since only then names are known.
    """

    def __init__(self) -> None:
        self.said: list[Callable[[Sequence[StateHandle]], Row]] = []
        self.guards: dict[str, Guard] = {}
        self.open: dict[Rule[Any, Any], None] = {}

    def guard(self, guard: Guard) -> str:
        """Return the name of `guard`; see `Builder.guard`."""
        name = getattr(guard, "__name__", "")
        if not name.isidentifier():
            raise ValueError(f"a guard needs a name for the diagrams: {guard!r} has none; use def")
        # Not `is`: each look-up of a method makes a new object, equal to the others.
        if self.guards.setdefault(name, guard) != guard:
            raise ValueError(f"two different guards are called {name!r}; rename one")
        return name

    def build(self, regions: Sequence[StateHandle]) -> tuple[Row, ...]:
        """Return the rows; `ValueError` if a rule has no last word."""
        if self.open:
            repair = "has no last word: say go, stay, refuse, drop or defer"
            raise ValueError("\n".join(f"{rule!r} {repair}" for rule in self.open))
        return tuple(row(regions) for row in self.said)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Rule(Generic[C, E]):
    """A row that is being said: `on(Pay, cart).when(enough).do("ship").go(paid)`.

    `go`, `stay`, `refuse`, `drop` and `defer` are last words; a chart is not built while one is
    missing. Each other word returns a new rule that takes the place of this one. A handle as the
    trigger means the end of that state, a handle among the conditions that it is active.
    """

    rows: Rows
    trigger: Trigger | StateHandle
    sources: tuple[StateHandle, ...]
    conditions: tuple[str | StateHandle, ...] = ()
    actions: tuple[Action, ...] = ()

    def __post_init__(self) -> None:
        self.rows.open[self] = None

    def when(self, *guards: Callable[[C, E], bool]) -> Self:
        """Take the row only if all these guards hold."""
        return self._with(map(self.rows.guard, guards))

    def unless(self, *guards: Callable[[C, E], bool]) -> Self:
        """Take the row only if none of these guards holds."""
        return self._with(f"!{self.rows.guard(guard)}" for guard in guards)

    def inside(self, *states: StateHandle) -> Self:
        """Take the row only while all these states are active."""
        return self._with(states)

    def do(self, *actions: Action) -> Self:
        """Name what to do; `Raise`, `Start` and `Stop` are understood by the chart itself."""
        self._close()
        return replace(self, actions=(*self.actions, *actions))

    def go(
        self, *dests: StateHandle | HistoryHandle, internal: bool = False, note: str = ""
    ) -> None:
        """Move to `dests`: one, or one for each region of a parallel state."""
        self._say(
            lambda head: Go(
                head.trigger,
                head.source,
                named(dests) or None,
                head.conditions,
                self.actions,
                note,
                internal,
            )
        )

    def stay(self, *, note: str = "") -> None:
        """Take the event without leaving any state."""
        self.go(note=note)

    def refuse(self, reason: str) -> None:
        """Tell the sender that the event is illegal here."""
        actions = self._names()
        self._say(lambda head: Refuse(head.trigger, head.source, reason, head.conditions, actions))

    def drop(self, reason: str) -> None:
        """Let the event pass without effect."""
        actions = self._names()
        self._say(lambda head: Drop(head.trigger, head.source, reason, head.conditions, actions))

    def defer(self, reason: str = "") -> None:
        """Keep the event until the state has changed."""
        self._say(lambda head: Defer(head.trigger, head.source, reason, head.conditions))

    def __repr__(self) -> str:
        states = [state.name for state in self.sources]
        match self.trigger:
            case StateHandle(name=name):
                return f"done({name})"
            case str(event) if event == ALWAYS:
                return f"always({', '.join(states)})"
            case event:
                shown = event.__name__ if isinstance(event, type) else repr(event)
                return f"on({', '.join([shown, *states])})"

    def _say(self, last: Callable[[_Head], Row]) -> None:
        self._close()
        self.rows.said.append(lambda regions: last(self._head(regions)))

    def _close(self) -> None:
        self.rows.open.pop(self, None)

    def _head(self, regions: Sequence[StateHandle]) -> _Head:
        end = self.trigger
        return _Head(
            trigger=done(end.name) if isinstance(end, StateHandle) else end,
            source=tuple(state.name for state in self.sources or regions),
            conditions=tuple(
                inside(each.name) if isinstance(each, StateHandle) else each
                for each in self.conditions
            ),
        )

    def _with(self, conditions: Iterable[str | StateHandle]) -> Self:
        added = tuple(conditions)  # a guard without a name is found before the rule is closed
        self._close()
        return replace(self, conditions=(*self.conditions, *added))

    def _names(self) -> tuple[str, ...]:
        speaking = [action for action in self.actions if not isinstance(action, str)]
        if speaking:
            raise ValueError(f"an event that changes nothing cannot {speaking[0]}; only go can")
        return tuple(action for action in self.actions if isinstance(action, str))
