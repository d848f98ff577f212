"""The runtime of one handler: a task core on the event loop of the first request.

The only place in `actors/a2a` that chooses a journal, and so the only one that knows
`actors.storage`. Nothing is built before the first request; a request from another loop, when the
old one has ended, builds anew and recovers from the journal. After a fork nothing inherited is
touched.

Neighbours: `handler.py` (asks for the core), `agent.py` (the AgentPort).
"""

from __future__ import annotations

import asyncio
import logging
import os
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from a2a.server.agent_execution import AgentExecutor, RequestContextBuilder
from a2a.server.tasks import PushNotificationConfigStore, PushNotificationSender

from actors.a2a.agent import Agent
from actors.a2a.hooks import A2A_JSON, PLAIN_JSON, Hooks
from actors.a2a.limits import RECORD_BYTES, Limits, Usage
from actors.a2a.removals import Removals
from actors.a2a.requests import Calls
from actors.a2a.webhook import Webhooks
from actors.runtime import ActorStopped, ActorSystem
from actors.runtime.journal.port import Journal
from actors.runtime.journal.shell import JournalShell
from actors.storage import ForeignJournal
from actors.storage.choose import Durability as Durability  # the handler takes one
from actors.storage.choose import journal_at
from actors.task.core import TaskCore
from actors.task.delivery import Delivery
from actors.task.policy import Policy
from actors.task.retention import Retention
from actors.telemetry import Observer

logger = logging.getLogger("actors.a2a")


