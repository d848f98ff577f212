"""A stream that has been let in: its events, and the way out, also before the first of them.

Letting in is a step of its own, so that whoever answers over HTTP can say at once that the request
is accepted: the first event may be hours away.

Neighbours: `handler.py` (lets in), `wire.py` (sends), `answers.py` (which events there are).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import ExitStack, aclosing

from actors.a2a.answers import Sequenced
from actors.a2a.entry import client_errors


class Stream:
    """The events of one reader; to be closed by whoever has it, begun or not.

    Args:
        events: yields them.
        leave: lets the reader out.
    """

    def __init__(self, events: AsyncGenerator[Sequenced, None], leave: ExitStack) -> None:
        self._events = _translated(events)
        self._leave = leave

    def __aiter__(self) -> Stream:
        """Return the stream itself: it is read once."""
        return self

    async def __anext__(self) -> Sequenced:
        """Return the next event, when there is one."""
        return await anext(self._events)

    async def aclose(self) -> None:
        """Let the reader out; idempotent."""
        try:
            await self._events.aclose()
        finally:
            self._leave.close()


async def _translated(events: AsyncGenerator[Sequenced, None]) -> AsyncGenerator[Sequenced, None]:
    async with aclosing(events):
        with client_errors():
            async for sequenced in events:
                yield sequenced
