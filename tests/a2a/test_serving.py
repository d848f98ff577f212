"""The end of a server: SIGTERM stops the intake at once, and whoever is there gets an answer."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc.aio
import httpx
import pytest
import uvicorn
from a2a.types import Task, TaskState
from a2a.types.a2a_pb2_grpc import A2AServiceStub
from sse_starlette.sse import AppStatus
from starlette.applications import Starlette

from actors.a2a import Policy, RequestHandler
from actors.a2a.app import build_app
from actors.a2a.errors import DrainingError
from actors.a2a.serving import serving
from actors.a2a.wire import jsonrpc_routes
from actors.cli.serve import Server
from tests.a2a.agents import Actor, as_user, ask, card
from tests.a2a.watched import until
from tests.servers import free_port
from tests.sockets import Peer, connect, exchange

ME = as_user("me")
PATIENCE = 8.0


@pytest.fixture(autouse=True)
def _signals_end_servers_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AppStatus, "should_exit", False)


def build(agent: Actor, path: Path, drain: float) -> RequestHandler:
    policy = Policy.sdk(drain=drain)
    return RequestHandler(agent, None, card(), database=path / "tasks.db", policy=policy)


@asynccontextmanager
async def plain_uvicorn(app: Starlette) -> AsyncIterator[tuple[int, asyncio.Task[None]]]:
    """As `uvicorn app:app`: without a time limit; ended by signals, which it raises again."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, log_level="error"))
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    running = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(PATIENCE):
            await until(lambda: server.started)
            yield port, running
            await asyncio.shield(running)
    finally:
        server.should_exit = True
        for left in server.server_state.tasks:  # none, unless the test fails
            left.cancel()
        await running
        signal.signal(signal.SIGTERM, before)


def call(method: str, text: str) -> bytes:
    """A JSON-RPC request."""
    message = {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": text}]}
    said = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"message": message}}
    body = json.dumps(said).encode()
    head = "POST / HTTP/1.1\r\nHost: x\r\nA2A-Version: 1.0\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _reads(connection: object) -> bool:
    """Whether it has the headers of a request."""
    return getattr(connection, "cycle", None) is not None


async def refused(grpc_port: int) -> None:
    """See that the server takes nothing over gRPC.

    Raises:
        AssertionError: it has, after being told to end.
    """
    async with grpc.aio.insecure_channel(f"127.0.0.1:{grpc_port}") as channel:
        stub = A2AServiceStub(channel)  # type: ignore[no-untyped-call] # generated, has no types
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.SendMessage(ask("work"), metadata=(("a2a-version", "1.0"),))
    # Whichever comes first: the handler that ends, or gRPC's server, which cancels a call that has
    # reached it and not yet a handler, and is not there for those that come later.
    if caught.value.code() == grpc.StatusCode.INTERNAL:
        assert "try again shortly" in str(caught.value.details())
    else:
        assert caught.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


async def test_a_signal_stops_the_intake_and_who_is_there_is_answered(tmp_path: Path) -> None:
    agent, grpc_port = Actor(), free_port()
    handler = build(agent, tmp_path, 10)
    app = build_app(handler, card(), f"127.0.0.1:{grpc_port}")
    async with plain_uvicorn(app) as (port, running):
        sent = asyncio.create_task(exchange(port, call("SendMessage", "wait")))
        stream = asyncio.create_task(exchange(port, call("SendStreamingMessage", "wait")))
        await until(lambda: len(agent.contexts) == 2)
        signal.raise_signal(signal.SIGTERM)
        ending = app.state.ending
        await until(lambda: ending.begun)
        await refused(grpc_port)
        with pytest.raises(DrainingError):
            await handler.on_message_send(ask("work"), ME)
        assert not running.done()
        agent.gate.set()
        for answer in (await sent, await stream):
            assert b"TASK_STATE_COMPLETED" in answer
    assert len(agent.contexts) == 2


