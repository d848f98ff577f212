"""Journals for tests of the operator's commands, made by real servers and by hand."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest import mock

from actors.cli.app import run as command_line
from actors.storage import SqliteJournal
from tests.cli.processes import Done, Process, started
from tests.servers import free_port
from tests.storage.filled import fill


def call(*arguments: str) -> Done:
    """Run a command in this process: the same command line, without the time to start."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    with (
        mock.patch.object(sys, "argv", ["actors", *arguments]),
        mock.patch.dict(os.environ, {"COLUMNS": "100", "NO_COLOR": "1"}),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            code = command_line()
        except SystemExit as ended:
            code = int(ended.code or 0)
    texts = []
    for stream in (out, err):
        stream.seek(0)
        texts.append(stream.read())
    return Done(code, *texts)


CLERK = "tests.cli.agents:Clerk"


@contextmanager
def serving(path: Path, agent: str = CLERK) -> Iterator[tuple[Process, str]]:
    """A server with its tasks in a file, and its URL."""
    port = str(free_port())
    places = ("--port", port, "--grpc-port", "0", "--database", str(path))
    with started("serve", agent, *places) as server:
        server.line("ready")
        yield server, f"http://127.0.0.1:{port}"


def killed_server(path: Path, *texts: str) -> list[str]:
    """Let a server work on some messages, kill it, and return the ids of the tasks."""
    with serving(path) as (server, url):
        for text in texts:
            call("send", text, "--url", url)
        server.signal(signal.SIGKILL)
        assert server.done().code == -signal.SIGKILL
    return [task["task"] for task in reversed(listed(path))]


def listed(path: Path, *options: str) -> list[dict[str, Any]]:
    """What `actors tasks --json` says."""
    done = call("tasks", "--database", str(path), "--json", *options)
    assert (done.code, done.err) == (0, "")
    return [json.loads(line) for line in done.out.splitlines()]


def filled(path: Path) -> Path:
    """A journal with something of everything in it."""
    asyncio.run(fill(SqliteJournal(path)))
    return path
