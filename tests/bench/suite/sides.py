"""Who is measured: a2a-sdk's handler over its stores, and ours over its journals.

Both get the same agent and card, and are otherwise as they come. Beside them, what neither could
do without.

Neighbours: `agents.py` (the agent), `bare.py` (what is left without either), `targets.py` (who is
compared with whom).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, cast

from a2a.server.agent_execution import AgentExecutor
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.request_handlers.request_handler import RequestHandler as Handler
from a2a.server.tasks import InMemoryTaskStore, TaskStore

from actors.a2a import RequestHandler
from actors.a2a.runtime import Durability
from actors.telemetry import Telemetry
from tests.a2a.agents import card
from tests.bench.suite.bare import Bare

PEERS: Final = ("peer", "peer-sqlite", "peer-postgres")
OURS: Final = ("process", "power", "postgres")
BARE: Final = "bare"
DSN: Final = "BENCH_POSTGRES"
"""Names an empty database, in the environment of whoever measures a side with PostgreSQL."""


@asynccontextmanager
async def serving(
    side: str, agent: AgentExecutor, *, telemetry: Telemetry | None = None
) -> AsyncIterator[Handler]:
    """Return the handler of a side on a database of its own, which is deleted after the block.

    Raises:
        KeyError: a side with PostgreSQL, and no database is named.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        path = Path(name) / "tasks.db"
        if side == BARE:
            bare = Bare(agent, path)
            try:
                yield cast("Handler", bare)
            finally:
                bare.close()
        elif side in OURS:
            async with _ours(side, agent, path, telemetry) as handler:
                yield handler
        else:
            async with _peer(side, agent, path) as handler:
                yield handler


@asynccontextmanager
async def _ours(
    side: str, agent: AgentExecutor, path: Path, telemetry: Telemetry | None
) -> AsyncIterator[Handler]:
    if side == "postgres":
        made = RequestHandler(agent, None, card(), database=os.environ[DSN], telemetry=telemetry)
    else:
        durability: Durability = "power" if side == "power" else "process"
        made = RequestHandler(
            agent, None, card(), database=path, durability=durability, telemetry=telemetry
        )
    try:
        yield made
    finally:
        await made.aclose()


@asynccontextmanager
async def _peer(side: str, agent: AgentExecutor, path: Path) -> AsyncIterator[Handler]:
    async with _store(side, path) as store:
        made = DefaultRequestHandler(agent, store, card())
        try:
            yield made
        finally:
            await made.aclose()


@asynccontextmanager
async def _store(side: str, path: Path) -> AsyncIterator[TaskStore]:
    if side == "peer":
        yield InMemoryTaskStore()
        return
    from a2a.server.tasks.database_task_store import DatabaseTaskStore
    from sqlalchemy.ext.asyncio import create_async_engine

    url = f"sqlite+aiosqlite:///{path}"
    if side == "peer-postgres":
        url = os.environ[DSN].replace("postgresql://", "postgresql+asyncpg://", 1)
    engine = create_async_engine(url)
    try:
        yield DatabaseTaskStore(engine)
    finally:
        await engine.dispose()
