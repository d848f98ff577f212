"""Requests, observed: one span and one measurement for each operation, whichever way it came in.

a2a-sdk's own decorator for this ends the span of a stream before its first event, and looks at no
headers; so there is this one. It goes around the operation itself, not around the routes: gRPC,
both HTTP bindings and callers in the process are observed alike.

Neighbours: `handler.py` and `push.py` (are decorated), `actors/telemetry` (is told).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import wraps
from typing import Any, TypeVar, cast

from a2a.server.context import ServerCallContext
from a2a.types import (
    CancelTaskRequest,
    GetTaskRequest,
    ListTasksRequest,
    SendMessageRequest,
    SubscribeToTaskRequest,
)

from actors.a2a.streams import Stream
from actors.telemetry.spans import TRACE, named
from actors.telemetry.words import OWNER, TENANT

F = TypeVar("F", bound=Callable[..., Awaitable[Any]])

_LENGTHS = frozenset(map(len, TRACE))
_BY_ID = (GetTaskRequest, CancelTaskRequest, SubscribeToTaskRequest)


def operation(method: str) -> Callable[[F], F]:
    """Observe a coroutine method of the handler that carries out an operation of the protocol.

    One that returns a `Stream` is over when that is closed.

    Args:
        method: as the specification names it.
    """

    def decorate(serve: F) -> F:
        @wraps(serve)
        async def served(
            self: Any, params: Any, context: ServerCallContext, *more: Any, **named_: Any
        ) -> Any:
            clock = asyncio.get_running_loop().time
            with self.observer.operation(method, headers_of(context), clock) as seen:
                if seen.span.is_recording():
                    seen.span.set_attribute(OWNER, self._entry.caller(context).owner)
                    seen.span.set_attribute(TENANT, context.tenant)
                    named(seen.span, *_about(params))
                answer = await serve(self, params, context, *more, **named_)
                if isinstance(answer, Stream):
                    seen.opened()
                    answer.on_close(seen.finish)
                return answer

        return cast(F, served)

    return decorate


def headers_of(context: ServerCallContext) -> Mapping[str, str]:
    """Return what a request says of its trace, by names in lower case.

    From the headers of HTTP, or the metadata of gRPC.
    """
    state = context.state
    if not state:  # as a caller in the process leaves it
        return {}
    headers = state.get("headers")
    if isinstance(headers, Mapping):
        said: Iterable[tuple[Any, Any]] = headers.items()
    elif (call := state.get("grpc_context")) is not None:
        said = call.invocation_metadata() or ()
    else:
        return {}
    return {
        lower: value
        for name, value in said
        if len(name) in _LENGTHS  # a request has ten others, each to be made lower otherwise
        and (lower := str(name).lower()) in TRACE
        and isinstance(value, str)
    }


def _about(params: Any) -> tuple[str, str]:
    """Return which task and context a request names; a message's are known once it is resolved."""
    if isinstance(params, _BY_ID):
        return params.id, ""
    if isinstance(params, ListTasksRequest):
        return "", params.context_id
    if isinstance(params, SendMessageRequest):
        return params.message.task_id, params.message.context_id
    return str(getattr(params, "task_id", "")), ""
