"""The tour's server: a real process, killed and started again on the same ports and file.

Neighbours: `tour.py`.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from actors.cli.failure import CommandError

AGENT = "actors.demo.agent:TravelDesk"


class Server:
    """One server process at a time. Use `serving`."""

    def __init__(self, database: Path, port: int, grpc_port: int) -> None:
        self._arguments = (
            *("-m", "actors", "serve", AGENT, "--recovery", "rerun"),
            *("--port", str(port), "--grpc-port", str(grpc_port), "--database", str(database)),
        )
        self.url = f"http://127.0.0.1:{port}"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start a process and wait until it says that it is ready.

        Raises:
            CommandError: it ended instead.
        """
        process = await asyncio.create_subprocess_exec(
            sys.executable, *self._arguments, stdout=asyncio.subprocess.PIPE
        )
        self._process = process
        assert process.stdout is not None  # noqa: S101 - asked for above
        async for line in process.stdout:
            if line.startswith(b"ready"):
                return
        code = await process.wait()
        raise CommandError(f"the demo's server ended with exit code {code} before it was ready")

    async def kill(self) -> None:
        """SIGKILL: no handler runs, nothing is flushed."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
        await self._gone()

    async def stop(self) -> None:
        """SIGTERM, and wait for the end."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
        await self._gone()

    async def _gone(self) -> None:
        if self._process is not None:
            await self._process.communicate()


@asynccontextmanager
async def serving(database: Path) -> AsyncIterator[Server]:
    """Run the demo's server on free ports."""
    server = Server(database, *_free_ports())
    try:
        await server.start()
        yield server
    finally:
        await server.stop()


def _free_ports() -> tuple[int, int]:
    """Return two ports that were free a moment ago."""
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]
