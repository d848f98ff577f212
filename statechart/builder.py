"""A chart written with handles in place of names, so that a type checker reads it too.

`Builder[Order]` says what guards get as their context; `on(Pay, ...)` says that the guards of this
row get a `Pay`. What is built is the same `Chart` that rows and states make. Imports `chart`.

>>> from dataclasses import dataclass
>>> from statechart import Builder
>>> @dataclass(frozen=True)
... class Pay:
...     amount: int
>>> def enough(price: int, pay: Pay) -> bool:
...     return pay.amount >= price
>>> order = Builder[int]("order")
>>> cart = order.state("cart")
>>> paid = order.final("paid")
>>> order.on(Pay, cart).when(enough).do("ship").go(paid)
>>> order.on(Pay, cart).refuse("too_little")
>>> order.on(Pay, paid).drop("paid_already")
>>> table = order.build().compile()
>>> table.step(table.initial, Pay(5), 7).reason
'too_little'
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

from statechart.actions import Action, After, At, Quiet, Time
from statechart.chart import Chart
from statechart.model import (
    ALWAYS,
    Defer,
    Drop,
    Go,
    Guard,
    History,
    Refuse,
    Row,
    State,
    Trigger,
    done,
    event_name,
    inside,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["Builder", "HistoryHandle", "Rule", "StateHandle"]

C = TypeVar("C")
E = TypeVar("E")

_DONE = done("")


@dataclass(slots=True, kw_only=True, eq=False)
class StateHandle:
    """A state being built. The first state made inside another is its initial one."""

    name: str
    is_final: bool = False
    is_parallel: bool = False
    entry: tuple[Action, ...] = ()
    exit: tuple[Action, ...] = ()
    note: str = ""
    initial: StateHandle | HistoryHandle | None = None
    children: list[StateHandle | HistoryHandle] = field(default_factory=list)

    def state(
        self,
        name: str,
        *,
        entry: Iterable[Action] = (),
        exit: Iterable[Action] = (),  # noqa: A002 - the word of statecharts
        note: str = "",
    ) -> StateHandle:
        """Make a state inside this one; it becomes compound when it gets states of its own."""
        return self._add(
            StateHandle(name=name, entry=_actions(entry), exit=_actions(exit), note=note)
        )

    def parallel(
        self,
        name: str,
        *,
        entry: Iterable[Action] = (),
        exit: Iterable[Action] = (),  # noqa: A002 - as above
        note: str = "",
    ) -> StateHandle:
        """Make a state inside this one whose children will all be active together."""
        made = StateHandle(
            name=name, is_parallel=True, entry=_actions(entry), exit=_actions(exit), note=note
        )
        return self._add(made)

    def final(self, name: str, *, entry: Iterable[Action] = (), note: str = "") -> StateHandle:
        """Make a final state inside this one."""
        return self._add(StateHandle(name=name, is_final=True, entry=_actions(entry), note=note))

    def history(self, name: str, default: StateHandle, *, deep: bool = False) -> HistoryHandle:
        """Make a history inside this state, which leads to `default` at first."""
        made = HistoryHandle(name=name, default=default, deep=deep)
        self.children.append(made)
        return made

    def start(self, initial: StateHandle | HistoryHandle) -> None:
        """Say where entering this state leads, if not to its first child."""
        self.initial = initial

    def _add(self, made: StateHandle) -> StateHandle:
        self.children.append(made)
        if self.initial is None and not self.is_parallel:
            self.initial = made
        return made

    def build(self) -> State:
        """Return the state with everything inside it."""
        return State(
            self.name,
            tuple(child.build() for child in self.children),
            self.initial.name if self.initial else None,
            final=self.is_final,
            note=self.note,
            parallel=self.is_parallel,
            entry=self.entry,
            exit=self.exit,
        )


@dataclass(slots=True, kw_only=True, eq=False)
class HistoryHandle:
    """A history being built, made by `StateHandle.history`."""

    name: str
    default: StateHandle
    deep: bool = False

    def build(self) -> History:
        """Return the history."""
        return History(self.name, self.default.name, self.deep)


class Builder(Generic[C]):
    """Builds a chart whose guards get a `C` as their context.

    With `state`, `parallel`, `final` the chart has one region, named like the chart; `region` makes
    several side by side. Events are those that rows name, in the order of their first use.
    """

    def __init__(self, name: str, *, note: str = "") -> None:
        self._name = name
        self._note = note
        self._regions: list[StateHandle] = []
        self._rows: list[Row] = []
        self._guards: dict[str, Guard] = {}
        self._root: StateHandle | None = None

    @property
    def root(self) -> StateHandle:
        """The region that has the name of the chart."""
        if self._root is None:
            self._root = self.region(self._name)
        return self._root

    def region(self, name: str, *, note: str = "") -> StateHandle:
        """Make a region: a chart beside the others that shares their events."""
        made = StateHandle(name=name, note=note)
        self._regions.append(made)
        return made

    def state(self, name: str, *, note: str = "") -> StateHandle:
        """Make a state in the region that has the name of the chart."""
        return self.root.state(name, note=note)

    def final(self, name: str, *, note: str = "") -> StateHandle:
        """Make a final state in the region that has the name of the chart."""
        return self.root.final(name, note=note)

    @overload
    def on(self, trigger: type[E], *sources: StateHandle) -> Rule[C, E]: ...

    @overload
    def on(self, trigger: str | After | Quiet | At, *sources: StateHandle) -> Rule[C, Any]: ...

    def on(self, trigger: Trigger, *sources: StateHandle) -> Rule[C, Any]:
        """Begin a row for `trigger` in these states, the whole region if none is given."""
        return Rule(self, trigger, tuple(state.name for state in sources or (self.root,)))

    def done(self, state: StateHandle) -> Rule[C, Any]:
        """Begin a row for the end of `state`, at that state."""
        return self.on(done(state.name), state)

    def always(self, *sources: StateHandle) -> Rule[C, Any]:
        """Begin a row that needs no event."""
        return self.on(ALWAYS, *sources)

    def add(self, row: Row) -> None:
        """Add a row; `on(...)` does so when its last word is said."""
        self._rows.append(row)

    def guard(self, guard: Callable[[C, Any], bool]) -> str:
        """Return the name under which `guard` is known; it is the function's own.

        Raises `ValueError` if the function has no name, or another one has the same.
        """
        name = getattr(guard, "__name__", "")
        if not name.isidentifier():
            raise ValueError(f"a guard needs a name for the diagrams: {guard!r} has none; use def")
        if self._guards.setdefault(name, guard) is not guard:
            raise ValueError(f"two different guards are called {name!r}; rename one")
        return name

    def build(
        self, *, times: dict[str, Time] | None = None, waive: dict[str, str] | None = None
    ) -> Chart:
        """Return the chart. Raises `ChartError` like `Chart`."""
        return Chart(
            name=self._name,
            regions=tuple(region.build() for region in self._regions),
            events=tuple(self._events()),
            rows=tuple(self._rows),
            guards=self._guards,
            times=times or {},
            waive=waive or {},
            note=self._note,
        )

    def _events(self) -> Iterable[str | type]:
        found: dict[str, str | type] = {}
        for row in self._rows:
            event = row.trigger
            if isinstance(event, str | type):
                found.setdefault(event_name(event), event)
        return (event for name, event in found.items() if name and not name.startswith(_DONE))


@dataclass(frozen=True, slots=True)
class Rule(Generic[C, E]):
    """A row that is being said: `on(Pay, cart).when(enough).do("ship").go(paid)`."""

    builder: Builder[C]
    trigger: Trigger
    sources: tuple[str, ...]
    conditions: tuple[str, ...] = ()
    actions: tuple[Action, ...] = ()

    def when(self, *guards: Callable[[C, E], bool]) -> Self:
        """Take the row only if all these guards hold."""
        return self._with(tuple(map(self.builder.guard, guards)))

    def unless(self, *guards: Callable[[C, E], bool]) -> Self:
        """Take the row only if none of these guards holds."""
        return self._with(tuple(f"!{self.builder.guard(guard)}" for guard in guards))

    def inside(self, *states: StateHandle) -> Self:
        """Take the row only while all these states are active."""
        return self._with(tuple(inside(state.name) for state in states))

    def do(self, *actions: Action) -> Self:
        """Name what to do; `Raise`, `Start` and `Stop` are understood by the chart itself."""
        return type(self)(
            self.builder, self.trigger, self.sources, self.conditions, (*self.actions, *actions)
        )

    def go(
        self, *dests: StateHandle | HistoryHandle, internal: bool = False, note: str = ""
    ) -> None:
        """Move to `dests`: one, or one for each region of a parallel state."""
        names = tuple(dest.name for dest in dests)
        dest = names[0] if len(names) == 1 else names or None
        self.builder.add(
            Go(self.trigger, self.sources, dest, self.conditions, self.actions, note, internal)
        )

    def stay(self, *, note: str = "") -> None:
        """Take the event without leaving any state."""
        self.go(note=note)

    def refuse(self, reason: str) -> None:
        """Tell the sender that the event is illegal here."""
        self.builder.add(Refuse(self.trigger, self.sources, reason, self.conditions, self._names()))

    def drop(self, reason: str) -> None:
        """Let the event pass without effect."""
        self.builder.add(Drop(self.trigger, self.sources, reason, self.conditions, self._names()))

    def defer(self, reason: str = "") -> None:
        """Keep the event until the state has changed."""
        self.builder.add(Defer(self.trigger, self.sources, reason, self.conditions))

    def _with(self, conditions: tuple[str, ...]) -> Self:
        return type(self)(
            self.builder, self.trigger, self.sources, (*self.conditions, *conditions), self.actions
        )

    def _names(self) -> tuple[str, ...]:
        speaking = [action for action in self.actions if not isinstance(action, str)]
        if speaking:
            raise ValueError(f"an event that changes nothing cannot {speaking[0]}; only go can")
        return tuple(action for action in self.actions if isinstance(action, str))


def _actions(given: Iterable[Action]) -> tuple[Action, ...]:
    return (given,) if isinstance(given, str) else tuple(given)
