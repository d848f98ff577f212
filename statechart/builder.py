"""A chart written with handles in place of names, so that a type checker reads it too.

`Builder[Order]` says what guards get as their context; `on(Pay, ...)` says that the guards of this
row get a `Pay`. What is built is the same `Chart` that rows and states make. Imports `chart`, and
`handles` and `rule`, the states and rows that are being made.

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

from itertools import chain, count
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from statechart.actions import Actions, After, At, Quiet, Time
from statechart.chart import Chart
from statechart.handles import HistoryHandle, StateHandle, StateMaker
from statechart.model import ALWAYS, Row, Trigger, done, event_name
from statechart.rule import Rows, Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

__all__ = ["Builder", "HistoryHandle", "Rule", "StateHandle"]

C = TypeVar("C")
E = TypeVar("E")

_DONE = done("")


class Builder(StateMaker, Generic[C]):
    """Builds a chart whose guards get a `C` as their context.

    With `state`, `parallel`, `final` and `history` the chart has one region, its root; `region`
    makes several side by side. Events are those that rows name, in the order of their first use.
    A class wins over its name.
    """

    def __init__(self, name: str, *, note: str = "") -> None:
        self._name = name
        self._note = note
        self._regions: list[StateHandle] = []
        self._root: StateHandle | None = None
        self._rows = Rows()

    @property
    def root(self) -> StateHandle:
        """The region that the builder makes states in; it exists once it is asked for.

        It has the name of the chart. If you give that name to another state, `build` renames the
        root, and not what you named: `order` becomes `order_root`, or the first that is free of
        `order_root_2`, `order_root_3` and so on.
        """
        if self._root is None:
            self._root = self.region(self._name)
        return self._root

    def _place(self) -> StateHandle:
        return self.root

    def region(
        self,
        name: str,
        *,
        entry: Actions = (),
        exit: Actions = (),  # noqa: A002 - the word of statecharts
        initial_actions: Actions = (),
        note: str = "",
    ) -> StateHandle:
        """Make a region: a chart beside the others that shares their events."""
        made = StateHandle(
            name=name, entry=entry, exit=exit, initial_actions=initial_actions, note=note
        )
        self._regions.append(made)
        return made

    @overload
    def on(self, trigger: type[E], *sources: StateHandle) -> Rule[C, E]: ...

    @overload
    def on(self, trigger: str | After | Quiet | At, *sources: StateHandle) -> Rule[C, Any]: ...

    def on(self, trigger: Trigger, *sources: StateHandle) -> Rule[C, Any]:
        """Begin a row for `trigger` in these states, in all regions of the chart if none is given.

        One region that refuses decides for all, so name that one where there are several.

        A guard gets the context of the step and the data of the event from outside that began
        it. So guards of `on(Pay, ...)` get a `Pay` when the step is that of a `Pay` object, and
        not when the event came by its name or with data beside it: then they get the data that
        `Table.step` got, None if it got none.

        Guards of rows that follow by themselves, on `ALWAYS`, on `done(...)` or on an event that
        the chart raised, see the event from outside too, of whatever class that is; at the start,
        the data of `Table.start`. When a timer brings the event, a `Machine` gives None.
        """
        return Rule(self._rows, trigger, sources)

    def done(self, state: StateHandle) -> Rule[C, Any]:
        """Begin a row for the end of `state`, at that state. Its guards get what `on` says."""
        return Rule(self._rows, state, (state,))

    def always(self, *sources: StateHandle) -> Rule[C, Any]:
        """Begin a row that needs no event. Its guards get what `on` says."""
        return self.on(ALWAYS, *sources)

    def add(self, row: Row) -> None:
        """Add a row as it is, beside those that `on(...)` adds when its last word is said."""
        self._rows.said.append(lambda _: row)

    def guard(self, guard: Callable[[C, Any], bool]) -> str:
        """Return the name under which `guard` is known; it is the function's own.

        Raises `ValueError` if the function has no name, or another one has the same.
        """
        return self._rows.guard(guard)

    def build(
        self,
        *,
        times: Mapping[str, Time] | None = None,
        domains: Mapping[str, Iterable[tuple[C, Any]]] | None = None,
        waive: Mapping[str, str] | None = None,
    ) -> Chart:
        """Return the chart; `times`, `domains` and `waive` are as there.

        Raises `ValueError` if a rule has no last word, and `ChartError` like `Chart`.
        """
        regions = tuple(self._regions or [self.root])
        self._name_root()
        rows = self._rows.build(regions)
        return Chart(
            name=self._name,
            regions=tuple(region.build() for region in regions),
            events=tuple(_events(rows)),
            rows=rows,
            guards=self._rows.guards,
            times=times or {},
            domains=domains or {},
            waive=waive or {},
            note=self._note,
        )

    def _name_root(self) -> None:
        """Give the root another name if its own is taken."""
        if self._root is None:
            return
        handles = chain.from_iterable(region.walk() for region in self._regions)
        taken = {each.name for each in handles if each is not self._root}
        first = f"{self._name}_root"
        free = chain((self._root.name, first), (f"{first}_{number}" for number in count(2)))
        self._root.name = next(name for name in free if name not in taken)


def _events(rows: Iterable[Row]) -> Iterator[str | type]:
    """Yield the events of rows in the order of their first use, once each.

    Classes of the same name are all there: the chart says what is wrong with that.
    """
    found: dict[str, dict[str | type, None]] = {}
    for row in rows:
        for event in row.trigger if isinstance(row.trigger, tuple | list) else (row.trigger,):
            if isinstance(event, str | type):
                found.setdefault(event_name(event), {})[event] = None
    for name, same in found.items():
        if name != ALWAYS and not name.startswith(_DONE):
            yield from [event for event in same if isinstance(event, type)] or same
