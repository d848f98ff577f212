"""A case for each rule on rows and what they use; see `check_cases`."""

from __future__ import annotations

from typing import Any

from statechart import (
    After,
    At,
    Drop,
    Go,
    History,
    Quiet,
    Raise,
    Refuse,
    Start,
    State,
    Stop,
    done,
    inside,
)
from tests.statechart.check_cases import (
    CLOSED,
    LAMP,
    OPEN,
    ROWS,
    Case,
    asks,
    free,
    hall,
    region,
    rows,
)

A: Any = None
"""Stands for a value of a wrong type, which is the point here."""


class Ring:
    """An event."""


OTHER = type("Ring", (), {})


def rings(declared: type, used: type = Ring) -> dict[str, Any]:
    return rows(Drop(used, "door", "x"), events=("open", "close", declared))


def cross(dest: str) -> dict[str, Any]:
    regions = (State("door", (OPEN, CLOSED), "open"), LAMP)
    return {"regions": regions, "rows": (Go("close", "open", dest), *ROWS[1:])}


def first(row: Any, **more: Any) -> dict[str, Any]:
    return {"rows": (row, *ROWS), **more}


def twice(*conditions: str) -> dict[str, Any]:
    both = (Drop("close", "open", "x", condition) for condition in conditions)
    return {"rows": (*both, *ROWS[1:], Drop("close", "door", "x"), TIMED), "guards": {"free": bool}}


TIMED = Go(After(5), "open", "closed")

NAMED = (
    Case(
        "unknown-trigger",
        "row 4, Drop('clse', 'open')",
        "write 'close'",
        rows(Drop("clse", "open", "x")),
    ),
    Case("unknown-trigger", "row 4", "write 'door'", rows(Go(done("dor"), "open", None))),
    Case(
        "unknown-trigger",
        "row 4",
        "the same class",
        rings(Ring, OTHER),
        rings(Ring),
    ),
    Case(
        "unknown-source",
        "row 4, Drop('open|close', 'cellar')",
        "add it to the states",
        rows(Drop(("open", "close"), "cellar", "x")),
    ),
    Case(
        "unknown-dest",
        "row 0",
        "add it to the states",
        first(Go("close", "open", "shut", inside("open"))),
    ),
    Case(
        "unknown-guard",
        "row 5",
        "write 'free'",
        {**asks(), "rows": (*asks()["rows"], Drop("open", "door", "x", "!fre"))},
        asks(),
    ),
    Case(
        "unknown-state",
        "row 0",
        "write 'closed'",
        first(Go("close", "open", None, inside("close_d"))),
    ),
    Case(
        "source-is-history",
        "row 9",
        "at 'door'",
        hall(History("back", "open"), "back", Drop("enter", "back", "x")),
        hall(History("back", "open")),
    ),
    Case("no-trigger", "row 4", "remove the row", rows(Go((), "open", None))),
    Case("no-source", "row 4", "remove the row", rows(Go("open", (), None))),
    Case("no-reason", "row 3", "give a reason", {"rows": (*ROWS[:3], Refuse("open", "open", ""))}),
    Case(
        "dest-in-other-region", "row 0", "a state of the same region", cross("lit"), cross("closed")
    ),
    Case(
        "clashing-targets",
        "row 0",
        "lead to one of them",
        {"rows": (Go("close", "open", ("open", "closed")), *ROWS[1:])},
    ),
    Case(
        "wrong-internal",
        "row 0",
        "remove internal",
        {"rows": (Go("close", "open", "closed", internal=True), *ROWS[1:])},
    ),
    Case(
        "wrong-internal",
        "row 3",
        "remove internal",
        {"rows": (*ROWS[:3], Go("open", "open", None, internal=True))},
    ),
    Case("nobody-hears", "row 4", "write a Go", rows(Drop(After(5), "open", "x")), rows(TIMED)),
    Case(
        "never-done",
        "row 4",
        "add a final state",
        rows(Go(done("door"), "door", None, actions="ring")),
    ),
    Case(
        "no-priority",
        "row 4",
        "list row 4 first",
        rows(Refuse("close", "open", "x", inside("open"))),
    ),
    Case(
        "no-priority",
        "row 1",
        "change the conditions",
        twice("free", "free"),
        asks(),
    ),
    Case("unused-event", "event 'lock'", "add a row for it", {"events": ("open", "close", "lock")}),
)

