"""An answer that is complete: two messages to the server, and nothing in between.

Starlette's own response does the same by way of its mutable headers; 4 us each instead of 1.

Neighbours: `jsonrpc.py`, `rest.py` (answer with this).
"""

from __future__ import annotations

from starlette.types import Receive, Scope, Send


class Answer:
    """Bytes with the status 200.

    Args:
        body: all of it.
        media_type: what it is, as headers say it.
    """

    __slots__ = ("_body", "_media_type")

    def __init__(self, body: bytes, media_type: bytes) -> None:
        self._body = body
        self._media_type = media_type

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        length = str(len(self._body)).encode()
        headers = [(b"content-length", length), (b"content-type", self._media_type)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": self._body})
