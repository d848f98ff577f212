"""Charts and the `transitions` library: the reference engine, and a way in and out.

The only module that imports `transitions`; production does not import this one. Imports `chart`
and what is below it.

How a chart is said in the words of `transitions`
-------------------------------------------------
States keep their nesting and are addressed by path (`live/working`). Several regions become one
parallel state around them. Every row becomes a transition, in listing order, with guards as
conditions that call the chart's predicates. Refuse, Drop and Defer become internal transitions:
`transitions` knows only "taken" and "not taken", and a row that answers must keep rows around it
from answering. Each transition carries its row, so nothing is lost on the way back.

What `transitions` cannot say is the veto: its parallel states move one after another, and a region
that refuses does not stop another that moved before. `Reference` therefore asks the engine twice:
first which rows it would take, moving nothing, then to move if no region refused or deferred.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from transitions.extensions.nesting import HierarchicalMachine, NestedState, NestedTransition

from statechart.chart import Chart
from statechart.model import Answer, Defer, Drop, Edge, Go, Refuse, Row, State, names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from statechart.model import Guard

__all__ = ["ChartMachine", "InexpressibleError", "Reference", "from_machine", "to_machine"]


class InexpressibleError(ValueError):
    """A machine uses something that a chart has no words for."""


class ChartState(NestedState):
    """A nested state whose path is joined by a character that no state's name contains."""

    separator = "/"


