"""One handler, one event loop after another, without a word of farewell between them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from a2a.types import GetTaskRequest, Task, TaskState
from a2a.utils.errors import TaskNotFoundError

from actors.a2a import RequestHandler, runtime
from actors.runtime import Caller
from actors.runtime.journal.port import Abandoned, Stored
from actors.runtime.journal.projection import Projection
from actors.storage import MemoryJournal, SqliteJournal
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


class Opens(MemoryJournal):
    """Takes its time, and is not to be asked before."""

    def __init__(self) -> None:
        super().__init__()
        self.may = asyncio.Event()
        self.opened = False

    async def open(self, *projections: Projection) -> None:  # type: ignore[override] # a port's may
        await self.may.wait()
        super().open(*projections)
        self.opened = True

    def read(self, log: str, caller: Caller | None = None) -> Stored | None:
        assert self.opened
        return super().read(log, caller)


async def test_requests_wait_until_the_first_has_started_the_core() -> None:
    journal = Opens()
    handler = RequestHandler(Actor(), None, card(), journal=journal)
    asking = [
        asyncio.ensure_future(handler.on_get_task(GetTaskRequest(id="t"), as_user("me")))
        for _ in range(3)
    ]
    asking.pop().cancel()
    for _ in range(20):
        await asyncio.sleep(0)
    late = asyncio.ensure_future(handler.on_get_task(GetTaskRequest(id="t"), as_user("me")))
    for _ in range(20):
        await asyncio.sleep(0)
    assert handler._runtime.running() is None
    assert not any(each.done() for each in (*asking, late))
    journal.may.set()
    for each in (*asking, late):
        with pytest.raises(TaskNotFoundError):
            await each
    assert handler._runtime.running() is not None
    await handler.aclose()


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
