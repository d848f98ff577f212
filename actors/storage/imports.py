"""Import: JSON lines into a journal, through its port.

A file is read twice: first to see that every line of it is sound and that none of its logs exists,
then to store them. Each log is one `restore`, so that it is there as it was, or not at all.

Neighbours: `lines.py` (the form), `export.py` (the way out).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from actors.runtime.journal.errors import StorageError
from actors.runtime.journal.port import Copy, Journal, settled
from actors.runtime.journal.projection import Projection
from actors.runtime.journal.record import CLAIM
from actors.storage.lines import BadLine, Line, kept_in, projections_in, record_in
from actors.storage.postgres_text import is_digest

T = TypeVar("T")

_NAMED: Final = 5
"""Logs that an error names; of the others it tells the number."""

Opened = Callable[[], Iterable[str]]
"""Reads a file from its beginning."""


@dataclass(slots=True)
class Imported:
    """What an import has done."""

    logs: int = 0
    records: int = 0
    keys_lost: int = 0
    """Keys of which the file has only the digest, as its journal had, and this journal needs them
    whole: a request that bears one is no longer recognised."""


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

    def __iter__(self) -> Iterator[Copy]:
        """Every log; raises BadLine."""
        logs = records = 0
        while "end" not in self._next():
            copy = self._copy()
            logs, records = logs + 1, records + len(copy.records)
            yield copy
        counted = {"logs": logs, "records": records}
        if self._told["end"] != counted:
            raise self.bad(f"found end {self._told['end']!r}, expected {counted}")
        for number, line in self._lines:
            if line.strip():
                self._number = number
                raise self.bad(f"found {line[:80]!r} after the end, expected nothing")

    def _copy(self) -> Copy:
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
        keys, consumers = tuple(kept.keys.items()), tuple(kept.consumers.items())
        return Copy(head, kept.row, kept.snapshot, tuple(found), keys, consumers)

    def _next(self) -> Line:
        found = next(self._lines, None)
        if found is None:
            self._number += 1
            raise self.bad('found the end of the file, expected more: its last line is {"end": …}')
        self._number, text = found
        try:
            self._told = json.loads(text)
            # What JSON can escape need not be text that can be kept.
            (json.dumps(self._told, ensure_ascii=False) if "\\u" in text else text).encode()
        except UnicodeEncodeError as error:
            raise self.bad(f"found half of a character ({error}), expected Unicode") from error
        except (ValueError, RecursionError) as error:
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
        for copy in Lines(opened(), projections):
            await _store(copy, journal)
            done.logs += 1
            done.records += len(copy.records)
            done.keys_lost += await _lost(copy, journal)
    finally:
        await settled(journal.close())
    return done


async def _see(lines: Lines, journal: Journal) -> None:
    """See that all of it can be stored."""
    names: set[str] = set()
    keys: set[str] = set()
    there: list[str] = []
    for copy in lines:
        name = copy.head.log
        if name in names:
            raise lines.bad(f"found log {name!r} a second time, expected it once")
        names.add(name)
        for key, _ in copy.keys:
            if key in keys:
                raise lines.bad(f"found key {key!r} in log {name!r} too, expected it in one log")
            keys.add(key)
        if await settled(journal.head(name)) is not None:
            there.append(name)
    if there:
        more = f" and {len(there) - _NAMED} more" if len(there) > _NAMED else ""
        raise StorageError(
            f"nothing was imported: {len(there)} of {len(names)} logs exist already "
            f"({', '.join(map(repr, there[:_NAMED]))}{more}); import into a new journal"
        )


async def _lost(copy: Copy, journal: Journal) -> int:
    """How many of its keys the journal has taken for keys, though they are digests."""
    lost = 0
    for key, _ in copy.keys:
        lost += is_digest(key) and await settled(journal.find(key)) is not None
    return lost


async def _store(copy: Copy, journal: Journal) -> None:
    try:
        stored = await settled(journal.restore(copy))
    except ValueError as error:
        raise StorageError(f"log {copy.head.log!r} cannot be kept there: {error}") from error
    if not stored:
        raise StorageError(
            f"log {copy.head.log!r} was refused: it, or one of its keys, exists by now; "
            "import into a new journal that nobody else uses"
        )
