"""RequestHandler: the drop-in for a2a-sdk's DefaultRequestHandler.

It resolves who asks and what about, asks the task core, and hands out the answer in the form that
the policy names. It decides nothing about tasks.

Neighbours: `runtime.py` (the core on the loop of the first request), `answers.py` (forms),
`requests.py` (calls by key), `task/core.py` (asks).
"""

from __future__ import annotations

import asyncio
import logging
import warnings
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import ExitStack, aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a2a.server.agent_execution import (
    AgentExecutor,
    RequestContextBuilder,
    SimpleRequestContextBuilder,
)
from a2a.server.context import ServerCallContext
from a2a.server.owner_resolver import OwnerResolver, resolve_user_scope
from a2a.server.request_handlers.request_handler import (
    RequestHandler as RequestHandlerInterface,
)
from a2a.server.request_handlers.request_handler import validate, validate_request_params
from a2a.types import (
    AgentCard,
    CancelTaskRequest,
    GetTaskRequest,
    ListTasksRequest,
    ListTasksResponse,
    Message,
    SendMessageRequest,
    SubscribeToTaskRequest,
    Task,
    TaskArtifactUpdateEvent,
    TaskStatusUpdateEvent,
)
from a2a.utils.errors import TaskNotCancelableError
from a2a.utils.input_mode_validator import validate_input_modes as check_input_modes
from a2a.utils.proto_utils import warn_on_missing_required_fields
from a2a.utils.task import apply_history_length, validate_history_length, validate_page_size

from actors.a2a import answers, listing
from actors.a2a.answers import Sequenced
from actors.a2a.entry import Entry, Keyed, client_errors
from actors.a2a.once import Once, check_same, idempotency_key
from actors.a2a.push import PushConfigs
from actors.a2a.requests import Calls
from actors.a2a.runtime import Durability, Recipe, RuntimeHolder, journal_recipe
from actors.a2a.streams import Stream
from actors.runtime import ActorSystem, AskTimeout, LoopClock
from actors.runtime.recovery import Recovery
from actors.task.again import answer_again, stream_again
from actors.task.messages import Admitted, Settled, Wait
from actors.task.policy import Policy
from actors.task.retention import Retention

if TYPE_CHECKING:
    from a2a.server.cluster.event_stream import TaskEventStream
    from a2a.server.cluster.task_store import VersionedTaskStore
    from a2a.server.tasks import (
        PushNotificationConfigStore,
        PushNotificationSender,
        TaskStore,
    )

    from actors.runtime.journal.port import Journal

logger = logging.getLogger("actors.a2a")

Event = Message | Task | TaskStatusUpdateEvent | TaskArtifactUpdateEvent

DEFAULT_DATABASE = "a2a-tasks.db"

_streaming_declared = validate(  # R46
    lambda self: self._agent_card.capabilities.streaming,
    "Streaming is not supported by the agent",
)


