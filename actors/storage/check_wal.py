"""SQLite's log beside a file (`-wal`): whether what was committed there is still there.

SQLite reads the log up to the first frame whose checksum is wrong and takes the rest for what a
crash has left. So a flipped bit makes commits vanish without a word. But each frame bears the salts
of its log: where a wrong frame, or one of the same log after it, ends a transaction, commits are
lost. Where none does, a process was killed in the middle of a commit, at some time.

Where a log was begun anew over an older one, a kill between the two writes of a commit's last frame
leaves its head before an old page, which looks like a damaged commit. SQLite's index beside it
(`-shm`) tells them apart: whoever commits puts the number of the frame there, after the frame.

The format is SQLite's (https://www.sqlite.org/fileformat2.html#walformat).

Neighbours: `check_sqlite.py` (asks), `sqlite_source.py` (reads through SQLite).
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from actors.storage.findings import Finding

_HEADER: Final = struct.Struct(">8I")
_FRAME: Final = struct.Struct(">6I")
_INDEX: Final = struct.Struct("=3I2BH6I")
"""Version, nothing, count of commits, is it made, byte order, page size, last frame committed..."""
_INDEX_SALTS: Final = slice(32, 40)
_INDEX_SIZE: Final = 48
_MAGIC: Final = {0x377F0682: "<", 0x377F0683: ">"}
"""First number -> byte order of what the checksums are of."""

Sum = tuple[int, int]


class _Log(NamedTuple):
    order: str
    page: int
    salts: tuple[int, int]
    sum: Sum
    committed: int | None
    """The last frame of a commit, as who wrote it has told others; None: nobody has."""


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
            return list(_findings(file, path.with_name(f"{path.name.removesuffix('-wal')}-shm")))
    except FileNotFoundError:
        return []


def _findings(file: BinaryIO, index: Path) -> Iterator[Finding]:
    header = file.read(_HEADER.size)
    if not header:
        return
    log = _log(header, index)
    if log is None:
        yield Finding(
            f"a header of the -wal that is damaged ({header.hex()})",
            "one that SQLite wrote; all that was committed since the last checkpoint is lost",
        )
        return
    yield from _frames(file, log)


def _log(header: bytes, index: Path) -> _Log | None:
    if len(header) < _HEADER.size:
        return None
    magic, _, page, _, salt, salt2, *found = _HEADER.unpack(header)
    order = _MAGIC.get(magic)
    if order is None or (computed := _sum(order, header[:-8], (0, 0))) != tuple(found):
        return None
    return _Log(order, page, (salt, salt2), computed, _committed(index, header[16:24]))


def _committed(index: Path, salts: bytes) -> int | None:
    """The last frame committed to the log of these salts, if whoever committed has said it.

    Whoever recovers a log after a kill says only what can be read of it; nothing is committed since
    while the count of commits is 0.
    """
    try:
        with index.open("rb") as file:
            one, two = file.read(_INDEX_SIZE), file.read(_INDEX_SIZE)
    except FileNotFoundError:
        return None
    if len(two) < _INDEX_SIZE or one != two or one[_INDEX_SALTS] != salts:
        return None
    order = "<" if sys.byteorder == "little" else ">"
    if _sum(order, one[:40], (0, 0)) != struct.unpack("=2I", one[40:]):
        return None
    _, _, commits, _, _, _, last, *_ = _INDEX.unpack(one[:40])
    return int(last) if commits else None


def _frames(file: BinaryIO, log: _Log) -> Iterator[Finding]:
    """Go through the frames while they are right, then look for what was lost."""
    total, number = log.sum, 0
    while True:
        number += 1
        head, page = file.read(_FRAME.size), file.read(log.page)
        if len(head) < _FRAME.size or len(page) < log.page:
            yield from _cut_off(head, log, number)
            return
        _, commit, *salts, one, two = _FRAME.unpack(head)
        computed = _sum(log.order, page, _sum(log.order, head[:8], total))
        ours, right = tuple(salts) == log.salts, computed == (one, two)
        if ours and right:
            total = computed
            continue
        told = log.committed is None or log.committed >= number
        lost = right or (ours and commit > 0 and told) or _commit_follows(file, log)
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
