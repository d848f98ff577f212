"""Shrinking: the simplest run that still fails, whatever makes it fail."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.simulation.shrink import shrink

runs = st.lists(st.integers(0, 5), min_size=1, max_size=40)


@given(runs, st.integers(0, 100))
@settings(derandomize=True, deadline=None)
def test_what_is_left_fails_and_is_no_longer_than_before(made: list[int], bar: int) -> None:
    def fails(run: list[int]) -> bool:
        return sum(run) >= min(bar, sum(made))

    left = shrink(made, fails)
    assert fails(left)
    assert len(left) <= len(made)
    assert sum(left) == min(bar, sum(made))


def test_only_what_matters_is_left() -> None:
    made = [0, 3, 1, 0, 2, 5, 1, 1, 0, 4, 2, 2]
    assert shrink(made, lambda run: 5 in run) == [5]
    assert shrink(made, lambda run: len(run) > 4 and run[4] >= 2) == [0, 0, 0, 0, 2]


def test_trailing_zeros_are_what_a_recording_supplies_by_itself() -> None:
    assert shrink([0, 0, 0], lambda _: True) == []


@pytest.mark.parametrize("attempts", [0, 1, 10])
def test_it_stops_after_so_many_attempts(attempts: int) -> None:
    tried = []

    def fails(run: list[int]) -> bool:
        tried.append(run)
        return False

    made = [1] * 50
    assert shrink(made, fails, attempts) == made
    assert len(tried) == attempts


def test_it_stops_when_its_time_is_over_with_the_best_so_far() -> None:
    tried: list[list[int]] = []

    def fails(run: list[int]) -> bool:
        tried.append(run)
        return True

    left = shrink([1] * 50, fails, over=lambda: len(tried) >= 2)
    assert left == tried[1]
    assert len(tried) == 2
