"""The words that SCXML text and charts share: namespaces, delays, conditions, and our error.

Used by everything in this package. Imports `model`.

What SCXML has no word for is said in a namespace of our own, written `sc:` here.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple

from statechart.model import inside, split, state_asked

__all__ = [
    "ANY",
    "MAX_CONDITIONS",
    "MAX_DELAY",
    "MAX_DIGITS",
    "MAX_NAME",
    "OWN",
    "OWN_VERSION",
    "SCXML",
    "Condition",
    "ScxmlError",
    "conditions_of",
    "constant",
    "legal",
    "milliseconds",
    "shown",
    "text_of",
    "token_prefixed",
]

SCXML = "http://www.w3.org/2005/07/scxml"
"""The namespace of SCXML 1.0."""

OWN = "urn:statechart:scxml:1"
"""The namespace of what SCXML lacks."""

OWN_VERSION = "1"
"""Marks a document as written by us: its names are exact, and it says everything that holds."""

ANY = "*"
"""The descriptor of every event."""

MAX_NAME = 4_096
"""Characters in the name of a state, an event, a timer or an action."""

MAX_CONDITIONS = 1_000
"""Literals of one condition."""

MAX_DELAY = 10**12 - 1
"""Milliseconds of a delay; a longer one has no place in an attribute of SCXML."""

MAX_DIGITS = 1_000
"""Digits of a delay in one of our own attributes; Python reads no more than 4,300."""

_WORD = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)
_INSIDE = re.compile(r"In\(\s*(?:'([^'\s]+)'|\"([^\"\s]+)\")\s*\)")
_DELAY = re.compile(r"(\d{0,12}(?:\.\d{1,9})?)(ms|s|m|h|d)", re.ASCII)
_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_TRUE = ("true", "True")
_FALSE = ("false", "False")


class ScxmlError(ValueError):
    """A document that is no chart, or a chart that is no document.

    `line` is where, 0 if nowhere in particular; `what` is the element or attribute it is about, so
    that many errors can be counted by their cause.
    """

    def __init__(self, line: int, what: str, why: str) -> None:
        self.line = line
        self.what = what
        super().__init__(f"line {line}: {what}: {why}" if line else f"{what}: {why}")


class Condition(NamedTuple):
    """One literal of a condition: a guard or, with `state`, that a state is active."""

    name: str
    state: bool
    negated: bool

    @property
    def written(self) -> str:
        """The condition as rows have it."""
        return ("!" if self.negated else "") + (inside(self.name) if self.state else self.name)


def shown(text: str) -> str:
    """Return `text` in quotes, and only its beginning if it is long."""
    return repr(text if len(text) <= 60 else text[:57] + "...")


def milliseconds(text: str) -> int:
    """Return a delay such as `500ms`, `.5s` or `0` in milliseconds (SCXML 6.2.4).

    Raises `ValueError` for anything else, and for parts of a millisecond.
    """
    found = _DELAY.fullmatch(text.strip())
    if text.strip() == "0":
        return 0
    if found is None or not found[1]:
        raise ValueError(
            f"{shown(text)} is not a delay; write a number and a unit: 500ms, 1.5s, 2m, 1h or 1d"
        )
    exact = Decimal(found[1]) * _UNITS[found[2]]
    if exact != int(exact):
        raise ValueError(f"{shown(text)} has parts of a millisecond; round it")
    return int(exact)


def conditions_of(text: str) -> tuple[Condition, ...] | None:
    """Return the literals that must all hold, None for a condition that never does.

    The grammar is `true`, `false`, `In('state')` and the names of guards, with `!` and `&&`.
    Nothing is evaluated. Raises `ValueError` for everything else.
    """
    if "||" in text:
        raise ValueError(f"{shown(text)} has '||', and a row has no 'or'; write two transitions")
    parts = text.split("&&", MAX_CONDITIONS)
    if len(parts) > MAX_CONDITIONS:
        raise ValueError(f"it asks more than {MAX_CONDITIONS} things; let one guard ask several")
    found: list[Condition] = []
    for part in parts:
        bare = part.strip()
        negated = bare.startswith("!")
        literal = bare[1:].strip() if negated else bare
        always = constant(literal)
        if always is None:
            found.append(_literal(literal, text, negated=negated))
        elif always is negated:
            return None
    return tuple(found)


def constant(literal: str) -> bool | None:
    """Return what `true` and `false` say, None for every other word."""
    if literal in _TRUE:
        return True
    return False if literal in _FALSE else None


def _literal(literal: str, text: str, *, negated: bool) -> Condition:
    active = _INSIDE.fullmatch(literal)
    if active:
        return Condition(active[1] or active[2], state=True, negated=negated)
    if _WORD.fullmatch(literal):
        return Condition(literal, state=False, negated=negated)
    raise ValueError(
        f"{shown(text)} would have to be evaluated, which is never done here; name a guard and "
        "hand it over in guards, or use In('state'), '!' and '&&'"
    )


def text_of(condition: str) -> str:
    """Return a condition of a row as it is written in a document."""
    name, wanted = split(condition)
    state = state_asked(condition)
    return ("" if wanted else "!") + (name if state is None else f"In('{state}')")


def token_prefixed(descriptor: str, event: str) -> bool:
    """Tell whether SCXML takes `descriptor` for `event` (3.12.1): `a` for `a` and for `a.b`."""
    return event == descriptor or event.startswith(descriptor + ".")


def legal(text: str) -> str:
    """Return the name nearest to `text` that a state may have."""
    word = re.sub(r"\W", "_", text[:MAX_NAME], flags=re.ASCII) or "_"
    return f"_{word}" if word[0].isdigit() else word
