"""PostgresJournal while connections break and the server dies: nothing lost, nothing twice."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from actors.runtime.journal.errors import StorageError, StorageUnavailable
from actors.runtime.journal.port import Ack, Append
from actors.storage import postgres_link
from actors.storage.postgres import PostgresJournal
from actors.storage.samples import ITEMS, appending, known, records, seqs
from tests.postgres import OwnServer, dsn, execute, own_server, schema

__all__ = ["dsn", "own_server", "schema"]

STORED = [Ack.STORED]
BACKEND = "application_name LIKE 'actors {} {} %'"


@asynccontextmanager
async def opened(dsn: str, schema: str, **more: float) -> AsyncIterator[PostgresJournal]:
    journal = PostgresJournal(dsn, schema=schema, **more)
    await journal.open(ITEMS)
    try:
        yield journal
    finally:
        await journal.close()


@asynccontextmanager
async def held_up(dsn: str, table: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Nobody writes to a table meanwhile."""
    connection = await asyncpg.connect(dsn)
    async with connection.transaction():
        await connection.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
        yield connection
    await connection.close()


async def until_blocked(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Until somebody waits for what this connection holds."""
    blocked = """SELECT count(*) FROM pg_stat_activity
        WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))"""
    while not await connection.fetchval(blocked):
        pass


async def end(connection: "asyncpg.Connection[asyncpg.Record]", what: str, schema: str) -> None:
    """End the journal's connection that writes, or the one that reads."""
    backend = BACKEND.format(what, schema)
    select = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {backend}"
    assert await connection.fetchval(select)


async def insisting(journal: PostgresJournal, append: Append, tries: int = 5) -> Ack:
    """Append until there is a verdict."""
    for _ in range(tries):
        with suppress(StorageUnavailable):
            (ack,) = await journal.append([append])
            return ack
    raise AssertionError(f"no verdict after {tries} tries")


# -- a connection that breaks


async def test_an_append_whose_connection_is_cut_was_not_stored(dsn: str, schema: str) -> None:
    async with opened(dsn, schema) as journal:
        await journal.append([appending("t", 0)])
        append = appending("t", 1, 3)
        async with held_up(dsn, f"{schema}.records") as other:
            appended = asyncio.ensure_future(journal.append([append]))
            await until_blocked(other)
            await end(other, "journal", schema)
            with pytest.raises(StorageUnavailable, match="appending in postgresql://"):
                await appended
        assert await journal.append([append]) == STORED
        assert seqs((await known(journal, "t")).tail) == [1, 2, 3, 4]


