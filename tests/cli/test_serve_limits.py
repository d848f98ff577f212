"""Limits that an operator sets, seen from outside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests import sse
from tests.servers import Server, free_port, running
from tests.sockets import connect, exchange

pytestmark = pytest.mark.asyncio(loop_scope="module")

MOST_BYTES = 1000
CONNECTIONS = 8


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    port, database = free_port(), tmp_path_factory.mktemp("limits") / "tasks.db"
    limits = {
        "--max-message-bytes": MOST_BYTES,
        "--streams-per-owner": 2,
        "--runs-per-owner": 2,
        "--rate": 20,
        "--connections": CONNECTIONS,
        "--drain": 0,
    }
    arguments = ["-m", "actors", "serve", "tests.a2a.agents:Actor", "--port", str(port)]
    arguments += ["--grpc-port", "0", "--database", str(Path(database))]
    arguments += [str(each) for pair in limits.items() for each in pair]
    async with asyncio.timeout(30), running(arguments, port) as started:
        yield started


def message(text: str) -> dict[str, Any]:
    return {"message": {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": text}]}}


async def send(server: Server, text: str) -> httpx.Response:
    return await server.client.post("/rest/message:send", json=message(text), headers=sse.HEADERS)


async def test_bytes_of_a_message(server: Server) -> None:
    large = await send(server, "work " + "x" * MOST_BYTES)
    assert large.status_code == 400
    assert f"bytes, {MOST_BYTES} are allowed" in large.json()["error"]["message"]
    larger = await send(server, "work " + "x" * 2 * MOST_BYTES)
    assert larger.status_code == 413
    assert (await send(server, "work")).status_code == 200


async def test_runs_and_streams_of_an_owner(server: Server) -> None:
    def stream() -> Any:
        return server.client.stream(
            "POST", "/rest/message:stream", json=message("wait"), headers=sse.HEADERS
        )

    async with stream() as first, stream() as second:
        assert (first.status_code, second.status_code) == (200, 200)
        async with stream() as third:
            assert (third.status_code, third.headers["retry-after"]) == (429, "1")
            said = (await third.aread()).decode()
        assert "2 open streams" in said
        refused = await send(server, "work")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert "works on 2 messages of yours" in refused.text


async def test_rate_of_an_owner(server: Server) -> None:
    for _ in range(500):
        found = await server.client.get("/rest/tasks/none", headers=sse.HEADERS)
        if found.status_code == 429:
            break
        assert found.status_code == 404
    else:
        pytest.fail("nobody has noticed")
    assert found.headers["retry-after"] == "1"
    assert "More than 20 requests per second" in found.json()["error"]["message"]


async def test_connections(server: Server) -> None:
    request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    idle = [await connect(server.port) for _ in range(CONNECTIONS)]
    refused = await exchange(server.port, request)
    assert refused.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    for peer in idle:
        peer.transport.abort()
        await peer.closed
