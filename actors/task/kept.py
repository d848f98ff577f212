"""What readers have made of the records in a ring: made once, for all readers of a process.

The parsed event, its JSON: whatever it is costs more than to hand it on. Kept beside the ring, and
dropped with the records that it is of. Nothing is decided by what is in here.

Neighbours: `fanout.py` (owns the ring), `orders.py` (a Page brings it along).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from actors.runtime.journal.record import Record

T = TypeVar("T")


class Kept:
    """By sequence number, what has been made of each record after `base`."""

    __slots__ = ("_base", "_made", "_page", "_records")

    def __init__(self, base: int) -> None:
        self._base = base
        self._made: dict[int, Any] = {}
        self._records: tuple[Record, ...] | None = None
        self._page: Any = None
        """What has been made of `_records`."""

    def of(self, record: Record, make: Callable[[Record], T]) -> T:
        """Return what `make` makes of a record, or has made of it for somebody else."""
        made: T | None = self._made.get(record.seq)
        if made is None:
            made = make(record)
            if record.seq > self._base:  # else the ring is past it: whoever lags keeps its own
                self._made[record.seq] = made
        return made

    def of_page(
        self, records: tuple[Record, ...], make: Callable[[tuple[Record, ...], Kept], T]
    ) -> T:
        """Return what `make` makes of a page, or has just made of it for the reader before.

        Those who keep up are at the same place, and served one after the other.
        """
        if self._records is not records:
            self._page, self._records = make(records, self), records
        page: T = self._page
        return page

    def drop(self, base: int) -> None:
        """Forget the records up to `base`."""
        made = self._made
        if made:
            for seq in range(self._base + 1, base + 1):
                made.pop(seq, None)
        self._base = base

    def __repr__(self) -> str:
        return f"<what is made of the records after {self._base}>"  # no address: traces have it

    def __fingerprint__(self) -> object:
        """Nothing: it says no more than the records do."""
        return None
