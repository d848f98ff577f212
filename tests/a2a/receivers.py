"""Receivers of webhooks on real sockets, which answer whatever a test wants, byte for byte."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True)
class Got:
    """One request as it came."""

    line: str
    headers: dict[str, str]
    body: bytes


def status(code: int, *headers: str, body: bytes = b"") -> Answer:
    """Answer with a status, and keep the connection."""
    phrase = HTTPStatus(code).phrase if code in set(HTTPStatus) else "Odd"
    lines = (f"HTTP/1.1 {code} {phrase}", *headers, f"Content-Length: {len(body)}", "", "")

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write("\r\n".join(lines).encode() + body)
        await writer.drain()

    return answer


def raw(data: bytes, *, close: bool = False) -> Answer:
    """Answer with these bytes, and no more."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        if close:
            writer.close()

    return answer


def endless(start: bytes, more: bytes) -> Answer:
    """Answer with `start`, and `more` for as long as anybody reads."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        while True:
            writer.write(more)
            await writer.drain()
            await asyncio.sleep(0)  # a drain that need not wait does not let others run

    return answer


class Receiver:
    """Notes requests, and answers each with the next of `answers`; after the last one, with 200."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.got: list[Got] = []
        self.connections = 0
        self.asked: asyncio.Queue[Got] = asyncio.Queue()
        self.gone: asyncio.Queue[None] = asyncio.Queue()
        """One for each connection that has ended."""
        self.port = 0
        self._open: set[asyncio.Task[None]] = set()

    def url(self, host: str = "127.0.0.1", path: str = "/", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await self._request(reader)
                answer = self.answers.pop(0) if self.answers else status(200)
                await answer(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.gone.put_nowait(None)
        finally:
            writer.transport.abort()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _request(self, reader: asyncio.StreamReader) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *fields = head.rstrip().split("\r\n")
        headers = {name.lower(): value for name, value in (f.split(": ", 1) for f in fields)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        got = Got(line, headers, body)
        self.got.append(got)
        self.asked.put_nowait(got)

    async def close(self) -> None:
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)


@asynccontextmanager
async def receiving(
    *answers: Answer, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Receiver]:
    """A receiver on a port of its own, for the length of the block."""
    receiver = Receiver(*answers)
    server = await asyncio.start_server(receiver.accept, host, port, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        await receiver.close()
