"""A document of somebody else, as a chart that does the same.

A chart says more than SCXML does, so some of it is added here:

- Events. All that the document names may happen: those waited for, raised and sent. A descriptor
  stands for all of them that continue it, and `*` for all (3.12.1), the ends of states included.
  What is sent without a delay is a timer of no delay, since it goes to the external queue.
- Answers. An event that nothing answers is discarded (appendix D): a `Drop` at the root says so.
  A transition behind one that takes the same event in any case is left out; it never happens.
- Names. A state without an id gets one, an id that is no name of a state is changed, and the note
  of the chart says which.
- Waivers. A document need not be sound as charts are; the rules that it breaks are waived, and no
  others.

Of two <send> with the same id each has its own timer, and <cancel> stops both. One that is executed
again before its time starts anew, where SCXML would send twice. When a chart has ended nothing
leaves its final state, so what SCXML does on exit then is not done. Imports `chart`, `read`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from statechart.chart import Chart
from statechart.check.rules import MAX_EDGES, RULES
from statechart.errors import ChartError
from statechart.model import ALWAYS, Drop, State
from statechart.scxml.attributes import Names, every, timeout
from statechart.scxml.draft import unwrapped
from statechart.scxml.read import STATES, Reader
from statechart.scxml.words import ANY, legal
from statechart.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from statechart.actions import Time
    from statechart.model import Guard, History, Row, Trigger
    from statechart.scxml.document import Element
    from statechart.scxml.draft import Draft

__all__ = ["FORGIVEN", "chart_of"]

FORGIVEN = frozenset(name for name, rule in RULES.items() if rule.waivable)
"""The rules that a document of somebody else may break."""

_END = "done.state."


def chart_of(
    root: Element,
    *,
    name: str | None,
    events: Mapping[str, str | type],
    guards: Mapping[str, Guard],
    times: Mapping[str, Time],
    waive: Mapping[str, str],
) -> Chart:
    """Return a chart that does what the document says.

    Raises `ScxmlError` for what cannot be said, `ChartError` for what no document may break.
    """
    reader = Reader(root, guards, exact=False)
    title = (root.get("name") or "scxml") if name is None else name
    found = _Events(root, reader, events)
    region = _region(root, reader, title)
    rows = list(_rows(reader, found, Tree((region,), ())))
    unanswered = _unanswered(region, rows, found.outside)
    if unanswered:
        rows.append(Drop(unwrapped(unanswered), region.name, "unmatched"))
    renamed = [f"{old} is {new}" for old, new in reader.names.items() if old != new]

    def build(waive: Mapping[str, str]) -> Chart:
        return Chart(
            name=title,
            regions=(region,),
            events=tuple(events.get(event, event) for event in found.outside),
            rows=tuple(rows),
            guards=guards,
            times=times,
            waive=waive,
            note=", ".join(renamed),
        )

    return _forgiving(build, waive)


def _region(root: Element, reader: Reader, title: str) -> State:
    """Return the document itself as a state around its states."""
    children: tuple[State | History, ...] = reader.states(root)
    if not children:
        raise root.error("it has no states")
    initial, actions = reader.initial(root)
    taken = Names(reader.name_of(each) for each in every(root) if each.tag in STATES)
    return State(taken.unused(legal(title)), children, unwrapped(initial), initial_actions=actions)


def _forgiving(build: Callable[[Mapping[str, str]], Chart], waive: Mapping[str, str]) -> Chart:
    """Build a chart and waive what an imported document may break, as far as it does."""
    waived = dict(waive)
    while True:
        try:
            return build(waived)
        except ChartError as error:
            broken = {finding.rule for finding in error.findings} - {"more-findings"}
            if not broken or not broken <= FORGIVEN - set(waived):
                raise
            waived |= dict.fromkeys(sorted(broken), "an imported document may break this rule")


# -- events ----------------------------------------------------------------------------------------


class _Events:
    """The events of a document: `outside` those that may come from outside, in order."""

    def __init__(self, root: Element, reader: Reader, given: Mapping[str, str | type]) -> None:
        self._reader = reader
        self._ends = {_END + old: _END + new for old, new in reader.names.items()}
        found: dict[str, None] = {}
        vague: dict[str, None] = {}
        for element in every(root):
            for descriptor in _descriptors(element):
                bare = _bare(descriptor)
                (found if bare == descriptor != ANY else vague)[bare] = None
            if element.tag in ("raise", "send") and "sc:derived" not in element.attributes:
                found[element.get("event") or ""] = None
            if len(found) > MAX_EDGES:
                raise element.error(f"up to here there are more than {MAX_EDGES} events")
        found |= dict.fromkeys(given)
        waited = (event for event in found if event in self._ends)
        ending = (_END + each for each in _ending(root))
        self._order: dict[str, int] = {}
        self._sorted: list[str] = []
        self._index([*(event for event in found if not _is_end(event)), *ending, *waited])
        # A family of events that nobody names is at least one event: its own name.
        family = [each for each in vague if not (each == ANY or _is_end(each) or self._match(each))]
        self._index([*self._order, *family])
        self.outside = tuple(event for event in self._order if not _is_end(event))
        self._count(root)

    def _index(self, events: list[str]) -> None:
        self._order = {event: number for number, event in enumerate(dict.fromkeys(events))}
        self._sorted = sorted(self._order)

    def _count(self, root: Element) -> None:
        """Count the rows that transitions will be, before any of them is made."""
        rows = 0
        for element in every(root):
            for bare in map(_bare, _descriptors(element)):
                first, last = (0, len(self._order)) if bare == ANY else self._span(bare)
                rows += max(1, last - first + (bare in self._order))
            if rows > MAX_EDGES:
                raise element.error(
                    f"up to here the events of transitions stand for more than {MAX_EDGES} rows; "
                    "name fewer events, or move transitions to a state around several"
                )

    def matching(self, element: Element, descriptors: tuple[str, ...]) -> tuple[str, ...]:
        """Return the triggers that descriptors stand for (SCXML 3.12.1)."""
        found: dict[str, None] = {}
        for descriptor in map(_bare, descriptors):
            if descriptor.startswith(_END) and not self._match(descriptor):
                self._reader.state(element, "event", descriptor.removeprefix(_END))
            found |= dict.fromkeys(self._order if descriptor == ANY else self._match(descriptor))
        return tuple(
            self._ends.get(event, event) for event in sorted(found, key=self._order.__getitem__)
        )

    def _match(self, descriptor: str) -> list[str]:
        """Return `descriptor`, if it is an event, and all that continue it with a dot."""
        first, last = self._span(descriptor)
        return [descriptor] * (descriptor in self._order) + self._sorted[first:last]

    def _span(self, descriptor: str) -> tuple[int, int]:
        """Return where the events that continue `descriptor` begin and end, as sorted."""
        first = bisect_left(self._sorted, f"{descriptor}.")
        return first, bisect_left(self._sorted, f"{descriptor}/")  # the character behind the dot


def _descriptors(element: Element) -> tuple[str, ...]:
    """Return what a transition waits for; that of a timeout is its own name."""
    waits = element.tag == "transition" and timeout(element) is None
    return element.words("event") if waits else ()


def _bare(descriptor: str) -> str:
    """Return a descriptor without the ending `.*` or `.`, which means nothing (SCXML 3.12.1)."""
    return descriptor.removesuffix("*").removesuffix(".") or ANY


def _is_end(event: str) -> bool:
    return event in ("done", "done.state") or event.startswith(_END)


def _ending(root: Element) -> Iterator[str]:
    """Yield the ids of the states that can come to an end (SCXML 3.7.1)."""
    ends: dict[int, bool] = {}
    for element in reversed(list(every(root))):
        if element.tag == "state":
            ends[id(element)] = any(True for _ in element.all("final"))
        elif element.tag == "parallel":
            regions = list(element.all("state", "parallel", "final"))
            ends[id(element)] = bool(regions) and all(ends.get(id(each)) for each in regions)
    for element in every(root):
        name = element.get("id")
        if name and ends.get(id(element)):
            yield name


# -- rows ------------------------------------------------------------------------------------------


def _rows(reader: Reader, events: _Events, tree: Tree) -> Iterator[Row]:
    """Yield a row for each transition, without events that one before it takes in any case."""
    taken: set[tuple[str, Trigger]] = set()
    for draft in reader.drafts:
        triggers: tuple[Trigger, ...] = events.matching(draft.element, draft.descriptors)
        if draft.timeout:
            triggers = (draft.timeout,)
        elif not draft.descriptors:
            triggers = (ALWAYS,)
        left = tuple(each for each in triggers if (draft.source, each) not in taken)
        if left and draft.conditions is not None:
            yield replace(draft, internal=_is_internal(draft, tree)).row(left)
            if not draft.conditions:
                taken.update((draft.source, each) for each in left)


def _is_internal(draft: Draft, tree: Tree) -> bool:
    """Tell whether `internal` means anything for a transition (SCXML 3.5: else it is external)."""
    around = tree.states[draft.source]
    inside = all(tree.below(target, draft.source) for target in draft.targets)
    compound = bool(around.children) and not around.parallel
    return draft.internal and compound and inside and bool(draft.targets)


def _unanswered(region: State, rows: list[Row], events: tuple[str, ...]) -> tuple[str, ...]:
    """Return the events that some atomic state has no unconditional answer to."""
    tree = Tree((region,), rows)
    below = Counter(name for leaf in tree.leaves[0] for name in tree.path(leaf))
    sure: dict[str, set[str]] = {}
    for edge in tree.edges:
        if not edge.conditions:
            sure.setdefault(edge.trigger, set()).add(edge.source)
    return tuple(
        event
        for event in events
        if below[region.name]
        != sum(below[name] for name in _outermost(tree, sure.get(event, set())))
    )


def _outermost(tree: Tree, names: set[str]) -> Iterator[str]:
    """Yield the states of `names` that are inside no other of them."""
    return (name for name in names if names.isdisjoint(tree.path(name)[1:]))
