"""One run under load: a server, its clients, and what is seen of both while it lasts.

Neighbours: `load.py` (asks for it), `load_offer.py` (when), `load_sessions.py` (what),
`load_server.py` (whom), `load_judge.py` (what is wrong).
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.soak.load_figures import Latencies
from tests.soak.load_judge import Row, growth, memory_wrong, rest_wrong
from tests.soak.load_offer import Offer, capacity
from tests.soak.load_server import Look, UnderLoad
from tests.soak.load_sessions import Clients
from tests.soak.progress import Kept

EVERY: Final = 10.0
"""Seconds between two looks."""
FINDING: Final = 20.0
"""Seconds for finding out what the server can bear."""
AFTERWARDS: Final = 15.0
"""Seconds after the load in which the server may still notice that everybody has hung up."""
CROWDED: Final = 0.2
"""The part of the time without a processor from which on others are to be suspected."""
MIB: Final = 2**20


@dataclass(kw_only=True)
class Progress(Kept):
    """How far all runs have come together, and how the latest was."""

    sessions: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    buckets: Counter[str] = field(default_factory=Counter)
    """See `Latencies`."""
    capacity: float = 0.0
    """Sessions per second, in the latest run."""
    rate: float = 0.0
    """Of those that began, in the latest run."""
    stored: int = 0
    """Bytes of the latest database."""
    waited: float = 0.0
    """Of the latest run: the part of the time in which others had the processor of the server."""
    memory: list[str] = field(default_factory=list)
    """What was found, and what is allowed, in the latest run."""


class Run:
    """One run.

    Args:
        progress: counts.
        server: under load.
        load: how much, as a part of what it can bear.
        path: where what is seen goes, as JSON.
    """

    def __init__(self, progress: Progress, server: UnderLoad, load: float, path: Path) -> None:
        # Other sessions each time: a run that is added to another should not repeat it.
        self._rng = random.Random(f"{progress.seed} {progress.seconds}")
        self._progress = progress
        self._server = server
        self._load = load
        self._path = path
        self._clients = Clients(server.port, self._rng, progress.sessions, progress.errors)
        self._rows: list[Row] = []
        self._told: list[dict[str, Any]] = []

    async def go(self, seconds: float, save: Path) -> list[str]:
        """Return what is wrong.

        Args:
            seconds: of the load.
            save: where the progress goes, at each look.

        Raises:
            OSError: the server does not answer any more.
        """
        start = await self._server.look()
        found = await capacity(self._clients, FINDING)
        self._progress.capacity, self._progress.rate = found, found * self._load
        self._clients.latencies = Latencies()
        print(f"{found:.0f} sessions/s can be borne, {self._progress.rate:.0f} begin", flush=True)
        offer = Offer(self._clients, self._progress.rate, self._rng)
        await self._offered(offer, seconds, await self._server.look(), save)
        await offer.over()
        end = await self._at_rest(start)
        self._taken()
        return [*self._answers_wrong(offer), *self._memory_wrong(), *rest_wrong(start, end)]

    async def _at_rest(self, start: Look) -> Look:
        """Return a look at the server once it has noticed that nobody is there."""
        self._clients.line.close()
        deadline = time.monotonic() + AFTERWARDS
        look = await self._server.look()
        while time.monotonic() < deadline and rest_wrong(start, look):
            await asyncio.sleep(1)
            look = await self._server.look()
        return look

    async def _offered(self, offer: Offer, seconds: float, start: Look, save: Path) -> None:
        """Offer sessions and watch the server, unless it cannot be watched any more."""
        offering = asyncio.create_task(offer.go_on(seconds))
        watching = asyncio.create_task(self._watch(offer, start, save))
        await asyncio.wait((offering, watching), return_when=asyncio.FIRST_COMPLETED)
        over = watching if watching.done() else offering
        for each in (offering, watching):
            each.cancel()
        await asyncio.wait((offering, watching))
        over.result()

    async def _watch(self, offer: Offer, start: Look, save: Path) -> None:
        began, before = time.monotonic(), self._progress.seconds
        while True:
            await asyncio.sleep(EVERY - (time.monotonic() - began) % EVERY)
            look = await self._server.look()
            self._rows.append(Row(time.monotonic() - began, offer.begun, look))
            self._told.append(self._seen(offer))
            self._progress.seconds = before + time.monotonic() - began
            self._progress.waited = (look.waited - start.waited) / (time.monotonic() - began)
            self._progress.stored = self._server.stored()
            self._progress.save(save)
            self._written()

    def _seen(self, offer: Offer) -> dict[str, Any]:
        """Return what is to be seen now, as JSON; and print the most of it."""
        at, sessions, look = self._rows[-1]
        latency = self._taken().told()
        errors = self._progress.errors.total()
        short = latency.get("short", {})
        print(
            f"{at:6.0f} s  {sessions:8,} sessions, {offer.going:4} go on, {errors} errors; "
            f"{look.resident / MIB:6.1f} + {look.children / MIB:.1f} MiB, {look.files:4} files; "
            f"short {short.get('p50', 0):.1f} / {short.get('p99', 0):.1f} ms",
            flush=True,
        )
        seen = {"at": round(at, 1), "sessions": sessions, "going": offer.going}
        stored = {"stored": self._server.stored(), "errors": dict(self._progress.errors)}
        return seen | stored | asdict(look) | {"latency": latency}

    def _taken(self) -> Latencies:
        """Return the latencies since the last time, and count them."""
        latencies, self._clients.latencies = self._clients.latencies, Latencies()
        self._progress.buckets.update(latencies.buckets)
        return latencies

    def _written(self) -> None:
        series = {
            "capacity": self._progress.capacity,
            "rate": self._progress.rate,
            "load": self._load,
            "kinds": sorted({kind for row in self._told for kind in row["latency"]}),
            "rows": self._told,
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(json.dumps(series) + "\n")

    def _answers_wrong(self, offer: Offer) -> list[str]:
        wrong = list(self._clients.wrong)
        if wrong and self._progress.waited > CROWDED:
            wrong.append(
                f"for {self._progress.waited:.0%} of the time the server waited for a processor, "
                "as others had them: run this on a machine of its own"
            )
        if self._progress.errors:
            wrong.append(f"errors: {dict(self._progress.errors)}")
        if offer.left_out or self._clients.refused:
            wrong.append(
                f"{self._clients.refused} sessions were refused and {offer.left_out} left out, as "
                "too many went on: the server has become slower than it was at first, or what it "
                "can bear was found to be too much; try less --load"
            )
        if logged := self._server.logged():
            wrong.append(f"the server has complained:\n{logged[:2000]}")
        return wrong

    def _memory_wrong(self) -> list[str]:
        server = growth(self._rows, [row.look.resident for row in self._rows])
        children = growth(self._rows, [row.look.children for row in self._rows])
        self._progress.memory = [f"the server {server}", f"its children {children}"]
        return memory_wrong({"the server": server, "its children": children})
