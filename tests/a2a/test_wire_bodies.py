"""Bodies over real sockets: too large, too slow, cut short; refused as each binding says it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import grpc
import httpx
import pytest
import pytest_asyncio
from a2a.client.errors import A2AClientError
from a2a.client.transports.jsonrpc import JsonRpcTransport
from a2a.client.transports.rest import RestTransport
from a2a.types import SendMessageRequest
from a2a.types.a2a_pb2_grpc import A2AServiceStub
from a2a.utils.errors import InvalidRequestError
from starlette.applications import Starlette

from actors.a2a import Limits, RequestHandler
from actors.a2a.grpc_server import grpc_server
from actors.a2a.wire import jsonrpc_routes, rest_routes
from actors.storage import MemoryJournal
from tests.a2a.agents import Actor, ask, card
from tests.servers import free_port
from tests.sockets import PATIENCE, connect, exchange, listening
from tests.sse import HEADERS

MOST = 2000
PATHS = ("/", "/rest/message:send", "/rest/message:stream", "/rest/acme/message:send")
OLD_PATHS = ("/rest/v1/message:send",)


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def playing() -> Actor:
    return Actor()


@pytest.fixture
def agent(playing: Actor) -> Actor:
    playing.contexts.clear()
    return playing


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def port(playing: Actor) -> AsyncIterator[int]:
    limits = Limits(body_bytes=MOST, body_seconds=0.1)
    handler = RequestHandler(playing, None, card(), journal=MemoryJournal(), limits=limits)
    routes = [
        *rest_routes(handler, "/rest", enable_v0_3_compat=True),
        *jsonrpc_routes(handler, "/", enable_v0_3_compat=True),
    ]
    await handler.start()  # here, since its actors live longer than one test
    async with listening(Starlette(routes=routes)) as found:
        yield found
    await handler.aclose()


def head(path: str, *more: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", "A2A-Version: 1.0", *more, "", ""]
    return "\r\n".join(lines).encode()


def answer(raw: bytes) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Status, headers and body of a response after which the server has hung up."""
    above, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = above.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(first.split()[1]), headers, json.loads(body)


def check(raw: bytes, path: str, status: int, text: str) -> None:
    found, headers, body = answer(raw)
    assert found == status
    assert headers["connection"] == "close"
    assert text in body["error"]["message"]
    if path == "/":
        assert (body["error"]["code"], body["id"], body["jsonrpc"]) == (-32600, None, "2.0")
        reason = body["error"]["data"][0]["reason"]
    else:
        assert body["error"]["code"] == status
        reason = body["error"]["details"][0]["reason"]
    assert reason == "INVALID_REQUEST"


@pytest.mark.parametrize("path", [*PATHS, *OLD_PATHS])
async def test_r100_a_body_that_says_it_is_too_large(port: int, path: str, agent: Actor) -> None:
    """It is not waited for."""
    raw = await exchange(port, head(path, f"Content-Length: {MOST + 1}"))
    check(raw, path, 413, f"{MOST + 1} bytes or more, {MOST} are allowed. Send large content by")
    assert agent.contexts == []


@pytest.mark.parametrize("path", [*PATHS, *OLD_PATHS])
async def test_r100_a_body_that_turns_out_too_large(port: int, path: str) -> None:
    """It comes in pieces without an end; what is over the limit is not read."""
    peer = await connect(port)
    peer.transport.write(head(path, "Transfer-Encoding: chunked"))
    sent = 0
    while not peer.closed.done() and sent < 100 * MOST:
        peer.transport.write(b"%x\r\n%b\r\n" % (MOST // 4, b"x" * (MOST // 4)))
        sent += MOST // 4
        await asyncio.wait({peer.closed}, timeout=0.01)
    assert sent < 100 * MOST
    check(bytes(peer.got), path, 413, f"{MOST} are allowed")


@pytest.mark.parametrize("path", PATHS)
async def test_a_body_that_is_just_as_large_as_allowed(port: int, path: str) -> None:
    params = {"message": {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "work"}]}}
    body = json.dumps(
        {"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": params}
        if path == "/"
        else params
    ).encode()
    body += b" " * (MOST - len(body))
    raw = await exchange(port, head(path, f"Content-Length: {MOST}", "Connection: close") + body)
    assert raw.startswith(b"HTTP/1.1 200 OK\r\n"), raw
    assert b"TASK_STATE_COMPLETED" in raw


