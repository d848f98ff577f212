"""The invariant of two runs: what depends on nothing but choices can be repeated.

It cannot be seen in one trace, so it has a type of its own: whoever has run a scenario can `repeat`
that run, and the tests do so with many.

Neighbours: `rule.py` (invariants of one run), `../choices.py` (what a run depends on).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TypeAlias

from actors.simulation.choices import Choices, Recorded
from actors.simulation.invariants.rule import Violation
from actors.simulation.trace import Trace

Compare: TypeAlias = Callable[[Trace, Trace], Iterator[str]]


@dataclass(frozen=True, slots=True)
class OfTwoRuns:
    """An invariant of two runs that were made of the same choices."""

    number: int
    """As in the list of invariants."""
    statement: str
    compare: Compare

    @property
    def name(self) -> str:
        """The name of the function that holds it."""
        return self.compare.__name__


def same_digest(first: Trace, second: Trace) -> Iterator[str]:
    """Equal digests, or the first line in which they differ."""
    if first.digest() == second.digest():
        return
    for one, other in zip_longest(first.lines(), second.lines(), fillvalue="(its end)"):
        if one != other:
            yield f"repeated, the run differs: first {one}, then {other}"
            return


DIGEST = OfTwoRuns(32, "The same choices give the same digest.", same_digest)


def repeat(
    scenario: Callable[[Choices], Trace], trace: Trace, made: Sequence[int]
) -> tuple[Violation, ...]:
    """Run a scenario again.

    Args:
        scenario: what was run.
        trace: what came of it.
        made: the choices of that run.
    """
    again = scenario(Recorded(made))
    return tuple(
        Violation(DIGEST.number, DIGEST.name, text) for text in DIGEST.compare(trace, again)
    )
