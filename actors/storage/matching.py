"""What a query selects and what is surplus, in plain words; for journals without SQL.

Neighbours: `memory.py` (asks), `conformance/` (holds SQL to the same).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from actors.runtime import Caller
from actors.runtime.journal.projection import Keep, Projection, Query, Row

Named = tuple[str, Row]
"""A log's name and its row."""


class Selection(NamedTuple):
    """One page of a listing."""

    page: Sequence[Named]
    total: int
    more: bool


def may_see(row: Row | None, caller: Caller) -> bool:
    """Whether the row beside a log bears the caller's owner and tenant."""
    if row is None:
        return False
    fields: tuple[str, ...] = getattr(row, "_fields", ())
    named = dict(zip(fields, row, strict=True))
    return (named.get("owner"), named.get("tenant")) == (caller.owner, caller.tenant)


def position(projection: Projection, log: str, row: Row) -> tuple[int, str]:
    """Where a log stands in listings: (newest, log)."""
    return int(getattr(row, projection.newest)), log


def selected(
    query: Query, known: Mapping[str, Projection], rows: Iterable[tuple[str, Row | None]]
) -> Selection:
    """One page of what a query selects.

    Raises:
        ValueError: as `checked`.
    """
    projection = query.projection
    checked(projection, known, query.where)
    found = [
        (log, row)
        for log, row in rows
        if row is not None and isinstance(row, projection.row) and _matches(query, row)
    ]
    found.sort(key=lambda named: _order(projection, *named), reverse=True)
    rest = found
    if query.after is not None:
        at, log = query.after
        rest = [named for named in found if _order(projection, *named) < (at, log.encode())]
    return Selection(rest[: query.size], len(found), len(rest) > query.size)


def surplus(
    keep: Keep, known: Mapping[str, Projection], rows: Iterable[tuple[str, Row | None, int]]
) -> Sequence[str]:
    """The logs that are beyond what is to be kept, the oldest first; rows come with bytes."""
    projection = keep.projection
    checked(projection, known, {})
    found = [
        (_order(projection, log, row), log, size)
        for log, row, size in rows
        if row is not None
        and isinstance(row, projection.row)
        and getattr(row, projection.listed) == keep.state
    ]
    found.sort(reverse=True)
    beyond, total = [], 0
    for count, ((newest, _), log, size) in enumerate(found, 1):
        total += size
        old = keep.since is not None and newest < keep.since
        many = keep.count is not None and count > keep.count
        if old or many or (keep.size is not None and total > keep.size):
            beyond.append(log)
    return beyond[::-1]


def checked(projection: Projection, known: Mapping[str, Projection], where: Iterable[str]) -> None:
    """Refuse what the journal was not opened with.

    Raises:
        ValueError: says what is not known.
    """
    if known.get(projection.name) != projection:
        raise ValueError(
            f"projection {projection.name!r} is not known: open the journal with it, "
            f"now it knows {sorted(known)}"
        )
    for column in where:
        if column not in projection.columns:
            raise ValueError(
                f"{column!r} is no column of {projection.name!r}, which has "
                f"{', '.join(projection.columns)}"
            )


def _order(projection: Projection, log: str, row: Row) -> tuple[int, bytes]:
    newest, _ = position(projection, log, row)
    return newest, log.encode()


def _matches(query: Query, row: Row) -> bool:
    projection = query.projection
    return (
        getattr(row, projection.listed) != 0
        and may_see(row, Caller(query.owner, query.tenant))
        and all(getattr(row, column) == value for column, value in query.where.items())
        and (query.since is None or getattr(row, projection.newest) >= query.since)
    )
