"""A whole server in this process, on real sockets: JSON-RPC, REST, gRPC, a file, several owners.

Neighbours: `reaches.py` (clients), `test_random_sockets.py` and `test_surface.py` (what for).
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from a2a.server.agent_execution import AgentExecutor
from a2a.types import AgentCard
from starlette.authentication import (
    AuthCredentials,
    AuthenticationBackend,
    BaseUser,
    SimpleUser,
)
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import HTTPConnection

from actors.a2a import Policy, RequestHandler
from actors.a2a.app import build_app, interfaces
from actors.cli.serve import Server
from actors.runtime import ActorSystem
from actors.storage import SqliteJournal
from actors.task.listing import TASKS, task_row
from tests.a2a.agents import card
from tests.a2a.reaches import USER
from tests.a2a.witnessed import Stored, Who
from tests.servers import free_port

PAGE = 256
PATIENCE = 10.0
"""Seconds that a server may take to close."""


class ByHeader(AuthenticationBackend):
    """Believes whoever says who he is."""

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        name = conn.headers.get(USER)
        return (AuthCredentials(), SimpleUser(name)) if name else None


class Watched(RequestHandler):
    """The production handler; its actor systems are kept, to be looked at afterwards."""

    systems: list[ActorSystem]

    def new_system(self, loop: asyncio.AbstractEventLoop) -> ActorSystem:
        self.systems.append(system := super().new_system(loop))
        return system


@dataclass(slots=True)
class Served:
    """A server, and what is known of it."""

    handler: Watched
    card: AgentCard
    port: int
    database: Path
    crashes: list[str] = field(default_factory=list)

    @property
    def dead_letters(self) -> Counter[str]:
        """Of all its systems."""
        return sum((system.dead_letters for system in self.handler.systems), Counter())

    def left(self) -> list[str]:
        """What is left of a server that has been closed, and should not be."""
        found = [line for system in self.handler.systems for line in system.leftovers()]
        return [*found, *["an ask was answered twice"] * self.dead_letters["second answer"]]

    def logs(self) -> dict[str, Stored]:
        """Every log, as it is in the file."""
        journal = SqliteJournal(self.database)
        journal.open(TASKS)
        try:
            return dict(_read(journal))
        finally:
            journal.close()


def _read(journal: SqliteJournal) -> list[tuple[str, Stored]]:
    found, after = [], ""
    while heads := journal.heads(after, PAGE):
        for head in heads:
            stored = journal.read(head.log)
            assert stored is not None
            row = task_row(stored)
            records = journal.page(head.log, 0, head.seq)
            assert records is not None
            found.append((head.log, Stored(Who(row.owner, row.tenant), records)))
        after = heads[-1].log
    return found


@asynccontextmanager
async def serving(agent: AgentExecutor, policy: Policy, database: Path) -> AsyncIterator[Served]:
    """Serve until the end of the block, then close as `actors serve` does.

    Raises:
        TimeoutError: it does not close within `PATIENCE`.
    """
    grpc_port = free_port()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(128)
        port = listening.getsockname()[1]
        described = card(push_notifications=False)
        del described.supported_interfaces[:]
        described.supported_interfaces.extend(interfaces("127.0.0.1", port, grpc_port))
        handler = Watched(agent, None, described, policy=policy, database=database)
        handler.systems = []
        app = build_app(handler, described, f"127.0.0.1:{grpc_port}")
        app.add_middleware(AuthenticationMiddleware, backend=ByHeader())
        config = uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=5)
        ready = asyncio.Event()
        async with app.router.lifespan_context(app):
            server = Server(config, app.state.ending, ready.set)
            running = asyncio.create_task(server.serve([listening]))
            await ready.wait()
            try:
                yield Served(handler, described, port, database)
            finally:
                server.should_exit = True
                async with asyncio.timeout(PATIENCE):
                    await running
