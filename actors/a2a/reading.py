"""Reading tasks: get, list, subscribe; the public operations that change nothing.

Neighbours: `handler.py` (mixes this in), `entry.py` (who asks), `answers.py` (what a stream says).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import ExitStack, aclosing

from a2a.server.context import ServerCallContext
from a2a.server.request_handlers.request_handler import validate_request_params
from a2a.types import (
    AgentCard,
    GetTaskRequest,
    ListTasksRequest,
    ListTasksResponse,
    SubscribeToTaskRequest,
    Task,
)
from a2a.utils.task import apply_history_length, validate_history_length, validate_page_size

from actors.a2a import answers, listing
from actors.a2a.answers import Sequenced
from actors.a2a.entry import Entry, client_errors
from actors.a2a.observed import operation
from actors.a2a.streams import Event, Stream, plain, streaming_declared
from actors.task.policy import Policy


class Reading:
    """The operations that read."""

    policy: Policy
    _agent_card: AgentCard
    _entry: Entry

    @operation("GetTask")
    @validate_request_params
    async def on_get_task(self, params: GetTaskRequest, context: ServerCallContext) -> Task | None:
        """Return a task of the caller's (R74)."""
        await self._entry.admit(context)
        validate_history_length(params)
        return apply_history_length(await self._entry.task(params.id, context), params)

    @operation("ListTasks")
    @validate_request_params
    async def on_list_tasks(
        self, params: ListTasksRequest, context: ServerCallContext
    ) -> ListTasksResponse:
        """Return one page of the caller's tasks, newest status first (R67 to R73)."""
        await self._entry.admit(context)
        validate_history_length(params)
        if params.HasField("page_size"):
            validate_page_size(params.page_size)
        core = await self._entry.core()
        with self._entry.call(context) as caller, client_errors():
            external = core.journal.external
            page = await core.listing(listing.query(params, caller, external=external))
        return listing.response(params, page, external=external)

    async def on_subscribe_to_task(
        self, params: SubscribeToTaskRequest, context: ServerCallContext
    ) -> AsyncGenerator[Event, None]:
        """Yield the Task, then everything that follows (R40 to R45)."""
        async with aclosing(self.subscribe(params, context)) as stream:
            async for sequenced in stream:
                yield plain(sequenced)

    async def subscribe(
        self, params: SubscribeToTaskRequest, context: ServerCallContext, after: int | None = None
    ) -> AsyncGenerator[Sequenced, None]:
        """Yield a subscription with sequence numbers.

        Args:
            params: names the task.
            context: who asks.
            after: yield the public records after this one instead of the Task first.
        """
        async with aclosing(await self.subscribed(params, context, after)) as stream:
            async for sequenced in stream:
                yield sequenced

    @operation("SubscribeToTask")
    @validate_request_params
    @streaming_declared
    async def subscribed(
        self, params: SubscribeToTaskRequest, context: ServerCallContext, after: int | None = None
    ) -> Stream:
        """Let a reader in, as `subscribe` does; returns its stream, to be closed."""
        await self._entry.admit(context)
        core = await self._entry.core()
        if core.journal.external:
            await self._entry.task(params.id, context)
        with ExitStack() as stack:
            stack.enter_context(await self._entry.streaming(context))
            caller = stack.enter_context(self._entry.call(context))
            with client_errors():
                admitted = await core.attach(params.id, after, caller)
            stack.enter_context(core.reading(params.id, admitted))
            pages = core.pages(params.id, admitted, admitted.version, caller)
            return Stream(answers.subscription(self.policy, admitted, pages), stack.pop_all())
