"""The command line: what it prints, where, and its exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import statechart
from statechart.cli import main

SOURCE = """
from statechart import Chart, Go, State

def build(rows=(Go("turn", "off", "on"), Go("turn", "on", "off"))):
    lamp = State("lamp", (State("off"), State("on")), "off")
    return Chart(name="lamp", regions=(lamp,), events=("turn",), rows=rows)

LAMP = build()
NUMBER = 7

def bad():
    return build(rows=(Go("turn", "off", "on"),))

def needy(what):
    return what
"""


@pytest.fixture(autouse=True)
def lamps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module `lamps` that can be imported, in the current directory."""
    (tmp_path / "lamps.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "lamps", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("format_", "start"),
    [("mermaid", "stateDiagram-v2"), ("dot", 'digraph "lamp"'), ("answers", "### lamp")],
)
@pytest.mark.parametrize("where", ["lamps:LAMP", "lamps:build"])
def test_draw(format_: str, start: str, where: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["draw", where, "--format", format_]) == 0
    assert capsys.readouterr().out.startswith(start)


def test_draw_into_a_file(lamps: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["draw", "lamps:LAMP", "--output", "lamp.mmd"]) == 0
    assert (lamps / "lamp.mmd").read_text().startswith("stateDiagram-v2")
    assert capsys.readouterr().out == ""


def test_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "lamps:LAMP"]) == 0
    assert "1 region(s), 3 states, 1 events, 2 rows> is sound" in capsys.readouterr().out
    assert main(["check", "lamps:bad"]) == 1
    assert "unanswered: event 'turn' in <on>" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("lamps", "is not MODULE:ATTR"),
        ("nowhere:LAMP", "cannot import 'nowhere'"),
        ("lamps:LAMB", "has no attribute 'LAMB'"),
        ("lamps:NUMBER", "is a int, not a Chart"),
        ("lamps:needy", "failed when called without arguments"),
    ],
)
def test_errors(where: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", where]) == 2
    assert message in capsys.readouterr().err


def test_unwritable_output_and_missing_graphviz(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["draw", "lamps:LAMP", "--output", "no/such/directory"]) == 2
    monkeypatch.setenv("PATH", "")
    assert main(["draw", "lamps:LAMP", "--format", "svg"]) == 2
    errors = capsys.readouterr().err
    assert "no/such/directory" in errors
    assert "graphviz" in errors


def test_as_a_module(lamps: Path) -> None:
    home = str(Path(statechart.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-m", "statechart", "check", "lamps:bad"],
        capture_output=True,
        text=True,
        check=False,
        cwd=lamps,
        env=os.environ | {"PYTHONPATH": home},
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
