"""Stretches: records that follow one another, as one row with one frame.

A row costs SQLite and PostgreSQL the same whether it holds one small record or a hundred, and more
than the record itself (measured for 128 records of 120 bytes in one commit: 210 us as 128 rows, 55
as one). So what one append brings is kept as few rows.

Neighbours: `codec.py` (frames), `entries.py` (what is written), `log.py` (how rows lie in a file).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from actors.runtime.journal.errors import JournalCorrupt, StorageError
from actors.runtime.journal.record import Record
from actors.storage.codec import decoded, encode, several

Stretch: TypeAlias = tuple[int, bytes]
"""How many records, and their frame."""

RECORDS: Final = 128
"""In one stretch at most: whoever reads one of them reads the whole row. Never lower it: PostgreSQL
finds the row of a record by this bound."""
BYTES: Final = 64 * 1024
"""Of payload, likewise; a record with more is a stretch of its own."""


def stretches(records: Sequence[Record], log: str) -> list[Stretch]:
    """The rows that store records, which follow one another, in `log`.

    Raises:
        StorageError, TypeError, ValueError: as `codec.encoded`.
    """
    if not records:
        return []
    if len(records) <= RECORDS and _fits(records):  # as nearly always
        try:
            return [(len(records), joined(records, log))]
        except StorageError:  # facts may be large too
            if len(records) == 1:
                raise
    cut = RECORDS if len(records) > RECORDS else len(records) // 2
    made: list[Stretch] = []
    for at in range(0, len(records), cut):
        made += stretches(records[at : at + cut], log)
    return made


def joined(records: Sequence[Record], log: str) -> bytes:
    """The frame that stores records of one stretch, or what is left of one.

    Raises:
        StorageError, TypeError, ValueError: as `codec.encoded`.
    """
    return several(records, log) if len(records) > 1 else encode(records[0], log)


def left_of(frame: bytes, log: str, last: int, upto: int) -> tuple[int, bytes]:
    """What is left of a row without its records up to `upto`: how many go, the frame of the others.

    Raises:
        JournalCorrupt: the frame is damaged, or not of records that end with `last`.
    """
    held = decoded(frame, log)
    if not held[0].seq <= upto < held[-1].seq == last:
        raise JournalCorrupt(
            f"log {log!r} is broken: the row that ends with record {last} holds "
            f"{held[0].seq} to {held[-1].seq}"
        )
    return 1 + upto - held[0].seq, joined(held[upto - last :], log)


def _fits(records: Sequence[Record]) -> bool:
    """Whether one row is to hold them."""
    if len(records) < 2:
        return True
    size = 0
    for record in records:
        if type(record.payload) is bytes:  # else the codec says what is wrong
            size += len(record.payload)
    return size <= BYTES and records[0].epoch == records[-1].epoch


def within(read: Sequence[Record], after: int, upto: int) -> tuple[Record, ...]:
    """Of the records that some rows hold, `after + 1` to `upto`, if they follow one another."""
    skip = max(0, after + 1 - read[0].seq) if read else 0
    return tuple(read[skip : skip + upto - after])
