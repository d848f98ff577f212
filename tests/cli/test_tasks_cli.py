"""`actors tasks | replay | fork`, as real processes on files of real servers."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path

import pytest

from actors.runtime.journal.port import Journal, Snapshot, settled
from actors.storage import SqliteJournal
from actors.storage.samples import store
from actors.task.listing import TASKS
from tests.cli.journals import call, filled, killed_server, listed, serving
from tests.cli.processes import run
from tests.storage.filled import task_append


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A file of a killed server; its tasks, one that waits and one that failed."""
    path = tmp_path_factory.mktemp("killed") / "x.db"
    asked, failed = killed_server(path, "hello", "stop")
    return path, asked, failed


Killed = tuple[Path, str, str]


def test_tasks_are_listed_the_newest_first(killed: Killed) -> None:
    path, asked, failed = killed
    done = call("tasks", "--database", str(path))
    assert (done.code, done.err) == (0, "")
    head, *lines = done.out.splitlines()
    assert head.split()[:2] == ["task", "state"]
    assert [line.split()[:2] for line in lines] == [[failed, "failed"], [asked, "input"]]
    told = listed(path)
    assert [(each["task"], each["state"]) for each in told] == [
        (failed, "FAILED"),
        (asked, "INPUT_REQUIRED"),
    ]


def test_tasks_are_chosen(tmp_path: Path) -> None:
    path = filled(tmp_path / "x.db")

    def names(*options: str) -> list[str]:
        return sorted(each["task"] for each in listed(path, *options))

    assert names("--owner", "bob") == ["task-long"]
    assert names("--state", "input-required") == ["task-1"]
    assert names("--state", "TASK_STATE_INPUT_REQUIRED", "--owner", "bob") == []
    assert len(names("--tenant", "acme", "--context", "context-1")) == 7
    assert names("--context", "x") == []
    assert len(names("--limit", "2")) == 2
    assert "there may be more" in call("tasks", "--database", str(path), "--limit", "2").out
    assert call("tasks", "--database", str(path), "--owner", "x").out == "no tasks match\n"
    done = call("tasks", "--database", str(path), "--state", "busy")
    assert done.code == 2
    assert "'busy' is no state; there are submitted, working" in done.complaint


def test_tasks_of_a_server_that_runs(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with serving(path) as (_, url):
        call("send", "hello", "--url", url)
        (task,) = listed(path)
        assert call("replay", task["task"], "--database", str(path)).code == 0
        done = call("fork", task["task"], "--at", "4", "--database", str(path))
    assert done.code == 1
    assert "x.db is in use by process" in done.complaint
    assert len(listed(path)) == 1


def test_what_happened(killed: Killed) -> None:
    path, asked, failed = killed
    done = run("replay", asked, "--database", str(path))
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert len(lines) == 7
    assert ": hello" in lines[0]
    assert "run 1 for the message in record 1" in lines[1]
    assert "\x1b" not in done.out
    told = [
        json.loads(line)
        for line in call("replay", failed, "--database", str(path), "--json").out.splitlines()
    ]
    assert [each["kind"] for each in told] == ["ACCEPTED", "STARTED", "TASK", "ENDED", "STATUS"]
    assert told[3]["says"]["message"] == "the clerk has stopped"
    assert [each["state"] for each in told][1:] == [
        "UNSPECIFIED",
        "SUBMITTED",
        "SUBMITTED",
        "FAILED",
    ]


def test_a_task_as_it_was(killed: Killed) -> None:
    path, asked, _ = killed
    command = ("replay", asked, "--database", str(path), "--at")
    told = json.loads(call(*command, "4", "--json").out)
    assert (told["at"], told["head"], told["running"]) == (4, 7, 1)
    assert told["task"]["status"]["state"] == "TASK_STATE_SUBMITTED"
    assert told["task"]["artifacts"][0]["parts"] == [{"text": "one "}]
    shown = call(*command, "6").out
    assert shown.startswith("as of record 6 of 7\nuser: hello\n")
    assert "agent: What else?" in shown
    assert "there was no Task yet" in call(*command, "2").out
    done = call(*command, "8")
    assert done.code == 1
    assert "has no version 8 to go back to: choose one from 1 to 7" in done.complaint


def test_a_compacted_task_says_from_where_on(tmp_path: Path) -> None:
    path = filled(tmp_path / "x.db")
    command = ("replay", "task-small", "--database", str(path))
    lines = call(*command).out.splitlines()
    assert lines[0] == "records up to 20 are in a snapshot; what came after it:"
    assert lines[1].split()[0] == "21"
    assert call(*command, "--at", "20").out.startswith("as of record 20 of")
    complaint = call(*command, "--at", "19").complaint
    assert "choose one from 20 to 49, records up to 20 are no longer kept" in complaint


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("nobody", "there is no task 'nobody'; `actors tasks` lists"),
        ("of epochs", "log 'of epochs' is not that of a task"),
    ],
)
def test_what_is_no_task(task: str, said: str, tmp_path: Path) -> None:
    path = filled(tmp_path / "x.db")
    assert said in call("replay", task, "--database", str(path)).complaint
    assert said in call("fork", task, "--at", "1", "--database", str(path)).complaint


