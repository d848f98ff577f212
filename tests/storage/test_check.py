"""Check: every corruption of a journal is found, and nothing else is."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import struct
import subprocess
import sys
from contextlib import closing
from io import BytesIO
from pathlib import Path

import msgpack
import pytest

from actors.runtime.journal.errors import StorageError
from actors.runtime.journal.port import Journal, Snapshot, settled
from actors.storage import MemoryJournal, SqliteJournal
from actors.storage.check import check
from actors.storage.check_sqlite import check_file
from actors.storage.check_wal import _findings, _sum
from actors.storage.choose import source_at
from actors.storage.codec import encode
from actors.storage.export import export
from actors.storage.findings import Finding, Tally
from actors.storage.samples import ITEMS, appending, record, store
from actors.storage.source import MemorySource
from actors.task.fold import Fold, fold
from actors.task.listing import TASKS
from tests.storage.filled import fill, task_append

ROOT = Path(__file__).parent.parent.parent
KILLED = """
import asyncio, os, signal, sys
from actors.storage import SqliteJournal
from tests.storage.filled import fill

journal = SqliteJournal(sys.argv[1])
journal.close = lambda: os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(fill(journal, tasks=2))
"""

WRITING = """
import asyncio, sys
from actors.storage import SqliteJournal
from actors.runtime.journal.port import settled
from actors.storage.samples import ITEMS, appending, store

async def write():
    journal = SqliteJournal(sys.argv[1])
    await settled(journal.open(ITEMS))
    for seq in range(1_000_000):
        await store(journal, *(appending(log, seq, keys=(f"{log} {seq}",)) for log in "abcdef"))
        if seq == 20:
            print("writes", flush=True)
        sys.stdin.readline()

