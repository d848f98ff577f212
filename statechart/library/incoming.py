"""From a machine of `transitions` to a chart.

Used by callers. Imports `words`, `reading` and the chart.

Callbacks become names
----------------------
A chart calls nothing, so of a callback on entry or exit only the name is kept, which is the name
of the action: a string as it is, a function under its `__name__`. Whoever runs the chart performs
the action of that name. Callbacks in other places have no counterpart, since a chart acts between
leaving and entering.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from transitions.extensions.asyncio import AsyncMachine

from statechart.chart import Chart
from statechart.errors import ChartError
from statechart.library.reading import Reader, name_of, refuse_callbacks
from statechart.library.words import (
    ChartMachine,
    ChartTransition,
    InexpressibleError,
    Predicate,
    Scope,
)
from statechart.model import Answer, Defer, Drop, Edge, Go, Refuse, Row, State
from statechart.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from transitions import Machine

    from statechart.model import Guard

__all__ = ["from_machine"]


def from_machine(
    machine: Machine,
    guards: Mapping[str, Guard] | None = None,
    *,
    waive: Mapping[str, str] | None = None,
) -> Chart:
    """Return a `Machine` or `HierarchicalMachine` as a chart.

    A machine made by `to_machine` gives back its rows. In any other machine each transition
    becomes a Go row under the last part of its states' paths, and what no transition answers is
    refused as `invalid_trigger`, or dropped where the machine ignores such triggers. Automatic
    `to_` transitions are left out. Conditions must take `(context, data)`; `guards` supplies those
    given as method names.

    `waive` is that of the chart; a machine made by `to_machine` brings the one it was made with.

    Notes of states are lost, since `transitions` has none.

    Raises `InexpressibleError` naming what a chart cannot say, such as callbacks, and `ChartError`
    if the chart would be unsound, for instance because a state's name is used twice.
    """
    _check_machine(machine)
    known = dict(guards or {})
    reader = Reader(machine)
    found = [_edge(trigger, each, known, reader) for trigger, each in _transitions(machine)]
    # Machines group transitions by event. The sort is stable, so rows without a number keep order.
    found.sort(key=lambda edge: edge.row)
    regions = reader.regions()
    rows, closing = [_row(edge) for edge in found], list[Row]()
    events = tuple(dict.fromkeys(edge.trigger for edge in found))
    waived = dict(waive or {})
    if isinstance(machine, ChartMachine):
        waived = {**machine.waive, **waived}
    else:
        rows = [_inwards(row, regions) for row in rows]
        closing = list(_closing(machine, regions[0].name, events, found))
    name = (machine.name or "").removesuffix(": ") or "machine"

    def build(rows: list[Row]) -> Chart:
        return Chart(
            name=name,
            regions=regions,
            events=events,
            rows=tuple(rows),
            guards=known,
            waive=waived,
        )

    chart = _closed(build, rows, closing)
    _check_scopes(chart)
    return chart


def _closed(build: Callable[[list[Row]], Chart], rows: list[Row], closing: list[Row]) -> Chart:
    """Build a chart, without those of the closing rows that turn out to have nothing to close."""
    try:
        return build(rows + closing)
    except ChartError as error:
        dead = tuple(finding.where for finding in error.findings if finding.rule == "dead-row")
    needed = [
        row
        for number, row in enumerate(closing, start=len(rows))
        if not any(where.startswith(f"row {number}:") for where in dead)
    ]
    return build(rows + needed)


def _check_machine(machine: Machine) -> None:
    for slot in (
        *("before_state_change", "after_state_change", "prepare_event", "finalize_event"),
        *("on_exception", "on_final"),
    ):
        refuse_callbacks(f"machine, {slot}", getattr(machine, slot, None))
    if isinstance(machine, AsyncMachine):
        raise InexpressibleError("machine, asyncio: conditions that are awaited cannot be guards")
    if machine.send_event:
        raise InexpressibleError(
            "machine, send_event: guards take (context, data), not EventData; build the machine "
            "without send_event"
        )
    if machine.has_queue:
        raise InexpressibleError(
            "machine, queued: a chart triggers nothing from callbacks; build the machine without "
            "queued, and raise events with the rows' actions"
        )


def _check_scopes(chart: Chart) -> None:
    scope = Scope(chart.tree)
    for edge in chart.tree.edges:
        trouble = scope.trouble(edge) if edge.targets else ""
        if trouble:
            raise InexpressibleError(
                f"transition {edge.trigger!r} from {edge.source!r}: {trouble}, which a chart does "
                "in another way; declare the transition at the states inside"
            )


# -- transitions -----------------------------------------------------------------------------------


def _transitions(machine: Any) -> Iterator[tuple[str, Any]]:
    """Yield (trigger, transition), innermost scopes first, as `transitions` tries them."""
    for state in machine.states.values():
        yield from _scoped(state)
    nested = getattr(machine, "get_nested_state_names", machine.states.keys)
    automatic = {f"to_{name}" for name in nested()} if machine.auto_transitions else set()
    for trigger, event in machine.events.items():
        if trigger not in automatic:
            yield from _of_event(trigger, event)


def _scoped(state: Any) -> Iterator[tuple[str, Any]]:
    for child in getattr(state, "states", {}).values():
        yield from _scoped(child)
    for trigger, event in getattr(state, "events", {}).items():
        yield from _of_event(trigger, event)


def _of_event(trigger: str, event: Any) -> Iterator[tuple[str, Any]]:
    return ((trigger, each) for several in event.transitions.values() for each in several)


def _edge(trigger: str, transition: Any, known: dict[str, Guard], reader: Reader) -> Edge:
    """Read one transition, adding the guards it brings to `known`."""
    where = f"transition {trigger!r} from {transition.source!r}"
    conditions = tuple(
        ("" if condition.target else "!") + _guard(where, condition.func, known)
        for condition in transition.conditions
    )
    if isinstance(transition, ChartTransition) and transition.edge:
        return transition.edge
    for slot in ("prepare", "before", "after"):
        refuse_callbacks(f"{where}, {slot}", getattr(transition, slot))
    targets = (reader.last(transition.dest),) if transition.dest else ()
    return Edge(Answer.GO, trigger, reader.last(transition.source), targets, conditions)


def _guard(where: str, condition: object, known: dict[str, Guard]) -> str:
    """Return the name of a condition; the predicate behind it is in `known` afterwards."""
    if isinstance(condition, str) and condition not in known:
        raise InexpressibleError(
            f"{where}: condition {condition!r} is a method of the model; pass "
            f"guards={{{condition!r}: ...}} to say what it is"
        )
    if isinstance(condition, str):
        return condition
    if isinstance(condition, Predicate):
        known.setdefault(condition.__name__, condition.guard)
        return condition.__name__
    return name_of(where, cast("Guard", condition), known)


def _row(edge: Edge) -> Row:
    asked = (edge.trigger, edge.source)
    match edge.answer:
        case Answer.GO:
            dest = edge.targets[0] if edge.targets else None
            return Go(*asked, dest, edge.conditions, edge.actions, edge.note, edge.internal)
        case Answer.REFUSE:
            return Refuse(*asked, edge.reason, edge.conditions, _words(edge))
        case Answer.DROP:
            return Drop(*asked, edge.reason, edge.conditions, _words(edge))
        case Answer.DEFER:
            return Defer(*asked, edge.reason, edge.conditions)


def _words(edge: Edge) -> tuple[str, ...]:
    return tuple(action for action in edge.actions if isinstance(action, str))


def _inwards(row: Row, regions: tuple[State, ...]) -> Row:
    """Make a transition to a state inside its source internal: `transitions` does not leave it."""
    if not isinstance(row, Go) or row.dest is None:
        return row
    tree = Tree(regions, ())
    source, dest = str(row.source), str(row.dest)
    inside = dest in tree.states and tree.below(dest, source)
    return replace(row, internal=inside and not tree.states[source].parallel)


def _closing(
    machine: Machine, root: str, events: tuple[str, ...], found: list[Edge]
) -> Iterator[Row]:
    """Yield the answers to what no transition answers."""
    closed = {edge.trigger for edge in found if edge.source == root and not edge.conditions}
    for event in events:
        if event not in closed:
            kind = Drop if machine.ignore_invalid_triggers else Refuse
            yield kind(event, root, "invalid_trigger")
