"""Choices: one source, 0 is in order, and whatever was chosen can be chosen again."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.simulation.choices import RARELY, Choices, Drawn, Recorded, Seeded

Asked = list[tuple[int, int]]

asked = st.lists(
    st.integers(1, 6).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), max_size=30
)


def answers(choices: Choices, questions: Asked) -> list[int]:
    return [choices.choose(options, rare) for options, rare in questions]


@given(st.integers(0, 1_000), asked)
@settings(derandomize=True, deadline=None)
def test_a_recording_repeats_what_a_seed_chose(seed: int, questions: Asked) -> None:
    seeded = Seeded(seed)
    chosen = answers(seeded, questions)
    assert chosen == answers(Seeded(seed), questions)
    assert chosen == answers(Recorded(seeded.made), questions)
    assert all(0 <= each < options for each, (options, _) in zip(chosen, questions, strict=True))


def test_one_option_is_no_choice() -> None:
    choices = Seeded(1)
    assert choices.choose(1) == 0
    assert choices.made == []


def test_a_recording_that_is_used_up_goes_on_in_order_and_without_faults() -> None:
    assert answers(Recorded([2]), [(3, 0), (3, 0), (2, 1)]) == [2, 0, 0]


def test_a_recorded_number_that_is_too_large_becomes_the_largest() -> None:
    choices = Recorded([7])
    assert choices.choose(3) == 2
    assert choices.made == [2]


def test_rare_options_are_rare_and_the_others_alike() -> None:
    choices = Seeded(0)
    count = Counter(choices.choose(5, 2) for _ in range(20_000))
    rare = (count[3] + count[4]) / 20_000
    assert RARELY / 2 < rare < RARELY * 2
    assert max(count[0], count[1], count[2]) < 1.1 * min(count[0], count[1], count[2])
    assert min(count[3], count[4]) > 0


def test_when_everything_is_rare_the_first_is_usual() -> None:
    choices = Seeded(0)
    count = Counter(choices.choose(3, 3) for _ in range(5_000))
    assert count[0] > 4_500
    assert min(count[1], count[2]) > 0


def test_somebody_else_may_draw() -> None:
    asked_for: list[tuple[int, int]] = []

    def draw(least: int, most: int) -> int:
        asked_for.append((least, most))
        return most

    assert answers(Drawn(draw), [(4, 0), (1, 0), (2, 1)]) == [3, 0, 1]
    assert asked_for == [(0, 3), (0, 1)]
