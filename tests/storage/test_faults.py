"""Files that fail under a handler: callers get an error worth retrying, nothing shown is lost.

The disk is full, another program holds the file, the file or its directory cannot be written to,
the clock goes back, the log beside the file is deleted. Where it passes, service resumes by itself.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from a2a.types import ListTasksRequest, Task, TaskState
from a2a.utils.errors import InternalError, TaskNotFoundError

from actors.a2a.errors import StorageAwayError
from actors.storage import SqliteJournal
from actors.storage.check_sqlite import check_file
from actors.storage.findings import Tally
from actors.task.retention import Limit, Retention
from tests.storage.served import DONE, ME, Served, served

NOBODY = 65_534
BIG = "x" * 20_000
"""More than there is room for."""

both = pytest.mark.parametrize("durability", ["process", "power"])


def worth_retrying(error: StorageAwayError) -> bool:
    return error.data == {
        "retryable": True,
        "retryAfterMs": 1000,
        "reason": "storage_unavailable",
    }


async def sound(path: Path, *tasks: Task) -> None:
    """The file is whole, and has these tasks as they were shown."""
    assert [str(each) async for each in check_file(path, Tally())] == []
    async with served(SqliteJournal(path)) as again:
        for task in tasks:
            assert await again.get(task) == task


@asynccontextmanager
async def away_and_back(
    path: Path, durability: str, fault: Callable[[SqliteJournal], Any]
) -> AsyncIterator[tuple[Served, Task]]:
    """A handler that has served one task, fails its callers under `fault`, and recovers from it."""
    journal = SqliteJournal(path, durability=durability)
    async with served(journal) as handler:
        one = await handler.send("work one")
        with fault(journal):
            with pytest.raises(StorageAwayError) as caught:
                await handler.send(f"work {BIG} two")
            assert worth_retrying(caught.value)
            assert await handler.get(one) == one
            # One that began under the fault, and is answered as soon as that is over.
            waiting = asyncio.create_task(handler.send(f"work {BIG} three"))
            await handler.failing(handler.failures + 2)
        three = await waiting
        four = await handler.send("work four")
        assert {three.status.state, four.status.state} == {DONE}
        yield handler, one
    await sound(path, one, three, four)


@contextmanager
def full(journal: SqliteJournal) -> Iterator[None]:
    """No file of the process that writes may grow."""
    writer = getattr(journal._writer, "process", None) or os.getpid()
    size = journal.path.with_name(journal.path.name + "-wal").stat().st_size
    before = resource.prlimit(writer, resource.RLIMIT_FSIZE)
    resource.prlimit(writer, resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.prlimit(writer, resource.RLIMIT_FSIZE, before)


@contextmanager
def held(journal: SqliteJournal) -> Iterator[None]:
    """Another program writes, and does not finish."""
    other = sqlite3.connect(journal.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.close()


@both
@pytest.mark.parametrize("fault", [full, held])
async def test_a_file_that_cannot_be_written_for_a_while(
    tmp_path: Path, durability: str, fault: Callable[[SqliteJournal], Any]
) -> None:
    async with away_and_back(tmp_path / "t.db", durability, fault) as (handler, one):
        listed = await handler.on_list_tasks(ListTasksRequest(), ME)
        assert one.id in {task.id for task in listed.tasks}


async def test_a_database_that_may_not_grow(tmp_path: Path) -> None:
    """SQLite's own word for a full disk."""

    @contextmanager
    def limited(journal: SqliteJournal) -> Iterator[None]:
        assert journal._db is not None
        pages = journal._db.execute("PRAGMA page_count").fetchone()[0]
        journal._db.execute(f"PRAGMA max_page_count = {pages}")
        yield
        journal._db.execute("PRAGMA max_page_count = 4294967294")

    async with away_and_back(tmp_path / "t.db", "process", limited):
        pass


@both
async def test_a_disk_that_is_full_at_the_start(tmp_path: Path, durability: str) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with served(SqliteJournal(tmp_path / "t.db", durability=durability)) as handler:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
        try:
            with pytest.raises(StorageAwayError) as caught:
                await handler.send("work one")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert worth_retrying(caught.value)
        one = await handler.send("work one")
    await sound(tmp_path / "t.db", one)


async def test_an_agent_waits_while_the_disk_is_full_and_goes_on(tmp_path: Path) -> None:
    """Credit is withheld; the agent notices nothing, and nothing of its work is missing."""
    journal = SqliteJournal(tmp_path / "t.db")
    async with served(journal) as handler:
        await handler.send("work one")
        long = asyncio.create_task(handler.send("many 200"))
        await asyncio.sleep(0)
        with full(journal):
            await handler.failing(3)
        task = await long
        texts = [part.text for part in task.artifacts[0].parts]
        assert texts == [str(number) for number in range(200)]
    await sound(tmp_path / "t.db", task)


