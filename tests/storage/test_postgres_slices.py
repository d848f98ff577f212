"""PostgresJournal reads what is large in slices, all of one state."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from actors.runtime.journal.errors import JournalCorrupt
from actors.runtime.journal.port import Snapshot
from actors.storage import postgres_read
from actors.storage.export import export
from actors.storage.postgres import PostgresJournal
from actors.storage.postgres_source import postgres_source
from actors.storage.samples import ITEMS, appending, known, query, records
from tests.postgres import dsn, execute, own_server, schema

__all__ = ["dsn", "own_server", "schema"]

COUNT = 20


@pytest.fixture(params=[(100, 65_536), (8 << 20, 3), (1, 1)])
async def journal(
    dsn: str, schema: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[PostgresJournal]:
    size, count = request.param
    monkeypatch.setattr(postgres_read, "SLICE_BYTES", size)
    monkeypatch.setattr(postgres_read, "SLICE_ROWS", count)
    journal = PostgresJournal(dsn, schema=schema)
    await journal.open(ITEMS)
    await journal.append([appending("a", seq) for seq in range(COUNT)])
    await journal.append([appending("c", seq, 4) for seq in range(0, COUNT, 4)])
    await journal.append([appending("b", 0, 2)])
    yield journal
    await journal.close()


async def test_what_is_large_is_read_in_slices(
    journal: PostgresJournal, dsn: str, schema: str
) -> None:
    every = records(0, COUNT)
    connection = journal._opened.reader._connection  # type: ignore[union-attr] # open
    sizes: list[int] = []
    with connection.query_logger(lambda query: sizes.append(1)):  # type: ignore[union-attr] # as above
        assert (await known(journal, "a")).tail == every
        await journal.head("a")
    assert len(sizes) > 4
    assert await journal.page("a", 0, 99) == every
    assert await journal.page("a", 5, 9) == every[5:14]
    assert await journal.page("a", COUNT, 9) == ()
    tails = {each.head.log: each.tail for each in (await journal.list(query())).logs}
    assert tails == {"a": every, "b": every[:2], "c": every}
    async with postgres_source(dsn, schema) as source:
        lines = [line async for line in export(source)]
    assert sum('"payload"' in line for line in lines) == 2 * COUNT + 2


async def test_slices_of_a_compacted_log(journal: PostgresJournal, dsn: str, schema: str) -> None:
    await journal.save_snapshot("a", Snapshot(7, b"seven"))
    assert (await known(journal, "a")).tail == records(0, COUNT)[7:]
    assert await journal.compact("a", 4)
    assert (await known(journal, "a")).tail == records(0, COUNT)[7:]
    assert await journal.page("a", 4, 99) == records(0, COUNT)[4:]
    assert await journal.page("a", 3, 99) is None
    await journal.save_snapshot("c", Snapshot(COUNT, b"all"))
    await execute(dsn, f"UPDATE {schema}.snapshots SET crc = 1 WHERE seq = {COUNT}")
    assert (await known(journal, "c")).tail == records(0, COUNT)


async def test_what_is_missing_between_slices_is_said(
    journal: PostgresJournal, dsn: str, schema: str
) -> None:
    for seq in (COUNT, 9, 1):
        await execute(dsn, f"DELETE FROM {schema}.records WHERE seq = {seq}")
        for asked in (journal.read("a"), journal.page("a", 0, 99), journal.list(query())):
            with pytest.raises(JournalCorrupt, match="is broken"):
                await asked


async def test_all_slices_are_of_one_state(
    journal: PostgresJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    await journal.save_snapshot("a", Snapshot(2, b"two"))
    rest = journal._reader._rest

    async def meanwhile(*arguments: Any) -> list[bytes]:
        await journal.save_snapshot("a", Snapshot(COUNT, b"all"))
        assert await journal.compact("a", COUNT)
        return await rest(*arguments)

    monkeypatch.setattr(journal._reader, "_rest", meanwhile)
    assert (await known(journal, "a")).tail == records(0, COUNT)[2:]
