"""Which journal: a file of SQLite or a PostgreSQL database, by what an operator wrote.

Drivers are imported when they are chosen, as nobody needs all of them.

Neighbours: `sqlite.py`, `postgres.py` (journals), `sqlite_source.py`, `postgres_source.py` (the
same, to be read as a whole).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Literal

from actors.runtime.journal.errors import StorageError
from actors.runtime.journal.port import Journal
from actors.storage.source import TaskSource

Durability = Literal["process", "power"]
"""What an acknowledged commit in a SQLite file survives: the end of a process, or of the power."""

_SCHEMES: Final = ("postgresql://", "postgres://")


def is_dsn(where: str | Path) -> bool:
    """Whether this names a PostgreSQL database, not a file."""
    return isinstance(where, str) and where.startswith(_SCHEMES)


def journal_at(where: str | Path, durability: Durability = "process") -> Journal:
    """The journal there, not opened yet.

    Args:
        where: path of a SQLite file, or a DSN postgresql://user:password@host:port/database.
        durability: of a SQLite file; a PostgreSQL server is durable as it is configured.

    Raises:
        StorageError: the driver is missing, this is neither a DSN nor a file, or `durability` is
            not for it.
        ValueError: no such durability.
    """
    if is_dsn(where):
        if durability == "power":
            raise StorageError(
                "durability 'power' is of a SQLite file; a PostgreSQL server is durable as it is "
                "configured (synchronous_commit): leave it out"
            )
        _need_asyncpg()
        from actors.storage.postgres import PostgresJournal

        try:
            return PostgresJournal(str(where))
        except ValueError as error:
            raise StorageError(str(error)) from error
    _need_file(where)
    from actors.storage.sqlite import SqliteJournal

    return SqliteJournal(where, durability)


@asynccontextmanager
async def source_at(where: str | Path) -> AsyncIterator[TaskSource]:
    """The journal there, to be read beside whoever writes to it.

    Raises:
        StorageError: it cannot be read.
    """
    if is_dsn(where):
        _need_asyncpg()
        from actors.storage.postgres_source import postgres_source

        async with postgres_source(str(where)) as source:
            yield source
    else:
        _need_file(where)
        from actors.storage.sqlite_source import SqliteSource, read_only

        with read_only(Path(where)) as db:
            yield SqliteSource(db, Path(where))


def _need_file(where: str | Path) -> None:
    text = str(where)
    if isinstance(where, str) and "://" in where:
        raise StorageError(
            f"{text.partition('://')[0]}:// is no database that tasks can be kept in; give the "
            "path of a file, or postgresql://user:password@host/database"
        )
    if text in ("", ":memory:"):
        raise StorageError(f"{text!r} is no file, and tasks are kept in one: give its path")


def _need_asyncpg() -> None:
    try:
        import asyncpg  # noqa: F401 - only to see whether it is there
    except ImportError as error:
        raise StorageError(
            "PostgreSQL needs asyncpg, which is not installed; "
            "run: pip install 'statechart-actors[postgres]'"
        ) from error