# -- where permissions bind


def unprivileged(scene: Callable[[Path], Awaitable[None]]) -> None:
    """Play a scene in a directory, in a process to whom permissions mean something."""
    with tempfile.TemporaryDirectory(prefix="actors-faults-") as name:
        os.chmod(name, 0o777)  # noqa: PTH101 - whoever plays
        child = os.fork()
        if not child:
            _play(scene, Path(name))
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0, "what went wrong stands above"


def _play(scene: Callable[[Path], Awaitable[None]], directory: Path) -> None:
    import traceback

    code = 1
    try:
        if not os.getuid():
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        asyncio.run(scene(directory))  # type: ignore[arg-type] # a coroutine function's result
        code = 0
    except BaseException:  # noqa: BLE001 - a fork must not go on as its parent would
        traceback.print_exc()
    finally:
        os._exit(code)


@pytest.mark.parametrize("what", ["file", "directory"])
def test_a_file_or_directory_that_is_read_only_at_the_start(what: str) -> None:
    async def scene(directory: Path) -> None:
        path = directory / "own" / "t.db"
        path.parent.mkdir()
        async with served(SqliteJournal(path)) as handler:
            one = await handler.send("work one")
        place, writable = (path, 0o644) if what == "file" else (path.parent, 0o755)
        place.chmod(0o444 if what == "file" else 0o555)
        async with served(SqliteJournal(path)) as handler:
            with pytest.raises(StorageAwayError) as caught:
                await handler.send("work two")
            assert worth_retrying(caught.value)
            place.chmod(writable)
            for beside in path.parent.glob("t.db-*"):  # SQLite made them as the file was
                beside.chmod(0o644)
            assert await handler.get(one) == one
            two = await handler.send("work two")
        await sound(path, one, two)

    unprivileged(scene)


def test_a_file_that_becomes_read_only_is_written_to_by_whoever_has_it_open() -> None:
    async def scene(directory: Path) -> None:
        path = directory / "t.db"
        async with served(SqliteJournal(path)) as handler:
            one = await handler.send("work one")
            for each in (path, path.with_name("t.db-wal")):
                each.chmod(0o444)
            two = await handler.send("work two")
        path.chmod(0o644)
        await sound(path, one, two)

    unprivileged(scene)


# -- the clock


async def test_a_clock_that_goes_back_turns_no_status_back_and_removes_nothing(
    tmp_path: Path,
) -> None:
    retention = Retention.terminal(Limit(age=3600.0), records=3600.0, every=600.0)
    async with served(SqliteJournal(tmp_path / "t.db"), retention=retention) as handler:
        asked = await handler.send("ask")
        wall = handler.clock.now
        handler.clock.now = lambda: wall() - 86_400_000
        with pytest.raises(InternalError, match="the tool broke"):
            await handler.send("fail on that", asked.id)
        failed = await handler.get(asked)
        assert failed.status.state == TaskState.TASK_STATE_FAILED  # which the core has stamped
        times = [task.status.timestamp.ToMilliseconds() for task in (asked, failed)]
        assert times[1] >= times[0]
        later = await handler.send("work later")
        for _ in range(4):
            handler.clock.advance(600.0)
            await handler.watched.quiet()
        assert await handler.get(failed) == failed
        assert await handler.get(later) == later
        listed = await handler.on_list_tasks(ListTasksRequest(), ME)
        assert {task.id for task in listed.tasks} == {failed.id, later.id}
    await sound(tmp_path / "t.db", failed, later)


# -- the log beside the file


async def test_a_log_deleted_under_a_journal_is_whole_again_once_that_is_closed(
    tmp_path: Path,
) -> None:
    """It is written to as long as it is open; closing copies it into the database."""
    path = tmp_path / "t.db"
    async with served(SqliteJournal(path)) as handler:
        one = await handler.send("work one")
        path.with_name("t.db-wal").unlink()
        two = await handler.send("work two")
    await sound(path, one, two)


async def test_a_log_deleted_after_a_kill_takes_along_what_was_only_there(tmp_path: Path) -> None:
    """No file of ours knows that there was more; what is left is whole, and can be gone on with."""
    path = tmp_path / "t.db"
    async with served(SqliteJournal(path)) as handler:
        one = await handler.send("work one")
    async with served(SqliteJournal(path)) as handler:
        two = await handler.send("work two")
        left = tmp_path / "left" / "t.db"
        left.parent.mkdir()
        left.write_bytes(path.read_bytes())
    await sound(left, one)
    async with served(SqliteJournal(left)) as handler:
        with pytest.raises(TaskNotFoundError):
            await handler.get(two)
