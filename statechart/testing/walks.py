"""Paths through a chart: walks from its start that together take every edge, or every pair.

Used by tests of a chart, or of a program that lives by one: run the events of each path and compare
what happens. Imports `statechart` and `building`; `strategies` draws random paths of the same kind.

A path is worked out on the compiled table, so it says for each step what the guards that matter
answer there, and what happens then. Guards are taken to be independent: a combination that no
context can have is a path too. A timeout is taken only while the state whose timeout it is, is
active.

>>> from statechart import Chart, Drop, Go, State
>>> from statechart.testing import all_transitions
>>> door = Chart(
...     name="door",
...     regions=(State("door", (State("open"), State("shut")), initial="open"),),
...     events=("push", "pull"),
...     rows=(Go("push", "open", "shut"), Drop("push", "shut", "shut_already"),
...           Go("pull", "shut", "open"), Drop("pull", "open", "open_already")),
... )
>>> [path.events for path in all_transitions(door)]
[('pull', 'push', 'push', 'pull')]
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from statechart.testing.building import changed
from statechart.testing.cover import Move, cover

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from statechart.chart import Chart
    from statechart.model import Edge, Guard
    from statechart.step import Configuration, Outcome

__all__ = ["Path", "Step", "Unscripted", "all_pairs", "all_transitions", "moves", "scripted"]

Cases: TypeAlias = "Sequence[tuple[Mapping[str, bool], Outcome]]"


class Unscripted(LookupError):  # noqa: N818 - says what is wrong, as LookupErrors do
    """A guard was asked that the script of a step has no answer for."""


@dataclass(frozen=True, slots=True)
class Step:
    """One event of a path: what the guards asked by it say, by their names, and what happens."""

    event: str
    guards: Mapping[str, bool] = field(hash=False)
    outcome: Outcome

    def __str__(self) -> str:
        said = ", ".join(name if holds else f"!{name}" for name, holds in self.guards.items())
        return f"{self.event}{f' [{said}]' if said else ''}"


@dataclass(frozen=True, slots=True)
class Path:
    """A walk of a chart: its start and the steps after it, none or many."""

    start: Step
    steps: tuple[Step, ...] = ()

    @property
    def events(self) -> tuple[str, ...]:
        """The names of the events, in order; the start is none."""
        return tuple(step.event for step in self.steps)

    @property
    def edges(self) -> tuple[Edge, ...]:
        """Every row that decided a step or followed by itself, in order, with repetitions."""
        taken = (self.start, *self.steps)
        return tuple(edge for step in taken for edge in _edges(step.outcome))

    @property
    def configuration(self) -> Configuration:
        """Where the path ends."""
        return (self.steps or (self.start,))[-1].outcome.configuration

    def replay(self, chart: Chart) -> Path:
        """Return the path that the same events take in `chart`, with the same answers of guards.

        On the chart that the path is of, that is an equal path.

        Raises `UnknownEvent` if `chart` lacks one of the events, and `Unscripted` if it asks a
        guard that had no say in that step.
        """
        table = chart.compile()
        start = Step("", self.start.guards, _case(table.starts(), self.start))
        here, steps = start.outcome.configuration, []
        for step in self.steps:
            outcome = _case(table.cases(here, step.event), step)
            steps.append(Step(step.event, step.guards, outcome))
            here = outcome.configuration
        return Path(start, tuple(steps))

    def __len__(self) -> int:
        return len(self.steps)

    def __str__(self) -> str:
        return " ".join(map(str, self.steps))


def all_transitions(chart: Chart) -> tuple[Path, ...]:
    """Return a few paths which together take every edge that can decide or follow a step.

    Edges that refuse, drop or defer are among them; rows that no step ever takes are not. Each
    path goes on to the nearest edge that is still missing as long as it can reach one.
    """

    def move(step: Step) -> Move[Step]:
        return Move(step, frozenset(_edges(step.outcome)), step.outcome.configuration)

    return _paths(
        [move(step) for step in _starts(chart)],
        lambda here: [move(step) for step in moves(chart, here)],
    )


def all_pairs(chart: Chart) -> tuple[Path, ...]:
    """Return paths which together take every possible pair of edges that decide successive steps.

    That is every edge, and behind it every edge that may decide the next step. There are up to
    edges times events such pairs: some thousands, and seconds of work, for a hundred edges.
    """

    def move(step: Step, last: tuple[Edge, ...] = ()) -> Move[Step]:
        outcome = step.outcome
        pairs = frozenset((one, other) for one in last for other in outcome.edges)
        return Move(step, pairs, (outcome.configuration, outcome.edges))

    return _paths(
        [move(step) for step in _starts(chart)],
        lambda node: [move(step, node[1]) for step in moves(chart, node[0])],
    )


def scripted(chart: Chart) -> Chart:
    """Return the same chart with guards that read their answer from the context, a mapping.

    So a step of a path is run as `table.step(here, step.event, step.guards)`. A guard that the
    mapping has no answer for raises `Unscripted`. Domains of guards are left out.
    """
    guards: dict[str, Guard] = {name: partial(said, name) for name in chart.guards}
    return changed(chart, guards=guards, domains={})


def moves(chart: Chart, here: Configuration) -> Iterator[Step]:
    """Yield the steps that can be taken from `here`, once for each case of the guards.

    Timeouts of states that are not active, which a table drops as stale, are left out.
    """
    table = chart.compile()
    for event in (*table.events, *table.timeouts):
        for guards, outcome in table.cases(here, event):
            if outcome.edges:
                yield Step(event, guards, outcome)


def _starts(chart: Chart) -> Iterator[Step]:
    for guards, outcome in chart.compile().starts():
        yield Step("", guards, outcome)


def _paths(starts: list[Move[Step]], follow: Callable[[Any], list[Move[Step]]]) -> tuple[Path, ...]:
    return tuple(Path(start, tuple(steps)) for start, steps in cover(starts, follow))


def _edges(outcome: Outcome) -> tuple[Edge, ...]:
    return (*outcome.edges, *outcome.after)


def _case(cases: Cases, step: Step) -> Outcome:
    """Return the outcome of the case that the guards of `step` lead to."""
    for asked, outcome in cases:
        if all(step.guards.get(name, holds) is holds for name, holds in asked.items()):
            for name in asked:
                said(name, step.guards)
            return outcome
    raise LookupError(f"no case of {step.event!r} has {dict(step.guards)}; this is a defect")


def said(guard: str, context: Any, _: object = None) -> bool:
    try:
        return bool(context[guard])
    except (KeyError, TypeError):
        raise Unscripted(
            f"guard {guard!r} was asked and {context!r} has no answer for it; the context of a "
            "scripted chart is a mapping from guards to truth, such as Step.guards"
        ) from None
