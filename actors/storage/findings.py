"""What a check of a journal finds.

Neighbours: `check.py`, `check_sqlite.py`, `check_wal.py` (find it).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Finding(NamedTuple):
    """One thing that is not as it was written, or cannot have been written so."""

    found: str
    expected: str
    log: str | None = None
    """None: it concerns no log in particular."""
    seq: int | None = None
    harmless: bool = False
    """Nothing that was acknowledged is lost by it."""

    def __str__(self) -> str:
        log = "the file" if self.log is None else f"log {self.log!r}"
        where = log if self.seq is None else f"{log}, record {self.seq}"
        return f"{where}: found {self.found}, expected {self.expected}"


@dataclass(slots=True)
class Tally:
    """How much was looked at."""

    logs: int = 0
    records: int = 0
