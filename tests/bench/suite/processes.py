"""What a process and its children use, read from `/proc`: Linux only.

A process that has ended by now has nothing, except that its processor time goes to its parent.

Neighbours: `http.py`, `measuring.py`, `tests/soak/load_server.py` (look at servers).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

PAGE: Final = os.sysconf("SC_PAGE_SIZE")
TICKS: Final = os.sysconf("SC_CLK_TCK")
ENDED: Final = (FileNotFoundError, ProcessLookupError)


class Usage(NamedTuple):
    """Of a process and its children."""

    seconds: float
    """Of processor time: to the nanosecond of what runs, to 10 ms of children that have ended.
    Threads that have ended are left out."""
    resident: int
    """Bytes."""


def family(pid: int) -> list[int]:
    """Return the ids of a process and of its children's children, it first."""
    try:
        told = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except ENDED:
        return []
    return [pid, *(each for child in told.split() for each in family(int(child)))]


def usage(pid: int) -> Usage:
    """Return what a process uses, with its children."""
    everyone = family(pid)
    return Usage(sum(map(_seconds, everyone)), sum(map(resident, everyone)))


def resident(pid: int) -> int:
    """Return the memory of one process that is in RAM, in bytes."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except ENDED:
        return 0


def open_files(pid: int) -> int:
    """Return how many file descriptors one process has."""
    try:
        return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    except ENDED:
        return 0


def waited(pid: int) -> float:
    """Return for how many seconds the threads of one process could have run and were not let."""
    try:
        return _scheduled(pid, 1)
    except ENDED:
        return 0.0


def ended_children(pid: int) -> float:
    """Return the seconds of processor time of the children of one process that have ended."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, after_name[13:15])) / TICKS


def _seconds(pid: int) -> float:
    try:
        return _scheduled(pid, 0) + ended_children(pid)
    except ENDED:
        return 0.0


def _scheduled(pid: int, column: int) -> float:
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((each / "schedstat").read_text().split()[column]) for each in threads) / 1e9
