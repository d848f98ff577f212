"""A stream that has been let in: its events, and the way out, also before the first of them.

Letting in is a step of its own, so that whoever answers over HTTP can say at once that the request
is accepted: the first event may be hours away.

Neighbours: `sending.py`, `reading.py` (let in), `wire/` (sends), `answers.py` (which events).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Protocol

from a2a.server.request_handlers.request_handler import validate

from actors.a2a.errors import client_error
from actors.a2a.sequenced import Sequenced

streaming_declared = validate(  # R46
    lambda self: self._agent_card.capabilities.streaming,
    "Streaming is not supported by the agent",
)


class Events(Protocol):
    """Where the events of a stream come from."""

    def here(self) -> Sequence[Sequenced] | None:
        """Return the events that are here; none when it is over. None: there will be `more`."""

    def more(self) -> Awaitable[object]:
        """Return what is to be awaited before there can be more; it raises nothing."""


class Stream:
    """The events of one reader; to be closed by whoever has it, begun or not.

    One asyncio task reads it at a time; one that was cancelled ends before the next begins.

    Args:
        events: where they come from.
        leave: what lets the reader out, the last first; kept as they are, since an `ExitStack`
            would take a KiB of each stream that is open.
    """

    __slots__ = ("_events", "_failure", "_leave", "_listener")

    def __init__(self, events: Events, *leave: Callable[[], object]) -> None:
        self._events = events
        self._leave = leave
        self._listener: Callable[[Exception | None], object] | None = None
        self._failure: Exception | None = None

    def here(self) -> Sequence[Sequenced] | None:
        """Return the events that are here; none when it is over. None: there will be `more`.

        Raises:
            A2AError: the stream ends with an error.
        """
        try:
            return self._events.here()
        except Exception as error:
            self._failure = heard = client_error(error)
            if heard is error:
                raise
            raise heard from error

    def more(self) -> Awaitable[object]:
        """Return what is to be awaited, and no more than awaited, before there can be more."""
        return self._events.more()

    async def batch(self) -> Sequence[Sequenced]:
        """Return the next events, as many as are there, once there is one; none at the end.

        Raises:
            A2AError: the stream ends with an error.
        """
        while (batch := self.here()) is None:
            await self.more()
        return batch

    def on_close(self, listener: Callable[[Exception | None], object]) -> None:
        """Tell `listener` when it is closed, and what it has ended with, if with an error."""
        self._listener = listener

    def close(self) -> None:
        """Let the reader out; idempotent."""
        calls = list(self._leave)
        if self._listener is not None:
            calls.append(partial(self._listener, self._failure))
        self._leave, self._listener = (), None
        if calls:
            _called(calls)

    def __del__(self) -> None:
        """Let out the reader of a stream that was dropped; nobody else can any more."""
        if self._leave or self._listener is not None:
            with suppress(RuntimeError):  # its loop has ended, and the reader with it
                self.close()


def _called(calls: list[Callable[[], object]]) -> None:
    """Call each, the last one first; one that raises keeps no other from its part.

    As an `ExitStack` would, at a third of its time.
    """
    try:
        calls.pop()()
    finally:
        if calls:
            _called(calls)
