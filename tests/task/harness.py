"""The five actors on a clock of our own: no loop, no sockets, no time but what a test gives.

`Bench` is the task core over a MemoryJournal with an agent that the test plays itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

from a2a.types import (
    Artifact,
    Message,
    Part,
    Role,
    SendMessageRequest,
    Task,
    TaskArtifactUpdateEvent,
    TaskState,
    TaskStatus,
    TaskStatusUpdateEvent,
)

from actors.a2a.emission import Event, emitted
from actors.runtime import ActorRef, ActorSystem, Caller
from actors.runtime.journal.actor import JournalActor
from actors.runtime.journal.messages import JOURNAL, Recover
from actors.runtime.journal.port import Append
from actors.runtime.journal.record import Record
from actors.runtime.journal.shell import JournalShell
from actors.runtime.recovery import RECOVERY, Begin, HowFar, Recovery, RecoveryActor
from actors.storage import MemoryJournal
from actors.task.actor import TaskActor
from actors.task.fold import Fold, fold
from actors.task.listing import TASKS, task_row
from actors.task.messages import Admitted, Attach, Cancel, Emitted, Get, Send, Wait, task_ref
from actors.task.orders import (
    OUTBOX,
    RETENTION,
    RUNNER,
    Delivered,
    Pull,
    RunReported,
)
from actors.task.outbox import OutboxActor
from actors.task.policy import Policy
from actors.task.ports import AbandonRun, AgentRequest, CancelRun, Notify, RunId, StartRun
from actors.task.record import Failure, Kind
from actors.task.retention import Retention, RetentionActor
from actors.task.rules import Rules
from actors.task.runner import RunnerActor
from actors.task.views import shown
from tests.manual import Answer, ManualClock, no_futures

ALICE = Caller("alice", "")
TASK = "t1"
CONTEXT = "c1"


class PlayedAgent:
    """The AgentPort as the test sees it: what was asked of the agent."""

    def __init__(self) -> None:
        self.asked: list[AgentRequest] = []

    def perform(self, request: AgentRequest, sender: ActorRef[Any]) -> None:
        self.asked.append(request)

    def starts(self) -> list[StartRun]:
        return [request for request in self.asked if isinstance(request, StartRun)]

    def cancels(self) -> list[CancelRun]:
        return [request for request in self.asked if isinstance(request, CancelRun)]

    def abandoned(self) -> list[RunId]:
        return [request.run for request in self.asked if isinstance(request, AbandonRun)]


class PlayedHook:
    """The WebhookPort as the test sees it: one notification at a time for each task."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, int]] = []
        self.under_way: list[str] = []

    def perform(self, request: Notify, sender: ActorRef[Any]) -> None:
        assert request.task not in self.under_way, "two notifications of one task at a time"
        self.sent.append((request.task, request.record.seq))
        self.under_way.append(request.task)


