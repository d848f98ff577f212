"""SQLite's log beside a file (`-wal`): whether what was committed there is still there.

SQLite reads the log up to the first frame whose checksum is wrong and takes the rest for what a
crash has left. So a flipped bit makes commits vanish without a word. But each frame bears the salts
of its log: where a wrong frame, or one of the same log after it, ends a transaction, commits are
lost. Where none does, a process was killed in the middle of a commit, at some time.

The format is SQLite's (https://www.sqlite.org/fileformat2.html#walformat).

Neighbours: `check_sqlite.py` (asks), `sqlite_source.py` (reads through SQLite).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from actors.storage.findings import Finding

_HEADER: Final = struct.Struct(">8I")
_FRAME: Final = struct.Struct(">6I")
_MAGIC: Final = {0x377F0682: "<", 0x377F0683: ">"}
"""First number -> byte order of what the checksums are of."""

Sum = tuple[int, int]


class _Log(NamedTuple):
    order: str
    page: int
    salts: tuple[int, int]
    sum: Sum


def check_wal(path: Path) -> list[Finding]:
    """What is wrong with a log; read twice where something is, as a server may be writing to it.

    Raises:
        OSError: it cannot be read.
    """
    first = _read(path)
    if not first:
        return []
    again = set(_read(path))
    return [finding for finding in first if finding in again]


def _read(path: Path) -> list[Finding]:
    try:
        with path.open("rb") as file:
            return list(_findings(file))
    except FileNotFoundError:
        return []


def _findings(file: BinaryIO) -> Iterator[Finding]:
    header = file.read(_HEADER.size)
    if not header:
        return
    log = _log(header)
    if log is None:
        yield Finding(
            f"a header of the -wal that is damaged ({header.hex()})",
            "one that SQLite wrote; all that was committed since the last checkpoint is lost",
        )
        return
    yield from _frames(file, log)


def _log(header: bytes) -> _Log | None:
    if len(header) < _HEADER.size:
        return None
    magic, _, page, _, salt, salt2, *found = _HEADER.unpack(header)
    order = _MAGIC.get(magic)
    if order is None or (computed := _sum(order, header[:-8], (0, 0))) != tuple(found):
        return None
    return _Log(order, page, (salt, salt2), computed)


def _frames(file: BinaryIO, log: _Log) -> Iterator[Finding]:
    """Go through the frames while they are right, then look for what was lost."""
    total, number = log.sum, 0
    while True:
        number += 1
        head, page = file.read(_FRAME.size), file.read(log.page)
        if len(page) < log.page:
            yield from _cut_off(head, log, number)
            return
        _, commit, *salts, one, two = _FRAME.unpack(head)
        computed = _sum(log.order, page, _sum(log.order, head[:8], total))
        ours, right = tuple(salts) == log.salts, computed == (one, two)
        if ours and right:
            total = computed
            continue
        lost = right or (ours and commit > 0) or _commit_follows(file, log)
        if ours or lost:
            yield _wrong(number, lost=lost)
        return


def _wrong(number: int, *, lost: bool) -> Finding:
    if lost:
        expected = "its checksum; the commit in it, and those after it, are lost"
        return Finding(f"frame {number} of the -wal damaged", expected)
    text = f"frame {number} of the -wal torn: a commit was not finished when its process died"
    return Finding(text, "nothing, as nobody was told that it is stored", harmless=True)


def _cut_off(head: bytes, log: _Log, number: int) -> Iterator[Finding]:
    if len(head) < _FRAME.size or _FRAME.unpack(head)[2:4] != log.salts:
        return
    yield _wrong(number, lost=False)


def _commit_follows(file: BinaryIO, log: _Log) -> bool:
    """Whether a frame follows that ends a transaction of this log."""
    while len(head := file.read(_FRAME.size)) == _FRAME.size:
        _, commit, *salts, _, _ = _FRAME.unpack(head)
        if commit and tuple(salts) == log.salts:
            return True
        file.seek(log.page, 1)
    return False


def _sum(order: str, data: bytes, before: Sum) -> Sum:
    one, two = before
    numbers = iter(struct.unpack(f"{order}{len(data) // 4}I", data))
    for even, odd in zip(numbers, numbers, strict=True):
        one = (one + even + two) & 0xFFFF_FFFF
        two = (two + odd + one) & 0xFFFF_FFFF
    return one, two
