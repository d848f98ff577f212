"""PostgresJournal finds everything by an index, however many logs there are."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from actors.runtime.journal.port import Place, Snapshot
from actors.runtime.journal.projection import Keep
from actors.storage.postgres import PostgresJournal
from actors.storage.postgres_schema import Connection
from actors.storage.samples import CALLER, ITEMS, VISITS, appending, known, query
from tests.postgres import dsn, own_server, schema

__all__ = ["dsn", "own_server", "schema"]

KEEP = Keep(projection=ITEMS, state=2, since=9, count=1, size=1)

Ask = Callable[[PostgresJournal], Awaitable[object]]


@pytest.fixture
async def journal(dsn: str, schema: str) -> AsyncIterator[PostgresJournal]:
    journal = PostgresJournal(dsn, schema=schema)
    await journal.open(ITEMS, VISITS)
    for name in "abc":
        await journal.append([appending(name, 0, 3, keys=(name,), consumers=("copy",))])
    yield journal
    await journal.close()


def connection_of(journal: PostgresJournal, which: str) -> Connection:
    connection: Connection = getattr(journal._opened, which)._connection
    return connection


@pytest.mark.parametrize(
    ("ask", "ordered"),
    [
        (lambda journal: journal.read("a"), True),
        (lambda journal: journal.read("a", CALLER), True),
        (lambda journal: journal.page("a", 1, 9), True),
        (lambda journal: journal.find("a"), True),
        (lambda journal: journal.head("a"), True),
        (lambda journal: journal.heads("a"), True),
        (lambda journal: journal.heads("a", active=True), True),
        (lambda journal: journal.unconsumed("copy", ("copy", "a")), True),
        (lambda journal: journal.place("copy", "a"), True),
        (lambda journal: journal.list(query()), False),  # a page is sorted when it is complete
        (lambda journal: journal.list(query(state=2, since=3, after=(9, "c"))), False),
        (lambda journal: journal.surplus(KEEP), False),
    ],
)
async def test_no_table_is_read_whole(
    journal: PostgresJournal, schema: str, ask: Ask, ordered: bool
) -> None:
    connection = connection_of(journal, "reader")
    asked: list[tuple[str, list[object]]] = []
    with connection.query_logger(lambda found: asked.append((found.query, list(found.args)))):
        await ask(journal)
        await connection.fetchval("SELECT 1")  # loggers hear of a query a turn later
    # asyncpg asks for types too, once.
    ((statement, arguments),) = (each for each in asked if schema in each[0])
    lines = await connection.fetch(f"EXPLAIN {statement}", *arguments)
    plan = "\n".join(line[0] for line in lines)
    scans = plan.count("Index Scan") + plan.count("Index Only Scan")
    assert scans == plan.count("Index Cond:") > 0, plan
    assert "Seq Scan" not in plan, plan
    assert not ordered or "Sort" not in plan.replace("Sort Key", ""), plan


async def test_a_group_is_one_statement(journal: PostgresJournal) -> None:
    connection = connection_of(journal, "writer")
    asked: list[str] = []
    with connection.query_logger(lambda found: asked.append(found.query)):
        group = [
            appending(name, head, 2, state=head, keys=(f"{name}{head}",), consumers=("copy",))
            for name in "abcd"
            for head in range(0 if name > "c" else 3, 9, 2)
        ]
        await journal.append(group)
        await connection.fetchval("SELECT 1")  # loggers hear of a query a turn later
    assert [query for query in asked if query != "SELECT 1"] == [journal._appender._call]


async def test_nothing_that_is_written_reads_a_table_whole(
    journal: PostgresJournal, schema: str
) -> None:
    connection = connection_of(journal, "writer")

    async def scans() -> list[tuple[str, int]]:
        await connection.fetchval("SELECT pg_stat_force_next_flush()")
        rows = await connection.fetch(
            "SELECT relname, seq_scan FROM pg_stat_user_tables WHERE schemaname = $1 ORDER BY 1",
            schema,
        )
        return [(row[0], row[1]) for row in rows]

    before = await scans()
    assert len(before) == 8
    group = [
        appending(name, head, state=head, keys=(f"{name}{head}",), consumers=("copy",))
        for name in "abcdef"
        for head in range(0 if name > "c" else 3, 6)
    ]
    await journal.append(group)
    await journal.consumed("copy", Place("a", 6))
    await journal.save_snapshot("a", Snapshot(4, b"four"))
    assert await journal.compact("a", 4)
    assert await journal.remove((await known(journal, "a")).head)
    assert await scans() == before
