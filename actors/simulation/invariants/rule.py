"""What an invariant is: a named function over a trace, with a mark that says it was exercised.

    @invariant(3, "Sequence numbers are gap-free.")
    def gap_free(trace: Trace, policy: Policy, saw: Saw) -> Iterator[str]:
        for task, log in trace.logs.items():
            saw()                                # the "sometimes": there was something to judge
            if [record.seq for record in log] != list(range(1, len(log) + 1)):
                yield f"{task}: ..."             # each violation, in words

A function that is never exercised proves nothing; `judge` says which were.

Neighbours: `trace.py` (what is judged), the files beside this one (the invariants, by subject).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from actors.simulation.trace import Trace
from actors.task.policy import Policy

Saw: TypeAlias = Callable[[], None]
Check: TypeAlias = Callable[[Trace, Policy, Saw], Iterator[str]]


@dataclass(frozen=True, slots=True)
class Invariant:
    """One invariant."""

    number: int
    """As in the list of invariants; tests and reports cite it."""
    statement: str
    check: Check

    @property
    def name(self) -> str:
        """The name of the function that holds it."""
        return self.check.__name__


class Violation(NamedTuple):
    """Something that must never happen, and did."""

    number: int
    name: str
    text: str

    def __str__(self) -> str:
        return f"invariant {self.number} ({self.name}): {self.text}"


class Verdict(NamedTuple):
    """What was found in one trace."""

    violations: tuple[Violation, ...]
    exercised: frozenset[int]
    """Numbers of the invariants that had something to judge."""


def invariant(number: int, statement: str) -> Callable[[Check], Invariant]:
    """Make an invariant of a function."""

    def make(check: Check) -> Invariant:
        return Invariant(number, statement, check)

    return make


def judge(invariants: Iterable[Invariant], trace: Trace, policy: Policy) -> Verdict:
    """Hold a trace against invariants."""
    violations: list[Violation] = []
    exercised: set[int] = set()
    for each in invariants:
        number = each.number

        def saw(number: int = number) -> None:
            exercised.add(number)

        violations += [
            Violation(number, each.name, text) for text in each.check(trace, policy, saw)
        ]
    return Verdict(tuple(violations), frozenset(exercised))
