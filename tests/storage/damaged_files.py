"""Journal files that nobody wrote: made of real ones by every kind of damage.

Bytes are changed, sectors zeroed, pages exchanged and files cut, with and without SQLite's own log
beside them; and by SQL, values that no journal writes and frames that are mutants.

Neighbours: `damage.py` (frames), `filled.py` (what is in the files), `test_fuzz.py`.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from actors.runtime.journal.errors import StorageError
from actors.runtime.journal.port import Place, Snapshot, settled
from actors.runtime.journal.projection import Keep, Query
from actors.runtime.journal.record import Record
from actors.storage import SqliteJournal
from actors.storage.check_sqlite import check_file
from actors.storage.codec import checksum
from actors.storage.findings import Tally
from actors.storage.samples import ITEMS, VISITS, appending, claiming, store, visiting
from actors.task.fold import fold
from actors.task.listing import TASKS
from tests.storage.damage import Sample, mutant, tells_shortly, well_formed
from tests.storage.filled import task_append

PAGE: Final = 4096
SECTOR: Final = 512
TABLES: Final = ("logs", "records", "marks", "snapshots", "keys", "consumers", "rows_tasks")
VALUES: Final = (
    0,
    1,
    -1,
    7,
    2**31,
    2**40,
    2**62,
    2**63 - 1,
    -(2**63),
    1.5,
    "",
    "task-b",
    b"x",
    b"",
)


@dataclass
class Told:
    """Everything that a journal says when it is read through its port."""

    records: dict[Place, Record] = field(default_factory=dict)
    snapshots: dict[Place, bytes] = field(default_factory=dict)
    rest: list[Any] = field(default_factory=list)
    refused: int = 0
    """Calls that said that something is wrong."""


@dataclass(frozen=True)
class Original:
    """A file as it was written; `wal` is empty where it was closed."""

    db: bytes
    wal: bytes
    told: Told
    samples: tuple[Sample, ...]


async def original(directory: Path, *, closed: bool) -> Original:
    """Make a file in a directory; a closed one, or one as a kill leaves it."""
    path = directory / "original.db"
    journal = SqliteJournal(path)
    await settled(journal.open(TASKS, ITEMS, VISITS))
    before = await _fill(journal)
    told = tell(journal)
    told.records.update(before)
    if closed:
        await settled(journal.close())
    wal = path.with_name("original.db-wal")
    found = Original(
        path.read_bytes(), b"" if closed else wal.read_bytes(), told, tuple(_frames(path))
    )
    await settled(journal.close())
    assert not told.refused
    return found


async def _fill(journal: SqliteJournal) -> dict[Place, Record]:
    """Fill a journal; what it had and has compacted, since a crash may bring that back."""
    await store(journal, task_append("task-a", 2), task_append("task-b", 3, end=False))
    await store(journal, appending("epochs", 0, 66, keys=("key-1", "kéy-2")))
    await store(journal, claiming("epochs", 66, 2, active=True, consumers=("outbox",)))
    await store(journal, task_append("task-small", 4, owner="bob"))
    kept = journal.page("task-small", 0, 9) or ()
    await settled(journal.save_snapshot("task-small", Snapshot(9, fold(kept).pack())))
    assert await settled(journal.compact("task-small", 9))
    compacted = {Place("task-small", each.seq): each for each in kept}
    kept = journal.page("task-b", 0, 3) or ()
    await settled(journal.save_snapshot("task-b", Snapshot(3, fold(kept).pack())))
    await store(journal, visiting("of another kind", 0, level=2, seen=9_000))
    return compacted


def _frames(path: Path) -> Iterator[Sample]:
    with closing(sqlite3.connect(path)) as db:
        select = "SELECT l.log, r.frame FROM records AS r JOIN logs AS l ON l.id = r.log"
        yield from (Sample(log, frame) for log, frame in db.execute(select))


# -- reading


def tell(journal: SqliteJournal) -> Told:
    """Read everything.

    Raises:
        Exception: whatever is no StorageError.
    """
    told = Told()
    names = [head.log for head in _asked(told, lambda: journal.heads()) or ()]
    told.rest.append(_asked(told, lambda: journal.heads(active=True)))
    for name in dict.fromkeys((*names, "task-a", "task-b", "epochs", "task-small")):
        _log(journal, told, name)
    for key in ("key-1", "kéy-2", "none"):
        told.rest.append(_asked(told, partial(journal.find, key)))
    told.rest.append(_asked(told, lambda: journal.unconsumed("outbox")))
    for owner in ("ann", "bob"):
        query = Query(projection=TASKS, owner=owner, tenant="acme")
        told.rest.append(_asked(told, partial(journal.list, query)))
    keep = Keep(projection=TASKS, state=4, count=0)
    told.rest.append(_asked(told, lambda: journal.surplus(keep)))
    return told


def _log(journal: SqliteJournal, told: Told, name: str) -> None:
    stored = _asked(told, lambda: journal.read(name))
    told.rest.append(None if stored is None else stored._replace(tail=()))
    if stored is not None:
        _gapless(told, name, stored.snapshot.seq if stored.snapshot else 0, stored.tail)
        if stored.snapshot is not None:
            told.snapshots[Place(name, stored.snapshot.seq)] = stored.snapshot.payload
    for after in (0, 9, 64):
        page = _asked(told, partial(journal.page, name, after, 256))
        _gapless(told, name, after, page or ())


def _gapless(told: Told, name: str, after: int, records: Sequence[Record]) -> None:
    """Note records, which must be those that follow one another after a place."""
    numbers = range(after + 1, after + 1 + len(records))
    assert [record.seq for record in records] == list(numbers), f"of {name!r}, after {after}"
    told.records.update({Place(name, each.seq): each for each in records})


def _asked(told: Told, call: Callable[[], Any]) -> Any:
    try:
        return call()
    except StorageError as error:
        tells_shortly(error)
        told.refused += 1
        return None


# -- damage


def damage(rng: random.Random, known: Original, path: Path) -> str:
    """Write a damaged copy to a path; says how, and "lost" where a crash leaves the same."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    db, wal = known.db, known.wal
    how = rng.choice(("bytes", "bytes", "pages", "sql", "sql", "frame", "moved", "wal"))
    if how == "wal" and wal:
        way = rng.choice((_flips, _sectors, _cuts))
        wal = way(rng, wal)
        how = "wal lost" if way is _cuts else "wal"
    elif how in ("sql", "frame", "moved"):
        # On the file alone: SQLite takes the log into account, and the file is written whole.
        path.write_bytes(db)
        path.with_name(path.name + "-wal").write_bytes(wal)
        return how if _by_sql(rng, path, how, known.samples) else "nothing"
    else:
        way = rng.choice((_flips, _flips, _sectors, _cuts, _appended))
        db = (_pages if how == "pages" else way)(rng, db)
    path.write_bytes(db)
    if wal:
        path.with_name(path.name + "-wal").write_bytes(wal)
    return how


