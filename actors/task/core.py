"""TaskCore: the five actors wired together, and the asks that an entry makes of them.

It decides nothing. `send`, `cancel`, `view`, `listing` and `read` are asks with a caller; a live
task answers from its actor, a parked one is read from the journal without waking it.

Neighbours: `actor.py`, `fanout.py`, `runner.py` (actors), `a2a/handler.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from functools import partial
from inspect import iscoroutine
from itertools import count
from math import isfinite
from typing import Any

from actors.runtime import (
    ActorRef,
    ActorStopped,
    ActorSystem,
    AskTimeout,
    Caller,
    DrainReport,
    Phase,
    Port,
    drain,
)
from actors.runtime.journal.actor import JournalActor
from actors.runtime.journal.errors import StorageUnavailable
from actors.runtime.journal.messages import JOURNAL, Drain, FindKey, ListLogs, ReadLog, ReadPage
from actors.runtime.journal.port import Abandoned, Journal, Place, Stored, settled
from actors.runtime.journal.projection import Query
from actors.runtime.journal.shell import JournalShell
from actors.runtime.recovery import RECOVERY, Begin, HowFar, Recovery, RecoveryActor
from actors.task.actor import TaskActor
from actors.task.delivery import Delivery
from actors.task.listing import TASKS
from actors.task.messages import (
    Admitted,
    Attach,
    Cancel,
    Configure,
    Detach,
    Get,
    Hold,
    Send,
    Settled,
    TaskMessage,
    Unconfigure,
    View,
    task_ref,
)
from actors.task.orders import (
    OUTBOX,
    RETENTION,
    RUNNER,
    Deliveries,
    HowDelivered,
    Page,
    TaskPage,
)
from actors.task.outbox import OutboxActor
from actors.task.policy import Policy
from actors.task.reader import Reader
from actors.task.record import Kind
from actors.task.retention import Retention, RetentionActor
from actors.task.rules import Rules
from actors.task.runner import RunnerActor
from actors.task.state import TaskState
from actors.task.views import shown

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
        sender: the webhook port is a sender of the user's, to be notified of every task.
        delivery: the webhook port notifies the webhooks of tasks, which is tried like this.
        removals: there is a port that wants to hear which tasks are removed.
        retention: what is kept; None: everything.
        artifacts: how many a task may have; None: any number.
        shell: performs what the JournalActor asks; another one where a simulator decides when.
        incarnation: names this core among all that ever write to the journal.
    """

    def __init__(
        self,
        system: ActorSystem,
        journal: Journal,
        policy: Policy,
        *,
        sender: bool = False,
        delivery: Delivery | None = None,
        removals: bool = False,
        retention: Retention | None = None,
        artifacts: int | None = None,
        shell: Callable[[Journal, ActorSystem], JournalShell] = JournalShell,
        incarnation: str,
    ) -> None:
        self.system = system
        self.journal = journal
        self.policy = policy
        self._retention = retention
        self._shell = shell(journal, system)
        self._took = False
        self._pushed = PUSHED[policy.pushed] if sender or delivery else frozenset()
        self._outbox = OutboxActor(self._pushed, delivery, sender=sender)
        rules = Rules(
            policy,
            external=journal.external,
            pushed=self._pushed,
            hooks=("",) if sender else (),
            removals=removals,
            artifacts=artifacts,
            incarnation=incarnation,
        )
        lives = count(1)
        system.register("task", lambda task: TaskActor(task, rules, next(lives)))

    async def start(self, **ports: Port) -> None:
        """Open the journal, start the standing actors, begin to settle what a crash has left.

        Args:
            **ports: `agent`, `webhook` if webhooks are to be notified, `removals`.

        Raises:
            StorageError: the journal cannot be opened, or another system uses it.
        """
        self._shell.take()
        self._took = True
        try:
            await settled(self.journal.open(TASKS))
        except BaseException:
            self._shell.give_back()
            raise
        self.system.ports["journal"] = self._shell
        self.system.ports.update(ports)
        patience = self.policy.storage_patience
        self.system.spawn(JOURNAL, JournalActor(self.journal.lane, patience, task_ref, shown))
        self.system.spawn(RUNNER, RunnerActor())
        self.system.spawn(OUTBOX, self._outbox)
        if self._retention is not None or self.policy.parked_life is not None:
            kept = self._retention or Retention()
            self.system.spawn(RETENTION, RetentionActor(kept, self.policy.parked_life))
        self.system.spawn(RECOVERY, RecoveryActor(task_ref, "tasks"))
        self.system.tell(RECOVERY, Begin())

    async def close(self, drain: float) -> None:
        """Let runs end for `drain` seconds, answer everyone, let go of the journal.

        Raises:
            ValueError: `drain` is infinite or not a number; nothing is closed.
        """
        if not isfinite(drain):
            raise ValueError(f"drain is {drain}, expected a finite number of seconds")
        try:
            report = await self._drain(drain)
            if not report.complete:
                logger.info("closing before all was done: %s", report)
        finally:
            self.system.shutdown(ActorStopped("the server is shutting down"))
            self._shell.cancel()
            try:
                await settled(self.journal.close())
            finally:
                self._shell.give_back()

    def abandon(self) -> None:
        """Let go of the journal without awaiting: the loop has ended, or the start has failed."""
        if not self._took:
            return  # it is somebody else's
        journal = self.journal
        if isinstance(journal, Abandoned):
            journal.abandon()
        else:
            closing = journal.close()
            if iscoroutine(closing):
                closing.close()
        self._shell.give_back()

    async def _drain(self, seconds: float) -> DrainReport:
        """Wait in the order in which work flows, so that each finds all there is."""
        hold = Phase("hold", self._tasks, Hold)
        standing = {"runs": RUNNER, "journal": JOURNAL, "outbox": OUTBOX}
        runs, journal, outbox = (
            Phase(name, partial(list, (ref,)), Drain) for name, ref in standing.items()
        )
        return await drain(self.system, (hold, runs, hold, journal, outbox), seconds)

    def _tasks(self) -> list[ActorRef[Any]]:
        return [ref for ref in self.system.refs() if ref.kind == "task"]

    # -- asks

    async def ask(
        self,
        task: str,
        message: TaskMessage,
        caller: Caller,
        timeout: float = 30.0,  # noqa: ASYNC109 - a deadline of the ask, not of the await
        undelivered: Callable[[Any], None] | None = None,
        trace: str = "",
    ) -> Any:
        """Ask a task something for a client; it is not even told unless it is the client's (R87).

        Whose a live task is its state says; whose a parked one is its row says, when its log is to
        be read. Whoever is refused has cost what an id costs that nobody has: one look at a row.

        Raises:
            TaskNotFoundError: it is absent or somebody else's (R81).
        """
        ref = task_ref(task)
        if self._theirs(ref, caller):
            try:
                await self.system.ask(JOURNAL, ReadLog(task), caller)
            except AskTimeout:
                raise StorageUnavailable("the journal did not answer in time") from None
            raise Rules.unknown()
        return await self.system.ask(ref, message, caller, timeout, undelivered, trace)

    def _theirs(self, ref: ActorRef[Any], caller: Caller) -> bool:
        """Whether a live task is somebody else's; a user's own store judges that on its own."""
        cell = self.system.cells.get(ref)
        if cell is None or self.journal.external or not isinstance(cell.state, TaskState):
            return False
        state: TaskState = cell.state
        return (state.owner, state.tenant) != (caller.owner, caller.tenant)

    async def recovery(self) -> Recovery:
        """Return how far the tasks are settled that were going on when the last process ended."""
        found: Recovery = await self.system.ask(RECOVERY, HowFar())
        return found

    def send(
        self,
        task: str,
        message: Send,
        caller: Caller,
        trace: str = "",
        refused: Callable[[], None] | None = None,
    ) -> Coroutine[Any, Any, Admitted | Settled]:
        """Hand a message in: `Admitted` for Wait.STREAM, to be a `reader` then, else `Settled`.

        Args:
            task: its id.
            message: what is sent.
            caller: who sends.
            trace: W3C traceparent of the request; the run goes on with it, after a crash too.
            refused: told when the message is refused, and its sender is not there to hear so.

        Raises:
            AskTimeout: the deadline passed; the message may go on.
        """
        deadline, undelivered = self.policy.request_deadline, _Undelivered(self, task, refused)
        return self.ask(task, message, caller, deadline, undelivered, trace)

    async def cancel(self, task: str, caller: Caller) -> Settled:
        """Ask for the end of a task; the answer comes with its terminal state."""
        deadline = self.policy.request_deadline
        answer: Settled = await self.ask(task, Cancel(), caller, deadline)
        return answer

    async def configure(self, task: str, config: bytes, caller: Caller) -> None:
        """Keep a webhook of a task (TaskPushNotificationConfig, with its id)."""
        await self.ask(task, Configure(config), caller)

    async def unconfigure(self, task: str, hook: str, caller: Caller) -> None:
        """Forget a webhook of a task; no attempt to notify it begins after this has returned."""
        await self.ask(task, Unconfigure(hook), caller)

    async def deliveries(self) -> Deliveries:
        """Return how the webhooks are doing."""
        found: Deliveries = await self.system.ask(OUTBOX, HowDelivered())
        return found

    async def view(self, task: str, caller: Caller) -> View | None:
        """Return the committed Task, or None if there is none that the caller may see."""
        ref = task_ref(task)
        found: View | None
        if self.journal.external or not self.system.alive(ref) or self._theirs(ref, caller):
            found = await self.system.ask(JOURNAL, ReadLog(task), caller)
        else:
            found = await self.system.ask(ref, Get(), caller)
        return found

    async def listing(self, query: Query) -> TaskPage:
        """Return one page of the caller's tasks."""
        page: TaskPage = await self.system.ask(JOURNAL, ListLogs(query), query.caller)
        return page

    async def find(self, key: str) -> Place | None:
        """Return where the message with an idempotency key was accepted."""
        place: Place | None = await self.system.ask(JOURNAL, FindKey(key))
        return place

    async def page(self, task: str, after: int, limit: int) -> Page:
        """Return records of a task that the caller has been found to see."""
        page: Page = await self.system.ask(JOURNAL, ReadPage(task, after, limit))
        return page

    async def stored(self, task: str, caller: Caller) -> Stored | None:
        """Return what the journal has of a task, or None if the caller may not see it."""
        found: Stored | None = await self.system.ask(JOURNAL, ReadLog(task, whole=True), caller)
        return found

    async def attach(
        self, task: str, after: int | None, caller: Caller, *, sender: bool = False
    ) -> Admitted:
        """Let a reader in: be a `reader` of the task from then on. See `Attach`."""
        attach = Attach(after, sender)
        let_out = partial(self.let_out, task)
        admitted: Admitted = await self.ask(task, attach, caller, undelivered=let_out)
        return admitted

    def let_out(self, task: str, answer: object) -> None:
        """Let a reader out, if that is the answer, whose caller had gone before it was let in."""
        if isinstance(answer, Admitted):
            self.system.tell(task_ref(task), Detach(answer.fanout, answer.reader))

    def reader(self, task: str, admitted: Admitted, cursor: int, caller: Caller) -> Reader:
        """Return the reader that was let in, to be closed; it reads what follows `cursor`."""
        return Reader(self.system, task, admitted, cursor, caller)


class _Undelivered:
    """Told the answer to a message whose sender has gone.

    One object where a closure is six that the collector goes through for each request under way.
    """

    __slots__ = ("_core", "_refused", "_task")

    def __init__(self, core: TaskCore, task: str, refused: Callable[[], None] | None) -> None:
        self._core = core
        self._task = task
        self._refused = refused

    def __call__(self, answer: object) -> None:
        """Let out the reader that was let in, or say that the message was refused."""
        self._core.let_out(self._task, answer)
        if self._refused is not None and isinstance(answer, Exception):
            self._refused()
