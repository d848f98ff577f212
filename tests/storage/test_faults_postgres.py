"""A PostgreSQL server that is away, or cuts connections, under a handler: nothing shown is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
import pytest
from a2a.types import ListTasksRequest, SendMessageRequest

from actors.a2a.errors import StorageAwayError
from actors.storage.postgres import PostgresJournal
from actors.storage.samples import known
from actors.task.listing import TASKS
from actors.task.record import Kind
from tests.postgres import OwnServer, dsn, own_server, schema
from tests.storage.served import DONE, ME, PATIENCE, STEP, served
from tests.storage.test_faults import worth_retrying

__all__ = ["dsn", "own_server", "schema"]


@contextmanager
def away(server: OwnServer) -> Iterator[None]:
    """The server is gone, with all of its processes."""
    server.kill()
    try:
        yield
    finally:
        server.start()


async def accepted(dsn: str, schema: str, task: str) -> list[str]:
    """The messages in a task's log."""
    journal = PostgresJournal(dsn, schema=schema)
    await journal.open(TASKS)
    stored = await known(journal, task)
    await journal.close()
    payloads = [record.payload for record in stored.tail if record.kind == Kind.ACCEPTED]
    return [SendMessageRequest.FromString(each).message.message_id for each in payloads]


async def test_a_server_that_is_away_for_long_is_told_to_callers(
    own_server: OwnServer, schema: str
) -> None:
    async with served(PostgresJournal(own_server.dsn, schema=schema)) as handler:
        one = await handler.send("work one")
        with away(own_server):
            with pytest.raises(StorageAwayError) as caught:
                await handler.send("work two")
            assert worth_retrying(caught.value)
            with pytest.raises(StorageAwayError) as caught:
                await handler.get(one)
            assert worth_retrying(caught.value)
        assert await handler.get(one) == one
        three = await handler.send("work three")
        assert three.status.state == DONE
        await handler.watched.quiet()
        listed = await handler.on_list_tasks(ListTasksRequest(), ME)
        assert {one.id, three.id} <= {task.id for task in listed.tasks}
    assert await accepted(own_server.dsn, schema, one.id) == ["m work one"]


async def test_a_server_that_comes_back_in_time_is_noticed_by_nobody(
    own_server: OwnServer, schema: str
) -> None:
    async with served(PostgresJournal(own_server.dsn, schema=schema)) as handler:
        one = await handler.send("ask one")
        with away(own_server):
            new = asyncio.create_task(handler.send("work two"))
            await handler.failing(int(PATIENCE / STEP / 2))
            assert not new.done()
        two = await new
        follow_up = await handler.send("work on that", one.id)
        assert {two.status.state, follow_up.status.state} == {DONE}
    assert await accepted(own_server.dsn, schema, two.id) == ["m work two"]
    assert await accepted(own_server.dsn, schema, one.id) == ["m ask one", "m work on that"]


async def test_a_connection_that_is_cut_while_a_message_is_stored(dsn: str, schema: str) -> None:
    async with served(PostgresJournal(dsn, schema=schema)) as handler:
        one = await handler.send("ask one")
        other = await asyncpg.connect(dsn)
        async with other.transaction():
            await other.execute(f"LOCK TABLE {schema}.records IN EXCLUSIVE MODE")
            answer = asyncio.create_task(handler.send("work on that", one.id))
            blocked = """SELECT pid FROM pg_stat_activity
                WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))"""
            while (pid := await other.fetchval(blocked)) is None:
                pass
            assert await other.fetchval("SELECT pg_terminate_backend($1)", pid)
            await handler.failing(1)
        await other.close()
        done = await answer
        assert done.status.state == DONE
        assert await handler.get(one) == done
    assert await accepted(dsn, schema, one.id) == ["m ask one", "m work on that"]
