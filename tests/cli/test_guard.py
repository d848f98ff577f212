"""Connections that ask nothing, ask it too slowly or read no answer, and too many of them."""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from actors.cli.guard import HEADER_BYTES, UNREAD_BYTES, connections, guarded
from actors.cli.serve import _bound as bound
from tests.sockets import PATIENCE, Peer, connect, exchange, listening

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.fixture
def gate() -> asyncio.Event:
    return asyncio.Event()


@pytest.fixture
async def port(gate: asyncio.Event) -> AsyncIterator[int]:
    async def answer(request: Request) -> PlainTextResponse:
        if request.url.path == "/late":
            await gate.wait()
        return PlainTextResponse("here")

    app = Starlette(routes=[Route("/{path:path}", answer)])
    async with listening(app, http=guarded(3, 0.05)) as found:
        yield found


async def closed(peer: Peer) -> bytes:
    async with asyncio.timeout(PATIENCE):
        await peer.closed
    return bytes(peer.got)


async def test_who_asks_nothing_is_let_go(port: int) -> None:
    assert await exchange(port, b"") == b""


async def test_who_asks_too_slowly_is_let_go(port: int) -> None:
    """A byte now and then buys no time."""
    peer, sent = await connect(port), 0
    async with asyncio.timeout(PATIENCE):
        while not peer.closed.done():
            peer.transport.write(REQUEST[sent % 20 : sent % 20 + 1].replace(b"\r", b"-"))
            sent += 1
            await asyncio.wait({peer.closed}, timeout=0.01)
    assert peer.got == b""
    assert sent > 2


async def test_headers_without_an_end() -> None:
    """Where the parser has no bound of its own, as httptools'."""
    lenient = 2**30
    async with listening(
        Starlette(), http=guarded(3, PATIENCE), h11_max_incomplete_event_size=lenient
    ) as port:
        got = await exchange(port, REQUEST[:-2] + b"x: y\r\n" * HEADER_BYTES)
        assert got == b""
        got = await exchange(port, LAST[:-2] + b"x: y\r\n" * 1000 + b"\r\n")
        assert got.startswith(b"HTTP/1.1 404")


async def test_many_requests_are_no_large_one(port: int) -> None:
    large = REQUEST[:-2] + b"x: y\r\n" * 500 + b"\r\n"
    requests = 2 * HEADER_BYTES // len(large)
    got = await exchange(port, large * requests + LAST)
    assert got.count(b"HTTP/1.1 200 OK") == requests + 1


async def test_the_second_request_is_waited_for_no_longer_than_the_first(port: int) -> None:
    peer = await connect(port)
    peer.transport.write(REQUEST + b"GET / HT")
    got = await closed(peer)
    assert got.count(b"HTTP/1.1 200 OK") == 1
    assert got.endswith(b"here")


async def test_who_has_asked_is_answered_however_long_it_takes(
    port: int, gate: asyncio.Event
) -> None:
    peer = await connect(port)
    peer.transport.write(LAST.replace(b"/", b"/late", 1))
    assert await exchange(port, b"GET") == b""  # the time is up, for whoever has not asked
    assert not peer.closed.done()
    gate.set()
    assert (await closed(peer)).endswith(b"here")


async def test_too_many(port: int, gate: asyncio.Event) -> None:
    waiting = [await connect(port) for _ in range(3)]
    for peer in waiting:
        peer.transport.write(LAST.replace(b"/", b"/late", 1))
    refused = await exchange(port, LAST)
    assert refused.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"\r\nRetry-After: 1\r\n" in refused
    assert refused.endswith(b"as many connections as it may have: try again in a second.\n")
    gate.set()
    for peer in waiting:
        assert (await closed(peer)).endswith(b"here")
    assert (await exchange(port, LAST)).endswith(b"here")


LARGE = b"x" * 8_000_000


async def large(request: Request) -> PlainTextResponse:
    return PlainTextResponse(LARGE if request.url.path == "/" else "here")


