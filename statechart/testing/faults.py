"""The faults that `mutation` makes: one small change of the rows or of the states of a chart.

Used by `mutation`. Imports `statechart` only. A fault is a set of changed fields; whether a chart
with them can be built is found out by `mutation`.

Rows are changed edge by edge: a row for several states or events is first written out as one row
for each, which changes nothing but the numbers of rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from statechart.actions import At, Start, several
from statechart.model import Answer, Defer, Drop, Edge, Go, History, Refuse, Row, State, names
from statechart.tree import walk

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from statechart.actions import Timeout
    from statechart.chart import Chart
    from statechart.tree import Tree

__all__ = ["KINDS", "Fault", "faults"]

KINDS = {
    "edge": "a row is missing at one source and trigger",
    "target": "a transition leads elsewhere: to another atomic state, or nowhere",
    "guard": "a condition is inverted",
    "action": "an action of a row is missing",
    "answer": "Refuse becomes Drop, Drop becomes Refuse, Defer becomes Drop",
    "reason": "a reason is another word",
    "priority": "two rows for the same state and trigger stand in the other order",
    "initial": "a compound state is entered through another child",
    "state": "an action of entering or leaving a state is missing",
    "delay": "a timeout or a timer takes another time",
    "history": "a shallow history is deep, or a deep one shallow",
}
"""The kinds of faults, and what is done."""

_Edges: TypeAlias = "tuple[Edge, ...]"


@dataclass(frozen=True, slots=True)
class Fault:
    """One change: its kind, what was done, and the fields of the chart with their new values."""

    kind: str
    description: str
    changes: dict[str, Any]


def faults(
    chart: Chart,
    *,
    kinds: Collection[str] | None = None,
    only: Callable[[Edge], bool] | None = None,
    retargets: int | None = None,
) -> Iterator[Fault]:
    """Yield each fault that can be made in `chart`; the arguments are those of `mutants`."""
    wanted = set(KINDS if kinds is None else kinds)
    if unknown := sorted(wanted - KINDS.keys()):
        raise ValueError(f"no such kinds of faults: {unknown}; there are {', '.join(KINDS)}")
    for place, edge in enumerate(chart.tree.edges):
        if only is None or only(edge):
            for kind, what, edges in _of_edge(chart, place, edge, retargets):
                if kind in wanted:
                    rows = tuple(map(_row, edges))
                    yield Fault(kind, f"{edge}: {what}", {"rows": rows})
    for kind, what, regions in _of_states(chart):
        if kind in wanted:
            yield Fault(kind, what, {"regions": regions})


# -- rows ------------------------------------------------------------------------------------------


def _of_edge(
    chart: Chart, place: int, edge: Edge, retargets: int | None
) -> Iterator[tuple[str, str, _Edges]]:
    edges = chart.tree.edges
    yield "edge", "missing", _with(edges, place)
    for kind, what, other in _variants(chart, edge, retargets):
        yield kind, what, _with(edges, place, other)
    rivals = tuple(number for number, each in enumerate(edges) if _together(each, edge))
    behind = next((number for number in rivals if number > place), None)
    if behind is not None:
        swapped = _with(_with(edges, place, edges[behind]), behind, edge)
        yield "priority", f"comes behind {edges[behind]}", swapped
    if edge.timeout is not None and place == rivals[0]:
        timeout = _other_timeout(chart, edge.timeout)
        if timeout is not None:
            late = [
                replace(each, timeout=timeout) if _together(each, edge) else each for each in edges
            ]
            yield "delay", f"is {timeout}", tuple(late)


def _together(one: Edge, other: Edge) -> bool:
    return (one.source, one.trigger) == (other.source, other.trigger)


def _variants(chart: Chart, edge: Edge, retargets: int | None) -> Iterator[tuple[str, str, Edge]]:
    """Yield what one edge may become: kind, description, the edge instead."""
    if edge.answer is Answer.GO:
        for targets in _retargets(chart.tree, edge)[:retargets]:
            where = ", ".join(targets) or "nowhere"
            yield "target", f"leads to {where}", replace(edge, targets=targets)
    else:
        yield from _other_answers(edge)
    for number, condition in enumerate(edge.conditions):
        inverted = condition[1:] if condition.startswith("!") else f"!{condition}"
        conditions = _with(edge.conditions, number, inverted)
        yield "guard", f"asks {inverted}", replace(edge, conditions=conditions)
    for number, action in enumerate(edge.actions):
        yield "action", f"without {action}", replace(edge, actions=_with(edge.actions, number))
        if isinstance(action, Start) and (later := _later(chart, action)):
            yield "delay", str(later), replace(edge, actions=_with(edge.actions, number, later))


def _other_answers(edge: Edge) -> Iterator[tuple[str, str, Edge]]:
    answer = Answer.REFUSE if edge.answer is Answer.DROP else Answer.DROP
    reason = edge.reason or "deferred"
    yield "answer", f"is a {answer.name.title()}", replace(edge, answer=answer, reason=reason)
    if edge.reason:
        yield "reason", "is another", replace(edge, reason=f"{edge.reason}_too")


def _retargets(tree: Tree, edge: Edge) -> list[tuple[str, ...]]:
    """Return other targets of a transition, the next ones in document order first.

    A single target becomes each other atomic state of its region of the chart; one of several
    each other atomic state of its region of a parallel state. At last there is no target.
    """
    if not edge.targets:
        return [(leaf,) for leaf in _leaves(tree, edge.source, tree.path(edge.source)[-1])]
    found: list[tuple[str, ...]] = []
    for number, target in enumerate(edge.targets):
        *_, region = tree.path(target)
        if len(edge.targets) > 1:
            region = next(name for name in tree.path(target) if _is_region(tree, name))
        found += [_with(edge.targets, number, leaf) for leaf in _leaves(tree, target, region)]
    return [*found, ()]


def _is_region(tree: Tree, name: str) -> bool:
    around = tree.parent(name)
    return around is None or tree.states[around].parallel


def _leaves(tree: Tree, name: str, region: str) -> list[str]:
    """Return the other atomic states of `region`, the next ones behind `name` first.

    Those inside `name` come last: where they are its initial states nothing changes.
    """
    at = tree.order[name]
    leaves = [leaf for leaf in tree.states if tree.atomic(leaf) and tree.below(leaf, region)]
    return sorted(
        (leaf for leaf in leaves if leaf != name),
        key=lambda leaf: (tree.below(leaf, name), tree.order[leaf] <= at),
    )


def _row(edge: Edge) -> Row:
    """Return the row that is just this edge."""
    trigger = edge.timeout or edge.trigger
    actions = tuple(action for action in edge.actions if isinstance(action, str))
    match edge.answer:
        case Answer.GO:
            return Go(
                trigger,
                edge.source,
                edge.targets or None,
                edge.conditions,
                edge.actions,
                edge.note,
                edge.internal,
            )
        case Answer.REFUSE:
            return Refuse(trigger, edge.source, edge.reason, edge.conditions, actions)
        case Answer.DROP:
            return Drop(trigger, edge.source, edge.reason, edge.conditions, actions)
        case Answer.DEFER:
            return Defer(trigger, edge.source, edge.reason, edge.conditions)


# -- time ------------------------------------------------------------------------------------------


def _other_timeout(chart: Chart, timeout: Timeout) -> Timeout | None:
    if isinstance(timeout, At):
        instant = _other_time(chart, timeout.instant)
        return None if instant is None else At(instant)
    return replace(timeout, delay=_other_delay(chart, timeout.delay))


def _later(chart: Chart, start: Start) -> Start | None:
    if isinstance(start.delay, At):
        instant = _other_time(chart, start.delay.instant)
        return None if instant is None else replace(start, delay=At(instant))
    return replace(start, delay=_other_delay(chart, start.delay))


def _other_delay(chart: Chart, delay: int | str) -> int | str:
    """Return twice the time, or another time of the chart, or at least one millisecond."""
    if isinstance(delay, int):
        return 2 * delay or 1
    return _other_time(chart, delay) or 1


def _other_time(chart: Chart, name: str) -> str | None:
    """Return the entry of `times` behind `name`, None if there is no other."""
    found = [*chart.times, *chart.times]
    other = found[found.index(name) + 1]
    return None if other == name else other


# -- states ----------------------------------------------------------------------------------------


def _of_states(chart: Chart) -> Iterator[tuple[str, str, tuple[State, ...]]]:
    """Yield what the states may become: kind, description, the regions instead."""
    for region in chart.regions:
        for state in walk(region):
            one = _of_history(state) if isinstance(state, History) else _of_state(state)
            for kind, what, other in one:
                regions = tuple(_put(each, state.name, other) for each in chart.regions)
                yield kind, f"{state.name}: {what}", regions


def _of_state(state: State) -> Iterator[tuple[str, str, State]]:
    for number, action in enumerate(entry := several(state.entry)):
        yield "state", f"enters without {action}", replace(state, entry=_with(entry, number))
    for number, action in enumerate(leave := several(state.exit)):
        yield "state", f"is left without {action}", replace(state, exit=_with(leave, number))
    for number, action in enumerate(begin := several(state.initial_actions)):
        fewer = replace(state, initial_actions=_with(begin, number))
        yield "state", f"begins without {action}", fewer
    initial = names(state.initial)
    for child in state.children:
        if isinstance(child, State) and initial and child.name not in initial:
            yield "initial", f"begins in {child.name}", replace(state, initial=child.name)


def _of_history(history: History) -> Iterator[tuple[str, str, History]]:
    depth = "shallow" if history.deep else "deep"
    yield "history", f"is {depth}", replace(history, deep=not history.deep)
    actions = several(history.actions)
    for number, action in enumerate(actions):
        yield "state", f"without {action}", replace(history, actions=_with(actions, number))


def _put(state: State, name: str, other: State | History) -> State:
    """Return `state` with `other` in place of what is called `name`, there or further inside."""
    if state.name == name and isinstance(other, State):
        return other
    children = tuple(
        _put(child, name, other) if isinstance(child, State) else child for child in state.children
    )
    if isinstance(other, History):
        children = tuple(other if child.name == name else child for child in children)
    return replace(state, children=children)


def _with(values: tuple[Any, ...], number: int, *others: Any) -> tuple[Any, ...]:
    """Return `values` with `others`, or nothing, in place of one of them."""
    return (*values[:number], *others, *values[number + 1 :])
