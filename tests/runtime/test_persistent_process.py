"""The shop of the README as real processes: what a kill leaves, and what goes on after it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(HERE.parent.parent)}


@contextmanager
def shop(path: Path, seconds: float) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(HERE / "shop.py"), str(path), str(seconds)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
    )
    try:
        with process:
            assert heard(process) == "open"
            yield process
            process.kill()
    finally:
        process.kill()


def say(process: subprocess.Popen[str], *lines: str) -> None:
    assert process.stdin is not None
    process.stdin.write("".join(f"{line}\n" for line in lines))
    process.stdin.flush()


def heard(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def killed(process: subprocess.Popen[str]) -> list[str]:
    """End it, and return what it has still said."""
    process.send_signal(signal.SIGKILL)
    assert process.stdout is not None
    return process.stdout.read().split("\n")[:-1]  # a torn last line says nothing


def test_a_timeout_survives_the_process(tmp_path: Path) -> None:
    path = tmp_path / "orders.db"
    with shop(path, 1.0) as first:
        say(first, "place 1", "place 2", "pay 2")
        assert [heard(first) for _ in range(3)] == ["1: placed", "2: placed", "2: paid"]
        rest = killed(first)
    with shop(path, 1.0) as second:
        if not rest:  # a slow machine may have let it expire before the kill
            assert heard(second) == "1: an order has expired"
        say(second, "look 1", "look 2", "pay 1")
        assert [heard(second) for _ in range(3)] == [
            "1: expired",
            "2: paid",
            "1: the order is expired",
        ]


@pytest.mark.parametrize("count", [1, 100])
def test_nothing_that_was_confirmed_is_lost(tmp_path: Path, count: int) -> None:
    path = tmp_path / "orders.db"
    with shop(path, 3600.0) as first:
        say(first, *(f"place {number}" for number in range(300)))
        told = [heard(first) for _ in range(count)] + killed(first)
        assert told == [f"{number}: placed" for number in range(len(told))]
    with shop(path, 3600.0) as second:
        say(second, *(f"look {number}" for number in range(len(told))))
        found = [heard(second) for _ in told]
        assert found == [f"{number}: placed" for number in range(len(told))]
        assert second.stdin is not None
        second.stdin.close()
        assert second.wait() == 0


def test_what_is_no_command_is_said_and_the_shop_stays_open(tmp_path: Path) -> None:
    with shop(tmp_path / "orders.db", 3600.0) as process:
        say(process, "", "place", "steal 1", "place 1")
        told = [heard(process) for _ in range(4)]
        assert told == ["expected one of place, pay, look, and a number"] * 3 + ["1: placed"]
