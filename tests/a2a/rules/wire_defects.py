"""Defects on the wire: ASGI middleware that changes the JSON of requests or answers.

Neighbours: `defects.py` (defects of the handler), `server.py` (`Setup.middleware`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.a2a.rules.server import Setup

Answers = Callable[[Any], Any]
JSON = (b"application/json", b"application/a2a+json")


def changing_answers(setup: Setup, change: Answers) -> Setup:
    """Return the setup with every JSON answer passed through `change`; streams are left alone."""

    def middleware(app: ASGIApp) -> ASGIApp:
        async def changed(scope: Scope, receive: Receive, send: Send) -> None:
            await app(scope, receive, _Answer(send, change))

        return changed

    return replace(setup, middleware=(*setup.middleware, middleware))


class _Answer:
    """Holds a JSON answer back until it is complete, then sends the changed one."""

    def __init__(self, send: Send, change: Answers) -> None:
        self._send = send
        self._change = change
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            kinds = [value for name, value in message["headers"] if name == b"content-type"]
            if any(kind.startswith(JSON) for kind in kinds):
                self._start = message
                return
        if self._start is None:
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if not message.get("more_body", False):
            await self._finish(self._start)

    async def _finish(self, start: Message) -> None:
        body = json.dumps(self._change(json.loads(self._body))).encode()
        kept = [pair for pair in start["headers"] if pair[0] != b"content-length"]
        start["headers"] = [*kept, (b"content-length", str(len(body)).encode())]
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})


def refusing(setup: Setup, wrong: Callable[[bytes], bool]) -> Setup:
    """Return the setup that answers 400 to each request whose body `wrong` says is wrong."""

    def middleware(app: ASGIApp) -> ASGIApp:
        async def checked(scope: Scope, receive: Receive, send: Send) -> None:
            body = await Request(scope, receive).body()

            async def again() -> Message:
                return {"type": "http.request", "body": body}

            if wrong(body):
                refused = JSONResponse({"error": {"code": -32600, "message": "no"}}, 400)
                await refused(scope, again, send)
            else:
                await app(scope, _then(again, receive), send)

        return checked

    return replace(setup, middleware=(*setup.middleware, middleware))


def _then(once: Receive, receive: Receive) -> Receive:
    """Return what a body that was read already comes from: first it, then the real connection."""
    told = False

    async def both() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return await once()

    return both
