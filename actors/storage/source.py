"""What copies, checks and operators read: a whole journal, log by log, whoever may see what.

A source never writes and takes no lock, so that it works beside a server. What it shows of one log
is of one moment.

Neighbours: `sqlite_source.py`, `postgres_source.py` (the ones of files and databases), `choose.py`
(which one it is), `export.py` and `check.py` (what reads them).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol, cast

from actors.runtime.journal.errors import JournalCorrupt, StorageError, StorageUnavailable
from actors.runtime.journal.port import Head, Snapshot
from actors.runtime.journal.projection import Projection, Row, Value
from actors.runtime.journal.record import Record
from actors.storage.memory import MemoryJournal
from actors.task.listing import TASKS

PAGE: Final = 256
"""Heads, and records, that are read at a time."""


class Kept(NamedTuple):
    """What a journal keeps of one log beside its records."""

    head: Head
    row: Row | None
    snapshot: Snapshot | None
    keys: Mapping[str, int]
    """Idempotency key -> the record that it leads to."""
    consumers: Mapping[str, int]
    """Durable consumer that is not done -> the record up to which it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFilter:
    """Which tasks an operator wants to see, the newest first; None: any."""

    owner: str | None = None
    tenant: str | None = None
    context: str | None = None
    state: int | None = None
    limit: int = 50

    def where(self) -> dict[str, Value]:
        """Column -> value that it must have."""
        columns = {name: getattr(self, name) for name in ("owner", "tenant", "context", "state")}
        return {name: value for name, value in columns.items() if value is not None}


class Source(Protocol):
    """A journal that is read as a whole.

    Its methods raise `StorageUnavailable` or another `StorageError`, as those of a Journal.
    """

    @property
    def projections(self) -> Sequence[Projection]:
        """Of all rows in it, by name."""

    async def heads(self, after: str, limit: int) -> Sequence[Head]:
        """Logs in the order of their names, those after `after`."""

    async def kept(self, log: str) -> Kept | None:
        """What is kept beside the records; None if there is no such log."""

    async def page(self, log: str, after: int, limit: int) -> Sequence[Record]:
        """The `limit` records after `after`, which is not below the floor."""


class TaskSource(Source, Protocol):
    """A source that lists tasks."""

    async def tasks(self, wanted: TaskFilter) -> Sequence[tuple[Head, Row]]:
        """The newest tasks that match, and their rows."""


async def logs(source: Source) -> AsyncIterator[Head]:
    """Every log, by name; also one without a name, which no page of heads has in it."""
    if (nameless := await _nameless(source)) is not None:
        yield nameless
    after = ""
    while heads := await source.heads(after, PAGE):
        for head in heads:
            yield head
        after = heads[-1].log


async def _nameless(source: Source) -> Head | None:
    try:
        kept = await source.kept("")
    except StorageUnavailable:
        raise
    except StorageError:
        return Head("")  # it is there; whoever reads more of it is told what is wrong
    return None if kept is None else kept.head


async def records(source: Source, head: Head, after: int) -> AsyncIterator[Record]:
    """Every record of a log after `after`.

    Raises:
        JournalCorrupt: they are not as they were written, or not there.
    """
    while after < head.seq:
        page = await source.page(head.log, after, min(PAGE, head.seq - after))
        if not page:
            raise JournalCorrupt(
                f"log {head.log!r} has a head at {head.seq}, and no record after {after}"
            )
        for record in page:
            yield record
        after += len(page)


def projection_of(
    name: str, columns: Iterable[tuple[str, type[Value]]], newest: str, listed: str
) -> Projection:
    """A projection as some journal has it: ours where it is the same, or one made up.

    Raises:
        ValueError: as `Projection`.
    """
    fields = list(columns)
    if name == TASKS.name and fields == list(TASKS.columns.items()):
        return TASKS
    make = cast(Any, NamedTuple)  # its fields are known only now
    return Projection(name, make("Columns", fields), newest, listed)


class MemorySource:
    """The source that is a MemoryJournal."""

    def __init__(self, journal: MemoryJournal) -> None:
        self._journal = journal

    @property
    def projections(self) -> Sequence[Projection]:
        """Those that the journal was opened with."""
        known = self._journal._projections  # noqa: SLF001 - the port does not tell
        return [known[name] for name in sorted(known)]

    async def heads(self, after: str, limit: int) -> Sequence[Head]:
        """Logs by name."""
        return self._journal.heads(after, limit)

    async def kept(self, log: str) -> Kept | None:
        """What is beside the records."""
        known = self._journal._logs.get(log)  # noqa: SLF001 - the port does not tell keys
        if known is None:
            return None
        keys = {key: self._journal._keys[key].seq for key in known.keys}  # noqa: SLF001 - as above
        return Kept(known.head, known.row, known.snapshot, keys, dict(known.consumers))

    async def page(self, log: str, after: int, limit: int) -> Sequence[Record]:
        """Records of one log."""
        page = self._journal.page(log, after, limit)
        if page is None:
            raise StorageError(f"the records of log {log!r} after {after} are no longer kept")
        return page
