"""What a server under load may not have done by the end.

Memory: tasks are kept for ever, but in the file. So after a warm-up the line through the memory is
flat, but for what an allocator and the caches do (`SPARE`), and less for each session than the
smallest thing that could be left of it: an entry of a dictionary under an id of 36 characters is
190 bytes, `EACH` is a quarter of that.

Neighbours: `load_server.py` (looks), `load_run.py` (asks).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import linear_regression
from typing import Final, NamedTuple

from tests.soak.load_server import Look

WARM_UP: Final = 300.0
"""Seconds; of a run of less than ten minutes, its first half."""
SPARE: Final = 4 * 2**20
"""Bytes, for each kind of process."""
EACH: Final = 50
"""Bytes for each session."""
FILES: Final = 2
"""Descriptors that may be open at the end, and were not before: a file that is opened late."""


class Row(NamedTuple):
    """A look, and how far the run was then."""

    at: float
    """Seconds since the load began."""
    sessions: int
    """That had begun."""
    look: Look


class Growth(NamedTuple):
    """Of memory after the warm-up."""

    grown: float
    """Bytes, by the line through it."""
    allowed: float
    sessions: int
    """Meanwhile."""

    @property
    def flat(self) -> bool:
        """Whether it is as flat as it must be."""
        return self.grown <= self.allowed

    def __str__(self) -> str:
        """Say what was found and what is allowed."""
        each = self.grown / max(1, self.sessions)
        found = f"{self.grown / 2**20:+.2f} MiB over {self.sessions:,} sessions"
        return f"{found} ({each:+.0f} bytes each; {self.allowed / 2**20:.2f} MiB allowed)"


def growth(rows: Sequence[Row], memory: Sequence[int]) -> Growth:
    """Return how memory has grown after the warm-up.

    Args:
        rows: of the whole run.
        memory: bytes at each of them.

    Raises:
        ValueError: there are fewer than two rows after the warm-up.
    """
    warm = min(WARM_UP, rows[-1].at / 2)
    points = [(row, size) for row, size in zip(rows, memory, strict=True) if row.at >= warm]
    if len(points) < 2:
        raise ValueError(f"{len(points)} looks after {warm:g} s are no line: run for longer")
    first, last = points[0][0], points[-1][0]
    line = linear_regression([row.at for row, _ in points], [size for _, size in points])
    sessions = last.sessions - first.sessions
    grown = line.slope * (last.at - first.at)
    return Growth(grown, SPARE + EACH * sessions, sessions)


def memory_wrong(found: Mapping[str, Growth]) -> list[str]:
    """Return whose memory has grown more than allowed."""
    return [f"the memory of {who} grows: {each}" for who, each in found.items() if not each.flat]


def rest_wrong(before: Look, after: Look) -> list[str]:
    """Return what is left of the load when it is over and everybody has hung up."""
    wrong = [
        f"{count:g} {name} are left: nobody is there"
        for name, count in after.gauges.items()
        if name != "actors" and count
    ]
    if after.gauges["actors"] > before.gauges["actors"]:
        wrong.append(f"actors: {after.gauges['actors']:g}, {before.gauges['actors']:g} before")
    if after.files > before.files + FILES:
        wrong.append(f"open files: {after.files}, {before.files} before the load")
    return wrong
