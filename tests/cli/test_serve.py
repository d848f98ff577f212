"""`actors serve`: it says where it serves, ends cleanly, and fails in one line."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.a2a.app import address, interfaces
from tests.cli.journals import call
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


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--drain", "inf", "drain is inf, expected a finite number"),
        ("--drain", "1e300", "drain is 1e+300, expected a finite number"),
        ("--rate", "inf", "rate is inf, expected a number above 0"),
        ("--keep", "99999999999d", "age is 8639999999913600.0, expected a number"),
        ("--keep-records", "99999999999d", "records is 8639999999913600.0, expected a number"),
        ("--grpc-port", "8000", "--port and --grpc-port are both 8000: give each its own"),
    ],
)
def test_a_value_that_is_none(option: str, value: str, said: str) -> None:
    done = call("serve", CLERK, option, value)
    assert done.code == 2
    assert option in done.complaint
    assert said in done.complaint


def test_an_address_of_version_6_has_brackets() -> None:
    said = [(each.protocol_binding, each.url) for each in interfaces("::1", 80, 81)][:3]
    assert said == [
        ("JSONRPC", "http://[::1]:80"),
        ("HTTP+JSON", "http://[::1]:80/rest"),
        ("GRPC", "[::1]:81"),
    ]
    assert address("localhost", 80) == "localhost:80"


@pytest.mark.parametrize("host", ["::1", ""])
def test_serves_grpc_on_every_kind_of_host(host: str, tmp_path: Path) -> None:
    if host and not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    port, other = str(free_port()), str(free_port())
    places = ("--port", port, "--grpc-port", other, "--database", str(tmp_path / "t.db"))
    with started("serve", CLERK, "--host", host, *places) as server:
        server.line("ready")
        socket.create_connection((host or "127.0.0.1", int(other)), timeout=5).close()
        server.signal(signal.SIGTERM)
        done = server.done()
    assert (done.code, done.err) == (0, "")


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