asyncio.run(write())
"""


async def findings(path: Path) -> list[Finding]:
    return [finding async for finding in check_file(path, Tally())]


async def told(path: Path) -> list[str]:
    async with source_at(path) as source:
        return [line async for line in export(source)]


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that was closed."""
    path = tmp_path_factory.mktemp("closed") / "x.db"
    asyncio.run(fill(SqliteJournal(path)))
    return path


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file whose process was killed, with most of it in the -wal."""
    path = tmp_path_factory.mktemp("killed") / "x.db"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], env=environment, check=False)
    assert done.returncode == -9
    return path


def contents(path: Path) -> dict[str, bytes]:
    found = sorted(path.parent.glob(path.name + "*"))
    return {each.name: each.read_bytes() for each in found if not each.name.endswith("-shm")}


def copied(path: Path, to: Path) -> Path:
    for name, data in contents(path).items():
        (to / name).write_bytes(data)
    (to / f"{path.name}-shm").unlink(missing_ok=True)
    return to / path.name


async def test_sound_files_are_sound_and_not_touched(closed: Path, killed: Path) -> None:
    for path in (closed, killed):
        before = contents(path)
        tally = Tally()
        assert [str(finding) async for finding in check_file(path, tally)] == []
        assert tally.logs == (10 if path == closed else 8)
        assert tally.records > 200
        assert contents(path) == before


async def test_a_file_in_use_is_sound(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    journal: Journal = SqliteJournal(path)
    await fill(journal, tasks=1)
    await settled(journal.open(TASKS))
    await store(journal, task_append("more", 2))
    before = contents(path)
    assert await findings(path) == []
    assert contents(path) == before
    await store(journal, task_append("and more", 2))
    await settled(journal.close())


def test_a_file_that_is_being_written_to_is_sound(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    command = [sys.executable, "-c", WRITING, str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, **pipes) as process:  # type: ignore[call-overload] # of pipes
        process.stdin.write("\n" * 300)
        process.stdin.flush()
        process.stdout.readline()
        try:
            found = [asyncio.run(findings(path)) for _ in range(3)]
        finally:
            process.kill()
    assert found == [[]] * 3
    assert asyncio.run(findings(path)) == []


@pytest.mark.parametrize("seed", range(6))
async def test_each_flipped_bit_of_a_file_is_found_or_changes_nothing(
    seed: int, closed: Path, tmp_path: Path
) -> None:
    rng = random.Random(seed)
    path, data, expected = copied(closed, tmp_path), contents(closed)["x.db"], await told(closed)
    found = 0
    for _ in range(40):
        place, bit = rng.randrange(len(data)), 1 << rng.randrange(8)
        path.write_bytes(data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :])
        if await _reported(path):
            found += 1
        else:
            assert await told(path) == expected, (place, bit)
    assert found > 3


@pytest.mark.parametrize("seed", range(4))
async def test_each_flipped_bit_of_a_wal_is_found(seed: int, killed: Path, tmp_path: Path) -> None:
    rng = random.Random(seed)
    path = copied(killed, tmp_path)
    wal = path.with_name("x.db-wal")
    data = wal.read_bytes()
    for _ in range(20):
        place, bit = rng.randrange(len(data)), 1 << rng.randrange(8)
        wal.write_bytes(data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :])
        path.with_name("x.db-shm").unlink(missing_ok=True)
        assert not all(finding.harmless for finding in await findings(path)), (place, bit)


async def _reported(path: Path) -> bool:
    try:
        return bool(await findings(path))
    except StorageError:
        return True


@pytest.mark.parametrize("place", [8, 16, 100])
async def test_a_damaged_last_commit_is_not_harmless(
    place: int, killed: Path, tmp_path: Path
) -> None:
    """Its salt, its checksum, its page."""
    path = copied(killed, tmp_path)
    data = bytearray(contents(killed)["x.db-wal"])
    data[len(data) - 24 - 4096 + place] ^= 4
    (tmp_path / "x.db-wal").write_bytes(data)
    found = await findings(path)
    assert [finding.harmless for finding in found] == [False]
    assert "the commit in it, and those after it, are lost" in str(found[0])


async def test_another_owner_is_found(closed: Path, tmp_path: Path) -> None:
    path, data = copied(closed, tmp_path), contents(closed)["x.db"]
    assert data.count(b"task-longbobacme") == 1
    path.write_bytes(data.replace(b"task-longbobacme", b"task-longbabacme"))
    assert "integrity_check says: row" in str(await findings(path))


async def test_a_commit_that_a_kill_has_torn_is_harmless(killed: Path, tmp_path: Path) -> None:
    path = copied(killed, tmp_path)
    wal = path.with_name("x.db-wal")
    data = wal.read_bytes()
    frame = data[32 : 32 + 24 + 4096]
    torn = frame[:4] + bytes(4) + frame[8:]  # as it is written before the frame of the commit
    expected = await told(killed)
    for tail in (torn, torn[:50]):
        wal.write_bytes(data + tail)
        found = await findings(path)
        assert [finding.harmless for finding in found] == [True]
        assert "torn" in str(found[0])
        assert await told(path) == expected


FRAME = 24 + 4096


async def test_a_commit_that_a_kill_has_torn_in_a_log_begun_anew_is_harmless(
    tmp_path: Path,
) -> None:
    path, copy = tmp_path / "x.db", tmp_path / "copy.db"
    journal = SqliteJournal(path)
    await settled(journal.open(ITEMS))
    await store(journal, appending("a", 0))
    await settled(journal.close())
    wal, index = path.with_name("x.db-wal"), path.with_name("x.db-shm")
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        insert = "INSERT INTO keys (key, log, seq) SELECT ?, id, 1 FROM logs"
        for number in range(20):
            db.execute(insert, (f"old {number}",))
        assert db.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()[0] == 0
        db.execute(insert, ("before",))
        before, told_before = wal.read_bytes(), index.read_bytes()
        db.execute(insert, ("after",))
        after, told_after = wal.read_bytes(), index.read_bytes()
        main = path.read_bytes()
    assert len(before) == len(after)

    async def harmless(log: bytes, told: bytes | None) -> list[bool]:
        copy.write_bytes(main)
        copy.with_name("copy.db-wal").write_bytes(log)
        copy.with_name("copy.db-shm").unlink(missing_ok=True)
        if told is not None:
            copy.with_name("copy.db-shm").write_bytes(told)
        return [finding.harmless for finding in await findings(copy)]

    last = max(at for at, byte in enumerate(after) if byte != before[at])
    page = 32 + (last - 32) // FRAME * FRAME + 24
    torn = after[:page] + before[page:]
    assert torn != after
    assert await harmless(torn, told_before) == [True]
    assert await harmless(torn, told_after) == [False]  # who committed it said so: it is damaged
    assert await harmless(torn, None) == [False]
    assert await harmless(torn, told_before[:16] + b"\xff" + told_before[17:]) == [False]
    assert await harmless(torn, indexed(told_before)) == [True]
    assert await harmless(torn, indexed(told_before[:8] + bytes(4) + told_before[12:])) == [False]
    assert await harmless(torn, indexed(told_before[:32] + bytes(8))) == [False]  # of another log
    assert await harmless(after, told_before) == []


def indexed(told: bytes) -> bytes:
    """An index that begins so, with the checksum that goes with it."""
    order = "<" if sys.byteorder == "little" else ">"
    return 2 * (told[:40] + struct.pack("=2I", *_sum(order, told[:40], (0, 0))))


async def test_a_log_that_grows_while_it_is_read_is_sound(killed: Path) -> None:
    class Growing(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            found = super().read(size)
            if size == 24:
                at = self.tell()
                self.seek(0, os.SEEK_END)
                self.write(bytes(FRAME))
                self.seek(at)
            return found

    header = contents(killed)["x.db-wal"][:32]
    assert list(_findings(Growing(header + bytes(10)), killed.with_name("none"))) == []


LOG = "(SELECT id FROM logs WHERE log = 'of epochs')"
OTHER = "(SELECT id FROM logs WHERE log = 'task-long')"
LAST = "(SELECT head_record FROM logs WHERE log = 'task-long')"


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (f"DELETE FROM records WHERE log = {LOG} AND seq = 72", "73 records, with the head at 75"),
        (f"DELETE FROM records WHERE log = {LOG} AND seq = 75", "which is record None of it"),
        (f"UPDATE records SET seq = 73 WHERE log = {LOG} AND seq = 72", "frame of record 71, exp"),
        (f"UPDATE records SET log = {OTHER} WHERE log = {LOG} AND seq = 72", "CRC"),
        (
            f"UPDATE records SET previous = {LAST} WHERE log = {LOG} AND seq = 72",
            "log 'of epochs', record 71: found rowid",
        ),
        (f"UPDATE records SET previous = 99999 WHERE log = {LOG} AND seq = 72", "is not there"),
        (f"UPDATE records SET held = 3 WHERE log = {LOG} AND seq = 72", "2 frames, expected 3, as"),
        (f"UPDATE records SET held = 1 WHERE log = {LOG} AND seq = 72", "2 frames, expected 1, as"),
        (f"UPDATE records SET held = 'two' WHERE log = {LOG}", "rows of 'records' of another type"),
        (
            f"UPDATE records SET frame = substr(frame, 1, length(frame) - 1) WHERE log = {LOG}",
            "record 1: found a record of log 'of epochs' cannot be read",
        ),
        (f"UPDATE logs SET head = 74 WHERE id = {LOG}", "75 records, with the head at 74"),
        (f"UPDATE logs SET head = 76 WHERE id = {LOG}", "75 records, with the head at 76"),
        (f"UPDATE logs SET epoch = 2 WHERE id = {LOG}", "epoch 2 in the head, expected 3"),
        (f"UPDATE logs SET floor = 2 WHERE id = {LOG}", "the snapshot None, expected one from 2"),
        (f"UPDATE logs SET bytes = 1 WHERE id = {LOG}", "1 bytes told beside it"),
        (f"DELETE FROM logs WHERE id = {LOG}", "of no log"),
        (f"DELETE FROM marks WHERE log = {LOG}", "0 marks, expected 1"),
        (f"UPDATE marks SET record = 1 WHERE log = {LOG}", "record 64: found a mark for"),
        (f"UPDATE marks SET record = record + 1 WHERE log = {LOG}", "record 64: found a mark for"),
        ("INSERT INTO marks VALUES (99, 64, 1)", "a mark of log number 99"),
        ("UPDATE snapshots SET crc = 1", "has the CRC 1, expected"),
        (f"UPDATE snapshots SET log = 99 WHERE log = {OTHER}", "a snapshot (99, 70) of a log"),
        ("UPDATE keys SET log = 99", "of a log that is not there"),
        ("UPDATE keys SET seq = 76", "key 'key-1' leads to 76, expected 1 to 75"),
        ("UPDATE consumers SET log = 'x'", "a consumer ('audit', 'x', 74) of a log"),
        ("UPDATE consumers SET seq = 75", "consumer 'audit' at 75, expected 0 to 74"),
        ("UPDATE rows_tasks SET state = 3", "log 'task-0': found state 3 beside it, expected"),
        ("UPDATE rows_tasks SET status_at = 3", "found status_at 3 beside it"),
        ("UPDATE rows_tasks SET context = 'x'", "found context 'x' beside it"),
        (f"UPDATE logs SET active = 1 WHERE id = {OTHER}", "found active True beside it"),
        ("UPDATE rows_tasks SET _log = 'x' WHERE _id = 1", "a row of 'rows_tasks' for log 'x'"),
        ("UPDATE rows_tasks SET _cut = 1", "found _cut 1 in 'rows_tasks', with"),
        ("UPDATE rows_tasks SET _id = 99 WHERE _id = 1", "beside log number 99"),
        (
            f"INSERT INTO rows_items VALUES ({OTHER}, 'task-long', 'a', 'b', 'c', 1, 1, 0)",
            "log 'task-long': found rows in",
        ),
        (f"UPDATE logs SET epoch = 'two' WHERE id = {LOG}", "rows of 'logs' of another type"),
        ("UPDATE snapshots SET payload = 'text'", "rows of 'snapshots' of another type"),
        ("DROP TABLE consumers", "no such table: consumers"),
    ],
)
async def test_what_does_not_hang_together_is_found(
    damage: str, said: str, closed: Path, tmp_path: Path
) -> None:
    path = copied(closed, tmp_path)
    db = sqlite3.connect(path)
    db.executescript(damage)
    db.close()
    assert said in "\n".join(map(str, await findings(path)))


async def test_a_row_that_miscounts_its_frames_is_one_finding(closed: Path, tmp_path: Path) -> None:
    path = copied(closed, tmp_path)
    db = sqlite3.connect(path)
    db.executescript(f"UPDATE records SET held = 1 WHERE log = {LOG} AND seq = 72")
    db.close()
    about = [each for each in await findings(path) if each.log == "of epochs" and each.seq == 72]
    assert len(about) == 1


@pytest.mark.parametrize(
    ("seq", "epoch", "said"),
    [
        (74, 2, "record 74: found epoch 2, expected at least 3, as before it"),
        (74, 4, "record 74: found epoch 4, expected 3, or a claim (kind 0) where it changes"),
        (75, 2, "found epoch 3 in the head, expected 2, as its last record has"),
    ],
)
async def test_epochs_that_go_backwards_or_change_without_a_claim_are_found(
    seq: int, epoch: int, said: str
) -> None:
    journal = MemoryJournal()
    await fill(journal)
    frames = journal._logs["of epochs"].frames
    frames[seq - 1] = encode(record(seq, epoch), "of epochs")
    assert said in "\n".join([str(each) async for each in check(MemorySource(journal), Tally())])


async def test_records_in_another_order_are_found() -> None:
    journal = MemoryJournal()
    await fill(journal)
    frames = journal._logs["of epochs"].frames
    frames[3], frames[4] = frames[4], frames[3]
    said = "\n".join([str(each) async for each in check(MemorySource(journal), Tally())])
    assert "record 4: found record 5, expected record 4" in said


async def test_a_snapshot_that_is_not_the_fold_is_found() -> None:
    for payload, said in ((Fold().pack(), "is not the fold"), (b"\x80", "a snapshot that is none")):
        journal = MemoryJournal()
        journal.open(TASKS)
        await store(journal, task_append("task", 3))
        journal.save_snapshot("task", Snapshot(5, payload))
        found = [str(finding) async for finding in check(MemorySource(journal), Tally())]
        assert len(found) == 1
        assert said in found[0]
        assert "log 'task', record 5" in found[0]


async def test_a_snapshot_of_an_earlier_release_is_the_fold_but_for_what_it_does_not_tell() -> None:
    journal = MemoryJournal()
    journal.open(TASKS)
    append = task_append("task", 3)
    await store(journal, append)
    fields = msgpack.unpackb(fold(append.records).pack())
    del fields["taken"], fields["spoke"]
    journal.save_snapshot("task", Snapshot(append.seq, msgpack.packb(fields)))
    assert [finding async for finding in check(MemorySource(journal), Tally())] == []


async def test_records_that_no_task_writes_are_found() -> None:
    journal = MemoryJournal()
    journal.open(TASKS)
    append = task_append("task", 3)
    broken = append.records[1]._replace(kind=15)
    records = (append.records[0], broken, *append.records[2:])
    await store(journal, append._replace(records=records))
    found = [str(finding) async for finding in check(MemorySource(journal), Tally())]
    assert len(found) == 1
    assert "log 'task', record 2: found what no task records" in found[0]


async def test_a_file_of_something_else_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("hello" * 500)
    assert "file is not a database" in str(await findings(tmp_path / "text.db"))
    db = sqlite3.connect(tmp_path / "other.db")
    db.execute("CREATE TABLE x (y)")
    db.close()
    with pytest.raises(StorageError, match="is no journal"):
        await findings(tmp_path / "other.db")
    with pytest.raises(StorageError, match="there is no journal at"):
        await findings(tmp_path / "missing.db")


def test_a_file_whose_making_was_cut_off_is_not_called_corrupt(tmp_path: Path) -> None:
    """As a power cut may leave it: pages written, and the way back beside them."""
    path = tmp_path / "tasks.db"
    making = """
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA cache_size = 1")
db.execute("CREATE TABLE before (x)")
db.execute("BEGIN")
for number in range(40):
    db.execute(f"CREATE TABLE t{number} (x)")
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", making, str(path)], check=True)
    assert Path(f"{path}-journal").stat().st_size
    with pytest.raises(StorageError, match="cut off while it was being made"):
        asyncio.run(findings(path))
