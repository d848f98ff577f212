"""From a chart to a machine of `transitions`. See the package for how things are said there.

Used by `reference` and by callers. Imports `words` and the chart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from statechart.actions import several
from statechart.library.words import ChartMachine, InexpressibleError, Predicate, Scope
from statechart.model import ALWAYS, Answer, History, done, names, state_asked

if TYPE_CHECKING:
    from statechart.actions import Actions
    from statechart.chart import Chart
    from statechart.model import Edge, State

__all__ = ["to_machine"]

REGIONS = "regions"
"""The parallel state that holds the regions of a chart with several."""

_STAYS_BEHIND = ("unused-guard", "unused-time", "unused-event")
"""Waivers about what no row names, which no machine has."""


def to_machine(chart: Chart, model: object | None = None) -> ChartMachine:
    """Return the chart as a `HierarchicalMachine`, acting on `model` or on itself.

    Trigger events with `(context, data)`, the arguments of the guards. Actions are methods of the
    model and get the same two; without a model `ChartMachine.performed` lists them.

    Raises `InexpressibleError` naming what `transitions` cannot say.
    """
    _check_edges(chart)
    path = {name: "/".join(reversed(chart.tree.path(name))) for name in chart.tree.states}
    states = [_state(region) for region in chart.regions]
    if len(states) > 1:
        path = {name: f"{REGIONS}/{found}" for name, found in path.items()}
        states = [{"name": REGIONS, "parallel": states}]
    machine = ChartMachine(
        model="self" if model is None else model,
        states=states,
        initial=states[0]["name"],
        auto_transitions=False,
        send_event=False,
        name=chart.name,
        regions=len(chart.regions),
        waive={rule: why for rule, why in chart.waive.items() if rule not in _STAYS_BEHIND},
    )
    guards = {name: Predicate(name, guard) for name, guard in chart.guards.items()}
    for edge in chart.tree.edges:
        _add(machine, edge, path, guards)
    return machine


def _add(
    machine: ChartMachine, edge: Edge, path: dict[str, str], guards: dict[str, Predicate]
) -> None:
    machine.add_transition(
        edge.trigger,
        path[edge.source],
        path[edge.targets[0]] if edge.targets else None,
        conditions=[guards[name] for name in edge.conditions if not name.startswith("!")],
        unless=[guards[name[1:]] for name in edge.conditions if name.startswith("!")],
        # A row that leaves no state has no moment between exits and entries.
        before=[] if edge.targets else [str(action) for action in edge.actions],
        edge=edge,
    )


def _state(state: State) -> dict[str, Any]:
    where = f"state {state.name!r}"
    if state.initial_actions:
        raise InexpressibleError(
            f"{where}, initial_actions: `transitions` has no callback for them; make them actions "
            "of the rows that lead to the state, or entry actions of its initial child"
        )
    found: dict[str, Any] = {
        "name": state.name,
        "final": state.final,
        "on_enter": _actions(f"{where}, entry", state.entry),
        "on_exit": _actions(f"{where}, exit", state.exit),
    }
    children = [_child(child) for child in state.children]
    if state.parallel:
        found["parallel"] = [_state(child) for child in children]
    elif children:
        found["children"] = [_state(child) for child in children]
        _check_initial(where, state, [child.name for child in children])
        found |= {"initial": state.initial} if state.initial else {}
    return found


def _check_initial(where: str, state: State, children: list[str]) -> None:
    initial = names(state.initial)
    if not set(initial) <= set(children) or len(initial) > 1:
        raise InexpressibleError(
            f"{where}, initial: {state.initial!r} is not one of its own children; give the state "
            "in between an initial of its own"
        )


def _child(child: State | History) -> State:
    if isinstance(child, History):
        raise InexpressibleError(
            f"history {child.name!r}: `transitions` remembers nothing; lead to a state instead, or "
            "keep in your context where to return to and choose by a guard"
        )
    return child


def _actions(where: str, actions: Actions) -> list[str]:
    found = several(actions)
    for action in found:
        if not isinstance(action, str):
            raise InexpressibleError(
                f"{where}: '{action}' is done by the chart itself, and `transitions` has nothing "
                "like it; name an action and trigger the event from its method"
            )
    return [str(action) for action in found]


def _check_edges(chart: Chart) -> None:
    scope = Scope(chart.tree)
    for edge in chart.tree.edges:
        if edge.timeout:
            raise InexpressibleError(
                f"{edge}: `transitions` has no time; declare an event and trigger it when the time "
                "is over"
            )
        if edge.trigger == ALWAYS or edge.trigger.startswith(done("")):
            raise InexpressibleError(
                f"{edge}: `transitions` takes nothing by itself; declare an event and trigger it "
                "from an action"
            )
        _actions(str(edge), edge.actions)
        _check_conditions(edge)
        _check_targets(edge, chart, scope)


def _check_conditions(edge: Edge) -> None:
    for condition in edge.conditions:
        if state_asked(condition):
            raise InexpressibleError(
                f"{edge}: condition {condition!r} would be asked while the states change; write a "
                "guard that asks your context"
            )


def _check_targets(edge: Edge, chart: Chart, scope: Scope) -> None:
    if edge.answer is not Answer.GO or not edge.targets:
        return
    if len(edge.targets) > 1:
        raise InexpressibleError(f"{edge}: several targets; `transitions` leads to one state only")
    if edge.targets[0] in chart.tree.histories:
        return  # the history itself is refused with a better message
    trouble = scope.trouble(edge)
    if trouble:
        raise InexpressibleError(
            f"{edge}: {trouble}, which `transitions` does in another way; write the row at the "
            "states inside, or lead it to a state of the same region"
        )
