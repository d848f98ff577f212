"""The gRPC server: version 1, and 0.3 for clients that speak nothing newer.

Neighbours: `app.py` (starts and stops it), `limits.py` (how large a message may be).
"""

from __future__ import annotations

import grpc.aio
from a2a.compat.v0_3.a2a_v0_3_pb2_grpc import (
    add_A2AServiceServicer_to_server as add_v0_3,
)
from a2a.compat.v0_3.grpc_handler import CompatGrpcHandler
from a2a.server.request_handlers import GrpcHandler
from a2a.types.a2a_pb2_grpc import add_A2AServiceServicer_to_server as add_v1

from actors.a2a.handler import RequestHandler

_UNLIMITED = -1


async def grpc_server(handler: RequestHandler, address: str) -> grpc.aio.Server:
    """Return a server that has started.

    Args:
        handler: serves the operations; `limits.body_bytes` bounds what it is sent.
        address: `host:port`.

    Raises:
        OSError: the address is taken, or not ours.
    """
    most = handler.limits.body_bytes
    options = [
        # Without this option two servers would share the port, each answering half of the calls.
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", _UNLIMITED if most is None else most),
        ("grpc.max_send_message_length", _UNLIMITED),
    ]
    server = grpc.aio.server(options=options)
    add_v1(GrpcHandler(handler), server)  # type: ignore[no-untyped-call] # generated, has no types
    add_v0_3(CompatGrpcHandler(handler), server)  # type: ignore[no-untyped-call] # likewise
    try:
        server.add_insecure_port(address)
    except RuntimeError as error:
        raise OSError(
            f"cannot serve gRPC on {address}: it is taken or not ours; choose another port"
        ) from error
    await server.start()
    return server
