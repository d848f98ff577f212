"""PostgresJournal: opening and closing it, several at once, and projections that are refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest

from actors.runtime.journal.errors import StorageError
from actors.runtime.journal.port import Ack
from actors.runtime.journal.projection import Projection
from actors.storage.postgres import PostgresJournal
from actors.storage.samples import ITEMS, VISITS, appending, bare, known, query, row_of, visiting
from tests.postgres import dsn, own_server, schema

__all__ = ["dsn", "own_server", "schema"]

STORED = [Ack.STORED]


class Other(NamedTuple):
    owner: str
    tenant: str
    state: int = 0
    at: int = 0


BAD = Projection("items", Other, newest="at", listed="state")
"""Has other columns than the table of that name."""


@pytest.fixture
async def journal(dsn: str, schema: str) -> AsyncIterator[PostgresJournal]:
    """Not open; its schema has the tables of ITEMS."""
    journal = PostgresJournal(dsn, schema=schema, lock_seconds=0.2)
    await journal.open(ITEMS)
    await journal.close()
    yield journal
    await journal.close()


async def test_a_first_opening_that_is_refused_leaves_nothing(journal: PostgresJournal) -> None:
    for _ in range(2):
        with pytest.raises(StorageError, match="alter the table"):
            await journal.open(BAD)
    await journal.open(ITEMS)
    assert await journal.append([appending("t", 0)]) == STORED


async def test_another_projection_that_is_refused_leaves_nothing(journal: PostgresJournal) -> None:
    await journal.open(VISITS)
    assert await journal.append([visiting("t", 0, 1, 1)]) == STORED
    for _ in range(2):
        with pytest.raises(StorageError, match="alter the table"):
            await journal.open(BAD)
        head = await journal.head("t")
        assert head is not None
        assert await journal.append([visiting("t", head.seq, 1, 1)]) == STORED
        assert (await journal.list(query(VISITS))).total == 1
    with pytest.raises(ValueError, match="no projection of such rows"):
        await journal.append([appending("u", 0)])


async def test_what_fails_after_the_tables_leaves_nothing(
    journal: PostgresJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    await journal.open(VISITS)
    with monkeypatch.context() as patch:
        patch.setattr("actors.storage.postgres_append._function", lambda _: "no SQL")
        with pytest.raises(StorageError, match="syntax error"):
            await journal.open(ITEMS)
    assert await journal.append([visiting("t", 0, 1, 1)]) == STORED
    await journal.open(ITEMS)
    assert await journal.append([appending("u", 0)]) == STORED


async def test_closing_forgets_projections(journal: PostgresJournal) -> None:
    await journal.open(ITEMS)
    await journal.close()
    await journal.open(VISITS)
    with pytest.raises(ValueError, match="no projection of such rows"):
        await journal.append([appending("t", 0)])


async def test_it_is_opened_once_by_two_at_once(journal: PostgresJournal) -> None:
    await asyncio.gather(journal.open(ITEMS), journal.open(VISITS))
    assert await journal.append([appending("t", 0), visiting("u", 0, 1, 1)]) == STORED * 2


async def test_closing_waits_for_the_opening(journal: PostgresJournal) -> None:
    await asyncio.gather(journal.open(ITEMS), journal.close())
    with pytest.raises(StorageError, match="is not open"):
        await journal.head("t")
    await journal.open(ITEMS)
    assert await journal.head("t") is None


async def test_one_loop_after_another_opens_and_closes(dsn: str, schema: str) -> None:
    journal = PostgresJournal(dsn, schema=schema)

    async def both() -> None:
        await asyncio.gather(journal.open(ITEMS), journal.open(ITEMS))
        await asyncio.gather(journal.close(), journal.close())

    for _ in range(2):
        await asyncio.to_thread(asyncio.run, both())


async def test_a_projection_learned_while_a_log_is_read(
    journal: PostgresJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    await journal.open(ITEMS)
    await journal.append([bare("t", 0)])
    log = journal._reader.log

    async def meanwhile(*arguments: Any, **more: Any) -> Any:
        found = await log(*arguments, **more)
        await journal.open(VISITS)
        return found

    monkeypatch.setattr(journal._reader, "log", meanwhile)
    assert row_of(await known(journal, "t")) is None


async def test_appends_and_reads_go_on_beside_another_projection(journal: PostgresJournal) -> None:
    await journal.open(ITEMS)
    await journal.append([appending("t", 0)])
    before = [journal.append([appending(f"a{n}", 0)]) for n in range(3)]
    after = [journal.append([appending(f"b{n}", 0)]) for n in range(3)]
    reads = [journal.read("t") for _ in range(8)]
    found = await asyncio.gather(*before, *reads, journal.open(VISITS), *after)
    assert found[:3] == found[-3:] == [STORED] * 3
    assert found[3:11] == [await known(journal, "t")] * 8
