"""How findings speak: what was meant by a misspelt name, long lists cut short.

Used by all of `check`. Imports `model`. Everything here is bounded: a chart of thousands of states
has thousands of names to confuse, and its error must come at once all the same.
"""

from __future__ import annotations

from difflib import get_close_matches
from itertools import islice
from typing import TYPE_CHECKING

from statechart.check.rules import MAX_DELAY
from statechart.model import event_name, names

if TYPE_CHECKING:
    from collections.abc import Iterable

    from statechart.model import Row, Trigger, Triggers

__all__ = ["listed", "near", "row_label", "too_long", "triggers_of"]

_SHOWN = 5
_COMPARED = 100
_CLOSE = 3


def listed(words: Iterable[object], between: str = ", ") -> str:
    """Return `words` in one line, the first few if there are many."""
    found = list(map(str, words))
    more = len(found) - _SHOWN
    shown = found if more <= 1 else [*found[:_SHOWN], f"... ({more} more)"]
    return between.join(shown)


def near(name: str, known: Iterable[str], otherwise: str) -> str:
    """Return the repair of an unknown name: what was probably meant, or `otherwise`."""
    alike = (word for word in known if abs(len(word) - len(name)) <= _CLOSE)
    found = get_close_matches(name[:100], list(islice(alike, _COMPARED)), n=1)
    return f"write {found[0]!r}" if found else otherwise


def triggers_of(triggers: Triggers) -> tuple[Trigger, ...]:
    """Return triggers as a tuple, a single one as a tuple of one."""
    return tuple(triggers) if isinstance(triggers, tuple | list) else (triggers,)


def row_label(number: int, row: Row) -> str:
    """Return where a row is and what it looks like."""
    triggers = (
        event_name(trigger) if isinstance(trigger, str | type) else str(trigger)
        for trigger in triggers_of(row.trigger)
    )
    where = f"{listed(triggers, '|')!r}, {listed(names(row.source), '|')!r}"
    return f"row {number}, {type(row).__name__}({where})"


def too_long(delay: object) -> bool:
    """Tell whether `delay` is a number of milliseconds beyond all use."""
    return isinstance(delay, int) and delay > MAX_DELAY
