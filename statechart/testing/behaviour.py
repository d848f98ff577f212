"""Whether two charts behave alike: proven by walking both at once.

Used by `mutation`, and by whoever rewrites a chart. Imports `statechart` only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from statechart.model import Answer
from statechart.step import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from statechart.chart import Chart
    from statechart.step import Configuration, Table

__all__ = ["same_behaviour"]


def same_behaviour(one: Chart, other: Chart) -> bool:
    """Tell whether nobody who sees answers, states, actions and timers can tell two charts apart.

    Both are walked from the start in lock-step, every event with every answer of the guards. The
    answer, its reason, the actions, the timers and the atomic states afterwards must be equal, and
    so from there on. The walk ends, because pairs of configurations are finite.

    Guards, times, states and events are compared by name; what histories remember by what comes
    of it. Which rows decided does not matter.
    """
    first, second = one.compile(), other.compile()
    if set(first.events) != set(second.events):
        return False
    events = tuple(dict.fromkeys((*first.events, *first.timeouts, *second.timeouts)))
    seen: set[tuple[Configuration, Configuration]] = set()
    left = list(_joint(first.starts(), second.starts()))
    while left:
        a, b = left.pop()
        if not _alike(a, b):
            return False
        here = (a.configuration, b.configuration)
        if here not in seen:
            seen.add(here)
            for event in events:
                left += _joint(_cases(first, here[0], event), _cases(second, here[1], event))
    return True


_Cases = tuple[tuple[dict[str, bool], Outcome], ...]


def _cases(table: Table, here: Configuration, event: str) -> _Cases:
    if event in table.events or event in table.timeouts:
        return table.cases(here, event)
    # The timeout of a state that only the other chart has.
    return (({}, Outcome(Answer.DROP, here, reason="stale_timeout")),)


def _joint(
    first: Sequence[tuple[dict[str, bool], Outcome]], second: _Cases
) -> Iterator[tuple[Outcome, Outcome]]:
    """Yield the two outcomes for each combination of guards that leads to both."""
    for said, a in first:
        for heard, b in second:
            if all(heard.get(guard, holds) is holds for guard, holds in said.items()):
                yield a, b


def _alike(a: Outcome, b: Outcome) -> bool:
    return (
        (a.answer, a.reason, a.actions, a.timers) == (b.answer, b.reason, b.actions, b.timers)
        and a.configuration.atomic == b.configuration.atomic
        and a.configuration.final is b.configuration.final
    )