class Bench:
    """One task core, to be driven step by step."""

    def __init__(
        self,
        policy: Policy,
        journal: MemoryJournal | None = None,
        *,
        pushed: frozenset[int] = frozenset(),
    ) -> None:
        self.clock = ManualClock()
        self.hook = PlayedHook()
        self.journal = journal or MemoryJournal()
        self.agent = PlayedAgent()
        self.system = ActorSystem(self.clock, no_futures)
        self.system.ports["journal"] = JournalShell(self.journal, self.system)
        self.system.ports["agent"] = self.agent
        self.system.ports["webhook"] = self.hook
        rules = Rules(policy, pushed=pushed, hooks=("",) if pushed else ())
        lives = count(1)
        self.system.register("task", lambda task: TaskActor(task, rules, next(lives)))
        self.journal.open(TASKS)
        patience = policy.storage_patience
        self.system.spawn(JOURNAL, JournalActor(self.journal.lane, patience, task_ref, shown))
        self.system.spawn(RUNNER, RunnerActor())
        self.system.spawn(OUTBOX, OutboxActor(pushed, sender=True))

    # -- clients

    def ask(self, ref: ActorRef[Any], message: Any, caller: Caller = ALICE) -> Answer:
        answer = Answer()
        self.system.tell(ref, message, answer, caller)
        self.clock.run()
        return answer

    def send(
        self,
        text: str = "hi",
        wait: Wait = Wait.SETTLED,
        *,
        new: bool = False,
        key: int = 0,
        task: str = TASK,
    ) -> Answer:
        send = Send(request(text, task), CONTEXT, (), wait, new)
        return self.ask(task_ref(task), send, ALICE._replace(key=key))

    def cancel(self, task: str = TASK) -> Answer:
        return self.ask(task_ref(task), Cancel())

    def get(self, task: str = TASK) -> Answer:
        return self.ask(task_ref(task), Get())

    def attach(self, after: int | None = None, task: str = TASK) -> Answer:
        return self.ask(task_ref(task), Attach(after))

    def pull(self, admitted: Admitted, after: int, limit: int = 128) -> Answer:
        return self.ask(admitted.fanout, Pull(admitted.reader, after, limit))

    def begin_recovery(self) -> None:
        """What a new process does first."""
        self.system.spawn(RECOVERY, RecoveryActor(task_ref, "tasks"))
        self.system.tell(RECOVERY, Begin())
        self.clock.run()

    def recovery(self) -> Recovery:
        """How far that is."""
        found: Recovery = self.ask(RECOVERY, HowFar()).value
        return found

    def retain(self, retention: Retention, parked_life: float | None = None) -> None:
        """Begin to keep no more than that."""
        self.system.spawn(RETENTION, RetentionActor(retention, parked_life))
        self.clock.run()

    def recover(self) -> None:
        self.system.tell(task_ref(TASK), Recover())
        self.clock.run()

    # -- the agent

    @property
    def run(self) -> RunId:
        """The latest run that was started or cancelled."""
        latest = [r for r in self.agent.asked if isinstance(r, StartRun | CancelRun)]
        return latest[-1].run

    def emit(self, event: Event, run: RunId | None = None) -> None:
        run = run or self.run
        for field in ("id", "task_id"):
            if field in event.DESCRIPTOR.fields_by_name and not isinstance(event, Message):
                setattr(event, field, run.task)
        self.system.tell(task_ref(run.task), Emitted(run, (emitted(run, CONTEXT, event),)))
        self.clock.run()

    def returned(self, failure: Failure | None = None, run: RunId | None = None) -> None:
        self.system.tell(RUNNER, RunReported(run or self.run, failure, cancel=False))
        self.clock.run()

    def cancelled(self, failure: Failure | None = None) -> None:
        self.system.tell(RUNNER, RunReported(self.run, failure, cancel=True))
        self.clock.run()

    # -- the receiver of webhooks

    def delivered(self, task: str = TASK) -> None:
        """The notification of a task that is under way is over."""
        self.hook.under_way.remove(task)
        self.system.tell(OUTBOX, Delivered(task))
        self.clock.run()

    def deliver_all(self) -> None:
        """Receive whatever is sent until nothing is."""
        while self.hook.under_way:
            self.delivered(self.hook.under_way[0])

    # -- what is stored

    @property
    def log(self) -> tuple[Record, ...]:
        return self.log_of(TASK)

    def log_of(self, task: str) -> tuple[Record, ...]:
        page = self.journal.page(task, 0, 100_000)
        assert not hasattr(page, "__await__")
        return tuple(page or ())

    @property
    def folded(self) -> Fold:
        return fold(self.log)

    @property
    def state(self) -> str:
        return self.state_of(TASK)

    def state_of(self, task: str) -> str:
        return _name(fold(self.log_of(task)).state)

    def kinds(self) -> list[str]:
        return [Kind(record.kind).name for record in self.log]


def active(journal: MemoryJournal) -> list[str]:
    """What a new process would have to settle."""
    return [head.log for head in journal.heads(active=True)]


def _name(number: int) -> str:
    return TaskState.Name(TaskState.ValueType(number)).removeprefix("TASK_STATE_")


def request(text: str, task: str = TASK) -> bytes:
    """A SendMessageRequest as the handler hands it in."""
    message = Message(
        message_id=f"m-{text}",
        task_id=task,
        context_id=CONTEXT,
        role=Role.ROLE_USER,
        parts=[Part(text=text)],
    )
    return SendMessageRequest(message=message).SerializeToString()


def task(state: str = "SUBMITTED", **fields: Any) -> Task:
    status = TaskStatus(state=f"TASK_STATE_{state}")
    return Task(id=TASK, context_id=CONTEXT, status=status, **fields)


def status(state: str, text: str = "") -> TaskStatusUpdateEvent:
    event = TaskStatusUpdateEvent(
        task_id=TASK,
        context_id=CONTEXT,
        status=TaskStatus(state=f"TASK_STATE_{state}"),
    )
    if text:
        event.status.message.CopyFrom(reply(text))
    return event


def artifact(
    name: str = "a", text: str = "x", *, append: bool = False, last: bool = False
) -> TaskArtifactUpdateEvent:
    return TaskArtifactUpdateEvent(
        task_id=TASK,
        context_id=CONTEXT,
        artifact=Artifact(artifact_id=name, parts=[Part(text=text)]),
        append=append,
        last_chunk=last,
    )


def reply(text: str) -> Message:
    return Message(
        message_id=f"r-{text}",
        context_id=CONTEXT,
        role=Role.ROLE_AGENT,
        parts=[Part(text=text)],
    )


def journal_of(records: Sequence[Record], source: MemoryJournal) -> MemoryJournal:
    """A journal that holds the beginning of a log, as a crash after its last record leaves it."""
    copy = MemoryJournal()
    copy.open(TASKS)
    stored = source.read(TASK)
    assert stored is not None
    assert not hasattr(stored, "__await__")
    known = Fold()
    for record in records:
        known.apply(record)
        row = task_row(stored)._replace(state=known.state, status_at=known.status_at)
        active = known.active and not known.final
        append = Append(TASK, record.epoch, record.seq - 1, (record,), ALICE, active, row)
        copy.append([append])
    return copy
