"""TaskCore: the five actors wired together, and the asks that an entry makes of them.

It decides nothing. `send`, `cancel`, `view`, `listing` and `read` are asks with a caller; a live
task answers from its actor, a parked one is read from the journal without waking it.

Neighbours: `actor.py`, `journal.py`, `fanout.py`, `runner.py` (the actors), `a2a/handler.py`.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager, suppress
from inspect import isawaitable
from itertools import count
from typing import Any

from actors.runtime import ActorRef, ActorStopped, ActorSystem, AskTimeout, Caller, Message, Port
from actors.task.actor import TaskActor
from actors.task.fanout import PAGE
from actors.task.journal import JournalActor
from actors.task.messages import (
    Admitted,
    Attach,
    Cancel,
    Detach,
    Get,
    Hold,
    Recover,
    Send,
    Settled,
    View,
    task_ref,
)
from actors.task.orders import (
    JOURNAL,
    OUTBOX,
    RUNNER,
    Drain,
    ListTasks,
    Page,
    Pull,
    ReadTask,
    TaskPage,
)
from actors.task.outbox import OutboxActor
from actors.task.policy import Policy
from actors.task.ports import Journal, Query
from actors.task.record import Kind
from actors.task.rules import Rules
from actors.task.runner import RunnerActor
from actors.task.shell import JournalShell

logger = logging.getLogger("actors.task")

PUSHED = {
    "states": frozenset({Kind.TASK, Kind.STATUS}),
    "all": frozenset({Kind.TASK, Kind.STATUS, Kind.ARTIFACT}),
}
"""A10: what webhooks hear of."""


class TaskCore:
    """The task core on one actor system, over one journal, for one agent.

    Args:
        system: where the actors live.
        journal: opened here, closed by `close`.
        policy: see `Policy`.
        pushes: there is a webhook port to notify.
    """

    def __init__(
        self, system: ActorSystem, journal: Journal, policy: Policy, *, pushes: bool = False
    ) -> None:
        self.system = system
        self.journal = journal
        self.policy = policy
        self._shell = JournalShell(journal, system)
        pushed = PUSHED[policy.pushed] if pushes else frozenset()
        rules = Rules(policy, external=journal.external, pushed=pushed)
        lives = count(1)
        system.register("task", lambda task: TaskActor(task, rules, next(lives)))

    async def start(self, **ports: Port) -> None:
        """Open the journal, start the standing actors, settle what a crash has left.

        Args:
            **ports: `agent`, and `webhook` if webhooks are to be notified.
        """
        self.journal.open()
        self.system.ports["journal"] = self._shell
        self.system.ports.update(ports)
        self.system.spawn(JOURNAL, JournalActor(self.journal.lane, self.policy.storage_patience))
        self.system.spawn(RUNNER, RunnerActor())
        self.system.spawn(OUTBOX, OutboxActor())
        active = self.journal.active()
        for task in await active if isawaitable(active) else active:
            self.system.tell(task_ref(task), Recover())

    async def close(self, drain: float) -> None:
        """Let runs end for `drain` seconds, answer everyone, let go of the journal."""
        try:
            with suppress(AskTimeout):
                await self._drain(self.system.clock.monotonic() + drain)
        finally:
            self.system.shutdown(ActorStopped("the server is shutting down"))
            self._shell.cancel()
            closed = self.journal.close()
            if isawaitable(closed):
                await closed

    async def _drain(self, ends: float) -> None:
        """Wait in the order in which work flows, so that each finds all there is."""
        await self._hold(ends)
        await self._ask_until(ends, RUNNER, Drain())
        await self._hold(ends)
        await self._ask_until(ends, JOURNAL, Drain())
        await self._ask_until(ends, OUTBOX, Drain())

    async def _hold(self, ends: float) -> None:
        for ref in self.system.refs():
            if ref.kind == "task":
                await self._ask_until(ends, ref, Hold())

    async def _ask_until(self, ends: float, ref: ActorRef[Any], message: Message) -> None:
        left = max(0.0, ends - self.system.clock.monotonic())
        try:
            await self.system.ask(ref, message, timeout=left)
        except AskTimeout:
            raise
        except Exception as answer:  # noqa: BLE001 - at rest by now, or never came to life
            logger.debug("%s did not wait for the drain: %s", ref, answer)

    # -- asks

    async def send(self, task: str, message: Send, caller: Caller) -> Admitted | Settled:
        """Hand a message in: `Admitted` for Wait.STREAM, to be `reading` then, else `Settled`."""
        answer: Admitted | Settled = await self.system.ask(
            task_ref(task), message, caller, None, self._let_out(task)
        )
        return answer

    async def cancel(self, task: str, caller: Caller) -> Settled:
        """Ask for the end of a task; the answer comes with its terminal state."""
        answer: Settled = await self.system.ask(task_ref(task), Cancel(), caller, timeout=None)
        return answer

    async def view(self, task: str, caller: Caller) -> View | None:
        """Return the committed Task, or None if there is none that the caller may see."""
        ref = task_ref(task)
        asks_journal = self.journal.external or not self.system.alive(ref)
        target, message = (JOURNAL, ReadTask(task)) if asks_journal else (ref, Get())
        found: View | None = await self.system.ask(target, message, caller)
        return found

    async def listing(self, query: Query) -> TaskPage:
        """Return one page of the caller's tasks."""
        page: TaskPage = await self.system.ask(JOURNAL, ListTasks(query), query.caller)
        return page

    async def attach(self, task: str, after: int | None, caller: Caller) -> Admitted:
        """Let a reader in; be `reading` its `pages` from then on."""
        admitted: Admitted = await self.system.ask(
            task_ref(task), Attach(after), caller, undelivered=self._let_out(task)
        )
        return admitted

    def _let_out(self, task: str) -> Callable[[object], None]:
        """Return what lets a reader out whose caller had gone before it was let in."""

        def undelivered(answer: object) -> None:
            if isinstance(answer, Admitted):
                self.system.tell(task_ref(task), Detach(answer.fanout, answer.reader))

        return undelivered

    @contextmanager
    def reading(self, task: str, admitted: Admitted) -> Iterator[None]:
        """Let the reader out again at the end, whatever that is."""
        try:
            yield
        finally:
            self.system.tell(task_ref(task), Detach(admitted.fanout, admitted.reader))

    async def pages(
        self, task: str, admitted: Admitted, cursor: int, caller: Caller
    ) -> AsyncGenerator[Page, None]:
        """Yield the records after `cursor`, page by page, until the end of the log.

        Where a journal no longer keeps them, a page with the Task as it is takes their place.
        """
        while True:
            pull = Pull(admitted.reader, cursor, PAGE)
            page: Page = await self.system.ask(admitted.fanout, pull, timeout=None)
            if page.gap:
                page = Page((), snapshot=await self.system.ask(task_ref(task), Get(), caller))
            yield page
            if page.end is not None:
                return
            if page.snapshot is not None:
                cursor = page.snapshot.version
            elif page.records:
                cursor = page.records[-1].seq