@pytest.mark.parametrize("asked", [REQUEST, LAST, REQUEST * 2])
async def test_who_reads_no_answer_is_cut_off(asked: bytes) -> None:
    """Kept alive, about to be closed, or asking for more meanwhile."""
    ended = asyncio.Event()

    class Watched(guarded(3, PATIENCE, 0.05)):  # type: ignore[misc] # a class made at run time
        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            ended.set()

    app = Starlette(routes=[Route("/", large)])
    async with listening(app, send_buffer=2**16, http=Watched, timeout_keep_alive=60) as port:
        peer = await connect(port)
        peer.transport.pause_reading()
        peer.transport.write(asked)
        async with asyncio.timeout(PATIENCE):
            await ended.wait()
        peer.transport.resume_reading()
        assert len(await closed(peer)) < len(LARGE)


class Scripted:
    """A transport that says how much is unread as it is told to; at the end, nothing."""

    def __init__(self, transport: asyncio.Transport, unread: list[int]) -> None:
        self._transport, self._unread = transport, unread

    def get_write_buffer_size(self) -> int:
        return self._unread.pop(0) if self._unread else 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._transport, name)


@pytest.mark.parametrize(
    ("unread", "left"),
    [
        ([0, 5 * UNREAD_BYTES, 4 * UNREAD_BYTES, 3 * UNREAD_BYTES, 2 * UNREAD_BYTES, 9, 0], 0),
        ([0, 9, 8, 7], 1),
        ([0, 5 * UNREAD_BYTES, 4 * UNREAD_BYTES + 1, 7], 1),
    ],
)
async def test_who_reads_slowly_is_waited_for(unread: list[int], left: int) -> None:
    """The first is asked for as the request comes; then at the end of the answer, and each time."""

    class Judging(guarded(3, PATIENCE, 0.01)):  # type: ignore[misc] # a class made at run time
        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(Scripted(transport, unread))

    app = Starlette(routes=[Route("/{path:path}", large)])
    async with listening(app, http=Judging, timeout_keep_alive=60) as port:
        peer = await connect(port)
        peer.transport.write(REQUEST.replace(b"/", b"/small", 1))
        async with asyncio.timeout(PATIENCE):
            while len(unread) > left:
                await asyncio.wait({peer.closed}, timeout=0.01)
        if not left:
            peer.transport.write(LAST.replace(b"/", b"/small", 1))
        assert (await closed(peer)).count(b"HTTP/1.1 200 OK") == (1 if left else 2)
        assert len(unread) == left


async def test_no_answer_waits_for_the_client_to_acknowledge_the_half_of_it() -> None:
    """Nagle's algorithm is off; asyncio sees to that where a socket says that it is of TCP."""
    accepted = asyncio.get_running_loop().create_future()

    def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sock = writer.get_extra_info("socket")
        accepted.set_result(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    sock = bound("127.0.0.1", 0)
    async with await asyncio.start_server(greet, sock=sock):
        assert await exchange(sock.getsockname()[1], b"") == b""
    assert accepted.result() != 0


@pytest.mark.parametrize(
    ("soft", "hard", "wanted", "raised", "found"),
    [
        (1024, 4096, 100, None, 100),
        (1024, 4096, 2000, 2128, 2000),
        (1024, 4096, 10_000, 4096, 3968),
        (1024, 1024, 10_000, None, 896),
        (1024, resource.RLIM_INFINITY, 10_000, 10_128, 10_000),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, 10_000, None, 10_000),
        (64, 64, 10_000, None, 1),
    ],
)
def test_as_many_files_as_needed_and_allowed(
    monkeypatch: pytest.MonkeyPatch,
    soft: int,
    hard: int,
    wanted: int,
    raised: int | None,
    found: int,
) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: asked.append(limits))
    assert connections(wanted) == found
    assert asked == ([] if raised is None else [(raised, hard)])
