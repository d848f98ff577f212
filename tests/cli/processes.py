"""`python -m actors ...` as a real process, read line by line and never waited for in vain."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 400
"""Seconds after which a process that hangs is killed, so that its test fails instead of hanging; on
a machine with other work a server of a whole module has lived for 180."""


class Done(NamedTuple):
    """A process that has ended."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line on stderr."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        return lines[0]


class Process:
    """One command under way. Use `started`."""

    def __init__(self, *arguments: str) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100", "NO_COLOR": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "actors", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=ROOT,
        )
        self._watchdog = threading.Timer(PATIENCE, self._process.kill)
        self._watchdog.start()

    def line(self, containing: str) -> str:
        """The next line that contains a text, and everything before it."""
        assert self._process.stdout is not None
        seen = ""
        for line in self._process.stdout:
            seen += line
            if containing in line:
                return seen
        raise AssertionError(f"ended without {containing!r}: {seen}\n{self.done()}")

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def done(self) -> Done:
        """Wait for the end."""
        out, err = self._process.communicate()
        self._watchdog.cancel()
        return Done(self._process.returncode, out, err)

    def end(self) -> None:
        """Make sure that nothing is left of it."""
        if self._process.poll() is None:
            self._process.kill()
        if not (self._process.stdout and self._process.stdout.closed):
            self.done()
        self._watchdog.cancel()


@contextmanager
def started(*arguments: str) -> Iterator[Process]:
    """A command that is gone at the end of the block."""
    process = Process(*arguments)
    try:
        yield process
    finally:
        process.end()


def run(*arguments: str) -> Done:
    """Run a command to its end."""
    with started(*arguments) as process:
        return process.done()
