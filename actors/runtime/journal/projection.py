"""Projection: a row beside each log, by which logs are listed and their readers judged.

A journal knows logs; what they amount to only their actors know. So an actor that wants its logs
listed says in each append what the row of its log is then, and whoever opens the journal registers
what such rows look like. Log and row change in one transaction.

Neighbours: `port.py` (appends carry rows, queries ask for them), `actors/task/listing.py` (the
projection of the task core).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias, get_type_hints

from actors.runtime.message import NOBODY, Caller

Value: TypeAlias = str | int
Row: TypeAlias = tuple[Value, ...]
"""A NamedTuple; its type is that of its projection."""

_NAME = re.compile(r"[a-z][a-z_]{0,30}")


@dataclass(frozen=True, slots=True)
class Projection:
    """What the rows beside some logs look like, and how they are listed.

    Args:
        name: of the table.
        row: a NamedTuple class whose fields are `str` or `int`; `owner` and `tenant` are two of
            them: only that caller reads the log.
        newest: the field (int, UTC milliseconds) that listings begin with the highest of.
        listed: the field (int) that says what state a log is in; logs with 0 are not listed.

    Raises:
        ValueError: a name is no word of lower-case letters, or a field is missing or of a type
            that is not kept.
    """

    name: str
    row: type[Any]
    newest: str
    listed: str
    columns: Mapping[str, type[Value]] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Read the columns off the row."""
        hints = get_type_hints(self.row)
        columns = {name: hints.get(name) for name in self.row._fields}
        for name, kind in columns.items():
            if kind not in (str, int):
                raise ValueError(f"field {name!r} of {self.row!r} is {kind!r}, expected str or int")
        for name in (self.name, *columns):
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name for a table or column: use a-z and _")
        due = {"owner": str, "tenant": str, self.newest: int, self.listed: int}
        for name, kind in due.items():
            if columns.get(name) is not kind:
                raise ValueError(f"{self.row!r} needs a field {name!r} of type {kind.__name__}")
        object.__setattr__(self, "columns", MappingProxyType(columns))


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which logs of a projection to list: one caller's, newest first, then by name descending."""

    projection: Projection
    owner: str
    tenant: str
    where: Mapping[str, Value] = field(default_factory=dict)
    """Column -> the value that it must have."""
    since: int | None = None
    """UTC milliseconds, inclusive; compared with the column `newest`."""
    size: int = 50
    after: tuple[int, str] | None = None
    """Position of the last log of the page before: (newest, log)."""
    caller: Caller = NOBODY
    request: bytes = b""
    """The client's request as it came, for a user's own store: that reads its page token, and
    answers with its own (the text of `Listing.next`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """How much is kept of the logs of a projection that are in one state; None: no limit.

    What is beyond any of the limits is surplus.
    """

    projection: Projection
    state: int
    """Value of the column `listed`."""
    since: int | None = None
    """UTC milliseconds: logs whose `newest` lies before are surplus."""
    count: int | None = None
    """Logs, the newest of them."""
    size: int | None = None
    """Bytes of records in all, of the newest logs."""
    compactable: bool = False
    """Only logs of which records are kept (`Head.floor` below `Head.seq`) count and are told."""
