"""The typed builder makes the same charts as rows do, and a type checker reads what it is given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest
from mypy import api as mypy

from statechart import (
    After,
    Answer,
    Builder,
    ChartError,
    Defer,
    Drop,
    Go,
    History,
    Raise,
    Refuse,
    Start,
    State,
    done,
    inside,
)


@dataclass(frozen=True)
class Coin:
    value: int


def dear(price: int, coin: Coin) -> bool:
    return coin.value < price


def test_states_are_made_in_each_other() -> None:
    ride = Builder[None]("ride", note="at the fair")
    idle = ride.state("idle", note="by night")
    up = ride.root.state("up", entry=("ring",), exit=("hush", Start("idle_again", 5)))
    slow, fast = up.state("slow"), up.state("fast")
    back = up.history("back", slow, deep=True)
    show = ride.root.parallel("show", exit=("bow",))
    lamps = show.state("lamps")
    dim, dark = lamps.state("dim"), lamps.final("dark", entry=("click",))
    band = show.state("band")
    loud, still = band.state("loud"), band.final("still")
    over = ride.final("over")
    ride.on("go", idle).go(up)
    ride.on("go", slow).go(fast, note="whee")
    ride.on("go", fast).go(dim, loud)
    ride.on("go", show).inside(loud).do(Raise("idle_again")).go(dark, still)
    ride.on("go", over).drop("over")
    ride.on(After(9), up).go(show)
    ride.on("idle_again", over, show, idle).drop("tick")
    ride.on("idle_again", up).stay()
    ride.on("back", idle).go(back)
    ride.on("back", up).go(slow, internal=True)
    ride.on("back").refuse("not_now")
    ride.done(show).go(over)
    chart = ride.build()
    assert chart.note == "at the fair"
    assert chart.events == ("go", "idle_again", "back")
    assert chart.regions == (
        State(
            "ride",
            (
                State("idle", note="by night"),
                State(
                    "up",
                    (State("slow"), State("fast"), History("back", "slow", deep=True)),
                    "slow",
                    entry=("ring",),
                    exit=("hush", Start("idle_again", 5)),
                ),
                State(
                    "show",
                    (
                        State(
                            "lamps",
                            (State("dim"), State("dark", final=True, entry=("click",))),
                            "dim",
                        ),
                        State("band", (State("loud"), State("still", final=True)), "loud"),
                    ),
                    parallel=True,
                    exit=("bow",),
                ),
                State("over", final=True),
            ),
            "idle",
        ),
    )
    assert chart.rows == (
        Go("go", ("idle",), "up"),
        Go("go", ("slow",), "fast", note="whee"),
        Go("go", ("fast",), ("dim", "loud")),
        Go("go", ("show",), ("dark", "still"), (inside("loud"),), (Raise("idle_again"),)),
        Drop("go", ("over",), "over"),
        Go(After(9), ("up",), "show"),
        Drop("idle_again", ("over", "show", "idle"), "tick"),
        Go("idle_again", ("up",), None),
        Go("back", ("idle",), "back"),
        Go("back", ("up",), "slow", internal=True),
        Refuse("back", ("ride",), "not_now"),
        Go(done("show"), ("show",), "over"),
    )


def test_events_may_be_classes_and_guards_are_functions() -> None:
    gate = Builder[int]("gate")
    shut, ajar = gate.state("shut"), gate.state("ajar")
    gate.on(Coin, shut).when(dear).do("return_coin").refuse("too_little")
    gate.on(Coin, shut).unless(dear).do("thank").go(ajar)
    gate.on(Coin, shut).drop("never")
    gate.on(Coin, ajar).defer("first_pass")
    gate.on("pass", ajar).go(shut)
    gate.on("pass", shut).refuse("shut")
    chart = gate.build(waive={"dead-row": "the third row is here to be shown"})
    assert chart.events == (Coin, "pass")
    assert chart.guards == {"dear": dear}
    assert Defer(Coin, ("ajar",), "first_pass") in chart.rows
    table = chart.compile()
    assert table.step(table.initial, Coin(1), 2).actions == ("return_coin",)
    assert table.step(table.initial, Coin(2), 2).actions == ("thank",)


def test_regions_side_by_side() -> None:
    room = Builder[None]("room")
    lamp, door = room.region("lamp", note="by the door"), room.region("door")
    off, on = lamp.state("off"), lamp.state("on")
    shut, ajar = door.state("shut"), door.state("ajar")
    lamp.start(on)
    room.on("push", off).go(on)
    room.on("push", on).go(off)
    room.on("pull", shut).go(ajar)
    room.on("pull", ajar).go(shut)
    chart = room.build()
    assert [region.name for region in chart.regions] == ["lamp", "door"]
    assert chart.compile().initial.atomic == ("on", "shut")


def test_eventless_rows() -> None:
    tap = Builder[int]("tap")
    open_, shut = tap.state("open"), tap.state("shut")
    tap.always(open_).when(full).go(shut)
    tap.on("turn").go(open_)
    table = tap.build().compile()
    flows = table.start(0).configuration
    assert flows.atomic == ("open",)
    assert table.step(flows, "turn", 1).configuration.atomic == ("shut",)


def full(level: int, _: object) -> bool:
    return level > 0


def test_guards_need_names_of_their_own() -> None:
    gate = Builder[int]("gate")
    with pytest.raises(ValueError, match="has none; use def"):
        gate.on(Coin).when(lambda price, coin: coin.value > price)

    def other() -> None:
        def dear(price: int, coin: Coin) -> bool:
            return price > coin.value

        gate.on(Coin).when(dear)

    gate.on(Coin).when(dear)
    with pytest.raises(ValueError, match="two different guards are called 'dear'"):
        other()


def test_what_changes_nothing_cannot_speak_to_the_chart() -> None:
    gate = Builder[int]("gate")
    with pytest.raises(ValueError, match="cannot raise bell; only go can"):
        gate.on(Coin).do(Raise("bell")).drop("no")


def test_a_type_checker_sees_a_guard_for_another_event(tmp_path: Path) -> None:
    source = """
        from statechart import Builder

        class Coin: ...
        class Note: ...

        def fine(price: int, coin: Coin) -> bool:
            return True

        gate = Builder[int]("gate")
        state = gate.state("state")
        gate.on(Coin, state).when(fine).go(state)
        gate.on(Note, state).when(fine).go(state)
        Builder[str]("x").on(Coin, state).when(fine)
    """
    path = tmp_path / "gate.py"
    path.write_text(dedent(source).lstrip())
    options = ["--strict", f"--cache-dir={tmp_path}", "--config-file=", "--no-error-summary"]
    report, _, code = mypy.run([*options, str(path)])
    assert code == 1
    assert [line.split(":")[1] for line in report.splitlines() if " error: " in line] == [
        "12",
        "13",
    ]


def test_an_answer_reaches_the_outcome() -> None:
    gate = Builder[None]("gate")
    a, b = gate.state("a"), gate.state("b")
    gate.on("x", a).go(b)
    gate.on("x", b).defer()
    gate.on("y").do("note").drop("nothing")
    gate.on("back", b).go(a)
    gate.on("back", a).refuse("no")
    table = gate.build().compile()
    there = table.step(table.initial, "x").configuration
    assert table.step(there, "x").answer is Answer.DEFER
    assert table.step(there, "y").actions == ("note",)


# -- states ----------------------------------------------------------------------------------------


def test_the_builder_makes_all_that_its_root_does() -> None:
    game = Builder[None]("game")
    idle = game.state("idle", entry="in", exit=("out", "shut"), initial_actions="first", note="n")
    both = game.parallel("both", entry="in", exit="out", note="p")
    game.final("over", entry="in", exit="out", note="f")
    back = game.history("back", idle, actions=("greet",), note="h")
    inner = both.state("inner")
    inner.final("done", entry="in", exit="out", note="e")
    game.start(back)
    assert game.root.build() == State(
        "game",
        (
            State(
                "idle", note="n", entry=("in",), exit=("out", "shut"), initial_actions=("first",)
            ),
            State(
                "both",
                (
                    State(
                        "inner",
                        (State("done", final=True, entry=("in",), exit=("out",), note="e"),),
                        "done",
                    ),
                ),
                parallel=True,
                entry=("in",),
                exit=("out",),
                note="p",
            ),
            State("over", final=True, entry=("in",), exit=("out",), note="f"),
            History("back", "idle", actions=("greet",), note="h"),
        ),
        "back",
    )


def test_a_region_does_what_a_state_does() -> None:
    made = Builder[None]("room").region(
        "lamp", entry="in", exit="out", initial_actions="first", note="n"
    )
    assert made.build() == State(
        "lamp", entry=("in",), exit=("out",), initial_actions=("first",), note="n"
    )


def test_several_initial_states_further_in() -> None:
    game = Builder[None]("game")
    game.state("idle")
    both = game.parallel("both")
    left, right = both.state("left"), both.state("right")
    left.state("left1")
    left2, right2 = left.state("left2"), right.state("right2")
    past = game.history("past", left2, right2, deep=True)
    game.start(left2, right2)
    assert game.root.build().initial == ("left2", "right2")
    assert past.build() == History("past", ("left2", "right2"), deep=True)
    game.start(right2)
    assert game.root.build().initial == "right2"


def test_a_group_has_no_initial_state() -> None:
    game = Builder[None]("game")
    game.start()
    game.state("idle")
    assert game.root.build().initial is None


def test_domains_are_those_of_the_chart() -> None:
    gate = Builder[int]("gate")
    shut = gate.state("shut")
    gate.on(Coin, shut).when(dear).refuse("too_little")
    gate.on(Coin, shut).drop("thanks")
    assert gate.build(domains={"dear": [(1, Coin(1)), (2, Coin(1))]}).domains["dear"]
    with pytest.raises(ChartError, match="constant-guard: guard 'dear': it is never true"):
        gate.build(domains={"dear": [(1, Coin(1))]})
