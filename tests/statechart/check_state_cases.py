"""A case for each rule on the shape of a chart, its words and its states; see `check_cases`."""

from __future__ import annotations

from typing import Any

from statechart import (
    Drop,
    Go,
    History,
    Raise,
    State,
    Stop,
)
from tests.statechart.check_cases import (
    CLOSED,
    LEFT,
    OPEN,
    RIGHT,
    ROWS,
    Case,
    asks,
    hall,
    loop,
    many,
    nested,
    pair,
    region,
    rows,
)

A: Any = None
"""Stands for a value of a wrong type, which is the point here."""


SEVEN: Any = 7
STOP: Any = Stop("close")


class Ring:
    """An event."""


OTHER = type("Ring", (), {})

SHAPE = (
    Case("wrong-type", "'door'", "write State('open')", region("open", CLOSED)),
    Case("wrong-type", "regions", "write a State", {"regions": (History("door"),)}),
    Case("wrong-type", "the State 'door'", "a tuple of states", {"regions": (State("door", A),)}),
    Case("wrong-type", "row 4", "write a Go", rows("close")),
    Case("wrong-type", "row 4", "write the name of an event", rows(Drop(A, "open", "x"))),
    Case("wrong-type", "row 4", "a tuple of names", rows(Drop("open", A, "x"))),
    Case("wrong-type", "row 4", "write a short code", rows(Drop("open", "open", A))),
    Case("wrong-type", "row 4", "or None", rows(Go("open", "open", SEVEN))),
    Case("wrong-type", "row 4", "write None", rows(Go("close", "open", ()))),
    Case("wrong-type", "row 4", "starts nothing", rows(Drop("open", "open", "x", (), STOP))),
    Case("wrong-type", "row 4", "a tuple of actions", rows(Go("open", "open", None, (), Raise(A)))),
    Case("wrong-type", "row 4", "True or False", rows(Go("open", "open", None, internal=A))),
    Case("wrong-type", "events", "write its name", {"events": ("open", "close", 7)}),
    Case("wrong-type", "guards", "write a string", {"guards": {7: bool}}),
    Case("wrong-type", "guard 'free'", "write a function", asks(True), asks()),
    Case("wrong-type", "time 'soon'", "milliseconds", {"times": {"soon": "5"}}),
    Case("wrong-type", "waive['trap']", "write why", {"waive": {"trap": None}}),
    Case("wrong-type", "chart", "write a string", {"name": None}),
    Case("no-region", "'door'", "add a region", {"regions": (), "events": (), "rows": ()}),
    Case("cycle", "the State 'door'", "take it out of its own children", loop()),
    Case("too-deep", "the State 's63'", "flatten", nested(64), nested(63)),
    Case("too-many-states", "chart 'door'", "several charts", many(5_000)),
    Case(
        "too-many-edges",
        "chart 'door'",
        "states around",
        rows(Drop(("open",) * 25_001, ("open", "closed"), "x")),
    ),
)


def event(name: Any, more: Any = ()) -> dict[str, Any]:
    return rows(Drop(name, "door", "x"), events=("open", "close", name, *more))


def ring(action: str) -> dict[str, Any]:
    return region(State("open", entry=action), CLOSED)


WORDS = (
    Case("bad-name", "event 'a b'", "rename it", event("a b"), event("a-b")),
    Case("bad-name", "state 'a-b'", "rename it", region(OPEN, CLOSED, State("a-b"))),
    Case("bad-name", "action 'ring;'", "rename it", ring("ring;"), ring("ring")),
    Case("bad-name", "guard 'a b'", "rename it", asks(name="a b"), asks()),
    Case("duplicate-state", "state 'open'", "rename all but one", region(OPEN, CLOSED, OPEN)),
    Case("duplicate-event", "'open'", "list it once", {"events": ("open", "close", "open")}),
    Case("duplicate-event", "'Ring'", "list it once", event(Ring, ["Ring"]), event(Ring)),
    Case(
        "duplicate-event",
        "'Ring'",
        "rename all classes",
        {**event(Ring, [OTHER]), "rows": (*ROWS, Drop("Ring", "door", "x"))},
        event(Ring),
    ),
    Case("reserved-name", "event 'after.all'", "rename it", event("after.all"), event("after-all")),
)

GROUP = State("closed", (State("locked"),))
BOX = State("closed", (History("back", "locked"),))
FINAL = State("closed", (State("locked"),), "locked", final=True)
SHUT = (ROWS[0], ROWS[3], Drop(("open", "close"), "closed", "shut"))
DEEP = State("deep", (LEFT, RIGHT), parallel=True)

STATES = (
    Case("wrong-initial", "state 'door'", "write 'open'", region(OPEN, CLOSED, initial="opened")),
    Case("wrong-initial", "state 'door'", "name a child", region(OPEN, CLOSED, initial=())),
    Case(
        "clashing-initial",
        "state 'door'",
        "name one of them",
        region(OPEN, CLOSED, initial=("open", "closed")),
    ),
    Case("missing-initial", "'door'", "set initial='open'", region(OPEN, CLOSED, initial=None)),
    Case("missing-initial", "'closed'", "set initial='locked'", region(OPEN, GROUP)),
    Case(
        "missing-initial",
        "'right'",
        "set initial='r1'",
        pair(LEFT, State("right", RIGHT.children), more=(Go("open", "l1", "l1"),)),
        pair(),
    ),
    Case("parallel-with-initial", "'pair'", "remove initial", pair(initial="left"), pair()),
    Case("parallel-with-final", "'x'", "remove final", pair(LEFT, State("x", final=True)), pair()),
    Case(
        "idle-actions",
        "state 'open'",
        "set initial, or make them entry actions",
        region(State("open", initial_actions="ring"), CLOSED),
        region(State("open", entry="ring"), CLOSED),
    ),
    Case(
        "parallel-of-one",
        "'pair'",
        "remove parallel",
        pair(LEFT),
        pair(LEFT, parallel=False, initial="left"),
    ),
    Case(
        "final-compound",
        "state 'closed'",
        "mark the children final",
        {**region(OPEN, FINAL), "rows": SHUT},
        {
            **region(OPEN, State("closed", (State("locked", final=True),), "locked")),
            "rows": SHUT,
        },
    ),
    Case(
        "final-with-exits",
        "row 1",
        "final from 'closed'",
        region(OPEN, State("closed", final=True)),
    ),
    Case(
        "history-without-default",
        "'back'",
        "set default='open'",
        hall(History("back")),
        hall(History("back", "open")),
    ),
    Case(
        "wrong-default",
        "'back'",
        "name 'open'",
        hall(History("back", "out")),
        hall(History("back", "open")),
    ),
    Case(
        "wrong-default",
        "'back'",
        "name one",
        hall(History("back", ("open", "closed"), deep=True)),
        hall(History("back", "open", deep=True)),
    ),
    Case(
        "history-alone",
        "'back'",
        "remove it",
        {**region(OPEN, BOX), "rows": (Go("close", "open", "back"), *ROWS[1:])},
    ),
    Case(
        "unused-history",
        "'back'",
        "write a Go to it",
        hall(History("back", "open"), "door"),
        hall(History("back", "open")),
    ),
)

STATE_CASES = (*SHAPE, *WORDS, *STATES)
