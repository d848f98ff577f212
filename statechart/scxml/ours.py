"""A document that `export` wrote, as the chart it was written from.

Everything is taken as it says: the rows in their order, the events, the waivers. Where it was
edited by hand, a transition without `sc:row` follows the one before it. Imports `chart`, `read`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from statechart.chart import Chart
from statechart.check.rules import MAX_EDGES
from statechart.model import ALWAYS, History, State
from statechart.scxml.attributes import needed
from statechart.scxml.read import Reader
from statechart.scxml.words import OWN_VERSION, shown

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from statechart.actions import Time
    from statechart.model import Guard, Row, Trigger
    from statechart.scxml.document import Element
    from statechart.scxml.draft import Draft

__all__ = ["Parts", "chart_of", "is_ours", "read"]


def is_ours(root: Element) -> bool:
    """Tell whether a document is one of ours.

    Raises `ScxmlError` if it is, but of a version that is not known here.
    """
    version = root.get("sc:version")
    if version not in (None, OWN_VERSION):
        raise root.error(f"{shown(version)} is unknown, expected {OWN_VERSION}", "sc:version")
    return version is not None


def chart_of(
    root: Element,
    *,
    name: str | None,
    events: Mapping[str, str | type],
    guards: Mapping[str, Guard],
    times: Mapping[str, Time],
    waive: Mapping[str, str],
) -> Chart:
    """Return the chart that the document holds, with the classes of `events` for their names."""
    found = read(root, guards)
    return Chart(
        name=found.name if name is None else name,
        regions=found.regions,
        events=tuple(events.get(each, each) for each in dict.fromkeys((*found.events, *events))),
        rows=found.rows,
        guards=guards,
        times=times,
        waive={**found.waive, **waive},
        note=found.note,
    )


class Parts(NamedTuple):
    """What a document says of its chart; code is handed over beside it."""

    name: str
    regions: tuple[State, ...]
    events: tuple[str, ...]
    rows: tuple[Row, ...]
    waive: dict[str, str]
    note: str


def read(root: Element, guards: Collection[str]) -> Parts:
    """Return what is said in a document, where conditions may name `guards`.

    Raises `ScxmlError` for what is not understood, and for more than a chart may have.
    """
    reader = Reader(root, guards, exact=True)
    regions = tuple(_regions(root, reader))
    events = tuple(dict.fromkeys(root.words("sc:events")))
    if len(events) > MAX_EDGES:  # each needs a row
        raise root.error(f"there are more than {MAX_EDGES} events", "sc:events")
    return Parts(
        name=root.text("sc:name") if "sc:name" in root.attributes else root.get("name") or "scxml",
        regions=regions,
        events=events,
        rows=tuple(_rows(reader)),
        waive={needed(each, "rule"): each.text("reason") for each in root.all("sc:waive")},
        note=root.text("sc:note"),
    )


def _regions(root: Element, reader: Reader) -> Iterator[State]:
    """Yield the regions; the states around several are there for other engines only."""
    roots = [root]
    for wrapper in root.all("parallel"):
        if "sc:derived" in wrapper.attributes:
            roots = list(wrapper.all("state"))
    for around in roots:
        for region in reader.states(around):
            if isinstance(region, History):
                raise around.error(f"history {shown(region.name)} is in no state of the chart")
            yield region


def _rows(reader: Reader) -> Iterator[Row]:
    """Yield the rows as listed: transitions of one number are one row."""
    rows: dict[tuple[int, int], list[Draft]] = {}
    previous: dict[str, int] = {}
    for place, draft in enumerate(reader.drafts, 1):
        last = previous.get(draft.source, -1)
        number = _number(draft.element)
        if number is not None and number < last:
            why = f"{number} is listed behind {last}; put it first, or remove sc:row"
            raise draft.element.error(why, "sc:row")
        previous[draft.source] = last if number is None else number
        rows.setdefault((last, place) if number is None else (number, 0), []).append(draft)
    for key in sorted(rows):
        sources, triggers = _merged(rows[key])
        if rows[key][0].conditions is not None:
            yield rows[key][0].row(triggers, sources)


def _number(element: Element) -> int | None:
    text = element.get("sc:row")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise element.error(f"{shown(text)} is not the number of a row", "sc:row")
    return int(text)


def _merged(drafts: list[Draft]) -> tuple[tuple[str, ...], tuple[Trigger, ...]]:
    """Return the sources and triggers of one row, which must be the same wherever it is written."""
    found: dict[str, dict[Trigger, None]] = {}
    for draft in drafts:
        first = drafts[0]
        if draft.row((), ("",)) != first.row((), ("",)):
            why = "another transition has this number and is not the same; give each its own"
            raise draft.element.error(why, "sc:row")
        triggers: tuple[Trigger, ...] = draft.descriptors or (ALWAYS,)
        if draft.timeout:
            triggers = (draft.timeout,)
        found.setdefault(draft.source, {}).update(dict.fromkeys(triggers))
    first_triggers, *others = found.values()
    if any(triggers.keys() != first_triggers.keys() for triggers in others):
        why = "its states do not have the same events; give each state a number of its own"
        raise drafts[0].element.error(why, "sc:row")
    return tuple(found), tuple(first_triggers)
