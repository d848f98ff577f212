"""A journal that fails as a test has chosen, and a shell that holds back what it is asked.

Neighbours: `orders.py` (a bench with these).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from actors.runtime import ActorRef, ActorSystem
from actors.runtime.journal.errors import StorageUnavailable
from actors.runtime.journal.port import Ack, Append
from actors.runtime.journal.record import Record
from actors.runtime.journal.shell import JournalShell
from actors.storage import MemoryJournal


class Fates(MemoryJournal):
    """Each append and page meets the next of the chosen fates; when they are used up, all is well.

    "ok"; "lost": done and not acknowledged; "away": not done; "late": not acknowledged, and done
    just before the next append that is done; "never": refused, for good.
    """

    def __init__(self, shared: MemoryJournal | None = None) -> None:
        super().__init__()
        if shared is not None:
            self._logs = shared._logs
        self.fates: list[str] = []
        self.held: list[Sequence[Append]] = []

    def _fate(self) -> str:
        return self.fates.pop(0) if self.fates else "ok"

    def append(self, group: Sequence[Append]) -> Sequence[Ack]:
        fate = self._fate()
        if fate == "away":
            raise StorageUnavailable("connection refused")
        if fate == "never":
            raise OSError("no")
        if fate == "late":
            self.held.append(group)
            raise StorageUnavailable("connection broke during commit")
        self.land()
        acks = super().append(group)
        if fate == "lost":
            raise StorageUnavailable("connection broke during commit")
        return acks

    def land(self) -> None:
        """What was late is stored; nobody hears of it."""
        for held in self.held:
            super().append(held)
        self.held.clear()

    def page(self, log: str, after: int, limit: int) -> tuple[Record, ...] | None:
        if self._fate() != "ok":
            raise StorageUnavailable("connection broke")
        return super().page(log, after, limit)


class Held(JournalShell):
    """Performs at once, or when the test says so."""

    holding = False

    def __init__(self, journal: MemoryJournal, system: ActorSystem) -> None:
        super().__init__(journal, system)
        self.requests: list[Any] = []

    def perform(self, request: Any, sender: ActorRef[Any]) -> None:
        if self.holding:
            self.requests.append((request, sender))
        else:
            super().perform(request, sender)

    def let_go(self) -> None:
        self.holding = False
        requests, self.requests = self.requests, []
        for request, sender in requests:
            super().perform(request, sender)
