"""The server: an agent behind JSON-RPC, REST and gRPC, with its card.

Neighbours: `handler.py` (what is served), `wire.py` (HTTP routes), `cli/serve.py` (runs this).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc.aio
from a2a.server.request_handlers import GrpcHandler
from a2a.server.routes import create_agent_card_routes
from a2a.types import AgentCard, AgentInterface
from a2a.types.a2a_pb2_grpc import add_A2AServiceServicer_to_server
from a2a.utils.constants import PROTOCOL_VERSION_1_0, TransportProtocol
from a2a.utils.errors import A2AError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from actors.a2a.handler import RequestHandler
from actors.a2a.wire import jsonrpc_routes, rest_routes

REST_PREFIX = "/rest"
"""REST lives beside JSON-RPC: its tenant routes would swallow any one-segment path at the root."""


READY = "/ready"
"""Answers 200 once every task that a crash had interrupted is settled, 503 before that."""


def interfaces(host: str, port: int, grpc_port: int | None) -> list[AgentInterface]:
    """Return what a card says about where this server is reached, the preferred binding first."""
    base = f"http://{host}:{port}"
    found = [(TransportProtocol.JSONRPC, base), (TransportProtocol.HTTP_JSON, base + REST_PREFIX)]
    if grpc_port is not None:
        found.append((TransportProtocol.GRPC, f"{host}:{grpc_port}"))
    return [
        AgentInterface(url=url, protocol_binding=binding, protocol_version=PROTOCOL_VERSION_1_0)
        for binding, url in found
    ]


def build_app(
    handler: RequestHandler, card: AgentCard, grpc_address: str | None = None
) -> Starlette:
    """Return the ASGI application of an agent; gRPC starts and stops with it.

    `GET /ready` says whether the tasks that a crash had interrupted are settled; requests are
    answered before that, too.

    Args:
        handler: serves the operations; closed when the application shuts down.
        card: served at the well-known path.
        grpc_address: `host:port` to serve gRPC on; None for HTTP alone.
    """

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await handler.start()  # before gRPC, whose server cannot be left behind half started
        try:
            server = None if grpc_address is None else await _grpc_server(handler, grpc_address)
            yield
            if server is not None:
                # Takes no more calls from here on; those under way are answered by the drain.
                await asyncio.gather(server.stop(grace=handler.policy.drain + 1), handler.aclose())
        finally:
            await handler.aclose()

    async def ready(_: Request) -> Response:
        """Tell a load balancer, and how far recovery is to whoever wants to know."""
        try:
            found = await handler.recovery()
        except A2AError as error:
            return JSONResponse({"ready": False, "error": str(error)}, 503)
        recovery = {"done": found.done, "settled": found.settled, "failed": found.failed}
        body = {"ready": found.done, "recovery": recovery}
        return JSONResponse(body, 200 if found.done else 503)

    routes = [
        Route(READY, ready),
        *create_agent_card_routes(card),
        *rest_routes(handler, REST_PREFIX, enable_v0_3_compat=True),
        *jsonrpc_routes(handler, "/", enable_v0_3_compat=True),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


async def _grpc_server(handler: RequestHandler, address: str) -> grpc.aio.Server:
    # Without this option two servers would share the port, each answering half of the calls.
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    # Generated code without types.
    add_A2AServiceServicer_to_server(GrpcHandler(handler), server)  # type: ignore[no-untyped-call]
    try:
        server.add_insecure_port(address)
    except RuntimeError as error:
        raise OSError(
            f"cannot serve gRPC on {address}: it is taken or not ours; choose another port"
        ) from error
    await server.start()
    return server
