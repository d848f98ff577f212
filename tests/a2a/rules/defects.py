"""A handler with a hook at each place where a defect can be put: a breaker overrides one.

Every binding comes through here: blocking calls through `unary`, streams through `opened` (before
the first event, where a request is refused) and `events` (each event).

Neighbours: `server.py` (`Setup.handler` takes such a class), `registry.py` (`@breaks`).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

from a2a.server.context import ServerCallContext
from a2a.server.events import EventQueue
from a2a.types import (
    CancelTaskRequest,
    GetTaskRequest,
    ListTasksRequest,
    ListTasksResponse,
    Message,
    SendMessageRequest,
    StreamResponse,
    SubscribeToTaskRequest,
    Task,
)

from actors.a2a import RequestHandler
from actors.a2a.sequenced import Sequenced
from actors.a2a.streams import Stream
from tests.a2a.rules.server import Setup

Proceed = Callable[[Any], Awaitable[Any]]


class Defect(RequestHandler):
    """The right handler; its subclasses are wrong in one hook. Operations are named as below."""

    async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
        """Answer `send`, `get`, `list` or `cancel`; `go(params)` is the right answer."""
        return await go(params)

    async def opened(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Stream:
        """Let a `stream` or `subscribe` in; `go(params)` does it right."""
        stream: Stream = await go(params)
        return stream

    async def events(
        self, op: str, params: Any, events: AsyncGenerator[StreamResponse, None]
    ) -> AsyncGenerator[StreamResponse, None]:
        """Yield the events of a `stream` or `subscribe`."""
        async for event in events:
            yield event

    # -- where they are called

    async def on_message_send(
        self, params: SendMessageRequest, context: ServerCallContext
    ) -> Message | Task:
        base = super().on_message_send
        answer: Message | Task = await self.unary(
            "send", params, context, lambda given: base(given, context)
        )
        return answer

    async def on_get_task(self, params: GetTaskRequest, context: ServerCallContext) -> Task | None:
        base = super().on_get_task
        found: Task | None = await self.unary(
            "get", params, context, lambda given: base(given, context)
        )
        return found

    async def on_list_tasks(
        self, params: ListTasksRequest, context: ServerCallContext
    ) -> ListTasksResponse:
        base = super().on_list_tasks
        page: ListTasksResponse = await self.unary(
            "list", params, context, lambda given: base(given, context)
        )
        return page

    async def on_cancel_task(
        self, params: CancelTaskRequest, context: ServerCallContext
    ) -> Task | None:
        base = super().on_cancel_task
        task: Task | None = await self.unary(
            "cancel", params, context, lambda given: base(given, context)
        )
        return task

    async def sent(self, params: SendMessageRequest, context: ServerCallContext) -> Stream:
        base = super().sent
        stream = await self.opened("stream", params, context, lambda given: base(given, context))
        return self._followed("stream", params, stream)

    async def subscribed(
        self, params: SubscribeToTaskRequest, context: ServerCallContext, after: int | None = None
    ) -> Stream:
        base = super().subscribed
        stream = await self.opened(
            "subscribe", params, context, lambda given: base(given, context, after)
        )
        return self._followed("subscribe", params, stream)

    def _followed(self, op: str, params: Any, stream: Stream) -> Stream:
        """Put `events` around a stream; numbers count from 1, since a defect may add events."""

        async def right() -> AsyncGenerator[StreamResponse, None]:
            while batch := await stream.batch():
                for sequenced in batch:
                    yield sequenced.event

        return Stream(Numbered(self.events(op, params, right())), stream.close)


class Numbered:
    """Events one by one, numbered from 1."""

    def __init__(self, events: AsyncIterator[StreamResponse]) -> None:
        self._events = events
        self._number = 0
        self._here: Sequence[Sequenced] | None = None

    def here(self) -> Sequence[Sequenced] | None:
        here, self._here = self._here, None
        return here

    async def more(self) -> None:
        self._here = ()
        async for event in self._events:
            self._number += 1
            self._here = (Sequenced(self._number, event.SerializeToString()),)
            return


def stream_of(*events: StreamResponse) -> Stream:
    """Return a stream of just these events, for a defect that makes one up."""

    async def given() -> AsyncGenerator[StreamResponse, None]:
        for event in events:
            yield event

    return Stream(Numbered(given()))


class Tampered(EventQueue):
    """A queue that an agent's events pass on their way; subclasses change them in `enqueue_event`.

    Args:
        queue: the real one.
    """

    def __init__(self, queue: EventQueue) -> None:
        self.queue = queue

    async def enqueue_event(self, event: Any) -> None:
        await self.queue.enqueue_event(event)


def with_handler(setup: Setup, handler: type[RequestHandler]) -> Setup:
    """Return the setup with another handler."""
    return replace(setup, handler=handler)
