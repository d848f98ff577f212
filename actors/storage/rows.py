"""The table in SQLite for the rows of one projection, and what is asked of it.

The columns are those of the projection, quoted, so that no name is in the way; `_id`, `_log` and
`_cut` are ours, as no column of a projection begins so. One index lists a caller's logs in the
order of listings; the other leads to the oldest logs of a state, for retention: to all of them, or
to those of which records are kept (`_cut` is 0, until the log is compacted up to its head).

Neighbours: `log.py` and `listing.py` (read rows), `logwriter.py` (writes them), `schema.py`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from actors.runtime.journal.errors import JournalCorrupt, StorageError
from actors.runtime.journal.projection import Projection, Row


class Shape(NamedTuple):
    """What the rows of a projection look like in SQL; plain data, so that it can be sent."""

    projection: str
    columns: tuple[tuple[str, str], ...]
    """Name and SQL type of each."""
    newest: str
    listed: str

    @classmethod
    def of(cls, projection: Projection) -> Shape:
        """The shape of a projection's rows."""
        types = {str: "TEXT", int: "INTEGER"}
        columns = tuple((name, types[kind]) for name, kind in projection.columns.items())
        return cls(projection.name, columns, projection.newest, projection.listed)

    @property
    def table(self) -> str:
        """Name of the table."""
        return f"rows_{self.projection}"

    @property
    def names(self) -> str:
        """The columns, in the order of a row."""
        return ", ".join(f'"{name}"' for name, _ in self.columns)

    @property
    def creation(self) -> str:
        """Statements that make the table and its indexes where they are missing."""
        columns = "".join(f', "{name}" {kind} NOT NULL' for name, kind in self.columns)
        return f"""
            CREATE TABLE IF NOT EXISTS {self.table}
                (_id INTEGER PRIMARY KEY, _log TEXT NOT NULL{columns},
                _cut INTEGER NOT NULL DEFAULT 0);
            CREATE INDEX IF NOT EXISTS listed_{self.projection} ON {self.table}
                ("owner", "tenant", "{self.newest}" DESC, _log DESC) WHERE "{self.listed}" != 0;
            CREATE INDEX IF NOT EXISTS aged_{self.projection} ON {self.table}
                ("{self.listed}", _cut, "{self.newest}");"""

    @property
    def upsert(self) -> str:
        """Write one row; nothing is rewritten where it is the same."""
        marks = ", ?" * len(self.columns)
        excluded = ", ".join(f'excluded."{name}"' for name, _ in self.columns)
        return (
            f"INSERT INTO {self.table} (_id, _log, {self.names}) VALUES (?, ?{marks}) "  # noqa: S608 - names are checked by Projection
            f"ON CONFLICT (_id) DO UPDATE SET ({self.names}) = ({excluded}) "
            f"WHERE ({self.names}) IS NOT ({excluded})"
        )

    @property
    def update(self) -> str:
        """Write a row that is there already."""
        marks = ", ?" * len(self.columns)
        return f"UPDATE {self.table} SET ({self.names}) = ({marks[2:]}) WHERE _id = ?"  # noqa: S608 - names are checked by Projection

    def ensure(self, db: sqlite3.Connection) -> None:
        """Make the table, or see that it is as it should be.

        Raises:
            StorageError: the file has such a table with other columns.
        """
        found = {name: kind for _, name, kind, *_ in db.execute(f"PRAGMA table_info({self.table})")}
        if not found:
            db.executescript(f"BEGIN IMMEDIATE; {self.creation} COMMIT;")
            return
        for ours in ("_id", "_log", "_cut"):
            found.pop(ours, None)
        if found != dict(self.columns):
            raise StorageError(
                f"the rows of projection {self.projection!r} have the columns {found} in this "
                f"file, and {dict(self.columns)} now: give the changed projection another name"
            )


class Table(NamedTuple):
    """A projection with its shape."""

    projection: Projection
    shape: Shape

    @classmethod
    def of(cls, projection: Projection) -> Table:
        """The table for a projection."""
        return cls(projection, Shape.of(projection))

    def made(self, values: Iterable[Any]) -> Row:
        """A row of what was read, in the order of `shape.names`.

        Raises:
            JournalCorrupt: it is not of the types that were written.
        """
        row: Row = self.projection.row._make(values)
        kinds = self.projection.columns.values()
        if any(type(value) is not kind for value, kind in zip(row, kinds, strict=True)):
            raise JournalCorrupt(
                f"a row of {self.shape.table} is damaged: it has values of other types than were "
                "written; restore a backup"
            )
        return row

    def read(self, db: sqlite3.Connection, id_: int) -> Row | None:
        """The row beside one log."""
        select = f"SELECT {self.shape.names} FROM {self.shape.table} WHERE _id = ?"  # noqa: S608 - names are checked by Projection
        values = db.execute(select, (id_,)).fetchone()
        return None if values is None else self.made(values)


def cut(db: sqlite3.Connection, tables: Iterable[str], id_: int, *, whole: bool) -> None:
    """Say beside a log whether it is cut off as a whole: no record of it is kept."""
    for table in tables:
        db.execute(f"UPDATE {table} SET _cut = ? WHERE _id = ?", (whole, id_))  # noqa: S608 - names are checked by Projection


def row_of(db: sqlite3.Connection, tables: Collection[Table], id_: int) -> Row | None:
    """The row beside a log, of whichever projection it is."""
    return next(filter(None, (table.read(db, id_) for table in tables)), None)


def names_of(db: sqlite3.Connection) -> list[str]:
    """Every table of rows in the file, also of projections that are not registered now."""
    found = db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB 'rows_*'")
    return [name for (name,) in found]