def test_a_fork_goes_on_from_there(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    asked, failed = killed_server(path, "hello", "stop")
    before = json.loads(call("replay", asked, "--database", str(path), "--at", "5", "--json").out)
    command = ("--database", str(path), "--json")
    new = json.loads(call("fork", asked, "--at", "5", *command).out)
    assert (new["forkedFrom"], new["forkedAt"]) == (asked, 5)
    other = json.loads(call("fork", failed, "--at", "5", "--context", "c2", *command).out)["task"]
    told = json.loads(call("replay", new["task"], "--at", "1", *command).out)["task"]
    assert told["status"]["state"] == "TASK_STATE_INPUT_REQUIRED"
    assert told["metadata"] == {"forkedFrom": asked, "forkedAt": 5}
    assert told["artifacts"] == before["task"]["artifacts"]
    assert asked not in json.dumps([told["id"], told["history"]])
    assert call("journal", "check", str(path)).code == 0
    with serving(path) as (_, url):
        for task in (new["task"], other):
            assert "you said: on" in call("send", "on", "--task", task, "--url", url).out
    states = {each["task"]: (each["state"], each["context"]) for each in listed(path)}
    assert states[asked][0] == "INPUT_REQUIRED"
    assert states[new["task"]] == ("COMPLETED", states[asked][1])
    assert states[other] == ("COMPLETED", "c2")


def test_what_cannot_be_forked(killed: Killed, tmp_path: Path) -> None:
    path, asked, _ = killed
    done = call("fork", asked, "--at", "2", "--database", str(path))
    assert done.code == 1
    assert "had no visible state at record 2" in done.complaint
    done = call("fork", asked, "--at", "4", "--database", str(tmp_path / "none.db"))
    assert done.code == 1
    assert "there is no journal at" in done.complaint
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_task_is_said_in_one_line(tmp_path: Path) -> None:
    path = filled(tmp_path / "x.db")
    db = sqlite3.connect(path)
    db.execute("UPDATE records SET frame = zeroblob(40)")
    db.commit()
    db.close()
    done = call("replay", "task-0", "--database", str(path))
    assert done.code == 1
    assert "of log 'task-0' cannot be read" in done.complaint


def test_records_that_no_task_writes_are_said_in_one_line(tmp_path: Path) -> None:
    async def written() -> None:
        journal: Journal = SqliteJournal(tmp_path / "x.db")
        await settled(journal.open(TASKS))
        append = task_append("task", 1)
        other = append.records[0]._replace(kind=1, payload=b"no event")
        broken = append._replace(records=(other, *append.records[1:]))
        await store(journal, broken)
        await store(journal, task_append("snapped", 1))
        await settled(journal.save_snapshot("snapped", Snapshot(5, b"none")))
        await settled(journal.compact("snapped", 5))
        await settled(journal.close())

    asyncio.run(written())
    for task, said in (("task", "record 1 of task 'task' does not follow"), ("snapped", "is none")):
        done = call("replay", task, "--database", str(tmp_path / "x.db"))
        assert done.code == 1
        assert said in done.complaint


@pytest.mark.parametrize("command", ["tasks", "replay", "fork"])
def test_help_teaches_by_example(command: str) -> None:
    assert f"│ {command} " in call("-h").out
    done = call(command, "-h")
    assert done.code == 0
    assert f"  actors {command}" in done.out
