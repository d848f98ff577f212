"""An ASGI application on a real socket of this process, for as long as a block lasts."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp

PATIENCE = 5.0
"""Seconds after which something has gone wrong."""


@asynccontextmanager
async def listening(app: ASGIApp, send_buffer: int = 0, **config: Any) -> AsyncIterator[int]:
    """Serve `app` with uvicorn; yields the port.

    Args:
        app: what is served.
        send_buffer: bytes that the system keeps for each client; 0: as usual.
        config: of uvicorn.
    """
    # Of TCP by name, else asyncio leaves Nagle's algorithm on: 40 ms for each small answer.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as sock:
        if send_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        sock.bind(("127.0.0.1", 0))
        sock.listen(1024)  # whoever connects before it serves waits
        port: int = sock.getsockname()[1]
        settings = {"log_config": None, "log_level": "error", "timeout_graceful_shutdown": 1}
        server = uvicorn.Server(uvicorn.Config(app, **{**settings, **config}))
        serving = asyncio.create_task(server.serve([sock]))
        try:
            yield port
        finally:
            server.should_exit = True
            await serving


class Peer(asyncio.Protocol):
    """A client that keeps every byte it gets, also when the server then hangs up on it."""

    def __init__(self) -> None:
        self.got = bytearray()
        self.transport: asyncio.Transport
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.got += data

    def connection_lost(self, _: Exception | None) -> None:
        if not self.closed.done():  # cancelled with whoever waited for it
            self.closed.set_result(None)


async def connect(port: int) -> Peer:
    """A connection to one's own machine."""
    _, peer = await asyncio.get_running_loop().create_connection(Peer, "127.0.0.1", port)
    return peer


async def exchange(port: int, request: bytes) -> bytes:
    """Send bytes as they are; returns what comes until the server hangs up."""
    peer = await connect(port)
    peer.transport.write(request)
    async with asyncio.timeout(PATIENCE):
        await peer.closed
    return bytes(peer.got)
