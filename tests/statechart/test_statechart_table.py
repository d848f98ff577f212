"""What a table has beyond answers: starts, timers, memories, typed events, steps with a tail."""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass
from enum import StrEnum

import pytest

from statechart import (
    ALWAYS,
    After,
    Answer,
    At,
    Chart,
    ChartError,
    Defer,
    Drop,
    Go,
    Guard,
    History,
    Quiet,
    Raise,
    Refuse,
    Row,
    Start,
    State,
    Stop,
    Table,
    UnknownConfiguration,
    UnknownEvent,
    compiler,
    done,
    inside,
)
from statechart.examples import ORDER, Pay
from tests.statechart.check_cases import lenient

AB = State("all", (State("a"), State("b")), "a")


def table(*rows: Row, root: State = AB, events: tuple[str, ...] = ("x",), **guards: Guard) -> Table:
    return lenient(name="t", regions=(root,), events=events, rows=rows, guards=guards).compile()


# -- start -----------------------------------------------------------------------------------------


def test_the_start_is_an_outcome() -> None:
    root = State(
        "all",
        (State("a", entry=("one", Start("x", 7))), State("b", entry="two")),
        "a",
        entry="zero",
        initial_actions="half",
    )
    machine = table(Go(After(5), "a", "b"), Go("x", "all", "a"), root=root)
    start = machine.start()
    assert start.actions == ("zero", "half", "one")
    assert start.timers == (Start("x", 7), Start("after.5.a", 5))
    assert start.configuration is machine.initial
    assert start.edges == ()


def test_a_start_that_depends_on_guards() -> None:
    machine = table(Go(ALWAYS, "a", "b", "ready"), Go("x", "b", "a"), Drop("x", "a", "stay"),
                    ready=lambda context, _: bool(context))  # fmt: skip
    with pytest.raises(LookupError, match=r"depends on guard 'ready'; use start\(context\)"):
        _ = machine.initial
    assert machine.start(True).configuration.atomic == ("b",)
    assert machine.start(False).configuration.atomic == ("a",)
    assert [said for said, _ in machine.starts()] == [{"ready": True}, {"ready": False}]
    with pytest.raises(UnknownConfiguration, match=r"such as \('b',\)"):
        machine.configuration(("c",))


# -- what follows by itself ------------------------------------------------------------------------


def test_a_step_runs_to_completion_with_what_it_raises() -> None:
    root = State("all", (State("a"), State("b", entry=Raise("x")), State("c")), "a")
    machine = table(
        Go("y", "a", "b", actions="one"),
        Go(ALWAYS, "b", "c", conditions="fast", actions="two"),
        Go("x", "b", "c", actions="three"),
        Go("x", "c", None, actions="four"),
        Go("y", ("b", "c"), "a"),
        Drop("x", "a", "early"),
        root=root,
        events=("x", "y"),
        fast=lambda context, _: bool(context),
    )
    slow, fast = (machine.step(machine.initial, "y", context) for context in (False, True))
    assert slow.actions == ("one", "three")
    assert fast.actions == ("one", "two", "four")
    assert [edge.row for edge in (*fast.edges, *fast.after)] == [0, 1, 3]


def test_a_guard_is_asked_once_in_a_whole_step() -> None:
    asked = []

    def odd(_: object, data: object) -> bool:
        asked.append(data)
        return len(asked) % 2 == 1

    root = State("all", (State("a"), State("b"), State("c")), "a")
    machine = table(
        Go("x", "a", "b", "odd"),
        Go(ALWAYS, "b", "c", "odd"),
        Go("x", ("b", "c"), "a"),
        Drop("x", "a", "even"),
        root=root,
        odd=odd,
    )
    assert machine.step(machine.initial, "x", None, "data").configuration.atomic == ("c",)
    assert asked == ["data"]


def test_a_condition_on_another_region_needs_no_guard() -> None:
    lamp = State("lamp", (State("off"), State("on")), "off")
    door = State("door", (State("shut"), State("ajar")), "shut")
    machine = Chart(
        name="fridge",
        regions=(lamp, door),
        events=("pull", "check"),
        rows=(
            Go("pull", "shut", "ajar"),
            Go("pull", "ajar", "shut"),
            Go("check", "off", "on", inside("ajar")),
            Go("check", "on", "off", "!in:ajar"),
            Drop("check", "lamp", "fine"),
        ),
    ).compile()
    here = machine.initial
    assert machine.step(here, "check").reason == "fine"
    here = machine.step(here, "pull").configuration
    assert machine.step(here, "check").configuration.atomic == ("on", "ajar")


