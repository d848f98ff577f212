"""A request is handed on once its whole body is here: not too large, not too slow (R100).

Neighbours: `jsonrpc.py` and `rest.py` (say a refusal in their own words), `limits.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from a2a.utils.errors import InvalidRequestError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from actors.a2a.limits import Limits
from actors.a2a.wire.readable import with_short_version

Serve = Callable[[Scope, bytes, Receive, Send], Awaitable[None]]
"""Serves a request with its body; what is received besides says when its client is gone."""

Refuse = Callable[[InvalidRequestError, int], Response]
"""Makes the answer to a request whose body is refused, of its reason and HTTP status."""

_TOO_LARGE = 413
_TOO_SLOW = 408


class BoundedBody:
    """Reads bodies, and refuses some; then nothing more is read.

    Those of any method: nothing keeps a client from sending one with a GET.

    A route's endpoint as it is: a function would get Starlette's layers around it, and would have
    to read the body through them.

    Args:
        serve: gets requests whose body is here.
        limits: of a body's bytes and seconds.
        refuse: makes the answer where `serve` does not get to answer.
    """

    def __init__(self, serve: Serve, limits: Limits, refuse: Refuse) -> None:
        self._serve = serve
        self._limits = limits
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        scope = with_short_version(scope)
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                body = await self._read(scope, receive)
        except TimeoutError:
            await self._refused(self._slow(), _TOO_SLOW)(scope, receive, send)
        except _TooLargeError as error:
            await self._refused(self._large(error), _TOO_LARGE)(scope, receive, send)
        else:
            if body is not None:
                await self._serve(scope, body, receive, send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | None:
        """Return the body; None if its client left before it was complete.

        Raises:
            _TooLargeError: it is, or says that it will be.
        """
        most = self._limits.body_bytes
        if most is not None and (declared := _declared(scope)) > most:
            raise _TooLargeError(declared)
        chunks: list[bytes] = []
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return None
            chunks.append(message.get("body", b""))
            size, more = size + len(chunks[-1]), message.get("more_body", False)
            if most is not None and size > most:
                raise _TooLargeError(size)
        return b"".join(chunks)

    def _large(self, error: _TooLargeError) -> InvalidRequestError:
        return InvalidRequestError(
            f"Payload too large: {error.found} bytes or more, {self._limits.body_bytes} are "
            "allowed. Send large content by URL, or in several messages."
        )

    def _slow(self) -> InvalidRequestError:
        return InvalidRequestError(
            f"The request was not complete after {self._limits.body_seconds:g} s. Send it faster, "
            "or large content by URL."
        )

    def _refused(self, error: InvalidRequestError, status: int) -> Response:
        response = self._refuse(error, status)
        response.headers["Connection"] = "close"  # what else the client sends is not read
        return response


class _TooLargeError(Exception):
    def __init__(self, found: int) -> None:
        super().__init__(found)
        self.found = found


def _declared(scope: Scope) -> int:
    """Return the length that a request says it has; 0 if it does not say."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


def request_of(scope: Scope, body: bytes, receive: Receive, send: Send) -> Request:
    """Return a request as Starlette has it, that reads a body which is here already."""
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return first.pop() if first else await receive()

    return Request(scope, replay, send)
