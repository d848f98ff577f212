"""Export, import and check of a journal in PostgreSQL."""

from __future__ import annotations

import json

import pytest

from actors.runtime.journal.errors import StorageError
from actors.runtime.journal.port import Ack, Journal, settled
from actors.storage import MemoryJournal
from actors.storage.check import check
from actors.storage.choose import journal_at, source_at
from actors.storage.export import export
from actors.storage.findings import Tally
from actors.storage.imports import Imported, import_lines
from actors.storage.postgres import PostgresJournal
from actors.storage.postgres_source import postgres_source
from actors.storage.samples import ITEMS, appending, store
from actors.storage.source import MemorySource, TaskFilter
from actors.task.listing import TASKS
from tests.postgres import dsn, execute, own_server, schema
from tests.storage.filled import fill

__all__ = ["dsn", "own_server", "schema"]


async def told(dsn: str, schema: str) -> list[str]:
    async with postgres_source(dsn, schema) as source:
        return [line async for line in export(source)]


async def test_what_goes_out_comes_in_again(dsn: str, schema: str) -> None:
    memory, journal = MemoryJournal(), PostgresJournal(dsn, schema=schema)
    await fill(memory)
    expected = [line async for line in export(MemorySource(memory))]
    await import_lines(lambda: expected, journal)
    assert await told(dsn, schema) == expected


async def test_a_long_key_is_the_same_after_a_move(dsn: str, schema: str) -> None:
    memory, key = MemoryJournal(), "k" * 600
    memory.open(ITEMS)
    await store(memory, appending("a", 0, keys=(key, "short")))
    lines = [line async for line in export(MemorySource(memory))]
    there, moved = f"{schema}_there", MemoryJournal()
    try:
        await import_lines(lambda: lines, PostgresJournal(dsn, schema=there))
        digests = await told(dsn, there)
        again = PostgresJournal(dsn, schema=schema)
        assert await import_lines(lambda: digests, again) == Imported(logs=1, records=1)
        assert await told(dsn, schema) == digests
        await again.open(ITEMS)
        assert await again.find(key) == ("a", 1)
        assert await again.append([appending("b", 0, keys=(key,))]) == [Ack.FENCED]
        (digest,) = {*json.loads(digests[1])["keys"]} - {"short"}
        assert await again.append([appending("b", 0, keys=(digest,))]) == [Ack.STORED]
        await again.close()
    finally:
        await execute(dsn, f"DROP SCHEMA IF EXISTS {there} CASCADE")
    done = await import_lines(lambda: digests, moved)
    assert done == Imported(logs=1, records=1, keys_lost=1)


async def test_a_journal_in_use_is_read_and_sound(dsn: str, schema: str) -> None:
    journal: Journal = PostgresJournal(dsn, schema=schema)
    await fill(journal)
    await settled(journal.open(TASKS))
    tally = Tally()
    async with postgres_source(dsn, schema) as source:
        assert [finding async for finding in check(source, tally)] == []
        tasks = await source.tasks(TaskFilter(owner="bob"))
    assert tally.logs == 10
    assert [(head.log, row[:3]) for head, row in tasks] == [
        ("task-long", ("bob", "acme", "context-1"))
    ]
    await settled(journal.close())


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("UPDATE records SET frame = set_byte(frame, 9, 1) WHERE seq = 72", "cannot be read"),
        ("DELETE FROM records WHERE seq = 72", "is broken"),
        ("UPDATE logs SET epoch = 2 WHERE log = 'of epochs'", "epoch 2 in the head, expected 3"),
        ("UPDATE snapshots SET crc = 1", "has the CRC 1"),
        ("UPDATE rows_tasks SET state = 3", "state 3 beside it"),
        ("UPDATE consumers SET seq = 99", "consumer 'audit' at 99"),
    ],
)
async def test_damage_is_found(damage: str, said: str, dsn: str, schema: str) -> None:
    await fill(PostgresJournal(dsn, schema=schema))
    await execute(dsn, f"SET search_path = {schema}; {damage}")
    async with postgres_source(dsn, schema) as source:
        found = [str(finding) async for finding in check(source, Tally())]
    assert said in "\n".join(found)


async def test_what_is_no_journal_is_said(dsn: str, schema: str) -> None:
    with pytest.raises(StorageError, match=f"there is no journal in schema '{schema}'"):
        await told(dsn, schema)
    with pytest.raises(StorageError, match="the DSN is expected to look like"):
        async with source_at("postgresql://x:secret@y:a/b"):
            pass
    with pytest.raises(StorageError) as error:
        async with source_at("postgresql://x:secret@127.0.0.1:1/b"):
            pass
    assert "secret" not in str(error.value)
    with pytest.raises(StorageError, match="the DSN is expected"):
        journal_at("postgresql://x:secret@y:a/b")
    assert isinstance(journal_at("postgresql://x@y/b"), PostgresJournal)
