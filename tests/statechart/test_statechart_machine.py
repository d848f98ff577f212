"""A machine: postponed events, the four kinds of timeouts, and one order for everything."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statechart import (
    After,
    Answer,
    At,
    Chart,
    Defer,
    Drop,
    Go,
    History,
    Machine,
    Progress,
    Quiet,
    Refuse,
    Start,
    State,
    Stop,
    Turn,
    UnknownEvent,
)
from statechart.examples import MINUTE, ORDER, TRAFFIC_LIGHT, Pay
from statechart.machine import MAX_TURNS


def trace(progress: Progress) -> list[tuple[int, object, tuple[str, ...]]]:
    return [(turn.at, turn.event, turn.outcome.configuration.atomic) for turn in progress.turns]


def machine(chart: Chart, *events: object, **kwargs: Any) -> Machine:
    found = Machine.start(chart, **kwargs).machine
    for event in events:
        found = found.send(event).machine
    return found


# -- state timeouts --------------------------------------------------------------------------------


def test_a_state_timeout_counts_from_the_entry() -> None:
    light = Machine.start(TRAFFIC_LIGHT, now=1_000).machine
    assert light.due == 31_000
    assert light.advance(30_999).turns == ()
    progress = light.advance(31_000)
    assert trace(progress) == [(31_000, "after.30000.red", ("green",))]
    assert progress.actions == ("let_go",)
    assert progress.machine.due == 51_000


def test_a_late_wake_up_fires_everything_as_if_on_time() -> None:
    progress = Machine.start(TRAFFIC_LIGHT).machine.advance(100_000)
    assert [(at, atomic) for at, _, atomic in trace(progress)] == [
        (30_000, ("green",)),
        (50_000, ("red",)),
        (80_000, ("green",)),
        (100_000, ("red",)),
    ]


def test_a_timer_of_a_state_that_was_left_never_fires() -> None:
    light = Machine.start(TRAFFIC_LIGHT).machine.send("fail", now=29_999).machine
    assert light.timers == ()
    assert light.advance(1_000_000).turns == ()


def test_timers_fire_before_a_later_event() -> None:
    progress = Machine.start(TRAFFIC_LIGHT).machine.send("fail", now=40_000)
    assert trace(progress) == [
        (30_000, "after.30000.red", ("green",)),
        (40_000, "fail", ("dark",)),
    ]
    assert progress.outcome is progress.turns[1].outcome


@given(st.lists(st.integers(1, 200_000), max_size=20))
@settings(derandomize=True, deadline=None, max_examples=50)
def test_how_often_it_is_woken_makes_no_difference(pauses: list[int]) -> None:
    light = Machine.start(TRAFFIC_LIGHT).machine
    turns: list[Turn] = []
    for pause in pauses:
        progress = light.advance(light.clock + pause)
        light = progress.machine
        turns += progress.turns
    at_once = Machine.start(TRAFFIC_LIGHT).machine.advance(sum(pauses))
    assert tuple(turns) == at_once.turns
    assert light == at_once.machine


# -- event, absolute and named timeouts ------------------------------------------------------------


def test_an_event_timeout_begins_anew_with_each_event() -> None:
    order = Machine.start(ORDER).machine
    assert order.due == 30 * MINUTE
    order = order.send("add", now=20 * MINUTE).machine
    assert order.due == 50 * MINUTE
    refused = order.send("pack", now=40 * MINUTE)
    assert refused.outcome.answer is Answer.REFUSE
    assert refused.machine.due == 70 * MINUTE
    assert refused.machine.advance(70 * MINUTE).machine.configuration.final


def test_a_state_timeout_does_not_begin_anew_with_an_internal_transition() -> None:
    chart = Chart(
        name="oven",
        regions=(State("oven", (State("hot"), State("off", final=True)), initial="hot"),),
        events=("look",),
        rows=(
            Go(After(100), "hot", "off"),
            Go("look", "hot", None),
            Drop("look", "off", "nothing"),
        ),
    )
    assert Machine.start(chart).machine.send("look", now=99).machine.due == 100


def calendar(**times: Any) -> Chart:
    return Chart(
        name="calendar",
        regions=(State("calendar", (State("waiting"), State("held", final=True)), "waiting"),),
        events=("ask",),
        rows=(
            Go(At("begins"), "waiting", "held"),
            Go("ask", "waiting", "waiting"),
            Drop("ask", "held", "over"),
        ),
        times=times,
    )


def test_an_absolute_timeout_is_an_instant() -> None:
    meeting = Machine.start(calendar(begins=5_000), now=4_000).machine
    assert meeting.send("ask", now=4_900).machine.due == 5_000
    assert meeting.advance(5_000).machine.configuration.final


def test_an_absolute_timeout_in_the_past_fires_at_once() -> None:
    started = Machine.start(calendar(begins=5_000), now=6_000)
    assert trace(started) == [
        (6_000, None, ("waiting",)),
        (6_000, "at.begins.waiting", ("held",)),
    ]


def test_times_may_depend_on_context_and_data() -> None:
    chart = calendar(begins=lambda context, data: context["day"] + (data or 0))
    meeting = Machine.start(chart, {"day": 100}).machine
    assert meeting.due == 100
    assert meeting.send("ask", {"day": 200}, 7).machine.due == 207


BOMB = Chart(
    name="bomb",
    regions=(
        State(
            "bomb",
            (
                State("cold"),
                State("lit", (State("one"), State("two")), "one"),
                State("gone", final=True),
            ),
            initial="cold",
        ),
    ),
    events=("light", "poke", "cut", "bang"),
    rows=(
        Go("light", "cold", "lit", actions=Start("fuse", 100, "bang")),
        Refuse("light", ("lit", "gone"), "lit_already"),
        Go("poke", "one", "two"),
        Go("poke", "two", "one", actions=Start("fuse", 10, "bang")),
        Refuse("poke", ("cold", "gone"), "nothing_to_poke"),
        Go("cut", "lit", "cold", actions=Stop("fuse")),
        Drop("cut", ("cold", "gone"), "cut_already"),
        Go("bang", "bomb", "gone"),
        Drop("bang", "gone", "gone"),
    ),
)


def test_a_named_timer_outlives_states_until_it_is_stopped() -> None:
    lit = machine(BOMB, "light", "poke")
    assert lit.due == 100
    assert lit.advance(100).machine.configuration.final
    assert lit.send("cut", now=99).machine.timers == ()


def test_starting_a_named_timer_again_replaces_it() -> None:
    lit = machine(BOMB, "light", "poke").send("poke", now=5).machine
    assert [(timer.name, timer.event, timer.due) for timer in lit.timers] == [("fuse", "bang", 15)]


# -- postponed events ------------------------------------------------------------------------------


def paid(*events: object) -> Machine:
    return machine(ORDER, "check_out", *events, context=100)


def test_postponed_events_come_again_when_the_state_has_changed() -> None:
    order = paid("bill", "pack")
    assert [str(each.event) for each in order.postponed] == ["bill", "pack"]
    order = order.send("address").machine  # a change of state, still too early
    progress = order.send(Pay(100), 100)
    assert progress.machine.configuration.atomic == ("sent",)
    assert progress.actions == ("charge", "thank")
    assert progress.machine.postponed == ()
    assert [turn.event for turn in progress.turns] == [Pay(100), "bill", "pack"]


def test_a_postponed_event_keeps_its_data() -> None:
    heard = []

    def perform(context: object, turn: Turn) -> object:
        heard.append((turn.event, turn.data))
        return context

    order = paid("address").send("bill", data="invoice 7").machine
    order.send(Pay(100), 100, perform=perform)
    assert ("bill", "invoice 7") in heard


def test_without_a_change_of_state_nothing_is_tried_again() -> None:
    order = paid("address", "pack")
    progress = order.send(Pay(1), 100)
    assert progress.outcome.reason == "too_little"
    assert len(progress.turns) == 1
    assert len(progress.machine.postponed) == 1


def test_one_postponed_event_too_many_is_refused() -> None:
    order = machine(ORDER, "check_out", "bill", keep=1)
    outcome = order.send("pack").outcome
    assert (outcome.answer, outcome.reason) == (Answer.REFUSE, "too_many_postponed")
    assert len(order.send("pack").machine.postponed) == 1


def steps(*rows: Any) -> Chart:
    states = tuple(State(name) for name in "abcd")
    return Chart(
        name="steps",
        regions=(State("all", states, "a"),),
        events=("x", "y", "z", "go"),
        rows=rows,
    )


def test_a_change_during_a_retry_begins_with_the_oldest_again() -> None:
    """As gen_statem does: x is still too early in b, y moves on to c, then x is tried again."""
    chart = steps(
        Defer(("x", "y"), "a"),
        Go("go", "a", "b"),
        Defer("x", "b"),
        Go("y", "b", "c"),
        Go("x", "c", "d"),
        Go("z", "all", "a"),
        Drop(("x", "y", "go"), "all", "other"),
    )
    progress = machine(chart, "x", "y").send("go")
    assert [turn.event for turn in progress.turns] == ["go", "y", "x"]
    assert progress.machine.configuration.atomic == ("d",)


# -- order and errors ------------------------------------------------------------------------------


def test_perform_sees_each_turn_before_the_next_and_changes_the_context() -> None:
    def perform(context: tuple[object, ...], turn: Turn) -> tuple[object, ...]:
        return (*context, *turn.outcome.actions)

    started = Machine.start(ORDER, (), perform=perform)
    progress = started.machine.send("cancel", started.context, perform=perform)
    assert progress.context == ("freeze_prices", "release_goods")
    with pytest.raises(LookupError, match="nothing was sent"):
        _ = progress.machine.advance(1).outcome


def test_a_machine_is_a_value() -> None:
    order = Machine.start(ORDER).machine
    order.send("check_out")
    assert order.configuration.atomic == ("cart",)
    assert repr(order) == "<Machine 'order' in <cart> at 0 ms>"
    assert repr(paid("pack")).endswith("1 postponed>")


def test_a_machine_is_stored_as_its_fields() -> None:
    order = paid("address", "pack").send("pause", now=7).machine
    stored = (order.configuration.atomic, order.configuration.history)
    again = Machine(
        ORDER,
        ORDER.compile().configuration(*stored),
        order.postponed,
        order.timers,
        order.clock,
    )
    assert again == order
    assert again.send("resume", 100).machine.configuration.atomic == ("payment",)


def test_time_only_goes_on() -> None:
    light = Machine.start(TRAFFIC_LIGHT, now=10).machine
    with pytest.raises(ValueError, match="now=9 is before the latest turn at 10"):
        light.advance(9)
    with pytest.raises(ValueError, match="now=9"):
        light.send("fail", now=9)


def test_an_unknown_event_leaves_the_machine_as_it_was() -> None:
    light = Machine.start(TRAFFIC_LIGHT).machine
    with pytest.raises(UnknownEvent, match="did you mean 'fail'"):
        light.send("fial", now=30_000)
    assert light.clock == 0


def test_timers_without_delay_that_never_end_are_an_error() -> None:
    chart = Chart(
        name="spin",
        regions=(State("spin", (State("a"), State("b")), "a"),),
        events=("go",),
        rows=(Go("go", "spin", None), Go(After(0), "a", "b"), Go(After(0), "b", "a")),
    )
    with pytest.raises(RuntimeError, match="does not come to rest"):
        Machine.start(chart)


def test_timers_of_no_delay_follow_the_event_that_started_them() -> None:
    chart = steps(
        Go("go", "a", "b", actions=(Start("z", 0), Start("y", 0))),
        Go("z", "b", "c"),
        Go("y", "c", "d"),
        Go(("x", "y", "z", "go"), "d", "a"),
        Drop(("x", "y", "z", "go"), "all", "other"),
    )
    assert [turn.event for turn in machine(chart).send("go").turns] == ["go", "z", "y"]


def test_quiet_may_be_a_named_time_of_the_context() -> None:
    chart = Chart(
        name="screen",
        regions=(State("screen", (State("bright"), State("dark")), "bright"),),
        events=("key",),
        rows=(
            Go("key", "dark", "bright"),
            Drop("key", "bright", "bright"),
            Go(Quiet("patience"), "bright", "dark"),
        ),
        times={"patience": lambda context, _: context},
    )
    bright = Machine.start(chart, 5).machine
    assert bright.due == 5
    assert bright.send("key", 50, now=4).machine.due == 54


def test_a_machine_may_sleep_for_long() -> None:
    awake = Machine.start(TRAFFIC_LIGHT).machine.advance(4 * 24 * 60 * MINUTE)
    assert len(awake.turns) > MAX_TURNS
    assert awake.machine.clock == 4 * 24 * 60 * MINUTE


def test_an_unknown_event_does_nothing_twice() -> None:
    done: list[str] = []

    def perform(context: object, turn: Turn) -> object:
        done.extend(turn.outcome.actions)
        return context

    light = Machine.start(TRAFFIC_LIGHT).machine
    with pytest.raises(UnknownEvent):
        light.send("fial", now=40_000, perform=perform)
    assert done == []


def test_a_timeout_comes_from_the_clock_only() -> None:
    with pytest.raises(UnknownEvent, match="which only time brings: use advance"):
        Machine.start(TRAFFIC_LIGHT).machine.send("after.30000.red")


def test_a_delay_sees_what_perform_made_of_the_context() -> None:
    chart = Chart(
        name="retry",
        regions=(State("retry", (State("trying"), State("waiting")), "trying"),),
        events=("failed",),
        rows=(
            Go("failed", "trying", "waiting", actions="count"),
            Drop("failed", "waiting", "late"),
            Go(After("backoff"), "waiting", "trying"),
        ),
        times={"backoff": lambda failures, _: 100 * failures},
    )

    def perform(failures: int, turn: Turn) -> int:
        return failures + turn.outcome.actions.count("count")

    assert Machine.start(chart, 0).machine.send("failed", 0, perform=perform).machine.due == 100


@pytest.mark.parametrize(
    ("found", "error", "message"),
    [
        (None, TypeError, "gave None; expected whole milliseconds"),
        (1.5, TypeError, r"gave 1\.5; expected"),
        (True, TypeError, "gave True; expected"),
        (-10, ValueError, "gave -10; a delay is not negative"),
    ],
)
def test_a_time_that_is_none(found: Any, error: type[Exception], message: str) -> None:
    chart = Chart(
        name="oven",
        regions=(State("oven", (State("hot"), State("off")), initial="hot"),),
        events=("light",),
        rows=(
            Go(After("long"), "hot", "off"),
            Go("light", "off", "hot"),
            Drop("light", "hot", "lit"),
        ),
        times={"long": lambda *_: found},
    )
    with pytest.raises(error, match=message):
        Machine.start(chart)


def test_time_is_in_whole_milliseconds() -> None:
    with pytest.raises(TypeError, match=r"now=0\.5 is not an int"):
        Machine.start(TRAFFIC_LIGHT).machine.advance(0.5)  # type: ignore[arg-type] # a user may


def test_what_a_postponed_event_raises_says_so() -> None:
    def guard(context: object, data: object) -> bool:
        raise ValueError("no")

    chart = Chart(
        name="trap",
        regions=(State("trap", (State("a"), State("b")), "a"),),
        events=("x", "go"),
        rows=(
            Defer("x", "a"),
            Go("go", "a", "b"),
            Go("x", "b", "a", "guard"),
            Drop(("x", "go"), "b", "no"),
        ),
        guards={"guard": guard},
    )
    with pytest.raises(ValueError, match="no") as caught:
        machine(chart, "x").send("go")
    assert caught.value.__notes__ == ["while the postponed event 'x' was tried again"]


def test_a_memory_that_changes_is_no_change_of_state() -> None:
    inside = (History("h", "one"), State("one"), State("two"))
    chart = Chart(
        name="work",
        regions=(State("all", (State("work", inside, "one"), State("rest")), "work"),),
        events=("again", "later", "leave", "back", "on"),
        rows=(
            Defer("later", "work"),
            Go("again", "work", "work"),
            Go("on", "one", "two"),
            Go("leave", "work", "rest"),
            Go("back", "rest", "h"),
            Drop(("again", "later", "leave", "back", "on"), "all", "no"),
        ),
    )
    first = machine(chart, "later").send("again")
    assert first.machine.configuration.history
    assert [turn.event for turn in first.turns] == ["again"]


def test_a_machine_is_copied() -> None:
    order = paid("pack")
    assert copy.deepcopy(order) == order
