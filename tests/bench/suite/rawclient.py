"""An HTTP/1.1 client that costs next to nothing, so that the server is what a load measures.

It writes prepared bytes on a connection that is kept and parses what it must: the status, where an
answer ends (`Content-Length`, chunks), and nothing of its body. A full client library stops near
300 requests a second.

Neighbours: `http.py` (measures with it), `tests/soak/load*.py` (load for half an hour).
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable
from typing import Any, Final

HOST: Final = "127.0.0.1"
Sink = Callable[[bytes], object]
"""Takes the body of an answer, piece by piece, without its framing."""

_NUMBERS = itertools.count()
_MARK: Final = "@@message-id@@"
"""As long as any id of `Template`, so that the length of the request stays."""


class DisconnectedError(ConnectionError):
    """The connection ended before the answer did."""


class Connection(asyncio.Protocol):
    """One connection, which has at most one request under way.

    Attributes:
        status: of the answer that arrives or has arrived; 0 before its first line.
    """

    def __init__(self) -> None:
        self.status = 0
        self._transport: asyncio.Transport
        self._buffer = bytearray()
        self._left: int | None = None
        """Bytes of the body to come; None: the head is awaited, or the body comes in chunks."""
        self._chunked = False
        self._sink: Sink = _ignore
        self._answer: asyncio.Future[int] | None = None

    def send(self, request: bytes, sink: Sink) -> asyncio.Future[int]:
        """Send a request; returns what becomes the status once the whole answer is here.

        Args:
            request: all its bytes.
            sink: takes the body.

        Raises:
            DisconnectedError: by the future; the server has closed the connection.
        """
        self.status, self._left, self._chunked = 0, None, False
        self._sink = sink
        answer = self._answer = asyncio.get_running_loop().create_future()
        if self._transport.is_closing():
            self.connection_lost(None)
        else:
            self._transport.write(request)
        return answer

    async def call(self, request: bytes) -> bytes:
        """Return the body of the answer to a request; `status` is set."""
        body = bytearray()
        await self.send(request, body.extend)
        return bytes(body)

    def close(self) -> None:
        """Hang up at once, in the middle of an answer too."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be connected."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        """Tell whoever waits for an answer."""
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_exception(DisconnectedError(f"the server hung up: {error or 'end of file'}"))

    def data_received(self, data: bytes) -> None:
        """Take what has arrived as far as it is whole."""
        self._buffer += data
        if not self.status and not self._head():
            return
        if self._chunked:
            self._chunks()
        elif self._left is not None:
            self._plain(self._left)

    def _head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = bytes(self._buffer[:end]).lower()
        del self._buffer[: end + 4]
        self.status = int(head[9:12])
        self._chunked = b"transfer-encoding: chunked" in head
        if not self._chunked:
            self._left = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        return True

    def _plain(self, left: int) -> None:
        piece = bytes(self._buffer)
        self._buffer.clear()
        self._left = left - len(piece)
        if piece:
            self._sink(piece)
        if self._left == 0:
            self._ended()

    def _chunks(self) -> None:
        buffer, at = self._buffer, 0
        while (line := buffer.find(b"\r\n", at)) >= 0:
            size = int(buffer[at:line], 16)
            end = line + 2 + size
            if len(buffer) < end + 2:
                break
            at = end + 2
            if size == 0:
                self._ended()
                break
            self._sink(bytes(buffer[line + 2 : end]))
        del buffer[:at]

    def _ended(self) -> None:
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_result(self.status)


class Counter:
    """Counts the events of a stream, and keeps its end.

    Attributes:
        events: whole or begun.
        last: the last bytes, with the last event if that is small.
    """

    NEEDLE: Final = b"data: "

    def __init__(self) -> None:
        self.events = 0
        self.last = b""

    def __call__(self, piece: bytes) -> None:
        """Take a piece of the body."""
        if self.last:  # a piece may end in the middle of what is looked for
            edge = self.last[1 - len(self.NEEDLE) :] + piece[: len(self.NEEDLE) - 1]
            self.events += edge.count(self.NEEDLE)
        self.events += piece.count(self.NEEDLE)
        self.last = piece if len(piece) >= 1024 else (self.last + piece)[-1024:]


class Template:
    """JSON-RPC requests that differ in the id of their message only; made at the price of a join.

    Args:
        method: of the protocol.
        text: of the message: what the agent is to do.
        more: other members of the parameters.
    """

    def __init__(self, method: str, text: str, **more: Any) -> None:
        message = {"messageId": _MARK, "role": "ROLE_USER", "parts": [{"text": text}]}
        whole = jsonrpc(method, {"message": message, **more})
        self._before, _, self._after = whole.partition(_MARK.encode())

    def next(self) -> bytes:
        """Return the bytes of a request with an id that no other has."""
        number = b"m%0*d" % (len(_MARK) - 1, next(_NUMBERS))
        return b"".join((self._before, number, self._after))


def jsonrpc(method: str, params: dict[str, Any], *headers: str) -> bytes:
    """Return the bytes of a JSON-RPC request.

    Args:
        method: of the protocol.
        params: its parameters, as JSON has them.
        headers: lines besides those that every request has.
    """
    call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    body = json.dumps(call, separators=(",", ":"))
    lines = (
        "POST / HTTP/1.1",
        f"Host: {HOST}",
        "Content-Type: application/json",
        "A2A-Version: 1.0",
        f"Content-Length: {len(body)}",
        *headers,
    )
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


async def connect(port: int) -> Connection:
    """Return a connection to this machine."""
    _, made = await asyncio.get_running_loop().create_connection(Connection, HOST, port)
    return made


def _ignore(_: bytes) -> None:
    """Take a body that nobody waits for."""
