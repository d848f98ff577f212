"""RequestHandler: the drop-in for a2a-sdk's DefaultRequestHandler.

Its operations resolve who asks and what about, ask the task core, and hand out the answer in the
form that the policy names. They decide nothing about tasks.

Neighbours: `sending.py`, `reading.py`, `push.py` (the operations), `entry.py` (who asks),
`runtime.py` (the core on the loop of the first request).
"""

from __future__ import annotations

import asyncio
import logging
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a2a.server.agent_execution import (
    AgentExecutor,
    RequestContextBuilder,
)
from a2a.server.context import ServerCallContext
from a2a.server.owner_resolver import OwnerResolver, resolve_user_scope
from a2a.server.request_handlers.request_handler import (
    RequestHandler as RequestHandlerInterface,
)
from a2a.types import (
    AgentCard,
    CancelTaskRequest,
    Task,
)
from a2a.utils.errors import TaskNotCancelableError
from a2a.utils.proto_utils import warn_on_missing_required_fields

from actors.a2a import answers
from actors.a2a.configs import configs, own_delivery
from actors.a2a.declared import Declared
from actors.a2a.entry import Entry, client_errors
from actors.a2a.limits import Limits
from actors.a2a.observed import operation
from actors.a2a.once import Once
from actors.a2a.reading import Reading
from actors.a2a.referring import Referred, Referring
from actors.a2a.requests import Calls
from actors.a2a.runtime import Durability, Recipe, RuntimeHolder, journal_recipe
from actors.a2a.sending import Sending
from actors.a2a.validation import validated
from actors.runtime import ActorSystem, LoopClock
from actors.runtime.recovery import Recovery
from actors.task.delivery import Delivery
from actors.task.orders import Deliveries
from actors.task.policy import Policy
from actors.task.retention import Retention
from actors.telemetry import Observer, Telemetry

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

DEFAULT_DATABASE = "a2a-tasks.db"


class RequestHandler(Sending, Reading, RequestHandlerInterface):
    """Serves the A2A operations of one agent from task actors.

    The positional parameters are those of a2a-sdk 1.3's `DefaultRequestHandler`, in its order.

    Args:
        agent_executor: the agent.
        task_store: a store of the user's, then the only truth; None keeps tasks in our journal.
        agent_card: what the agent declares; capabilities not declared are refused (R46, R54).
        queue_manager: accepted for compatibility, unused.
        push_config_store: where webhook configurations are kept; by default in the journal.
        push_sender: sends webhooks, in the order of the task's records, once they are stored; by
            default we send them. One that the user passes reads a store of theirs.
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
        limits: of requests, tasks and owners; `Limits()` unless given.
        telemetry: where metrics and spans go; to OpenTelemetry's global providers unless given.
        delivery: how webhooks are tried, and which addresses they may have; of those that we send.

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
        limits: Limits | None = None,
        telemetry: Telemetry | None = None,
        delivery: Delivery | None = None,
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
        theirs = (task_store, push_config_store, push_sender)
        ours = own_delivery(agent_card, theirs, delivery)
        self.agent_executor = agent_executor
        self.task_store = task_store
        self.extended_agent_card = extended_agent_card
        self.extended_card_modifier = extended_card_modifier
        self.policy = policy or Policy.sdk()
        self.limits = limits or Limits()
        self.observer = Observer(telemetry or Telemetry())
        self._agent_card = agent_card
        self._validate_input_modes = validate_input_modes
        referred, calls = Referred(), Calls()
        builder = request_context_builder or Referring(referred)
        self._runtime = RuntimeHolder(
            Recipe(
                executor=agent_executor,
                builder=builder,
                calls=calls,
                policy=self.policy,
                journal=journal_recipe(calls, task_store, journal, database, durability),
                delivery=ours,
                push_sender=push_sender,
                push_configs=push_config_store,
                retention=retention,
                limits=self.limits,
                observer=self.observer,
                system=self.new_system,
            )
        )
        self._once = Once()
        declared = Declared(agent_card, self.policy)
        self._entry = Entry(self._runtime, calls, builder, owner_resolver, self.limits, declared)
        referred.entry = self._entry
        self._configs = configs(push_config_store, ours, push_url_validator, self._entry)
        for card, name in ((agent_card, "agent_card"), (extended_agent_card, "extended card")):
            if card is not None:
                warn_on_missing_required_fields(card, f"{name} passed to RequestHandler:")

    def new_system(self, loop: asyncio.AbstractEventLoop) -> ActorSystem:
        """Return the system in which this handler's actors live; for simulators to override."""
        return ActorSystem(LoopClock(loop), loop.create_future)

    async def start(self) -> None:
        """Start on the running loop before the first request, and settle what a crash has left.

        Ends a retirement, too.
        """
        self._runtime.reopen()
        await self._entry.core()

    async def recovery(self) -> Recovery:
        """Return how far the tasks are settled that were going on when the last process ended.

        Requests are answered meanwhile; whoever asks for such a task settles it by that.
        """
        core = await self._entry.core()
        with client_errors():
            return await core.recovery()

    async def look(self) -> None:
        """See whether the journal answers; raises what a client would hear if it does not."""
        core = await self._entry.core()
        with client_errors():
            await core.find("anybody")  # no key is like this, so nothing is found

    async def webhooks(self) -> Deliveries:
        """Return how the webhooks are doing: what was delivered, what fails, and what is given up.

        Of those that we send; a `push_sender` of the user's tells nothing.
        """
        core = await self._entry.core()
        with client_errors():
            return await core.deliveries()

    async def aclose(self) -> None:
        """Stop taking requests, let runs end within the policy's drain time, answer everyone.

        What is still running then is settled by the recovery policy at the next start. Safe to
        call more than once; the next request starts anew.
        """
        await self._runtime.close(self.policy.drain)

    async def retire(self) -> None:
        """As `aclose`, at the end of a server: requests on this loop are refused from now on.

        A request that comes late must not open the journal again. Only `start` ends this.
        """
        await self._runtime.close(self.policy.drain, for_good=True)

    # -- cancel

    @operation("CancelTask")
    @validated
    async def on_cancel_task(
        self, params: CancelTaskRequest, context: ServerCallContext
    ) -> Task | None:
        """End a task, by way of its agent (R51 to R53)."""
        await self._entry.admit(context)
        core = await self._entry.core()
        if core.journal.external:
            await self._entry.task(params.id, context)
        try:
            return answers.cancelled(await self._entry.cancel(params.id, context))
        except TaskNotCancelableError as error:
            if self.policy.canceled_again == "refuse":
                raise
            return answers.cancelled_before(error, await self._entry.task(params.id, context))


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
