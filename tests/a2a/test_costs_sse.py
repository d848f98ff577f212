"""What an event costs over server-sent events: its JSON is made once, whoever reads.

The routes are called as a server calls them (ASGI), so that nothing but them is counted.

Neighbours: `costs.py` (counts), `test_costs.py` (the same in process).
"""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

from starlette.applications import Starlette

from actors.a2a import RequestHandler
from actors.a2a.wire import rest_routes
from tests.a2a.agents import as_user, ask
from tests.a2a.costs import ENCODES, PARSES, Chatty, Costs, counted, serving
from tests.a2a.test_once import until

CHUNKS = 200
FEW, MANY = 2, 12
SAID = ("ListFields", *ENCODES, *PARSES)
"""What saying a message in JSON takes, of protobuf."""


class Reading:
    """One GET of a stream, as a server makes it."""

    def __init__(self, app: Starlette, path: str) -> None:
        self.body = b""
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(b"a2a-version", b"1.0")],
        }
        self._asked = False
        self.done = asyncio.ensure_future(app(scope, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        if self._asked:
            await asyncio.get_running_loop().create_future()  # it stays connected
        self._asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        self.body += message.get("body", b"")

    @property
    def events(self) -> int:
        """How many have come."""
        return self.body.count(b"id: ")


async def read_along(handler: RequestHandler, agent: Chatty, readers: int) -> Costs:
    """Count a task that streams to so many readers, from when they are all let in."""
    app = Starlette(routes=rest_routes(handler))
    agent.gate.clear()
    sending = handler.on_message_send_stream(ask(f"burst {CHUNKS}"), as_user(""))
    task: Any = await anext(sending)
    await sending.aclose()
    reading = [Reading(app, f"/tasks/{task.id}:subscribe") for _ in range(readers)]
    await until(lambda: all(each.events for each in reading))
    with counted() as costs:
        agent.gate.set()
        await asyncio.gather(*(each.done for each in reading))
    for each in reading:
        assert each.events >= CHUNKS + 2  # the Task, the chunks, the end
        assert each.body == reading[0].body
    return costs


async def test_readers_share_the_json_of_an_event() -> None:
    """However many read along, no event is parsed, said or encoded once more."""
    handler, agent = serving()
    await read_along(handler, agent, 1)  # what is made once is made
    few, many = [await read_along(handler, agent, readers) for readers in (FEW, MANY)]
    await handler.aclose()
    assert few.of(SAID) > CHUNKS  # else these are no longer the names to count
    assert many.of(SAID) - few.of(SAID) < CHUNKS / 4
    made = many.by_name["asyncio tasks"] - few.by_name["asyncio tasks"]
    assert made < MANY  # of each stream, not of each event
    assert (many.calls - few.calls) / (CHUNKS * (MANY - FEW)) < 40  # about 27
