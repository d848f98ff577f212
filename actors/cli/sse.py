"""Numbered streams over HTTP: JSON-RPC with `A2A-Version`, SSE with ids, `Last-Event-ID`.

a2a-sdk's client does not show the ids of events, so whoever wants to resume reads them here.

Neighbours: `tail.py`, the demo's tour.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, NamedTuple

import httpx
from a2a.types import StreamResponse
from a2a.utils.constants import PROTOCOL_VERSION_1_0, VERSION_HEADER
from google.protobuf.json_format import ParseDict

from actors.cli.failure import CommandError, rpc_error

HEADERS = {VERSION_HEADER: PROTOCOL_VERSION_1_0}

QUIET_SECONDS = 60.0
"""The server sends a ping every 15 s; a stream silent for longer than this is broken."""


class Numbered(NamedTuple):
    """One event of a stream and its id; None from a server that sends none."""

    id: int | None
    event: StreamResponse


async def call(client: httpx.AsyncClient, url: str, method: str, params: dict[str, Any]) -> Any:
    """Return the result of a JSON-RPC call.

    Raises:
        ServerError: the server answered with an error.
        httpx.TransportError: it did not answer.
    """
    response = await client.post(url, json=_body(method, params), headers=HEADERS)
    return _result(_json(response))


async def stream(
    client: httpx.AsyncClient,
    url: str,
    method: str,
    params: dict[str, Any],
    after: int | None = None,
) -> AsyncGenerator[Numbered, None]:
    """Yield the events of a streaming JSON-RPC call.

    Args:
        client: whose connections to use.
        url: the JSON-RPC endpoint.
        method: SendStreamingMessage or SubscribeToTask.
        params: of the method.
        after: the id of the last event that was received before.

    Raises:
        ServerError: the server answered with an error, before or during the stream.
        httpx.TransportError: the connection broke, or there was none.
    """
    headers = {**HEADERS, "Accept": "text/event-stream"}
    if after is not None:
        headers["Last-Event-ID"] = str(after)
    timeout = httpx.Timeout(10, read=QUIET_SECONDS)
    body = _body(method, params)
    async with client.stream("POST", url, json=body, headers=headers, timeout=timeout) as response:
        if "text/event-stream" not in response.headers.get("content-type", ""):
            await response.aread()
            _result(_json(response))
            raise CommandError(f"{url} did not answer {method} with a stream; is it an A2A server?")
        async for number, data in _frames(response):
            yield Numbered(number, ParseDict(_result(data), StreamResponse()))


async def _frames(response: httpx.Response) -> AsyncIterator[tuple[int | None, Any]]:
    """Parse server-sent events: id and data, comments (pings) skipped."""
    number: int | None = None
    data: list[str] = []
    async for line in response.aiter_lines():
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line and data:
            yield number, json.loads("\n".join(data))
            number, data = None, []
        elif field == "id" and value.isdigit():
            number = int(value)
        elif field == "data":
            data.append(value)


def _body(method: str, params: dict[str, Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError as error:
        raise CommandError(
            f"{response.url} answered {response.status_code} and no JSON; is it an A2A server?"
        ) from error


def _result(answer: Any) -> Any:
    if not isinstance(answer, dict) or not ("result" in answer or "error" in answer):
        raise CommandError(f"not a JSON-RPC response: {str(answer)[:200]}")
    if "error" in answer:
        raise rpc_error(answer["error"])
    return answer["result"]
