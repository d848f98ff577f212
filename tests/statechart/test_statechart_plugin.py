"""The pytest plugin: which rows of charts a run took.

Every run of pytest is a process of its own; what is counted in it is tried here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings

from statechart import Chart, Drop, Go, State
from statechart.testing import charts, mutants, scripted, survivors
from statechart.testing.plugin import _percent
from statechart.testing.report import Count, Report, ReportError, Row, least, lines, shown
from statechart.testing.tally import Tally

CHARTS = """
from statechart import Chart, Drop, Go, State

def door(name="door"):
    return Chart(
        name=name,
        regions=(State("door", (State("open"), State("shut")), initial="open"),),
        events=("push", "pull"),
        rows=(Go("push", "open", "shut"), Drop("push", "shut", "shut_already"),
              Go("pull", "shut", "open"), Drop("pull", "open", "open_already")),
    )

DOOR = door()
OTHER = door("other")
"""

TESTS = """
from charts import DOOR, door

def test_push():
    table = DOOR.compile()
    shut = table.step(table.initial, "push").configuration
    assert "shut" in shut

def test_the_same_chart_compiled_again():
    table = door().compile()
    assert table.step(table.initial, "pull").reason == "open_already"
"""

Run = Callable[..., subprocess.CompletedProcess[str]]

STRICT = "[pytest]\naddopts = --strict-config --strict-markers\nfilterwarnings = error\n"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    (tmp_path / "charts.py").write_text(CHARTS)
    (tmp_path / "test_door.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text(STRICT)
    path = os.pathsep.join((str(tmp_path), str(Path(__file__).parents[2])))
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": path}

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pytest", "-p", "statechart.testing.plugin"]
        return subprocess.run(
            [*command, *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return call


def test_without_the_option_nothing_is_said(run: Run) -> None:
    done = run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "chart coverage" not in done.stdout


def test_every_chart_that_was_stepped_is_told_once(run: Run, tmp_path: Path) -> None:
    done = run(
        "--chart-coverage",
        "--chart-coverage-output=out/counts.json",
        "--chart-coverage-fail-under=51",
    )
    assert done.returncode == 1
    assert "FAIL: chart coverage of 50.0 % is below 51 %" in done.stdout
    assert "door: 2/4 rows taken, 50.0 %" in done.stdout
    assert "  never taken: row 1: 'push' in 'shut' dropped (shut_already)" in done.stdout
    assert "row 0: 'push' in 'open'" not in done.stdout
    assert "other" not in done.stdout
    (door,) = json.loads((tmp_path / "out/counts.json").read_text())
    rows = door.pop("rows")
    assert door == {"name": "door", "taken": 2, "total": 4, "percent": 50.0}
    assert [row["count"] for row in rows] == [1, 0, 0, 1]
    assert rows[0] == {
        "trigger": "push",
        "source": "open",
        "answer": "go",
        "targets": ["shut"],
        "conditions": [],
        "row": 0,
        "count": 1,
    }


def test_a_chart_that_is_named_is_told_of_and_drawn(run: Run, tmp_path: Path) -> None:
    done = run(
        "--chart-coverage=charts:DOOR",
        "--chart-coverage-output=door.mmd",
        "--chart-coverage-fail-under=50",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "door: 2/4 rows taken, 50.0 %" in done.stdout
    assert "stateDiagram" in (tmp_path / "door.mmd").read_text()


def test_options_that_need_another(run: Run) -> None:
    done = run("--chart-coverage-fail-under=5")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "need --chart-coverage" in done.stderr


def test_tests_behind_the_option_are_not_taken_for_charts(run: Run, tmp_path: Path) -> None:
    for tests in (".", "test_door.py", "test_door.py::test_push"):
        done = run("--chart-coverage", tests)
        assert done.returncode == pytest.ExitCode.USAGE_ERROR
        assert f"write --chart-coverage= {tests} for all charts" in done.stderr
    done = run("--chart-coverage=", "test_door.py::test_push")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "door: 1/4 rows taken, 25.0 %" in done.stdout


def test_a_threshold_is_a_share(run: Run) -> None:
    done = run("--chart-coverage", "--chart-coverage-fail-under=nan")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "'nan' is no share: write a number from 0 to 100" in done.stderr
    for text in ("200", "-1", "half", "inf"):
        with pytest.raises(ArgumentTypeError, match=text):
            _percent(text)
    assert [_percent("0"), _percent("99.5"), _percent("100")] == [0, 99.5, 100]


@pytest.mark.parametrize("option", ["--collect-only", "--fixtures", "--setup-plan"])
def test_a_run_without_tests_is_not_judged(run: Run, tmp_path: Path, option: str) -> None:
    done = run(
        option,
        "--chart-coverage=charts:DOOR",
        "--chart-coverage-fail-under=100",
        "--chart-coverage-output=door.json",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "chart coverage" not in done.stdout
    assert not (tmp_path / "door.json").exists()


def test_a_file_that_cannot_be_written_is_one_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "full.json").mkdir()
    done = run("--chart-coverage", "--chart-coverage-output=full.json", "--color=yes")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "\x1b[31mFAIL: cannot write full.json: Is a directory" in done.stdout
    assert "door: 2/4 rows taken, 50.0 %" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


BOUND = """
from charts import DOOR
TABLE = DOOR.compile()
STEP = TABLE.step
"""


@pytest.mark.parametrize("wanted", ["", "bound:DOOR"])
def test_methods_bound_while_pytest_loads_are_counted(
    run: Run, tmp_path: Path, wanted: str
) -> None:
    (tmp_path / "bound.py").write_text(BOUND)
    (tmp_path / "conftest.py").write_text("import bound" if not wanted else "")
    (tmp_path / "test_door.py").write_text(
        "from bound import STEP, TABLE\n\ndef test_push():\n    STEP(TABLE.initial, 'push')\n"
    )
    done = run(f"--chart-coverage={wanted}")
    assert "door: 1/4 rows taken, 25.0 %" in done.stdout, done.stdout + done.stderr


def test_without_the_option_nothing_more_is_imported() -> None:
    code = """
