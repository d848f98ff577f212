"""The search on models that everybody knows: exact counts, and the shortest counterexamples."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, TypeVar

import pytest

from statechart import (
    Chart,
    Drop,
    Go,
    Refuse,
    Row,
    State,
    Turn,
    inside,
)
from statechart.explore import Environment, Node, PropertyError, explore

T = TypeVar("T", bound=Hashable)


def reachable(start: T, behind: Callable[[T], Iterable[T]]) -> dict[T, int]:
    """The oracle of the counts: breadth-first search over plain values, with their depth."""
    depth, queue = {start: 0}, deque([start])
    while queue:
        here = queue.popleft()
        for there in behind(here):
            if there not in depth:
                depth[there] = depth[here] + 1
                queue.append(there)
    return depth


def happened(steps: Iterable[Any]) -> list[object]:
    return [step.turn.event for step in steps][1:]


# -- two-phase commit ------------------------------------------------------------------------------

MANAGERS = 3


def two_phase(*, all_must_be_prepared: bool = True) -> Chart:
    """Gray and Lamport's transaction manager and resource managers; messages are the context."""
    everyone = ("prepared",) if all_must_be_prepared else ()
    rows: list[Row] = [
        Go("commit", "tm_init", "tm_committed", everyone, "tell_commit"),
        Go("abort", "tm_init", "tm_aborted", actions="tell_abort"),
        *(Drop(event, "tm", "no_effect") for event in ("commit", "abort", "hear")),
        Go("hear", "tm_init", None, "sent_prepared", "hear"),
    ]
    for n in range(MANAGERS):
        working, prepared, region = f"working{n}", f"prepared{n}", f"rm{n}"
        rows += [
            Go(f"prepare{n}", working, prepared, actions=f"prepare{n}"),
            Go(f"give_up{n}", working, f"aborted{n}"),
            Go(f"commit{n}", (working, prepared), f"committed{n}", "told_commit"),
            Go(f"abort{n}", (working, prepared), f"aborted{n}", "told_abort"),
            *(Drop(f"{each}{n}", region, "no") for each in ("prepare", "give_up")),
            *(Drop(f"{each}{n}", region, "no") for each in ("commit", "abort")),
        ]
    managers = (
        State(
            f"rm{n}",
            (
                State(f"working{n}"),
                State(f"prepared{n}"),
                State(f"committed{n}", final=True),
                State(f"aborted{n}", final=True),
            ),
            initial=f"working{n}",
        )
        for n in range(MANAGERS)
    )
    tm = State(
        "tm",
        (State("tm_init"), State("tm_committed", final=True), State("tm_aborted", final=True)),
        initial="tm_init",
    )
    verbs = ("prepare", "give_up", "commit", "abort")
    events = [f"{verb}{n}" for verb in verbs for n in range(MANAGERS)]
    guards = {
        "sent_prepared": lambda world, n: ("prepared", n) in world[1],
        "told_commit": lambda world, _: "commit" in world[1],
        "told_abort": lambda world, _: "abort" in world[1],
    }
    if all_must_be_prepared:
        guards["prepared"] = lambda world, _: len(world[0]) == MANAGERS
    return Chart(
        name="two-phase commit",
        regions=(tm, *managers),
        events=("commit", "abort", "hear", *events),
        rows=tuple(rows),
        guards=guards,
    )


def send_messages(world: tuple[Any, Any], turn: Turn) -> tuple[Any, Any]:
    heard, messages = world
    for action in turn.outcome.actions:
        if action == "hear":
            heard |= {turn.data}
        elif action.startswith("tell_"):
            messages |= {action.removeprefix("tell_")}
        else:
            messages |= {("prepared", int(action[-1]))}
    return heard, messages


def network() -> Environment:
    verbs = ("prepare", "give_up", "commit", "abort")
    return Environment(
        context=(frozenset(), frozenset()),
        events=(
            "commit",
            "abort",
            *(("hear", n) for n in range(MANAGERS)),
            *(f"{verb}{n}" for verb in verbs for n in range(MANAGERS)),
        ),
        perform=send_messages,
    )


def consistent(node: Node) -> bool:
    names = " ".join(node.configuration.atomic[1:])
    return not ("committed" in names and "aborted" in names)


