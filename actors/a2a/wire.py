"""Our own SSE routes for streams, with ids; everything else is left to the SDK's routes.

`SendStreamingMessage` and `SubscribeToTask`, over JSON-RPC and REST, carry the sequence number of
each event as its SSE `id`; `Last-Event-ID` on a subscription resumes after that event, also when
the task has ended by now. Where the events after it are no longer kept, the stream says so: it
begins with the Task, under the SSE event name `snapshot`. Comments keep silent connections open.
Frames are otherwise those of the SDK, so its client reads them.

Whatever is not a well-formed request for one of these methods falls through to the SDK's
dispatcher, which then says what is wrong with it.

Neighbours: `handler.py` (numbered streams), `app.py` (mounts the routes).
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from a2a.server.context import ServerCallContext
from a2a.server.jsonrpc_models import InternalError, JSONRPCError
from a2a.server.request_handlers.response_helpers import build_error_response
from a2a.server.routes import create_rest_routes
from a2a.server.routes.common import DefaultServerCallContextBuilder, ServerCallContextBuilder
from a2a.server.routes.jsonrpc_dispatcher import JsonRpcDispatcher
from a2a.types import SendMessageRequest, SubscribeToTaskRequest, Task
from a2a.utils import constants, json_utils
from a2a.utils.error_handlers import build_rest_error_payload
from a2a.utils.errors import A2AError, InvalidParamsError
from a2a.utils.task import apply_history_length
from a2a.utils.version_validator import validate_version
from google.protobuf.json_format import MessageToDict, Parse, ParseDict, ParseError
from sse_starlette.event import ServerSentEvent
from sse_starlette.sse import EventSourceResponse
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Receive, Scope, Send

from actors.a2a.answers import Sequenced
from actors.a2a.errors import RetryableError
from actors.a2a.handler import RequestHandler
from actors.a2a.streams import Stream

logger = logging.getLogger("actors.a2a")

Params = SendMessageRequest | SubscribeToTaskRequest
KEEP_ALIVE = 15.0
"""Seconds of silence after which a stream sends a comment, so that no proxy takes it for dead."""

_METHODS: dict[str, type[Params]] = {
    "SendStreamingMessage": SendMessageRequest,
    "SubscribeToTask": SubscribeToTaskRequest,
}


def jsonrpc_routes(
    handler: RequestHandler,
    rpc_url: str = "/",
    context_builder: ServerCallContextBuilder | None = None,
    *,
    enable_v0_3_compat: bool = False,
    keep_alive: float = KEEP_ALIVE,
) -> list[BaseRoute]:
    """Return the JSON-RPC route: our streams, the SDK's everything else."""
    wire = Wire(handler, context_builder, keep_alive)
    dispatcher = JsonRpcDispatcher(handler, context_builder, enable_v0_3_compat)

    async def endpoint(request: Request) -> Response:
        return await wire.jsonrpc(request) or await dispatcher.handle_requests(request)

    return [Route(rpc_url, endpoint, methods=["POST"])]


def rest_routes(
    handler: RequestHandler,
    path_prefix: str = "",
    context_builder: ServerCallContextBuilder | None = None,
    *,
    enable_v0_3_compat: bool = False,
    keep_alive: float = KEEP_ALIVE,
) -> list[BaseRoute]:
    """Return the REST routes: our streams before the SDK's."""
    wire = Wire(handler, context_builder, keep_alive)
    ours = [
        Route(f"{path_prefix}/message:stream", wire.rest_send, methods=["POST"]),
        Route(
            f"{path_prefix}/tasks/{{id}}:subscribe", wire.rest_subscribe, methods=["GET", "POST"]
        ),
    ]
    sdks = create_rest_routes(handler, context_builder, enable_v0_3_compat, path_prefix)
    *flat, tenants = sdks
    assert isinstance(tenants, Mount)  # noqa: S101 - the SDK mounts the tenants' routes last
    return [*ours, *flat, Mount("/{tenant}", routes=[*ours, *tenants.routes])]


