"""SqliteSource: a journal's file, opened strictly read-only, also beside a server or after a kill.

SQLite may use the file's shared memory (`-shm`) for locks; the database and its log (`-wal`) are
never written to. A file without a `-wal` was closed properly: it is read without making one. All
that one source reads is of one moment, so the server's log cannot be shortened meanwhile: do not
keep a source open for long.

Neighbours: `source.py` (the port), `log.py` and `rows.py` (the layout), `check_sqlite.py`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from actors.runtime.journal.errors import JournalCorrupt, StorageError, StorageUnavailable
from actors.runtime.journal.port import Head, Snapshot
from actors.runtime.journal.projection import Projection, Row, Value
from actors.runtime.journal.record import Record
from actors.storage import log as layout
from actors.storage.codec import checksum
from actors.storage.database import storage_error
from actors.storage.rows import Table, names_of, row_of
from actors.storage.schema import APPLICATION_ID, VERSION
from actors.storage.source import Kept, TaskFilter, projection_of
from actors.task.listing import TASKS

_TYPES: Final[dict[str, type[Value]]] = {"TEXT": str, "INTEGER": int}
_BUSY_SECONDS: Final = 5.0
_KEYS: Final = "SELECT key, seq FROM keys WHERE log = ? ORDER BY key"
_CONSUMERS: Final = "SELECT consumer, seq FROM consumers WHERE log = ? ORDER BY consumer"
_SNAPSHOT: Final = "SELECT seq, crc, payload FROM snapshots WHERE log = ?"


@contextmanager
def read_only(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that writes nothing, in one read transaction.

    Raises:
        StorageUnavailable: there is no such file, or it cannot be read now.
        StorageError: it is no journal, or of another release.
        JournalCorrupt: it is damaged.
    """
    if not path.is_file():
        raise StorageUnavailable(f"there is no journal at {path}: give the path of its file")
    _check_made(path)
    mode = "?mode=ro" if wal_of(path).exists() else "?mode=ro&immutable=1"
    db: sqlite3.Connection | None = None
    try:
        uri = path.absolute().as_uri() + mode
        db = sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None)
        db.execute("BEGIN")
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()  # begins the transaction
        _check_ours(db, path)
        yield db
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise _explained(error, path) from error
    finally:
        if db is not None:
            db.close()


def _check_made(path: Path) -> None:
    """Refuse a file whose making was cut off: to read it as it lies there, it must be mended."""
    rollback = Path(f"{os.path.realpath(path)}-journal")
    if rollback.exists() and rollback.stat().st_size:
        raise StorageUnavailable(
            f"{path} was cut off while it was being made, as {rollback.name} says: start "
            "`actors serve` with it once, which mends it; it holds no task yet"
        )


def wal_of(path: Path) -> Path:
    """The log that SQLite keeps beside a database: beside the file, where `path` is a link."""
    return Path(f"{os.path.realpath(path)}-wal")


def _explained(error: Exception, path: Path) -> StorageError:
    if isinstance(error, sqlite3.Error):
        return storage_error(error, path, "reading")
    return JournalCorrupt(f"text in {path} is not UTF-8: {error}")


def _check_ours(db: sqlite3.Connection, path: Path) -> None:
    application: int = db.execute("PRAGMA application_id").fetchone()[0]
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    if application != APPLICATION_ID:
        raise StorageError(
            f"{path} is no journal: its application_id is {application:#x}, expected "
            f"{APPLICATION_ID:#x}"
        )
    if version != VERSION:
        what = "start `actors serve` with it once, which brings it up to date"
        newer = "read it with the release that wrote it, or a newer one"
        raise StorageError(
            f"{path} has schema version {version}, this release reads {VERSION}: "
            f"{what if version < VERSION else newer}"
        )


