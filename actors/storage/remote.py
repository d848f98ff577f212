"""RemoteWriter: has a process write to the SQLite file, so that the loop waits for no disk.

The process is started with the first request and again with the first one after it died. Nothing
else writes: even the tables for new rows are made by it, once there is one.

Neighbours: `link.py` (the process), `filewriter.py` (what it does), `sqlite.py` (asks).
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import Any

from actors.runtime.journal.port import Ack, Head, MaybeAwaitable, Snapshot
from actors.storage.entries import Entry, Whole
from actors.storage.filewriter import FileWriter
from actors.storage.link import Link
from actors.storage.lock import Holder
from actors.storage.logwriter import FENCED, STORED
from actors.storage.rows import Shape


class RemoteWriter:
    """Writes to the file of the journal `holder`, whose own connection only reads."""

    def __init__(self, db: sqlite3.Connection, path: Path, holder: Holder) -> None:
        self._db = db
        self._path = path
        self._holder = holder
        self._shapes: dict[str, Shape] = {}
        self._link: Link | None = None

    @property
    def process(self) -> int | None:
        """Id of the writer process, if there is one."""
        return self._link.process if self._link is not None and not self._link.ended else None

    def register(self, shapes: Sequence[Shape]) -> MaybeAwaitable[None]:
        """Make the tables for the rows of projections; by ourselves, while nobody else writes."""
        if self.process is not None:
            return self._registered(shapes)
        self._db.execute("PRAGMA query_only = OFF")
        try:
            FileWriter(self._db, self._path).register(shapes)
        finally:
            self._db.execute("PRAGMA query_only = ON")
        self._shapes.update({shape.projection: shape for shape in shapes})
        return None

    async def _registered(self, shapes: Sequence[Shape]) -> None:
        await self._ask("register", shapes)
        self._shapes.update({shape.projection: shape for shape in shapes})

    def append(self, group: list[Entry]) -> Awaitable[list[Ack]]:
        """Store a group."""
        return self._linked().ask("append", group, read=_acks)

    def save_snapshot(self, name: str, snapshot: Snapshot) -> Awaitable[None]:
        """Keep a snapshot."""
        return self._ask("save_snapshot", name, snapshot)

    def consumed(self, consumer: str, name: str, seq: int) -> Awaitable[None]:
        """Move a consumer."""
        return self._ask("consumed", consumer, name, seq)

    def compact(self, name: str, upto: int) -> Awaitable[bool]:
        """Let go of records."""
        return self._ask("compact", name, upto)

    def remove(self, head: Head) -> Awaitable[bool]:
        """Let go of a log."""
        return self._ask("remove", head)

    def restore(self, whole: Whole) -> Awaitable[bool]:
        """Take over a log from elsewhere."""
        return self._ask("restore", *whole)

    def close(self) -> MaybeAwaitable[None]:
        """Let the process finish; of a loop that does not run, at once."""
        link, self._link = self._link, None
        if link is None or link.gone:
            return None
        if link.loop is _running():
            return link.close()
        link.abandon()
        return None

    def abandon(self) -> None:
        """Let go of the process."""
        if self._link is not None:
            self._link.abandon()

    def _ask(self, name: str, *arguments: Any) -> asyncio.Future[Any]:
        return self._linked().ask(name, *arguments)

    def _linked(self) -> Link:
        """The process, on this loop."""
        link = self._link
        if link is not None and link.loop is not asyncio.get_running_loop():
            link.abandon()
        if link is None or link.ended:
            self._link = link = Link(self._path, self._holder, list(self._shapes.values()))
        return link


def _acks(stored: list[bool]) -> list[Ack]:
    return [STORED if each else FENCED for each in stored]


def _running() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
