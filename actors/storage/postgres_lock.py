"""One writer at a time: an advisory lock, held by the connection that writes.

It ends with the connection: when that closes, when its process dies, or when the server has noticed
that the other side is gone. A statement under way ends first, so whoever holds the lock next reads
all that was committed before.

Neighbours: `postgres_link.py` (connections), `postgres.py` (the journal that takes it).
"""

from __future__ import annotations

from copy import copy
from hashlib import sha256
from typing import Final

import asyncpg

from actors.runtime.journal.errors import StorageUnavailable
from actors.storage.postgres_append import Appender
from actors.storage.postgres_schema import Connection, Layout, create

_HOLDER: Final = """SELECT a.pid, a.application_name, host(a.client_addr), a.backend_start
    FROM pg_locks AS l LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND ((l.classid::bigint << 32) | l.objid::bigint) = $1::bigint"""


class LockedByAnother(StorageUnavailable):
    """Another journal has it; says who, and what to do."""


def key_of(layout: Layout) -> int:
    """The key of the lock; PostgreSQL keeps those of each database apart."""
    digest = sha256(f"journal of actors in schema {layout.name}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


async def take(connection: Connection, layout: Layout, patience: float) -> None:
    """Take the lock, waiting for at most `patience` seconds until its holder lets go.

    Raises:
        LockedByAnother: it does not.
    """
    key = key_of(layout)
    if await connection.fetchval("SELECT pg_try_advisory_lock($1)", key):
        return
    # Known by now, as afterwards it may be gone.
    holder = await _holder(connection, key)
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL lock_timeout = {max(1, int(patience * 1000))}")
            await connection.execute("SET LOCAL statement_timeout = 0")
            await connection.fetchval("SELECT pg_advisory_lock($1)", key, timeout=patience + _GRACE)
    except asyncpg.LockNotAvailableError:
        who = await _holder(connection, key) or holder
        raise LockedByAnother(
            f"schema {layout.schema} is in use by {who}; one journal at a time may open it: "
            "close that one, or use another schema here"
        ) from None


_GRACE: Final = 5.0
"""Seconds more that the answer may take than the server waits."""


async def _holder(connection: Connection, key: int) -> str:
    row = await connection.fetchrow(_HOLDER, key)
    if row is None:
        return ""
    pid, name, address, since = row
    name = f"{name!r}" if name else "somebody whose name is not ours to see"
    where = f" from {address}" if address else ""
    start = f" since {since:%Y-%m-%d %H:%M:%S} UTC" if since else ""
    return f"{name}{where} (server process {pid}, connected{start})"


class Pen:
    """What makes a connection the one that writes."""

    def __init__(self, layout: Layout, appender: Appender, patience: float) -> None:
        self._layout = layout
        self._appender = appender
        self._patience = patience

    async def take(self, connection: Connection) -> None:
        """Make a new connection the one that writes."""
        await take(connection, self._layout, self._patience)
        await self.learn(connection, copy(self._layout))

    async def learn(self, connection: Connection, due: Layout) -> None:
        """Make what is missing for a layout, which is the journal's from then on; or nothing."""
        async with connection.transaction():
            await create(connection, due)
            call = await self._appender.prepare(connection, due)
        self._layout.become(due)
        self._appender.use(call)
