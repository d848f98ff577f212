"""One handler, one event loop after another, without a word of farewell between them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from a2a.types import Task, TaskState

from actors.a2a import RequestHandler, runtime
from actors.runtime.journal.port import Abandoned
from actors.storage import SqliteJournal
from actors.storage.choose import Durability
from actors.storage.postgres import PostgresJournal
from tests.a2a.agents import Actor, as_user, ask, card
from tests.postgres import dsn, own_server, schema

__all__ = ["dsn", "own_server", "schema"]


def moves(database: Path | str, durability: Durability = "process") -> None:
    """Three loops, each with a journal of its own; only the last one closes the handler."""
    handler = RequestHandler(Actor(), None, card(), database=database, durability=durability)

    async def work() -> None:
        done = await handler.on_message_send(ask("work"), as_user("me"))
        assert isinstance(done, Task)
        assert done.status.state == TaskState.TASK_STATE_COMPLETED

    async def work_and_close() -> None:
        await work()
        await handler.aclose()

    asyncio.run(work())
    asyncio.run(work())
    asyncio.run(work_and_close())


@pytest.mark.parametrize("durability", ["process", "power"])
def test_a_file(tmp_path: Path, durability: Durability) -> None:
    moves(tmp_path / "t.db", durability)


def test_a_database(dsn: str, schema: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def ours(*_: object) -> PostgresJournal:
        return PostgresJournal(dsn, schema=schema, lock_seconds=0.2)

    monkeypatch.setattr(runtime, "journal_at", ours)
    moves(dsn)


async def test_a_writer_process_is_let_go_of_on_its_own_loop_too(tmp_path: Path) -> None:
    """As when a start has failed."""
    journal = SqliteJournal(tmp_path / "t.db", "power")
    opened = journal.open()
    assert opened is None
    assert isinstance(journal, Abandoned)
    journal.abandon()
    journal.abandon()
    again = SqliteJournal(tmp_path / "t.db", "power")
    again.open()
    again.abandon()
