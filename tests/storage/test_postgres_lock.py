"""PostgresJournal among processes and loops: who may open it, and who is told what."""

import asyncio
import gc
import os
import signal

import asyncpg
import pytest

from actors.runtime.journal.errors import StorageError, StorageUnavailable
from actors.runtime.journal.port import Ack
from actors.storage.postgres import PostgresJournal
from actors.storage.postgres_lock import key_of
from actors.storage.postgres_schema import Layout
from actors.storage.samples import ITEMS, VISITS, appending, known, seqs
from tests.postgres import dsn, execute, own_server, schema
from tests.storage.holders import first_line, running

__all__ = ["dsn", "own_server", "schema"]

SOON = 0.2
STORED = [Ack.STORED]

HOLDER = """
    import asyncio, sys
    from actors.storage.postgres import PostgresJournal
    from actors.storage.samples import ITEMS, appending
    async def main():
        journal = PostgresJournal(sys.argv[1], schema=sys.argv[2])
        await journal.open(ITEMS)
        await journal.append([appending("t", 0)])
        print("open", flush=True)
        sys.stdin.read()
    asyncio.run(main())
"""
FORKER = """
    import asyncio, gc, os, sys
    from actors.storage.postgres import PostgresJournal
    from actors.storage.samples import ITEMS, appending
    async def main():
        journal = PostgresJournal(sys.argv[1], schema=sys.argv[2])
        await journal.open(ITEMS)
        await journal.append([appending("t", 0)])
        if os.fork() == 0:
            try:
                await journal.append([appending("t", 1)])
            except Exception as error:
                print(type(error).__name__, error, flush=True)
            if len(sys.argv) > 3:
                await journal.close()
            del journal
            gc.collect()
            sys.exit(0)
        assert os.wait()[1] == 0
        print(*await journal.append([appending("t", 1)]), flush=True)
        await journal.close()
    asyncio.run(main())
"""


async def test_a_second_process_is_told_who_has_the_schema(dsn: str, schema: str) -> None:
    with running(HOLDER, dsn, schema) as holder:
        assert first_line(holder) == "open"
        journal = PostgresJournal(dsn, schema=schema, lock_seconds=SOON)
        told = rf'schema "{schema}" is in use by .*pid {holder.pid} .*server process \d+.*close'
        with pytest.raises(StorageError, match=told) as caught:
            await journal.open(ITEMS)
        assert not isinstance(caught.value, StorageUnavailable)
        with pytest.raises(StorageError, match="not open"):
            await journal.read("t")


async def test_a_killed_process_leaves_no_lock(dsn: str, schema: str) -> None:
    with running(HOLDER, dsn, schema) as holder:
        assert first_line(holder) == "open"
        holder.send_signal(signal.SIGKILL)
        journal = PostgresJournal(dsn, schema=schema)
        await journal.open(ITEMS)
        assert await journal.append([appending("t", 1)]) == STORED
        await journal.close()


async def test_it_waits_until_another_lets_go(dsn: str, schema: str) -> None:
    first, second = PostgresJournal(dsn, schema=schema), PostgresJournal(dsn, schema=schema)
    await first.open(ITEMS)
    opening = asyncio.ensure_future(second.open(ITEMS))
    await until_waiting(dsn)
    assert not opening.done()
    await first.close()
    await opening
    await second.close()


async def test_who_closes_has_let_go(dsn: str, schema: str) -> None:
    other = await asyncpg.connect(dsn)
    key = key_of(Layout(schema))
    for head in range(10):
        journal = PostgresJournal(dsn, schema=schema)
        await journal.open(ITEMS)
        assert await journal.append([appending("t", head)]) == STORED
        assert not await other.fetchval("SELECT pg_try_advisory_lock($1)", key)
        await journal.close()
        assert await other.fetchval("SELECT pg_try_advisory_lock($1)", key)
        await other.execute("SELECT pg_advisory_unlock_all()")
    await other.close()


async def until_waiting(dsn: str) -> None:
    """Until some session waits for an advisory lock."""
    connection = await asyncpg.connect(dsn)
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    while not await connection.fetchval(waiting):
        pass
    await connection.close()


