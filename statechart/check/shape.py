"""The first rules: whether the parts of a chart are what they should be, and not too many.

Used by `check`, which asks nothing else of a chart that fails here. Imports `model`, `rules`.

Nothing may be taken for granted yet. Children may be a list that holds its own parent, one state
may stand in the tree a billion times, a row may be a string. So states are walked with a stack of
our own, which stops at the limits, and nothing is hashed or shown by its `repr`. And so a chart is
`Any` here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from statechart.actions import After, At, Quiet, Raise, Start, Stop
from statechart.check.fields import FIELDS_OF
from statechart.check.rules import MAX_DELAY, MAX_DEPTH, MAX_EDGES, MAX_STATES
from statechart.check.words import too_long, triggers_of
from statechart.errors import Finding
from statechart.model import Defer, Drop, Go, History, Refuse, State, names

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["check_shape"]

_ROWS: tuple[type, ...] = (Go, Refuse, Drop, Defer)


def check_shape(chart: Any) -> Iterator[Finding]:
    """Yield what is not of the type it should be, loops, and what is too much."""
    if not isinstance(chart.name, str):
        yield _wrong("chart", "its name", chart.name, "write a string")
    fields = list(_check_fields_of_chart(chart))
    yield from fields
    if fields:
        return
    if not chart.regions:
        yield Finding("no-region", f"chart {chart.name!r}", "it has no states", "add a region")
    yield from _check_mappings(chart)
    for event in chart.events:
        if not isinstance(event, str | type):
            yield _wrong("events", "an event", event, "write its name, or a class")
    yield from _check_states(chart)
    yield from _check_rows(chart)


def _wrong(where: str, what: str, found: object, repair: str) -> Finding:
    return Finding("wrong-type", where, f"{what} is {_shown(found)}", repair)


def _shown(found: object) -> str:
    """Return what was found in a few letters, never by the `repr` of something unknown."""
    if isinstance(found, str):
        return f"the string {found[:40]!r}"
    if found is None or isinstance(found, bool | int | float):
        return repr(found)[:40]
    if isinstance(found, State | History) and isinstance(found.name, str):
        return f"the {type(found).__name__} {found.name[:40]!r}"
    if isinstance(found, type):
        return f"the class {found.__name__}"
    return f"of type {type(found).__name__}"


def _check_fields_of_chart(chart: Any) -> Iterator[Finding]:
    for field, one in (("regions", "State(...)"), ("events", "'name'"), ("rows", "Go(...)")):
        if not isinstance(getattr(chart, field), tuple):
            yield _wrong("chart", field, getattr(chart, field), f"write a tuple: ({one},)")
    for field in ("guards", "times", "domains", "waive"):
        if not isinstance(getattr(chart, field), Mapping):
            yield _wrong("chart", field, getattr(chart, field), "write a dictionary, by name")
    if not isinstance(chart.note, str):
        yield _wrong("chart", "its note", chart.note, "write a string")
    for name, pairs in chart.domains.items() if isinstance(chart.domains, Mapping) else ():
        if not isinstance(pairs, tuple):
            yield _wrong(f"domains[{name!r}]", "it", pairs, "list (context, data) pairs")


def _check_mappings(chart: Any) -> Iterator[Finding]:
    for what in ("guards", "times", "domains", "waive"):
        for name in getattr(chart, what):
            if not isinstance(name, str):
                yield _wrong(what, "a name", name, "write a string")
    for rule, reason in chart.waive.items():
        if not isinstance(reason, str):
            repair = "write why this chart may do so"
            yield _wrong(f"waive[{rule!r}]", "the reason", reason, repair)
    for name, guard in chart.guards.items():
        if not callable(guard):
            yield _wrong(
                f"guard {name!r}", "it", guard, "write a function of (context, data) that tells"
            )
    for name, time in chart.times.items():
        if not callable(time) and not isinstance(time, int):
            yield _wrong(
                f"time {name!r}", "it", time, "write milliseconds, or a function of (context, data)"
            )


# -- states ----------------------------------------------------------------------------------------


def _check_states(chart: Any) -> Iterator[Finding]:
    path: list[State] = []
    levels: list[Iterator[object]] = [iter(chart.regions)]
    count = 0
    while levels:
        for found in levels[-1]:
            count += 1
            if count > MAX_STATES:
                yield _too_many(chart)
                return
            yield from _check_state(found, path)
            if isinstance(found, State) and _enterable(found, path):
                path.append(found)
                levels.append(iter(found.children))
                break
        else:
            levels.pop()
            del path[len(levels) - 1 :]


def _too_many(chart: Any) -> Finding:
    return Finding(
        "too-many-states",
        f"chart {chart.name!r}",
        f"it has more than {MAX_STATES} states",
        "make several charts of it, or look for a state that stands in it many times",
    )


def _enterable(state: Any, path: list[State]) -> bool:
    """Tell whether the children of `state` may be walked."""
    return (
        len(path) < MAX_DEPTH
        and isinstance(state.children, tuple | list)
        and not any(state is other for other in path)
    )


def _check_state(found: Any, path: list[State]) -> Iterator[Finding]:
    where = f"the children of {_shown(path[-1])}" if path else "regions"
    if not isinstance(found, State | History):
        repair = f"write State({found[:40]!r})" if isinstance(found, str) else "write a State"
        yield _wrong(where, "one", found, repair)
        return
    if isinstance(found, History) and not path:
        yield _wrong(where, "one", found, "write a State, and the history among its children")
    kind = State if isinstance(found, State) else History
    yield from _check_fields(found, kind, f"{where}, {_shown(found)}")
    if isinstance(found, History):
        return
    if not isinstance(found.children, tuple | list):
        yield _wrong(_shown(found), "children", found.children, "write a tuple of states")
    if any(found is state for state in path):
        yield Finding(
            "cycle",
            _shown(found),
            "it is inside itself: " + " > ".join(_shown(state) for state in (*path[-3:], found)),
            "take it out of its own children",
        )
    elif len(path) == MAX_DEPTH:
        yield Finding(
            "too-deep",
            _shown(path[0]),
            f"states are nested more than {MAX_DEPTH} deep in it",
            "flatten the states, or look for a loop that builds them",
        )


# -- rows ------------------------------------------------------------------------------------------


def _check_rows(chart: Any) -> Iterator[Finding]:
    edges = 0
    for number, row in enumerate(chart.rows):
        where = f"row {number}"
        if type(row) not in _ROWS:
            yield _wrong(where, "it", row, "write a Go, Refuse, Drop or Defer")
            continue
        sound = True
        for finding in (*_check_fields(row, type(row), where), *_check_answer(row, where)):
            sound = False
            yield finding
        if sound:
            edges += len(triggers_of(row.trigger)) * len(names(row.source))
        if edges > MAX_EDGES:
            yield Finding(
                "too-many-edges",
                f"chart {chart.name!r}",
                f"up to {where} they answer {edges} pairs of a state and a trigger, more than "
                f"{MAX_EDGES}",
                "write rows at the states around, or make several charts of it",
            )
            return


def _check_answer(row: Any, where: str) -> Iterator[Finding]:
    triggers: tuple[Any, ...] = triggers_of(row.trigger)
    for each in triggers:
        if not isinstance(each, str | type | After | Quiet | At):
            repair = "write the name of an event, its class, or a timeout"
            yield _wrong(where, "a trigger", each, repair)
        elif isinstance(each, After | Quiet) and too_long(each.delay):
            # Asked here, since the delay becomes part of a name.
            yield Finding("bad-delay", where, f"it waits more than {MAX_DELAY} ms", "wait less")
    if isinstance(row, Go):
        if isinstance(row.dest, tuple | list) and not row.dest:
            yield _wrong(where, "dest", row.dest, "write None for a row that leaves no state")
        return
    actions = getattr(row, "actions", ())
    for action in actions if isinstance(actions, tuple | list) else (actions,):
        if isinstance(action, Raise | Start | Stop):
            repair = "name what to do, or write a Go: what changes nothing starts nothing"
            yield _wrong(where, "an action", action, repair)


def _check_fields(found: Any, kind: type, where: str) -> Iterator[Finding]:
    for field, sound, repair in FIELDS_OF[kind]:
        value = getattr(found, field)
        if not sound(value):
            yield _wrong(where, field, value, repair)
