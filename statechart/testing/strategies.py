"""Hypothesis strategies: random charts, and random events, guards and paths of a given chart.

Used by property tests, through `statechart.testing`. Imports `building`, `walks`, `sketches`,
`uncounted`.

>>> from hypothesis import given
>>> from statechart.testing import charts, paths
>>> @given(charts(history=False).flatmap(paths))
... def test_paths_are_replayed(path): ...
"""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, TypeVar

try:
    from hypothesis import reject
    from hypothesis import strategies as st
except ImportError as missing:
    raise ImportError(
        "statechart.testing needs hypothesis to draw charts, events and paths: "
        "pip install hypothesis"
    ) from missing

from statechart.errors import ChartError
from statechart.model import Answer
from statechart.testing.building import build
from statechart.testing.sketches import Features, sketch
from statechart.testing.uncounted import leave_out
from statechart.testing.walks import Path, Step, moves, said

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from statechart.chart import Chart
    from statechart.step import Configuration

T = TypeVar("T")

__all__ = ["charts", "events", "paths", "valuations"]


def charts(
    *,
    size: int = 30,
    regions: int = 2,
    depth: int = 2,
    width: int = 3,
    events: int = 3,
    guards: int = 2,
    answers: Collection[Answer] = tuple(Answer),
    actions: bool = True,
    parallel: bool = True,
    history: bool = True,
    timeouts: bool = True,
    final: bool = True,
    eventless: bool = True,
) -> st.SearchStrategy[Chart]:
    """Return a strategy for sound charts, whose guards read a mapping as their context.

    Every state can be reached by the event `tour` alone, as far as nothing else happens on the
    way. Rules that a chart breaks by chance are waived in it where they may be. Steps of these
    charts do not count for `pytest --chart-coverage`.

    Drawing one takes some 25 ms; at its default deadline Hypothesis allows 100 ms on average, and
    fails the health check `too_slow` beyond that. So a much larger `size`, or more of `events`
    and `guards`, wants that check suppressed.

    Args:
        size: about so many configurations at most; further regions and histories are left out
            of a chart that would have more.
        regions: at most so many regions of the chart, at least 1.
        depth: at most so many compound states around another inside a region, 0 for flat ones.
        width: at most so many children of a state, at least 2.
        events: so many events beside `tour`.
        guards: so many guards; none without conditions.
        answers: the answers that rows may give; `tour` is always followed.
        actions: rows and states do something, and raise events.
        parallel: states may be parallel.
        history: states may have histories.
        timeouts: states may have timeouts.
        final: states may be final, and rows wait for the end of states.
        eventless: transitions may need no event.
    """
    features = Features(
        size=size,
        regions=regions,
        depth=depth,
        width=width,
        events=events,
        guards=guards,
        answers=tuple(answer for answer in Answer if answer in answers),
        actions=actions,
        parallel=parallel,
        history=history,
        timeouts=timeouts,
        final=final,
        eventless=eventless,
    )
    return _charts(features)


class _Drawn:
    """Dice that Hypothesis throws, so what comes of them shrinks."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def number(self, least: int, most: int) -> int:
        return self._draw(_numbers(least, most))

    def one(self, values: Sequence[T]) -> T:
        # Not `sampled_from`: each throw would make a strategy, which takes longer than the throw.
        return values[self._draw(_numbers(0, len(values) - 1))]


_numbers = cache(st.integers)


@st.composite
def _charts(draw: st.DrawFn, features: Features) -> Chart:
    found = sketch(_Drawn(draw), features)
    try:
        built = build(
            name="random",
            regions=found.regions,
            events=found.events,
            rows=found.rows,
            guards={name: partial(said, name) for name in found.guards},
        )
    except ChartError:
        reject()
    return leave_out(built)


def events(chart: Chart, *, timeouts: bool = False) -> st.SearchStrategy[str]:
    """Return a strategy for the names of the chart's events, and of timeouts if asked for."""
    table = chart.compile()
    return st.sampled_from((*table.events, *(table.timeouts if timeouts else ())))


def valuations(chart: Chart) -> st.SearchStrategy[dict[str, bool]]:
    """Return a strategy for what all guards of the chart say, by their names.

    It can be the context of a step of `scripted(chart)`.
    """
    return st.fixed_dictionaries({name: st.booleans() for name in chart.guards})


@st.composite
def paths(draw: st.DrawFn, chart: Chart, *, max_size: int = 20) -> Path:
    """Draw a walk of the chart from its start, of at most `max_size` steps."""
    known: dict[Configuration, tuple[Step, ...]] = {}
    guards, outcome = draw(st.sampled_from(chart.compile().starts()))
    start = Step("", guards, outcome)
    here, steps = outcome.configuration, []
    for _ in range(draw(st.integers(0, max_size))):
        if here not in known:
            known[here] = tuple(moves(chart, here))
        if not known[here]:
            break
        step = draw(st.sampled_from(known[here]))
        steps.append(step)
        here = step.outcome.configuration
    return Path(start, tuple(steps))
