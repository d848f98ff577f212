"""Whether a row is of its projection: what no journal keeps, or gives back as something else.

Neighbours: `projection.py` (what rows look like), `actors/runtime/entity.py` (checks what actors
say), `actors/storage/fencing.py` (what journals are given).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum

from actors.runtime.journal.projection import Projection, Row, Value

INT_LEAST, INT_MOST = -(2**63), 2**63 - 1
"""What a column of a database holds."""

_SURROGATE = re.compile("[\ud800-\udfff]")


def check_row(log: str, row: Row | None, known: Iterable[Projection]) -> None:
    """Refuse a row that cannot be kept beside a log.

    Args:
        log: its name.
        row: what is to be kept; None for nothing new.
        known: the projections that there are.

    Raises:
        ValueError: it is of none of them, or a field is not of the type of its column.
    """
    if row is None:
        return
    for projection in known:
        if type(row) is projection.row:
            _check_fields(log, row, projection)
            return
    raise ValueError(
        f"the row of log {log!r} is a {type(row).__name__}, and the journal was "
        "opened with no projection of such rows"
    )


def _check_fields(log: str, row: Row, projection: Projection) -> None:
    if _plain(row, projection):
        return  # as nearly always, and seen in a fifth of the time
    for (name, kind), value in zip(projection.columns.items(), row, strict=True):
        wrong = _wrong(kind, value)
        if wrong:
            raise ValueError(f"field {name!r} of the row of log {log!r} is {wrong}")


def _plain(row: Row, projection: Projection) -> bool:
    """Whether nothing of a row needs a closer look."""
    for kind, value in zip(projection.columns.values(), row, strict=True):
        if type(value) is not kind:
            return False
        if not (value.isascii() if isinstance(value, str) else INT_LEAST <= value <= INT_MOST):
            return False
    return True


def _wrong(kind: type[Value], value: object) -> str:
    """Say what is wrong with a value, and do not quote it; empty if nothing is."""
    fits = isinstance(value, kind) and (type(value) is kind or isinstance(value, Enum))
    if not fits:
        return f"{type(value).__name__}, expected {kind.__name__}"
    if isinstance(value, int) and not INT_LEAST <= value <= INT_MOST:
        return "an int beyond 64 bits, expected a smaller one"
    if isinstance(value, str) and _SURROGATE.search(value):
        return "text with a lone surrogate, which is no text"
    return ""
