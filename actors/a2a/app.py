"""The server: an agent behind JSON-RPC, REST and gRPC, with its card.

Neighbours: `handler.py` (what is served), `wire/` (HTTP routes), `serving.py` (start and end),
`cli/serve.py` (runs this).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from a2a.server.routes import create_agent_card_routes
from a2a.types import AgentCard, AgentInterface
from a2a.utils.constants import (
    PROTOCOL_VERSION_0_3,
    PROTOCOL_VERSION_1_0,
    TransportProtocol,
)
from starlette.applications import Starlette

from actors.a2a.handler import RequestHandler
from actors.a2a.health import health_routes
from actors.a2a.serving import serving
from actors.a2a.wire import jsonrpc_routes, rest_routes

REST_PREFIX = "/rest"
"""REST lives beside JSON-RPC: its tenant routes would swallow any one-segment path at the root."""


def address(host: str, port: int) -> str:
    """Return `host:port`, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def interfaces(host: str, port: int, grpc_port: int | None) -> list[AgentInterface]:
    """Return what a card says about where this server is reached, what is preferred first.

    Clients of version 0.3 find it where the others do.
    """
    base = f"http://{address(host, port)}"
    found = [(TransportProtocol.JSONRPC, base), (TransportProtocol.HTTP_JSON, base + REST_PREFIX)]
    if grpc_port is not None:
        found.append((TransportProtocol.GRPC, address(host, grpc_port)))
    return [
        AgentInterface(url=url, protocol_binding=binding, protocol_version=version)
        for version in (PROTOCOL_VERSION_1_0, PROTOCOL_VERSION_0_3)
        for binding, url in found
    ]


def build_app(
    handler: RequestHandler,
    card: AgentCard,
    grpc_address: str | None = None,
    *,
    metrics: bool | None = None,
) -> Starlette:
    """Return the ASGI application of an agent; gRPC starts and stops with it.

    `GET /healthz`, `/readyz` and `/metrics` say how it is. Ready it is when the tasks that a crash
    had interrupted are settled; requests are answered before that, too.

    Args:
        handler: serves the operations; retired when the application shuts down, or is told to.
        card: served at the well-known path.
        grpc_address: `host:port` to serve gRPC on; None for HTTP alone.
        metrics: with `/metrics`; None: if the packages of the extra `telemetry` are installed.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with serving(handler, grpc_address) as app.state.ending:
            yield

    routes = [
        *jsonrpc_routes(handler, "/", enable_v0_3_compat=True),  # first: each before costs 1 us
        *health_routes(handler, metrics=metrics),
        *create_agent_card_routes(card),
        *rest_routes(handler, REST_PREFIX, enable_v0_3_compat=True),
    ]
    return Starlette(routes=routes, lifespan=lifespan)
