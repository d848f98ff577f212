"""Real server processes for tests: started, waited for, killed."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

ROOT = Path(__file__).parent.parent
CARD = "/.well-known/agent-card.json"


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """One server process and a client for it."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process = process
        self.port = port
        self.client = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", timeout=httpx.Timeout(20, read=20)
        )

    def kill(self) -> None:
        """SIGKILL: no handler, no cleanup."""
        os.kill(self.process.pid, signal.SIGKILL)

    async def dead(self) -> str:
        """Wait for the end of the process; returns what it wrote to stdout."""
        assert self.process.stdout is not None
        said = await self.process.stdout.read()
        await self.process.wait()
        await self.client.aclose()
        return said.decode()


async def start(arguments: Sequence[str], port: int, *, paths: Sequence[Path] = (ROOT,)) -> Server:
    """Start `python ARGUMENTS` and wait until it serves its card."""
    environment: Mapping[str, str] = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, env=environment, cwd=paths[0], stdout=subprocess.PIPE
    )
    server = Server(process, port)
    while process.returncode is None:
        try:
            await server.client.get(CARD)
        except httpx.TransportError:
            await _a_moment(process)
        else:
            return server
    raise RuntimeError(f"{arguments} ended with {process.returncode} before it served its card")


async def _a_moment(process: asyncio.subprocess.Process) -> None:
    """Until the process ends, or long enough to ask again whether it serves."""
    try:
        await asyncio.wait_for(asyncio.shield(asyncio.ensure_future(process.wait())), 0.02)
    except TimeoutError:
        return


@asynccontextmanager
async def running(arguments: Sequence[str], port: int) -> AsyncIterator[Server]:
    """A server that is terminated, and waited for, at the end."""
    server = await start(arguments, port)
    try:
        yield server
    finally:
        if server.process.returncode is None:
            server.process.terminate()
        await server.dead()