def two_phase_by_hand(state: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    tm, heard, messages, managers = state
    if tm == "init":
        yield "aborted", heard, messages | {"abort"}, managers
        if len(heard) == MANAGERS:
            yield "committed", heard, messages | {"commit"}, managers
        for n in range(MANAGERS):
            if n in messages:
                yield tm, heard | {n}, messages, managers
    for n, manager in enumerate(managers):
        if manager in "WP":
            for letter, message in (("C", "commit"), ("A", "abort")):
                if message in messages or (letter, manager) == ("A", "W"):
                    yield tm, heard, messages, (*managers[:n], letter, *managers[n + 1 :])
        if manager == "W":
            yield tm, heard, messages | {n}, (*managers[:n], "P", *managers[n + 1 :])


def test_two_phase_commit_has_the_known_number_of_states() -> None:
    found = explore(
        two_phase(),
        environment=network(),
        always={"consistent": consistent},
        sometimes={
            "all commit": lambda node: all(f"committed{n}" in node for n in range(MANAGERS)),
            "all abort": lambda node: all(f"aborted{n}" in node for n in range(MANAGERS)),
        },
        steps={
            "decisions last": lambda before, _, after: (
                "tm_init" in before
                or before.configuration.atomic[0] == after.configuration.atomic[0]
            )
        },
        ends=True,
    )
    found.assert_ok()
    start: tuple[Any, ...] = ("init", frozenset(), frozenset(), ("W",) * MANAGERS)
    by_hand = reachable(start, two_phase_by_hand)
    assert (found.states, found.depth) == (len(by_hand), max(by_hand.values())) == (288, 10)
    assert found.transitions == 288 * 17
    # Nobody is told to commit who did not prepare: the row is there, and is never taken.
    assert {(edge.trigger, edge.source) for edge in found.untaken} == {
        (f"commit{n}", f"working{n}") for n in range(MANAGERS)
    }
    assert found.deadlocks == ()


def test_a_commit_that_does_not_wait_is_found_by_the_shortest_trace() -> None:
    found = explore(
        two_phase(all_must_be_prepared=False),
        environment=network(),
        always={"consistent": consistent},
    )
    wrong = found.violations["consistent"]
    assert happened(wrong.steps) == ["commit", "give_up0", "commit1"]
    with pytest.raises(PropertyError) as caught:
        found.assert_ok()
    assert isinstance(caught.value, AssertionError)
    assert "'consistent' violated>\nalways 'consistent', but not here:\n  0. start ->" in str(
        caught.value
    )
    assert "  3. commit1 [told_commit] -> <tm_committed | aborted0 | committed1 | working2>" in str(
        caught.value
    )


# -- the ferry -------------------------------------------------------------------------------------

PASSENGERS = ("wolf", "goat", "cabbage")
SHORE = {"near": "far", "far": "near"}


def ferry() -> Chart:
    """The farmer alone knows whom he can take: where he refuses, nobody moves."""
    rows: list[Row] = []
    for here, there in SHORE.items():
        rows.append(Go("alone", f"farmer_{here}", f"farmer_{there}"))
        for who in PASSENGERS:
            rows += [
                Go(who, f"farmer_{here}", f"farmer_{there}", inside(f"{who}_{here}")),
                Go(who, f"{who}_{here}", f"{who}_{there}"),
            ]
    rows += [Refuse(who, "farmer", "other_shore") for who in PASSENGERS]
    return Chart(
        name="ferry",
        regions=tuple(
            State(who, (State(f"{who}_near"), State(f"{who}_far")), initial=f"{who}_near")
            for who in ("farmer", *PASSENGERS)
        ),
        events=("alone", *PASSENGERS),
        rows=tuple(rows),
    )


def eaten(sides: dict[str, str]) -> bool:
    alone = sides["goat"] != sides["farmer"]
    return alone and sides["goat"] in {sides["wolf"], sides["cabbage"]}


def sides(node: Node) -> dict[str, str]:
    return dict(name.split("_") for name in node.configuration.atomic)


def ferry_by_hand(shores: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if eaten(dict(zip(("farmer", *PASSENGERS), shores, strict=True))):
        return
    for who in range(4):
        if shores[who] == shores[0]:
            yield tuple(SHORE[shore] if n in {0, who} else shore for n, shore in enumerate(shores))


def test_the_ferry_puzzle_is_solved_by_its_counterexample() -> None:
    found = explore(
        ferry(),
        environment=Environment(
            events=lambda node: () if eaten(sides(node)) else ("alone", *PASSENGERS)
        ),
        always={"not all across": lambda node: "near" in sides(node).values()},
    )
    start: tuple[str, ...] = ("near",) * 4
    by_hand = reachable(start, ferry_by_hand)
    assert (found.states, found.depth) == (len(by_hand), max(by_hand.values()))
    solution = found.violations["not all across"].steps
    assert happened(solution) == ["goat", "alone", "wolf", "goat", "cabbage", "alone", "goat"]
    assert not any(eaten(sides(step.node)) for step in solution)
    assert all(eaten(sides(node)) for node in found.deadlocks)
    assert len(found.deadlocks) == found.states - 10


# -- the philosophers ------------------------------------------------------------------------------


def philosophers(seats: int) -> Chart:
    """Each takes the left fork and then the right one; who waits holds the left one."""
    rows: list[Row] = []
    for n in range(seats):
        left, right = (n - 1) % seats, (n + 1) % seats
        rows += [
            Go(f"left{n}", f"thinks{n}", f"waits{n}", f"!in:eats{left}"),
            Go(f"right{n}", f"waits{n}", f"eats{n}", inside(f"thinks{right}")),
            Go(f"rest{n}", f"eats{n}", f"thinks{n}"),
            *(Refuse(f"{verb}{n}", f"seat{n}", "no") for verb in ("left", "right", "rest")),
        ]
    return Chart(
        name="philosophers",
        regions=tuple(
            State(
                f"seat{n}",
                (State(f"thinks{n}"), State(f"waits{n}"), State(f"eats{n}")),
                initial=f"thinks{n}",
            )
            for n in range(seats)
        ),
        events=tuple(f"{verb}{n}" for n in range(seats) for verb in ("left", "right", "rest")),
        rows=tuple(rows),
    )


@pytest.mark.parametrize(("seats", "states"), [(3, 14), (4, 34), (5, 82)])
def test_the_philosophers_starve_by_the_shortest_way(seats: int, states: int) -> None:
    """Companion Pell numbers: in a circle, nobody waits beside a left neighbour who eats."""
    found = explore(
        philosophers(seats),
        possible={"somebody eats": lambda node: "eats" in repr(node)},
    )
    assert (found.states, found.depth) == (states, seats)
    assert found.transitions == states * 3 * seats
    assert [str(node) for node in found.deadlocks] == [
        f"<{' | '.join(f'waits{n}' for n in range(seats))}>"
    ]
    starving = found.violations["somebody eats"]
    assert happened(starving.steps) == [f"left{n}" for n in range(seats)]
    assert starving.node == found.deadlocks[0]
    assert starving.claim == "always possible 'somebody eats'"