# -- nested parallel states ------------------------------------------------------------------------

NESTED = State(
    "all",
    (
        State(
            "both",
            (
                State("left", (State("l1"), State("l2")), "l1"),
                State("right", (State("r1"), State("r2")), "r1"),
            ),
            parallel=True,
        ),
        State("out"),
    ),
    "both",
)


@pytest.mark.parametrize(
    ("rows", "answer", "atomic"),
    [
        # An answer around the parallel state holds only where nobody inside has one.
        ((Go("x", "l1", "l2"), Refuse("x", "all", "no")), Answer.GO, ("l2", "r1")),
        ((Drop("x", "l1", "d"), Go("x", "all", "out")), Answer.GO, ("out",)),
        ((Go("x", "l1", "l2"), Go("x", "all", "out")), Answer.GO, ("l2", "r1")),
        # One region's veto is the veto of all.
        ((Go("x", "l1", "l2"), Refuse("x", "right", "no")), Answer.REFUSE, ("l1", "r1")),
        ((Defer("x", "l1"), Refuse("x", "right", "no")), Answer.REFUSE, ("l1", "r1")),
        ((Go("x", "l1", "l2"), Defer("x", "right", "no")), Answer.DEFER, ("l1", "r1")),
        ((Go("x", "l1", "l2"), Go("x", "r1", "r2")), Answer.GO, ("l2", "r2")),
    ],
)
def test_regions_inside_answer_together(
    rows: tuple[Row, ...], answer: Answer, atomic: tuple[str, ...]
) -> None:
    chart = lenient(
        name="nested",
        regions=(NESTED,),
        events=("x", "leave", "l", "r", "l_back"),
        rows=(
            *rows,
            Drop("x", "out", "out"),
            *(() if any(row.source == "all" for row in rows) else (Drop("x", "all", "rest"),)),
            Go("leave", "both", "out"),
            Go("leave", "out", "both"),
            Go("l", "all", "l2"),
            Go("l_back", "all", "l1"),
            Go("r", "all", "r2"),
        ),
    )
    outcome = chart.compile().step(chart.compile().initial, "x")
    assert (outcome.answer, outcome.configuration.atomic) == (answer, atomic)


# -- timers ----------------------------------------------------------------------------------------


def test_timers_start_with_a_state_and_stop_with_it() -> None:
    machine = Chart(
        name="t",
        regions=(AB,),
        events=("x",),
        rows=(
            Go(After(5), "a", "b"),
            Go(After("long"), "a", "b"),
            Go(At("noon"), "b", "a"),
            Go("x", "all", "a", actions=(Start("x", At("noon")), Stop("x"))),
        ),
        times={"long": 9, "noon": 0},
    ).compile()
    a = machine.initial
    assert machine.timeouts == ("after.5.a", "after.long.a", "at.noon.b")
    fired = machine.step(a, "after.5.a")
    assert fired.timers == (
        Stop("after.5.a"),
        Stop("after.long.a"),
        Start("at.noon.b", At("noon")),
    )
    again = machine.step(a, "x")
    assert again.timers == (
        Stop("after.5.a"),
        Stop("after.long.a"),
        Start("x", At("noon")),
        Stop("x"),
        Start("after.5.a", 5),
        Start("after.long.a", "long"),
    )


def test_the_timeout_of_a_state_that_was_left_has_no_effect() -> None:
    machine = table(Go(After(5), "a", "b"), Go("x", "all", "a"))
    b = machine.step(machine.initial, "after.5.a").configuration
    stale = machine.step(b, "after.5.a")
    assert (stale.answer, stale.reason, stale.configuration) == (Answer.DROP, "stale_timeout", b)


def test_an_event_timeout_starts_anew_whatever_the_answer() -> None:
    machine = table(
        Go(Quiet(5), "a", "b"), Refuse("x", "a", "no"), Go("x", "b", "a"), Drop("y", "all", "d"),
        Defer("z", "a"), Go("z", "b", None), events=("x", "y", "z"),
    )  # fmt: skip
    started = (Start("quiet.5.a", 5),)
    a = machine.initial
    for event in ("x", "y", "z"):
        assert machine.step(a, event).timers == started
    b = machine.step(a, "quiet.5.a").configuration
    assert machine.step(b, "y").timers == ()
    assert machine.step(b, "x").timers == started


