"""A stream that has been let in: its events, and the way out, also before the first of them.

Letting in is a step of its own, so that whoever answers over HTTP can say at once that the request
is accepted: the first event may be hours away.

Neighbours: `sending.py`, `reading.py` (let in), `wire/` (sends), `answers.py` (which events).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import ExitStack, aclosing

from a2a.server.request_handlers.request_handler import validate
from a2a.types import Message, Task, TaskArtifactUpdateEvent, TaskStatusUpdateEvent

from actors.a2a.answers import Sequenced
from actors.a2a.entry import client_errors

Event = Message | Task | TaskStatusUpdateEvent | TaskArtifactUpdateEvent

streaming_declared = validate(  # R46
    lambda self: self._agent_card.capabilities.streaming,
    "Streaming is not supported by the agent",
)


class Stream:
    """The events of one reader; to be closed by whoever has it, begun or not.

    Args:
        events: yields them.
        leave: lets the reader out.
    """

    def __init__(self, events: AsyncGenerator[Sequenced, None], leave: ExitStack) -> None:
        self._events = _translated(events)
        self._leave = leave
        self._failure: Exception | None = None

    def __aiter__(self) -> Stream:
        """Return the stream itself: it is read once."""
        return self

    async def __anext__(self) -> Sequenced:
        """Return the next event, when there is one."""
        try:
            return await anext(self._events)
        except StopAsyncIteration:
            raise
        except Exception as error:
            self._failure = error
            raise

    def on_close(self, listener: Callable[[Exception | None], object]) -> None:
        """Tell `listener` when it is closed, and what it has ended with, if with an error."""
        self._leave.callback(lambda: listener(self._failure))

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


def plain(sequenced: Sequenced) -> Event:
    """Return the event of a stream without its wrapping."""
    event: Event = getattr(sequenced.event, str(sequenced.event.WhichOneof("payload")))
    return event
