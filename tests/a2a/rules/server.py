"""One server in the test's own loop: our handler behind three bindings, on ports of its own.

Whoever calls is the user named by the `x-user` header (metadata in gRPC); without it, nobody.

Neighbours: `plays.py` (the agent), `remote.py` (clients), `defects.py` (wrong handlers).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import grpc.aio
import uvicorn
from a2a.auth.user import UnauthenticatedUser, User
from a2a.server.request_handlers import GrpcHandler
from a2a.server.request_handlers.grpc_handler import DefaultGrpcServerCallContextBuilder
from a2a.server.routes import create_agent_card_routes
from a2a.server.routes.common import DefaultServerCallContextBuilder
from a2a.server.tasks import InMemoryPushNotificationConfigStore
from a2a.types import AgentCard
from a2a.types.a2a_pb2_grpc import add_A2AServiceServicer_to_server
from starlette.applications import Starlette
from starlette.requests import Request
from uvicorn.server import ServerState

from actors.a2a import Policy, RequestHandler
from actors.a2a.app import REST_PREFIX, interfaces
from actors.a2a.wire import jsonrpc_routes, rest_routes
from actors.runtime.journal.port import Journal
from actors.storage import MemoryJournal
from tests.a2a.agents import card
from tests.a2a.rules.plays import Scripted, Wrap
from tests.users import Named

HOST = "127.0.0.1"
USER = "x-user"

BASES = {
    "sdk": Policy.sdk(drain=0.5, cancel_grace=0.3),
    "spec": Policy.spec(drain=0.5, cancel_grace=0.3),
}
"""The presets, with times that a test can wait for."""


def push_store() -> dict[str, Any]:
    """Return the options of a handler that keeps webhook configurations."""
    return {"push_config_store": InMemoryPushNotificationConfigStore()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """Everything that a server is made of; a breaker returns one with a part replaced.

    Attributes:
        policy: of the handler.
        handler: its class; `defects.Defect` has hooks to override.
        queue: wraps the queue that plays emit to.
        middleware: ASGI applications around the application, the first one outermost.
        capabilities: of the card.
        card: what else of the card differs, changed in place.
        options: returns further arguments of the handler, made anew for each server.
        journal: where tasks are kept, unless the options have a `task_store`.
    """

    policy: Policy
    handler: type[RequestHandler] = RequestHandler
    queue: Wrap = lambda queue: queue
    middleware: tuple[Callable[[Any], Any], ...] = ()
    capabilities: dict[str, Any] = field(default_factory=lambda: {"push_notifications": True})
    card: Callable[[AgentCard], None] = lambda _: None
    options: Callable[[], dict[str, Any]] = push_store
    journal: Callable[[], Journal] = MemoryJournal


def may_reply(setup: Setup) -> Setup:
    """Return the setup of an agent that declares that it may answer with a Message (A15)."""
    return replace(setup, policy=replace(setup.policy, visible="agent"))


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs."""

    setup: Setup
    handler: RequestHandler
    agent: Scripted
    card: AgentCard
    port: int


class _HttpUsers(DefaultServerCallContextBuilder):
    def build_user(self, request: Request) -> User:
        return _named(request.headers.get(USER))


class _GrpcUsers(DefaultGrpcServerCallContextBuilder):
    def build_user(self, context: grpc.aio.ServicerContext[Any, Any]) -> User:
        metadata = dict(context.invocation_metadata() or ())
        return _named(metadata.get(USER))


def _named(name: str | bytes | None) -> User:
    return Named(name) if isinstance(name, str) else UnauthenticatedUser()


@asynccontextmanager
async def serving(setup: Setup) -> AsyncIterator[Server]:
    """Serve until the end of the block; gates are opened first, so that runs can end."""
    agent = Scripted(setup.queue)
    served = card(**setup.capabilities)
    async with AsyncExitStack() as stack:
        options = setup.options()
        if "task_store" not in options:
            options["journal"] = setup.journal()
        store = options.pop("task_store", None)
        handler = setup.handler(agent, store, served, policy=setup.policy, **options)
        stack.push_async_callback(handler.aclose)
        await handler.start()
        stack.callback(agent.open_gates)
        port = await stack.enter_async_context(_http(_app(setup, handler, served)))
        grpc_port = await stack.enter_async_context(_grpc(handler))
        del served.supported_interfaces[:]
        served.supported_interfaces.extend(interfaces(HOST, port, grpc_port))
        setup.card(served)
        stack.callback(agent.open_gates)  # streams that are still open end with their runs
        yield Server(setup, handler, agent, served, port)


def _app(setup: Setup, handler: RequestHandler, served: AgentCard) -> Any:
    users = _HttpUsers()
    app: Any = Starlette(
        routes=[
            *create_agent_card_routes(served),
            *rest_routes(handler, REST_PREFIX, users, enable_v0_3_compat=True),
            *jsonrpc_routes(handler, "/", users, enable_v0_3_compat=True),
        ]
    )
    for wrap in reversed(setup.middleware):
        app = wrap(app)
    return app


@asynccontextmanager
async def _http(app: Any) -> AsyncIterator[int]:
    """Serve an application with uvicorn's protocol, without its process-wide server around it."""
    config = uvicorn.Config(app, lifespan="off", log_config=None)
    config.load()
    state = ServerState()

    protocol: Any = config.http_protocol_class  # typed as a bare asyncio.Protocol

    def connection() -> asyncio.Protocol:
        made: asyncio.Protocol = protocol(config=config, server_state=state, app_state={})
        return made

    listening = await asyncio.get_running_loop().create_server(connection, HOST, 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        for open_one in list(state.connections):
            open_one.shutdown()
        for task in await _after(set(state.tasks), 0.2):
            task.cancel()  # a request that a defect has left hanging
        await listening.wait_closed()


async def _after(tasks: set[asyncio.Task[None]], seconds: float) -> set[asyncio.Task[None]]:
    """Return those that are still going on after a time."""
    return (await asyncio.wait(tasks, timeout=seconds))[1] if tasks else tasks


@asynccontextmanager
async def _grpc(handler: RequestHandler) -> AsyncIterator[int]:
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    # Generated code without types.
    add_A2AServiceServicer_to_server(  # type: ignore[no-untyped-call]
        GrpcHandler(handler, _GrpcUsers()), server
    )
    port = server.add_insecure_port(f"{HOST}:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(grace=0.2)
