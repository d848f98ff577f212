"""A server to measure over HTTP: one process, uvicorn with h11 on asyncio, one side of the matter.

    python -m tests.bench.suite.server SIDE DIRECTORY

It prints its port once it serves, and ends when its standard input does, so it never outlives who
started it.

Neighbours: `http.py` (starts and measures it), `agents.py` (what it serves).
"""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Literal

import uvicorn
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes
from a2a.server.tasks import InMemoryTaskStore
from starlette.applications import Starlette

from actors.a2a import RequestHandler
from actors.a2a.app import build_app
from actors.a2a.serving import serving
from tests.a2a.agents import card
from tests.bench.suite.agents import Bench

SIDES: Final = ("peer", "process", "power", "process-sdk", "power-sdk")
"""a2a-sdk's handler in memory; ours behind our own routes, then behind the SDK's."""


def app_of(side: str, directory: Path) -> Starlette:
    """Return the application of a side.

    Args:
        side: one of `SIDES`.
        directory: where its database is, if it has any.

    Raises:
        ValueError: no such side.
    """
    if side not in SIDES:
        raise ValueError(f"{side!r} is no side over HTTP: there are {', '.join(SIDES)}")
    if side == "peer":
        peer = DefaultRequestHandler(Bench(), InMemoryTaskStore(), card())
        routes = [*create_agent_card_routes(card()), *create_jsonrpc_routes(peer, "/")]
        return Starlette(routes=routes)
    durability: Literal["process", "power"] = "power" if "power" in side else "process"
    database = str(directory / "tasks.db")
    handler = RequestHandler(Bench(), None, card(), database=database, durability=durability)
    return _behind_theirs(handler) if side.endswith("-sdk") else build_app(handler, card())


def _behind_theirs(handler: RequestHandler) -> Starlette:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with serving(handler):
            yield

    routes = [*create_agent_card_routes(card()), *create_jsonrpc_routes(handler, "/")]
    return Starlette(routes=routes, lifespan=lifespan)


class Server(uvicorn.Server):
    """uvicorn that says when it serves."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        self._ready()

    def end(self) -> None:
        """Let go of whatever is open, and end."""
        self.should_exit = True


async def serve(app: Starlette) -> None:
    """Serve on a free port until standard input ends."""
    # Of TCP by name, else asyncio leaves Nagle's algorithm on: 40 ms for each small answer.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        config = uvicorn.Config(
            app,
            http="h11",
            loop="asyncio",
            ws="none",
            backlog=4096,
            access_log=False,
            log_level="error",
            timeout_graceful_shutdown=1,
        )
        server = Server(config, lambda: print(port, flush=True))
        asyncio.get_running_loop().add_reader(sys.stdin, server.end)
        await server.serve([sock])


if __name__ == "__main__":
    logging.disable(logging.ERROR)
    asyncio.run(serve(app_of(sys.argv[1], Path(sys.argv[2]))))
