"""Readers over a real socket: answered at once, kept company while nothing happens, let out."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import uvicorn
from a2a.types import Task
from starlette.applications import Starlette

from actors.a2a import RequestHandler
from actors.a2a.wire import jsonrpc_routes, rest_routes
from actors.storage import MemoryJournal
from actors.task.messages import task_ref
from tests.a2a.agents import Actor, as_user, ask, card
from tests.a2a.test_once import until
from tests.sse import HEADERS


@asynccontextmanager
async def served(handler: RequestHandler, keep_alive: float) -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(
        routes=[
            *rest_routes(handler, "/rest", keep_alive=keep_alive),
            *jsonrpc_routes(handler, "/", keep_alive=keep_alive),
        ]
    )
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()  # whoever connects before it serves waits
        port = listening.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        serving = asyncio.create_task(server.serve([listening]))
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers=HEADERS, timeout=5
        ) as client:
            yield client
        server.should_exit = True
        await serving


@pytest.fixture
async def handler() -> AsyncIterator[RequestHandler]:
    made = RequestHandler(Actor(), None, card(), journal=MemoryJournal())
    yield made
    await made.aclose()


async def asking(handler: RequestHandler) -> tuple[Task, int]:
    task = await handler.on_message_send(ask("ask"), as_user(""))
    assert isinstance(task, Task)
    core = await handler._entry.core()
    head = core.journal.head(task.id)
    assert head is not None
    return task, head.seq  # type: ignore[union-attr] # a Head


@pytest.mark.parametrize("binding", ["rest", "json-rpc"])
async def test_a_reader_with_nothing_to_read(handler: RequestHandler, binding: str) -> None:
    """Headers and comments come; when the reader goes, it is let out, and the task with it."""
    task, head = await asking(handler)
    core = await handler._entry.core()
    call = {"jsonrpc": "2.0", "id": 1, "method": "SubscribeToTask", "params": {"id": task.id}}
    headers = {"Last-Event-ID": str(head)}
    async with served(handler, 0.01) as client:
        for _ in range(3):
            reading = (
                client.stream("GET", f"/rest/tasks/{task.id}:subscribe", headers=headers)
                if binding == "rest"
                else client.stream("POST", "/", json=call, headers=headers)
            )
            async with reading as response:
                assert response.status_code == 200
                assert (await anext(response.aiter_lines())).startswith(": ping")
                assert core.system.alive(task_ref(task.id))
        await until(lambda: not core.system.alive(task_ref(task.id)))


async def test_who_leaves_before_the_answer_is_let_out(handler: RequestHandler) -> None:
    task, head = await asking(handler)
    core = await handler._entry.core()
    async with served(handler, 60) as client:
        port = client.base_url.port
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        request = f"GET /rest/tasks/{task.id}:subscribe HTTP/1.1\r\nHost: x\r\nA2A-Version: 1.0\r\n"
        writer.write(f"{request}Last-Event-ID: {head}\r\n\r\n".encode())
        writer.close()
        await writer.wait_closed()
        await client.get("/nothing")  # later on the same loop, so that request has been read
        await until(lambda: not core.system.alive(task_ref(task.id)))