# -- memories --------------------------------------------------------------------------------------


def test_a_configuration_with_a_memory_is_found_again() -> None:
    machine = ORDER.compile()
    here = machine.initial
    for event in ("check_out", "address", "pause"):
        here = machine.step(here, event).configuration
    assert here.history == (("where_we_were", ("payment",)),)
    assert machine.configuration(here.atomic, here.history) is here
    assert machine.configuration(["paused"], {"where_we_were": ["payment"]}) is here
    assert repr(here) == "<paused; where_we_were: payment>"
    with pytest.raises(UnknownConfiguration, match=r"cannot reach \('paused',\)"):
        machine.configuration(("paused",))


@pytest.mark.parametrize(("deep", "back"), [(False, "b1"), (True, "b2")])
def test_shallow_and_deep_memories(deep: bool, back: str) -> None:
    inner = State("b", (State("b1"), State("b2")), "b1")
    root = State("all", (State("in", (History("h", "a", deep), State("a"), inner), "a"),
                         State("out")), "in")  # fmt: skip
    rows = (
        Go("x", "a", "b2"),
        Go("x", "b", "out"),
        Go("x", "out", "h"),
    )
    machine = table(*rows, root=root)
    here = machine.initial
    for _ in range(3):
        here = machine.step(here, "x").configuration
    assert here.atomic == (back,)


# -- events ----------------------------------------------------------------------------------------


class Word(StrEnum):
    X = "x"


@dataclass
class Unhashable:
    values: list[int]


def test_events_may_be_objects_of_their_class() -> None:
    machine = ORDER.compile()
    here = machine.initial
    for event in ("check_out", "address"):
        here = machine.step(here, event).configuration
    assert machine.step(here, Pay(3), 3).answer is Answer.GO
    assert machine.step(here, Pay(3), 4).reason == "too_little"
    assert machine.step(here, "Pay", 4, Pay(4)).answer is Answer.GO
    with pytest.raises(UnknownEvent, match="has no event 'Unhashable'"):
        machine.step(here, Unhashable([1]))
    with pytest.raises(UnknownEvent, match="has no event 'int'"):
        machine.step(here, 3)


def test_events_may_be_members_of_a_string_enum() -> None:
    machine = table(Go("x", "a", "b"), Go("x", "b", "a"))
    assert machine.step(machine.initial, Word.X).configuration.atomic == ("b",)


# -- the end, and what cannot be -------------------------------------------------------------------


def test_done_is_no_end_where_a_row_waits_for_it() -> None:
    machine = ORDER.compile()
    assert not machine.configuration(("packed", "to_bill"), {"where_we_were": ("payment",)}).final
    assert {c.atomic for c in machine.configurations if c.final} == {("sent",), ("cancelled",)}


def test_a_parallel_state_without_such_a_row_ends_when_all_regions_do() -> None:
    root = State(
        "all",
        (
            State("l", (State("l1"), State("l2", final=True)), "l1"),
            State("r", (State("r1"), State("r2", final=True)), "r1"),
        ),
        parallel=True,
    )
    rows = (Go("x", "l1", "l2"), Go("y", "r1", "r2"), Drop(("x", "y"), "all", "rest"))
    machine = table(*rows, root=root, events=("x", "y"))
    halfway = machine.step(machine.initial, "x").configuration
    assert not halfway.final
    assert machine.step(halfway, "y").configuration.final


def test_the_end_of_a_region_is_an_event() -> None:
    root = State("all", (State("sub", (State("s", final=True),), "s"), State("after")), "sub")
    machine = table(Go(done("sub"), "sub", "after"), Drop("x", "after", "over"), root=root)
    assert machine.initial.atomic == ("after",)


def test_a_step_without_an_end_is_no_chart() -> None:
    with pytest.raises(ChartError, match="endless"):
        table(Go("x", "all", "a"), Go(ALWAYS, "a", "b"), Go(ALWAYS, "b", "a"))
    with pytest.raises(ChartError, match="endless"):
        table(Go("x", "all", None, actions=(Raise("x"), Raise("x"))))


def coins(count: int) -> Chart:
    sides = [(f"heads{n}", f"tails{n}") for n in range(count)]
    return Chart(
        name="coins",
        regions=tuple(
            State(f"coin{n}", tuple(map(State, sides[n])), sides[n][0]) for n in range(count)
        ),
        events=tuple(f"flip{n}" for n in range(count)),
        rows=tuple(
            Go(f"flip{n}", *way) for n in range(count) for way in (sides[n], sides[n][::-1])
        ),
    )


