"""The REST routes.

Neighbours: `methods.py` (answers), `frames.py` (streams), `jsonrpc.py` (the other binding).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

from a2a.server.routes import create_rest_routes
from a2a.server.routes.common import DefaultServerCallContextBuilder, ServerCallContextBuilder
from a2a.utils.constants import A2A_JSON_MEDIA_TYPE
from a2a.utils.error_handlers import build_rest_error_payload
from a2a.utils.errors import InvalidRequestError
from a2a.utils.proto_utils import parse_params
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from actors.a2a.errors import RetryableError
from actors.a2a.handler import RequestHandler
from actors.a2a.wire.answer import Answer
from actors.a2a.wire.bodies import BoundedBody, Serve, request_of
from actors.a2a.wire.callers import call_context
from actors.a2a.wire.discreet import keep_secrets
from actors.a2a.wire.frames import KEEP_ALIVE, EventsResponse, Frame, let_in, log, retry_after
from actors.a2a.wire.methods import METHODS, check_version, kind_of, take_version
from actors.a2a.wire.params import parse_text
from actors.a2a.wire.readable import UNREADABLE, is_text
from actors.a2a.wire.silence import KeepAlive

_CODES: Final = MappingProxyType(
    {
        408: "DEADLINE_EXCEEDED",
        413: "INVALID_ARGUMENT",
        429: "RESOURCE_EXHAUSTED",
        503: "UNAVAILABLE",
    }
)
"""Of google.rpc, by the HTTP status that goes with them; of statuses that the SDK does not send."""

Endpoint = Callable[[Request], Awaitable[Response]]


class Operation(NamedTuple):
    """What is called, and where its parameters come from."""

    method: str
    source: Literal["body", "query", "path"]
    fields: Mapping[str, str] = MappingProxyType({})
    """Fields of the parameters, by the name of the part of the path that sets them."""


_ID = MappingProxyType({"id": "id"})
_TASK = MappingProxyType({"id": "task_id"})
_HOOK = MappingProxyType({"id": "task_id", "push_id": "id"})

OPERATIONS: Final[Mapping[tuple[str, str], Operation]] = MappingProxyType(
    {
        ("/message:send", "POST"): Operation("SendMessage", "body"),
        ("/message:stream", "POST"): Operation("SendStreamingMessage", "body"),
        ("/tasks/{id}:cancel", "POST"): Operation("CancelTask", "path", _ID),
        ("/tasks/{id}:subscribe", "GET"): Operation("SubscribeToTask", "path", _ID),
        ("/tasks/{id}:subscribe", "POST"): Operation("SubscribeToTask", "path", _ID),
        ("/tasks/{id}", "GET"): Operation("GetTask", "query", _ID),
        ("/tasks", "GET"): Operation("ListTasks", "query"),
        ("/tasks/{id}/pushNotificationConfigs/{push_id}", "GET"): Operation(
            "GetTaskPushNotificationConfig", "path", _HOOK
        ),
        ("/tasks/{id}/pushNotificationConfigs/{push_id}", "DELETE"): Operation(
            "DeleteTaskPushNotificationConfig", "path", _HOOK
        ),
        ("/tasks/{id}/pushNotificationConfigs", "POST"): Operation(
            "CreateTaskPushNotificationConfig", "body", _TASK
        ),
        ("/tasks/{id}/pushNotificationConfigs", "GET"): Operation(
            "ListTaskPushNotificationConfigs", "query", _TASK
        ),
        ("/extendedAgentCard", "GET"): Operation("GetExtendedAgentCard", "path"),
    }
)
"""Of version 1, by path and HTTP method."""


def rest_routes(
    handler: RequestHandler,
    path_prefix: str = "",
    context_builder: ServerCallContextBuilder | None = None,
    *,
    enable_v0_3_compat: bool = False,
    keep_alive: float = KEEP_ALIVE,
) -> list[BaseRoute]:
    """Return the REST routes, to be used like the SDK's `create_rest_routes`.

    Tenants have theirs below the prefix, where the SDK's client looks for them, and where the
    SDK's routes are.

    Args:
        handler: serves the operations; its `limits` bound the bodies.
        path_prefix: comes before each path.
        context_builder: makes the call context of a request.
        enable_v0_3_compat: answer the paths of version 0.3 (`/v1/...`), too.
        keep_alive: seconds of silence after which a stream sends a comment.
    """
    keep_secrets()
    contexts = context_builder or DefaultServerCallContextBuilder()
    rest = Rest(handler, contexts, keep_alive)

    def ours(sdks: Route, prefix: str) -> Route:
        """Return a route that matches what one of the SDK's does, in its place among the others."""
        (method,) = (sdks.methods or set()) - {"HEAD"}
        operation = OPERATIONS.get((sdks.path.removeprefix(prefix), method))
        serve = rest.serve(operation) if operation else _readable(sdks.endpoint)
        return Route(sdks.path, BoundedBody(serve, handler.limits, _refusal), methods=[method])

    def below(prefix: str, *, v0_3: bool = False) -> list[Route]:
        sdks = create_rest_routes(handler, contexts, v0_3, prefix)
        return [ours(route, prefix) for route in sdks if isinstance(route, Route)]

    tenants = [Mount("/{tenant}", routes=below(path_prefix))]
    if path_prefix:
        tenants.insert(0, Mount(f"{path_prefix}/{{tenant}}", routes=below("")))
    return [*below(path_prefix, v0_3=enable_v0_3_compat), *tenants]