class ChartTransition(NestedTransition):
    """A transition that knows its row, and can be asked whether it would be taken."""

    def __init__(self, *args: Any, edge: Edge | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.edge = edge

    def execute(self, event_data: Any) -> bool:
        """Move, or while the model is asking only note the row if its conditions hold."""
        asked = getattr(event_data.model, "asked", None)
        if asked is None:
            return bool(super().execute(event_data))
        taken = all(condition.check(event_data) for condition in self.conditions)
        if taken:
            asked.append(self.edge)
        return taken


class ChartMachine(HierarchicalMachine):
    """The machine that `to_machine` builds."""

    state_cls = ChartState
    transition_cls = ChartTransition


class _Predicate:
    """A guard under its name, since `transitions` knows conditions as functions."""

    def __init__(self, name: str, guard: Guard) -> None:
        self.__name__ = name
        self.guard = guard

    def __call__(self, context: object = None, data: object = None) -> bool:
        return self.guard(context, data)


# -- chart to machine ------------------------------------------------------------------------------


def to_machine(chart: Chart, model: object | None = None) -> ChartMachine:
    """Return the chart as a `HierarchicalMachine`, acting on `model` or on itself.

    Trigger events with `(context, data)`, the arguments of the guards.
    """
    path = {name: "/".join(reversed(chart.tree.path(name))) for name in chart.tree.states}
    states = [_state(region) for region in chart.regions]
    if len(states) > 1:
        path = {name: f"regions/{found}" for name, found in path.items()}
        states = [{"name": "regions", "parallel": states}]
    machine = ChartMachine(
        model="self" if model is None else model,
        states=states,
        initial=states[0]["name"],
        auto_transitions=False,
        send_event=False,
        name=chart.name,
    )
    guards = {name: _Predicate(name, guard) for name, guard in chart.guards.items()}
    for edge in chart.tree.edges:
        machine.add_transition(
            edge.trigger,
            path[edge.source],
            path[edge.dest] if edge.dest else None,
            conditions=[guards[name] for name in edge.conditions if not name.startswith("!")],
            unless=[guards[name[1:]] for name in edge.conditions if name.startswith("!")],
            edge=edge,
        )
    return machine


def _state(state: State) -> dict[str, Any]:
    found: dict[str, Any] = {"name": state.name, "final": state.final}
    if state.children:
        found["children"] = [_state(child) for child in state.children]
    if state.initial is not None:
        found["initial"] = state.initial
    return found


class _Model:
    """What the reference engine moves; `asked` collects rows while it is only asking."""

    state: Any = None
    asked: list[Edge] | None = None


class Reference:
    """A chart run by `transitions`, to compare the compiled table with.

    Slow and independent: hierarchy, order of rows and guards are decided by `transitions`, only
    the veto between regions is decided here, for the reason given at the top of this file.
    """

    def __init__(self, chart: Chart) -> None:
        self._chart = chart
        self._model = _Model()
        self._machine = to_machine(chart, self._model)

    @property
    def atomic(self) -> tuple[str, ...]:
        """The active atomic state of each region, in order."""
        paths = names(self._model.state)
        return tuple(path.rsplit("/", 1)[-1] for path in paths)

    def fire(self, event: str, context: object = None, data: object = None) -> bool:
        """Let `event` happen; return whether it was taken (Go) and move only then."""
        taken: list[Edge] = []
        self._model.asked = taken
        self._machine.trigger_event(self._model, event, context, data)
        self._model.asked = None
        answers = {edge.answer for edge in taken}
        if Answer.GO not in answers or answers & {Answer.REFUSE, Answer.DEFER}:
            return False
        self._machine.trigger_event(self._model, event, context, data)
        return True

    def __repr__(self) -> str:
        return f"<Reference {self._chart.name!r} in {' | '.join(self.atomic)}>"


# -- machine to chart ------------------------------------------------------------------------------


def from_machine(machine: HierarchicalMachine, guards: Mapping[str, Guard] | None = None) -> Chart:
    """Return a `HierarchicalMachine` as a chart.

    A machine made by `to_machine` gives back its rows. In any other machine each transition
    becomes a Go row under the last part of its states' paths, and what no transition answers is
    refused as `invalid_trigger`. Automatic `to_` transitions are left out. Conditions must take
    `(context, data)`; `guards` supplies those given as method names.

    Notes of states are lost, since `transitions` has none.

    Raises `InexpressibleError` naming what a chart cannot say, such as callbacks, and `ChartError`
    if the chart would be unsound, for instance because a state's name is used twice.
    """
    _check_machine(machine)
    known = dict(guards or {})
    separator = machine.state_cls.separator
    found = [_edge(trigger, each, known, separator) for trigger, each in _transitions(machine)]
    # Machines group transitions by event. The sort is stable, so rows without a number keep order.
    found.sort(key=lambda edge: edge.row)
    regions = _regions(machine)
    rows = [_row(edge) for edge in found]
    events = tuple(dict.fromkeys(edge.trigger for edge in found))
    if not isinstance(machine, ChartMachine):
        root = regions[0].name
        closed = {e.trigger for e in found if e.source == root and not e.conditions}
        rows += [Refuse(event, root, "invalid_trigger") for event in events if event not in closed]
    name = (machine.name or "").removesuffix(": ") or "machine"
    return Chart(name=name, regions=regions, events=events, rows=tuple(rows), guards=known)


def _check_machine(machine: HierarchicalMachine) -> None:
    for slot in ("before_state_change", "after_state_change", "prepare_event", "finalize_event"):
        _refuse_callbacks(f"machine, {slot}", getattr(machine, slot))
    if machine.send_event:
        raise InexpressibleError("machine, send_event: guards take (context, data), not EventData")


def _refuse_callbacks(where: str, callbacks: object) -> None:
    if callbacks:
        raise InexpressibleError(f"{where}: {callbacks!r} are callbacks; a chart calls nothing")


def _regions(machine: HierarchicalMachine) -> tuple[State, ...]:
    tops = list(machine.states.values())
    inner: object = tops[0].initial  # the stubs say str; for a parallel state it is a list
    if isinstance(machine, ChartMachine) and isinstance(inner, list):
        return tuple(map(_from_state, tops[0].states.values()))
    states = tuple(map(_from_state, tops))
    start = _start(machine)
    return states if len(states) == 1 else (State("all_states", states, start),)


def _start(machine: HierarchicalMachine) -> str:
    """Return the top state a machine starts in, if entering that state leads to the same place."""
    initial = machine.initial
    if not isinstance(initial, str):
        raise InexpressibleError(f"machine, initial: {initial!r} is not one state")
    path = initial.split(machine.state_cls.separator)
    for depth, child in enumerate(path[1:], start=1):
        if machine.get_state(path[:depth]).initial != child:
            raise InexpressibleError(
                f"machine, initial: it starts in {initial!r}, but {path[depth - 1]!r} does not "
                f"have the initial {child!r}"
            )
    return path[0]


def _from_state(state: Any) -> State:
    for slot in ("on_enter", "on_exit", "on_final"):
        _refuse_callbacks(f"state {state.name!r}, {slot}", getattr(state, slot))
    if isinstance(state.initial, list):
        raise InexpressibleError(
            f"state {state.name!r} is parallel: `transitions` does not say what the other regions "
            "do when one refuses; write the regions of a Chart"
        )
    children = tuple(map(_from_state, state.states.values()))
    return State(state.name, children, state.initial, bool(state.final))


def _transitions(machine: HierarchicalMachine) -> Iterator[tuple[str, Any]]:
    """Yield (trigger, transition), innermost scopes first, as `transitions` tries them."""
    for state in machine.states.values():
        yield from _scoped(state)
    automatic = {f"to_{name}" for name in machine.get_nested_state_names()}
    for trigger, event in machine.events.items():
        if not (machine.auto_transitions and trigger in automatic):
            yield from _of_event(trigger, event)


def _scoped(state: Any) -> Iterator[tuple[str, Any]]:
    for child in state.states.values():
        yield from _scoped(child)
    for trigger, event in state.events.items():
        yield from _of_event(trigger, event)


def _of_event(trigger: str, event: Any) -> Iterator[tuple[str, Any]]:
    return ((trigger, each) for several in event.transitions.values() for each in several)


def _edge(trigger: str, transition: Any, known: dict[str, Guard], separator: str) -> Edge:
    """Read one transition, adding the guards it brings to `known`."""
    where = f"transition {trigger!r} from {transition.source!r}"
    for slot in ("prepare", "before", "after"):
        _refuse_callbacks(f"{where}, {slot}", getattr(transition, slot))
    conditions = tuple(
        ("" if condition.target else "!") + _guard(where, condition.func, known)
        for condition in transition.conditions
    )
    edge = getattr(transition, "edge", None)
    if isinstance(edge, Edge):
        return edge
    source = transition.source.rsplit(separator, 1)[-1]
    dest = transition.dest.rsplit(separator, 1)[-1] if transition.dest else None
    return Edge(Answer.GO, trigger, source, dest, conditions)


def _guard(where: str, condition: object, known: dict[str, Guard]) -> str:
    """Return the name of a condition; the predicate behind it is in `known` afterwards."""
    if isinstance(condition, str):
        if condition not in known:
            raise InexpressibleError(
                f"{where}: pass guards={{{condition!r}: ...}} to say what it is"
            )
        return condition
    name = getattr(condition, "__name__", "<unnamed>")
    guard = cast("Guard", getattr(condition, "guard", condition))
    if not name.isidentifier():
        raise InexpressibleError(f"{where}: condition {name} has no name of its own; use a def")
    if known.setdefault(name, guard) is not guard:
        raise InexpressibleError(f"{where}: two different conditions are called {name!r}")
    return name


def _row(edge: Edge) -> Row:
    asked = (edge.trigger, edge.source)
    match edge.answer:
        case Answer.GO:
            return Go(*asked, edge.dest, edge.conditions, edge.actions, edge.note)
        case Answer.REFUSE:
            return Refuse(*asked, edge.reason, edge.conditions, edge.actions)
        case Answer.DROP:
            return Drop(*asked, edge.reason, edge.conditions, edge.actions)
        case Answer.DEFER:
            return Defer(*asked, edge.reason, edge.conditions)
