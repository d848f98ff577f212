"""`actors simulate`: what it runs, what it tells, and how it ends."""

from __future__ import annotations

import io
import json
import signal
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from actors.cli.failure import CommandError
from actors.cli.simulate import Options, simulate
from actors.cli.words import duration
from actors.simulation.scenarios import sends, small
from actors.task.policy import Policy
from tests.cli.processes import run, started

CLERK = "tests.cli.agents:Clerk"
LEAVES = "tests.simulation.users:Leaves"
CLOCKED = "tests.simulation.users:Clocked"


def options(tmp_path: Path, **changes: Any) -> Options:
    usual: dict[str, Any] = {
        "agent": None,
        "seed": 0,
        "schedules": 3,
        "budget": None,
        "exhaustive": False,
        "policies": (Policy.sdk(),),
        "crashes": None,
        "report_to": tmp_path / "found",
        "machine": False,
    }
    return Options(**usual | changes)


def told(tmp_path: Path, *, terminal: bool = False, **changes: Any) -> str:
    out = io.StringIO()
    simulate(options(tmp_path, **changes), Console(file=out, width=120, force_terminal=terminal))
    return out.getvalue()


def test_the_task_core_under_both_policies() -> None:
    done = run("simulate", "--schedules", "4")
    assert (done.code, done.err) == (0, "")
    assert "[1] whims, policy sdk, after a crash fail: 4 schedules" in done.out
    assert "[2] whims, policy spec, after a crash fail: 4 schedules" in done.out
    assert "        4        4   0 A run comes to its end" in done.out
    assert "never exercised in [1]: " in done.out


def test_an_agent_for_programs(tmp_path: Path) -> None:
    arguments = ("--schedules", "5", "--crashes", "1", "--json", "--report-to", str(tmp_path))
    done = run("simulate", CLERK, *arguments, "--policy", "spec", "--recovery", "rerun")
    assert (done.code, done.err) == (0, "")
    found = json.loads(done.out)
    (course,) = found["courses"]
    assert found["passed"] is True
    assert found["failure"] is None
    assert course["title"] == f"{CLERK}, policy spec, after a crash rerun"
    assert course["schedules"] == 5
    assert course["invariants"]["31"] == 5
    assert set(course["never_exercised"]) == {
        int(number) for number, count in course["invariants"].items() if not count
    }
    assert list(tmp_path.iterdir()) == []


def test_what_an_agent_leaves_is_explained_and_written_down(tmp_path: Path) -> None:
    done = run("simulate", LEAVES, "--schedules", "5", "--report-to", str(tmp_path))
    assert done.code == 1
    assert "asyncio task forgotten" in done.out
    assert "BROKEN" in done.out
    assert f"see {tmp_path / 'trace.txt'}" in done.complaint
    assert "again: --schedules 1" in done.complaint
    assert {path.name for path in tmp_path.iterdir()} >= {"trace.txt", "sequence.mmd"}


def test_a_call_that_no_replay_repeats_is_named_for_programs_too(tmp_path: Path) -> None:
    done = run("simulate", CLOCKED, "--schedules", "2", "--json", "--report-to", str(tmp_path))
    assert done.code == 1
    found = json.loads(done.out)
    assert found["passed"] is False
    assert "time.time() was called in a simulation" in found["failure"]["violations"][0]
    assert "REPLAYED" not in found["failure"]["explanation"]
    assert found["failure"]["files"] == [str(path) for path in sorted_as(found, tmp_path)]


def sorted_as(found: Any, directory: Path) -> list[Path]:
    """The files of a directory in the order in which they were told."""
    order = {name: place for place, name in enumerate(found["failure"]["files"])}
    return sorted(directory.iterdir(), key=lambda path: order[str(path)])


def test_another_failure_does_not_overwrite_the_first(tmp_path: Path) -> None:
    assert run("simulate", LEAVES, "--schedules", "1", "--report-to", str(tmp_path)).code == 1
    done = run("simulate", CLOCKED, "--schedules", "1", "--report-to", str(tmp_path))
    assert done.code == 1
    assert "cannot be written down" in done.complaint
    assert "trace.txt" in done.complaint


def test_a_scope_that_is_searched_as_a_whole_or_as_far_as_the_time_goes(tmp_path: Path) -> None:
    said = told(tmp_path, exhaustive=True, schedules=None, budget=0.1, crashes=0)
    assert "[1] one-client, policy sdk" in said
    assert " states, " in said
    assert " transitions" in said
    assert "yes   0 A run comes to its end" in said


def test_a_whole_scope_says_what_the_reduction_saves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.cli.courses.SMALL", (small("tiny", sends, events=1),))
    said = told(tmp_path, exhaustive=True, schedules=None, crashes=0)
    assert "every run of the scope: " in said
    found = json.loads(told(tmp_path, exhaustive=True, schedules=None, crashes=0, machine=True))
    (course,) = found["courses"]
    assert course["complete"] is course["unreduced_complete"] is True
    reduced, all_of_them = course["transitions"], course["unreduced_transitions"]
    assert 0 < reduced < all_of_them
    saved = f"({1 - reduced / all_of_them:.0%} saved)"
    assert f"{reduced:,} transitions; without the reduction {all_of_them:,}" in said
    assert saved in said


def test_on_a_terminal_there_is_a_bar(tmp_path: Path) -> None:
    said = told(tmp_path, terminal=True)
    assert "whims, policy sdk" in said
    assert "━" in said


def test_ctrl_c_ends_with_what_has_been_found() -> None:
    with started("simulate", "--budget", "10m") as process:
        process.line("whims, policy sdk")
        process.signal(signal.SIGINT)
        done = process.done()
    assert done.code == 130
    assert "nothing broke until then" in done.complaint
    assert "[1] whims, policy sdk, after a crash fail: " in done.out
    assert "[2]" not in done.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nonsense",), "'nonsense' is not MODULE:EXECUTOR"),
        (("tests.cli.agents:make_trouble",), "OSError: no clerk today"),
        ((CLERK, "--exhaustive"), "--exhaustive is for the task core"),
        (("--budget", "soon"), "'soon' is no duration"),
    ],
)
def test_what_cannot_be_run(arguments: tuple[str, ...], said: str) -> None:
    done = run("simulate", *arguments)
    assert done.code == 2
    assert said in done.complaint


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("1.5m", 90), ("2h", 7_200), ("500ms", 0.5), (" 3 s ", 3)],
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "0s", "-1s", "1y", "s", "1e3", "inf"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(CommandError, match="is no duration"):
        duration(text)


def test_one_schedule_of_an_agent_is_told_as_one(tmp_path: Path) -> None:
    (course,) = json.loads(told(tmp_path, agent=CLERK, schedules=1, machine=True))["courses"]
    assert course["schedules"] == 1
    assert course["invariants"]["31"] == 1
