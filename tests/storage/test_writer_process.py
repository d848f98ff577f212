"""SqliteJournal with durability="power": its writer process, killed and outlived."""

import asyncio
import gc
import os
import re
import select
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Coroutine
from contextlib import closing
from functools import wraps
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from actors.runtime.journal.errors import JournalCorrupt, StorageError, StorageUnavailable
from actors.runtime.journal.port import Ack, Place, Snapshot, settled
from actors.storage import SqliteJournal, link, lock
from actors.storage import log as logs
from actors.storage.remote import RemoteWriter
from actors.storage.samples import (
    ITEMS,
    VISITS,
    appending,
    record,
    records,
    seqs,
    store,
    verdicts,
    visiting,
)
from tests.bench.suite.processes import resident


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tasks.db"


def powerful(path: Path) -> SqliteJournal:
    journal = SqliteJournal(path, durability="power")
    assert journal.open(ITEMS) is None
    return journal


def writer_of(journal: SqliteJournal) -> RemoteWriter:
    assert isinstance(journal._writer, RemoteWriter)
    return journal._writer


def process_of(journal: SqliteJournal) -> int:
    process = writer_of(journal).process
    assert process is not None
    return process


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


Test = Callable[[SqliteJournal], Coroutine[Any, Any, None]]


def with_journal(test: Test) -> Callable[[Path], None]:
    """Run a test on an open journal, and see that no process is left."""

    @wraps(test)
    def run(path: Path) -> None:
        errors: list[Any] = []

        async def whole() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda _, what: errors.append(what))
            journal = powerful(path)
            seen: list[int] = []
            try:
                await test(journal)
                if isinstance(journal._writer, RemoteWriter):
                    seen += filter(None, [journal._writer.process])
            finally:
                await settled(journal.close())
            assert not any(map(alive, seen))

        asyncio.run(whole())
        gc.collect()
        assert not errors

    del run.__wrapped__  # pytest would ask it for the fixtures
    return run


@with_journal
async def test_reads_need_no_process(journal: SqliteJournal) -> None:
    assert journal.read("t") is None
    assert journal.heads() == []
    assert writer_of(journal).process is None


@with_journal
async def test_what_is_acknowledged_can_be_read(journal: SqliteJournal) -> None:
    for expected in range(20):
        await store(journal, appending("t", expected))
        assert seqs(journal.page("t", 0, 99)) == list(range(1, expected + 2))


@with_journal
async def test_requests_are_carried_out_in_order(journal: SqliteJournal) -> None:
    """Also when nobody waits for the one before."""
    begun = [
        asyncio.ensure_future(settled(each))
        for each in (
            journal.append([appending("t", 0, 9, consumers=("one",))]),
            journal.save_snapshot("t", Snapshot(9, b"nine")),
            journal.consumed("one", Place("t", 9)),
            journal.compact("t", 6),
            journal.append([appending("t", 9), appending("t", 3)]),
        )
    ]
    stored, _, _, compacted, mixed = await asyncio.gather(*begun)
    assert (stored, compacted, mixed) == ([Ack.STORED], True, [Ack.STORED, Ack.FENCED])
    assert journal.head("t") == appending("t", 9).head._replace(floor=6)


@with_journal
async def test_large_groups_fit_through(journal: SqliteJournal) -> None:
    large = [record(seq)._replace(payload=b"x" * 300_000) for seq in range(1, 31)]
    append = appending("t", 0, 30)._replace(records=tuple(large))
    await store(journal, append)
    assert journal.page("t", 0, 99) == append.records


@with_journal
async def test_what_it_needs_does_not_grow_with_what_was_written(journal: SqliteJournal) -> None:
    """Measured: 8 KiB more; 1,200 with the cache that SQLite would have, 400 with the buffer of
    msgpack's choice."""
    payload = b"x" * 1_500

    async def grown(groups: range) -> int:
        for group in groups:
            appends = [appending(f"{group} {log}", 0) for log in range(50)]
            await store(
                journal,
                *(
                    each._replace(records=tuple(r._replace(payload=payload) for r in each.records))
                    for each in appends
                ),
            )
        return resident(process_of(journal))

    before = await grown(range(8))
    assert await grown(range(8, 40)) - before < 200_000


@with_journal
async def test_what_is_asked_meanwhile_stands_behind(journal: SqliteJournal) -> None:
    """Also where the socket has room again before the loop has sent the rest."""
    await store(journal, appending("t", 0))
    process = writer_of(journal)._link
    assert process is not None
    large = appending("u", 0)._replace(records=(record(1)._replace(payload=b"x" * 3_000_000),))
    first = journal.append([large])
    assert process._out
    assert select.select([], [process._pipe], [], 10)[1]
    second = journal.append([appending("t", 1)])
    async with asyncio.timeout(20):
        assert [await settled(first), await settled(second)] == [[Ack.STORED]] * 2
    assert journal.page("u", 0, 9) == large.records


