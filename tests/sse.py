"""A small SSE reader for tests: ids and data, as a browser would see them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import httpx

HEADERS = {"A2A-Version": "1.0", "Accept": "text/event-stream"}


class Frame(NamedTuple):
    """One server-sent event."""

    id: int | None
    name: str
    data: dict[str, Any]

    @property
    def event(self) -> dict[str, Any]:
        """The StreamResponse, out of its JSON-RPC frame if it has one."""
        result: dict[str, Any] = self.data.get("result", self.data)
        return result


async def frames(response: httpx.Response) -> AsyncIterator[Frame]:
    """Parse the body of an open response."""
    number, name, data = None, "message", ""
    async for line in response.aiter_lines():
        field, _, value = line.partition(": ")
        if not line:
            if data:
                yield Frame(number, name, json.loads(data))
            number, name, data = None, "message", ""
        elif field == "id":
            number = int(value)
        elif field == "event":
            name = value
        elif field == "data":
            data += value


async def jsonrpc(
    client: httpx.AsyncClient, method: str, params: dict[str, Any], after: int | None = None
) -> AsyncIterator[Frame]:
    """Call a streaming JSON-RPC method."""
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    async with client.stream("POST", "/", json=body, headers=_headers(after)) as response:
        async for frame in frames(response):
            yield frame


async def rest_subscribe(
    client: httpx.AsyncClient, task: str, after: int | None = None
) -> AsyncIterator[Frame]:
    """Subscribe over REST."""
    url = f"/rest/tasks/{task}:subscribe"
    async with client.stream("GET", url, headers=_headers(after)) as response:
        async for frame in frames(response):
            yield frame


def _headers(after: int | None) -> dict[str, str]:
    return HEADERS if after is None else {**HEADERS, "Last-Event-ID": str(after)}
