"""Demand between two actors: order kept, nothing lost, never more on the way than the window."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.runtime import DeadLetter, Demand, Effect, Inlet, Lane, Outlet, Tell
from tests.runtime.puppets import A, B, Note

MOVES = st.lists(st.sampled_from(["offer", "take", "demand"]), max_size=120)


class Wire:
    """Producer and consumer, and what is on its way between them."""

    def __init__(self, window: int, low: int, bound: int) -> None:
        self.outlet = Outlet(to=B, bound=bound)
        self.inlet, effects = Inlet(producer=A, window=window, low=low).begin()
        self.items: list[object] = []
        self.demands: list[int] = []
        self.lost: list[object] = []
        self.perform(effects)

    def perform(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            match effect:
                case Tell(to, Note(text)):
                    assert to == B
                    self.items.append(text)
                case Tell(to, Demand(items)):
                    assert to == A
                    self.demands.append(items)
                case DeadLetter(Note(text), "outlet overflow"):
                    self.lost.append(text)
                case _:
                    raise AssertionError(effect)

    def offer(self, text: object) -> None:
        full = self.outlet.full
        lost = len(self.lost)
        self.outlet, effects = self.outlet.offer(Note(text))
        self.perform(effects)
        assert (len(self.lost) > lost) is full, "`full` has said so before"

    def demand(self) -> None:
        self.outlet, effects = self.outlet.demanded(self.demands.pop(0))
        self.perform(effects)

    def take(self) -> object:
        item = self.items.pop(0)
        self.inlet, effects = self.inlet.taken()
        self.perform(effects)
        return item


@given(
    moves=MOVES,
    window=st.integers(1, 8),
    low=st.integers(0, 7),
    bound=st.integers(0, 6),
)
@settings(derandomize=True, deadline=None, max_examples=400)
def test_never_more_than_the_window_in_order_and_nothing_lost(
    moves: list[Any], window: int, low: int, bound: int
) -> None:
    wire = Wire(window, min(low, window - 1), bound)
    offered: list[object] = []
    taken: list[object] = []
    for number, move in enumerate(moves):
        if move == "offer":
            wire.offer(number)
            offered.append(number)
        elif move == "take" and wire.items:
            taken.append(wire.take())
        elif move == "demand" and wire.demands:
            wire.demand()
        on_the_way = len(wire.items) + wire.outlet.credit + sum(wire.demands)
        assert on_the_way == wire.inlet.open <= window
        assert len(wire.outlet.waiting) <= bound
        assert not (wire.outlet.credit and wire.outlet.waiting)
    while wire.demands or wire.items:
        if wire.demands:
            wire.demand()
        else:
            taken.append(wire.take())
    assert not wire.outlet.waiting
    assert taken == [item for item in offered if item not in wire.lost]


def test_a_consumer_asks_again_only_when_few_are_left() -> None:
    inlet, effects = Inlet(producer=A, window=4, low=1).begin()
    assert effects == (Tell(A, Demand(4)),)
    asked = []
    for _ in range(6):
        inlet, effects = inlet.taken()
        asked.append(effects)
    assert asked == [(), (), (Tell(A, Demand(3)),)] * 2


def test_a_demand_overtakes_what_waits() -> None:
    assert Demand.lane is Lane.SYSTEM


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Demand(0),
        lambda: Inlet(producer=A, window=0, low=0),
        lambda: Inlet(producer=A, window=2, low=2),
        lambda: Inlet(producer=A, window=2, low=0).taken(),
    ],
)
def test_numbers_that_do_not_fit_are_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"\d"):
        wrong()