async def test_two_that_begin_at_once_make_one_journal(dsn: str, schema: str) -> None:
    journals = [PostgresJournal(dsn, schema=schema, lock_seconds=SOON) for _ in range(4)]
    ends = await asyncio.gather(*(each.open(ITEMS) for each in journals), return_exceptions=True)
    assert sorted(type(end).__name__ for end in ends) == [
        "NoneType",
        *["StorageError"] * 3,
    ]
    assert all(str(os.getpid()) in str(end) for end in ends if end)
    (winner,) = (each for each, end in zip(journals, ends, strict=True) if end is None)
    assert await winner.append([appending("t", 0)]) == STORED
    await winner.close()


async def test_schemas_of_one_database_are_apart(dsn: str, schema: str) -> None:
    other = f"{schema}_other"
    journals = [PostgresJournal(dsn, schema=name) for name in (schema, other)]
    for journal in journals:
        await journal.open(ITEMS)
        assert await journal.append([appending("t", 0)]) == STORED
    for journal in journals:
        await journal.close()
    await execute(dsn, f"DROP SCHEMA {other} CASCADE")


async def test_who_lost_the_schema_to_another_is_told(dsn: str, schema: str) -> None:
    journal = PostgresJournal(dsn, schema=schema, lock_seconds=SOON)
    other = PostgresJournal(dsn, schema=schema)
    await journal.open(ITEMS)
    await execute(dsn, ENDED.format(schema))
    await other.open(ITEMS)
    for _ in range(2):
        with pytest.raises(StorageUnavailable):
            await journal.append([appending("t", 0)])
    with pytest.raises(StorageUnavailable, match=rf"in use by .*pid {os.getpid()}"):
        await journal.append([appending("t", 0)])
    assert await other.append([appending("t", 0, epoch=2)]) == STORED
    await other.close()
    assert await journal.append([appending("t", 1)]) == [Ack.FENCED]
    await journal.close()


ENDED = """SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE application_name LIKE 'actors journal {}%'"""


@pytest.mark.parametrize("more", [(), ("close",)])
def test_a_fork_neither_uses_nor_ends_what_it_inherits(
    dsn: str, schema: str, more: tuple[str, ...]
) -> None:
    with running(FORKER, dsn, schema, *more) as parent:
        assert "before a fork" in first_line(parent)
        assert first_line(parent) == "Ack.STORED"
        assert parent.wait() == 0


@pytest.mark.parametrize("closed", [True, False])
def test_another_loop_may_open_it(dsn: str, schema: str, closed: bool) -> None:
    journal = PostgresJournal(dsn, schema=schema)

    async def live(head: int) -> None:
        await journal.open(ITEMS)
        assert await journal.append([appending("t", head)]) == STORED
        assert seqs((await known(journal, "t")).tail) == list(range(1, head + 2))
        if closed:
            await journal.close()

    for head in range(3):
        asyncio.run(live(head))

    async def end() -> None:
        await journal.close()
        await journal.close()
        assert repr(journal).endswith("closed>")

    asyncio.run(end())


async def test_a_forgotten_journal_lets_go(dsn: str, schema: str) -> None:
    journal = PostgresJournal(dsn, schema=schema)
    await journal.open(ITEMS)
    assert await journal.append([appending("t", 0)]) == STORED
    del journal
    gc.collect()
    other = PostgresJournal(dsn, schema=schema)
    await other.open(ITEMS)
    assert await other.append([appending("t", 1)]) == STORED
    await other.close()


async def test_a_loop_that_did_not_open_it_is_refused(dsn: str, schema: str) -> None:
    journal = PostgresJournal(dsn, schema=schema)
    await journal.open(ITEMS)
    loop = asyncio.new_event_loop()

    def elsewhere(coroutine: object) -> None:
        asyncio.events._set_running_loop(None)
        try:
            loop.run_until_complete(coroutine)  # type: ignore[arg-type] # given as it is
        finally:
            asyncio.events._set_running_loop(here)

    here = asyncio.get_running_loop()
    with pytest.raises(StorageError, match="another event loop: open it"):
        elsewhere(journal.read("t"))
    with pytest.raises(StorageError, match="another event loop: close it there"):
        elsewhere(journal.open(ITEMS))
    loop.close()
    assert await journal.append([appending("t", 0)]) == STORED
    await journal.close()


async def test_a_projection_may_come_later(dsn: str, schema: str) -> None:
    journal = PostgresJournal(dsn, schema=schema)
    await journal.open(ITEMS)
    await journal.append([appending("t", 0)])
    await journal.open(VISITS)
    await journal.open(ITEMS, VISITS)
    assert await journal.append([appending("t", 1)]) == STORED
    await journal.close()
