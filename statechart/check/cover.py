"""Which guards leave a gap between rows: the conditions of rows as a question of logic.

Used by `answers` and `reach`. Imports `compiler` for its limit.

Each row holds when all its conditions do, and guards may say anything. Rows leave a gap if some
answers of the guards let none of them hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from statechart.compiler import MAX_GUARDS
from statechart.model import split, state_asked

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["Said", "gap", "said_by", "told"]

Said: TypeAlias = "Mapping[str, bool]"
"""What guards say, by name."""


def said_by(conditions: Iterable[str]) -> dict[str, bool] | None:
    """Return what guards say when all conditions hold, None if two of them contradict."""
    said: dict[str, bool] = {}
    for name, wanted in map(split, conditions):
        if said.setdefault(name, wanted) is not wanted:
            return None
    return said


def told(conditions: Iterable[str], states: frozenset[str]) -> tuple[str, ...] | None:
    """Return the conditions on guards that are left with `states` active, None if one failed."""
    left = []
    for condition in conditions:
        state = state_asked(condition)
        if state is None:
            left.append(condition)
        elif (state in states) is not split(condition)[1]:
            return None
    return tuple(left)


def gap(rows: Sequence[Sequence[str]], said: Said) -> Said | None:
    """Return answers of guards, `said` among them, for which no row holds; None if there are none.

    The work doubles with each guard, so of rows that ask more than a step may, only those without
    conditions count: then it may return a gap that is none.
    """
    asked = {split(condition)[0] for row in rows for condition in row}
    if len(asked) > MAX_GUARDS:
        return None if not all(rows) else {}
    return _gap(rows, said)


def _gap(rows: Sequence[Sequence[str]], said: Said) -> Said | None:
    for number, row in enumerate(rows):
        conditions = [split(condition) for condition in row]
        if any(said.get(name, wanted) is not wanted for name, wanted in conditions):
            continue
        unsaid = next((name for name, _ in conditions if name not in said), None)
        if unsaid is None:
            return None
        tries = (_gap(rows[number:], {**said, unsaid: value}) for value in (False, True))
        return next((found for found in tries if found is not None), None)
    return said