import sys, pytest, statechart
before = {*sys.modules}
import statechart.testing.plugin
print(*sorted({*sys.modules} - before))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["statechart.testing", "statechart.testing.plugin"]


# -- what is counted -------------------------------------------------------------------------------


@pytest.fixture
def tally() -> Iterator[Tally]:
    found = Tally()
    found.begin()
    yield found
    found.end()


def door(**changes: Any) -> Chart:
    parts: dict[str, Any] = {
        "name": "door",
        "regions": (State("door", (State("open"), State("shut")), initial="open"),),
        "events": ("push",),
        "rows": (Go("push", "open", "shut"), Drop("push", "shut", "shut_already")),
    }
    return Chart(**{**parts, **changes})


def push(chart: Chart) -> None:
    table = chart.compile()
    shut = table.step(table.initial, "push", {}).configuration
    assert "shut" in shut
    assert table.step(shut, "push", {}).reason == "shut_already"


def told(tally: Tally) -> list[str]:
    return [line for line in lines(Report(tally, "", None).counts()) if "taken, " in line]


def test_what_a_suite_does_with_mutants_is_not_counted(tally: Tally) -> None:
    def suite(chart: Chart) -> None:
        push(scripted(chart))  # a chart of its own, which nobody knows to be of a mutant
        push(door(name="helper", rows=chart.rows))

    assert survivors(door(), suite).killed
    assert told(tally) == [
        "door: 2/2 rows taken, 100.0 %",
        "helper: 2/2 rows taken, 100.0 %",
    ]


def test_mutants_that_a_test_steps_itself_are_not_counted(tally: Tally) -> None:
    born = [mutant.chart for mutant in mutants(door()) if mutant.chart]
    for chart in born:
        for each in (chart, scripted(chart)):
            each.compile().start()
            each.compile().step(each.compile().initial, "push")
    assert born
    assert told(tally) == []


