"""The PostgreSQL server for tests, where the machine is slow or its processes are quick to end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests import postgres
from tests.postgres import OwnServer, _ending


def test_a_process_that_has_ended_is_not_waited_for() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with _ending([ended]):
        pass


def test_a_server_that_is_slow_to_start_is_started_a_second_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[object] = []

    def start() -> None:
        asked.append("start")
        if len(asked) == 1:
            raise subprocess.TimeoutExpired("pg_ctl", 10)

    def execute(command: str, arguments: tuple[str, ...], *_: object, **__: object) -> str:
        asked.append((command, arguments[-1]))
        raise subprocess.CalledProcessError(1, "pg_ctl")  # there was none to stop

    monkeypatch.setattr(postgres, "_execute", lambda: execute)
    server = OwnServer.__new__(OwnServer)
    server._data = Path("nowhere")
    server._server = SimpleNamespace(bin_path=Path(), system_user=None)  # type: ignore[assignment] # of it, what is used
    server._start(start)
    assert asked == ["start", ("pg_ctl", "stop"), "start"]
