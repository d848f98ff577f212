"""Bytes that nobody wrote: 20,000 damaged frames and files, and damaged snapshots.

Only JournalCorrupt or another StorageError comes out of them, soon and without much memory; nothing
is built but data; and what is taken for a record is the one that was written there. More of the
same: `python -m tests.soak.fuzz`.
"""

from __future__ import annotations

import random
import sqlite3
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import pytest

from actors.runtime.journal.errors import JournalCorrupt
from actors.runtime.journal.port import Snapshot, settled
from actors.storage import SqliteJournal
from actors.storage.codec import FORMAT, checksum, decode
from actors.storage.samples import store
from actors.task.fold import Fold, fold
from actors.task.listing import TASKS
from actors.task.revive import folded
from tests.storage import damaged_files
from tests.storage.damage import judged, mutant, samples
from tests.storage.filled import task_append

FRAMES, FILES = 19_800, 200
ROOM = 4 * 1024 * 1024
"""Bytes that reading a damaged frame may take at any time, beside 64 for each of its own."""
MOST = 100 * 1024 * 1024
"""The same for the worst frame that there is."""


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.usefixtures("traced")
def test_a_damaged_frame_is_refused_or_well_formed(seed: int) -> None:
    rng, known = random.Random(seed), samples(seed)
    written, came = frozenset(known), Counter[str]()
    for _ in range(FRAMES // 4):
        made = mutant(rng, known)
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        came[judged(made, written)] += 1
        taken = tracemalloc.get_traced_memory()[1] - before
        assert taken < ROOM + 64 * len(made.frame), (taken, made)
    assert came["refused"] > 4_000
    assert came["well-formed"] > 100
    assert came["as written"] > 10


@pytest.mark.usefixtures("traced")
def test_the_worst_frame_takes_little_memory() -> None:
    """Arrays in one another, each of which claims as many items as the frame has bytes."""
    rest = bytes((0x98, FORMAT)) + b"\xdd\x00\x10\x00\x00" * 5_000 + bytes(2**20) + b"\xce"
    frame = rest + crc32(rest, crc32(b"t")).to_bytes(4, "big")
    with pytest.raises(JournalCorrupt, match="no msgpack"):
        decode(frame, "t")
    assert tracemalloc.get_traced_memory()[1] < MOST


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("closed", [True, False])
async def test_a_damaged_file_is_refused_or_told_or_as_it_was(
    closed: bool, seed: int, tmp_path: Path
) -> None:
    rng, came = random.Random(f"files {seed}"), Counter[str]()
    known = await damaged_files.original(tmp_path, closed=closed)
    path = tmp_path / "damaged.db"
    for number in range(FILES // 4):
        how = damaged_files.damage(rng, known, path)
        try:
            came[await damaged_files.judged(path, how, known)] += 1
        except Exception as error:
            error.add_note(f"file {number}, damage: {how}")
            raise
    assert came["refused"] > 5
    assert came["told"] > 0
    assert came["as written"] > 5


# -- snapshots


async def test_a_damaged_snapshot_is_dropped_and_the_log_read_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`Fold.unpack` trusts its bytes, so none come to it but those with a right CRC."""
    path, rng = tmp_path / "x.db", random.Random(1)
    journal = SqliteJournal(path)
    await settled(journal.open(TASKS))
    append = task_append("task", 12)
    await store(journal, append)
    kept = Snapshot(20, fold(append.records[:20]).pack())
    await settled(journal.save_snapshot("task", kept))
    expected = fold(append.records)
    trusted: list[bytes] = []
    unpack = Fold.unpack

    def watched(payload: bytes) -> Fold:
        trusted.append(payload)
        return unpack(payload)

    monkeypatch.setattr(Fold, "unpack", watched)
    with sqlite3.connect(path, isolation_level=None) as other:
        for _ in range(500):
            seq, crc, payload = _damaged(rng, other, kept)
            change = "UPDATE snapshots SET seq = ?, crc = ?, payload = ?"
            other.execute(change, (seq, crc, payload))
            stored = journal.read("task")
            assert stored is not None
            assert (stored.snapshot is None) == (payload != kept.payload or seq != kept.seq)
            assert folded(stored).pack() == expected.pack()
            other.execute(change, (kept.seq, _crc(kept), kept.payload))
    other.close()
    await settled(journal.close())
    assert set(trusted) <= {kept.payload}


def _damaged(rng: random.Random, db: sqlite3.Connection, kept: Snapshot) -> tuple[int, int, bytes]:
    payload, at = bytearray(kept.payload), rng.randrange(len(kept.payload))
    way = rng.randrange(4)
    if way == 0:
        payload[at] ^= 1 << rng.randrange(8)
    elif way == 1:
        del payload[at:]
    elif way == 2:
        payload[at : at + 4] = rng.choice((b"\xdd\xff\xff\xff\xff", b"\xc9\xff\xff", bytes(4)))
    seq = rng.choice((0, 1, 19, 21, 2**40)) if way == 3 else kept.seq
    return seq, _crc(kept), bytes(payload)


def _crc(kept: Snapshot) -> int:
    return checksum(kept.payload, "task", kept.seq)


async def test_a_damaged_snapshot_of_a_compacted_log_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    journal = SqliteJournal(path)
    await settled(journal.open(TASKS))
    append = task_append("task", 3)
    await store(journal, append)
    kept = Snapshot(9, fold(append.records[:9]).pack())
    await settled(journal.save_snapshot("task", kept))
    assert await settled(journal.compact("task", 9))
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("UPDATE snapshots SET payload = x'80'")
    other.close()
    with pytest.raises(JournalCorrupt, match="snapshot of log 'task' is missing or damaged"):
        journal.read("task")
    await settled(journal.close())