def test_a_chart_made_while_a_mutant_is_tested_is_counted_later(tally: Tally) -> None:
    kept: list[Chart] = []
    survivors(door(), lambda _: kept.append(scripted(door())))
    push(kept[-1])
    assert told(tally) == ["door: 2/2 rows taken, 100.0 %"]


def test_charts_drawn_by_chance_are_not_counted(tally: Tally) -> None:
    @settings(derandomize=True, deadline=None, database=None, max_examples=3)
    @given(charts(size=5))
    def start(chart: Chart) -> None:
        scripted(chart).compile().start(dict.fromkeys(chart.guards, True))

    start()
    assert told(tally) == []


def test_charts_that_differ_in_actions_are_two(tally: Tally) -> None:
    loud = (Go("push", "open", "shut", actions="bang"), door().rows[1])
    push(door())
    push(door())
    table = door(rows=loud).compile()
    table.step(table.initial, "push")
    assert told(tally) == ["door: 1/2 rows taken, 50.0 %", "door: 2/2 rows taken, 100.0 %"]


def test_a_chart_nobody_stepped_is_told_of_if_it_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "some_doors.py").write_text(CHARTS)
    monkeypatch.syspath_prepend(tmp_path)
    tally = Tally()
    report = Report(tally, "some_doors:OTHER,some_doors:DOOR", None)
    table = import_module("some_doors").DOOR.compile()
    tally.begin()
    table.step(table.initial, "push")
    table.start()
    tally.end()
    table.step(table.initial, "pull")
    assert [line for line in lines(report.counts()) if "taken, " in line] == [
        "door: 1/4 rows taken, 25.0 %",
        "other: 0/4 rows taken, 0.0 %",
    ]
    assert least(report.counts()) == 0.0


@pytest.mark.parametrize(
    ("output", "message"), [("a.mmd", "name exactly one"), ("a.txt", r"end in \.json or \.mmd")]
)
def test_files_that_cannot_be_written(output: str, message: str) -> None:
    with pytest.raises(ReportError, match=message):
        Report(Tally(), "", output)


class Event(str, Enum):  # noqa: UP042 - not a StrEnum: its str() is not its value
    PUSH = "push"


def test_the_counts_of_other_processes_are_added_in_order(tally: Tally) -> None:
    class Door(str):
        __slots__ = ()

    for name in ("window", Door("door")):
        rows = (Go(Event.PUSH, "open", "shut"), Drop(Event.PUSH, "shut", "shut_already"))
        push(door(name=name, events=(Event.PUSH,), rows=rows))
    sent = Report(tally, "", None).plain()
    assert {type(part) for each in sent for part in flat(each)} == {str, int}
    both = Report(Tally(), "", None)
    both.add([(name, rows[::-1]) for name, rows in sent])
    both.add(sent[::-1])
    assert list(lines(both.counts())) == [
        "door: 2/2 rows taken, 100.0 %",
        "window: 2/2 rows taken, 100.0 %",
    ]
    assert [list(each.rows.values()) for each in both.counts()] == [[2, 2], [2, 2]]
    assert [row.row for each in both.counts() for row in each.rows] == [0, 1, 0, 1]


def flat(value: object) -> Iterator[object]:
    if type(value) in {tuple, list}:
        for part in cast("tuple[object, ...]", value):
            yield from flat(part)
    else:
        yield value


def test_all_but_one_is_not_all() -> None:
    rows = [Row(n, "s", "e", "go", (), (), "", "") for n in range(3000)]
    count = Count("big", {row: row.row for row in rows})
    assert next(iter(lines([count]))) == "big: 2999/3000 rows taken, 99.9 %"
    assert shown(100.0) == "100.0 %"


def test_a_run_without_charts_has_no_coverage() -> None:
    counts = Report(Tally(), "", None).counts()
    assert list(lines(counts)) == ["no chart was stepped"]
    assert least(counts) == 0.0


def test_an_address_without_a_chart() -> None:
    with pytest.raises(ReportError, match="nowhere"):
        Report(Tally(), "nowhere:CHART", None)
