"""The JSON-RPC route.

Errors have the status 200, those worth another try too: the SDK's client reads the error object
only then, and says nothing but "HTTP Error 503" otherwise. `Retry-After` and the error's data
(`retryable`, `retryAfterMs`) say the rest. A body that is refused has 413 or 408.

Neighbours: `methods.py` (answers), `frames.py` (streams), `rest.py` (the other binding).
"""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from a2a.server.context import ServerCallContext
from a2a.server.jsonrpc_models import InternalError, JSONParseError, JSONRPCError
from a2a.server.request_handlers.response_helpers import build_error_response
from a2a.server.routes.common import DefaultServerCallContextBuilder, ServerCallContextBuilder
from a2a.server.routes.jsonrpc_dispatcher import JsonRpcDispatcher
from a2a.utils.errors import A2AError, InvalidRequestError
from google.protobuf.json_format import ParseError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from actors.a2a.errors import UnauthenticatedError
from actors.a2a.handler import RequestHandler
from actors.a2a.said import in_answer, in_stream
from actors.a2a.wire.answer import Answer
from actors.a2a.wire.bodies import BoundedBody, request_of
from actors.a2a.wire.callers import call_context
from actors.a2a.wire.discreet import keep_secrets
from actors.a2a.wire.frames import KEEP_ALIVE, EventsResponse, Frame, let_in, log, retry_after
from actors.a2a.wire.methods import METHODS, Said, check_version, kind_of, take_version
from actors.a2a.wire.params import parse
from actors.a2a.wire.readable import UNREADABLE, repeatable
from actors.a2a.wire.silence import KeepAlive

_MALFORMED = (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError)
"""What reading parameters may raise; an integer beyond a double, in metadata, is the last one."""
_MEMBERS = frozenset({"jsonrpc", "id", "method", "params"})

Id = str | int | None


def jsonrpc_routes(
    handler: RequestHandler,
    rpc_url: str = "/",
    context_builder: ServerCallContextBuilder | None = None,
    *,
    enable_v0_3_compat: bool = False,
    keep_alive: float = KEEP_ALIVE,
) -> list[BaseRoute]:
    """Return the JSON-RPC route, to be used like the SDK's `create_jsonrpc_routes`.

    Args:
        handler: serves the operations; its `limits` bound the bodies.
        rpc_url: where.
        context_builder: makes the call context of a request.
        enable_v0_3_compat: answer methods of version 0.3, too.
        keep_alive: seconds of silence after which a stream sends a comment.
    """
    keep_secrets()
    contexts = context_builder or DefaultServerCallContextBuilder()
    ours = JsonRpc(handler, contexts, keep_alive)
    sdks = JsonRpcDispatcher(handler, contexts, enable_v0_3_compat)

    async def serve(scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        request = request_of(scope, body, receive, send)
        answer = await ours.answer(request, body) or await sdks.handle_requests(request)
        await answer(scope, receive, send)

    return [Route(rpc_url, BoundedBody(serve, handler.limits, _refusal), methods=["POST"])]


class JsonRpc:
    """Answers well-formed calls of version 1.

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

    async def answer(self, request: Request, body: bytes) -> ASGIApp | None:
        """Return the answer to a call; None leaves it to the SDK."""
        try:
            given = json.loads(body)
        except json.JSONDecodeError:
            return None
        except (ValueError, RecursionError):
            return _unreadable()
        call = _call(given)
        if call is None:
            return None if repeatable(given) else _unreadable()
        request_id, method, params = call
        try:
            context = call_context(self._contexts, request)
            context.tenant = params.tenant
            context.state.update(method=method, request_id=request_id)
            take_version(context, request)
            await check_version(context)
            return await self._said(request, request_id, method, params, context)
        except HTTPException:
            raise  # of a user's context builder
        except Exception as raised:  # noqa: BLE001 - a user's own parts may raise anything
            log(raised)
            return JSONResponse(_error(request_id, raised), headers=retry_after(raised))

    async def _said(
        self, request: Request, request_id: Id, method: str, params: Any, context: ServerCallContext
    ) -> ASGIApp:
        if method in METHODS:
            said = await METHODS[method].answer(self._handler, params, context)
            return Answer(_result(request_id, said), b"application/json")
        stream = await let_in(self._handler, params, context, request)
        return EventsResponse(stream, params, _frame(request_id), self._keep_alive)


def _call(call: Any) -> tuple[Id, str, Any] | None:
    """Return the request id, method and parameters of a well-formed call of ours, or None."""
    try:
        method, request_id = call["method"], call.get("id")
        kind = kind_of(method)
        if not call.keys() <= _MEMBERS or call["jsonrpc"] != "2.0" or not _is_id(request_id):
            return None
        given = call.get("params", {})
        if not isinstance(given, dict):
            return None
        params = parse(given, kind)
    except (*_MALFORMED, ParseError):
        return None
    return request_id, method, params


def _is_id(value: Any) -> bool:
    """Whether it can be the id of a request; raises ValueError for a text with no form in UTF-8."""
    if isinstance(value, str):
        value.encode()
    return value is None or (isinstance(value, str | int) and not isinstance(value, bool))


def _result(request_id: Id, said: Said) -> bytes:
    return b'{"result":%b,"id":%b,"jsonrpc":"2.0"}' % (said or b"null", in_answer.plain(request_id))


def _frame(request_id: Id) -> Frame:
    """Return what goes around an event: the same as in `_result`."""
    after = b', "id": %b, "jsonrpc": "2.0"}\r\n\r\n' % in_stream.plain(request_id)
    return Frame(b'{"result": ', after, partial(_error, request_id))


def _error(request_id: Id, raised: Exception) -> dict[str, Any]:
    """Return an error as JSON-RPC says it; the text of others is shown, as the SDK does."""
    error: A2AError | JSONRPCError
    error = raised if isinstance(raised, A2AError) else InternalError(message=str(raised))
    if isinstance(raised, UnauthenticatedError):  # for which JSON-RPC has no code of its own
        error = InvalidRequestError(raised.message)
    return build_error_response(request_id, error)


def _unreadable() -> Response:
    return JSONResponse(build_error_response(None, JSONParseError(message=UNREADABLE)))


def _refusal(error: InvalidRequestError, status: int) -> Response:
    return JSONResponse(build_error_response(None, error), status)
