"""The tables of the SQLite file, and how a file of an earlier release becomes one of this release.

Version 1 knew tasks alone: what of a `tasks` row every log has is in `logs` since version 2, and
the rest is the row of the projection "tasks". The records stayed where they are. Since version 3
rows say whether their log has records left. Since version 4 a row of `records` holds several, whose
last one `seq` is.

Neighbours: `database.py` (opens the file), `rows.py` (a table for each projection), `log.py` (why
the records lie as they do).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Final

from actors.storage.rows import names_of

VERSION: Final = 4
APPLICATION_ID: Final = 0x41325441
"""Marks the file as ours, so that nobody's own database is taken for an empty journal."""

_RECORDS: Final = """
CREATE TABLE records (
    id INTEGER PRIMARY KEY,
    log INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    previous INTEGER NOT NULL,
    frame BLOB NOT NULL,
    held INTEGER NOT NULL DEFAULT 1
);
CREATE TABLE marks (
    log INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    record INTEGER NOT NULL,
    PRIMARY KEY (log, seq)
) WITHOUT ROWID;
CREATE TABLE snapshots (
    log INTEGER PRIMARY KEY,
    seq INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    payload BLOB NOT NULL
);
"""

_LOGS: Final = """
CREATE TABLE logs (
    id INTEGER PRIMARY KEY,
    log TEXT NOT NULL UNIQUE,
    head INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    head_record INTEGER NOT NULL,
    active INTEGER NOT NULL,
    floor INTEGER NOT NULL,
    bytes INTEGER NOT NULL
);
CREATE INDEX logs_active ON logs (log) WHERE active != 0;
CREATE TABLE keys (
    key TEXT PRIMARY KEY,
    log INTEGER NOT NULL,
    seq INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX keys_of_log ON keys (log);
CREATE TABLE consumers (
    consumer TEXT NOT NULL,
    log TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (consumer, log)
) WITHOUT ROWID;
CREATE INDEX consumers_of_log ON consumers (log);
"""

_TASKS: Final = """
CREATE TABLE rows_tasks (
    _id INTEGER PRIMARY KEY,
    _log TEXT NOT NULL,
    "owner" TEXT NOT NULL,
    "tenant" TEXT NOT NULL,
    "context" TEXT NOT NULL,
    "state" INTEGER NOT NULL,
    "status_at" INTEGER NOT NULL
);
CREATE INDEX listed_tasks ON rows_tasks
    ("owner", "tenant", "status_at" DESC, _log DESC) WHERE "state" != 0;
CREATE INDEX aged_tasks ON rows_tasks ("state", "status_at");
"""
"""The rows of version 1, as version 2 had them: whoever registers "tasks" must fit them."""

_FROM_1: Final = f"""
{_LOGS}
INSERT INTO logs
    SELECT t.id, t.task, t.head, t.epoch, t.head_record, t.active, 0, coalesce(r.bytes, 0)
    FROM tasks AS t LEFT JOIN
        (SELECT task, sum(length(frame)) AS bytes FROM records GROUP BY task) AS r ON r.task = t.id;
{_TASKS}
INSERT INTO rows_tasks (_id, _log, owner, tenant, context, state, status_at)
    SELECT id, task, owner, tenant, context, state, status_at FROM tasks;
DROP TABLE tasks;
ALTER TABLE records RENAME COLUMN task TO log;
ALTER TABLE marks RENAME COLUMN task TO log;
ALTER TABLE snapshots RENAME COLUMN task TO log;
"""  # noqa: S608 - constants


def _from_2(db: sqlite3.Connection) -> str:
    """Each table of rows tells what is cut off, and its index leads past that."""
    made = []
    for table in names_of(db):
        aged = f"aged_{table.removeprefix('rows_')}"
        listed, newest = (column for *_, column in db.execute(f"PRAGMA index_info({aged})"))
        made.append(f"""
            ALTER TABLE {table} ADD COLUMN _cut INTEGER NOT NULL DEFAULT 0;
            UPDATE {table} SET _cut = 1 WHERE _id IN (SELECT id FROM logs WHERE floor = head);
            DROP INDEX {aged};
            CREATE INDEX {aged} ON {table} ("{listed}", _cut, "{newest}");""")  # noqa: S608 - names are checked by Projection
    return "".join(made)


MIGRATIONS: Final[dict[int, Callable[[sqlite3.Connection], str]]] = {
    1: lambda _: _FROM_1,
    2: _from_2,
    3: lambda _: "ALTER TABLE records ADD COLUMN held INTEGER NOT NULL DEFAULT 1;",
}
"""Version of a file -> what makes it one of the next version."""


def create(db: sqlite3.Connection) -> None:
    """Make the tables of an empty database."""
    _whole(db, f"{_RECORDS} {_LOGS} PRAGMA application_id = {APPLICATION_ID};", VERSION)


def migrate(db: sqlite3.Connection, version: int) -> None:
    """Make the file one of this release; each step is one transaction."""
    for older in range(version, VERSION):
        _whole(db, MIGRATIONS[older](db), older + 1)


def _whole(db: sqlite3.Connection, statements: str, version: int) -> None:
    try:
        db.executescript(f"BEGIN IMMEDIATE; {statements} PRAGMA user_version = {version}; COMMIT;")
    except sqlite3.Error:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
