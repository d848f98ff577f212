"""`actors send` and `actors tail` against a real server, also one that is killed."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.processes import run, started
from tests.servers import free_port


def serve(port: int, database: Path) -> tuple[str, ...]:
    """The arguments of a server on `port`, with gRPC somewhere else."""
    places = ("--port", str(port), "--grpc-port", str(free_port()))
    return ("serve", "tests.cli.agents:make_clerk", *places, "--database", str(database))


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    with started(*serve(port, tmp_path_factory.mktemp("serve") / "tasks.db")) as server:
        server.line("ready")
        yield f"http://127.0.0.1:{port}"
        server.signal(signal.SIGTERM)
        assert server.done().code == 0


def lines(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def asked(url: str) -> str:
    """A new task that waits for an answer."""
    first = lines(run("send", "hello", "--url", url, "--json").out)[0]
    task: str = first["task"]["id"]
    return task


def test_a_conversation_for_people(url: str) -> None:
    done = run("send", "hello", "--url", url)
    assert (done.code, done.err) == (0, "")
    said = done.out.splitlines()
    task = said[0].removeprefix("task ")
    assert said[1:] == [
        "● submitted",
        "artifact words: one [31mtwo",
        "● input required",
        "  agent: What else?",
        f'answer with: actors send --task {task} --url {url} "..."',
    ]
    done = run("send", "nothing", "--task", task, "--url", url)
    assert done.code == 0
    assert done.out.splitlines()[:2] == ["● completed", "  agent: you said: nothing"]


@pytest.mark.parametrize("binding", ["jsonrpc", "rest", "grpc"])
def test_a_conversation_for_programs(url: str, binding: str) -> None:
    done = run("send", "hello", "--url", url, "--json", "--binding", binding)
    assert (done.code, done.err) == (0, "")
    assert [next(iter(event)) for event in lines(done.out)] == [
        "task",
        "artifactUpdate",
        "artifactUpdate",
        "statusUpdate",
    ]
    task = lines(done.out)[0]["task"]["id"]
    done = run("send", "no", "--task", task, "--url", url, "--json", "--no-stream")
    (only,) = lines(done.out)
    assert only["task"]["status"]["state"] == "TASK_STATE_COMPLETED"


def test_a_new_task_in_a_context(url: str) -> None:
    done = run("send", "hello", "--url", url, "--json", "--context", "ours")
    assert lines(done.out)[0]["task"]["contextId"] == "ours"


@pytest.mark.parametrize("binding", ["jsonrpc", "rest", "grpc"])
def test_an_error_of_the_server_is_one_line(url: str, binding: str) -> None:
    done = run("send", "hello", "--task", "nobody", "--url", url, "--binding", binding)
    assert done.code == 1
    assert "error -32001: Task nobody not found" in done.complaint
    done = run("tail", "nobody", "--url", url)
    assert done.code == 1
    assert "error -32001: Task not found" in done.complaint


def test_an_agent_that_raises(url: str) -> None:
    done = run("send", "stop", "--url", url, "--json")
    assert done.code == 1
    assert "error -32603" in done.complaint


@pytest.mark.parametrize("command", ["send", "tail"])
def test_no_server(command: str) -> None:
    done = run(command, "x", "--url", f"http://127.0.0.1:{free_port()}")
    assert done.code == 1
    assert "no server answers at" in done.complaint
    done = run(command, "x", "--url", "nonsense")
    assert done.code in (1, 2)
    assert "nonsense" in done.complaint


def test_tail_of_a_finished_task(url: str) -> None:
    task = asked(url)
    run("send", "nothing", "--task", task, "--url", url)
    done = run("tail", task, "--url", url)
    assert (done.code, done.err) == (0, "")
    assert "● completed" in done.out
    (only,) = lines(run("tail", task, "--url", url, "--json").out)
    assert only["id"] is None
    assert only["event"]["task"]["status"]["state"] == "TASK_STATE_COMPLETED"


def test_tail_replays_after_an_event(url: str) -> None:
    task = asked(url)
    run("send", "nothing", "--task", task, "--url", url)
    everything = lines(run("tail", task, "--after", "0", "--url", url, "--json").out)
    ids = [line["id"] for line in everything]
    assert ids == sorted(set(ids))
    assert [next(iter(line["event"])) for line in everything] == [
        "task",
        *["artifactUpdate"] * 2,
        *["statusUpdate"] * 2,
    ]
    rest = run("tail", task, "--after", str(ids[2]), "--url", url, "--json")
    assert lines(rest.out) == everything[3:]
    nothing = run("tail", task, "--after", str(ids[-1]), "--url", url, "--json")
    assert (nothing.code, nothing.out) == (0, "")


def test_tail_goes_on_when_the_server_was_killed(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    arguments = serve(port, tmp_path / "tasks.db")
    with started(*arguments) as server:
        server.line("ready")
        task = asked(url)
        with started("tail", task, "--after", "0", "--url", url, "--json") as tail:
            seen = lines(tail.line("INPUT_REQUIRED"))
            server.signal(signal.SIGKILL)
            server.done()
            with started(*arguments) as again:
                again.line("ready")
                run("send", "nothing", "--task", task, "--url", url)
                done = tail.done()
                everything = lines(run("tail", task, "--after", "0", "--url", url, "--json").out)
    assert (done.code, done.err) == (0, "")
    assert seen + lines(done.out) == everything


def test_tail_gives_up_at_once_if_told_so(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with started(*serve(port, tmp_path / "tasks.db")) as server:
        server.line("ready")
        task = asked(url)
        with started("tail", task, "--no-reconnect", "--url", url, "--json") as tail:
            tail.line("INPUT_REQUIRED")
            server.signal(signal.SIGKILL)
            done = tail.done()
    assert done.code == 1
    assert "the stream broke after event" in done.complaint