async def test_an_agent_that_does_not_return_keeps_neither_requests_nor_streams(
    tmp_path: Path,
) -> None:
    """Under plain uvicorn, which tells its application when no request is left, and not before."""
    agent = Actor()
    handler = build(agent, tmp_path, 0.7)  # longer than sse-starlette takes to notice

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with serving(handler):
            yield

    app = Starlette(routes=jsonrpc_routes(handler), lifespan=lifespan)
    async with plain_uvicorn(app) as (port, _):
        sent = asyncio.create_task(exchange(port, call("SendMessage", "wait")))
        stream = asyncio.create_task(exchange(port, call("SendStreamingMessage", "wait")))
        await until(lambda: len(agent.contexts) == 2)
        signal.raise_signal(signal.SIGTERM)
        answer, events = await sent, await stream
    assert b'"retryable":true' in answer
    assert b"event: error\r\n" in events
    assert events.endswith(b"0\r\n\r\n"), "not cut off"
    assert AppStatus.enable_automatic_graceful_drain, "as it was"


async def test_a_request_that_never_comes_whole_keeps_no_door_open(tmp_path: Path) -> None:
    """`actors serve` waits for its sender, and takes nothing from others meanwhile."""
    agent, grpc_port, port = Actor(), free_port(), free_port()
    handler = build(agent, tmp_path, 0)
    app = build_app(handler, card(), f"127.0.0.1:{grpc_port}")
    config = uvicorn.Config(app, port=port, log_config=None, log_level="error", lifespan="off")
    ready = asyncio.Event()
    async with asyncio.timeout(PATIENCE), app.router.lifespan_context(app):
        ending = app.state.ending
        server = Server(config, ending, ready.set)
        running = asyncio.create_task(server.serve())
        await ready.wait()
        slow: Peer = await connect(port)
        slow.transport.write(call("SendMessage", "work")[:-5])
        await until(lambda: any(_reads(each) for each in server.server_state.connections))
        server.should_exit = True
        await until(lambda: ending.begun)
        await refused(grpc_port)
        await ending.over()
        assert not running.done()
        slow.transport.write(call("SendMessage", "work")[-5:])
        await slow.closed
        await running
    assert b'"reason":"draining"' in slow.got
    assert not agent.contexts


async def test_what_its_server_has_ended_stays_closed(tmp_path: Path) -> None:
    handler = build(Actor(), tmp_path, 0)
    async with serving(handler):
        assert isinstance(await handler.on_message_send(ask("work"), ME), Task)
    for _ in range(2):
        with pytest.raises(DrainingError):
            await handler.on_message_send(ask("work"), ME)
        with pytest.raises(DrainingError):
            await handler.recovery()
    other = build(Actor(), tmp_path, 0)
    await other.start()  # nobody has the file
    await other.aclose()
    async with serving(handler):
        answer = await handler.on_message_send(ask("work"), ME)
    assert isinstance(answer, Task)
    assert answer.status.state == TaskState.TASK_STATE_COMPLETED


def test_another_loop_and_another_lifespan_begin_anew(tmp_path: Path) -> None:
    handler = build(Actor(), tmp_path, 0)
    app = build_app(handler, card())
    transport = httpx.ASGITransport(app)

    async def ready() -> int:
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            return (await client.get("/readyz")).status_code

    async def life() -> None:
        async with app.router.lifespan_context(app):
            assert await ready() == 200
        assert await ready() == 503

    async def work() -> None:
        assert isinstance(await handler.on_message_send(ask("work"), ME), Task)
        await handler.aclose()

    asyncio.run(life())
    asyncio.run(life())
    asyncio.run(work())


async def test_a_signal_that_nobody_handles_is_left_alone(tmp_path: Path) -> None:
    """It ends the process as ever."""
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    assert before[0] is signal.SIG_DFL
    async with serving(build(Actor(), tmp_path, 0)):
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before