class RequestHandler(PushConfigs, RequestHandlerInterface):
    """Serves the A2A operations of one agent from task actors.

    The positional parameters are those of a2a-sdk 1.3's `DefaultRequestHandler`, in its order.

    Args:
        agent_executor: the agent.
        task_store: a store of the user's, then the only truth; None keeps tasks in our journal.
        agent_card: what the agent declares; capabilities not declared are refused (R46, R54).
        queue_manager: accepted for compatibility, unused.
        push_config_store: where webhook configurations are kept.
        push_sender: sends webhooks, in the order of the task's records, once they are stored.
        request_context_builder: makes what the agent's `execute` receives.
        extended_agent_card: the card for authenticated callers.
        extended_card_modifier: adapts that card to the caller.
        push_url_validator: says which webhook addresses are acceptable.
        validate_input_modes: refuse parts of media types that the card does not list (R84).
        event_stream: accepted for compatibility, unused: streams come from the journal.
        interrupted_task_timeout: accepted for compatibility: a task that waits for input costs
            no memory here, so there is nothing to release.
        policy: `Policy.sdk()` unless given.
        database: where tasks are kept when neither `task_store` nor `journal` is given: a file
            (SQLite), or a DSN (postgresql://...).
        durability: of a file: what was acknowledged survives the `process`, or a `power` cut.
        journal: another journal than SQLite.
        owner_resolver: who owns what a caller creates; by default the user's name.
        retention: what is kept of tasks, in a journal of ours; by default everything, for ever.

    No loop, task, lock or thread is created here: the runtime begins with the first request, on
    its loop, and moves to another loop when that one has ended.
    """

    def __init__(
        self,
        agent_executor: AgentExecutor,
        task_store: TaskStore | VersionedTaskStore | None = None,
        agent_card: AgentCard | None = None,
        queue_manager: Any | None = None,
        push_config_store: PushNotificationConfigStore | None = None,
        push_sender: PushNotificationSender | None = None,
        request_context_builder: RequestContextBuilder | None = None,
        extended_agent_card: AgentCard | None = None,
        extended_card_modifier: Callable[[AgentCard, ServerCallContext], Awaitable[AgentCard]]
        | None = None,
        push_url_validator: Callable[[str], Awaitable[bool]] | None = None,
        validate_input_modes: bool = False,
        event_stream: TaskEventStream | None = None,
        interrupted_task_timeout: float | None = None,
        *,
        policy: Policy | None = None,
        database: str | Path = DEFAULT_DATABASE,
        durability: Durability = "process",
        journal: Journal | None = None,
        owner_resolver: OwnerResolver = resolve_user_scope,
        retention: Retention | None = None,
    ) -> None:
        if agent_card is None:
            raise TypeError("RequestHandler needs agent_card: the card says what the agent can do")
        if interrupted_task_timeout is not None and interrupted_task_timeout <= 0:
            raise ValueError("interrupted_task_timeout must be greater than 0.")
        if task_store is not None and journal is not None:
            raise ValueError("pass task_store or journal, not both: only one can be the truth")
        if task_store is not None and retention is not None:
            raise ValueError(
                "retention is of tasks in a journal of ours, and task_store keeps them elsewhere: "
                "leave one of the two out"
            )
        _warn_unused(queue_manager, event_stream)
        self.agent_executor = agent_executor
        self.task_store = task_store
        self.extended_agent_card = extended_agent_card
        self.extended_card_modifier = extended_card_modifier
        self.policy = policy or Policy.sdk()
        self._agent_card = agent_card
        self._push_config_store = push_config_store
        self._push_url_validator = push_url_validator
        self._validate_input_modes = validate_input_modes
        builder, calls = request_context_builder or SimpleRequestContextBuilder(), Calls()
        self._runtime = RuntimeHolder(
            Recipe(
                executor=agent_executor,
                builder=builder,
                calls=calls,
                policy=self.policy,
                journal=journal_recipe(calls, task_store, journal, database, durability),
                push_sender=push_sender,
                push_configs=push_config_store,
                retention=retention,
                system=self.new_system,
            )
        )
        self._once = Once()
        self._entry = Entry(self._runtime, calls, builder, owner_resolver)
        for card, name in ((agent_card, "agent_card"), (extended_agent_card, "extended card")):
            if card is not None:
                warn_on_missing_required_fields(card, f"{name} passed to RequestHandler:")

    def new_system(self, loop: asyncio.AbstractEventLoop) -> ActorSystem:
        """Return the system in which this handler's actors live; for simulators to override."""
        return ActorSystem(LoopClock(loop), loop.create_future)

    async def start(self) -> None:
        """Start on the running loop before the first request, and settle what a crash has left."""
        await self._entry.core()

    async def recovery(self) -> Recovery:
        """Return how far the tasks are settled that were going on when the last process ended.

        Requests are answered meanwhile; whoever asks for such a task settles it by that.
        """
        core = await self._entry.core()
        with client_errors():
            return await core.recovery()

    async def aclose(self) -> None:
        """Stop taking requests, let runs end within the policy's drain time, answer everyone.

        What is still running then is settled by the recovery policy at the next start. Safe to
        call more than once; the next request starts anew.
        """
        await self._runtime.close(self.policy.drain)

    # -- reads

    @validate_request_params
    async def on_get_task(self, params: GetTaskRequest, context: ServerCallContext) -> Task | None:
        """Return a task of the caller's (R74)."""
        validate_history_length(params)
        return apply_history_length(await self._entry.task(params.id, context), params)

    @validate_request_params
    async def on_list_tasks(
        self, params: ListTasksRequest, context: ServerCallContext
    ) -> ListTasksResponse:
        """Return one page of the caller's tasks, newest status first (R67 to R73)."""
        validate_history_length(params)
        if params.HasField("page_size"):
            validate_page_size(params.page_size)
        core = await self._entry.core()
        with self._entry.call(context) as caller, client_errors():
            external = core.journal.external
            page = await core.listing(listing.query(params, caller, external=external))
        return listing.response(params, page, external=external)

    # -- send

    @validate_request_params
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
        async with aclosing(self.send_stream(params, context)) as stream:
            async for sequenced in stream:
                event = plain(sequenced)
                if isinstance(event, Task):
                    event = apply_history_length(event, params.configuration)
                yield event

    @validate_request_params
    @_streaming_declared
    async def send_stream(
        self, params: SendMessageRequest, context: ServerCallContext
    ) -> AsyncGenerator[Sequenced, None]:
        """Yield the stream of a message with the sequence number of each event."""
        async with aclosing(await self.sent(params, context)) as stream:
            async for sequenced in stream:
                yield sequenced

    @validate_request_params
    @_streaming_declared
    async def sent(self, params: SendMessageRequest, context: ServerCallContext) -> Stream:
        """Hand a message to its task; returns its stream, to be closed, once it is stored."""
        core = await self._entry.core()
        task, admitted = await self._send(params, context, Wait.STREAM)
        assert isinstance(admitted, Admitted)  # noqa: S101 - Wait.STREAM is always Admitted
        with ExitStack() as stack:
            stack.enter_context(core.reading(task, admitted))
            cursor = answers.cursor(self.policy, admitted)
            pages = core.pages(task, admitted, cursor, self._entry.caller(context))
            return Stream(answers.send_stream(self.policy, admitted, pages), stack.pop_all())

    async def _send(
        self, params: SendMessageRequest, context: ServerCallContext, wait: Wait
    ) -> tuple[str, Admitted | Settled]:
        """Return the id of the message's task, and the core's answer."""
        validate_history_length(params.configuration)
        if self._validate_input_modes:
            check_input_modes(params.message, self._agent_card)
        if not self.policy.deduplicate:
            return await self._send_new(params, context, wait)
        caller = self._entry.caller(context)
        key = idempotency_key(caller, params)
        async with self._once.turn(key) as turn:
            core = await self._entry.core()
            with client_errors():
                place = await core.find(key)
            if place is None:
                new = self._send_new(params, context, wait, Keyed(key, turn))
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
        wait: Wait,
        keyed: Keyed | None = None,
    ) -> tuple[str, Admitted | Settled]:
        new = not params.message.task_id
        request = await self._entry.resolve(params, context)
        task = str(request.task_id)
        await self._keep_push_config(task, params, context)
        return task, await self._entry.send(params, request, context, wait, new=new, keyed=keyed)

    # -- cancel

    @validate_request_params
    async def on_cancel_task(
        self, params: CancelTaskRequest, context: ServerCallContext
    ) -> Task | None:
        """End a task, by way of its agent (R51 to R53)."""
        core = await self._entry.core()
        with self._entry.call(context) as caller:
            if core.journal.external:
                await self._entry.task(params.id, context)
            try:
                with client_errors():
                    return answers.cancelled(await core.cancel(params.id, caller))
            except TaskNotCancelableError as error:
                if self.policy.canceled_again == "refuse":
                    raise
                known = await self._entry.task(params.id, context)
                return answers.cancelled_before(error, known)

    # -- subscribe

    async def on_subscribe_to_task(
        self, params: SubscribeToTaskRequest, context: ServerCallContext
    ) -> AsyncGenerator[Event, None]:
        """Yield the Task, then everything that follows (R40 to R45)."""
        async with aclosing(self.subscribe(params, context)) as stream:
            async for sequenced in stream:
                yield plain(sequenced)

    @validate_request_params
    @_streaming_declared
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

    @validate_request_params
    @_streaming_declared
    async def subscribed(
        self, params: SubscribeToTaskRequest, context: ServerCallContext, after: int | None = None
    ) -> Stream:
        """Let a reader in, as `subscribe` does; returns its stream, to be closed."""
        core = await self._entry.core()
        if core.journal.external:
            await self._entry.task(params.id, context)
        with ExitStack() as stack:
            caller = stack.enter_context(self._entry.call(context))
            with client_errors():
                admitted = await core.attach(params.id, after, caller)
            stack.enter_context(core.reading(params.id, admitted))
            pages = core.pages(params.id, admitted, admitted.version, caller)
            return Stream(answers.subscription(self.policy, admitted, pages), stack.pop_all())


def plain(sequenced: Sequenced) -> Event:
    """Return the event of a stream without its wrapping."""
    event: Event = getattr(sequenced.event, str(sequenced.event.WhichOneof("payload")))
    return event


def _warn_unused(queue_manager: object | None, event_stream: object | None) -> None:
    if event_stream is not None:
        logger.warning(
            "event_stream is not used: a stream shows what happens in this process; another "
            "replica's clients see it when they read the task"
        )
    if queue_manager is not None:
        message = (
            "queue_manager is not used: streams come from the journal, which any process that "
            "shares it can read"
        )
        warnings.warn(message, DeprecationWarning, stacklevel=3)
        logger.warning(message)
