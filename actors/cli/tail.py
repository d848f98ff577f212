"""`actors tail`: the stream of a task, resumed after the last event seen until it ends by itself.

Neighbours: `sse.py` (numbered streams), `show.py` (events).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import httpx
from a2a.types import StreamResponse, Task
from a2a.utils.errors import JSON_RPC_ERROR_CODE_MAP, UnsupportedOperationError
from google.protobuf.json_format import ParseDict
from rich.console import Console

from actors.cli import sse
from actors.cli.failure import CommandError, ServerError
from actors.cli.reach import card_at, endpoint, http_client, not_there
from actors.cli.show import TERMINAL, Printer, as_dict

_OVER = JSON_RPC_ERROR_CODE_MAP[UnsupportedOperationError]
"""How a server refuses a subscription without a cursor to a task that has ended."""

_ATTEMPTS = 30
"""Tries in a row without a new event; with the pauses below, about a minute."""
_PAUSE, _LONGEST_PAUSE = 0.1, 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """Which task to follow, and from where on."""

    task: str
    url: str
    after: int | None
    follow: bool
    """Resume when the connection breaks."""


async def tail(wanted: Tail, console: Console, *, machine: bool) -> None:
    """Print the events of a task until its stream ends by itself.

    Raises:
        CommandError: there is no server or task, the server said error, or it stayed away.
    """
    printer = Printer(console, numbered=True)

    def show(numbered: sse.Numbered) -> None:
        if machine:
            line = json.dumps({"id": numbered.id, "event": as_dict(numbered.event)})
            print(line, flush=True)  # noqa: T201 - the output
        else:
            printer.show(numbered.event, numbered.id)

    async with http_client() as http:
        follower = Follower(http, endpoint(await card_at(http, wanted.url)), wanted, show)
        try:
            await follower.follow()
        finally:
            printer.end()


class Follower:
    """Reads one task's stream over as many connections as it takes."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        url: str,
        wanted: Tail,
        show: Callable[[sse.Numbered], None],
    ) -> None:
        self._http = http
        self._url = url
        self._wanted = wanted
        self._show = show
        self._seen = wanted.after
        self._failures = 0
        self._ended = False

    async def follow(self) -> None:
        """Read until the task has ended; resume after the last event when a connection breaks."""
        while True:
            broken = await self._read()
            if self._ended or (broken is None and not self._wanted.follow):
                return
            if not self._wanted.follow:
                raise CommandError(f"the stream broke after event {self._seen}: {broken}")
            self._failures += 1
            if self._failures > _ATTEMPTS:
                raise not_there(self._wanted.url, broken or ConnectionError("it ends the stream"))
            await asyncio.sleep(min(_PAUSE * 2.0 ** min(self._failures - 1, 32), _LONGEST_PAUSE))

    async def _read(self) -> Exception | None:
        """Read one connection to its end; returns what broke it, or None."""
        params = {"id": self._wanted.task}
        stream = sse.stream(self._http, self._url, "SubscribeToTask", params, self._seen)
        try:
            async with aclosing(stream):
                async for numbered in stream:
                    self._take(numbered)
            if not self._ended:
                await self._look()
        except httpx.TransportError as error:
            return error
        except ServerError as error:
            if error.number == _OVER and self._seen is None:
                await self._final()
            elif error.retryable:
                return error
            else:
                raise
        return None

    def _take(self, numbered: sse.Numbered) -> None:
        self._failures = 0
        self._seen = numbered.id if numbered.id is not None else self._seen
        self._ended = _ends(numbered.event)
        self._show(numbered)

    async def _final(self) -> None:
        """Show a task that had ended before anybody subscribed."""
        self._show(sse.Numbered(None, StreamResponse(task=await self._task())))
        self._ended = True

    async def _look(self) -> None:
        """Find out whether the stream ended because the task has, or somebody cut it off."""
        self._ended = (await self._task()).status.state in TERMINAL

    async def _task(self) -> Task:
        found: Any = await sse.call(self._http, self._url, "GetTask", {"id": self._wanted.task})
        return ParseDict(found, Task())


def _ends(event: StreamResponse) -> bool:
    """Tell whether nothing can follow: a bare message, or a terminal state."""
    match event.WhichOneof("payload"):
        case "message":
            return True
        case "task":
            return event.task.status.state in TERMINAL
        case "status_update":
            return event.status_update.status.state in TERMINAL
        case _:
            return False
