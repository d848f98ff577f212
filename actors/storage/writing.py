"""What SqliteJournal asks of whatever writes for it.

Neighbours: `filewriter.py` (writes at once), `remote.py` (has a process write).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from actors.runtime.journal.port import Ack, Head, MaybeAwaitable, Snapshot
from actors.storage.entries import Entry, Whole
from actors.storage.rows import Shape


class Writer(Protocol):
    """Every method may raise, or its awaitable, as the port says."""

    def register(self, shapes: Sequence[Shape]) -> MaybeAwaitable[None]:
        """Make the tables for the rows of projections."""

    def append(self, group: list[Entry]) -> MaybeAwaitable[list[Ack]]:
        """Store a group and say what became of each of it, in order."""

    def save_snapshot(self, name: str, snapshot: Snapshot) -> MaybeAwaitable[None]:
        """Keep a snapshot."""

    def consumed(self, consumer: str, name: str, seq: int) -> MaybeAwaitable[None]:
        """Move a consumer."""

    def compact(self, name: str, upto: int) -> MaybeAwaitable[bool]:
        """Let go of records."""

    def remove(self, head: Head) -> MaybeAwaitable[bool]:
        """Let go of a log."""

    def restore(self, whole: Whole) -> MaybeAwaitable[bool]:
        """Take over a log from elsewhere."""

    def close(self) -> MaybeAwaitable[None]:
        """Finish what was begun."""

    def abandon(self) -> None:
        """Let go of processes at once; what was begun may be stored or not."""
