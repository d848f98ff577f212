"""A case for each rule that reads what a chart was compiled to; see `check_cases`."""

from __future__ import annotations

from typing import Any

from statechart import ALWAYS, After, Drop, Go, Raise, Refuse, Row, State, inside
from tests.statechart.check_cases import CLOSED, LAMP, OPEN, ROWS, Case, asks, both, region, rows

REST = ROWS[1:]
AGAIN = Go("close", "open", "closed", actions=Raise("close"))
FREE = Go("close", "open", "closed", "free")
NOT_FREE = Drop("close", "open", "busy", "!free")
ELSE = Drop("close", "door", "else")


def many_guards(count: int) -> dict[str, Any]:
    guards = {f"g{number}": bool for number in range(count)}
    found = (Go("close", "open", None, guard) for guard in guards)
    return {"rows": (*found, *ROWS), "guards": guards}


def instead(*found: Row) -> dict[str, Any]:
    """These rows for closing the open door, and the others."""
    return {**asks(), "rows": (*found, *REST)}


def forever() -> dict[str, Any]:
    row = Go("close", "closed", None, actions=Raise("close"))
    return {"rows": (ROWS[0], ROWS[1], row, ROWS[3])}


ANSWERS = (
    Case("too-large", "chart 'door'", "depend on less", many_guards(13), many_guards(12)),
    Case("endless", "the start", "an event", rows(Go(ALWAYS, "open", None))),
    Case("endless", "'close' in <closed>", "a condition that comes to fail", forever()),
    Case("unanswered", "'open' in <open>", "add a Go", {"rows": ROWS[:3]}),
    Case("partial", "row 0", "add a row without conditions", instead(FREE), instead(FREE, ELSE)),
    Case("partial", "when not free", "add a row", instead(FREE), instead(FREE, NOT_FREE)),
    Case(
        "unheard",
        "row 2",
        "write a Drop",
        {"rows": (AGAIN, ROWS[1], Refuse("close", "closed", "x"), ROWS[3])},
        {"rows": (AGAIN, *REST)},
    ),
    Case(
        "conflict",
        "row 1",
        "one row at a state around",
        both(Go("open", "l1", "out"), Go("open", "r1", "out")),
        both(Go("open", "pair", "out")),
    ),
)


def attic(*more: Row) -> dict[str, Any]:
    found = region(OPEN, CLOSED, State("attic", (State("box"),), "box"))
    return {**found, "rows": (*more, *ROWS, Drop(("open", "close"), "attic", "x"))}


def ticks(*more: Row) -> dict[str, Any]:
    return {
        "regions": (State("door", (OPEN, CLOSED), "open"), LAMP),
        "events": ("open", "close", "tick"),
        "rows": (*ROWS, Go("tick", "door", None, actions="ring"), *more),
    }


CONTRADICTION = Go(("close", "open"), "open", None, ("free", "!free"))

REACH = (
    Case(
        "unreachable",
        "state 'attic'",
        "add a Go to it",
        attic(),
        attic(Go(After(5), "open", "attic")),
    ),
    Case("dead-row", "rows before it answer: 0, 2", "remove the row", rows(ELSE)),
    Case(
        "dead-row",
        "(and for 'open')",
        "take 'open' or 'close', 'open' out of row 0",
        {**asks(), "rows": (CONTRADICTION, *asks()["rows"])},
        asks(),
    ),
    Case(
        "dead-row",
        "'open' is never active while 'in:closed' holds",
        "remove the row",
        instead(Go("close", "open", None, inside("closed")), FREE, NOT_FREE),
        instead(FREE, NOT_FREE),
    ),
    Case(
        "dead-row",
        "rows before it answer: 0, 1, 4",
        "remove the row",
        instead(FREE, NOT_FREE, ELSE),
        instead(FREE, NOT_FREE),
    ),
    Case(
        "dead-row",
        "others decide, as in <open | lit> row 4",
        "remove the row",
        ticks(Drop("tick", "lit", "nothing")),
        ticks(),
    ),
    Case(
        "dead-row",
        "conditions never hold in a step",
        "remove the row",
        rows(Go(ALWAYS, "open", "closed", inside("closed"))),
    ),
)


def ending(*more: Row, beside: tuple[State, ...] = ()) -> dict[str, Any]:
    """A door that ends closed."""
    found = region(OPEN, State("closed", final=True), *beside)
    return {**found, "rows": (ROWS[0], ROWS[3], *more)}


SHUT = Drop(("open", "close"), "closed", "shut")
JAM = (Go(After(5), "open", "jammed"), Drop(("open", "close"), "jammed", "stuck"))
ROUND = (
    Go(After(5), "open", "here"),
    Go("close", "here", "there"),
    Go("close", "there", "here"),
    Drop("open", ("here", "there"), "no"),
)


def part(name: str, *others: str) -> State:
    ends = State(f"{name}2", final=True)
    return State(name, (State(f"{name}1"), ends, *map(State, others)), f"{name}1")


def stuck(*more: Row) -> dict[str, Any]:
    """Two regions that end, unless the door is held open and the lamp has gone out."""
    return {
        "regions": (part("a", "a3"), part("b")),
        "events": ("open", "close"),
        "rows": (
            Go("open", "a1", "a2", inside("b1")),
            Go("open", "a3", "a2", inside("b1")),
            Go("close", "b1", "b2"),
            Go(After(5), "a1", "a3"),
            Go(After(5), "a3", "a1", inside("b1")),
            Drop("open", ("a", "b"), "no"),
            Drop("close", "b2", "no"),
            *more,
        ),
    }


ENDS = (
    Case(
        "final-exit",
        "final state 'closed'",
        "answer 'open' in 'closed' with a Refuse or Drop",
        ending(ROWS[2], Go("open", "door", "open")),
        ending(SHUT),
    ),
    Case(
        "final-exit",
        "final state 'closed'",
        "write the row at the states beside 'closed'",
        ending(SHUT, Go(After(5), "door", "open")),
        ending(SHUT, Go(After(5), "open", "open")),
    ),
    Case(
        "trap",
        "state 'jammed'",
        "add a Go out of it, or mark it final",
        ending(SHUT, *JAM, beside=(State("jammed"),)),
        ending(SHUT, *JAM, beside=(State("jammed", final=True),)),
    ),
    Case(
        "trap",
        "configuration(s) <a1 | b2> <a3 | b2>",
        "add a Go that leads on",
        stuck(),
        stuck(Go(After(9), "a3", "a2")),
    ),
    Case(
        "trap",
        "configuration(s) <here> <there>",
        "add a Go that leads on",
        ending(SHUT, *ROUND, beside=(State("here"), State("there"))),
        ending(
            SHUT, *ROUND, Go(After(9), "there", "closed"), beside=(State("here"), State("there"))
        ),
    ),
    Case(
        "never-taken",
        "event 'shout'",
        "write the row that takes it",
        rows(Refuse("shout", "door", "no"), events=("open", "close", "shout")),
        rows(Go("shout", "door", None), events=("open", "close", "shout")),
    ),
)

BEHAVIOUR = (*ANSWERS, *REACH, *ENDS)
