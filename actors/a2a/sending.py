"""Sending messages: the answer at once, later, or as a stream; and the same message again.

Neighbours: `handler.py` (mixes this in), `entry.py` (resolves), `once.py` (the same message again),
`answers.py` (forms of answers).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import ExitStack, closing

from a2a.server.context import ServerCallContext
from a2a.types import Message, SendMessageRequest, Task
from a2a.utils.input_mode_validator import validate_input_modes as check_input_modes
from a2a.utils.task import apply_history_length, validate_history_length

from actors.a2a import answers
from actors.a2a.batches import plain
from actors.a2a.entry import Keyed, client_errors
from actors.a2a.observed import operation
from actors.a2a.once import Once, check_same, idempotency_key
from actors.a2a.push import PushConfigs
from actors.a2a.sequenced import Event, Sequenced
from actors.a2a.streams import Stream, streaming_declared
from actors.a2a.validation import validated
from actors.runtime import AskTimeout, Caller
from actors.task.again import answer_again, stream_again
from actors.task.messages import Admitted, Settled, Wait


class Sending(PushConfigs):
    """The operations that hand a message to a task; one may bring a webhook along."""

    _once: Once
    _validate_input_modes: bool

    @operation("SendMessage")
    @validated
    async def on_message_send(
        self, params: SendMessageRequest, context: ServerCallContext
    ) -> Message | Task:
        """Hand a message to its task and answer when the policy says so (R31 to R35)."""
        immediately = params.configuration.return_immediately
        _, settled = await self._send(params, context, Wait.FIRST if immediately else Wait.SETTLED)
        assert isinstance(settled, Settled)  # noqa: S101 - only Wait.STREAM is Admitted
        result = answers.sent(self.policy, settled)
        if isinstance(result, Task):
            return apply_history_length(result, params.configuration)
        return result

    async def on_message_send_stream(
        self, params: SendMessageRequest, context: ServerCallContext
    ) -> AsyncGenerator[Event, None]:
        """Hand a message to its task and yield what follows (R36 to R38)."""
        with closing(await self.sent(params, context)) as stream:
            while True:
                batch = stream.here()
                if batch is None:  # not by way of `batch`, a coroutine more for each that waits
                    await stream.more()
                    continue
                if not batch:
                    return
                for event in plain(batch):
                    if isinstance(event, Task):
                        event = apply_history_length(event, params.configuration)
                    yield event
                del batch, event  # what follows may be hours away

    async def send_stream(
        self, params: SendMessageRequest, context: ServerCallContext
    ) -> AsyncGenerator[Sequenced, None]:
        """Yield the stream of a message with the sequence number of each event."""
        with closing(await self.sent(params, context)) as stream:
            while batch := await stream.batch():
                for sequenced in batch:
                    yield sequenced

    @operation("SendStreamingMessage")
    @validated
    @streaming_declared
    async def sent(self, params: SendMessageRequest, context: ServerCallContext) -> Stream:
        """Hand a message to its task; returns its stream, to be closed, once it is stored."""
        runtime, caller = await self._entry.serving(), self._entry.caller(context)
        with ExitStack() as undo:
            give_back = undo.callback(runtime.usage.stream(caller))
            task, admitted = await self._send(params, context, Wait.STREAM)
            undo.pop_all()  # which is the stream's part now
        assert isinstance(admitted, Admitted)  # noqa: S101 - Wait.STREAM is always Admitted
        cursor = answers.cursor(self.policy, admitted)
        reader = runtime.core.reader(task, admitted, cursor, caller)
        told = answers.SendStream(self.policy, admitted, reader)
        return Stream(told, give_back, reader.close)

    async def _send(
        self, params: SendMessageRequest, context: ServerCallContext, wait: Wait
    ) -> tuple[str, Admitted | Settled]:
        """Return the id of the message's task, and the core's answer."""
        await self._entry.admit(context)
        validate_history_length(params.configuration)
        if self._validate_input_modes:
            check_input_modes(params.message, self._agent_card)
        caller = self._entry.caller(context)  # before anything is done
        if not self.policy.deduplicate:
            return await self._send_new(params, context, caller, wait)
        key = idempotency_key(caller, params)
        async with self._once.turn(key) as turn:
            core = await self._entry.core()
            with client_errors():
                place = await core.find(key)
            if place is None:
                new = self._send_new(params, context, caller, wait, Keyed(key, turn))
                return await turn.send(new, lambda answer: core.let_out(*answer))
        with client_errors():
            accepted = await core.page(place.log, place.seq - 1, 1)
            if accepted.records:  # else the records of then are no longer kept
                check_same(params, accepted.records[0].payload)
            if wait is Wait.STREAM:
                return place.log, await stream_again(core, place, caller)
            try:
                async with asyncio.timeout(self.policy.request_deadline):
                    return place.log, await answer_again(core, place, wait, caller)
            except TimeoutError:
                raise AskTimeout("the first answer is still waited for") from None

    async def _send_new(
        self,
        params: SendMessageRequest,
        context: ServerCallContext,
        caller: Caller,
        wait: Wait,
        keyed: Keyed | None = None,
    ) -> tuple[str, Admitted | Settled]:
        new = not params.message.task_id
        request = await self._entry.resolve(params, context)
        task = str(request.task_id)
        hook = b""
        if params.configuration.HasField("task_push_notification_config"):
            hook = await self._inline(task, params, context)
        return task, await self._entry.send(
            params, request, context, caller, wait, new=new, keyed=keyed, hook=hook
        )