class Wire:
    """The endpoints of the streaming methods."""

    def __init__(
        self,
        handler: RequestHandler,
        context_builder: ServerCallContextBuilder | None = None,
        keep_alive: float = KEEP_ALIVE,
    ) -> None:
        self._handler = handler
        self._keep_alive = keep_alive
        self._contexts = context_builder or DefaultServerCallContextBuilder()

    # -- JSON-RPC

    async def jsonrpc(self, request: Request) -> Response | None:
        """Answer a well-formed streaming request; None leaves it to the SDK."""
        try:
            body = await request.json()  # kept by the request, so the SDK does not parse it again
        except (ValueError, RecursionError):
            return None
        call = _call(body)
        if call is None:
            return None
        request_id, method, params = call
        context = self._contexts.build(request)
        context.tenant = params.tenant
        context.state.update(method=method, request_id=request_id)

        def frame(sequenced: Sequenced) -> dict[str, Any]:
            return {"result": MessageToDict(sequenced.event), "id": request_id, "jsonrpc": "2.0"}

        def error(raised: Exception) -> dict[str, Any]:
            return build_error_response(request_id, _sayable(raised))

        try:
            await _check_version(context)
            stream = await self._let_in(params, context, _last_event_id(request))
        except Exception as raised:  # noqa: BLE001 - a user's own parts may raise anything
            # 200, as the SDK's routes answer: its client reads the error only then.
            return JSONResponse(error(raised), headers=_retry_after(raised))
        return _Response(stream, params, frame, error, self._keep_alive)

    # -- REST

    async def rest_send(self, request: Request) -> Response:
        """POST /message:stream."""
        return await self._rest(request, SendMessageRequest())

    async def rest_subscribe(self, request: Request) -> Response:
        """GET or POST /tasks/{id}:subscribe."""
        return await self._rest(request, SubscribeToTaskRequest(id=request.path_params["id"]))

    async def _rest(self, request: Request, params: Params) -> Response:
        context = self._contexts.build(request)
        context.tenant = request.path_params.get("tenant", context.tenant)
        try:
            await _check_version(context)
            if isinstance(params, SendMessageRequest):
                Parse(await request.body(), params, ignore_unknown_fields=True)
            stream = await self._let_in(params, context, _last_event_id(request))
        except Exception as raised:  # noqa: BLE001 - a user's own parts may raise anything
            _log(raised)
            payload = build_rest_error_payload(raised)
            status = payload["error"]["code"]
            if isinstance(raised, RetryableError):
                status = raised.http_status
            return JSONResponse(payload, status, headers=_retry_after(raised))

        def frame(sequenced: Sequenced) -> dict[str, Any]:
            said: dict[str, Any] = MessageToDict(sequenced.event)
            return said

        return _Response(stream, params, frame, build_rest_error_payload, self._keep_alive)

    # -- both

    async def _let_in(
        self, params: Params, context: ServerCallContext, after: int | None
    ) -> Stream:
        """Return the numbered stream of either method, once the request is accepted."""
        let_in: Awaitable[Stream]
        if isinstance(params, SubscribeToTaskRequest):
            let_in = self._handler.subscribed(params, context, after)
        else:
            let_in = self._handler.sent(params, context)
        return await let_in


class _Response(EventSourceResponse):
    """Answers at once, then with each event as it comes; an error ends it as an event.

    Whatever becomes of the connection, before the first event too, the reader is let out.
    """

    def __init__(
        self,
        stream: Stream,
        params: Params,
        frame: Callable[[Sequenced], dict[str, Any]],
        error: Callable[[Exception], dict[str, Any]],
        keep_alive: float,
    ) -> None:
        async def events() -> AsyncIterator[ServerSentEvent]:
            try:
                async for sequenced in stream:
                    yield _event(_trimmed(sequenced, params), frame)
            except Exception as raised:  # noqa: BLE001 - the stream says why it ends
                _log(raised)
                yield ServerSentEvent(json_utils.dumps(error(raised)), event="error")

        super().__init__(events(), ping=keep_alive)
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._stream.aclose()


def _trimmed(sequenced: Sequenced, params: Params) -> Sequenced:
    """Apply the history length that a sender asked for."""
    if isinstance(params, SendMessageRequest) and sequenced.event.HasField("task"):
        task: Task = apply_history_length(sequenced.event.task, params.configuration)
        if task is not sequenced.event.task:
            sequenced.event.task.CopyFrom(task)
    return sequenced


def _call(call: Any) -> tuple[str | int | None, str, Params] | None:
    """Return the request id, method and parameters of a well-formed streaming call, or None."""
    try:
        params = _METHODS[call["method"]]()
        request_id = call.get("id")
        if call["jsonrpc"] != "2.0" or isinstance(request_id, bool):
            return None
        if request_id is not None and not isinstance(request_id, str | int):
            return None
        ParseDict(call.get("params", {}), params, ignore_unknown_fields=True)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, ParseError):
        return None
    return request_id, call["method"], params


@validate_version(constants.PROTOCOL_VERSION_1_0)
async def _check_version(context: ServerCallContext) -> None:
    """R90: raises VersionNotSupportedError for anything but 1.x."""


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


def _sayable(raised: Exception) -> A2AError | JSONRPCError:
    """Return an error as JSON-RPC can say it; the text of others is shown, as the SDK does."""
    return raised if isinstance(raised, A2AError) else InternalError(message=str(raised))


def _log(raised: Exception) -> None:
    if not isinstance(raised, A2AError | ParseError):
        logger.error("a stream ended with an error", exc_info=raised)


def _retry_after(error: Exception) -> dict[str, str]:
    if isinstance(error, RetryableError):
        return {"Retry-After": str(max(1, error.retry_after_ms // 1000))}
    return {}


def _event(sequenced: Sequenced, frame: Callable[[Sequenced], dict[str, Any]]) -> ServerSentEvent:
    name = "snapshot" if sequenced.snapshot else None
    return ServerSentEvent(json_utils.dumps(frame(sequenced)), event=name, id=str(sequenced.seq))
