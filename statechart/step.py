"""The compiled chart: one look-up from (configuration, event) to what happens.

Made by `compiler` when a chart is built. Imports `model`, `errors`; the meaning of a step is in
`algorithm`.

A step is what SCXML calls a macrostep: the rows that answer the event, then transitions without
an event and the events that those raise, until nothing more happens by itself. It is worked out in
advance, so a step costs a look-up, whatever it does.

Guards
------
Where the outcome depends on guards, the pair compiles to a small decision tree. A guard is asked
only when the answer depends on it and at most once per step, so a later guard may rely on what an
earlier one established, and regions that ask the same guard cannot disagree. Both sides of each
guard are followed, so all that any combination of guards can reach is in the table.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from statechart.actions import Start, Stop
from statechart.errors import UnknownConfiguration, UnknownEvent
from statechart.model import Answer, Edge, Guard

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["Cells", "Choice", "Configuration", "Node", "Outcome", "Table"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Configuration:
    """Which states are active together: one object per combination and table, compared by `is`.

    `atomic` has the active atomic states in document order, one for each region if no parallel
    states are nested; `states` adds all their ancestors. `history` is what each history
    remembers, by its name: pairs of a history and the states it leads to. `final` holds when every
    region that has final states is in one of them, and at least one region has any.

    To store a configuration keep `atomic`, and `history` where the chart has one;
    `Table.configuration` finds it again.
    """

    atomic: tuple[str, ...]
    states: frozenset[str] = field(default=frozenset())
    final: bool = False
    history: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def __contains__(self, name: object) -> bool:
        return name in self.states

    def __deepcopy__(self, memo: object) -> Configuration:
        return self  # there is only one

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"{self!r} belongs to its table and cannot be pickled: keep its `atomic` and "
            "`history`, and find it again with Table.configuration(atomic, history)"
        )

    def __repr__(self) -> str:
        past = "".join(f"; {name}: {' | '.join(states)}" for name, states in self.history)
        return f"<{' | '.join(self.atomic)}{past}>"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an event does in a configuration.

    `configuration` is the one that holds afterwards, the same object as before unless the answer
    is GO. `actions` are names, in the order of SCXML: exits from the inside out, transitions,
    entries from the outside in, and so for each transition that follows by itself. `timers` are
    the timers to start and stop, in order. `reason` is empty for GO.

    `edges` are the rows that decided: all that go together, or those that refused, deferred or
    dropped; rows that were outvoted are not among them. `after` are the rows taken by themselves
    behind them, without an event from outside.
    """

    answer: Answer
    configuration: Configuration
    actions: tuple[str, ...] = ()
    reason: str = ""
    edges: tuple[Edge, ...] = ()
    after: tuple[Edge, ...] = ()
    timers: tuple[Start | Stop, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """Ask a guard, then continue on one of two sides."""

    name: str
    guard: Guard
    yes: Node
    no: Node


Node: TypeAlias = Outcome | Choice
Cells: TypeAlias = "dict[Configuration, dict[str | type, Node]]"


class Table:
    """All that a chart can do, worked out in advance. `Chart.compile` returns it.

    `events` are the names of what may come from outside, `timeouts` of what the timers of states
    bring; both may be handed to `step`.
    """

    def __init__(
        self, name: str, events: Sequence[str], timeouts: Sequence[str], start: Node, cells: Cells
    ) -> None:
        self.name = name
        self.events: tuple[str, ...] = tuple(events)
        self.timeouts: tuple[str, ...] = tuple(timeouts)
        self._start = start
        self._cells = cells
        self._names = {*events, *timeouts}
        self._classes = {key for row in cells.values() for key in row if isinstance(key, type)}
        self._known = {(each.atomic, frozenset(each.history)): each for each in cells}

    @property
    def configurations(self) -> tuple[Configuration, ...]:
        """Everything reachable, the initial one first, in order of discovery."""
        return tuple(self._cells)

    @property
    def initial(self) -> Configuration:
        """The configuration a chart starts in.

        Raises `LookupError` if that depends on guards: ask `start` then.
        """
        if isinstance(self._start, Outcome):
            return self._start.configuration
        raise LookupError(
            f"where chart {self.name!r} starts depends on guard {self._start.name!r}; use "
            "start(context).configuration"
        )

    def start(self, context: object = None, data: object = None) -> Outcome:
        """Return what happens before any event: entry actions, timers, the first configuration."""
        return _decide(self._start, context, data)

    def step(
        self,
        configuration: Configuration,
        event: object,
        context: object = None,
        data: object = None,
    ) -> Outcome:
        """Return what `event` does in `configuration`.

        `event` is a name, or an object of a class that is an event of the chart, or of one derived
        from it; guards get such an object as their `data`. `context` and `data` are handed to
        guards and to nothing else.

        Raises `UnknownEvent` for an event the chart does not declare, `UnknownConfiguration` for a
        configuration of another table, and whatever a guard raises.
        """
        key: Any = event
        if event.__class__ is not str:
            key, data = self._typed(event, data)
        try:
            node = self._cells[configuration][key]
        except (KeyError, TypeError):  # a configuration that cannot be hashed is a TypeError
            raise self._unknown(configuration, event) from None
        while node.__class__ is Choice:
            node = node.yes if node.guard(context, data) else node.no
        return node  # type: ignore[return-value] # mypy does not narrow by __class__

    def configuration(
        self,
        atomic: Sequence[str],
        history: Mapping[str, Sequence[str]] | Sequence[tuple[str, Sequence[str]]] = (),
    ) -> Configuration:
        """Return the reachable configuration with these atomic states and memories.

        Raises `UnknownConfiguration` if there is none.
        """
        pairs = history.items() if hasattr(history, "items") else history
        memory = [(name, tuple(states)) for name, states in pairs]
        try:
            return self._known[tuple(atomic), frozenset(memory)]
        except KeyError:
            first = next(iter(self._cells))
            raise UnknownConfiguration(
                f"chart {self.name!r} cannot reach {tuple(atomic)!r}{_with(memory)}; a "
                "configuration is stored as its atomic states in document order, such as "
                f"{first.atomic!r}, with what its histories remember"
            ) from None

    def outcomes(self, configuration: Configuration, event: str) -> tuple[Outcome, ...]:
        """Return every outcome that some combination of guards leads to, without repetition."""
        return tuple(dict.fromkeys(outcome for _, outcome in self.cases(configuration, event)))

    def cases(
        self, configuration: Configuration, event: str
    ) -> tuple[tuple[dict[str, bool], Outcome], ...]:
        """Return each case of an event: what the guards that matter say, and the outcome then."""
        try:
            node = self._cells[configuration][event]
        except (KeyError, TypeError):
            raise self._unknown(configuration, event) from None
        return tuple(_cases(node, {}))

    def starts(self) -> tuple[tuple[dict[str, bool], Outcome], ...]:
        """Return the cases of `start`, as `cases` does for an event."""
        return tuple(_cases(self._start, {}))

    def recognise(self, event: object) -> str | type:
        """Return the key of `event`: its name, or the class that the chart declares for it.

        Raises `UnknownEvent` for an event the chart does not declare.
        """
        key, _ = self._typed(event, None)
        if isinstance(key, type) and key not in self._classes:
            raise self._unknown_event(event)
        if isinstance(key, str) and key not in self._names:
            raise self._unknown_event(event)
        return key

    def _typed(self, event: object, data: object) -> tuple[str | type, object]:
        """Return the key of an event that is no plain string, and the data of its step."""
        if isinstance(event, str):
            return str.__str__(event), data  # what an enum calls itself is not its value
        known = (base for base in type(event).__mro__ if base in self._classes)
        return next(known, type(event)), event if data is None else data

    def _unknown(self, configuration: object, event: object) -> LookupError:
        if not isinstance(configuration, Configuration) or configuration not in self._cells:
            return UnknownConfiguration(
                f"{configuration!r} is not a configuration of chart {self.name!r}; configurations "
                "are compared by identity: start from Table.initial, or find a stored one with "
                "Table.configuration"
            )
        return self._unknown_event(event)

    def _unknown_event(self, event: object) -> UnknownEvent:
        if isinstance(event, type) and event.__name__ in self._names:
            name = event.__name__
            hint = f"send an object of that class, {name}(...), or its name {name!r}"
            return UnknownEvent(f"chart {self.name!r} takes no class as an event; {hint}")
        name = event if isinstance(event, str) else type(event).__name__
        near = get_close_matches(name, self.events, n=3)
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "add it to its events"
        if name in self._names:
            hint = "its events have only the name; put the class there"
        return UnknownEvent(f"chart {self.name!r} has no event {name!r}; {hint}")


def _decide(node: Node, context: object, data: object) -> Outcome:
    while isinstance(node, Choice):
        node = node.yes if node.guard(context, data) else node.no
    return node


def _cases(node: Node, said: dict[str, bool]) -> Iterator[tuple[dict[str, bool], Outcome]]:
    if isinstance(node, Choice):
        yield from _cases(node.yes, {**said, node.name: True})
        yield from _cases(node.no, {**said, node.name: False})
    else:
        yield said, node


def _with(history: object) -> str:
    return f" with {history!r}" if history else ""
