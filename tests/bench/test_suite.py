"""The arithmetic of `make bench`: ratios, targets, the table. Nothing is timed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bench.suite.child import HTTP, PLACES
from tests.bench.suite.http import DIMENSIONS
from tests.bench.suite.measuring import Found
from tests.bench.suite.plots import EVENTS, READERS, draw, points, save
from tests.bench.suite.program import chosen, plan
from tests.bench.suite.report import (
    Rounds,
    brief,
    figure,
    line,
    loaded,
    markdown,
    saved,
    score,
    table,
)
from tests.bench.suite.targets import ROWS, Key, Row, Sense, by_cpu, rounds_of

ROW = Row(
    title="tasks/s",
    dimension="tasks",
    size=100,
    figure="per_second",
    ours="process",
    sense="times",
    target=8,
    quick=True,
)


def measured(ours: list[float], peer: list[float], row: Row = ROW) -> dict[Key, dict[int, Found]]:
    """Rounds of one row."""

    def rounds(values: list[float]) -> dict[int, Found]:
        return {at: {row.figure: value} for at, value in enumerate(values)}

    return {
        Key(row.ours, row.dimension, row.size): rounds(ours),
        Key(row.peer, row.dimension, row.size): rounds(peer),
    }


def test_a_ratio_is_of_one_round() -> None:
    """Not of the medians: a machine that was slow for a round was slow for both."""
    found = line(ROW, measured([90, 1000, 100], [10, 100, 9]))
    assert (found.ours, found.peer) == (100, 10)
    assert found.ratio == 10
    assert found.low == 9
    assert found.high == 100 / 9


def test_a_round_that_one_side_lacks_has_no_ratio() -> None:
    found = line(ROW, measured([100, 100, 900], [10, 10]))
    assert (found.ratio, found.low, found.high, found.ours) == (10, 10, 10, 100)


@pytest.mark.parametrize(
    ("sense", "ours", "peer", "target", "met"),
    [
        ("times", 80, 10, 8, True),
        ("times", 79, 10, 8, False),
        ("saves", 10, 80, 8, True),
        ("saves", 80, 10, 8, False),
        ("share", 1, 20, 0.05, True),
        ("share", 1.1, 20, 0.05, False),
        ("at most", 1.1, 4, 1.1, True),
        ("at most", 1.2, 4, 1.1, False),
        ("at most", 0, 0, 0, True),
    ],
)
def test_a_target_is_met_in_the_sense_of_its_row(
    sense: Sense, ours: float, peer: float, target: float, *, met: bool
) -> None:
    row = replace(ROW, sense=sense, target=target)
    assert line(row, measured([ours], [peer], row)).met is met


def test_without_a_target_or_a_peer_nothing_is_judged() -> None:
    assert line(replace(ROW, target=None), measured([1], [1])).met is None
    assert line(ROW, measured([1], [])).met is None
    assert line(ROW, {}).ours is None


def test_nothing_beside_nothing_is_equal_and_something_is_infinite() -> None:
    assert line(ROW, measured([0], [0])).ratio == 1
    assert line(ROW, measured([3], [0])).ratio == float("inf")


def test_the_table_says_each_figure() -> None:
    alone = replace(ROW, title="idle", dimension="idle", peer="", sense="at most", target=0)
    rounds: Rounds = measured([1200, 1300], [100, 100]) | measured([0.25], [], alone)
    told = table(line(row, rounds) for row in (ROW, alone, replace(ROW, size=1)))
    assert told.splitlines() == [
        "dimension  side            peer   ours   ratio (spread)  target  met",
        "tasks/s    process : peer   100  1,250  12.5 (12 to 13)    >= 8  yes",
        "idle       process            -   0.25                -    <= 0   no",
    ]
    assert "| tasks/s | process : peer | 100 | 1,250 |" in markdown([line(ROW, rounds)])


def test_the_brief_table_has_a_line_for_each_dimension() -> None:
    power = replace(ROW, ours="power")
    rounds: Rounds = measured([1250], [100]) | measured([900], [100], power)
    told = brief(line(row, rounds) for row in (ROW, power))
    assert told.splitlines()[2:] == ["| tasks/s | 100 | 1,250 (**12.5x**) | 900 (**9x**) |  |"]


def test_figures_have_three_digits() -> None:
    assert [figure(each) for each in (None, 0, 0.01234, 1.234, 99.94, 123.4, 12_345)] == [
        *("-", "0", "0.012", "1.23", "99.9", "123", "12,345")
    ]


def test_the_score_names_what_was_missed() -> None:
    lines = [line(ROW, measured([ours], [10])) for ours in (80.0, 79.0)]
    assert score(lines) == "1 of 2 targets met\nmissed: tasks/s (process)"


def test_each_is_measured_once_in_a_round_and_the_sides_take_turns() -> None:
    rows = [ROW, replace(ROW, figure="cpu_us"), replace(ROW, ours="power")]
    steps = plan(rows, 3)
    assert len(steps) == len(set(steps)) == 9
    first = [next(key.side for at, key in steps if at == number) for number in range(3)]
    assert first == ["peer", "process", "power"]


def test_sides_that_take_minutes_have_fewer_rounds() -> None:
    steps = plan([replace(ROW, peer="peer-sqlite")], 5)
    assert [key.side for _, key in steps].count("peer-sqlite") == 3
    assert [key.side for _, key in steps].count("process") == 5
    assert rounds_of(Key("peer-sqlite", "tasks", 1), 1) == 1
    assert rounds_of(Key("peer-sqlite", "burst", 3000), 5) == 1


def test_each_row_can_be_measured() -> None:
    known = {*PLACES, *(HTTP + each for each in DIMENSIONS)}
    assert {row.dimension for row in ROWS} == known
    assert len({(row.title, row.ours, row.peer) for row in ROWS}) == len(ROWS)


def test_rows_are_chosen_by_dimension_side_and_haste() -> None:
    assert {row.dimension for row in chosen(["task", "fan"], [], quick=False)} == {
        *("tasks", "fanout")
    }
    assert {row.ours for row in chosen([], ["power"], quick=False)} == {"power"}
    assert all(row.quick for row in chosen([], [], quick=True))
    with pytest.raises(LookupError, match="there are burst, fanout"):
        chosen(["task"], ["nobody"], quick=False)


def test_a_rate_is_judged_by_processor_time_where_others_use_the_machine() -> None:
    row = by_cpu(ROW)
    assert (row.figure, row.sense, row.target) == ("cpu_us", "saves", 8)
    other = replace(ROW, figure="p50_us", sense="share")
    assert by_cpu(other) is other


def test_a_file_says_all_of_it(tmp_path: Path) -> None:
    rounds = measured([80, 90], [10, 10])
    path = tmp_path / "x.json"
    told = saved({"Python": "3.11"}, rounds, [ROW])
    path.write_text(json.dumps(told))
    assert loaded(path) == ({"Python": "3.11"}, rounds)
    assert told["table"][0]["ratio"] == 8.5


def test_plots_are_of_medians_by_size_and_the_same_twice(tmp_path: Path) -> None:
    rounds = {
        Key("process", "burst", 1000): {0: {"us": 9.0}, 1: {"us": 7.0}, 2: {"us": 8.0}},
        Key("process", "burst", 100): {0: {"us": 5.0}},
        Key("peer", "burst", 100): {0: {"us": 50.0}},
        Key("peer", "paced", 100): {0: {"cpu_us": 50.0}},
    }
    assert points(rounds, "process", "burst", "us") == [(100, 5.0), (1000, 8.0)]
    files = [tmp_path / "a.svg", tmp_path / "b.svg"]
    for file in files:
        save(draw(rounds)[EVENTS], file)
    assert files[0].read_bytes() == files[1].read_bytes()
    assert len(draw(rounds)[READERS].axes[0].lines) == 1