class Rest:
    """Answers requests of version 1.

    Args:
        handler: serves the operations.
        contexts: makes the call context of a request.
        keep_alive: seconds of silence between comments of a stream.
    """

    def __init__(
        self, handler: RequestHandler, contexts: ServerCallContextBuilder, keep_alive: float
    ) -> None:
        self._handler = handler
        self._contexts = contexts
        self._keep_alive = KeepAlive(keep_alive)

    def serve(self, operation: Operation) -> Serve:
        """Return what serves one operation."""

        async def serve(scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
            request = request_of(scope, body, receive, send)
            answer: ASGIApp
            try:
                answer = await self._answer(operation, request, body)
            except Exception as raised:  # noqa: BLE001 - a user's own parts may raise anything
                log(raised)
                answer = _error(raised)
            await answer(scope, receive, send)

        return serve

    async def _answer(self, operation: Operation, request: Request, body: bytes) -> ASGIApp:
        context = call_context(self._contexts, request)
        context.tenant = request.path_params.get("tenant", context.tenant)
        take_version(context, request)
        await check_version(context)
        params = _params(operation, request, body)
        if operation.method in METHODS:
            said = await METHODS[operation.method].answer(self._handler, params, context)
            return Answer(said or b"{}", _MEDIA_TYPE)
        stream = await let_in(self._handler, params, context, request)
        return EventsResponse(stream, params, _FRAME, self._keep_alive)


_MEDIA_TYPE: Final = A2A_JSON_MEDIA_TYPE.encode()
_FRAME: Final = Frame(b"", b"\r\n\r\n", build_rest_error_payload)


def _readable(endpoint: Endpoint) -> Serve:
    """Return an endpoint of the SDK's behind a look at the body."""

    async def serve(scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        answer: Response
        if is_text(body):
            answer = await endpoint(request_of(scope, body, receive, send))
        else:
            answer = _error(InvalidRequestError(UNREADABLE))
        await answer(scope, receive, send)

    return serve


def _params(operation: Operation, request: Request, body: bytes) -> Any:
    kind = kind_of(operation.method)
    params: Any = kind()
    if operation.source == "body":
        if not is_text(body):
            raise InvalidRequestError(UNREADABLE)
        try:
            params = parse_text(body, kind)
        except OverflowError as error:  # an integer beyond a double, in metadata
            raise InvalidRequestError(f"A number in the body is too large: {error}") from error
    elif operation.source == "query":
        parse_params(request.query_params, params)
    for part, field in operation.fields.items():
        setattr(params, field, request.path_params[part])
    return params


def _error(raised: Exception) -> Response:
    payload = build_rest_error_payload(raised)
    if isinstance(raised, RetryableError):
        payload["error"].update(code=raised.http_status, status=_CODES[raised.http_status])
    return JSONResponse(payload, payload["error"]["code"], headers=retry_after(raised))


def _refusal(error: InvalidRequestError, status: int) -> Response:
    payload = build_rest_error_payload(error)
    payload["error"].update(code=status, status=_CODES[status])
    return JSONResponse(payload, status)
