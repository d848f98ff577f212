"""Streams as server-sent events; what errors and headers say.

Neighbours: `rest.py`, `jsonrpc.py` (let a reader in, then answer with this), `streams.py`.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from math import ceil
from typing import Any, Final

from a2a.server.context import ServerCallContext
from a2a.types import SendMessageRequest, SubscribeToTaskRequest, Task
from a2a.utils import json_utils
from a2a.utils.errors import A2AError, InvalidParamsError
from a2a.utils.task import apply_history_length
from google.protobuf.json_format import MessageToDict, ParseError
from sse_starlette.event import ServerSentEvent
from sse_starlette.sse import EventSourceResponse
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from actors.a2a.answers import Sequenced
from actors.a2a.errors import RetryableError
from actors.a2a.handler import RequestHandler
from actors.a2a.streams import Stream

logger = logging.getLogger("actors.a2a")

StreamParams = SendMessageRequest | SubscribeToTaskRequest
KEEP_ALIVE: Final = 15.0
"""Seconds of silence after which a stream sends a comment, so that no proxy takes it for dead."""


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


class EventsResponse(EventSourceResponse):
    """Answers at once, then with each event as it comes; an error ends it as an event.

    Whatever becomes of the connection, before the first event too, the reader is let out.

    Args:
        stream: the events.
        params: the request.
        frame: puts the JSON of one event into the frame of the binding.
        error: makes the frame of an error.
        keep_alive: seconds of silence between comments.
    """

    def __init__(
        self,
        stream: Stream,
        params: StreamParams,
        frame: Callable[[dict[str, Any]], dict[str, Any]],
        error: Callable[[Exception], dict[str, Any]],
        keep_alive: float,
    ) -> None:
        async def events() -> AsyncIterator[ServerSentEvent]:
            try:
                async for sequenced in stream:
                    yield _event(_trimmed(sequenced, params), frame)
            except Exception as raised:  # noqa: BLE001 - the stream says why it ends
                log(raised)
                yield ServerSentEvent(json_utils.dumps(error(raised)), event="error")

        super().__init__(events(), ping=keep_alive)
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._stream.aclose()


def _trimmed(sequenced: Sequenced, params: StreamParams) -> Sequenced:
    """Apply the history length that a sender asked for."""
    if isinstance(params, SendMessageRequest) and sequenced.event.HasField("task"):
        task: Task = apply_history_length(sequenced.event.task, params.configuration)
        if task is not sequenced.event.task:
            sequenced.event.task.CopyFrom(task)
    return sequenced


def _event(
    sequenced: Sequenced, frame: Callable[[dict[str, Any]], dict[str, Any]]
) -> ServerSentEvent:
    name = "snapshot" if sequenced.snapshot else None
    said = frame(MessageToDict(sequenced.event))
    return ServerSentEvent(json_utils.dumps(said), event=name, id=str(sequenced.seq))


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
