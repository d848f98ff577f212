"""Small charts for the checker: a sound one, and what differs from it where a rule is broken.

Used by `check_state_cases`, `check_row_cases` and `check_behaviour_cases`: a case for each rule.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from statechart import (
    Chart,
    ChartError,
    Drop,
    Go,
    History,
    Row,
    State,
)
from statechart.check import RULES

OPEN, CLOSED = State("open"), State("closed")
ROWS: tuple[Row, ...] = (
    Go("close", "open", "closed"),
    Go("open", "closed", "open"),
    Drop("close", "closed", "is_closed"),
    Drop("open", "open", "is_open"),
)
DOOR: dict[str, Any] = {
    "name": "door",
    "regions": (State("door", (OPEN, CLOSED), "open"),),
    "events": ("open", "close"),
    "rows": ROWS,
}


def build(**changes: Any) -> Chart:
    return Chart(**{**DOOR, **changes})


def lenient(**parts: Any) -> Chart:
    """Build a chart for a test that is about something else: waive what may be waived.

    Raises `ChartError` if that is not enough.
    """
    waive: dict[str, str] = {}
    while True:
        try:
            return Chart(**parts, waive=waive)
        except ChartError as error:
            found = {finding.rule for finding in error.findings}
            if not all(RULES[rule].waivable for rule in found):
                raise
            waive |= dict.fromkeys(sorted(found), "not what the test is about")


@dataclass(frozen=True)
class Case:
    rule: str
    where: str
    repair: str
    broken: dict[str, Any]
    repaired: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.rule}: {self.where}"


def region(*children: Any, initial: Any = "open", **more: Any) -> dict[str, Any]:
    return {"regions": (State("door", children, initial, **more),)}


def rows(*more: Any, **changes: Any) -> dict[str, Any]:
    return {"rows": (*ROWS, *more), **changes}


# -- charts of other shapes ------------------------------------------------------------------------


def loop() -> dict[str, Any]:
    children: Any = [OPEN, CLOSED]
    children.append(State("door", children, "open"))
    return {"regions": (children[-1],)}


def nested(depth: int) -> dict[str, Any]:
    state = State("s0", (OPEN, CLOSED), "open")
    for number in range(1, depth):
        state = State(f"s{number}", (state,), state.name)
    return {"regions": (state,)}


def many(count: int) -> dict[str, Any]:
    return region(OPEN, CLOSED, *(State(f"s{n}", (CLOSED,)) for n in range(count)))


LEFT = State("left", (State("l1"),), "l1")
RIGHT = State("right", (State("r1"),), "r1")


def pair(*children: State, more: tuple[Row, ...] = (), **changes: Any) -> dict[str, Any]:
    found = {"parallel": True, **changes}
    regions = (State("pair", children or (LEFT, RIGHT), **found),)
    return {"regions": regions, "rows": (*more, Drop(("open", "close"), "pair", "nothing"))}


def hall(history: History | None, back: str = "back", *more: Row) -> dict[str, Any]:
    remembered = () if history is None else (history,)
    door = State("door", (*remembered, OPEN, CLOSED), "open")
    return {
        "regions": (State("hall", (door, State("out")), "door"),),
        "events": ("open", "close", "leave", "enter"),
        "rows": (
            *ROWS,
            Drop(("open", "close"), "out", "nobody_there"),
            Go("leave", "door", "out"),
            Drop("leave", "out", "is_out"),
            Go("enter", "out", back),
            Drop("enter", "door", "is_in"),
            *more,
        ),
    }


def both(*rows: Row) -> dict[str, Any]:
    """Two regions that leave their parent at once for the same event."""
    parts = State("pair", (LEFT, RIGHT), parallel=True)
    return {
        "regions": (State("all", (parts, State("out")), "pair"),),
        "events": ("open",),
        "rows": (*rows, Drop("open", "out", "is_out")),
    }


def asks(guard: Any = bool, *, name: str = "free", **more: Any) -> dict[str, Any]:
    row = Go("close", "open", None, name, "creak")
    return {"rows": (row, *ROWS), "guards": {name: guard}, **more}


def free(context: int, _: object) -> bool:
    return 1 // context == 1


LAMP = State("lamp", (State("lit"),), "lit")
