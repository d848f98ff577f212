"""The server under load: `actors serve` in a process of its own, looked at from outside.

Neighbours: `load_agent.py` (what it serves), `load_run.py`, `load_judge.py` (look at it).
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench.suite.processes import family, open_files, resident, usage, waited
from tests.bench.suite.rawclient import HOST, connect
from tests.servers import ROOT, free_port

START_SECONDS: Final = 60.0
_METRICS: Final = f"GET /metrics HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode()
_GAUGES: Final = {
    "tasks": "a2a_tasks_live",
    "actors": "a2a_actors_live",
    "runs": "a2a_runs_active",
    "requests": "a2a_requests_active",
    "streams": "a2a_streams_open",
    "waiting": "a2a_mailbox_waiting",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How the server is at one moment."""

    resident: int
    """Bytes of memory of the server process."""
    children: int
    """Bytes of memory of its children that stay: a writer of the journal, no short checkpoint."""
    files: int
    """That it has open, and those children."""
    seconds: float
    """Of processor time until now, with its children."""
    waited: float
    """Seconds until now in which it could have run, but others had the processors."""
    gauges: dict[str, float]
    """What `/metrics` says; see `_GAUGES`."""


class UnderLoad:
    """A server that serves.

    Args:
        process: its.
        port: where.
        log: what it writes to stderr.
        database: its file.
    """

    def __init__(
        self, process: asyncio.subprocess.Process, port: int, log: Path, database: Path
    ) -> None:
        self.port = port
        self._process = process
        self._log = log
        self._database = database
        self._children: set[int] = set()

    async def look(self) -> Look:
        """Return how it is now."""
        gauges = _gauges(await self._metrics())
        server, *now = family(self._process.pid)
        children = self._children & {*now}
        self._children = {*now}
        return Look(
            resident=resident(server),
            children=sum(map(resident, children)),
            files=sum(map(open_files, (server, *children))),
            seconds=usage(server).seconds,
            waited=waited(server),
            gauges=gauges,
        )

    async def _metrics(self) -> str:
        connection = await connect(self.port)
        try:
            return (await connection.call(_METRICS)).decode()
        finally:
            connection.close()

    def stored(self) -> int:
        """Return the bytes of its database, the log ahead of it included."""
        return sum(each.stat().st_size for each in self._database.parent.glob("tasks.db*"))

    def logged(self) -> str:
        """Return what it has complained of."""
        return self._log.read_text()

    async def end(self) -> None:
        """Tell it to end, and wait until it has."""
        if self._process.returncode is None:
            self._process.terminate()
        await self._process.wait()


def _gauges(metrics: str) -> dict[str, float]:
    """Return the sums of the gauges, over all their labels."""
    found = {}
    for name, gauge in _GAUGES.items():
        values = re.findall(rf"^{gauge}(?:{{.*}})? (\S+)$", metrics, re.MULTILINE)
        found[name] = sum(map(float, values))
    return found


@asynccontextmanager
async def under_load() -> AsyncIterator[UnderLoad]:
    """Start a server on a new database; it ends with the block, and its database is deleted."""
    with tempfile.TemporaryDirectory(prefix="load-") as directory:
        log, database, port = Path(directory) / "log", Path(directory) / "tasks.db", free_port()
        arguments = (
            *("-m", "actors", "serve", "tests.soak.load_agent:Busy"),
            *("--port", str(port), "--grpc-port", "0", "--metrics"),
            *("--database", str(database), "--durability", "process"),
        )
        with log.open("w") as stderr:
            process = await asyncio.create_subprocess_exec(
                sys.executable, *arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=stderr
            )
        server = UnderLoad(process, port, log, database)
        try:
            await _ready(process, server)
            yield server
        finally:
            await server.end()


async def _ready(process: asyncio.subprocess.Process, server: UnderLoad) -> None:
    assert process.stdout is not None
    async with asyncio.timeout(START_SECONDS):
        while line := await process.stdout.readline():
            if line.startswith(b"ready"):
                return
    raise RuntimeError(f"the server ended before it was ready:\n{server.logged()}")
