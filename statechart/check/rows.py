"""Rules on rows: what they name exists, fits together, and has a priority.

Used by `check`. Imports `model`, `states`, `written`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from statechart.actions import After, At, Quiet
from statechart.check.states import clash
from statechart.check.words import listed, near, row_label, triggers_of
from statechart.errors import Finding
from statechart.model import (
    ALWAYS,
    Answer,
    Drop,
    Go,
    Refuse,
    done,
    event_name,
    names,
    split,
    state_asked,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from statechart.check.written import Written
    from statechart.model import Edge, Row, State
    from statechart.tree import Tree

__all__ = ["can_finish", "check_edges", "check_priority", "check_rows", "hidden"]

_DONE = done("")


# -- what rows name --------------------------------------------------------------------------------


def check_rows(written: Written) -> Iterator[Finding]:
    """Yield rows that name what there is not, or leave out what there must be."""
    for number, row in enumerate(written.chart.rows):
        where = row_label(number, row)
        for kind, found in (("trigger", triggers_of(row.trigger)), ("source", names(row.source))):
            if not found:
                why = f"the row names no {kind}"
                yield Finding(f"no-{kind}", where, why, "name one, or remove the row")
        yield from _check_triggers(written, row, where)
        yield from _check_sources(written.tree, row, where)
        yield from _check_conditions(written, row, where)
        if isinstance(row, Go):
            yield from _check_dest(written.tree, row, where)
        elif isinstance(row, Refuse | Drop) and not row.reason:
            why = "the sender, or a counter, would be told nothing"
            yield Finding("no-reason", where, why, "give a reason")


def _check_triggers(written: Written, row: Row, where: str) -> Iterator[Finding]:
    for trigger in triggers_of(row.trigger):
        if isinstance(trigger, After | Quiet | At) or trigger == ALWAYS:
            continue
        name = event_name(trigger)
        if name.startswith(_DONE) and name not in written.events:
            yield from _check_done(written.tree, name.removeprefix(_DONE), where)
        elif name not in written.events:
            repair = near(name, written.events, "add it to events")
            yield Finding("unknown-trigger", where, f"{name!r} is not in events", repair)
        elif isinstance(trigger, type) and trigger not in written.chart.events:
            is_name = isinstance(written.events[name], str)
            why = f"events have {'only the name' if is_name else 'another class called'} {name!r}"
            yield Finding("unknown-trigger", where, why, "use the same class in both places")


def _check_done(tree: Tree, state: str, where: str) -> Iterator[Finding]:
    if state not in tree.states:
        why = f"{state!r}, whose end it waits for, is not in the states"
        repair = near(state, tree.states, "add it to the states")
        yield Finding("unknown-trigger", where, why, repair)
    elif not can_finish(tree, tree.states[state]):
        why = f"{state!r} never ends, since final states are missing in it"
        repair = "add a final state to it, to each region if it is parallel, or remove the row"
        yield Finding("never-done", where, why, repair)


def can_finish(tree: Tree, state: State) -> bool:
    """Tell whether a state has the final states that its end asks for (SCXML: isInFinalState)."""
    children = [tree.states[name] for name in tree.children(state.name)]
    if state.parallel:
        return bool(children) and all(can_finish(tree, child) for child in children)
    return any(child.final for child in children)


def _check_sources(tree: Tree, row: Row, where: str) -> Iterator[Finding]:
    for name in names(row.source):
        if name in tree.histories:
            why = f"{name!r} is a history, which is never active"
            repair = f"write the row at {tree.parent(name)!r}, or at a state in it"
            yield Finding("source-is-history", where, why, repair)
        elif name not in tree.states:
            repair = near(name, tree.states, "add it to the states")
            yield Finding("unknown-source", where, f"{name!r} is not in the states", repair)


def _check_conditions(written: Written, row: Row, where: str) -> Iterator[Finding]:
    for condition in names(row.conditions):
        name, _ = split(condition)
        state = state_asked(condition)
        if state is None:
            if name not in written.chart.guards:
                repair = near(name, written.chart.guards, "add it to guards")
                yield Finding("unknown-guard", where, f"{name!r} is not in guards", repair)
        elif state not in written.tree.states:
            why = f"{state!r} in {condition!r} is not in the states"
            repair = near(state, written.tree.states, "add it to the states")
            yield Finding("unknown-state", where, why, repair)


def _check_dest(tree: Tree, row: Go, where: str) -> Iterator[Finding]:
    found = names(row.dest)
    unknown = [name for name in found if name not in tree.order]
    for name in unknown:
        repair = near(name, tree.order, "add it to the states")
        yield Finding("unknown-dest", where, f"{name!r} is not in the states", repair)
    if unknown:
        return
    crossed = next(
        (
            (source, name)
            for source in names(row.source)
            for name in found
            if tree.region_of.get(source, tree.region_of[name]) != tree.region_of[name]
        ),
        None,
    )
    if crossed:
        why = f"{crossed[1]!r} is in another region than {crossed[0]!r}, which nothing can cross"
        repair = "lead to a state of the same region, and let the other region have its own row"
        yield Finding("dest-in-other-region", where, why, repair)
        return
    pair = clash(tree, found)
    if pair:
        why = f"{pair[0]!r} and {pair[1]!r} cannot be active together"
        repair = "lead to one of them, or to states in different regions of a parallel state"
        yield Finding("clashing-targets", where, why, repair)


# -- what fits -------------------------------------------------------------------------------------


def check_edges(written: Written) -> Iterator[Finding]:
    """Yield rows whose kind does not fit their source, or their trigger."""
    tree = written.tree
    for edge in tree.edges:
        if edge.source not in tree.states:
            continue
        state = tree.states[edge.source]
        if edge.targets and state.final:
            why = f"it leads out of {state.name!r}, which is final, and final states absorb"
            repair = f"remove the row, or final from {state.name!r}"
            yield Finding("final-with-exits", str(edge), why, repair)
        if edge.internal:
            yield from _check_internal(tree, edge, state)
        made = edge.timeout or edge.trigger == ALWAYS or edge.trigger.startswith(_DONE)
        if made and edge.answer is not Answer.GO:
            why = "nobody sent this, so nobody hears the answer"
            yield Finding("nobody-hears", str(edge), why, "write a Go, or remove the row")


def _check_internal(tree: Tree, edge: Edge, state: State) -> Iterator[Finding]:
    outside = [name for name in edge.targets if not tree.below(name, state.name)]
    if not edge.targets:
        why, repair = "a row that leads nowhere leaves nothing anyway", "remove internal"
    elif not tree.children(state.name):
        why, repair = f"nothing is inside {state.name!r}", "remove internal"
    elif state.parallel:
        why = f"{state.name!r} is parallel, and only compound states can be kept"
        repair = f"write the row at a region of {state.name!r}, or remove internal"
    elif any(name in tree.order for name in outside):
        why = f"{listed(outside)} is not inside {state.name!r}, which is left then"
        repair = "remove internal, or lead to a state inside"
    else:
        return
    yield Finding("wrong-internal", str(edge), why, repair)


# -- which comes first -----------------------------------------------------------------------------


def check_priority(written: Written) -> Iterator[Finding]:
    """Yield rows behind one that answers whenever they would, and events without any row."""
    for edge, first in hidden(written.tree.edges):
        if first.conditions:
            why = f"row {first.row} answers this state and trigger under the same conditions"
            repair = "remove one of the two, or change the conditions of one"
        else:
            why = f"row {first.row} answers this state and trigger unconditionally before it"
            repair = f"remove one of the two, or list row {edge.row} first with a condition"
        yield Finding("no-priority", str(edge), why, repair)
    answered = {edge.trigger for edge in written.tree.edges}
    for event in written.events:
        if event not in answered:
            repair = "add a row for it, or remove it from events"
            yield Finding("unused-event", f"event {event!r}", "no row answers it", repair)


def hidden(edges: Iterable[Edge]) -> Iterator[tuple[Edge, Edge]]:
    """Yield each row that stands behind an unconditional one, or its like, and that one."""
    seen: dict[tuple[str, str], dict[frozenset[str], Edge]] = {}
    for edge in edges:
        before = seen.setdefault((edge.source, edge.trigger), {})
        conditions = frozenset(edge.conditions)
        first = before.get(frozenset()) or before.get(conditions)
        if first is None:
            before[conditions] = edge
        else:
            yield edge, first
