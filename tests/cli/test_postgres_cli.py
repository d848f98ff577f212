"""The operator's commands on a journal in PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from actors.storage.postgres import PostgresJournal
from tests.cli.journals import call
from tests.postgres import dsn, execute, own_server
from tests.storage.filled import fill

__all__ = ["dsn", "own_server"]


@pytest.fixture
def database(dsn: str) -> Iterator[str]:
    """A database of the test's own, as the commands take the schema that everybody does."""
    name = f"actors_cli_{os.getpid()}"
    asyncio.run(execute(dsn, f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0"))
    yield urlsplit(dsn)._replace(path=f"/{name}").geturl()
    asyncio.run(execute(dsn, f"DROP DATABASE {name} WITH (FORCE)"))


def test_every_command(database: str, tmp_path: Path) -> None:
    asyncio.run(fill(PostgresJournal(database)))
    where = ("--database", database)
    done = call("journal", "check", database)
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith(": sound; 10 logs, 319 records\n")
    tasks = [json.loads(line) for line in call("tasks", *where, "--json").out.splitlines()]
    assert len(tasks) == 7
    assert [each["task"] for each in tasks if each["owner"] == "bob"] == ["task-long"]
    assert call("replay", "task-long", "--at", "4", *where).out.startswith("as of record 4")
    new = json.loads(call("fork", "task-long", "--at", "9", *where, "--json").out)["task"]
    told = json.loads(call("replay", new, *where, "--json").out)
    assert told["state"] == "INPUT_REQUIRED"
    file, copy = tmp_path / "x.jsonl", tmp_path / "copy.db"
    file.write_text(call("journal", "export", database).out, encoding="utf-8")
    assert call("journal", "import", str(file), "--database", str(copy)).code == 0
    assert call("journal", "export", str(copy)).out == file.read_text(encoding="utf-8")
    again = call("journal", "import", str(file), *where)
    assert "11 of 11 logs exist already" in again.complaint


def test_a_journal_in_use(database: str) -> None:
    async def both() -> None:
        journal = PostgresJournal(database)
        await fill(journal)
        await journal.open()
        done = await asyncio.to_thread(call, "fork", "task-0", "--at", "4", "--database", database)
        assert done.code == 1
        assert "is in use by 'actors journal" in done.complaint
        done = await asyncio.to_thread(call, "tasks", "--database", database)
        assert "task-long" in done.out
        await journal.close()

    asyncio.run(both())
