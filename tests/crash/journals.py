"""The journals that are put to the test, by name."""

from __future__ import annotations

from pathlib import Path

from actors.runtime.journal.port import Journal
from actors.storage import SqliteJournal


def journal_of(kind: str, directory: Path) -> Journal:
    """A journal in a directory: "process" or "power" (a file), or a DSN with a schema."""
    if kind.startswith("postgresql:"):
        from actors.storage.postgres import PostgresJournal

        dsn, _, schema = kind.rpartition(" ")
        return PostgresJournal(dsn, schema=schema)
    return SqliteJournal(directory / "tasks.db", durability=kind)
