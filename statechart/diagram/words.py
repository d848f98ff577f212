"""The words in a picture: a row, a list of events and free text, each on one line.

Used by `picture` and `answers`. Imports `model`.

Rule 1. A line can be read back. Names have no spaces, so `always`, `after 500 ms` and `done pay`
        are never names (an event called `always` is written `event always`); what is free text,
        a reason or a note, comes last in its line; a state's note stands in quotes.
Rule 2. Short where nothing is lost. `pay_*` stands for all events of the chart that begin so, and
        `any event` for all there are. The list of events says which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from statechart.actions import several
from statechart.model import Answer, Edge, done, event_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from statechart.actions import Actions
    from statechart.chart import Chart

__all__ = [
    "ANY_EVENT",
    "MIN_FAMILY",
    "doing",
    "event_names",
    "line",
    "suffix",
    "told",
    "triggers",
    "verb",
]

ANY_EVENT = "any event"
"""All events of the chart."""

MIN_FAMILY = 3
"""So many events must begin alike to be named together."""

_SEPARATORS = "_.-"
_VERBS = {Answer.REFUSE: "refuses", Answer.DROP: "drops", Answer.DEFER: "defers"}


def line(text: str) -> str:
    """Return free text on one line; what cannot be printed becomes U+FFFD."""
    text = " ".join(text.split())
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )


def event_names(chart: Chart) -> tuple[str, ...]:
    """Return the names of the events a chart declares."""
    return tuple(map(event_name, chart.events))


def told(edge: Edge) -> str:
    """Return what a row waits for: `always`, `after 500 ms`, `done pay`, or the event's name."""
    if edge.timeout is None and edge.trigger.startswith(done("")):
        return f"done {edge.trigger.removeprefix(done(''))}"
    return "event always" if edge.trigger == "always" else edge.label


def triggers(edges: Sequence[Edge], events: Sequence[str]) -> str:
    """Return what these rows wait for, families of `events` under one name."""
    listed = {edge.trigger for edge in edges}
    every = len(events) >= MIN_FAMILY and listed.issuperset(events)
    return ", ".join(
        dict.fromkeys(
            told(edge)
            if edge.trigger not in events
            else ANY_EVENT
            if every
            else _family(edge.trigger, listed, events) or told(edge)
            for edge in edges
        )
    )


def _family(event: str, listed: set[str], events: Sequence[str]) -> str:
    """Return the widest family of `event` that is listed as a whole, empty if there is none."""
    for end, letter in enumerate(event, start=1):
        if letter in _SEPARATORS:
            members = [other for other in events if other.startswith(event[:end])]
            if len(members) >= MIN_FAMILY and listed.issuperset(members):
                return f"{event[:end]}*"
    return ""


def doing(actions: Actions) -> str:
    """Return actions as they stand behind a slash."""
    return ", ".join(map(str, several(actions)))


def suffix(edge: Edge) -> str:
    """Return what stands behind the triggers of a row: conditions, actions, kind, free text.

    A transition without a target is `(internal)`, one with `internal=True` is `(local)`, which is
    what UML calls the two.
    """
    return "".join(_suffix(edge))


def _suffix(edge: Edge) -> Iterator[str]:
    if edge.conditions:
        yield f" [{', '.join(edge.conditions)}]"
    if edge.actions:
        yield f" / {doing(edge.actions)}"
    if edge.answer is Answer.GO:
        yield "" if edge.targets else " (internal)"
        yield " (local)" if edge.internal else ""
    if line(edge.reason):
        yield f" ({line(edge.reason)})"
    if line(edge.note):
        yield f" \N{EM DASH} {line(edge.note)}"


def verb(edge: Edge) -> str:
    """Return what a state does with the event of a row that is not taken."""
    return _VERBS[edge.answer]
