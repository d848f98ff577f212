"""a2a-sdk's own client over one binding, streaming and not.

Neighbours: `server.py` (what it talks to), `world.py` (who uses it).
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc.aio
import httpx
from a2a.client import ClientConfig, ClientFactory
from a2a.client.client import Client
from a2a.types.a2a_pb2_grpc import A2AServiceStub

from tests.a2a.rules.registry import GRPC, JSONRPC, LOCAL
from tests.a2a.rules.server import HOST, Server

NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody: no check uses TLS, and to load certificates takes longer than to serve."""


@dataclass(frozen=True, slots=True)
class Remote:
    """Clients of one server over one binding.

    Attributes:
        http: for requests that no client of the SDK would make; its base is the server.
        stub: the same for gRPC.
    """

    streaming: Client
    blocking: Client
    http: httpx.AsyncClient
    stub: A2AServiceStub


@asynccontextmanager
async def connected(server: Server, binding: str) -> AsyncIterator[Remote]:
    """Connect to a server over a binding of `registry.ALL`, or JSON-RPC for `LOCAL`."""
    wire = JSONRPC if binding in LOCAL else binding
    address = next(
        each.url for each in server.card.supported_interfaces if each.protocol_binding == GRPC
    )
    base = f"http://{HOST}:{server.port}"
    async with (
        httpx.AsyncClient(base_url=base, timeout=10, verify=NOBODY) as http,
        grpc.aio.insecure_channel(address) as channel,
    ):

        def client(*, streaming: bool) -> Client:
            config = ClientConfig(
                streaming=streaming,
                httpx_client=http,
                grpc_channel_factory=lambda _: channel,
                supported_protocol_bindings=[wire],
            )
            return ClientFactory(config).create(server.card)

        stub = A2AServiceStub(channel)  # type: ignore[no-untyped-call] # generated, without types
        yield Remote(client(streaming=True), client(streaming=False), http, stub)
