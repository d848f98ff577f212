"""Frames: what the file of a simulated journal is made of, and what no journal has written.

    length (4 bytes), CRC-32 of the body (4 bytes), body: as in `writes.py`

Neighbours: `journal.py` (writes and reads them), `disk.py` (the file).
"""

from __future__ import annotations

from struct import Struct
from zlib import crc32

from actors.runtime.journal.errors import JournalCorrupt
from actors.simulation.writes import Projections, Upkeep, Written, written

_HEADER = Struct(">II")


class TornFrame(JournalCorrupt):
    """The bytes are not a whole frame; at the end of the file a crash may have done that."""


def framed(body: bytes) -> bytes:
    """The frame of a body."""
    return _HEADER.pack(len(body), crc32(body)) + body


def unframed(data: bytes, start: int, position: int, known: Projections) -> tuple[Written, int]:
    """What the frame at `start` of `data`, which is `position` of the file, says; its length.

    Raises:
        TornFrame: it is not whole.
        JournalCorrupt: its CRC holds, and yet nobody here wrote it.
    """
    body = _body(data, start, position)
    try:
        return written(body, known), _HEADER.size + len(body)
    except (ValueError, TypeError) as error:
        raise JournalCorrupt(
            f"{_at(position)} is none that this journal wrote: found {error!r}, expected a write"
        ) from error


def misplaced(write: Written, position: int) -> JournalCorrupt:
    """The error for a write that cannot have been made where it stands."""
    return JournalCorrupt(f"{_at(position)} {_said(write)}, where its log does not stand")


def _body(data: bytes, start: int, position: int) -> bytes:
    begin = start + _HEADER.size
    if len(data) < begin:
        found, expected = f"{len(data) - start} bytes", f"a header of {_HEADER.size}"
        raise TornFrame(f"{_at(position)} is short: found {found}, expected {expected}")
    length, checksum = _HEADER.unpack_from(data, start)
    body = data[begin : begin + length]
    if len(body) < length:
        raise TornFrame(
            f"{_at(position)} is short: found {len(body)} bytes of body, expected {length}"
        )
    if (actual := crc32(body)) != checksum:
        raise TornFrame(f"{_at(position)}: found CRC {actual:#010x}, expected {checksum:#010x}")
    return body


def _said(write: Written) -> str:
    if isinstance(write, Upkeep):
        return f"is a {type(write).__name__} of log {write.log!r}"
    appends = [f"{each.append.log!r} after record {each.append.expected}" for each in write]
    return f"appends to {', '.join(appends)}"


def _at(position: int) -> str:
    return f"the frame at byte {position} of the simulated journal"
