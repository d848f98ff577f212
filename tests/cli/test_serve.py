"""`actors serve`: it says where it serves, ends cleanly, and fails in one line."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.processes import ROOT, run, started
from tests.servers import free_port

CLERK = "tests.cli.agents:Clerk"


@pytest.fixture
def taken() -> Iterator[str]:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        yield str(sock.getsockname()[1])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_says_where_it_serves_and_ends_cleanly(number: signal.Signals, tmp_path: Path) -> None:
    port, other = free_port(), free_port()
    places = ("--port", str(port), "--grpc-port", str(other), "--database", str(tmp_path / "t.db"))
    with started("serve", CLERK, *places, "--policy", "spec", "--recovery", "rerun") as server:
        said = server.line("ready")
        server.signal(number)
        done = server.done()
    assert "Clerk  Writes two words, asks a question, and repeats the answer." in said
    assert f"http://127.0.0.1:{port}\n" in said
    assert f"http://127.0.0.1:{port}/rest\n" in said
    assert f"127.0.0.1:{other}\n" in said
    assert "policy spec, after a crash rerun" in said
    assert (done.code, done.out, done.err) == (0, "stopped\n", "")


def test_an_open_stream_cannot_block_the_end(tmp_path: Path) -> None:
    """The run that would never end gets the drain time, its stream an answer, the process ends."""
    port = str(free_port())
    places = ("--port", port, "--grpc-port", "0", "--database", str(tmp_path / "t.db"))
    with started("serve", "tests.cli.agents:Patient", *places, "--drain", "0.2") as server:
        server.line("ready")
        with started("send", "wait", "--url", f"http://127.0.0.1:{port}", "--json") as client:
            client.line("SUBMITTED")
            server.signal(signal.SIGTERM)
            ended, told = server.done(), client.done()
    assert ended.code == 0
    assert told.code == 1
    assert "actors: " in told.complaint


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        ("nonsense", "'nonsense' is not MODULE:EXECUTOR"),
        ("no_such_module:Agent", "cannot import 'no_such_module'"),
        ("tests.cli.agents:Nobody", "has no attribute 'Nobody'"),
        ("tests.cli.agents:asyncio", "is a module, not an AgentExecutor"),
        ("tests.cli.agents:make_nothing", "is a NoneType, not an AgentExecutor"),
        ("tests.cli.agents:make_trouble", "OSError: no clerk today"),
        ("tests.cli.broken:Agent", "ZeroDivisionError"),
    ],
)
def test_an_agent_that_cannot_be_served(agent: str, said: str) -> None:
    done = run("serve", agent)
    assert done.code == 2
    assert said in done.complaint


@pytest.mark.parametrize("text", [None, "{", '{"nme": "x"}'])
def test_a_card_that_is_none(text: str | None, tmp_path: Path) -> None:
    card = tmp_path / "card.json"
    if text is not None:
        card.write_text(text)
    done = run("serve", CLERK, "--card", str(card))
    assert done.code == 2
    assert str(card) in done.complaint


def test_a_port_in_use(taken: str, tmp_path: Path) -> None:
    database = ("--database", str(tmp_path / "t.db"))
    done = run("serve", CLERK, "--port", taken, "--grpc-port", "0", *database)
    assert done.code == 1
    assert f"cannot serve on 127.0.0.1:{taken}: Address already in use" in done.complaint
    done = run("serve", CLERK, "--port", str(free_port()), "--grpc-port", taken, *database)
    assert done.code == 1
    assert f"cannot serve on 127.0.0.1:{taken}: Address already in use" in done.complaint


def test_a_database_in_use(tmp_path: Path) -> None:
    arguments = ("serve", CLERK, "--grpc-port", "0", "--database", str(tmp_path / "t.db"))
    with started(*arguments, "--port", str(free_port())) as server:
        server.line("ready")
        done = run(*arguments, "--port", str(free_port()))
        server.signal(signal.SIGTERM)
        assert server.done().code == 0
    assert done.code == 1
    assert "t.db is in use by process" in done.complaint


@pytest.mark.parametrize("command", ["serve", "send", "tail", "simulate", "demo"])
def test_help_teaches_by_example(command: str) -> None:
    assert f"│ {command} " in run("-h").out
    done = run(command, "-h")
    assert done.code == 0
    assert f"  actors {command}" in done.out


@pytest.mark.parametrize("missing", ["typer", "rich", "a2a"])
def test_without_the_extra_it_says_what_to_install(missing: str) -> None:
    script = f"import sys; sys.modules[{missing!r}] = None; sys.argv = ['actors', 'send', 'x']\n"
    script += "from actors.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "pip install 'statechart-actors[a2a,cli]'" in done.stderr