LATE = {"times": {"late": 5}}
DOMAIN = ((1, None), (0, None))

USES = (
    Case("bad-delay", "row 4", "0 or more", rows(Go(After(-1), "open", "closed")), rows(TIMED)),
    Case("bad-delay", "row 4", "0 or more", rows(Go(Quiet(True), "open", "closed")), rows(TIMED)),
    Case(
        "bad-delay",
        "time 'late'",
        "0 or more",
        rows(Go(At("late"), "open", "closed"), times={"late": -5}),
        rows(Go(At("late"), "open", "closed"), **LATE),
    ),
    Case(
        "bad-delay",
        "row 4",
        "add it to times",
        rows(Go(At(A), "open", "closed")),
        rows(Go(At("late"), "open", "closed"), **LATE),
    ),
    Case(
        "unknown-time",
        "row 4",
        "write 'late'",
        rows(
            Go(After("lte"), "open", "closed"),
            Go(After("late"), "open", None, actions="ring"),
            **LATE,
        ),
        rows(Go(After("late"), "open", "closed"), **LATE),
    ),
    Case(
        "unknown-event",
        "row 0",
        "add it to events",
        {"rows": (Go("close", "open", "closed", actions=Raise("bang")), *ROWS[1:])},
    ),
    Case(
        "unknown-event",
        "state 'open'",
        "write 'close'",
        region(State("open", entry=Start("clse", 5)), CLOSED),
        region(State("open", entry=Start("close", 5)), CLOSED),
    ),
    Case(
        "raised-class",
        "row 4",
        "an event without a class",
        {
            "events": ("open", "close", Ring),
            "rows": (*ROWS, Go(Ring, "door", None, actions=Raise("Ring"))),
        },
    ),
    Case(
        "unknown-timer",
        "state 'open'",
        "remove the stop",
        region(State("open", exit=Stop("close")), CLOSED),
    ),
    Case("unused-time", "time 'late'", "remove it", LATE),
    Case("unused-guard", "guard 'free'", "remove it", {"guards": {"free": bool}}),
    Case("bad-domain", "domain of 'fre'", "write 'free'", asks(domains={"fre": DOMAIN}), asks()),
    Case("bad-domain", "domain of 'free'", "remove the domain", asks(domains={"free": ()}), asks()),
    Case("bad-domain", "domain of 'free'", "tuples of two", asks(domains={"free": (7,)}), asks()),
    Case(
        "guard-raises",
        "guard 'free'",
        "take the pair out",
        asks(free, domains={"free": ((1, None), (2, None), (0, None))}),
        asks(free, domains={"free": ((1, None), (2, None))}),
    ),
    Case(
        "constant-guard",
        "guard 'free'",
        "for which it is False",
        asks(free, domains={"free": ((1, None),)}),
        asks(free, domains={"free": ((1, None), (2, None))}),
    ),
    Case(
        "constant-guard",
        "guard 'free'",
        "for which it is True",
        asks(free, domains={"free": ((2, None),)}),
        asks(free, domains={"free": ((1, None), (2, None))}),
    ),
)

ITSELF = (
    Case("bad-waiver", "waive['bad-waiver']", "repair", {"waive": {"bad-waiver": "x"}}),
    Case("bad-waiver", "waive['trp']", "write 'trap'", {"waive": {"trp": "because"}}),
    Case(
        "bad-waiver",
        "waive['unanswered']",
        "repair the chart",
        {"waive": {"unanswered": "because"}},
    ),
    Case(
        "bad-waiver",
        "waive['unused-time']",
        "say why",
        {**LATE, "waive": {"unused-time": " "}},
        {**LATE, "waive": {"unused-time": "soon"}},
    ),
    Case(
        "stale-waiver", "waive['unused-time']", "remove it", {"waive": {"unused-time": "because"}}
    ),
    Case("stale-waiver", "waive['trap']", "remove it", {"waive": {"trap": "because"}}),
)

ROW_CASES = (*NAMED, *USES, *ITSELF)