class SqliteSource:
    """The source that is a SQLite file. Use with `read_only`.

    Args:
        db: a read-only connection.
        path: for messages.
    """

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self.db = db
        self.path = path
        self._tables = [Table.of(each) for each in _projections(db)]

    @property
    def projections(self) -> Sequence[Projection]:
        """Of the tables of rows in the file."""
        return [table.projection for table in self._tables]

    async def heads(self, after: str, limit: int) -> Sequence[Head]:
        """Logs by name."""
        select = f"SELECT {layout.COLUMNS} FROM logs AS l WHERE log > ? ORDER BY log LIMIT ?"  # noqa: S608 - constants
        found = self.db.execute(select, (after, limit)).fetchall()
        return [layout.Found.of(columns).head for columns in found]

    async def kept(self, log: str) -> Kept | None:
        """What is beside the records.

        Raises:
            JournalCorrupt: the snapshot is not as it was written, or something is of another type.
        """
        found = layout.find(self.db, log)
        if found is None:
            return None
        row = row_of(self.db, self._tables, found.id)
        keys = _places("key", log, self.db.execute(_KEYS, (found.id,)))
        consumers = _places("consumer", log, self.db.execute(_CONSUMERS, (log,)))
        return Kept(found.head, row, self._snapshot(found), keys, consumers)

    async def page(self, log: str, after: int, limit: int) -> Sequence[Record]:
        """Records of one log."""
        found = layout.find(self.db, log)
        if found is None:
            return ()
        return layout.records(self.db, found, after, min(after + limit, found.head.seq))

    async def tasks(self, wanted: TaskFilter) -> Sequence[tuple[Head, Row]]:
        """The newest tasks that match."""
        table = next((each for each in self._tables if each.projection is TASKS), None)
        if table is None:
            return []
        where = "".join(f' AND r."{column}" = :{column}' for column in wanted.where())
        columns = ", ".join(f'r."{column}"' for column in TASKS.columns)
        select = (
            f"SELECT {layout.COLUMNS}, {columns} "  # noqa: S608 - names are those of TASKS
            "FROM rows_tasks AS r JOIN logs AS l ON l.id = r._id "
            f"WHERE r.state != 0{where} ORDER BY r.status_at DESC, r._log DESC LIMIT :limit"
        )
        values = {**wanted.where(), "limit": wanted.limit}
        return [
            (layout.Found.of(each[: layout.WIDTH]).head, table.made(each[layout.WIDTH :]))
            for each in self.db.execute(select, values)
        ]

    def _snapshot(self, found: layout.Found) -> Snapshot | None:
        kept = self.db.execute(_SNAPSHOT, (found.id,)).fetchone()
        if kept is None:
            return None
        seq, crc, payload = kept
        name = found.head.log
        if type(seq) is not int or type(payload) is not bytes:
            raise JournalCorrupt(f"the snapshot of log {name!r} is of the wrong types")
        if crc != checksum(payload, name, seq):
            raise JournalCorrupt(
                f"the snapshot of log {name!r} at {seq} has the CRC {crc!r}, expected "
                f"{checksum(payload, name, seq)} for its bytes"
            )
        return Snapshot(seq, payload)


def _places(what: str, log: str, rows: Iterable[tuple[Any, Any]]) -> dict[str, int]:
    places = {}
    for name, seq in rows:
        if type(name) is not str or type(seq) is not int:
            raise JournalCorrupt(
                f"a {what} of log {log!r} is damaged: found {name!r:.80} at {seq!r:.80}, expected "
                "text and a number; restore a backup"
            )
        places[name] = seq
    return places


def _projections(db: sqlite3.Connection) -> Iterator[Projection]:
    """The projections that the tables of rows, and their indexes, are for.

    Raises:
        JournalCorrupt: there is a table as no release makes it.
    """
    for table in sorted(names_of(db)):
        name = table.removeprefix("rows_")
        found = [
            (column, kind) for _, column, kind, *_ in db.execute(f'PRAGMA table_info("{table}")')
        ]
        aged = [column for *_, column in db.execute(f'PRAGMA index_info("aged_{name}")')]
        columns = [
            (column, _TYPES.get(kind, str)) for column, kind in found if not column.startswith("_")
        ]
        try:
            listed, _, newest = aged
            yield projection_of(name, columns, newest, listed)
        except ValueError as error:
            raise JournalCorrupt(
                f"table {table!r} is not as a journal makes it: {error}"
            ) from error
