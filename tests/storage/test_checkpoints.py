"""Checkpoints of SqliteJournal by child processes: one at a time, none left, the log bounded."""

import asyncio
import errno
import os
import signal
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from actors.runtime.journal.port import Ack
from actors.storage import SqliteJournal, checkpoints
from actors.storage.checkpoints import Checkpoints
from actors.storage.filewriter import FileWriter
from actors.storage.samples import ITEMS, appending, records


class Appender:
    """Appends large groups to one log, as many as are wanted."""

    def __init__(self, path: Path) -> None:
        self.journal = SqliteJournal(path)
        self.journal.open(ITEMS)
        self.head = 0
        self.children: set[int] = set()

    @property
    def checkpoints(self) -> Checkpoints:
        writer = self.journal._writer
        assert isinstance(writer, FileWriter)
        assert writer._checkpoints is not None
        return writer._checkpoints

    def pages(self) -> int:
        return self.checkpoints._pages()

    def append(self, groups: int) -> None:
        for _ in range(groups):
            given = [each._replace(payload=b"x" * 20_000) for each in records(self.head, 20)]
            append = appending("t", self.head, 20)._replace(records=tuple(given))
            assert self.journal.append([append]) == [Ack.STORED]
            self.head += 20
            self.children |= {child for child in [self.checkpoints.child] if child}

    async def until_done(self) -> None:
        """Wait, without appending, until a child has done its work, or has ended."""
        checkpoints = self.checkpoints
        while checkpoints.busy:
            pipe = checkpoints._pipe
            assert pipe is not None
            heard = asyncio.get_running_loop().create_future()
            hear = checkpoints._hear

            def seen(hear=hear, heard=heard) -> None:  # type: ignore[no-untyped-def]  # bound here
                hear()
                heard.done() or heard.set_result(None)

            asyncio.get_running_loop().add_reader(pipe, seen)
            await heard
            if checkpoints._pipe is not None:
                asyncio.get_running_loop().add_reader(pipe, hear)


@pytest.fixture
def appender(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Appender]:
    for name, pages in (("STEP", 200), ("LARGE", 1_500), ("HARD", 4_000), ("_BYTES", 100_000)):
        monkeypatch.setattr(checkpoints, name, pages)
    made = Appender(tmp_path / "tasks.db")
    yield made
    made.journal.close()
    assert not any(map(exists, made.children))
    assert not made.journal.path.with_name("tasks.db-wal").exists()
    made.journal.open(ITEMS)
    assert len(made.journal.page("t", 0, 10**6) or ()) == made.head
    made.journal.close()


def exists(process: int) -> bool:
    """Whether there is such a process, be it a zombie."""
    return Path(f"/proc/{process}").exists()


def until(process: int, change: int) -> None:
    """Wait for a child, and leave it to be reaped."""
    os.waitid(os.P_PID, process, change | os.WNOWAIT)


async def test_a_child_does_it_and_the_log_begins_anew(appender: Appender) -> None:
    appender.append(1)
    assert not appender.children
    appender.append(2)
    assert len(appender.children) == 1
    await appender.until_done()
    before = appender.pages()
    assert before > 200
    appender.append(1)
    assert appender.pages() < before


async def test_one_child_does_them_all(appender: Appender) -> None:
    for _ in range(3):
        while not appender.checkpoints.busy:
            appender.append(1)
        await appender.until_done()
        before = appender.pages()
        appender.append(1)
        assert appender.pages() < before
    assert len(appender.children) == 1


def test_a_child_that_has_nothing_to_do_ends(
    appender: Appender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next one is started when it is due."""
    program = checkpoints._PROGRAM.replace(f", {checkpoints.IDLE_SECONDS})", ", 0)")
    assert program != checkpoints._PROGRAM
    monkeypatch.setattr(checkpoints, "_PROGRAM", program)
    ended: set[int] = set()
    for _ in range(2):
        while not appender.children - ended:
            appender.append(1)
        (child,) = appender.children - ended
        until(child, os.WEXITED)
        appender.append(2)  # hears that it is done, and that it has ended
        assert not exists(child)
        ended.add(child)


async def test_there_is_one_at_a_time(appender: Appender, monkeypatch: pytest.MonkeyPatch) -> None:
    stops = "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)"
    monkeypatch.setattr(checkpoints, "_PROGRAM", stops)
    appender.append(3)
    (first,) = appender.children
    until(first, os.WSTOPPED)
    appender.append(10)
    assert appender.children == {first}
    os.kill(first, signal.SIGCONT)
    await appender.until_done()
    appender.append(3)
    assert len(appender.children) == 2


async def test_a_log_that_never_pauses_is_bounded(
    appender: Appender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop does the rest of a large log; here that is all of it."""
    monkeypatch.setattr(checkpoints, "_PROGRAM", "")
    seen = []
    for _ in range(60):
        appender.append(1)
        seen.append(appender.pages())
        if appender.pages() > 1_800:
            await appender.until_done()
        await asyncio.sleep(0)
    assert max(seen) < 4_000
    assert min(seen[seen.index(max(seen)) :]) < 200


def test_without_children_the_loop_does_it(
    appender: Appender, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*args: object, **more: object) -> None:
        raise BlockingIOError("no more processes")

    monkeypatch.setattr(subprocess, "Popen", refused)
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    seen = []
    for _ in range(110):
        appender.append(1)
        seen.append(appender.pages())
    assert 4_000 <= max(seen) < 4_300
    assert len([1 for one, two in pairwise(seen) if two < one]) == 2
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors


def test_a_reader_that_holds_on_stops_no_append(appender: Appender) -> None:
    """The log grows meanwhile, and is bounded again afterwards."""
    with closing(sqlite3.connect(appender.journal.path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM logs").fetchone()
        appender.append(60)
        assert appender.pages() > 4_000
        reader.execute("ROLLBACK")
    appender.append(60)
    assert appender.pages() < 4_000


async def test_a_child_that_is_killed_does_no_harm(appender: Appender) -> None:
    for _ in range(3):
        before = len(appender.children)
        while len(appender.children) == before:
            appender.append(1)
        child = appender.checkpoints.child
        assert child is not None
        os.kill(child, signal.SIGKILL)
        await appender.until_done()


def test_without_a_loop_it_is_reaped_later(appender: Appender) -> None:
    appender.append(3)
    (child,) = appender.children
    os.kill(child, signal.SIGKILL)
    until(child, os.WEXITED)
    assert exists(child)
    appender.append(1)
    assert not exists(child)


def test_closing_ends_a_child(appender: Appender) -> None:
    appender.append(3)
    assert appender.checkpoints.child is not None


def test_what_is_committed_is_stored_where_descriptors_are_used_up(
    appender: Appender, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused() -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patch:
        patch.setattr(socket, "socketpair", refused)
        appender.append(10)
        assert not appender.children
    appender.append(10)
    assert appender.children


def test_what_is_committed_is_stored_where_the_log_cannot_be_looked_at(appender: Appender) -> None:
    log, appender.checkpoints._log = appender.checkpoints._log, appender.journal.path / "no"
    with pytest.raises(NotADirectoryError):
        appender.checkpoints._log.stat()
    appender.append(10)
    assert not appender.children
    appender.checkpoints._log = log
    appender.append(1)
    assert appender.children