class Proxy:
    """Stands between a journal and its server; armed, it cuts what the server has answered."""

    def __init__(self, dsn: str, directory: Path) -> None:
        parts = urlsplit(dsn)
        hosts = parse_qs(parts.query).get("host")
        if not hosts:
            pytest.skip("the proxy stands before a server with a Unix socket")
        self._server = Path(hosts[0]) / ".s.PGSQL.5432"
        self._own = directory / ".s.PGSQL.5432"
        self.dsn = f"postgresql://postgres@/postgres?host={directory}"
        self.armed = False
        self.cuts = 0
        self._wires: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "Proxy":
        self._listener = await asyncio.start_unix_server(self._serve, str(self._own))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()
        await asyncio.gather(*self._wires, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_unix_connection(str(self._server))
        ways = [
            asyncio.ensure_future(self._pass(reader, there[1], lambda: False)),
            asyncio.ensure_future(self._pass(there[0], writer, lambda: self.armed)),
        ]
        self._wires += ways
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for each in (there[1], writer):
            each.close()

    async def _pass(
        self, source: asyncio.StreamReader, to: asyncio.StreamWriter, cut: Callable[[], bool]
    ) -> None:
        while data := await source.read(65_536):
            if cut():
                self.cuts += 1
                self.armed = False
                return
            to.write(data)


async def test_an_append_that_was_stored_unheard_is_not_stored_twice(
    dsn: str, schema: str, tmp_path: Path
) -> None:
    async with Proxy(dsn, tmp_path) as proxy, opened(proxy.dsn, schema) as journal:
        await journal.append([appending("t", 0)])
        append = appending("t", 1, 3, keys=("key",), consumers=("copy",), state=6)
        proxy.armed = True
        with pytest.raises(StorageUnavailable):
            await journal.append([append])
        assert proxy.cuts == 1
        assert await insisting(journal, append) in (Ack.STORED, Ack.FENCED)
        assert await journal.page("t", 1, 3) == append.records
        stored = await known(journal, "t")
        assert seqs(stored.tail) == [1, 2, 3, 4]
        assert stored.row == append.row
        assert await journal.append([appending("t", 4)]) == STORED


async def test_a_read_whose_connection_is_cut_comes_again(dsn: str, schema: str) -> None:
    async with opened(dsn, schema) as journal:
        await journal.append([appending("t", 0)])
        lock = await asyncpg.connect(dsn)
        async with lock.transaction():
            await lock.execute(f"LOCK TABLE {schema}.logs IN ACCESS EXCLUSIVE MODE")
            reading = asyncio.ensure_future(journal.page("t", 0, 9))
            await until_blocked(lock)
            await end(lock, "reading", schema)
            with pytest.raises(StorageUnavailable, match="reading in postgresql://"):
                await reading
        await lock.close()
        assert await journal.page("t", 0, 9) == records(0, 1)
        assert await journal.append([appending("t", 1)]) == STORED


async def test_a_long_read_does_not_stand_before_appends(dsn: str, schema: str) -> None:
    async with opened(dsn, schema) as journal:
        await journal.append([appending("t", 0)])
        lock = await asyncpg.connect(dsn)
        async with lock.transaction():
            await lock.execute(f"LOCK TABLE {schema}.snapshots IN ACCESS EXCLUSIVE MODE")
            reading = asyncio.ensure_future(journal.read("t"))
            await until_blocked(lock)
            assert await journal.append([appending("t", 1)]) == STORED
            assert not reading.done()
        await lock.close()
        assert await reading is not None


async def test_a_statement_has_a_time_limit(dsn: str, schema: str) -> None:
    async with opened(dsn, schema, statement_seconds=0.05) as journal:
        async with held_up(dsn, f"{schema}.records"):
            with pytest.raises(StorageUnavailable, match="57014"):
                await journal.append([appending("t", 0)])
        assert await journal.append([appending("t", 0)]) == STORED


async def test_who_stops_waiting_for_an_append_leaves_a_journal_that_works(
    dsn: str, schema: str
) -> None:
    async with opened(dsn, schema) as journal:
        append = appending("t", 0)
        async with held_up(dsn, f"{schema}.records") as other:
            appended = asyncio.ensure_future(journal.append([append]))
            await until_blocked(other)
            appended.cancel()
            with pytest.raises(asyncio.CancelledError):
                await appended
        await insisting(journal, append)
        assert await journal.page("t", 0, 9) == records(0, 1)


async def test_a_server_that_does_not_answer_is_given_up(
    own_server: OwnServer, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_link, "_GRACE", 0.1)
    async with opened(own_server.dsn, schema, statement_seconds=0.3, lock_seconds=0.1) as journal:
        assert journal._opened is not None
        connection = journal._opened.writer._connection
        assert connection is not None
        append = appending("t", 0)
        pid = connection.get_server_pid()
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(StorageUnavailable, match="TimeoutError"):
                await journal.append([append])
            with pytest.raises(StorageUnavailable, match=rf"in use by .*server process {pid},"):
                await journal.append([append])
        finally:
            os.kill(pid, signal.SIGCONT)
        await insisting(journal, append, tries=50)
        assert await journal.page("t", 0, 9) == records(0, 1)


async def test_many_that_wait_for_a_connection_hear_together_that_there_is_none(
    dsn: str, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(dsn, schema) as journal:
        lock = await asyncpg.connect(dsn)
        tries = []

        async def refuse(*_: object, **__: object) -> None:
            tries.append(1)
            await asyncio.sleep(0)
            raise ConnectionRefusedError("nobody is there")

        with monkeypatch.context() as patch:
            patch.setattr(asyncpg, "connect", refuse)
            await end(lock, "reading", schema)
            while not tries:  # until the end has arrived
                with suppress(StorageUnavailable):
                    await journal.head("a")
            tries.clear()
            reads = [journal.head(name) for name in "abcdef"]
            found = await asyncio.gather(*reads, return_exceptions=True)
            assert {type(each) for each in found} == {StorageUnavailable}
            assert all("nobody is there" in str(each) for each in found)
            assert len(tries) == 1
        await lock.close()
        assert await journal.head("a") is None


# -- a server that dies


async def test_a_server_that_is_killed_loses_nothing_that_was_acknowledged(
    own_server: OwnServer, schema: str
) -> None:
    idle = PostgresJournal(own_server.dsn, schema=f"{schema}_idle")
    await idle.open(ITEMS)
    async with opened(own_server.dsn, schema) as journal:
        acknowledged = {"a": 0, "b": 0}
        early = asyncio.get_running_loop().create_future()

        async def write(log: str, upto: int) -> None:
            while acknowledged[log] < upto:
                append = appending(log, acknowledged[log], 2, keys=(f"{log} {acknowledged[log]}",))
                ack = await insisting(journal, append, tries=50)
                if ack is Ack.FENCED:
                    assert await journal.page(log, append.expected, 2) == append.records
                acknowledged[log] = append.seq
                if append.seq == 150:
                    early.cancel()

        writing = asyncio.gather(write("a", 300), write("b", 300))
        await asyncio.wait([early], return_when=asyncio.FIRST_COMPLETED)
        assert not writing.done()
        own_server.kill()
        try:
            with pytest.raises(StorageUnavailable):
                await journal.head("a")
            with pytest.raises(StorageUnavailable):
                await journal.head("a")
            await idle.close()
        finally:
            own_server.start()
        await writing
        for log in "ab":
            stored = await known(journal, log)
            assert stored.tail == records(0, 300)
            place = await journal.find(f"{log} 200")
            assert place is not None
            assert place.seq == 201
    await execute(own_server.dsn, f"DROP SCHEMA {schema}_idle CASCADE")


async def test_a_server_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    journal = PostgresJournal(f"postgresql://postgres:geheim@/postgres?host={tmp_path}")
    with pytest.raises(StorageUnavailable, match="opening the journal in postgresql://") as caught:
        await journal.open()
    assert "geheim" not in f"{caught.value} {journal!r}"
    with pytest.raises(StorageError, match="not open"):
        await journal.head("a")
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - nothing to be made of the names
