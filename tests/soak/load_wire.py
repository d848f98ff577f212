"""How clients under load talk: calls on connections that are kept, streams on their own.

Neighbours: `tests/bench/suite/rawclient.py` (the connections), `load_sessions.py` (what is said).
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from tests.bench.suite.rawclient import Connection, connect, jsonrpc

KEPT_SECONDS: Final = 2.0
"""For which a connection may be idle; servers hang up after five, and must not do so meanwhile."""

_ID: Final = re.compile(rb"^id: (\d+)$", re.MULTILINE)
_CHUNK: Final = re.compile(rb'"text": ?"chunk (\d+) (\d+)"')
_STATE: Final = re.compile(rb'"state": ?"TASK_STATE_(\w+)"')
_RETRYABLE: Final = re.compile(rb'"retryable": ?true')
_TASK: Final = re.compile(rb'"(?:task": ?\{"id|taskId)": ?"([^"]+)"')


class WrongError(Exception):
    """The server answered what it must not answer."""


class RefusedError(Exception):
    """The server has too much to do, and says when to come again."""


class Line:
    """What all clients have in common: where the server is, and connections to it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._idle: deque[tuple[float, Connection]] = deque()

    async def call(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Return the result of a call.

        Raises:
            RefusedError: it is to be tried again later.
            WrongError: it is an error.
            DisconnectedError: there was no answer.
        """
        connection = await self._connection()
        body = await connection.call(jsonrpc(method, params))
        self._idle.append((time.monotonic(), connection))
        answer: dict[str, Any] = json.loads(body)
        if connection.status != 200 or "result" not in answer:
            raise _error(connection.status, body)
        result: dict[str, Any] = answer["result"]
        return result

    async def _connection(self) -> Connection:
        while self._idle:
            since, connection = self._idle.pop()
            if time.monotonic() - since < KEPT_SECONDS:
                return connection
            connection.close()
        return await connect(self.port)

    def close(self) -> None:
        """Hang up where nobody talks."""
        while self._idle:
            self._idle.pop()[1].close()


def _error(status: int, body: bytes) -> Exception:
    """Return what an answer that is no result means."""
    kind = RefusedError if _RETRYABLE.search(body) else WrongError
    return kind(f"answered with {status}: {body[:500]!r}")


@dataclass(slots=True)
class Stream:
    """What a client has of the stream of a task, on however many connections one after the other.

    Attributes:
        line: where to.
        arrived: is told the seconds that a chunk took which was sent while somebody read.
        task: its id, once known.
        last: the number of the last event.
        chunks: how many have come, each in its turn.
        state: of the task, as last told.
        began: when the first event came, by `time.monotonic`.
    """

    line: Line
    arrived: Callable[[float], object]
    task: str = ""
    last: int = 0
    chunks: int = 0
    state: str = ""
    began: float = 0.0
    _connection: Connection | None = None
    _since: int = 0
    _rest: bytes = b""
    _enough: int | None = None
    _heard: asyncio.Future[None] | None = None
    _wrong: list[str] = field(default_factory=list)

    async def read(self, request: bytes, until: int | None = None) -> None:
        """Send a request and read to the end of the stream, or to a number of chunks.

        Raises:
            RefusedError: it is to be tried again later.
            WrongError: what came is not the stream.
            DisconnectedError: the server hung up.
        """
        self._rest, self._enough, self._since = b"", until, time.monotonic_ns()
        self._connection = await connect(self.line.port)
        self._heard = asyncio.get_running_loop().create_future()
        over = self._connection.send(request, self._take)
        try:
            await asyncio.wait((over, self._heard), return_when=asyncio.FIRST_COMPLETED)
            if over.done() and (over.result() != 200 or self._rest):  # what is no event is left
                raise _error(over.result(), self._rest)
        finally:
            self.leave()
            over.cancel()
        if self._wrong:
            raise WrongError("; ".join(self._wrong[:3]))

    def leave(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()

    def _take(self, piece: bytes) -> None:
        whole = (self._rest + piece).replace(b"\r\n", b"\n")
        *events, self._rest = whole.split(b"\n\n")
        for event in events:
            self._event(event)
        enough = self._enough is not None and self.chunks >= self._enough
        if (enough or self._wrong) and self._heard is not None and not self._heard.done():
            self._heard.set_result(None)

    def _event(self, event: bytes) -> None:
        if event.startswith(b":"):
            return  # to keep the connection alive
        number = _ID.search(event)
        if number is None or b'"error":' in event:
            self._wrong.append(f"no event of a task: {event[:500]!r}")
            return
        if int(number[1]) <= self.last:
            self._wrong.append(f"event {int(number[1])} came after {self.last}")
        self.last = int(number[1])
        self.began = self.began or time.monotonic()
        if chunk := _CHUNK.search(event):
            self._chunk(int(chunk[1]), int(chunk[2]))
            return
        if state := _STATE.search(event):
            self.state = state[1].decode()
        if not self.task and (task := _TASK.search(event)):
            self.task = task[1].decode()

    def _chunk(self, number: int, sent: int) -> None:
        if number != self.chunks:
            self._wrong.append(f"chunk {number} came in place of {self.chunks}")
        self.chunks += 1
        if sent > self._since:
            self.arrived((time.monotonic_ns() - sent) / 1e9)
