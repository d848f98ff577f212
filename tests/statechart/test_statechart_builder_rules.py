"""What the typed builder fills in and insists on: the root, last words, sources, events, guards."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from statechart import (
    After,
    Builder,
    ChartError,
    Drop,
    Go,
    Machine,
    Raise,
    Refuse,
    Start,
    State,
    done,
    inside,
)

if TYPE_CHECKING:
    from collections.abc import Callable

LAST = "has no last word: say go, stay, refuse, drop or defer"


@dataclass(frozen=True)
class Coin:
    value: int


def dear(price: int, coin: Coin) -> bool:
    return coin.value < price


def full(level: int, _: object) -> bool:
    return level > 0


# -- names of the root -----------------------------------------------------------------------------


def names_of(builder: Builder[None]) -> list[str]:
    return [region.name for region in builder.build().regions]


def test_the_root_makes_room_for_a_state_of_its_name() -> None:
    order = Builder[None]("order")
    first = order.state("order")
    over = order.final("over")
    order.on("pay", first).inside(order.root).go(over)
    order.on("pay", over).drop("over")
    order.done(order.root).stay()
    order.on("lose", order.root).drop("never")
    chart = order.build()
    assert chart.regions == (
        State("order_root", (State("order"), State("over", final=True)), "order"),
    )
    assert chart.rows == (
        Go("pay", ("order",), "over", (inside("order_root"),)),
        Drop("pay", ("over",), "over"),
        Go(done("order_root"), ("order_root",), None),
        Drop("lose", ("order_root",), "never"),
    )
    assert order.build().regions == chart.regions


def test_the_root_finds_the_first_free_name() -> None:
    order = Builder[None]("order")
    assert names_of(order) == ["order"]
    order.state("order_root")
    assert names_of(order) == ["order"]
    inner = order.state("inner")
    inner.history("order", inner.state("order_root_2"))
    order.start(inner)
    order.add(Go("x", ("order_root", "inner"), "order"))
    order.on("y", inner).go(order.root.children[0])
    order.on("y").stay()
    assert names_of(order) == ["order_root_3"]


def test_the_root_makes_room_for_a_region() -> None:
    room = Builder[None]("room")
    room.state("a")
    room.region("room")
    assert names_of(room) == ["room_root", "room"]


# -- rules -----------------------------------------------------------------------------------------


def test_a_rule_without_its_last_word_is_not_lost() -> None:
    gate = Builder[int]("gate")
    a, b = gate.state("a"), gate.state("b")
    gate.on("x", a).go(b)
    gate.on("x", b).go(a)
    rule = gate.on("y", a).do("ring")
    with pytest.raises(ValueError, match="^" + re.escape(f"on('y', a) {LAST}") + "$"):
        gate.build()
    rule.refuse("no")
    gate.on("y", b).drop("no")
    assert gate.build().rows[2] == Refuse("y", ("a",), "no", (), ("ring",))


def test_every_open_rule_is_named() -> None:
    gate = Builder[int]("gate")
    a, b = gate.state("a"), gate.state("b")
    gate.on(Coin, a, b).when(dear)
    gate.on("y")
    gate.always(a).unless(full)
    gate.done(b).inside(a)
    gate.on(After(5), a)
    with pytest.raises(ValueError, match="no last word") as found:
        gate.build()
    rules = ("on(Coin, a, b)", "on('y')", "always(a)", "done(b)", "on(After(delay=5), a)")
    assert str(found.value).splitlines() == [f"{rule} {LAST}" for rule in rules]


@pytest.mark.parametrize("word", ["go", "stay", "refuse", "drop", "defer"])
def test_any_last_word_will_do(word: str) -> None:
    gate = Builder[int]("gate")
    a = gate.state("a")
    gate.on("z", a).drop("no")
    said = gate.on("y", a).when(dear).unless(full).inside(a)
    last = getattr(said, word)
    last("why") if word in ("refuse", "drop", "defer") else last()
    gate.on("y", a).drop("no")
    assert len(gate.build().rows) == 3


def test_a_beginning_may_serve_several_rules() -> None:
    gate = Builder[int]("gate")
    a, b = gate.state("a"), gate.state("b")
    begun = gate.on("x", a)
    begun.when(full).go(b)
    rest = begun.do("ring")
    gate.on("x", b).go(a)
    with pytest.raises(ValueError, match="no last word"):
        gate.build()
    rest.drop("no")
    assert gate.build().rows == (
        Go("x", ("a",), "b", ("full",)),
        Go("x", ("b",), "a"),
        Drop("x", ("a",), "no", (), ("ring",)),
    )


def test_a_row_without_sources_is_for_all_regions() -> None:
    room = Builder[None]("room")
    room.on("p").drop("first")
    room.region("lamp")
    room.region("door")
    room.on("q").do("ring").stay()
    chart = room.build()
    assert [region.name for region in chart.regions] == ["lamp", "door"]
    assert chart.rows == (
        Drop("p", ("lamp", "door"), "first"),
        Go("q", ("lamp", "door"), None, (), ("ring",)),
    )


def test_a_row_without_sources_is_for_the_root_if_there_is_no_region() -> None:
    bell = Builder[None]("bell")
    bell.on("push").do("ring").stay()
    chart = bell.build()
    assert chart.regions == (State("bell"),)
    assert chart.rows == (Go("push", ("bell",), None, (), ("ring",)),)


class Purse:
    def __init__(self, coins: int) -> None:
        self.coins = coins

    def rich(self, price: int, _: object) -> bool:
        return self.coins > price


def test_a_method_may_be_a_guard_twice() -> None:
    mine, yours = Purse(1), Purse(2)
    gate = Builder[int]("gate")
    a, b = gate.state("a"), gate.state("b")
    gate.on("x", a).when(mine.rich).go(b)
    gate.on("x", b).when(mine.rich).go(a)
    assert gate.guard(mine.rich) == "rich"
    with pytest.raises(ValueError, match="two different guards are called 'rich'"):
        gate.guard(yours.rich)


# -- events ----------------------------------------------------------------------------------------


def test_the_class_of_an_event_wins_over_its_name() -> None:
    gate = Builder[int]("gate")
    a, z = gate.state("a"), gate.state("z")
    gate.on("Coin", a).go(z)
    gate.on("x").drop("no")
    gate.on(Coin, z).go(a)
    chart = gate.build()
    assert chart.events == (Coin, "x")
    table = chart.compile()
    assert table.step(table.initial, Coin(1)).configuration.atomic == ("z",)


def test_two_classes_of_one_name_are_not_mixed_up() -> None:
    def another() -> type:
        class Coin: ...

        return Coin

    gate = Builder[int]("gate")
    gate.on(Coin).stay()
    gate.on(another()).stay()
    with pytest.raises(ChartError, match="duplicate-event: event 'Coin': 2 of 2 are classes"):
        gate.build()


def test_rows_that_are_added_bring_their_events() -> None:
    bell = Builder[None]("bell")
    bell.add(Go(("push", Coin, After(5)), "bell", None, actions="ring"))
    assert bell.build().events == ("push", Coin)


# -- what guards get -------------------------------------------------------------------------------


def spy(name: str, got: list[tuple[str, object]]) -> Callable[[int, object], bool]:
    """A guard that always holds and notes its data."""

    def guard(_: int, data: object) -> bool:
        got.append((name, data))
        return True

    guard.__name__ = name
    return guard


def test_guards_get_the_data_of_the_event_from_outside() -> None:
    got: list[tuple[str, object]] = []
    gate = Builder[int]("gate")
    a, b, c, d, e = (gate.state(name) for name in "abcde")
    d.final("f")
    gate.always(a).when(spy("at_start", got)).go(b)
    gate.on(Coin, b).when(spy("typed", got)).do(Raise("bell")).go(c)
    gate.on("bell", c).when(spy("raised", got)).go(d)
    gate.done(d).when(spy("ended", got)).go(e)
    gate.always(e).when(spy("by_itself", got)).go(b)
    gate.on(Coin).drop("no")
    gate.on("bell").drop("no")
    table = gate.build().compile()
    here = table.start(0, "begin").configuration
    assert got == [("at_start", "begin")]
    follow = ("typed", "raised", "ended", "by_itself")
    for event, data, expected in (
        (Coin(1), None, Coin(1)),
        (Coin(1), "beside", "beside"),
        ("Coin", None, None),
        ("Coin", "given", "given"),
    ):
        got.clear()
        assert table.step(here, event, 0, data).configuration is here
        assert got == [(name, expected) for name in follow]


def test_guards_get_nothing_from_a_timer() -> None:
    got: list[tuple[str, object]] = []
    gate = Builder[int]("gate")
    a, b = gate.state("a", entry=Start("soon", 5)), gate.state("b")
    gate.on("soon", a).when(spy("started", got)).go(b)
    gate.on("soon").drop("no")
    gate.on(After(5), b).when(spy("timeout", got)).go(a)
    gate.on(After(6), b).go(a)
    Machine.start(gate.build(), now=0).machine.advance(10)
    assert got == [("started", None), ("timeout", None)]
