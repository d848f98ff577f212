"""The search against `Machine`, which it follows: postponed events and timers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statechart import (
    After,
    At,
    Chart,
    Defer,
    Drop,
    Go,
    Machine,
    Postponed,
    Quiet,
    Row,
    Start,
    State,
    Stop,
    Turn,
)
from statechart.explore import Environment, Node, Trace, explore
from statechart.explore.environment import Cause
from statechart.explore.moves import Moves
from tests.statechart.check_cases import lenient

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


@dataclass(frozen=True)
class Pay:
    coins: int


# -- postponed events and timers, with the machine as oracle ---------------------------------------


def desk() -> Chart:
    """Everything that outlives a step: postponed events, state timers, started timers."""
    return Chart(
        name="desk",
        regions=(
            State(
                "desk",
                (
                    State("free"),
                    State("busy", (State("first"), State("second")), initial="first"),
                    State("tired"),
                ),
                initial="free",
            ),
            State("bell", (State("silent"), State("rings")), initial="silent"),
        ),
        events=("work", "rest", "ring", "calm", "wake"),
        rows=(
            Go("work", "free", "busy", actions=("count", Start("ring", 0))),
            Go("rest", "free", "tired", "odd", (Start("wake", "nap"), Start("calm", 300))),
            Defer(("work", "rest"), "busy"),
            Go(After(100), "first", "second", actions=Start("calm", 50)),
            Go(After("long"), "busy", "tired", actions=(Start("wake", "nap"), Stop("calm"))),
            Go(After(250), "second", "free", "odd"),
            Go(Quiet(120), "tired", "free", actions="count"),
            Go("wake", "tired", "free"),
            Go(At("noon"), "free", "tired"),
            Go("ring", "silent", "rings"),
            Go("calm", "rings", "silent", actions="count"),
            Drop(("work", "rest", "wake"), "desk", "no"),
            Drop(("ring", "calm"), "bell", "no"),
        ),
        guards={"odd": lambda count, _: count % 2 == 1},
        times={"long": 200, "nap": lambda count, _: 80 + 40 * count, "noon": lambda *_: 700},
    )


def count(counted: int, turn: Turn) -> int:
    return (counted + turn.outcome.actions.count("count")) % 3


def at_the_desk(**more: Any) -> Environment:
    return Environment(context=0, perform=count, keep=2, **more)


def seen(nodes: Iterable[Node]) -> set[object]:
    return {
        (
            node.configuration,
            node.postponed,
            frozenset((timer.name, timer.event) for timer in node.armed),
            node.context,
        )
        for node in nodes
    }


DESK = desk()
ORDERED = explore(DESK, environment=at_the_desk())
UNORDERED = explore(DESK, environment=at_the_desk(ordered=False))


def test_the_desk_has_exact_counts() -> None:
    assert ORDERED.complete
    assert (ORDERED.states, ORDERED.transitions, ORDERED.depth) == (410, 2750, 13)
    assert seen(ORDERED.nodes) < seen(UNORDERED.nodes)


pauses = st.integers(0, 12).map(lambda n: n * 25)
calls = st.one_of(
    st.tuples(st.sampled_from(("work", "rest", "ring", "calm", "wake")), pauses),
    st.tuples(st.none(), pauses),
)


@settings(max_examples=400, derandomize=True, deadline=None)
@given(st.lists(calls, max_size=12))
def test_whatever_a_machine_does_was_found(happens: list[tuple[str | None, int]]) -> None:
    """Every rest of a real machine with a clock is a node, and its turns lead there."""
    progress = Machine.start(DESK, 0, perform=count, keep=2)
    nodes = seen(ORDERED.nodes)
    for event, pause in happens:
        machine = progress.machine
        now = machine.clock + pause
        if event is None:
            progress = machine.advance(now, progress.context, perform=count)
        else:
            progress = machine.send(event, progress.context, now=now, perform=count)
        timers = frozenset((timer.name, timer.event) for timer in progress.machine.timers)
        assert (
            progress.machine.configuration,
            progress.machine.postponed,
            timers,
            progress.context,
        ) in nodes


def post_office() -> Chart:
    """No timers, so that the machine itself can be searched: the numbers must be the same.

    What is postponed can be taken behind another that was, and is not tried again when only the
    context has changed.
    """
    return Chart(
        name="post office",
        regions=(
            State(
                "office",
                (State("shut"), State("open"), State("full")),
                initial="shut",
            ),
        ),
        events=("letter", "parcel", "open_up", "empty", Pay),
        rows=(
            Go("open_up", "shut", "open"),
            Go("letter", "open", "full", "many", "take"),
            Go("letter", "open", None, actions="take"),
            Go("parcel", "open", "shut", actions="take"),
            Go("empty", "full", "open"),
            Go("parcel", "full", "open"),
            Go(Pay, "open", "full", "much"),
            Defer(("letter", "parcel", Pay), "shut"),
            Defer(("letter", Pay), "full"),
            Defer(Pay, "open"),
            Drop(("open_up", "empty"), "office", "no"),
        ),
        guards={
            "many": lambda taken, _: taken == 1,
            "much": lambda taken, pay: pay.coins > taken,
        },
    )


def take(taken: int, turn: Turn) -> int:
    return (taken + len(turn.outcome.actions)) % 3


Place: TypeAlias = tuple[Machine, int]


def place(machine: Machine, taken: int) -> Node:
    return Node(machine.configuration, machine.postponed, (), taken)


@pytest.mark.parametrize("keep", [0, 1, 2, 3])
def test_without_timers_a_search_of_machines_finds_the_same(keep: int) -> None:
    chart = post_office()
    events = ("letter", "parcel", "open_up", "empty", Pay(1), Pay(2))
    world = Environment(context=0, events=events, perform=take, keep=keep)

    def behind(here: Place) -> Iterator[Place]:
        machine, taken = here
        for event in events:
            progress = machine.send(event, taken, perform=take)
            yield progress.machine, progress.context

    oracle = reachable((Machine.start(chart, keep=keep).machine, 0), behind)
    found = explore(chart, environment=world)
    assert set(found.nodes) == {place(*here) for here in oracle}
    assert (found.states, found.depth) == (len(oracle), max(oracle.values()))
    assert found.transitions == found.states * len(events)
    for here in oracle:
        moves = Moves(chart, world).behind(place(*here))
        assert [move[-1].node for move in moves] == [place(*there) for there in behind(here)]


def told(chart: Chart, node: Node, environment: Environment) -> list[list[str]]:
    """Return each move behind a node, as people read it."""
    found = Moves(chart, environment).behind(node)
    return [
        [line.split(". ", 1)[1] for line in str(Trace(chart=chart, steps=move)).splitlines()]
        for move in found
    ]


def test_free_guards_decide_each_retry_anew() -> None:
    chart = post_office()
    letters = (Postponed("letter"), Postponed("letter"))
    node = Node(chart.compile().initial, letters)
    world = Environment(events=("open_up", "letter"), free=("many", "much"), keep=2)
    opened = "open_up -> <open>; postponed letter, letter"
    assert told(chart, node, world) == [
        [opened, "letter (postponed) [many] / take -> <full>; postponed letter"],
        [
            opened,
            "letter (postponed) [!many] / take -> <open>; postponed letter",
            "letter (postponed) [many] / take -> <full>",
        ],
        [
            opened,
            "letter (postponed) [!many] / take -> <open>; postponed letter",
            "letter (postponed) [!many] / take -> <open>",
        ],
        ["letter is refused (too_many_postponed) in <shut>; postponed letter, letter"],
    ]


def test_a_step_claim_sees_the_turns_of_postponed_events() -> None:
    """Also where the chart never rests: in the middle of a move, open with a parcel waiting."""
    found = explore(
        post_office(),
        environment=Environment(context=0, events=("parcel", "open_up"), perform=take, keep=1),
        always={"nothing waits at an open door": lambda n: "open" not in n or not n.postponed},
        steps={
            "not opened for it": lambda _, __, after: "open" not in after or not after.postponed,
            "not taken late": lambda before, turn, _: turn.event != "parcel" or "shut" in before,
        },
    )
    assert {name: causes(each) for name, each in found.violations.items()} == {
        "not opened for it": [(Cause.EVENT, "parcel"), (Cause.EVENT, "open_up")],
        "not taken late": [
            (Cause.EVENT, "parcel"),
            (Cause.EVENT, "open_up"),
            (Cause.POSTPONED, "parcel"),
        ],
    }


def causes(way: Trace) -> list[tuple[Cause, object]]:
    return [(step.cause, step.turn.event) for step in way.steps[1:]]


# -- timers ----------------------------------------------------------------------------------------


def timed(*rows: Row, **more: Any) -> Chart:
    """A state with timers, from which each leads to a state of its own."""
    return Chart(
        name="timed",
        regions=(
            State(
                "timed",
                (State("idle"), State("wait"), *(State(name) for name in more.pop("ends"))),
                initial="idle",
            ),
        ),
        events=("go", "leave", *more.pop("timers", ())),
        rows=(Go("go", "idle", "wait"), *rows, Drop(("go", "leave"), "timed", "no")),
        **more,
    )


def reached(chart: Chart, **more: Any) -> set[str]:
    found = explore(chart, environment=Environment(**more))
    return {leaf for node in found.nodes for leaf in node.configuration.atomic}


@pytest.mark.parametrize("later", [100, 200])
def test_constant_delays_fire_in_their_order(later: int) -> None:
    chart = timed(
        Go(After(100), "wait", "early"),
        Go(After("later"), "wait", "late"),
        Go("leave", "early", "idle"),
        Go("leave", "late", "idle"),
        ends=("early", "late"),
        times={"later": later},
    )
    assert reached(chart) == {"idle", "wait", "early"}
    assert reached(chart, ordered=False) == {"idle", "wait", "early", "late"}


def test_a_delay_that_is_worked_out_may_be_shorter() -> None:
    chart = timed(
        Go(After(100), "wait", "early"),
        Go(After("later"), "wait", "late"),
        Go("leave", "early", "idle"),
        Go("leave", "late", "idle"),
        ends=("early", "late"),
        times={"later": lambda *_: 200},
    )
    assert reached(chart) == {"idle", "wait", "early", "late"}


def test_nothing_comes_from_outside_before_a_timer_without_delay() -> None:
    chart = timed(
        Go(After(0), "wait", "over"),
        Go("leave", "wait", "left"),
        Go("leave", "over", "idle"),
        Go("leave", "left", "idle"),
        ends=("over", "left"),
    )
    assert reached(chart) == {"idle", "wait", "over"}
    assert reached(chart, ordered=False) == {"idle", "wait", "over", "left"}


def test_a_timer_is_told_as_such_and_stops() -> None:
    chart = timed(
        Go("leave", "wait", "over", actions=(Start("ring", 10), Start("rang", 20, "ring"))),
        Go("ring", "over", "idle", actions=Stop("rang")),
        Drop("ring", "timed", "no"),
        ends=("over",),
        timers=("ring",),
    )
    found = explore(chart, environment=Environment(events=("go", "leave")))
    assert (found.states, found.transitions) == (3, 7)
    over = found.nodes[2]
    assert over.timers == {"ring", "rang"}
    assert [(timer.name, timer.behind) for timer in over.armed] == [
        ("rang", ("ring",)),
        ("ring", ()),
    ]
    looped = explore(
        chart,
        environment=Environment(events=("go", "leave")),
        steps={"never rings": lambda _, turn, __: turn.event != "ring"},
    )
    assert str(looped.violations["never rings"]).splitlines()[1:] == [
        "  0. start -> <idle>",
        "  1. go -> <wait>",
        "  2. leave -> <over>; timers rang, ring",
        "  3. ring (timer) -> <idle>",
    ]
    assert "    chart->>chart: ring\n" in looped.violations["never rings"].sequence()


@pytest.mark.parametrize("listed", [1, -1], ids=["longer first", "shorter first"])
def test_of_timers_that_begin_together_the_shorter_fires_whatever_is_listed_first(
    listed: int,
) -> None:
    """As in a machine: the state is left after 500 ms, so nothing ever waits for 1,000."""
    timeouts = (Go(After(1_000), "wait", "over"), Go(After(500), "wait", "poll"))
    chart = lenient(
        name="poll",
        regions=(State("all", (State("wait"), State("poll"), State("over")), "wait"),),
        events=("again",),
        rows=(
            *timeouts[::listed],
            Go("again", "poll", "wait"),
            Drop("again", ("wait", "over"), "no"),
        ),
    )
    assert {c.atomic for c in explore(chart).configurations} == {("wait",), ("poll",)}
