"""The attributes of an element as values: names, delays, timeouts.

Used by `read`, `ours` and `theirs`. Imports `model`, `document`, `words`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from statechart.actions import After, At, Quiet, Start
from statechart.scxml.words import MAX_DIGITS, MAX_NAME, conditions_of, milliseconds, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from statechart.actions import Timeout
    from statechart.scxml.document import Element
    from statechart.scxml.words import Condition

__all__ = [
    "Names",
    "check_literal",
    "conditions",
    "delay",
    "every",
    "needed",
    "start",
    "timeout",
    "word",
]


def every(root: Element) -> Iterator[Element]:
    """Yield `root` and everything in it, in document order."""
    stack = [root]
    while stack:
        element = stack.pop()
        yield element
        stack.extend(reversed(element.children))


class Names:
    """Names that are taken, so that each is given once."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)
        self._next: dict[str, int] = {}

    def unused(self, name: str) -> str:
        """Return `name`, with a number behind it if it is taken; it is taken then."""
        found = name
        while found in self._taken:
            # Where the last search for this name ended, so that many of one name take no longer.
            number = self._next[name] = self._next.get(name, 1) + 1
            found = f"{name}_{number}"
        self._taken.add(found)
        return found


def word(element: Element, attribute: str, value: str, longest: int = MAX_NAME) -> str:
    """Return `value` if it can be a name."""
    if not value or len(value) > longest or any(char.isspace() for char in value):
        raise element.error(
            f"{shown(value)} is not a name: one word of at most {longest} characters", attribute
        )
    return value


def needed(element: Element, attribute: str) -> str:
    """Return an attribute that must be there, and be a name."""
    return word(element, attribute, element.get(attribute) or "")


def delay(element: Element) -> int:
    """Return the delay of a <send> in milliseconds; without one it is none."""
    if not element.get("delay"):
        return 0
    try:
        return milliseconds(element.attributes["delay"])
    except ValueError as error:
        raise element.error(str(error), "delay") from None


def conditions(element: Element) -> tuple[Condition, ...] | None:
    """Return the conditions of a <transition>, None if they never hold."""
    try:
        return conditions_of(element.attributes.get("cond", "true"))
    except ValueError as error:
        raise element.error(str(error), "cond") from None


def _due(element: Element, attribute: str) -> int | str:
    """Return milliseconds, or the name of a time."""
    text = needed(element, attribute)
    if not (text.isascii() and text.isdigit()):
        return text
    if len(text) > MAX_DIGITS:
        raise element.error(f"{shown(text)} is no time that comes; write fewer digits", attribute)
    return int(text)


def timeout(element: Element) -> Timeout | None:
    """Return the timeout that a transition is, None if it is none."""
    found: list[Timeout] = []
    if "sc:after" in element.attributes:
        found.append(After(_due(element, "sc:after")))
    if "sc:quiet" in element.attributes:
        found.append(Quiet(_due(element, "sc:quiet")))
    if "sc:at" in element.attributes:
        found.append(At(needed(element, "sc:at")))
    if len(found) > 1:
        raise element.error("it is one of sc:after, sc:quiet and sc:at; remove the others")
    return found[0] if found else None


def start(element: Element) -> Start:
    """Return the timer that an <sc:start> starts."""
    at, delay = element.get("at"), element.get("delay")
    if (at is None) is (delay is None):
        raise element.error("it needs either a delay or at")
    due = At(needed(element, "at")) if at else _due(element, "delay")
    return Start(needed(element, "timer"), due, element.get("event") or "")


def check_literal(element: Element) -> None:
    """Check a <log>. It has no effect on the chart, so it may only hold text."""
    text = element.get("expr") or "''"
    if not re.fullmatch(r"'[^'\\]*'|\"[^\"\\]*\"|-?\d+(\.\d+)?", text):
        why = "it would have to be evaluated; write text in quotes, or only a label"
        raise element.error(why, "expr")
