"""Who may write to a SQLite journal: one journal of one process, and that process's writer.

Each lock is a write transaction on a small SQLite database beside the file, held open: it ends
with the process however that dies, is not inherited by a fork, works wherever SQLite does, and
others can still read who holds it.

A journal whose process is killed may leave a writer process behind that ends its last commit. So
whoever takes the journal's lock waits for the writer's, before it reads anything; and a writer that
has its lock looks whether the journal that started it still holds the other. One of the two sees
the other, whichever comes first.

Neighbours: `database.py` (the file itself), `writer_process.py` (holds the second lock).
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from actors.runtime.journal.errors import StorageError, StorageUnavailable
from actors.storage.database import BUSY_SECONDS, storage_error

WRITER_SECONDS: Final = 10.0
"""How long a successor waits for the last commit of a writer without a journal. Blocks the loop;
it is one commit, or the disk does not answer."""


class Holder(NamedTuple):
    """Whose lock it is."""

    process: int
    nonce: int
    """Tells one journal from another of the same process id, as containers have."""


class ProcessLock:
    """Exclusive use of one database file, for one journal of one process."""

    def __init__(self, path: Path) -> None:
        self.holder = Holder(os.getpid(), 1 + secrets.randbelow(2**31 - 1))
        self._database = path
        self._file = _beside(path, "lock")
        self._db = _connect(self._file, BUSY_SECONDS)
        try:
            self._take()
            _wait_for_writer(path)
        except sqlite3.Error as error:
            refusal = self._refusal(error)
            self._db.close()
            raise refusal from error
        except BaseException:
            self._db.close()
            raise

    def release(self) -> None:
        """Let others in; idempotent."""
        self._db.close()

    def _take(self) -> None:
        """Write who we are, then hold the lock; again if another came between the two.

        Synced as any database: one that a power cut has torn could not be locked any more.
        """
        while True:
            self._db.execute(f"PRAGMA application_id = {self.holder.nonce}")
            self._db.execute(f"PRAGMA user_version = {self.holder.process}")
            self._db.execute("BEGIN IMMEDIATE")
            if _holder(self._db) == self.holder:
                return
            self._db.execute("ROLLBACK")

    def _refusal(self, error: sqlite3.Error) -> StorageError:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_BUSY:
            return storage_error(error, self._file, "taking the lock")
        holder = 0
        with suppress(sqlite3.Error):
            holder = _holder(self._db).process
        if holder == os.getpid():
            who, remedy = "this process", "close the other journal, or share that one object"
        else:
            who, remedy = f"process {holder or '(unknown)'}", "stop that process"
        return StorageError(
            f"database {self._database} is in use by {who}; one journal at a time may open it: "
            f"{remedy}, or use another path here"
        )


class WriterLock:
    """The right to write, of the writer process that `journal` started.

    Raises:
        StorageUnavailable: the writer before this one still commits.
        StorageError: another journal has the file by now.
    """

    def __init__(self, path: Path, journal: Holder) -> None:
        file = _beside(path, "writer.lock")
        self._db = _connect(file, WRITER_SECONDS)
        try:
            self._db.execute("BEGIN IMMEDIATE")
            found = _read_holder(path)
        except sqlite3.Error as error:
            self._db.close()
            raise storage_error(error, file, "taking the writer's lock") from error
        if found != journal:
            self._db.close()
            raise StorageError(
                f"{path} is in use by process {found.process}; the journal of process "
                f"{journal.process}, which started this writer, has lost it"
            )

    def release(self) -> None:
        """Let a successor in."""
        self._db.close()


def _wait_for_writer(path: Path) -> None:
    """Wait until a writer process that has lost its journal ends, bounded."""
    file = _beside(path, "writer.lock")
    if not file.exists():
        return
    db = _connect(file, WRITER_SECONDS)
    try:
        db.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        raise StorageUnavailable(
            f"a writer process of a journal of {path} that is gone still holds {file} after "
            f"{WRITER_SECONDS:g} s: {error}; wait until its disk answers, or end it"
        ) from error
    finally:
        db.close()


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(f"{path.name}.{suffix}")


def _connect(file: Path, seconds: float) -> sqlite3.Connection:
    return sqlite3.connect(file, timeout=seconds, isolation_level=None, check_same_thread=False)


def _read_holder(path: Path) -> Holder:
    db = _connect(_beside(path, "lock"), BUSY_SECONDS)
    try:
        return _holder(db)
    finally:
        db.close()


def _holder(db: sqlite3.Connection) -> Holder:
    process, nonce = (
        db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("user_version", "application_id")
    )
    return Holder(process, nonce)
