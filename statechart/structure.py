"""Rules 1 to 3 of a sound chart, which can be judged from what was written. See `check`.

Used by `check`. Imports `model`, `tree`.
"""

from __future__ import annotations

import re
from collections import Counter
from difflib import get_close_matches
from typing import TYPE_CHECKING

from statechart.model import Drop, Finding, Go, Refuse, Row, State, edges_of, names
from statechart.tree import walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from statechart.chart import Chart

__all__ = ["MAX_DEPTH", "check_structure"]

MAX_DEPTH = 64
"""Deeper nesting is a loop that built the chart wrong, and would exhaust recursive readers."""

# States become identifiers in diagrams and paths in `transitions`; the rest are only words.
_STATE = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_WORD = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)


def check_structure(chart: Chart) -> tuple[Finding, ...]:
    """Return what is wrong with the chart as written: names, nesting, priority of rows."""
    return tuple(
        dict.fromkeys(
            [
                *_check_words(chart),
                *_check_duplicates(chart),
                *_check_states(chart),
                *_check_entries(chart),
                *_check_names_in_rows(chart),
                *_check_priority(chart.rows),
            ]
        )
    )


def _near(name: str, known: Iterable[str], otherwise: str) -> str:
    near = get_close_matches(name, tuple(known), n=1)
    return f"write {near[0]!r}" if near else otherwise


def _all_states(chart: Chart) -> list[State]:
    return [state for region in chart.regions for state in walk(region)]


def _label(number: int, row: Row) -> str:
    sources, triggers = "|".join(names(row.source)), "|".join(names(row.trigger))
    return f"row {number}, {type(row).__name__}({triggers!r}, {sources!r})"


# -- rule 1 ----------------------------------------------------------------------------------------


def _check_words(chart: Chart) -> Iterator[Finding]:
    actions = {action for edge in edges_of(chart.rows) for action in edge.actions}
    for kind, pattern, words in (
        ("state", _STATE, [state.name for state in _all_states(chart)]),
        ("event", _WORD, chart.events),
        ("guard", _WORD, chart.guards),
        ("action", _WORD, sorted(actions)),
    ):
        for word in words:
            if not pattern.fullmatch(word):
                yield Finding(
                    "bad-name",
                    f"{kind} {word!r}",
                    "a name is letters, digits and underscores and starts with a letter"
                    + ("" if kind == "state" else "; dots and dashes may follow"),
                    "rename it",
                )


def _check_duplicates(chart: Chart) -> Iterator[Finding]:
    for name, count in Counter(state.name for state in _all_states(chart)).items():
        if count > 1:
            yield Finding(
                "duplicate-state",
                f"state {name!r}",
                f"{count} states have this name, so a row could mean any of them",
                "rename all but one",
            )
    for name, count in Counter(chart.events).items():
        if count > 1:
            yield Finding(
                "duplicate-event", f"event {name!r}", f"listed {count} times", "list it once"
            )


def _check_names_in_rows(chart: Chart) -> Iterator[Finding]:
    region_of = {s.name: n for n, region in enumerate(chart.regions) for s in walk(region)}
    used = {trigger for row in chart.rows for trigger in names(row.trigger)}
    for event in chart.events:
        if event not in used:
            yield Finding(
                "unused-event",
                f"event {event!r}",
                "no row answers it",
                "add a row for it, or remove it from events",
            )
    for number, row in enumerate(chart.rows):
        where = _label(number, row)
        yield from _check_row(chart, row, where, region_of)
        if isinstance(row, Go) and row.dest is not None:
            yield from _check_dest(row.dest, names(row.source), where, region_of)


def _check_row(chart: Chart, row: Row, where: str, region_of: dict[str, int]) -> Iterator[Finding]:
    guards = [condition.removeprefix("!") for condition in names(row.conditions)]
    for kind, words, known, home in (
        ("trigger", names(row.trigger), chart.events, "events"),
        ("source", names(row.source), region_of, "the states"),
        ("guard", guards, chart.guards, "guards"),
    ):
        if not words and kind != "guard":
            yield Finding(f"no-{kind}", where, f"the row names no {kind}", "name one, or remove it")
        for word in words:
            if word not in known:
                repair = _near(word, known, f"add it to {home}")
                yield Finding(f"unknown-{kind}", where, f"{word!r} is not in {home}", repair)
    if isinstance(row, Refuse | Drop) and not row.reason:
        yield Finding(
            "no-reason", where, "the sender, or a counter, would be told nothing", "give a reason"
        )


def _check_dest(
    dest: str, sources: tuple[str, ...], where: str, region_of: dict[str, int]
) -> Iterator[Finding]:
    if dest not in region_of:
        repair = _near(dest, region_of, "add it to the states")
        yield Finding("unknown-dest", where, f"{dest!r} is not in the states", repair)
        return
    for source in sources:
        if region_of.get(source, region_of[dest]) != region_of[dest]:
            yield Finding(
                "dest-in-other-region",
                where,
                f"{dest!r} is in another region than {source!r}, which nothing can cross",
                "lead to a state of the same region, and let the other region have its own row",
            )


# -- rule 2 ----------------------------------------------------------------------------------------


def _check_states(chart: Chart) -> Iterator[Finding]:
    if not chart.regions:
        yield Finding("no-region", f"chart {chart.name!r}", "it has no states", "add a region")
    for state in _all_states(chart):
        where = f"state {state.name!r}"
        children = [child.name for child in state.children]
        if state.initial is not None and state.initial not in children:
            yield Finding(
                "wrong-initial",
                where,
                f"initial {state.initial!r} is not one of its children",
                _near(state.initial, children, "name a child, or remove initial"),
            )
        if state.final and children:
            yield Finding(
                "final-compound",
                where,
                "a final state is where a region ends, so nothing can move inside it",
                "mark the children final instead",
            )
    for region in chart.regions:
        if _depth(region) > MAX_DEPTH:
            yield Finding(
                "too-deep",
                f"region {region.name!r}",
                f"states are nested more than {MAX_DEPTH} deep",
                "flatten the states, or look for a loop that builds them",
            )


def _depth(region: State) -> int:
    depth, level = 0, [region]
    while level:
        depth += 1
        level = [child for state in level for child in state.children]
    return depth


def _check_entries(chart: Chart) -> Iterator[Finding]:
    """Follow `initial` from every state that something enters by name."""
    states = {state.name: state for state in _all_states(chart)}
    entered = [(region.name, "the chart starts in it") for region in chart.regions]
    entered += [
        (row.dest, f"row {number} leads to it")
        for number, row in enumerate(chart.rows)
        if isinstance(row, Go) and row.dest in states
    ]
    for name, why in entered:
        state: State | None = states[name]
        while state is not None and state.children:
            if state.initial is None:
                yield Finding(
                    "missing-initial",
                    f"state {state.name!r}",
                    f"{why}, and it does not say which child to enter",
                    f"set initial={state.children[0].name!r}, or lead to a child",
                )
            state = next((child for child in state.children if child.name == state.initial), None)


# -- rule 3 ----------------------------------------------------------------------------------------


def _check_priority(rows: tuple[Row, ...]) -> Iterator[Finding]:
    last: dict[tuple[str, str], int] = {}
    for edge in edges_of(rows):
        key = (edge.source, edge.trigger)
        if key in last:
            yield Finding(
                "no-priority",
                str(edge),
                f"row {last[key]} answers this state and trigger unconditionally before it",
                f"remove one of the two, or list row {edge.row} first with a condition",
            )
        elif not edge.conditions:
            last[key] = edge.row
