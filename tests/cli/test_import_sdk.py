"""`actors journal import-sdk`: tasks out of the table that a2a-sdk's DatabaseTaskStore writes.

The table is made as `a2a.server.models` has it, which needs SQLAlchemy.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from a2a.compat.v0_3.conversions import to_compat_task
from a2a.types import Artifact, Message, Part, Role, Task, TaskState, TaskStatus
from google.protobuf.json_format import MessageToDict

from actors.cli.sdk_rows import owned_tasks
from actors.runtime.journal.port import Journal, settled
from actors.storage import SqliteJournal
from actors.storage.adopt import Adopted, adopt
from actors.task.fold import fold
from actors.task.listing import TASKS
from tests.cli.journals import call, listed, serving
from tests.postgres import dsn, execute, own_server, schema

__all__ = ["dsn", "own_server", "schema"]

COLUMNS = (
    "id VARCHAR(36) NOT NULL PRIMARY KEY, context_id VARCHAR(36) NOT NULL, kind VARCHAR(16), "
    "owner VARCHAR(255), last_updated TIMESTAMP, status JSON NOT NULL, artifacts JSON, "
    "history JSON, protocol_version VARCHAR(16), metadata JSON"
)
AT = 1_700_000_000_123
STATES = {
    "done": TaskState.TASK_STATE_COMPLETED,
    "asked": TaskState.TASK_STATE_INPUT_REQUIRED,
    "busy": TaskState.TASK_STATE_WORKING,
    "new": TaskState.TASK_STATE_SUBMITTED,
    "old": TaskState.TASK_STATE_COMPLETED,
    "old-busy": TaskState.TASK_STATE_WORKING,
}


def task(name: str) -> Task:
    asked = Message(message_id=f"m-{name}", role=Role.ROLE_USER, parts=[Part(text="hello")])
    said = Message(message_id=f"s-{name}", role=Role.ROLE_AGENT, parts=[Part(text="what?")])
    made = Task(
        id=name,
        context_id="context",
        status=TaskStatus(state=STATES[name], message=said),
        history=[asked],
        artifacts=[Artifact(artifact_id="a", parts=[Part(text="one")])],
    )
    made.status.timestamp.FromMilliseconds(AT)
    made.metadata.update({"tag": name})
    return made


def row(name: str) -> tuple[str | None, ...]:
    """As DatabaseTaskStore writes it, in the present form or the one before."""
    made, owner = task(name), "ann" if name != "asked" else "bob"
    if name.startswith("old"):
        told = to_compat_task(made).model_dump(mode="json")
        fields: dict[str, Any] = {key: told.get(key) for key in ("status", "artifacts", "history")}
        fields["metadata"], version = told.get("metadata"), "0.3"
    else:
        fields = {
            "status": MessageToDict(made.status),
            "artifacts": [MessageToDict(each) for each in made.artifacts],
            "history": [MessageToDict(each) for each in made.history],
            "metadata": MessageToDict(made.metadata),
        }
        version = "1.0"
    texts = {key: json.dumps(value) for key, value in fields.items()}
    beside = (name, "context", "task", owner, "2023-11-14 22:13:20.123000")
    return (
        *beside,
        texts["status"],
        texts["artifacts"],
        texts["history"],
        version,
        texts["metadata"],
    )


def inserts(table: str) -> str:
    literals = []
    for name in STATES:
        values = ("NULL" if each is None else f"'{each}'" for each in row(name))
        literals.append(f"({', '.join(values)})")
    return f"CREATE TABLE {table} ({COLUMNS}); INSERT INTO {table} VALUES {', '.join(literals)};"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "sdk.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(inserts("tasks"))
    return path


def test_tasks_are_imported_with_their_owners_and_times(store: Path, tmp_path: Path) -> None:
    new = tmp_path / "x.db"
    done = call("journal", "import-sdk", str(store), "--database", str(new))
    assert (done.code, done.err) == (0, "")
    assert done.out == (
        f"imported 6 tasks into {new}, 3 of them as FAILED, as nobody works on them any more\n"
    )
    told = {each["task"]: each for each in listed(new)}
    states = {name: each["state"] for name, each in told.items()}
    assert states == {
        "done": "COMPLETED",
        "asked": "INPUT_REQUIRED",
        "busy": "FAILED",
        "new": "FAILED",
        "old": "COMPLETED",
        "old-busy": "FAILED",
    }
    assert {name for name, each in told.items() if each["owner"] == "bob"} == {"asked"}
    assert told["done"]["updated"] == told["asked"]["updated"] == told["old"]["updated"] == AT
    assert call("journal", "check", str(new)).code == 0


def test_tasks_are_what_they_were(store: Path, tmp_path: Path) -> None:
    journal: Journal = SqliteJournal(tmp_path / "x.db")

    async def imported() -> dict[str, Task | None]:
        rows = owned_tasks(str(store), "tasks", [])
        await adopt(rows, journal, tenant="acme", keep=True, now=AT + 5)
        await settled(journal.open(TASKS))
        found = [await settled(journal.read(name)) for name in STATES]
        await settled(journal.close())
        return {each.head.log: fold(each.tail).task for each in found if each is not None}

    expected = {name: task(name) for name in STATES}
    for name, made in expected.items():
        if name.startswith("old"):
            for message in (made.status.message, *made.history):  # as that form of A2A has it
                message.ClearField("task_id")
    assert asyncio.run(imported()) == expected


def test_those_that_are_there_are_skipped(store: Path, tmp_path: Path) -> None:
    command = ("journal", "import-sdk", str(store), "--database", str(tmp_path / "x.db"), "--json")
    call(*command, "--keep", "--tenant", "acme")
    states = {each["task"]: (each["state"], each["tenant"]) for each in listed(tmp_path / "x.db")}
    assert states["busy"] == ("WORKING", "acme")
    done = call(*command)
    counts = {"imported": 0, "failed": 0, "skipped": 6, "webhooks": 0, "unreadable": []}
    assert (done.code, json.loads(done.out)) == (0, counts)


def test_an_imported_task_goes_on(store: Path, tmp_path: Path) -> None:
    """With the owner of callers without a name, as those of the server here are."""
    with closing(sqlite3.connect(store)) as db:
        db.execute("UPDATE tasks SET owner = ''")
        db.commit()
    new = tmp_path / "x.db"
    call("journal", "import-sdk", str(store), "--database", str(new))
    with serving(new) as (_, url):
        assert "you said: on" in call("send", "on", "--task", "asked", "--url", url).out
        assert call("send", "on", "--task", "done", "--url", url).code == 1


def test_rows_that_are_none_are_said(store: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(store)) as db:
        db.execute("""UPDATE tasks SET status = '{"state": "HAPPY"}' WHERE id = 'busy'""")
        db.execute("""UPDATE tasks SET status = '{"state": "glad"}' WHERE id = 'old-busy'""")
        db.execute("UPDATE tasks SET history = '{' WHERE id = 'done'")
        db.commit()
    new = tmp_path / "x.db"
    done = call("journal", "import-sdk", str(store), "--database", str(new))
    assert done.code == 1
    first, *lines = done.out.splitlines()
    assert first.startswith("imported 3 tasks")
    assert [line[: line.index(" cannot")] for line in lines] == [
        "task 'busy'",
        "task 'done'",
        "task 'old-busy'",
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("sdk.db", "--table", "jobs"), "has no table 'jobs' of a2a-sdk's DatabaseTaskStore"),
        (("sdk.db", "--table", "a b"), "'a b' is no name of a table"),
        (("none.db",), "there is no database at"),
        (("other.db",), "found a table 'tasks' without ['context_id', 'status']"),
        (("text.db",), "file is not a database"),
    ],
)
def test_what_is_no_store(options: tuple[str, ...], said: str, store: Path, tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("hello" * 500)
    with closing(sqlite3.connect(tmp_path / "other.db")) as db:
        db.execute("CREATE TABLE tasks (id)")
    path, *rest = options
    new = tmp_path / "x.db"
    done = call("journal", "import-sdk", str(tmp_path / path), *rest, "--database", str(new))
    assert done.code in (1, 2)
    assert said in done.complaint
    assert not new.exists()


async def test_from_postgres(dsn: str, schema: str, tmp_path: Path) -> None:
    await execute(dsn, f"CREATE SCHEMA {schema}; SET search_path = {schema}; {inserts('mine')}")
    where = f"{dsn}{'&' if '?' in dsn else '?'}search_path={schema}"
    journal = SqliteJournal(tmp_path / "x.db")
    done = await adopt(owned_tasks(where, "mine", []), journal, tenant="", keep=False, now=AT)
    assert done == Adopted(imported=6, failed=3)
    assert len([each async for each in owned_tasks(where, "mine", [])]) == 6