def test_a_chart_may_be_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(coins(4).compile().configurations) == 16
    monkeypatch.setattr(compiler, "MAX_WORK", 300)
    with pytest.raises(ChartError, match=r"with 4 events.* more than 300 looks"):
        coins(4)


def test_one_step_may_ask_too_many_guards() -> None:
    guards = {f"g{n}": bool for n in range(13)}
    rows = [Go("x", "a", "b", name) for name in guards]
    with pytest.raises(ChartError, match="more than 12 guards"):
        Chart(name="g", regions=(AB,), events=("x",), rows=(*rows, Go("x", "all", "a")),
              guards=dict.fromkeys(guards, lambda *_: False))  # fmt: skip


# -- copies and stores -----------------------------------------------------------------------------


def test_charts_and_configurations_are_themselves_when_copied_and_are_not_pickled() -> None:
    here = ORDER.compile().initial
    assert copy.deepcopy(here) is here
    assert copy.deepcopy(ORDER) is ORDER
    with pytest.raises(TypeError, match="keep its `atomic` and `history`"):
        pickle.dumps(here)
    with pytest.raises(TypeError, match="keep where to import it from"):
        pickle.dumps(ORDER)


def test_the_order_of_memories_does_not_matter() -> None:
    def half(name: str) -> State:
        inside = (History(f"h_{name}", f"{name}1"), State(f"{name}1"), State(f"{name}2"))
        return State(name, inside, f"{name}1")

    root = State("all", (State("p", (half("l"), half("r")), parallel=True), State("out")), "p")
    rows = (
        Go("x", "p", "out"),
        Go("x", "out", ("h_l", "h_r")),
        Go("y", "p", ("l2", "r2")),
        Drop("y", "out", "out"),
    )
    machine = table(*rows, root=root, events=("x", "y"))
    out = machine.step(machine.initial, "x").configuration
    assert machine.configuration(("out",), dict(reversed(out.history))) is out


def test_an_object_of_a_derived_class_is_the_event_of_its_base() -> None:
    class Tip(Pay):
        pass

    machine = ORDER.compile()
    here = machine.step(machine.step(machine.initial, "check_out").configuration, "address")
    assert machine.step(here.configuration, Tip(5), 5).actions == ("charge",)
    with pytest.raises(UnknownEvent, match=r"send an object of that class, Pay\(\.\.\.\)"):
        machine.step(machine.initial, Pay)


def test_wrong_configurations_have_their_own_error() -> None:
    with pytest.raises(UnknownConfiguration, match=r"\[\] is not a configuration"):
        ORDER.compile().step([], "add")  # type: ignore[arg-type] # what a user may do


def test_guards_may_multiply_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "MAX_WORK", 1_000)
    regions = [State(f"r{n}", (State(f"a{n}"), State(f"b{n}")), f"a{n}") for n in range(7)]
    rows: list[Row] = [Go("e", f"a{n}", f"b{n}", f"g{n}") for n in range(7)]
    with pytest.raises(ChartError, match="what guards decide take more than 1000 looks at rows"):
        Chart(
            name="g",
            regions=tuple(regions),
            events=("e",),
            rows=(*rows, Drop("e", tuple(f"r{n}" for n in range(7)), "no")),
            guards={f"g{n}": lambda *_: True for n in range(7)},
        )


def test_the_end_of_the_outermost_of_nested_parallel_states_is_heard() -> None:
    def region(name: str) -> State:
        return State(name, (State(f"{name}1"), State(f"{name}2", final=True)), f"{name}1")

    nested = State("q", (State("p", (region("x"), region("y")), parallel=True), region("z")),
                   parallel=True)  # fmt: skip
    for events in (("e", "z"), ("z", "e")):
        machine = Chart(
            name="t",
            regions=(State("all", (nested, State("end", final=True)), "q"),),
            events=("e", "z"),
            rows=(
                Go("e", "x1", "x2"),
                Go("e", "y1", "y2"),
                Go("z", "z1", "z2"),
                Go(done("q"), "q", "end"),
                Drop(("e", "z"), "all", "no"),
            ),
        ).compile()
        here = machine.initial
        for event in events:
            here = machine.step(here, event).configuration
        assert here.atomic == ("end",)