@pytest.mark.parametrize("path", [*PATHS, *OLD_PATHS])
@pytest.mark.parametrize("so_far", [b"", b'{"message":'])
async def test_a_body_that_does_not_come(port: int, path: str, so_far: bytes, agent: Actor) -> None:
    raw = await exchange(port, head(path, "Content-Length: 1000") + so_far)
    check(raw, path, 408, "The request was not complete after 0.1 s. Send it faster")
    assert agent.contexts == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/rest/v1/card"),
        ("GET", "/rest/v1/tasks/x"),
        ("GET", "/rest/tasks/x"),
        ("DELETE", "/rest/tasks/x/pushNotificationConfigs/y"),
    ],
)
async def test_r100_a_body_where_none_is_expected(port: int, method: str, path: str) -> None:
    asked = head(path, "Transfer-Encoding: chunked").replace(b"POST", method.encode(), 1)
    raw = await exchange(port, asked + b"%x\r\n%b\r\n" % (MOST + 1, b"x" * (MOST + 1)))
    check(raw, path, 413, f"{MOST} are allowed")
    raw = await exchange(port, asked + b"1\r\nx\r\n")
    check(raw, path, 408, "not complete after 0.1 s")


async def test_a_body_that_comes_a_byte_now_and_then(port: int) -> None:
    """Each byte is in time; all of them are not."""
    peer = await connect(port)
    peer.transport.write(head("/", "Content-Length: 1000"))
    async with asyncio.timeout(PATIENCE):
        while not peer.closed.done():
            peer.transport.write(b"{")
            await asyncio.wait({peer.closed}, timeout=0.01)
    check(bytes(peer.got), "/", 408, "not complete")


@pytest.mark.parametrize("path", PATHS)
async def test_who_leaves_in_the_middle_leaves_nothing(
    port: int, path: str, agent: Actor, caplog: pytest.LogCaptureFixture
) -> None:
    peer = await connect(port)
    peer.transport.write(head(path, "Content-Length: 1000") + b"{")
    peer.transport.close()
    await peer.closed
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        found = await client.get("/rest/tasks/none", headers=HEADERS)  # later on the same loop
    assert found.status_code == 404
    assert agent.contexts == []
    assert not [record for record in caplog.records if record.levelno > logging.WARNING]


async def test_what_the_sdks_client_says_of_it(port: int) -> None:
    large = ask("work " + "x" * MOST)
    base = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(headers=HEADERS) as http:
        with pytest.raises(InvalidRequestError, match=f"{MOST} are allowed"):
            await RestTransport(http, card(), f"{base}/rest").send_message(large)
        with pytest.raises(A2AClientError, match="413"):
            await JsonRpcTransport(http, card(), f"{base}/").send_message(large)


async def test_r100_over_grpc() -> None:
    limits = Limits(body_bytes=MOST)
    handler = RequestHandler(Actor(), None, card(), journal=MemoryJournal(), limits=limits)
    address = f"127.0.0.1:{free_port()}"
    server = await grpc_server(handler, address)
    async with grpc.aio.insecure_channel(address) as channel:
        stub: Any = A2AServiceStub(channel)  # type: ignore[no-untyped-call] # generated
        version = (("a2a-version", "1.0"),)

        async def send(request: SendMessageRequest) -> Any:
            return await stub.SendMessage(request, metadata=version)

        assert (await send(ask("work"))).task.id
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await send(ask("work " + "x" * MOST))
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    await server.stop(None)
    await handler.aclose()
