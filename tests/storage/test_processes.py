"""SqliteJournal among processes: who may open it, and what a kill leaves behind."""

import gc
import signal
from pathlib import Path

import pytest

from actors.runtime.journal.errors import StorageError
from actors.storage import SqliteJournal
from actors.storage.samples import ITEMS, appending, record
from tests.storage.holders import first_line, running

HOLDER = """
    import sys
    from actors.storage import SqliteJournal
    journal = SqliteJournal(sys.argv[1])
    journal.open()
    print("open", flush=True)
    sys.stdin.read()
"""
OPENER = """
    import sys
    from actors.storage import SqliteJournal
    try:
        SqliteJournal(sys.argv[1]).open()
    except Exception as error:
        print(type(error).__name__, error)
    else:
        print("open")
"""
FORKER = """
    import gc, os, sys
    from actors.storage import SqliteJournal
    from actors.storage.samples import ITEMS, appending
    journal = SqliteJournal(sys.argv[1])
    journal.open(ITEMS)
    journal.append([appending("t", 0)])
    if os.fork() == 0:
        try:
            journal.append([appending("t", 1)])
        except Exception as error:
            print(type(error).__name__, error, flush=True)
        journal.close()
        del journal
        gc.collect()
        sys.exit()
    os.wait()
    journal.append([appending("t", 1)])
    print("still open", flush=True)
    sys.stdin.read()
"""
WRITER = """
    import itertools, sys
    from actors.storage import SqliteJournal
    from actors.storage.samples import ITEMS, appending
    journal = SqliteJournal(sys.argv[1])
    journal.open(ITEMS)
    heads = dict.fromkeys("abcde", 0)
    for number in itertools.count():
        group = []
        for task in ("abcde"[number % 5], "abcde"[number % 3]):
            count = 1 + number % 70
            group.append(appending(task, heads[task], count))
            heads[task] += count
        assert all(ack.value == "stored" for ack in journal.append(group))
        print(*heads.values(), flush=True)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tasks.db"


def test_a_second_process_is_told_who_has_the_database(path: Path) -> None:
    with running(HOLDER, str(path)) as holder:
        assert first_line(holder) == "open"
        with pytest.raises(StorageError, match=rf"{path} is in use by process {holder.pid};.*stop"):
            SqliteJournal(path).open()


def test_a_killed_process_leaves_no_lock(path: Path) -> None:
    with running(HOLDER, str(path)) as holder:
        assert first_line(holder) == "open"
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        journal = SqliteJournal(path)
        journal.open(ITEMS)
        journal.close()


def test_another_process_is_refused_until_this_one_closes(path: Path) -> None:
    journal = SqliteJournal(path)
    journal.open(ITEMS)
    with running(OPENER, str(path)) as opener:
        assert "StorageError" in first_line(opener)
    journal.append([appending("t", 0)])
    journal.close()
    with running(OPENER, str(path)) as opener:
        assert first_line(opener) == "open"


def test_a_second_journal_in_this_process_is_refused(path: Path) -> None:
    journal, other = SqliteJournal(path), SqliteJournal(path)
    journal.open(ITEMS)
    link = path.with_name("link.db")
    link.symlink_to(path)
    for second in (other, SqliteJournal(link)):
        with pytest.raises(StorageError, match=r"in use by this process;.*share that one object"):
            second.open()
    journal.append([appending("t", 0)])
    journal.close()
    other.open(ITEMS)
    assert other.read("t") is not None
    other.close()


def test_a_forgotten_journal_lets_go(path: Path) -> None:
    journal = SqliteJournal(path)
    journal.open(ITEMS)
    journal.append([appending("t", 0)])
    del journal
    gc.collect()
    other = SqliteJournal(path)
    other.open(ITEMS)
    assert other.read("t") is not None
    other.close()


def test_a_refused_journal_holds_nothing(path: Path) -> None:
    path.mkdir()
    journal = SqliteJournal(path)
    with pytest.raises(StorageError):
        journal.open(ITEMS)
    path.rmdir()
    with running(OPENER, str(path)) as opener:
        assert first_line(opener) == "open"


def test_a_fork_neither_uses_nor_frees_what_it_inherits(path: Path) -> None:
    with running(FORKER, str(path)) as parent:
        assert "before a fork" in first_line(parent)
        assert first_line(parent) == "still open"
        with pytest.raises(StorageError, match="in use"):
            SqliteJournal(path).open()


@pytest.mark.parametrize("lines", [1, 40, 150])
def test_a_kill_loses_nothing_that_was_acknowledged(path: Path, lines: int) -> None:
    with running(WRITER, str(path)) as writer:
        acknowledged = [first_line(writer) for _ in range(lines)]
        writer.send_signal(signal.SIGKILL)
        assert writer.stdout is not None
        # The last line may be torn; the one before it is not.
        acknowledged += [line for line in writer.stdout.read().split("\n")[:-1] if line]
    journal = SqliteJournal(path)
    journal.open(ITEMS)
    heads = []
    for task, told in zip("abcde", map(int, acknowledged[-1].split()), strict=True):
        stored = journal.read(task)
        tail = stored.tail if stored else ()
        assert tail == tuple(record(seq) for seq in range(1, len(tail) + 1))
        assert len(tail) >= told
        heads.append(len(tail))
    assert heads in ([*map(int, acknowledged[-1].split())], heads_after(len(acknowledged)))
    journal.close()


def heads_after(groups: int) -> list[int]:
    """The heads when one more group than was told of has been stored."""
    heads = dict.fromkeys("abcde", 0)
    for number in range(groups + 1):
        for task in ("abcde"[number % 5], "abcde"[number % 3]):
            heads[task] += 1 + number % 70
    return list(heads.values())