@with_journal
async def test_closing_sends_what_the_socket_has_not_taken(journal: SqliteJournal) -> None:
    await store(journal, appending("t", 0))
    process = writer_of(journal)._link
    assert process is not None
    large = appending("u", 0)._replace(records=(record(1)._replace(payload=b"x" * 3_000_000),))
    begun = journal.append([large])
    assert process._out
    async with asyncio.timeout(link.END_SECONDS / 2):
        await settled(journal.close())
    assert await settled(begun) == [Ack.STORED]


@with_journal
async def test_its_connection_cannot_write(journal: SqliteJournal) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        journal._opened().execute("DELETE FROM logs")


@with_journal
async def test_a_projection_that_comes_later(journal: SqliteJournal) -> None:
    await store(journal, appending("t", 0))
    await settled(journal.open(VISITS))
    await store(journal, visiting("v", 0, level=1, seen=2))
    os.kill(process_of(journal), signal.SIGKILL)
    with pytest.raises(StorageUnavailable):
        await verdicts(journal, visiting("w", 0, level=1, seen=2))
    await store(journal, visiting("w", 0, level=1, seen=2), appending("t", 1))


@with_journal
async def test_errors_come_out_of_the_awaitable(journal: SqliteJournal) -> None:
    db = sqlite3.connect(journal.path, isolation_level=None)
    with closing(db):
        db.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageUnavailable, match="BUSY"):
            await verdicts(journal, appending("t", 0))
        db.execute("ROLLBACK")
    await store(journal, appending("t", 0))
    with pytest.raises(ValueError, match="beyond 64 bits"):
        journal.append([appending("u", 0, status_at=2**70)])
    await store(journal, appending("u", 0))


@with_journal
async def test_an_interrupt_is_not_for_the_writer(journal: SqliteJournal) -> None:
    await store(journal, appending("t", 0))
    process = process_of(journal)
    for interrupt in (signal.SIGINT, signal.SIGTERM):
        os.kill(process, interrupt)
        await store(journal, appending(f"t {interrupt}", 0))
    assert process_of(journal) == process
    assert os.getsid(process) == process


@with_journal
async def test_a_writer_that_is_killed_is_started_again(journal: SqliteJournal) -> None:
    await store(journal, appending("t", 0))
    first = process_of(journal)
    os.kill(first, signal.SIGKILL)
    with pytest.raises(StorageUnavailable, match=rf"{first} .*killed by signal 9.*stored or not"):
        await verdicts(journal, appending("t", 1))
    await store(journal, appending("t", 1))
    assert process_of(journal) != first
    assert not alive(first)


@with_journal
async def test_a_kill_in_the_middle_of_a_group_is_an_unknown_outcome(
    journal: SqliteJournal,
) -> None:
    """Each group in flight is whole or not there; the same appends again settle it."""
    await store(journal, appending("t", 0, 4))
    groups = [[appending("t", 4 + n, 1), appending(f"u{n}", 0, 3_000)] for n in range(8)]
    begun = [asyncio.ensure_future(settled(journal.append(group))) for group in groups]
    await begun[1]
    os.kill(process_of(journal), signal.SIGKILL)
    told = await asyncio.gather(*begun, return_exceptions=True)
    unknown = [answer for answer in told if not isinstance(answer, list)]
    assert unknown
    assert all(isinstance(answer, StorageUnavailable) for answer in unknown)
    for group, answer in zip(groups, told, strict=True):
        pages = [journal.page(each.log, each.expected, len(each.records)) for each in group]
        there = [page == each.records for page, each in zip(pages, group, strict=True)]
        assert len(set(there)) == 1
        assert there[0] or not isinstance(answer, list)
    for group in groups:
        await verdicts(journal, *group)
        for each in group:
            assert journal.page(each.log, each.expected, len(each.records)) == each.records
    assert seqs(journal.page("t", 0, 99)) == list(range(1, 13))


@with_journal
async def test_closing_waits_for_what_was_begun(journal: SqliteJournal) -> None:
    begun = journal.append([appending("t", 0, 500)])
    await settled(journal.close())
    assert await settled(begun) == [Ack.STORED]
    journal.open(ITEMS)
    assert seqs(journal.page("t", 0, 999)) == list(range(1, 501))


@with_journal
async def test_whoever_is_cancelled_disturbs_nobody(journal: SqliteJournal) -> None:
    first = asyncio.ensure_future(settled(journal.append([appending("t", 0)])))
    second = asyncio.ensure_future(settled(journal.append([appending("t", 1)])))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == [Ack.STORED]
    assert seqs(journal.page("t", 0, 9)) == [1, 2]


