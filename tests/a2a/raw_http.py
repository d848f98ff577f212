"""Requests as bytes over a socket, what comes back, and what must be true of that.

Neighbours: `mangled.py` (makes the bytes), `test_surface.py` and `tests/soak/surface.py` (send).
"""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import suppress
from typing import Any, NamedTuple

DEADLINE = 5.0
"""Seconds within which every request has an answer, or at least its beginning if it is a stream."""
STREAM = 0.3
"""Seconds for which the rest of a stream is read."""
INTERNALS = re.compile(
    r"Traceback|\.py\b|site-packages|\bactors\.|statechart|sqlite|\bSELECT\b|object at 0x|asyncio"
    r"|Mailbox|Storage(?!_)|Actor\b|AssertionError",
)
"""Nothing that a client hears has any of it: names of ours, places in files, SQL."""
INTERNAL_ERROR = -32603
OF_THE_SDK = "is not supported by this handler. Expected version '0.3'"
"""Its error of a call of protocol 0.3 that says it is of another."""


class Reply(NamedTuple):
    """What came back."""

    status: int
    """0 for none: the connection was closed without an answer."""
    headers: dict[str, str]
    body: bytes

    @property
    def streams(self) -> bool:
        """Whether it is a stream of events."""
        return "text/event-stream" in self.headers.get("content-type", "")


async def exchange(port: int, data: bytes, *, half_close: bool = False) -> Reply:
    """Send bytes, and read the answer.

    Raises:
        TimeoutError: there is none.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
    try:
        with suppress(ConnectionError):  # it may answer and close before it has read all
            writer.write(data)
            await writer.drain()
            if half_close:
                writer.write_eof()
        async with asyncio.timeout(DEADLINE):
            return await _reply(reader)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def _reply(reader: asyncio.StreamReader) -> Reply:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return Reply(0, {}, b"")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    headers = {name.strip().lower(): value.strip() for name, value in pairs}
    status = int(first.split()[1])
    if status == 100:
        return await _reply(reader)
    found = Reply(status, headers, b"")
    with suppress(TimeoutError, ConnectionError, asyncio.IncompleteReadError):
        if found.streams:
            async with asyncio.timeout(STREAM):
                return found._replace(body=await reader.readuntil(b"\r\n\r\n"))
        if "content-length" in headers:
            return found._replace(body=await reader.readexactly(int(headers["content-length"])))
        return found._replace(body=await reader.read())
    return found


def wrong(reply: Reply) -> str:
    """Say what must not be so of an answer; empty if all is well.

    The agent behind it has no faults, and the server is neither full nor closing.
    """
    text = reply.body.decode(errors="replace")
    found = INTERNALS.search(text)
    if found is not None:
        return f"the answer has {found.group()!r} in it"
    if reply.status >= 500 and reply.status not in (501, 505):
        return f"status {reply.status}"
    if "json" in reply.headers.get("content-type", "") and text:
        try:
            value: Any = json.loads(text, parse_constant=_no_constant)
        except ValueError as broken:
            return f"the answer is no JSON: {broken}"
        error = value.get("error") if isinstance(value, dict) else None
        if isinstance(error, dict) and error.get("code") == INTERNAL_ERROR:
            return "" if OF_THE_SDK in text else "an internal error"
    return ""


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
