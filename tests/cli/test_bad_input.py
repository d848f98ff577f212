"""What the operator's commands say of places that are none, and of journals with odd contents."""

from __future__ import annotations

import asyncio
import json
import math
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from a2a.types import StreamResponse, TaskState, TaskStatusUpdateEvent

from actors.runtime.journal.errors import StorageError
from actors.runtime.journal.port import Journal, settled
from actors.runtime.journal.record import Record
from actors.storage import MemoryJournal, SqliteJournal
from actors.storage.adopt import Owned, adopt
from actors.storage.choose import journal_at
from actors.storage.samples import store
from actors.task.listing import TASKS
from actors.task.record import Kind
from tests.cli.journals import CLERK, call, filled
from tests.cli.test_import_sdk import AT, COLUMNS, task
from tests.storage.filled import task_append

_SDK = "INSERT INTO tasks (id, context_id, status, metadata, artifacts, protocol_version) "
_DONE = '{"state": "TASK_STATE_COMPLETED"}'


# -- places that are none


@pytest.mark.parametrize("where", [":memory:", "mysql://me@host/agents", "sqlite:///x.db"])
def test_no_server_begins_where_no_tasks_can_be_kept(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = call("serve", CLERK, "--database", where)
    assert done.code == 2
    assert len(done.err.splitlines()) == 1
    assert "give" in done.complaint
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("where", [".", "/", "", ":memory:", "mysql://me@host/agents"])
@pytest.mark.parametrize("command", [("check",), ("export",)])
def test_what_is_no_file_is_said_in_one_line(
    command: tuple[str], where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = call("journal", *command, where)
    assert done.code in (1, 2)
    assert len(done.err.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_durability_is_not_for_a_database_elsewhere() -> None:
    with pytest.raises(StorageError, match="synchronous_commit"):
        journal_at("postgresql://me@host/agents", "power")


# -- what has no form in JSON, from an earlier release


def test_what_has_no_form_in_json_stops_no_command(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    asyncio.run(_unsayable(path))
    done = call("journal", "export", str(path))
    assert (done.code, done.err) == (0, "")
    records = [each for each in map(json.loads, done.out.splitlines()) if "payload" in each]
    assert "says" in records[0]
    assert "says" not in records[-1]
    again = tmp_path / "again.db"
    (tmp_path / "x.jsonl").write_text(done.out)
    assert call("journal", "import", str(tmp_path / "x.jsonl"), "--database", str(again)).code == 0
    assert call("journal", "export", str(again)).out == done.out
    done = call("replay", "poisoned", "--database", str(path), "--json")
    assert (done.code, json.loads(done.out.splitlines()[-1])["says"]) == (0, None)
    at = ("replay", "poisoned", "--database", str(path), "--at", str(records[-1]["seq"]))
    assert call(*at).code == 0
    done = call(*at, "--json")
    assert (done.code, done.out) == (1, "")
    assert "look at it without --json" in done.complaint


async def _unsayable(path: Path) -> None:
    journal: Journal = SqliteJournal(path)
    await settled(journal.open(TASKS))
    append = task_append("poisoned", 2, end=False)
    event = TaskStatusUpdateEvent(task_id="poisoned", context_id="context-1")
    event.status.state = TaskState.TASK_STATE_WORKING
    event.status.message.message_id = "m"
    event.status.message.parts.add().data.number_value = math.nan
    payload = StreamResponse(status_update=event).SerializeToString()
    last = Record(append.seq + 1, 1, AT, Kind.STATUS, payload)
    await store(journal, append, append._replace(expected=append.seq, records=(last,)))
    await settled(journal.close())


# -- a log without a name


def test_a_log_without_a_name_is_not_passed_over(tmp_path: Path) -> None:
    path = filled(tmp_path / "x.db")
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE logs SET log = '' WHERE log = 'task-0'")
        db.commit()
    done = call("journal", "check", str(path))
    assert done.code == 1
    assert "log '': found a log without a name" in done.out
    with closing(sqlite3.connect(path)) as db:
        db.execute("DELETE FROM records WHERE log = (SELECT id FROM logs WHERE log = '')")
        db.commit()
    done = call("journal", "export", str(path))
    assert done.code == 1
    assert "log ''" in done.complaint


def test_a_key_of_another_type_stops_the_export_in_one_line(tmp_path: Path) -> None:
    path = filled(tmp_path / "x.db")
    for table in ("keys", "consumers"):
        with closing(sqlite3.connect(path)) as db:
            db.execute(f"UPDATE {table} SET seq = ?", (b"one",))
            db.commit()
        done = call("journal", "export", str(path))
        assert done.code == 1
        assert "expected text and a number" in done.complaint
        with closing(sqlite3.connect(path)) as db:
            db.execute(f"DELETE FROM {table}")
            db.commit()


# -- rows of a2a-sdk's store


def test_no_row_takes_the_others_with_it(tmp_path: Path) -> None:
    old, new = tmp_path / "sdk.db", tmp_path / "x.db"
    deep = '{"a": ' + "[" * 5_000 + "]" * 5_000 + "}"
    rows: dict[Any, tuple[str, str | None, str | None]] = {
        "a number": (_DONE, "5", None),
        "a list": (_DONE, "[1]", None),
        "artifacts": (_DONE, None, "[5]"),
        "deep": (_DONE, deep, None),
        "deeper than a message": (_DONE, '{"a": ' + "[" * 60 + "]" * 60 + "}", None),
        "huge": (_DONE, '{"a": 1' + "0" * 400 + "}", None),
        "half a character": (_DONE, '{"a": "\\ud800"}', None),
        "": (_DONE, None, None),
        None: (_DONE, None, None),
        "z": (_DONE, None, None),
    }
    with closing(sqlite3.connect(old)) as db:
        db.execute(f"CREATE TABLE tasks ({COLUMNS.replace('NOT NULL PRIMARY KEY', '')})")
        for name, told in rows.items():
            db.execute(f"{_SDK} VALUES (?, 'c', ?, ?, ?, '1.0')", (name, *told))
        db.commit()
    done = call("journal", "import-sdk", str(old), "--database", str(new))
    assert (done.code, done.err) == (1, "")
    first, *lines = done.out.splitlines()
    assert first.startswith("imported 1 tasks")
    assert len(lines) == len(rows) - 1
    assert all(" cannot be read: " in line for line in lines)
    assert call("journal", "check", str(new)).out.startswith(f"{new}: sound; 1 logs")


def test_numbers_that_json_has_not_become_null_and_are_told(tmp_path: Path) -> None:
    old, new = tmp_path / "sdk.db", tmp_path / "x.db"
    parts = '[{"artifactId": "a", "parts": [{"data": {"x": [Infinity]}}]}]'
    with closing(sqlite3.connect(old)) as db:
        db.execute(f"CREATE TABLE tasks ({COLUMNS})")
        values = (_DONE, '{"a": NaN, "b": 1e999, "c": 1.5}', parts)
        db.execute(f"{_SDK} VALUES ('t', 'c', ?, ?, ?, '1.0')", values)
        db.commit()
    done = call("journal", "import-sdk", str(old), "--database", str(new))
    said = "task 't': null in place of 1e999, Infinity, NaN, no JSON number"
    assert (done.code, done.out.splitlines()[1:]) == (1, [said])
    done = call("replay", "t", "--database", str(new), "--at", "1", "--json")
    told = json.loads(done.out)["task"]
    assert told["metadata"] == {"a": None, "b": None, "c": 1.5}
    assert told["artifacts"][0]["parts"][0]["data"] == {"x": [None]}


class Choosy(MemoryJournal):
    """Keeps no log whose name has an x in it."""

    def append(self, group: Any) -> Any:
        if any("x" in each.log for each in group):
            raise ValueError("no x, please")
        return super().append(group)


async def test_a_task_that_the_journal_refuses_takes_no_other_with_it() -> None:
    async def tasks() -> Any:
        for name in ("a", "x", "", "b"):
            made = task("done")
            made.id = name
            yield Owned(made, "ann")

    done = await adopt(tasks(), Choosy(), tenant="", keep=False, now=AT)
    assert (done.imported, done.skipped) == (2, 0)
    assert done.refused == [
        "a task has no id, expected one: nobody could ask for it",
        "task 'x' cannot be kept there: no x, please",
    ]


def test_help_says_how_often_limits_are_looked_at() -> None:
    said = " ".join(call("serve", "--help").out.replace("│", " ").split())
    assert "Looked at every 10 minutes" in said