@with_journal
async def test_a_writer_that_does_not_end_is_killed(journal: SqliteJournal) -> None:
    await store(journal, appending("t", 0))
    process = process_of(journal)
    os.kill(process, signal.SIGSTOP)
    begun = journal.append([appending("t", 1)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(link, "END_SECONDS", 0.05)
        await settled(journal.close())
    assert not alive(process)
    with pytest.raises(StorageUnavailable, match="killed by signal 9"):
        await settled(begun)


def test_a_journal_goes_on_in_another_loop(path: Path) -> None:
    journal = powerful(path)
    asyncio.run(store(journal, appending("t", 0)))
    first = process_of(journal)

    async def again() -> None:
        await store(journal, appending("t", 1))
        assert process_of(journal) != first
        await settled(journal.close())

    asyncio.run(again())
    assert not alive(first)


def test_a_forgotten_journal_lets_go(path: Path) -> None:
    async def forget() -> int:
        journal = powerful(path)
        await store(journal, appending("t", 0))
        process = process_of(journal)
        del journal
        gc.collect()
        return process

    assert not alive(asyncio.run(forget()))
    journal = powerful(path)
    assert seqs(journal.page("t", 0, 9)) == [1]
    journal.close()


def test_a_writer_of_a_journal_that_has_lost_the_file_writes_nothing(path: Path) -> None:
    async def usurped() -> None:
        journal = powerful(path)
        usurper = lock.Holder(os.getpid(), 1)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(writer_of(journal), "_holder", usurper)
            for _ in range(2):
                with pytest.raises(StorageError, match=r"has lost it"):
                    await verdicts(journal, appending("t", 0))
        assert journal.read("t") is None
        await store(journal, appending("t", 0))
        await settled(journal.close())

    asyncio.run(usurped())


def test_a_successor_waits_for_the_last_commit_of_an_orphan(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bounded; until the orphan ends, nobody may believe that its commit is not there."""
    powerful(path).close()
    holder = sqlite3.connect(path.with_name("tasks.db.writer.lock"), isolation_level=None)
    with closing(holder):
        holder.execute("BEGIN IMMEDIATE")
        monkeypatch.setattr(lock, "WRITER_SECONDS", 0.02)
        for durability in ("power", "process"):
            with pytest.raises(StorageUnavailable, match=r"writer process.*still holds"):
                SqliteJournal(path, durability).open(ITEMS)
        holder.execute("ROLLBACK")
    powerful(path).close()


OWNER = """
    import asyncio, itertools, os, sys
    from actors.storage import SqliteJournal
    from actors.storage.samples import ITEMS, appending
    async def main():
        journal = SqliteJournal(sys.argv[1], durability="power")
        journal.open(ITEMS)
        for number in itertools.count():
            acks = await journal.append([appending(log, 40 * number, 40) for log in "abc"])
            assert all(ack.value == "stored" for ack in acks)
            print(number + 1, journal._writer.process, flush=True)
    asyncio.run(main())
"""
FORKER = """
    import asyncio, gc, os, sys
    from actors.storage import SqliteJournal
    from actors.storage.samples import ITEMS, appending
    async def main():
        journal = SqliteJournal(sys.argv[1], durability="power")
        journal.open(ITEMS)
        await journal.append([appending("t", 0)])
        if os.fork() == 0:
            try:
                journal.append([appending("t", 1)])
            except Exception as error:
                print(type(error).__name__, error, flush=True)
            journal.close()
            del journal
            gc.collect()
            os._exit(0)
        os.wait()
        print((await journal.append([appending("t", 1)]))[0].value, flush=True)
        await journal.close()
    asyncio.run(main())
"""


@pytest.mark.parametrize("lines", [1, 25])
def test_a_kill_of_the_journal_loses_nothing_that_was_acknowledged(path: Path, lines: int) -> None:
    command = [sys.executable, "-c", dedent(OWNER), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        told = [owner.stdout.readline() for _ in range(lines)]
        owner.kill()
        told += [line for line in owner.stdout.read().split("\n")[:-1] if line]
    acknowledged = int(told[-1].split()[0])
    journal = powerful(path)
    heads = [journal.head(log) for log in "abc"]
    assert len({head and head.seq for head in heads}) == 1
    assert heads[0] is not None
    assert heads[0].seq in (40 * acknowledged, 40 * (acknowledged + 1))
    for log in "abc":
        assert journal.page(log, 0, 10**6) == records(0, heads[0].seq)
    asyncio.run(_append_and_close(journal, heads[0].seq))


def test_a_successor_waits_for_the_writer_of_a_killed_journal(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, "-c", dedent(OWNER), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        writer = int(owner.stdout.readline().split()[1])
        os.kill(writer, signal.SIGSTOP)
        owner.kill()
    try:
        with monkeypatch.context() as patch:
            patch.setattr(lock, "WRITER_SECONDS", 0.02)
            with pytest.raises(StorageUnavailable, match=r"writer process.*still holds"):
                SqliteJournal(path).open(ITEMS)
    finally:
        os.kill(writer, signal.SIGCONT)
    journal = powerful(path)
    assert journal.head("a") is not None
    journal.close()


async def _append_and_close(journal: SqliteJournal, head: int) -> None:
    await store(journal, appending("a", head))
    await settled(journal.close())


def test_a_fork_neither_uses_nor_ends_what_it_inherits(path: Path) -> None:
    command = [sys.executable, "-c", dedent(FORKER), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    refused, stored = done.stdout.splitlines()
    assert "before a fork" in refused
    assert stored == "stored"
    assert not done.stderr  # nothing was begun there either


@with_journal
async def test_a_read_is_of_one_moment(journal: SqliteJournal) -> None:
    await store(journal, appending("t", 0, 9))
    find = logs.find

    def found(db: sqlite3.Connection, name: str) -> logs.Found | None:
        """And then somebody commits."""
        there = find(db, name)
        with closing(sqlite3.connect(journal.path)) as other, other:
            other.execute("DELETE FROM records")
        return there

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logs, "find", found)
        assert seqs(journal.page("t", 0, 9)) == list(range(1, 10))
        with pytest.raises(JournalCorrupt):
            journal.page("t", 0, 9)
    assert not journal._opened().in_transaction


@with_journal
async def test_a_writer_that_is_killed_before_it_has_started(journal: SqliteJournal) -> None:
    """And nothing is said of an answer that nobody waits for."""
    begun = journal.append([appending("t", 0)])
    os.kill(process_of(journal), signal.SIGKILL)
    with pytest.raises(StorageUnavailable, match="killed by signal 9"):
        await settled(begun)
    await store(journal, appending("t", 0))


def impatient(patch: pytest.MonkeyPatch, journal: SqliteJournal, seconds: float) -> None:
    """Wait no longer for answers to come."""
    patch.setattr(link, "ANSWER_SECONDS", seconds)
    process = writer_of(journal)._link
    assert process is not None
    assert process._watch is not None
    process._watch.cancel()
    process._watch = None


@with_journal
async def test_a_writer_that_answers_no_more_is_replaced(journal: SqliteJournal) -> None:
    await store(journal, appending("t", 0))
    first = process_of(journal)
    with pytest.MonkeyPatch.context() as patch:
        impatient(patch, journal, 0.3)
        await store(journal, appending("t", 1))
        os.kill(first, signal.SIGSTOP)
        told = await asyncio.gather(
            *(settled(journal.append([appending("t", 2)])) for _ in range(2)),
            return_exceptions=True,
        )
    assert [type(each) for each in told] == [StorageUnavailable] * 2
    assert re.search(f"{first} .*has not answered for 0.3 s.*stored or not", str(told[0]))
    await verdicts(journal, appending("t", 2))
    assert journal.page("t", 0, 9) == records(0, 3)
    assert process_of(journal) != first
    assert not alive(first)


@with_journal
async def test_a_writer_that_answers_in_time_is_left_alone(journal: SqliteJournal) -> None:
    """However long ago it was asked: each answer counts anew."""
    await store(journal, appending("t", 0))
    process = writer_of(journal)._link
    assert process is not None
    # What comes behind the first is more than the socket takes at once.
    sizes = {"a": 1, "b": 10_000, "c": 10_000}
    begun = [journal.append([appending(log, 0, size)]) for log, size in sizes.items()]
    process._heard -= 1_000
    assert await settled(begun[0]) == [Ack.STORED]
    process._overdue()
    assert process._watch is not None
    assert [await settled(each) for each in begun[1:]] == [[Ack.STORED]] * 2
    assert writer_of(journal)._link is process


def test_a_journal_is_closed_in_another_loop(path: Path) -> None:
    journal = powerful(path)
    asyncio.run(store(journal, appending("t", 0)))
    first = process_of(journal)

    async def close() -> None:
        await settled(journal.close())
        assert not alive(first)
        journal.open(ITEMS)
        await store(journal, appending("t", 1))
        await settled(journal.close())

    asyncio.run(close())


@with_journal
async def test_what_is_closed_twice_can_be_opened_again(journal: SqliteJournal) -> None:
    await store(journal, appending("t", 0))
    closing = journal.close()
    assert journal.close() is None
    with pytest.raises(StorageError, match="in use by this process"):
        journal.open(ITEMS)  # until the writer has ended
    await settled(closing)
    journal.open(ITEMS)
    await store(journal, appending("t", 1))
