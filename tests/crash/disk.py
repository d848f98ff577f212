"""The files that a power cut leaves: what was synced, and some of what was not.

Built from what a process wrote, in order (`shim.operations`). A file holds for certain what was
written before it was last synced; of what came later any part may be there, in sectors of 512 bytes
and in any order. A name is there for certain once its directory was synced; changes of names that
were not come in order, but the last of them may be missing.

Neighbours: `shim.py` (what was written), `test_power.py` (cuts).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, Final

from tests.crash.shim import Operation

SECTOR: Final = 512
SHARED: Final = "-shm"
"""SQLite's shared memory, which it begins anew after a restart."""


class File:
    """One file, whatever its name is by now."""

    def __init__(self) -> None:
        self._safe = bytearray()
        self._loose: list[Operation] = []

    def change(self, operation: Operation) -> None:
        self._loose.append(operation)

    def sync(self) -> None:
        for operation in self._loose:
            _apply(self._safe, operation)
        self._loose.clear()

    def left(self, draw: Random) -> bytes:
        """What may be there after a cut."""
        content = bytearray(self._safe)
        chance = draw.choice((0.0, 0.5, 0.9, 1.0))
        for operation in self._loose:
            for part in _sectors(operation):
                if draw.random() < chance:
                    _apply(content, part)
        return bytes(content)


def _apply(content: bytearray, operation: Operation) -> None:
    end = operation.offset + len(operation.data)
    if len(content) < end:
        content.extend(bytes(end - len(content)))
    if operation.kind == "truncate":
        del content[operation.offset :]
    else:
        content[operation.offset : end] = operation.data


def _sectors(operation: Operation) -> Iterator[Operation]:
    """A write, in the parts that a disk writes at once."""
    if operation.kind == "truncate":
        yield operation
        return
    at, end = operation.offset, operation.offset + len(operation.data)
    while at < end:
        upto = min(end, (at // SECTOR + 1) * SECTOR)
        data = operation.data[at - operation.offset : upto - operation.offset]
        yield operation._replace(offset=at, data=data)
        at = upto


class Disk:
    """Everything that was written up to some moment."""

    def __init__(self) -> None:
        self._now: dict[str, File] = {}
        self._safe: dict[str, File] = {}
        self._loose: list[tuple[str, File | None]] = []

    def take(self, operation: Operation) -> None:
        """One more operation."""
        name = operation.name
        match operation.kind:
            case "create":
                self._name(name, File())
            case "unlink":
                self._name(name, None)
            case "rename":
                moved = self._now[name]
                self._name(name, None)
                self._name(operation.data.decode(), moved)
            case "sync" if name in self._now:
                self._now[name].sync()
            case "sync":
                for each in self._loose:
                    _rename(self._safe, *each)
                self._loose.clear()
            case "write" | "truncate" if name in self._now:
                self._now[name].change(operation)

    def _name(self, name: str, file: File | None) -> None:
        _rename(self._now, name, file)
        self._loose.append((name, file))

    def cut(self, draw: Random, directory: Path) -> None:
        """Write the files that may be left now into a directory."""
        names = dict(self._safe)
        for each in self._loose[: draw.randint(0, len(self._loose))]:
            _rename(names, *each)
        for name, file in names.items():
            if not name.endswith(SHARED):
                (directory / Path(name).name).write_bytes(file.left(draw))


def _rename(names: dict[str, File], name: str, file: File | None) -> None:
    if file is None:
        names.pop(name, None)
    else:
        names[name] = file


def cut_at(
    operations: Sequence[Operation], moment: int, draw: Random, directory: Path
) -> list[dict[str, Any]]:
    """Cut the power before an operation; returns what had been told by then."""
    disk, told = Disk(), b""
    for operation in operations[:moment]:
        if operation.kind == "told":
            told += operation.data
        else:
            disk.take(operation)
    disk.cut(draw, directory)
    return [json.loads(line) for line in told.splitlines()]


def moments(operations: Sequence[Operation], draw: Random) -> Iterator[int]:
    """When to cut: every other time just after something was told, as that must not be lost."""
    told = [at + 1 for at, each in enumerate(operations) if each.kind == "told"]
    while True:
        yield draw.choice(told)
        yield draw.randrange(told[0], len(operations) + 1)
