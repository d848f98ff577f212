"""A stream that has been let in: its events, and the way out, also before the first of them.

Letting in is a step of its own, so that whoever answers over HTTP can say at once that the request
is accepted: the first event may be hours away.

Neighbours: `sending.py`, `reading.py` (let in), `wire/` (sends), `answers.py` (which events).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack, suppress
from typing import Protocol

from a2a.server.request_handlers.request_handler import validate

from actors.a2a.errors import client_error
from actors.a2a.sequenced import Sequenced

streaming_declared = validate(  # R46
    lambda self: self._agent_card.capabilities.streaming,
    "Streaming is not supported by the agent",
)


class Batches(Protocol):
    """Where the events of a stream come from."""

    def batch(self) -> Awaitable[Sequence[Sequenced]]:
        """Return the events that are there, once there is one; none when it is over."""


class Stream:
    """The events of one reader; to be closed by whoever has it, begun or not.

    Args:
        events: where they come from.
        leave: what lets the reader out, the last first; kept as they are, since an `ExitStack`
            would take a KiB of each stream that is open.
    """

    __slots__ = ("_events", "_failure", "_leave", "_listener")

    def __init__(self, events: Batches, *leave: Callable[[], object]) -> None:
        self._events = events
        self._leave = leave
        self._listener: Callable[[Exception | None], object] | None = None
        self._failure: Exception | None = None

    async def batch(self) -> Sequence[Sequenced]:
        """Return the next events, as many as are there, once there is one; none at the end.

        Raises:
            A2AError: the stream ends with an error.
        """
        try:
            return await self._events.batch()
        except Exception as error:
            self._failure = heard = client_error(error)
            if heard is error:
                raise
            raise heard from error

    def on_close(self, listener: Callable[[Exception | None], object]) -> None:
        """Tell `listener` when it is closed, and what it has ended with, if with an error."""
        self._listener = listener

    def close(self) -> None:
        """Let the reader out; idempotent."""
        leave, self._leave = self._leave, ()
        listener, self._listener = self._listener, None
        with ExitStack() as stack:  # one that raises keeps no other from its part
            for each in leave:
                stack.callback(each)
            if listener is not None:
                stack.callback(listener, self._failure)

    def __del__(self) -> None:
        """Let out the reader of a stream that was dropped; nobody else can any more."""
        with suppress(RuntimeError):  # its loop has ended, and the reader with it
            self.close()
