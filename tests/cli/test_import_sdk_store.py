"""`actors journal import-sdk` on a file that a2a-sdk's own DatabaseTaskStore has written."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
from a2a.server.context import ServerCallContext
from a2a.server.tasks import DatabaseTaskStore
from a2a.types import Artifact, Message, Part, Role, Task, TaskState, TaskStatus
from google.protobuf.json_format import ParseDict
from sqlalchemy.ext.asyncio import create_async_engine

from actors.storage import SqliteJournal
from actors.task.fold import fold
from actors.task.listing import TASKS, TaskRow
from tests.cli.journals import call
from tests.users import Named

OWNERS: Final = ("ann", "bób ☠", "")
STATES: Final = [TaskState.Name(state) for state in TaskState.values() if state]
AT: Final = 1_700_000_000_123


def context(owner: str) -> ServerCallContext:
    return ServerCallContext(user=Named(owner))


def made(number: int) -> tuple[str, Task]:
    """A task and its owner; each has more in it than the one before."""
    name = f"task-{number}"
    task = Task(id=name, context_id=f"context-{number % 2}")
    task.status.CopyFrom(TaskStatus(state=STATES[number % len(STATES)]))
    if number % 5:
        task.status.timestamp.FromMilliseconds(AT + number)
    if number % 3:
        asked = Message(message_id="s", role=Role.ROLE_AGENT, parts=[Part(text='what, "é☠"?\n')])
        asked.task_id, asked.context_id = task.id, task.context_id
        task.status.message.CopyFrom(asked)
    for each in range(number % 4):
        said = Message(message_id=f"m{each}", role=Role.ROLE_USER, parts=_parts(number))
        said.extensions.append("https://example.org/e")
        said.reference_task_ids.extend(["task-0", f"task-{each}"])
        said.metadata.update({"n": each, "deep": {"list": [1, 2.5, None, True, "x"]}})
        task.history.append(said)
        artifact = Artifact(artifact_id=f"a{each}", name="é", description="d", parts=_parts(each))
        artifact.metadata.update({"size": 1e300})
        task.artifacts.append(artifact)
    if number % 2:
        task.metadata.update({"tag": name, "nested": {"empty": {}, "none": None, "big": 2**53}})
    return OWNERS[number % len(OWNERS)], task


def _parts(number: int) -> list[Part]:
    data = Part(metadata={"of": "data"}) if number % 2 else Part()
    ParseDict({"rows": [1, {"deep": [True, None, "é"]}]}, data.data)
    return [
        Part(text=""),
        Part(text="said", media_type="text/plain", filename="x.txt"),
        Part(raw=bytes(range(number, 200)), media_type="application/octet-stream"),
        Part(url="https://example.org/a?b=c&d"),
        data,
    ]


async def written(path: Path, table: str) -> dict[str, tuple[str, Task]]:
    """Let the SDK's store write a file; id -> owner and Task, as it gives it back."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}")
    store = DatabaseTaskStore(engine, table_name=table)
    found = {}
    try:
        for owner, task in map(made, range(24)):
            await store.save(Task(id=task.id, context_id="older"), context(owner))
            await store.save(task, context(owner))
            given = await store.get(task.id, context(owner))
            assert given is not None
            found[task.id] = owner, given
    finally:
        await engine.dispose()
    return found


def imported(path: Path) -> Mapping[str, tuple[str, Task | None]]:
    journal = SqliteJournal(path)
    journal.open(TASKS)
    found = {}
    for head in journal.heads():
        stored = journal.read(head.log)
        assert stored is not None
        assert isinstance(stored.row, TaskRow)
        found[head.log] = stored.row.owner, fold(stored.tail).task
    journal.close()
    return found


# The SDK gives the classes for all its tables one name.
@pytest.mark.filterwarnings("ignore:This declarative base already contains")
@pytest.mark.parametrize("table", ["tasks", "mine"])
def test_every_task_is_what_that_store_gives(table: str, tmp_path: Path) -> None:
    source, new = tmp_path / "sdk.db", tmp_path / "x.db"
    expected = asyncio.run(written(source, table))
    assert len({task.status.state for _, task in expected.values()}) == len(STATES)
    options = ("--table", table, "--database", str(new), "--keep")
    done = call("journal", "import-sdk", str(source), *options)
    assert (done.code, done.err, done.out) == (0, "", f"imported 24 tasks into {new}\n")
    found = imported(new)
    assert found.keys() == expected.keys()
    for name, given in expected.items():
        assert found[name] == given, name
    assert call("journal", "check", str(new)).code == 0
