"""Import: JSON lines into a journal, through its port.

A file is read twice: first to see that every line of it is sound and that none of its logs exists,
then to store them. A log is stored as one group of appends, so that it is there as a whole or not
at all; they are split where a claim begins an epoch, where a key leads to and where a consumer goes
on. A compacted log begins at its snapshot (`restore`), the rest of it follows; should that fail,
its beginning is taken away again.

What the port cannot do is said, not hidden (`Imported`): a log begins at its snapshot, so records
before that (which the snapshot stands for) and keys that lead to them are left out.

Neighbours: `lines.py` (the form), `export.py` (the way out).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Final, NamedTuple, TypeVar

from actors.runtime import Caller
from actors.runtime.journal.errors import StorageError
from actors.runtime.journal.port import Ack, Append, Head, Journal
from actors.runtime.journal.projection import Projection
from actors.runtime.journal.record import CLAIM, Record
from actors.storage.lines import BadLine, Line, kept_in, projections_in, record_in
from actors.storage.samples import settled
from actors.storage.source import Kept

T = TypeVar("T")

_NAMED: Final = 5
"""Logs that an error names; of the others it tells the number."""

Opened = Callable[[], Iterable[str]]
"""Reads a file from its beginning."""


class Log(NamedTuple):
    """One log of a file."""

    kept: Kept
    records: Sequence[Record]
    """Those after the floor."""

    @property
    def base(self) -> int:
        """Where it begins in a new journal: at its snapshot; 0 when it has all its records."""
        return self.kept.snapshot.seq if self.kept.snapshot else 0

    @property
    def rest(self) -> Sequence[Record]:
        """The records after that."""
        return self.records[self.base - self.kept.head.floor :]


@dataclass(slots=True)
class Imported:
    """What an import has done."""

    logs: int = 0
    records: int = 0
    left_out: int = 0
    """Records that a snapshot stands for."""
    keys_lost: dict[str, int] = field(default_factory=dict)
    """Log -> idempotency keys that could not be kept."""


class Lines:
    """A file of JSON lines, read log by log.

    Args:
        lines: of the file.
        projections: of an earlier reading, so that rows are of the same types.

    Raises:
        BadLine: says which line, what was found there, and what was expected.
    """

    def __init__(
        self, lines: Iterable[str], projections: dict[str, Projection] | None = None
    ) -> None:
        self._lines = enumerate(lines, 1)
        self._number = 0
        self._told: Line = {}
        told = self._at_line(projections_in, self._next())
        self.projections = told if projections is None else projections

    def __iter__(self) -> Iterator[Log]:
        """Every log; raises BadLine."""
        logs = records = 0
        while "end" not in self._next():
            log = self._log()
            logs, records = logs + 1, records + len(log.records)
            yield log
        counted = {"logs": logs, "records": records}
        if self._told["end"] != counted:
            raise self.bad(f"found end {self._told['end']!r}, expected {counted}")
        for number, line in self._lines:
            if line.strip():
                self._number = number
                raise self.bad(f"found {line[:80]!r} after the end, expected nothing")

    def _log(self) -> Log:
        kept = self._at_line(lambda line: kept_in(line, self.projections), self._told)
        head, epoch, found = kept.head, 0, []
        for seq in range(head.floor + 1, head.seq + 1):
            record = self._at_line(partial(record_in, seq), self._next())
            if record.epoch < epoch or (epoch < record.epoch and epoch and record.kind != CLAIM):
                raise self.bad(f"found epoch {record.epoch}, expected {epoch} or a claim (kind 0)")
            epoch = record.epoch
            found.append(record)
        if found and epoch != head.epoch:
            raise self.bad(f"found epoch {epoch} at the end of its log, expected {head.epoch}")
        return Log(kept, found)

    def _next(self) -> Line:
        found = next(self._lines, None)
        if found is None:
            self._number += 1
            raise self.bad('found the end of the file, expected more: its last line is {"end": …}')
        self._number, text = found
        try:
            self._told = json.loads(text)
        except ValueError as error:
            raise self.bad(f"found {text[:80]!r} ({error}), expected JSON") from error
        if type(self._told) is not dict:
            raise self.bad(f"found {text[:80]!r}, expected an object")
        return self._told

    def _at_line(self, read: Callable[[Line], T], line: Line) -> T:
        try:
            return read(line)
        except BadLine as error:
            raise self.bad(str(error)) from None

    def bad(self, what: str) -> BadLine:
        """What is wrong with the present line."""
        return BadLine(f"line {self._number}: {what}")


async def import_lines(
    opened: Opened, journal: Journal, known: Sequence[Projection] = ()
) -> Imported:
    """Store every log of a file in a journal; opens it and closes it.

    Args:
        opened: reads the file.
        journal: where to.
        known: projections whose rows are to be of their own types, not of types made up.

    Raises:
        BadLine: a line is not sound; nothing was stored.
        StorageError: some of the logs exist already, or cannot be kept (nothing was stored); or
            storing failed (the logs before that one are stored, and it is not).
    """
    projections = Lines(opened()).projections
    for name, ours in ((each.name, each) for each in known):
        if name in projections and projections[name].columns == ours.columns:
            projections[name] = ours
    await settled(journal.open(*projections.values()))
    try:
        await _see(Lines(opened(), projections), journal)
        done = Imported()
        for log in Lines(opened(), projections):
            await _store(log, journal)
            _count(log, done)
    finally:
        await settled(journal.close())
    return done


async def _see(lines: Lines, journal: Journal) -> None:
    """See that all of it can be stored."""
    names: set[str] = set()
    there: list[str] = []
    for log in lines:
        name = log.kept.head.log
        if name in names:
            raise lines.bad(f"found log {name!r} a second time, expected it once")
        names.add(name)
        for consumer, seq in log.kept.consumers.items():
            if seq < log.base:
                raise StorageError(
                    f"nothing was imported: log {name!r} begins at its snapshot, {log.base}, and "
                    f"the consumer {consumer!r} is only done up to {seq}; let a server deliver "
                    "the rest, then export anew"
                )
        if await settled(journal.head(name)) is not None:
            there.append(name)
    if there:
        more = f" and {len(there) - _NAMED} more" if len(there) > _NAMED else ""
        raise StorageError(
            f"nothing was imported: {len(there)} of {len(names)} logs exist already "
            f"({', '.join(map(repr, there[:_NAMED]))}{more}); import into a new journal"
        )


async def _store(log: Log, journal: Journal) -> None:
    begun = log.base > 0
    if begun and not await _begin(log, journal):
        raise _exists(log)
    group = _appends(log)
    try:
        acks = await settled(journal.append(group)) if group else ()
        if any(ack is not Ack.STORED for ack in acks):
            raise _exists(log)
    except StorageError:
        if begun:
            await settled(journal.remove(_beginning(log)))
        raise


def _exists(log: Log) -> StorageError:
    return StorageError(
        f"log {log.kept.head.log!r} was refused: it, or one of its keys, exists by now; "
        "import into a new journal that nobody else uses"
    )


async def _begin(log: Log, journal: Journal) -> bool:
    """Restore the beginning of a compacted log; not active, so that it can be taken away."""
    snapshot, beginning = log.kept.snapshot, _beginning(log)
    assert snapshot is not None  # noqa: S101 - kept_in has seen to it where there is a floor
    if not log.rest:
        beginning = beginning._replace(active=log.kept.head.active)
    return await settled(journal.restore(beginning, snapshot, log.kept.row))


def _beginning(log: Log) -> Head:
    """The head of a log while nothing follows its snapshot."""
    return Head(log.kept.head.log, log.base, _epoch_before(log), floor=log.base)


def _epoch_before(log: Log) -> int:
    """The epoch of the record at the snapshot, as far as it can be known."""
    if not log.rest:
        return log.kept.head.epoch
    if len(log.records) > len(log.rest):
        return log.records[-len(log.rest) - 1].epoch
    first = log.rest[0]
    return max(1, first.epoch - 1) if first.kind == CLAIM else first.epoch


def _appends(log: Log) -> list[Append]:
    """The appends of what follows the snapshot."""
    kept, rest, base = log.kept, log.rest, log.base
    starts = {base} | {seq - 1 for seq in kept.keys.values()} | set(kept.consumers.values())
    starts |= {record.seq - 1 for record in rest if record.kind == CLAIM}
    places = sorted(start for start in starts if base <= start < kept.head.seq)
    group = []
    for start, end in pairwise((*places, kept.head.seq)):
        records = tuple(rest[start - base : end - base])
        append = Append(kept.head.log, records[0].epoch, start, records, Caller())
        group.append(
            append._replace(
                active=kept.head.active,
                row=kept.row,
                keys=tuple(key for key, seq in kept.keys.items() if seq == start + 1),
                consumers=tuple(each for each, seq in kept.consumers.items() if seq == start),
            )
        )
    return group


def _count(log: Log, done: Imported) -> None:
    done.logs += 1
    done.records += len(log.rest)
    done.left_out += len(log.records) - len(log.rest)
    lost = sum(seq <= log.base for seq in log.kept.keys.values())
    if lost:
        done.keys_lost[log.kept.head.log] = lost