OurPort = Agent | Webhooks | Hooks | Removals


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything that a runtime is built from, on whichever loop."""

    executor: AgentExecutor
    builder: RequestContextBuilder
    calls: Calls
    policy: Policy
    journal: Callable[[], Journal]
    delivery: Delivery | None
    """How we send webhooks; None: we do not."""
    push_sender: PushNotificationSender | None
    push_configs: PushNotificationConfigStore | None
    retention: Retention | None
    limits: Limits
    observer: Observer
    system: Callable[[asyncio.AbstractEventLoop], ActorSystem]

    def build(self, loop: asyncio.AbstractEventLoop) -> Runtime:
        """Return a runtime on `loop`, not yet started."""
        system = self.system(loop)
        self.observer.watch(system)
        core = TaskCore(
            system,
            self.journal(),
            self.policy,
            sender=self.push_sender is not None,
            delivery=self.delivery,
            removals=self.push_configs is not None,
            retention=self.retention,
            artifacts=self.limits.artifacts,
            shell=self._shell,
            incarnation=uuid.uuid4().hex,
        )
        ports: dict[str, OurPort] = {
            "agent": Agent(
                self.executor,
                self.builder,
                self.calls,
                system,
                loop,
                self.limits.event_bytes or RECORD_BYTES,
                checked=self.policy.contexts == "checked",
                observer=self.observer,
            )
        }
        if self.push_sender is not None:
            ports["webhook"] = Webhooks(self.push_sender, system, loop, self.observer)
        if self.delivery is not None:
            ports["webhook"] = Hooks(
                self.delivery, system, loop, content_type=self._says, observer=self.observer
            )
        if self.push_configs is not None:
            ports["removals"] = Removals(self.push_configs, self.calls, loop)
        return Runtime(loop, core, ports, Usage(self.limits))

    @property
    def _says(self) -> str:
        """R60, where it differs from what a2a-sdk sends."""
        return A2A_JSON if self.policy.pushed_as == "a2a+json" else PLAIN_JSON

    def _shell(self, journal: Journal, system: ActorSystem) -> JournalShell:
        shell = JournalShell(journal, system)
        shell.on_group = self.observer.group
        return shell


def journal_recipe(
    calls: Calls,
    task_store: Any | None,
    journal: Journal | None,
    database: str | Path,
    durability: Durability,
) -> Callable[[], Journal]:
    """Return how to make the journal of a handler: the user's store, their journal, or ours.

    Raises:
        StorageError, ValueError: as `journal_at`.
    """
    if task_store is not None:
        logger.info(
            "tasks are kept in %s; a durable queue, deduplication, a webhook outbox and crash "
            "recovery need our own journal (leave task_store out)",
            type(task_store).__name__,
        )
        return lambda: ForeignJournal(task_store, calls.context_of)
    if journal is not None:
        return lambda: journal
    journal_at(database, durability)  # whatever is wrong with these is said now
    return lambda: journal_at(database, durability)


class Runtime:
    """A task core, its ports, and the loop and process that they belong to."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        core: TaskCore,
        ports: dict[str, OurPort],
        usage: Usage,
    ) -> None:
        self.loop = loop
        self.pid = os.getpid()
        self.core = core
        self.ports = ports
        self.usage = usage
        self.closing: asyncio.Task[None] | None = None
        self.ready = False
        """It has started; whether it is closing by now is another matter."""
        self._started: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return once it is ready; the first caller starts it, the others wait."""
        if self._started is None:
            self._started = self.loop.create_task(self.core.start(**self.ports))
        await asyncio.shield(self._started)
        self.ready = True

    async def close(self, drain: float) -> None:
        """Stop in order: runs end or are abandoned, everyone is answered, the journal closes."""
        if self._started is not None:
            with suppress(Exception):  # a start that failed has told its callers
                await self._started
            try:
                await self.core.close(drain)
            finally:
                for port in self.ports.values():
                    if isinstance(port, Hooks):
                        await port.aclose()
                    else:
                        port.close()

    def discard(self) -> None:
        """Let go of a runtime whose loop has ended: its runs are dead, its files are not."""
        self.core.abandon()


class RuntimeHolder:
    """The runtime of a handler, made when it is first needed and wherever it is needed next."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._runtime: Runtime | None = None
        self._retired: asyncio.AbstractEventLoop | None = None

    def reopen(self) -> None:
        """Serve again on a loop where it was closed for good, once that is done."""
        if self._mine() is None:
            self._retired = None

    def running(self) -> Runtime | None:
        """Return the runtime of the running loop, if it has started and serves."""
        runtime = self._runtime
        if runtime is None or not runtime.ready or runtime.closing is not None:
            return None
        # No loop runs on in a process that was forked, so this one is of ours.
        ours = self._retired is None and runtime.loop is asyncio.get_running_loop()
        return runtime if ours else None

    async def serving(self) -> Runtime:
        """Return the runtime of the running loop, started.

        Raises:
            RuntimeError: the handler is in use on another loop that still runs.
            ActorStopped: the handler is closing, or closed for good on this loop.
        """
        loop = asyncio.get_running_loop()
        if self._retired is loop:
            raise ActorStopped("the handler is closed")
        runtime = self._mine()
        if runtime is None or runtime.loop is not loop:
            runtime = self._replace(runtime, loop)
        if runtime.closing is not None:
            raise ActorStopped("the handler is closing")
        try:
            await runtime.start()
        except Exception as error:
            logger.error("cannot serve: %s", error)  # noqa: TRY400 - its callers get the error
            if self._runtime is runtime:
                self._runtime = None  # the next request tries again
                runtime.discard()
            raise
        return runtime

    def _mine(self) -> Runtime | None:
        """Return the runtime, unless it was inherited through a fork."""
        runtime = self._runtime
        return runtime if runtime is not None and runtime.pid == os.getpid() else None

    def _replace(self, old: Runtime | None, loop: asyncio.AbstractEventLoop) -> Runtime:
        if old is not None:
            self._let_go(old, loop)
        self._runtime = self._recipe.build(loop)
        return self._runtime

    def _let_go(self, old: Runtime, loop: asyncio.AbstractEventLoop) -> None:
        if not old.loop.is_closed():
            raise RuntimeError(
                f"this handler serves the event loop {old.loop!r}, which is still open, and was "
                f"now called on {loop!r}; use one handler for each loop, or aclose() first"
            )
        old.discard()
        self._runtime = None

    async def close(self, drain: float, *, for_good: bool = False) -> None:
        """Close the runtime, once, however many ask; nobody's patience cuts the drain short.

        Args:
            drain: seconds that runs have.
            for_good: nothing on the running loop begins anew.
        """
        if for_good:
            self._retired = asyncio.get_running_loop()
        runtime = self._mine()
        if runtime is None:
            return
        loop = asyncio.get_running_loop()
        if runtime.loop is not loop:
            self._let_go(runtime, loop)
            return
        if runtime.closing is None:
            runtime.closing = loop.create_task(runtime.close(drain))
            runtime.closing.add_done_callback(lambda _: self._closed(runtime))
        await asyncio.shield(runtime.closing)

    def _closed(self, runtime: Runtime) -> None:
        if self._runtime is runtime:
            self._runtime = None