def _flips(rng: random.Random, data: bytes) -> bytes:
    damaged = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 3, 10))):
        # A page begins with what is in it, and ends with its oldest rows.
        start = rng.randrange(len(data) // PAGE) * PAGE
        at = start + rng.choice((rng.randrange(PAGE), rng.randrange(100)))
        damaged[at] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def _sectors(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) // SECTOR) * SECTOR
    return data[:at] + rng.choice((bytes(SECTOR), rng.randbytes(SECTOR))) + data[at + SECTOR :]


def _cuts(rng: random.Random, data: bytes) -> bytes:
    size = rng.choice((PAGE, SECTOR, 1))
    return data[: rng.randrange(len(data) // size) * size]


def _appended(rng: random.Random, data: bytes) -> bytes:
    return data + rng.randbytes(rng.choice((1, SECTOR, PAGE)))


def _pages(rng: random.Random, data: bytes) -> bytes:
    """Two pages exchanged, or one twice."""
    one, two = (rng.randrange(len(data) // PAGE) * PAGE for _ in range(2))
    first, second = data[one : one + PAGE], data[two : two + PAGE]
    damaged = bytearray(data)
    damaged[one : one + PAGE] = second
    if rng.random() < 0.5:
        damaged[two : two + PAGE] = first
    return bytes(damaged)


def _by_sql(rng: random.Random, path: Path, how: str, samples: Sequence[Sample]) -> int:
    """Change some rows; how many."""
    changed = 0
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for _ in range(rng.choice((1, 1, 2, 4))):
            with suppress(sqlite3.IntegrityError, OverflowError):
                if how == "sql":
                    changed += _cell(rng, db)
                else:
                    changed += _frame(rng, db, how, samples)
    return changed


def _cell(rng: random.Random, db: sqlite3.Connection) -> int:
    """Another value in one column of one row, the value of another row, or one row less."""
    table = rng.choice(TABLES)
    columns = [name for _, name, *_ in db.execute(f"PRAGMA table_info({table})")]
    rows = db.execute(f"SELECT * FROM {table}").fetchall()
    if not rows:
        return 0
    row, column = rng.choice(rows), rng.randrange(len(columns))
    which = " AND ".join(f"{name} IS ?" for name in columns)
    if rng.random() < 0.1:
        return db.execute(f"DELETE FROM {table} WHERE {which}", row).rowcount
    value = rng.choice((rng.choice(VALUES), rng.choice(rows)[column]))
    if value == row[column]:
        return 0
    change = f"UPDATE {table} SET {columns[column]} = ? WHERE {which}"
    return db.execute(change, (value, *row)).rowcount


def _frame(rng: random.Random, db: sqlite3.Connection, how: str, samples: Sequence[Sample]) -> int:
    """Another frame of the same log in place of one, or a mutant, which may bear a right CRC."""
    made = rng.choice(samples) if how == "moved" else mutant(rng, samples)
    if how == "frame" and rng.random() < 0.2:
        crc = checksum(made.frame, "task-b", 3) if rng.random() < 0.5 else 7
        values = (made.frame, crc, made.log)
        change = """UPDATE snapshots SET payload = ?, crc = ?
            WHERE log = (SELECT id FROM logs WHERE log = ?)"""
        return db.execute(change, values).rowcount
    of_log = """SELECT r.id FROM records AS r JOIN logs AS l ON l.id = r.log
        WHERE l.log = ? ORDER BY r.id"""
    ids = [id_ for (id_,) in db.execute(of_log, (made.log,))]
    if not ids:
        return 0
    change = "UPDATE records SET frame = ?1 WHERE id = ?2 AND frame != ?1"
    return db.execute(change, (made.frame, rng.choice(ids))).rowcount


# -- what must come of it


async def judged(path: Path, how: str, known: Original) -> str:
    """What came of reading a damaged file: "refused", "told", "as written" or "unseen".

    Raises:
        AssertionError: something else than what was written is taken for it.
        Exception: whatever is no StorageError.
    """
    reported = await _reported(path)
    journal = SqliteJournal(path)
    try:
        await settled(journal.open(TASKS, ITEMS, VISITS))
    except StorageError as error:
        tells_shortly(error)
        return "refused"
    try:
        found = tell(journal)
    finally:
        await settled(journal.close())
    _same(found, how, known.told)
    if found.rest == known.told.rest and found.records.items() <= known.told.records.items():
        return "as written"
    if found.refused:
        return "refused"
    if reported:
        return "told"
    assert how in ("wal lost", "frame", "sql"), f"{how}: neither refused nor told by the check"
    return "unseen"


async def _reported(path: Path) -> bool:
    try:
        return bool([finding async for finding in check_file(path, Tally())])
    except StorageError:
        return True


def _same(found: Told, how: str, known: Told) -> None:
    """See that no record or snapshot is another than was written in its place."""
    for place, record in found.records.items():
        assert well_formed(record)
        if how != "frame":  # there may be mutants whose CRC is right
            assert known.records.get(place) == record, f"record {place} is {record!r}"
    for place, payload in found.snapshots.items():
        if how != "frame":
            assert known.snapshots.get(place) == payload, f"the snapshot of {place}"
