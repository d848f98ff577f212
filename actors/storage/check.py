"""Check: whether the logs of a journal hang together. It repairs and guesses nothing.

Of every log the numbers, the epochs and what stands beside the records are checked; of a task also
that every record folds, and that its row and snapshot are what the fold says. Records are read page
by page, and one fold at a time is in memory.

Without a checksum, and so only checked for their range, are: where a key leads to, how far a
consumer is, and the owner and tenant in a row. How many records a row of PostgreSQL says that it
holds shows only to a page that ends within it.

Neighbours: `check_sqlite.py` (more, for a file), `source.py` (what is read), `findings.py`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from google.protobuf.message import DecodeError

from actors.runtime.journal.errors import StorageError, StorageUnavailable
from actors.runtime.journal.port import Head
from actors.runtime.journal.record import CLAIM, Record
from actors.storage.findings import Finding, Tally
from actors.storage.source import Kept, Source, logs, records
from actors.task.fold import Fold
from actors.task.listing import TaskRow


async def check(source: Source, tally: Tally) -> AsyncIterator[Finding]:
    """Everything that is wrong with the logs of a source.

    Raises:
        StorageUnavailable: it cannot be read now.
    """
    async for head in logs(source):
        tally.logs += 1
        try:
            kept = await source.kept(head.log)
        except StorageUnavailable:
            raise
        except StorageError as error:
            yield Finding(str(error), "what was written", head.log)
            continue
        if kept is not None:
            async for finding in check_log(source, kept, tally):
                yield finding


async def check_log(source: Source, kept: Kept, tally: Tally) -> AsyncIterator[Finding]:
    """Everything that is wrong with one log.

    Raises:
        StorageUnavailable: it cannot be read now.
    """
    head = kept.head
    for finding in beside(kept):
        yield finding
    walk = Walk(kept)
    try:
        async for record in records(source, head, head.floor):
            tally.records += 1
            for finding in walk.take(record):
                yield finding
    except StorageUnavailable:
        raise
    except StorageError as error:
        yield Finding(str(error), "what was written", head.log)
        return
    for finding in walk.end():
        yield finding


def beside(kept: Kept) -> Iterator[Finding]:
    """What is wrong with the places that stand beside the records."""
    head, snapshot = kept.head, kept.snapshot
    if not head.log:
        yield Finding("a log without a name", "the name of a log: import refuses it", head.log)
    if not 0 <= head.floor <= head.seq:
        yield Finding(f"floor {head.floor}", f"at most the head, {head.seq}", head.log)
    if snapshot is not None and snapshot.seq > head.seq:
        yield Finding(f"a snapshot at {snapshot.seq}", f"at most {head.seq}", head.log)
    if head.floor and (snapshot is None or snapshot.seq < head.floor):
        expected = f"one from {head.floor} on: the records up to there are no longer kept"
        yield Finding(f"the snapshot {snapshot and snapshot.seq}", expected, head.log)
    for key, seq in kept.keys.items():
        if not 1 <= seq <= head.seq:
            yield Finding(f"key {key!r} leads to {seq}", f"1 to {head.seq}", head.log)
    for consumer, seq in kept.consumers.items():
        if not head.floor <= seq < head.seq:
            expected = f"{head.floor} to {head.seq - 1}"
            yield Finding(f"consumer {consumer!r} at {seq}", expected, head.log)


class Walk:
    """Goes through the records of one log, and says what cannot be.

    Args:
        kept: the log.
    """

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self._seq = kept.head.floor
        self._epoch = 0
        self._fold: Fold | None = None
        if isinstance(kept.row, TaskRow) and not kept.head.floor:
            self._fold = Fold()

    def take(self, record: Record) -> Iterator[Finding]:
        """What is wrong with the next record."""
        log, self._seq = self._kept.head.log, self._seq + 1
        if record.seq != self._seq:
            yield Finding(f"record {record.seq}", f"record {self._seq}", log, self._seq)
        if record.epoch < self._epoch:
            expected = f"at least {self._epoch}, as before it"
            yield Finding(f"epoch {record.epoch}", expected, log, record.seq)
        elif self._epoch < record.epoch and self._epoch and record.kind != CLAIM:
            expected = f"{self._epoch}, or a claim (kind {CLAIM}) where it changes"
            yield Finding(f"epoch {record.epoch}", expected, log, record.seq)
        self._epoch = record.epoch
        yield from self._apply(record)
        yield from self._at_snapshot(record.seq)

    def end(self) -> Iterator[Finding]:
        """What is wrong once all records were taken."""
        head = self._kept.head
        if self._seq == head.floor:
            yield from self._at_snapshot(head.floor)
        if self._epoch not in (0, head.epoch):
            expected = f"{self._epoch}, as its last record has"
            yield Finding(f"epoch {head.epoch} in the head", expected, head.log)
        if self._fold is not None and isinstance(self._kept.row, TaskRow):
            yield from _row(self._kept.row, self._fold, head)

    def _apply(self, record: Record) -> Iterator[Finding]:
        if self._fold is None:
            return
        try:
            self._fold.apply(record)
        except (ValueError, KeyError, IndexError, DecodeError, AssertionError) as error:
            log, self._fold = self._kept.head.log, None
            yield Finding(f"what no task records ({error!r})", "a record of one", log, record.seq)

    def _at_snapshot(self, seq: int) -> Iterator[Finding]:
        """Compare the snapshot of a task with its fold; a compacted one begins with it."""
        kept = self._kept
        snapshot = kept.snapshot
        if snapshot is None or not isinstance(kept.row, TaskRow) or snapshot.seq != seq:
            return
        try:
            told = Fold.unpack(snapshot.payload)
        except Exception as error:  # noqa: BLE001 - bytes provoke whatever they provoke
            yield Finding(f"a snapshot that is none ({error!r})", "a fold", kept.head.log, seq)
            return
        if kept.head.floor and told.version == seq:
            self._fold = told
        elif told.version != seq or (self._fold and not _same(told, self._fold)):
            text = "a snapshot that is not the fold of the records up to it"
            yield Finding(text, "that fold", kept.head.log, seq)


def _same(one: Fold, other: Fold) -> bool:
    """Whether two folds are equal; the order of a map in a Task says nothing.

    Nor does what `one`, a snapshot of an earlier release, does not tell.
    """
    aside = ("task", "spoke") if one.spoke is None else ("task",)
    fields = (name for name in Fold.__slots__ if name not in aside)
    return one.task == other.task and all(getattr(one, n) == getattr(other, n) for n in fields)


def _row(row: TaskRow, fold: Fold, head: Head) -> Iterator[Finding]:
    """What the row beside a log says other than the log."""
    due = {"state": (row.state, fold.state)}
    due["active"] = (head.active, fold.active and not fold.final)
    if fold.status_at:
        due["status_at"] = (row.status_at, fold.listed_at)
    for name, (found, expected) in due.items():
        if found != expected:
            yield Finding(f"{name} {found} beside it", f"{expected}, as its records say", head.log)
    context = fold.task.context_id if fold.task else ""
    if context and row.context != context:
        yield Finding(f"context {row.context!r} beside it", f"{context!r}, as its Task", head.log)
