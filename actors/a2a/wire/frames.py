"""Streams as server-sent events; what errors and headers say.

Neighbours: `rest.py`, `jsonrpc.py` (let a reader in, then answer with this), `streams.py`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from contextvars import copy_context
from datetime import UTC, datetime
from math import ceil
from typing import Any, Final, NamedTuple

from a2a.server.context import ServerCallContext
from a2a.types import SendMessageRequest, StreamResponse, SubscribeToTaskRequest, Task
from a2a.utils.errors import A2AError, InvalidParamsError
from a2a.utils.task import apply_history_length
from google.protobuf.json_format import ParseError
from sse_starlette.sse import EventSourceResponse
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from actors.a2a.errors import RetryableError
from actors.a2a.handler import RequestHandler
from actors.a2a.said import in_stream
from actors.a2a.sequenced import Sequenced
from actors.a2a.streams import Stream
from actors.a2a.wire.silence import KeepAlive

logger = logging.getLogger("actors.a2a")

StreamParams = SendMessageRequest | SubscribeToTaskRequest
KEEP_ALIVE: Final = 15.0
"""Seconds of silence after which a stream sends a comment, so that no proxy takes it for dead."""

CHUNK: Final = 64 * 1024
"""Bytes that are sent in one go: of many small events, or of one that is large."""


async def let_in(
    handler: RequestHandler, params: StreamParams, context: ServerCallContext, request: Request
) -> Stream:
    """Return the numbered stream of either method, once the request is accepted."""
    after = _last_event_id(request)
    stream: Stream
    if isinstance(params, SubscribeToTaskRequest):
        stream = await handler.subscribed(params, context, after)
    else:
        stream = await handler.sent(params, context)
    return stream


class Frame(NamedTuple):
    """What a binding puts around the JSON of one event."""

    before: bytes
    after: bytes
    error: Callable[[Exception], dict[str, Any]]
    """Makes the whole of an error."""


class EventsResponse(EventSourceResponse):
    """Answers at once, then with each event as it comes; an error ends it as an event.

    Whatever becomes of the connection, before the first event too, the reader is let out.

    Args:
        stream: the events.
        params: the request.
        frame: what the binding puts around events.
        keep_alive: has comments sent while there is nothing else.
    """

    def __init__(
        self, stream: Stream, params: StreamParams, frame: Frame, keep_alive: KeepAlive
    ) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            try:
                while batch := await self._next():
                    for chunk in joined(_parts(batch, params, frame)):
                        yield chunk
                    del batch, chunk  # what follows may be hours away
            except Exception as raised:  # noqa: BLE001 - the stream says why it ends
                log(raised)
                await self._comment.settled()
                said = in_stream.plain(frame.error(raised))
                yield b"event: error\r\ndata: %b\r\n\r\n" % said

        super().__init__(chunks(), ping=0)  # one timer for all streams, not a task for each
        self._stream = stream
        self._silent = keep_alive.here()
        self._comment = Comment()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        self._comment.send = send
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._comment.stop()
            self._stream.close()

    async def _next(self) -> Sequence[Sequenced]:
        """Return the next events; until they are there, the stream is silent."""
        self._silent.begin(self._comment)
        try:
            batch = await self._stream.batch()
        finally:
            self._silent.end(self._comment)
        await self._comment.settled()
        return batch


class Comment:
    """Sends a comment when it is called; while the last one waits for the client, none.

    Attributes:
        send: of the connection.
    """

    __slots__ = ("_sending", "_variables", "send")

    send: Send

    def __init__(self) -> None:
        self._sending: asyncio.Task[None] | None = None
        self._variables = copy_context()

    def __call__(self) -> None:
        """Send one, in a task: whoever calls may not wait."""
        if self._sending is None or self._sending.done():
            loop = asyncio.get_running_loop()
            self._sending = loop.create_task(self._send(), context=self._variables.copy())

    async def _send(self) -> None:
        said = b": ping - %b\r\n\r\n" % str(datetime.now(UTC)).encode()
        with suppress(OSError):  # its client is gone, which the stream is told, too
            await self.send({"type": "http.response.body", "body": said, "more_body": True})

    async def settled(self) -> None:
        """Wait for the one under way: in the middle of an event it would be part of its JSON."""
        if self._sending is not None and not self._sending.done():
            await asyncio.wait({self._sending})

    def stop(self) -> None:
        """Give up what is not sent yet."""
        if self._sending is not None:
            self._sending.cancel()


def _parts(batch: Sequence[Sequenced], params: StreamParams, frame: Frame) -> Iterator[bytes]:
    """Yield the bytes of some events; JSON, which has no line breaks, is one line of data."""
    trims = isinstance(params, SendMessageRequest) and params.configuration.HasField(
        "history_length"
    )
    for each in batch:
        name = b"event: snapshot\r\n" if each.snapshot else b""
        yield b"id: %d\r\n%bdata: %b" % (each.seq, name, frame.before)
        yield _trimmed(each, params) if trims else each.json
        yield frame.after


def _trimmed(sequenced: Sequenced, params: Any) -> bytes:
    """Apply the history length that a sender asked for."""
    event = sequenced.event
    if not event.HasField("task"):
        return sequenced.json
    task: Task = apply_history_length(event.task, params.configuration)
    return in_stream(StreamResponse(task=task))


def joined(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Join small parts, and cut large ones, into what is sent in one go.

    A reader that stalls in the middle of a large event holds one piece of it for itself; the event
    is the same for all readers.
    """
    waiting: list[bytes] = []
    size = 0
    for part in parts:
        if size + len(part) > CHUNK:
            yield from _whole(waiting)
            waiting, size = [], 0
        for at in range(0, len(part) - CHUNK, CHUNK):
            yield part[at : at + CHUNK]
        rest = part[-(len(part) % CHUNK or CHUNK) :] if len(part) > CHUNK else part
        waiting.append(rest)
        size += len(rest)
    yield from _whole(waiting)


def _whole(parts: list[bytes]) -> Iterator[bytes]:
    if parts:
        yield b"".join(parts)


def _last_event_id(request: Request) -> int | None:
    value = request.headers.get("last-event-id")
    if not value:
        return None
    if not (value.isascii() and value.isdigit() and len(value) < 19):
        raise InvalidParamsError(
            f"Last-Event-ID {value[:40]!r} is not one of ours: send the id of the last event that "
            "was received, a decimal number, or leave the header out to begin with the Task."
        )
    return int(value)


def log(raised: Exception) -> None:
    """Log what is nobody's answer: what a user's own parts raised, or we."""
    if not isinstance(raised, A2AError | ParseError):
        logger.error("a request ended with an error", exc_info=raised)


def retry_after(error: Exception) -> dict[str, str]:
    """Return the header that says when another try makes sense, if it does."""
    if isinstance(error, RetryableError):
        return {"Retry-After": str(max(1, ceil(error.after_ms / 1000)))}
    return {}
