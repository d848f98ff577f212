"""The table: what is measured, on whom, beside whom, and how much better it is to be.

A row compares one figure of a side of ours with that of the peer in the same round, in one of four
senses; the targets are ratios, since absolute figures belong to a machine.

Neighbours: `program.py` (measures what the rows need), `report.py` (prints them), `sides.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from tests.bench.suite.sides import BARE

Sense = Literal["times", "saves", "share", "at most"]
"""How the target is meant: ours over the peer's, at least; the peer's over ours, at least; ours
over the peer's, at most; ours alone, at most."""


@dataclass(frozen=True, slots=True)
class Key:
    """One measurement: what a child is started for."""

    side: str
    dimension: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table.

    Attributes:
        title: what is measured.
        dimension, size: see `child.py`.
        figure: of what the child finds.
        ours, peer: sides; an empty peer: nobody else has this.
        sense: of `target`.
        target: None: told, without a promise.
        quick: whether `make bench-quick` has it.
    """

    title: str
    dimension: str
    size: int
    figure: str
    ours: str
    peer: str = "peer"
    sense: Sense
    target: float | None = None
    quick: bool = False

    @property
    def keys(self) -> tuple[Key, ...]:
        """The measurements that this row needs."""
        sides = (self.peer, self.ours) if self.peer else (self.ours,)
        return tuple(Key(side, self.dimension, self.size) for side in sides)


@dataclass(frozen=True, slots=True)
class _Line:
    """A row of each durability.

    Attributes:
        process, power: targets.
    """

    title: str
    dimension: str
    size: int
    figure: str
    sense: Sense
    process: float | None
    power: float | None
    quick: bool = False


MEMORY: Final = (
    _Line("tasks/s, 1 client", "tasks", 1, "per_second", "times", 8, 2.5),
    _Line("tasks/s, 100 clients", "tasks", 100, "per_second", "times", 15, 12, quick=True),
    _Line("tasks/s, 1,000 clients", "tasks", 1000, "per_second", "times", 22, 20),
    _Line("burst of 1,000, events/s", "burst", 1000, "per_second", "times", 18, 12, quick=True),
    _Line("burst of 3,000, events/s", "burst", 3000, "per_second", "times", None, None),
    _Line("burst of 10,000, events/s", "burst", 10_000, "per_second", "times", 50, 40),
    _Line("an event of 10,000 over one of 1,000", "growth", 10_000, "growth", "at most", 1.1, 1.1),
    _Line("yielding, 1 task, events/s", "yielding", 1, "per_second", "times", 8, 8),
    _Line("yielding, 100 tasks, events/s", "yielding", 100, "per_second", "times", 11, 11),
    _Line("burst to 1 reader, deliveries/s", "fanout", 1, "per_second", "times", None, None),
    _Line("burst to 10, deliveries/s", "fanout", 10, "per_second", "times", 15, 14),
    _Line("burst to 100, deliveries/s", "fanout", 100, "per_second", "times", 40, 28, quick=True),
    _Line("burst to 1,000, deliveries/s", "fanout", 1000, "per_second", "times", 75, 60),
    _Line("paced to 100, CPU us/delivery", "paced", 100, "cpu_us", "saves", 5, 5),
    _Line("paced to 1,000, CPU us/delivery", "paced", 1000, "cpu_us", "saves", 7, 6),
    _Line("latency p50, 1 task, us", "latency", 1, "p50_us", "share", 0.3, 1.1, quick=True),
    _Line("latency p99, 1 task, us", "latency", 1, "p99_us", "share", 0.4, None, quick=True),
    _Line("latency p50, 50 tasks, 1k/s, us", "latency", 50, "p50_us", "share", 0.3, 1.1),
    _Line("latency p99, 50 tasks, 1k/s, us", "latency", 50, "p99_us", "share", 0.4, None),
    _Line("latency p50, own load 50 %, us", "loaded", 50, "p50_us", "share", None, None),
    _Line("latency p99, own load 50 %, us", "loaded", 50, "p99_us", "share", None, None),
    _Line("latency p50, own load 90 %, us", "loaded", 90, "p50_us", "share", None, None),
    _Line("latency p99, own load 90 %, us", "loaded", 90, "p99_us", "share", None, None),
    _Line("idle task, RSS of 1,000, bytes", "idle", 1000, "bytes", "share", 0.05, 0.05, quick=True),
    _Line("idle task, RSS of 10,000, bytes", "idle", 10_000, "bytes", "share", 0.05, 0.05),
    _Line("idle task, traced, bytes", "traced", 1000, "bytes", "share", 0.05, 0.05),
    _Line("idle task, asyncio tasks", "idle", 1000, "asyncio_tasks", "at most", 0, 0, quick=True),
    _Line("finished task, RSS, bytes", "finished", 1000, "bytes", "share", None, None),
    _Line("task at work, RSS, bytes", "live", 1000, "bytes", "share", None, None),
    _Line("idle task with a reader, RSS, bytes", "subscribed", 1000, "bytes", "share", 0.15, 0.15),
)
"""Beside the peer over its memory store, which keeps nothing."""

SQLITE: Final = (
    _Line("tasks/s, 1 client", "tasks", 1, "per_second", "times", 70, 22),
    _Line("tasks/s, 100 clients", "tasks", 100, "per_second", "times", 110, 100),
    _Line("burst of 1,000, events/s", "burst", 1000, "per_second", "times", 400, 250),
    _Line("burst of 3,000, events/s", "burst", 3000, "per_second", "times", None, None),
    _Line("yielding, 1 task, events/s", "yielding", 1, "per_second", "times", None, None),
)
"""Beside the peer over its `DatabaseTaskStore` on SQLite, as it comes."""

POSTGRES: Final = (
    ("tasks/s, 1 client", "tasks", 1, 16.0),
    ("tasks/s, 100 clients", "tasks", 100, 65.0),
    ("burst of 1,000, events/s", "burst", 1000, 230.0),
    ("burst of 3,000, events/s", "burst", 3000, None),
    ("yielding, 1 task, events/s", "yielding", 1, None),
)
"""Both on PostgreSQL: title, dimension, size, target."""

BARE_LINES: Final = (
    ("tasks/s, 1 client", "tasks", 1, "per_second", "times"),
    ("tasks/s, 100 clients", "tasks", 100, "per_second", "times"),
    ("tasks/s, 1,000 clients", "tasks", 1000, "per_second", "times"),
    ("burst of 1,000, events/s", "burst", 1000, "per_second", "times"),
    ("burst of 10,000, events/s", "burst", 10_000, "per_second", "times"),
    ("yielding, 1 task, events/s", "yielding", 1, "per_second", "times"),
    ("yielding, 100 tasks, events/s", "yielding", 100, "per_second", "times"),
    ("burst to 1,000, deliveries/s", "fanout", 1000, "per_second", "times"),
    ("paced to 100, CPU us/delivery", "paced", 100, "cpu_us", "saves"),
    ("paced to 1,000, CPU us/delivery", "paced", 1000, "cpu_us", "saves"),
    ("latency p50, 1 task, us", "latency", 1, "p50_us", "share"),
    ("latency p50, 50 tasks, 1k/s, us", "latency", 50, "p50_us", "share"),
)
"""How near the targets are to what is possible: title, dimension, size, figure, sense."""

OWN: Final = (
    _Line("recovery of 1,000 running tasks, s", "recovery", 1000, "seconds", "at most", None, None),
    _Line("journal, bytes/event, 1 task", "journal", 1, "bytes", "at most", None, None),
    _Line("journal, commits/event, 1 task", "journal", 1, "commits", "at most", None, None),
    _Line("journal, bytes/event, 100 tasks", "journal", 100, "bytes", "at most", None, None),
    _Line("journal, commits/event, 100 tasks", "journal", 100, "commits", "at most", None, None),
)
"""Of ours alone."""

SDK_ROUTES: Final = "-sdk"
"""Ends the names of our sides when they are behind the routes of a2a-sdk."""
HTTP_SDK: Final = (
    _Line("HTTP, SDK routes, tasks/s", "http-tasks", 32, "per_second", "times", 3.3, 3.3),
    _Line("HTTP, SDK routes, 8x200 events/s", "http-streams", 200, "per_second", "times", 2.5, 2.5),
    _Line("HTTP, SDK routes, 1x2,000 ev/s", "http-stream", 2000, "per_second", "times", 2.5, 2.5),
)
"""Behind the routes of a2a-sdk."""

HTTP_OWN: Final = (
    _Line("HTTP, own routes, tasks/s", "http-tasks", 32, "per_second", "times", 5, 5, quick=True),
    _Line("HTTP, own routes, CPU us/task", "http-tasks", 32, "cpu_us", "saves", None, None),
    _Line("HTTP, own routes, 8x200 events/s", "http-streams", 200, "per_second", "times", 4, 6),
    _Line("HTTP, own routes, CPU us/event", "http-streams", 200, "cpu_us", "saves", None, None),
    _Line("HTTP, own routes, 1x2,000 ev/s", "http-stream", 2000, "per_second", "times", 4, 6),
    _Line(
        "1,000 idle subscriptions, CPU %",
        "http-subscriptions",
        1000,
        "cpu_percent",
        "at most",
        1,
        1,
    ),
    _Line(
        "idle subscription, KiB",
        "http-subscriptions",
        1000,
        "kib_per_subscription",
        "share",
        None,
        None,
    ),
)
"""Behind ours."""

CAPS: Final = {"peer-sqlite": 3, "peer-postgres": 3}
"""Rounds at most, of sides that take minutes."""
SLOWEST: Final = {Key(side, "burst", 3000): 1 for side in CAPS}
"""The same, of what takes most of a minute and has no target."""
DIMENSION_CAPS: Final = {
    "idle": 3,
    "traced": 3,
    "finished": 3,
    "live": 3,
    "subscribed": 3,
    "recovery": 3,
    "http-subscriptions": 2,
}
"""Rounds at most, of what takes long and scatters little: memory, above all."""


def by_cpu(row: Row) -> Row:
    """Return the row of a rate as one of processor time, for a machine that is not ours alone."""
    if row.figure != "per_second":
        return row
    return replace(row, title=f"{row.title} (CPU us)", figure="cpu_us", sense="saves")


def rounds_of(key: Key, rounds: int) -> int:
    """Return in how many of so many rounds this is measured."""
    caps = (CAPS.get(key.side), DIMENSION_CAPS.get(key.dimension), SLOWEST.get(key))
    return min([rounds, *(cap for cap in caps if cap is not None)])


def _pair(line: _Line, peer: str, suffix: str = "") -> tuple[Row, Row]:
    def row(ours: str, target: float | None) -> Row:
        return Row(
            title=line.title,
            dimension=line.dimension,
            size=line.size,
            figure=line.figure,
            ours=ours + suffix,
            peer=peer,
            sense=line.sense,
            target=target,
            quick=line.quick,
        )

    return row("process", line.process), row("power", line.power)


def _bare(title: str, dimension: str, size: int, figure: str, sense: Sense) -> Row:
    return Row(title=title, dimension=dimension, size=size, figure=figure, ours=BARE, sense=sense)


def _postgres(title: str, dimension: str, size: int, target: float | None) -> Row:
    return Row(
        title=title,
        dimension=dimension,
        size=size,
        figure="per_second",
        ours="postgres",
        peer="peer-postgres",
        sense="times",
        target=target,
    )


ROWS: Final[tuple[Row, ...]] = (
    *(row for line in MEMORY for row in _pair(line, "peer")),
    *(_bare(*each) for each in BARE_LINES),
    *(row for line in SQLITE for row in _pair(line, "peer-sqlite")),
    *(_postgres(*each) for each in POSTGRES),
    *(row for line in HTTP_SDK for row in _pair(line, "peer", SDK_ROUTES)),
    *(row for line in HTTP_OWN for row in _pair(line, "peer")),
    *(row for line in OWN for row in _pair(line, "")),
)
