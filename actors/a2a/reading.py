"""Reading tasks: get, list, subscribe; the public operations that change nothing.

Neighbours: `handler.py` (mixes this in), `entry.py` (who asks), `answers.py` (what a stream says).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import ExitStack, closing, suppress
from functools import partial

from a2a.server.context import ServerCallContext
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
from actors.a2a.batches import plain
from actors.a2a.entry import Entry, client_errors
from actors.a2a.observed import operation
from actors.a2a.sequenced import Event, Sequenced
from actors.a2a.streams import Stream, streaming_declared
from actors.a2a.validation import validated
from actors.task.policy import Policy


class Reading:
    """The operations that read."""

    policy: Policy
    _agent_card: AgentCard
    _entry: Entry

    @operation("GetTask")
    @validated
    async def on_get_task(self, params: GetTaskRequest, context: ServerCallContext) -> Task | None:
        """Return a task of the caller's (R74)."""
        await self._entry.admit(context)
        validate_history_length(params)
        return apply_history_length(await self._entry.task(params.id, context), params)

    @operation("ListTasks")
    @validated
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
        stream = await self.subscribed(params, context)
        del params, context  # it may be open for hours, and wants neither any more
        with closing(stream):
            while True:
                batch = stream.here()
                if batch is None:  # not by way of `batch`, a coroutine more for each that waits
                    await stream.more()
                    continue
                if not batch:
                    return
                events = plain(batch)
                del batch  # nothing is kept of what was told: what follows may be hours away
                with suppress(StopIteration):
                    while True:
                        yield next(events)

    async def subscribe(
        self, params: SubscribeToTaskRequest, context: ServerCallContext, after: int | None = None
    ) -> AsyncGenerator[Sequenced, None]:
        """Yield a subscription with sequence numbers.

        Args:
            params: names the task.
            context: who asks.
            after: yield the public records after this one instead of the Task first.
        """
        with closing(await self.subscribed(params, context, after)) as stream:
            while batch := await stream.batch():
                for sequenced in batch:
                    yield sequenced

    @operation("SubscribeToTask")
    @validated
    @streaming_declared
    async def subscribed(
        self, params: SubscribeToTaskRequest, context: ServerCallContext, after: int | None = None
    ) -> Stream:
        """Let a reader in, as `subscribe` does; returns its stream, to be closed."""
        await self._entry.admit(context)
        runtime = await self._entry.serving()
        core = runtime.core
        if core.journal.external:
            await self._entry.task(params.id, context)
        caller, calls = self._entry.caller(context), self._entry.calls
        leave = [runtime.usage.stream(caller)]
        with ExitStack() as undo:
            undo.callback(leave[0])
            if core.journal.external:  # the user's store is asked in the name of the call
                caller = caller._replace(key=calls.keep(context))
                leave.append(undo.callback(partial(calls.forget, caller.key)))
            with client_errors():
                admitted = await core.attach(params.id, after, caller)
            undo.pop_all()  # which is the stream's part now
        reader = core.reader(params.id, admitted, admitted.version, caller)
        told = answers.Subscription(self.policy, admitted, reader)
        return Stream(told, *leave, reader.close)
