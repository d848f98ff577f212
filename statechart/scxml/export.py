"""A chart as an SCXML document that other engines run too, and that `read` turns into the chart.

Imports `chart`, `words`.

What SCXML can say is said in SCXML: states, transitions, histories, raised and delayed events. A
state timeout of a fixed time is the usual idiom, an event that is sent on entry and cancelled on
exit. What SCXML lacks is in our own namespace, where other engines do not look: the answers that
are no transitions (targetless transitions to them), named actions, named times, notes, waivers,
and the order in which rows were listed. Elements marked `sc:derived` are only for others.

Several regions become one parallel state with a compound state around each. That state is what a
transition from the root of a region stays inside of, so it leaves this region and no other.

What others do differently, since their semantics have no place for it: a refusal does not hold
back the other regions, nothing is deferred, `Quiet`, `At` and named times never fire, and guards
are names that they have to know. A chart at its end stays there, and so do they: its final states
are inside its region, not at the top of the document.
"""

from __future__ import annotations

import re
from itertools import groupby, pairwise
from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

from statechart.actions import After, At, Quiet, Raise, Start, Stop, several
from statechart.model import ALWAYS, Answer, History, State, done, event_name, names
from statechart.scxml.words import (
    MAX_DELAY,
    OWN,
    OWN_VERSION,
    SCXML,
    ScxmlError,
    constant,
    legal,
    shown,
    text_of,
    token_prefixed,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from statechart.actions import Action
    from statechart.chart import Chart
    from statechart.model import Edge

__all__ = ["write"]

_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(chart: Chart) -> str:
    """Return `chart` as SCXML text.

    Raises `ScxmlError` if the chart uses words that mean something else there, such as an event
    that is also the beginning of another (`paid`, `paid.late`) or a guard called `true`, or
    characters that XML does not have.
    """
    _check_events(chart)
    _check_guards(chart)
    return _Writer(chart).document()


def _check_events(chart: Chart) -> None:
    """SCXML 3.12.1 takes a descriptor for all events that continue it, so ours must not."""
    happening = {event_name(event) for event in chart.events}
    happening |= {edge.trigger for edge in chart.tree.edges} - {ALWAYS}
    happening |= {done(state) for state in chart.tree.states}
    for action in _all_actions(chart):
        match action:
            case Raise(event):
                happening.add(event)
            case Start():
                happening.add(action.fires)
    # Sorted by their tokens, an event stands right before the first of those that continue it.
    for shorter, event in pairwise(sorted(happening, key=lambda event: event.split("."))):
        if token_prefixed(shorter, event):
            why = f"SCXML would take a transition on it for {shown(event)} as well; rename one"
            raise ScxmlError(0, f"event {shown(shorter)}", why)
    for event in sorted(happening):
        if "" in event.split("."):
            raise ScxmlError(0, f"event {shown(event)}", "cannot be written in SCXML; rename it")


def _check_guards(chart: Chart) -> None:
    for edge in chart.tree.edges:
        for condition in edge.conditions:
            name = condition.removeprefix("!")
            if constant(name) is not None:
                why = "in a condition this is no guard, but always the same; rename it"
                raise ScxmlError(0, f"guard {shown(name)}", why)


def _all_actions(chart: Chart) -> Iterator[Action]:
    for state in chart.tree.states.values():
        for actions in (state.entry, state.exit, state.initial_actions):
            yield from several(actions)
    for history in chart.tree.histories.values():
        yield from several(history.actions)
    for edge in chart.tree.edges:
        yield from edge.actions


class _Writer:
    def __init__(self, chart: Chart) -> None:
        self._chart = chart
        self._tree = chart.tree
        self._lines: list[str] = ['<?xml version="1.0" encoding="UTF-8"?>']
        self._rows: dict[str, list[Edge]] = {}
        for edge in chart.tree.edges:
            self._rows.setdefault(edge.source, []).append(edge)

    def document(self) -> str:
        chart = self._chart
        regions = chart.regions
        several_regions = len(regions) > 1
        self._open(
            0,
            "scxml",
            {
                "xmlns": SCXML,
                "xmlns:sc": OWN,
                "version": "1.0",
                "datamodel": "null",
                "name": legal(chart.name),
                "initial": "all-regions" if several_regions else regions[0].name,
                "sc:version": OWN_VERSION,
                "sc:name": chart.name,
                "sc:events": " ".join(map(event_name, chart.events)),
                "sc:note": chart.note or None,
            },
        )
        for rule, reason in chart.waive.items():
            self._empty(1, "sc:waive", {"rule": rule, "reason": reason})
        if several_regions:
            self._regions(regions)
        else:
            self._state(regions[0], 1)
        self._lines.append("</scxml>")
        return "\n".join(self._lines) + "\n"

    def _regions(self, regions: Iterable[State]) -> None:
        self._open(1, "parallel", {"id": "all-regions", "sc:derived": "true"})
        for number, region in enumerate(regions):
            name = f"region-{number}"  # no state of a chart is called like this
            self._open(2, "state", {"id": name, "initial": region.name, "sc:derived": "true"})
            self._state(region, 3)
            self._lines.append("    </state>")
        self._lines.append("  </parallel>")

    # -- states ------------------------------------------------------------------------------------

    def _state(self, state: State, depth: int) -> None:
        tag = "final" if state.final else "parallel" if state.parallel else "state"
        attributes = {"id": state.name, "sc:note": state.note or None}
        initial = " ".join(names(state.initial)) or None
        if not state.initial_actions:
            attributes["initial"] = initial
        self._open(depth, tag, attributes)
        if state.initial_actions:
            self._open(depth + 1, "initial", {})
            self._transition(depth + 2, {"target": initial}, several(state.initial_actions))
            self._close(depth + 1, "initial")
        self._on(state, depth + 1)
        for attributes, actions in self._transitions(state.name):
            self._transition(depth + 1, attributes, actions)
        for child in state.children:
            if isinstance(child, State):
                self._state(child, depth + 1)
            else:
                self._history(child, depth + 1)
        self._close(depth, tag)

    def _history(self, history: History, depth: int) -> None:
        kind = "deep" if history.deep else "shallow"
        note = history.note or None
        self._open(depth, "history", {"id": history.name, "type": kind, "sc:note": note})
        if history.default:
            target = " ".join(names(history.default))
            self._transition(depth + 1, {"target": target}, several(history.actions))
        self._close(depth, "history")

    def _on(self, state: State, depth: int) -> None:
        """Write what is done on entry and exit, and the timers of the state for others."""
        timers = {
            edge.trigger: edge.timeout.delay
            for edge in self._tree.timers.get(state.name, ())
            if isinstance(edge.timeout, After) and isinstance(edge.timeout.delay, int)
        }
        for tag, actions in (("onentry", several(state.entry)), ("onexit", several(state.exit))):
            if not (actions or timers):
                continue
            self._open(depth, tag, {})
            self._actions(depth + 1, actions)
            for timer, delay in timers.items():
                attributes = {"event": timer, "delay": f"{delay}ms", "id": timer}
                if tag == "onentry":
                    self._empty(depth + 1, "send", {**attributes, "sc:derived": "true"})
                else:
                    self._empty(depth + 1, "cancel", {"sendid": timer, "sc:derived": "true"})
            self._close(depth, tag)

    # -- rows --------------------------------------------------------------------------------------

    def _transitions(
        self, source: str
    ) -> Iterator[tuple[dict[str, str | None], tuple[Action, ...]]]:
        """Yield the transitions of a state: one for the events of a row, one for each timeout."""
        for _, row in groupby(self._rows.get(source, ()), lambda edge: edge.row):
            edges = list(row)
            plain = [edge for edge in edges if edge.trigger != ALWAYS and not edge.timeout]
            if plain:
                events = " ".join(edge.trigger for edge in plain)
                yield self._attributes(plain[0], events), plain[0].actions
            for edge in edges:
                if edge.timeout or edge.trigger == ALWAYS:
                    yield self._attributes(edge, edge.trigger or None), edge.actions

    def _attributes(self, edge: Edge, event: str | None) -> dict[str, str | None]:
        attributes = {
            "event": event,
            "cond": " && ".join(map(text_of, edge.conditions)) or None,
            "target": " ".join(edge.targets) or None,
            "type": "internal" if edge.internal else None,
            "sc:row": str(edge.row),
        }
        if edge.answer is not Answer.GO:
            attributes |= {"sc:answer": edge.answer.value, "sc:reason": edge.reason or None}
        match edge.timeout:
            case After(delay):
                attributes["sc:after"] = str(delay)
            case Quiet(delay):
                attributes["sc:quiet"] = str(delay)
            case At(instant):
                attributes["sc:at"] = instant
        return {**attributes, "sc:note": edge.note or None}

    def _transition(
        self, depth: int, attributes: dict[str, str | None], actions: tuple[Action, ...]
    ) -> None:
        if not actions:
            self._empty(depth, "transition", attributes)
            return
        self._open(depth, "transition", attributes)
        self._actions(depth + 1, actions)
        self._close(depth, "transition")

    def _actions(self, depth: int, actions: Iterable[Action]) -> None:
        for action in actions:
            match action:
                case str():
                    self._empty(depth, "sc:action", {"name": action})
                case Raise(event):
                    self._empty(depth, "raise", {"event": event})
                case Stop(timer):
                    self._empty(depth, "cancel", {"sendid": timer})
                case Start():
                    self._start(depth, action)

    def _start(self, depth: int, start: Start) -> None:
        """SCXML lets a second event with the same id run beside the first, so that is cancelled."""
        due = start.delay
        if isinstance(due, int) and due <= MAX_DELAY and start.event != start.timer:
            self._empty(depth, "cancel", {"sendid": start.timer, "sc:derived": "true"})
            delay = f"{due}ms"
            self._empty(depth, "send", {"event": start.fires, "delay": delay, "id": start.timer})
            return
        attributes = {"at": due.instant} if isinstance(due, At) else {"delay": str(due)}
        event = start.event or None
        self._empty(depth, "sc:start", {"timer": start.timer, **attributes, "event": event})

    # -- text --------------------------------------------------------------------------------------

    def _open(self, depth: int, tag: str, attributes: dict[str, str | None]) -> None:
        self._lines.append("  " * depth + _tag(tag, attributes) + ">")

    def _empty(self, depth: int, tag: str, attributes: dict[str, str | None]) -> None:
        self._lines.append("  " * depth + _tag(tag, attributes) + "/>")

    def _close(self, depth: int, tag: str) -> None:
        self._lines.append("  " * depth + f"</{tag}>")


def _tag(tag: str, attributes: dict[str, str | None]) -> str:
    parts = [tag]
    for name, value in attributes.items():
        if value is None:
            continue
        if _UNWRITABLE.search(value):
            raise ScxmlError(0, f"{tag} {name}", f"XML has no such character: {shown(value)}")
        parts.append(f"{name}={quoteattr(value)}")
    return "<" + " ".join(parts)
