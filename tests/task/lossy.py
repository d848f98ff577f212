"""Journals whose acknowledgements get lost, and servers that share one.

Neighbours: `harness.py` (Bench), `test_unknown_outcome.py`, `test_unknown_random.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from actors.runtime.journal.errors import StorageUnavailable
from actors.runtime.journal.port import Ack, Append
from actors.runtime.journal.record import Record
from actors.storage import MemoryJournal
from actors.task.actor import TaskActor
from actors.task.policy import Policy
from actors.task.rules import Rules
from tests.task.harness import Bench

POLICY = Policy.sdk(storage_patience=30.0)


class Lossy(MemoryJournal):
    """Stores and raises while `lost`; stores nothing and raises while `away`.

    While `late` it raises and keeps the group in `held`, to be stored when a test says `commit`.

    `faults` come first: one is raised by each append, after it has stored what it could. `pages`
    are raised by reads of a page, one each.
    """

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[Exception] = []
        self.pages: list[Exception] = []
        self.lost = False
        self.away = False
        self.late = False
        self.held: list[list[Append]] = []
        self.groups: list[list[str]] = []

    def append(self, group: Sequence[Append]) -> Sequence[Ack]:
        self.groups.append([append.log for append in group])
        if self.away:
            raise StorageUnavailable("connection refused")
        if self.late:
            self.held.append(list(group))
            raise StorageUnavailable("connection broke during commit")
        acks = super().append(group)
        if self.faults:
            raise self.faults.pop(0)
        if self.lost:
            raise StorageUnavailable("connection broke during commit")
        return acks

    def commit(self, group: list[Append]) -> Sequence[Ack]:
        """A held transaction lands: nobody hears of it."""
        return super().append(group)

    def page(self, task: str, after: int, limit: int) -> tuple[Record, ...] | None:
        if self.pages:
            raise self.pages.pop(0)
        return super().page(task, after, limit)


def broken(times: int = 1) -> list[Exception]:
    return [StorageUnavailable("connection broke") for _ in range(times)]


class Other(Lossy):
    """Another server's connection to the same journal."""

    def __init__(self, journal: MemoryJournal) -> None:
        super().__init__()
        self._logs = journal._logs


def node(journal: MemoryJournal, name: str, policy: Policy = POLICY) -> Bench:
    """A server of a given incarnation. All begin at the same millisecond."""
    bench = Bench(policy, journal)
    rules, lives = Rules(policy, incarnation=name), count(1)
    bench.system.register("task", lambda task: TaskActor(task, rules, next(lives)))
    return bench
