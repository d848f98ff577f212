"""The pytest plugin: which rows of charts a run took. Every run is a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

from statechart.testing.tally import Report, ReportError

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
    assert json.loads((tmp_path / "out/counts.json").read_text()) == [
        {
            "chart": "door",
            "rows": {
                "row 0: 'push' in 'open' -> shut": 1,
                "row 1: 'push' in 'shut' dropped (shut_already)": 0,
                "row 2: 'pull' in 'shut' -> open": 0,
                "row 3: 'pull' in 'open' dropped (open_already)": 1,
            },
        }
    ]


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


def test_a_chart_nobody_stepped_is_told_of_if_it_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "some_doors.py").write_text(CHARTS)
    monkeypatch.syspath_prepend(tmp_path)
    report = Report("some_doors:DOOR,some_doors:OTHER", None)
    table = import_module("some_doors").DOOR.compile()
    report.tally.begin()
    table.step(table.initial, "push")
    table.start()
    report.tally.end()
    table.step(table.initial, "pull")
    assert [line for line in report.lines() if "taken, " in line] == [
        "door: 1/4 rows taken, 25.0 %",
        "other: 0/4 rows taken, 0.0 %",
    ]
    assert report.percent() == 0.0


@pytest.mark.parametrize(
    ("output", "message"), [("a.mmd", "name exactly one"), ("a.txt", r"end in \.json or \.mmd")]
)
def test_files_that_cannot_be_written(output: str, message: str) -> None:
    with pytest.raises(ReportError, match=message):
        Report("", output)


def test_the_counts_of_other_processes_are_added() -> None:
    report = Report("", None)
    report.add([("door", {"a": 1, "b": 0})])
    report.add([("door", {"a": 2, "b": 0}), ("other", {"a": 1})])
    assert report.counts() == [("door", {"a": 3, "b": 0}), ("other", {"a": 1})]
    assert report.percent() == 50.0


def test_a_run_without_charts_has_no_coverage() -> None:
    report = Report("", None)
    assert list(report.lines()) == ["no chart was stepped"]
    assert report.percent() == 0.0


def test_an_address_without_a_chart() -> None:
    with pytest.raises(ReportError, match="nowhere"):
        Report("nowhere:CHART", None)
