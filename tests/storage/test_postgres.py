"""PostgresJournal: its oracle, its text, its tables, damage, and what its errors say."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import accumulate
from random import Random
from typing import NamedTuple

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.runtime import Caller
from actors.runtime.journal.errors import JournalCorrupt, StorageError, StorageUnavailable
from actors.runtime.journal.port import Ack, Append, Copy, Head, Snapshot
from actors.runtime.journal.projection import Keep, Projection
from actors.storage.codec import encode
from actors.storage.memory import MemoryJournal
from actors.storage.postgres import PostgresJournal
from actors.storage.postgres_errors import Address
from actors.storage.postgres_source import postgres_source
from actors.storage.postgres_text import kept, kept_key, told
from actors.storage.samples import (
    CALLER,
    ITEMS,
    OWNER,
    VISITS,
    Item,
    append_of,
    appending,
    bare,
    claiming,
    known,
    query,
    record,
    records,
    row_of,
    visiting,
)
from tests.postgres import dsn, execute, own_server, schema

__all__ = ["dsn", "own_server", "schema"]

STORED, FENCED = [Ack.STORED], [Ack.FENCED]
DSN = "postgresql://ann:geheim%2F1@db.example:5432/tasks"


@asynccontextmanager
async def opened(dsn: str, schema: str) -> AsyncIterator[PostgresJournal]:
    journal = PostgresJournal(dsn, schema=schema)
    await journal.open(ITEMS, VISITS)
    try:
        yield journal
    finally:
        await journal.close()


# -- against the journal in memory


class Plan(NamedTuple):
    """An append before it is known where its log ends."""

    log: str
    slip: int
    """How far from the head."""
    kind: str
    epoch: int
    size: int
    state: int
    keys: list[str]
    consumers: list[str]
    active: bool

    def at(self, head: int) -> Append:
        log, expected = self.log, max(0, head - self.slip)
        if self.kind == "claim" and expected:
            append = claiming(log, expected, self.epoch)
        elif self.kind == "bare":
            append = bare(log, expected, self.size)
        elif self.kind == "visit":
            append = visiting(log, expected, self.state, seen=7)
        else:
            append = appending(log, expected, self.size, self.epoch, state=self.state)
        return append._replace(
            keys=tuple(self.keys), consumers=tuple(self.consumers), active=self.active
        )


PLANS = st.builds(
    Plan,
    log=st.sampled_from("abc"),
    slip=st.sampled_from((0, 0, 0, 0, 0, 1, -1)),
    kind=st.sampled_from(("claim", "row", "row", "bare", "visit")),
    epoch=st.sampled_from((1, 1, 1, 2)),
    size=st.integers(1, 3),
    state=st.integers(0, 2),
    keys=st.lists(st.sampled_from("klmnopqrstuvwxyz"), max_size=1),
    consumers=st.lists(st.sampled_from("xy"), max_size=2),
    active=st.booleans(),
)


async def agree(journal: PostgresJournal, plans: list[list[Plan]]) -> None:
    oracle = MemoryJournal()
    oracle.open(ITEMS, VISITS)
    for planned in plans:
        group: list[Append] = []
        heads = {head.log: head.seq for head in oracle.heads()}
        for plan in planned:
            group.append(plan.at(heads.get(plan.log, 0)))
            heads[plan.log] = group[-1].seq
        assert await journal.append(group) == oracle.append(group)
    for log in "abc":
        assert await journal.read(log) == oracle.read(log)
        assert await journal.read(log, CALLER) == oracle.read(log, CALLER)
    for projection in (ITEMS, VISITS):
        asked = query(projection, size=2)
        assert await journal.list(asked) == oracle.list(asked)
        keep = Keep(projection=projection, state=1, count=1, size=9_000, since=8)
        assert await journal.surplus(keep) == oracle.surplus(keep)
    for key in "klmnopqrstuvwxyz":
        assert await journal.find(key) == oracle.find(key)
    for consumer in "xy":
        assert await journal.unconsumed(consumer) == oracle.unconsumed(consumer)
    assert await journal.heads() == oracle.heads()
    assert await journal.heads(active=True) == oracle.heads(active=True)


def test_it_decides_as_the_journal_in_memory_does(dsn: str, schema: str) -> None:
    tables = ("logs", "records", "keys", "consumers", "rows_items", "rows_select")
    emptying = f"TRUNCATE {', '.join(f'{schema}.{table}' for table in tables)}"
    journal = PostgresJournal(dsn, schema=schema)

    with asyncio.Runner() as runner:
        runner.run(journal.open(ITEMS, VISITS))

        @settings(max_examples=25, deadline=None)
        @given(st.lists(st.lists(PLANS, min_size=1, max_size=8), min_size=2, max_size=8))
        def decide(plans: list[list[Plan]]) -> None:
            runner.run(execute(dsn, emptying))
            journal._appender.forget()
            runner.run(agree(journal, plans))

        decide()
        runner.run(journal.close())


# -- text


@given(st.lists(st.text(st.characters(codec="utf-8", max_codepoint=300)), max_size=4))
def test_text_is_kept_apart_and_in_order(texts: list[str]) -> None:
    stored = [kept(text) for text in texts]
    assert [told(text) for text in stored] == texts
    assert not any("\x00" in text for text in stored)
    assert sorted(texts, key=str.encode) == [told(text) for text in sorted(stored, key=str.encode)]


async def test_whatever_clients_send_is_kept(dsn: str, schema: str) -> None:
    async with opened(dsn, schema) as journal:
        odd, long = "a\x00b\x01\x01c'\"\\é\U0001f600", "\U0001f600x" * 20_000
        for log, text in ((odd, odd), ("long", long)):
            append = appending(
                log, 0, owner=text, tenant=text, context=text, keys=(text,), consumers=("c" + odd,)
            )
            assert await journal.append([append]) == STORED
            assert await journal.read(log, Caller(text, text)) == await known(journal, log)
            assert row_of(await known(journal, log)) == append.row
            assert await journal.find(text) == (log, 1)
            asked = replace(query(context=text), owner=text, tenant=text)
            page = await journal.list(asked)
            assert [each.head.log for each in page.logs] == [log]
            assert await journal.append([appending("other", 0, keys=(text,))]) == FENCED
        assert await journal.find(long + "y") is None
        with pytest.raises(ValueError, match="takes 8000 bytes, at most 2000"):
            await journal.append([appending("\U0001f600" * 2000, 0)])


async def test_names_of_consumers_have_room_beside_the_longest_log(dsn: str, schema: str) -> None:
    draw = Random(1)
    log, consumer = draw.randbytes(1000).hex(), draw.randbytes(300).hex()
    async with opened(dsn, schema) as journal:
        assert await journal.append([appending(log, 0, consumers=(consumer,))]) == STORED
        assert await journal.place(consumer, log) == (log, 0)
        with pytest.raises(ValueError, match="consumer of log 'b' takes 3000 bytes, at most 600"):
            await journal.append([appending("b", 0, consumers=(consumer * 5,))])
        copy = Copy(Head("b", 1, 1, False, 0), None, None, records(0, 1), (), ((consumer * 5, 0),))
        with pytest.raises(ValueError, match="takes 3000 bytes, at most 600"):
            await journal.restore(copy)
        with pytest.raises(ValueError, match="a log takes 4000 bytes, at most 2000"):
            await journal.restore(copy._replace(head=Head(log * 2, 1, 1, False, 0)))


async def test_owners_that_begin_alike_are_apart(dsn: str, schema: str) -> None:
    async with opened(dsn, schema) as journal:
        names = [OWNER * 200 + end for end in "ab"]
        await journal.append([appending(name[-1], 0, owner=name) for name in names])
        await journal.append([appending(f"{name[-1]}2", 0, tenant=name) for name in names])
        for name in names:
            for asked, log in (
                (replace(query(), owner=name), name[-1]),
                (replace(query(), tenant=name), f"{name[-1]}2"),
            ):
                page = await journal.list(asked)
                assert ([each.head.log for each in page.logs], page.total) == ([log], 1)


def test_a_long_key_is_not_taken_for_another() -> None:
    keys = ["k" * 400, "k" * 4000, "k" * 4001, kept_key("k" * 4000)]
    assert len({kept_key(key) for key in keys}) == len(keys)


# -- rows


async def test_a_row_that_changed_is_written_and_one_that_did_not_is_not(
    dsn: str, schema: str
) -> None:
    async with opened(dsn, schema) as journal:
        await journal.append([appending("t", 0), appending("t", 1, state=5)])
        place = await xmin(dsn, schema)
        await journal.append([appending("t", 2, state=5)])
        assert await xmin(dsn, schema) == place
        await journal.append([appending("t", 3, state=6), appending("t", 4, state=5)])
        assert row_of(await known(journal, "t")) == appending("t", 0, state=5).row
        await journal.append([appending("t", 9, state=7), appending("t", 5, state=8)])
        assert row_of(await known(journal, "t")) == appending("t", 0, state=8).row


async def test_a_row_of_another_kind_takes_the_place_of_the_first(dsn: str, schema: str) -> None:
    async with opened(dsn, schema) as journal:
        for head, append in enumerate((visiting("t", 0, 1, 1), appending("t", 1))):
            await journal.append([append])
            assert row_of(await known(journal, "t")) == append.row
            listed = [await journal.list(query(each)) for each in (VISITS, ITEMS)]
            assert [each.total for each in listed] == [1 - head, head]
        await journal.append([visiting("t", 2, 1, 1)])
        assert row_of(await known(journal, "t")) == visiting("t", 2, 1, 1).row


async def xmin(dsn: str, schema: str) -> object:
    """Which transaction wrote the row of log `t`."""
    connection = await asyncpg.connect(dsn)
    found: object = await connection.fetchval(f"SELECT xmin::text FROM {schema}.rows_items")
    await connection.close()
    return found


async def test_a_log_removed_and_begun_anew_has_its_row(dsn: str, schema: str) -> None:
    async with opened(dsn, schema) as journal:
        await journal.append([appending("t", 0)])
        head = await journal.head("t")
        assert head is not None
        assert await journal.remove(head)
        await journal.append([appending("t", 0)])
        assert row_of(await known(journal, "t")) == appending("t", 0).row


async def test_a_removed_log_leaves_nothing(dsn: str, schema: str) -> None:
    async with opened(dsn, schema) as journal:
        await journal.append([appending("t", 0, 3, keys=("k",)), visiting("u", 0, 1, 1)])
        await journal.save_snapshot("t", Snapshot(2, b"two"))
        for log in "tu":
            head = await journal.head(log)
            assert head is not None
            assert await journal.remove(head)
        connection = await asyncpg.connect(dsn)
        tables = ("logs", "records", "snapshots", "keys", "consumers", "rows_items", "rows_select")
        for table in tables:
            assert await connection.fetchval(f"SELECT count(*) FROM {schema}.{table}") == 0, table
        await connection.close()


async def test_surplus_begins_where_it_does_in_memory(dsn: str, schema: str) -> None:
    oracle = MemoryJournal()
    oracle.open(ITEMS)
    group = [appending(log, 0, state=2, status_at=9 - at // 2) for at, log in enumerate("abcde")]
    oracle.append(group)
    (total,) = {sum(len(encode(each, append.log)) for each in append.records) for append in group}
    async with opened(dsn, schema) as journal:
        await journal.append(group)
        nothing = Keep(projection=ITEMS, state=2)
        keeps = [replace(nothing, size=total * 2 + more) for more in (-1, 0, 1)]
        keeps += [replace(nothing, count=count) for count in range(6)]
        keeps += [replace(nothing, since=since) for since in (6, 7, 8, 9, 10)]
        keeps += [replace(nothing, size=total * 4, count=3, since=8), nothing]
        for log in "ad":
            oracle.save_snapshot(log, Snapshot(1, b"one"))
            await journal.save_snapshot(log, Snapshot(1, b"one"))
            assert oracle.compact(log, 1)
            assert await journal.compact(log, 1)
        keeps += [replace(keep, compactable=True) for keep in keeps]
        for keep in keeps:
            assert await journal.surplus(keep) == oracle.surplus(keep), keep
            assert await journal.surplus(keep, 2) == oracle.surplus(keep, 2), keep


# -- damage


async def test_a_damaged_snapshot_is_read_around(dsn: str, schema: str) -> None:
    async with opened(dsn, schema) as journal:
        await journal.append([appending("t", 0, 5)])
        await journal.save_snapshot("t", Snapshot(3, b"three"))
        await execute(dsn, f"UPDATE {schema}.snapshots SET payload = 'four'")
        stored = await known(journal, "t")
        assert (stored.snapshot, stored.tail) == (None, records(0, 5))
        assert (await journal.list(query())).logs == (stored,)
        assert not await journal.compact("t", 3)
        assert (await known(journal, "t")).tail == records(0, 5)


async def test_a_damaged_snapshot_of_a_compacted_log_is_said(dsn: str, schema: str) -> None:
    async with opened(dsn, schema) as journal:
        await journal.append([appending("t", 0, 5)])
        await journal.save_snapshot("t", Snapshot(3, b"three"))
        assert await journal.compact("t", 3)
        for damage in ("UPDATE {}.snapshots SET crc = 1", "DELETE FROM {}.snapshots"):
            await execute(dsn, damage.format(schema))
            with pytest.raises(JournalCorrupt, match=r"'t' is missing or damaged.*restore"):
                await journal.read("t")


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM {}.records WHERE seq = 2",
        "DELETE FROM {}.records WHERE seq = 3",
        "UPDATE {}.records SET frame = set_byte(frame, 9, 77) WHERE seq = 2",
        "UPDATE {}.records SET seq = 4 WHERE seq = 2",
        "UPDATE {}.records SET held = 1 WHERE seq = 3; DELETE FROM {}.records WHERE seq = 2",
        "UPDATE {}.records SET frame = frame || frame WHERE seq = 2",
    ],
)
@pytest.mark.parametrize("sizes", [(1, 1, 1), (2, 1)])
async def test_damaged_records_are_never_passed_on(
    dsn: str, schema: str, damage: str, sizes: Sequence[int]
) -> None:
    async with opened(dsn, schema) as journal:
        for expected, size in zip(accumulate(sizes, initial=0), sizes, strict=False):
            await journal.append([appending("t", expected, size)])
        await execute(dsn, damage.replace("{}", schema))
        with pytest.raises(JournalCorrupt, match="'t'"):
            await journal.read("t")
        with pytest.raises(JournalCorrupt, match="'t'"):
            await journal.page("t", 0, 3)


# -- the schema


async def test_a_newer_version_is_refused(dsn: str, schema: str) -> None:
    async with opened(dsn, schema):
        pass
    await execute(dsn, f"UPDATE {schema}.journal_version SET version = 3")
    with pytest.raises(StorageError, match="has version 3, this release knows 1 to 2: run the rel"):
        await PostgresJournal(dsn, schema=schema).open(ITEMS)
    with pytest.raises(StorageError, match=r"version 3, .* reads 2: read it with the release that"):
        async with postgres_source(dsn, schema):
            pass


async def test_a_schema_of_version_1_goes_on_with_several_records_in_a_row(
    dsn: str, schema: str
) -> None:
    async with opened(dsn, schema) as journal:
        for seq in range(5):
            await journal.append([appending("t", seq)])
    await execute(
        dsn,
        f"ALTER TABLE {schema}.records DROP COLUMN held; "
        f"UPDATE {schema}.journal_version SET version = 1",
    )
    with pytest.raises(StorageError, match=r"version 1, .* reads 2: start `actors serve` with it"):
        async with postgres_source(dsn, schema):
            pass
    async with opened(dsn, schema) as journal:
        assert await journal.append([appending("t", 5, 5)]) == STORED
        for after in range(10):
            assert await journal.page("t", after, 3) == records(after, min(3, 10 - after))
        await journal.save_snapshot("t", Snapshot(9, b"nine"))
        assert await journal.compact("t", 7)
        assert await journal.page("t", 7, 9) == records(7, 3)
    async with opened(dsn, schema) as journal:
        assert await journal.page("t", 8, 9) == records(8, 2)


async def test_pages_begin_and_end_in_the_middle_of_rows(dsn: str, schema: str) -> None:
    """Also once a prefix was let go of, and of a copy."""
    async with opened(dsn, schema) as journal:
        await journal.append([appending("t", 0, 50), appending("t", 50, 130)])
        await journal.save_snapshot("t", Snapshot(180, b"all"))
        for floor in (0, 20, 60, 179):
            assert await journal.compact("t", floor)
            await _adds_up(dsn, schema)
            for after in range(floor, 180, 17):
                for limit in (1, 64, 256):
                    due = records(after, min(limit, 180 - after))
                    assert await journal.page("t", after, limit) == due
        tail = records(20, 160)
        copy = Copy(Head("copy", 180, floor=20), None, Snapshot(180, b"all"), tail)
        assert await journal.restore(copy)
        for after in range(20, 180, 17):
            assert await journal.page("copy", after, 256) == records(after, 180 - after)
        assert await journal.append([appending("copy", 180, 3)]) == STORED
        assert await journal.page("copy", 100, 256) == records(100, 83)
    await _adds_up(dsn, schema)


async def test_bytes_are_told_though_records_are_alike(dsn: str, schema: str) -> None:
    async with opened(dsn, schema) as journal:
        alike = [record(7)._replace(seq=seq) for seq in range(1, 9)]
        for each in alike:
            await journal.append([append_of("t", each.seq - 1, [each])])
        await journal.save_snapshot("t", Snapshot(8, b"all"))
        assert await journal.compact("t", 6)
    await _adds_up(dsn, schema)


async def _adds_up(dsn: str, schema: str) -> None:
    """What the rows hold is what is told beside them."""
    counted = f"SELECT sum(held), sum(octet_length(frame)) FROM {schema}.records"
    told = f"SELECT sum(head - floor), sum(bytes) FROM {schema}.logs"
    same = f"SELECT ROW(c.*) = ROW(t.*) FROM ({counted}) AS c, ({told}) AS t"
    await execute(dsn, f"DO $$ BEGIN ASSERT ({same}); END $$")


async def test_a_schema_of_something_else_is_refused(dsn: str, schema: str) -> None:
    await execute(dsn, f"CREATE SCHEMA {schema}; CREATE TABLE {schema}.logs (x int)")
    with pytest.raises(StorageError, match=r"tables of something else \(logs\)"):
        await PostgresJournal(dsn, schema=schema).open(ITEMS)
    await execute(dsn, f"DROP TABLE {schema}.logs")
    async with opened(dsn, schema) as journal:
        assert await journal.append([appending("t", 0)]) == STORED


async def test_a_projection_with_other_columns_is_refused(dsn: str, schema: str) -> None:
    async with opened(dsn, schema):
        pass

    class Other(NamedTuple):
        owner: str
        tenant: str
        context: str
        state: str
        status_at: int
        level: int

    other = Projection("items", Other, newest="status_at", listed="level")
    journal = PostgresJournal(dsn, schema=schema)
    with pytest.raises(StorageError, match=r"projection 'items' has .*alter the table"):
        await journal.open(other)
    await journal.open(ITEMS)
    with pytest.raises(ValueError, match="two projections 'items'"):
        await journal.open(other)
    await journal.close()
    twin = Projection("twin", Item, newest="status_at", listed="state")
    with pytest.raises(ValueError, match="same type of row"):
        await PostgresJournal(dsn, schema=schema).open(ITEMS, twin)


@pytest.mark.parametrize("name", ["", "A", "a b", 'a"b', "a.b", "ü", "x" * 49])
def test_a_schema_has_a_plain_name(name: str) -> None:
    with pytest.raises(ValueError, match="is no name for a journal's schema"):
        PostgresJournal(DSN, schema=name)


# -- errors


def test_the_password_is_never_shown() -> None:
    address = Address(DSN + "?password=streng&host=other")
    assert repr(address) == "postgresql://ann@db.example:5432/tasks?host=other"
    assert "geheim" not in repr(PostgresJournal(DSN))
    error = address.error(OSError("no geheim/1 and geheim%2F1, streng"), "connecting")
    assert isinstance(error, StorageUnavailable)
    assert str(error).endswith("connecting in " + repr(address) + ": OSError: no *** and ***, ***")


@pytest.mark.parametrize(
    "dsn",
    [
        "",
        "sqlite:///geheim",
        "postgresql://ann:ge/heim@db/tasks",
        "postgresql://ann:geheim",
        "postgresql://ann:gehe[im@db/tasks",
        "host=db password=geheim",
    ],
)
def test_a_dsn_that_cannot_be_read_is_not_shown(dsn: str) -> None:
    with pytest.raises(ValueError, match="expected to look like postgresql://") as caught:
        PostgresJournal(dsn)
    assert "heim" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (asyncpg.DiskFullError("full"), StorageUnavailable),
        (asyncpg.OutOfMemoryError("memory"), StorageUnavailable),
        (asyncpg.TooManyConnectionsError("many"), StorageUnavailable),
        (asyncpg.AdminShutdownError("down"), StorageUnavailable),
        (asyncpg.CannotConnectNowError("starting"), StorageUnavailable),
        (asyncpg.ConnectionDoesNotExistError("gone"), StorageUnavailable),
        (asyncpg.ReadOnlySQLTransactionError("standby"), StorageUnavailable),
        (asyncpg.DeadlockDetectedError("dead"), StorageUnavailable),
        (asyncpg.SerializationError("again"), StorageUnavailable),
        (asyncpg.LockNotAvailableError("lock"), StorageUnavailable),
        (asyncpg.QueryCanceledError("time"), StorageUnavailable),
        (asyncpg.InterfaceError("closed"), StorageUnavailable),
        (asyncpg.InternalClientError("state"), StorageUnavailable),
        (ConnectionRefusedError("no"), StorageUnavailable),
        (TimeoutError(), StorageUnavailable),
        (asyncpg.DataCorruptedError("bad"), JournalCorrupt),
        (asyncpg.IndexCorruptedError("bad"), JournalCorrupt),
        (asyncpg.InvalidPasswordError("no"), StorageError),
        (asyncpg.UndefinedTableError("no"), StorageError),
        (asyncpg.exceptions.ClientConfigurationError("no"), StorageError),
        (KeyError("ours"), StorageError),
    ],
)
def test_what_errors_mean(error: Exception, kind: type[StorageError]) -> None:
    assert type(Address(DSN).error(error, "appending")) is kind
