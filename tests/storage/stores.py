"""Stores of users, and a writer that makes the appends of a task, for tests of ForeignJournal."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from a2a.server.cluster.task_store import (
    ConcurrentTaskModificationError,
    StoredTask,
    VersionedTaskStore,
)
from a2a.server.cluster.version import TaskVersion
from a2a.server.context import ServerCallContext
from a2a.server.events.event_queue import Event
from a2a.server.tasks import InMemoryTaskStore, TaskStore
from a2a.types import (
    Artifact,
    ListTasksRequest,
    ListTasksResponse,
    Message,
    Part,
    SendMessageRequest,
    StreamResponse,
    Task,
    TaskArtifactUpdateEvent,
    TaskState,
    TaskStatus,
    TaskStatusUpdateEvent,
)

from actors.runtime import Caller
from actors.runtime.journal.port import Ack, Append, settled
from actors.runtime.journal.record import Fact, Record
from actors.storage import ForeignJournal
from actors.task.fold import Fold
from actors.task.listing import TaskRow, task_row
from actors.task.record import Kind
from tests.users import Named

ANN, BOB = Caller("ann", "acme"), Caller("bob", "acme")
WORKING, COMPLETED, INPUT = (
    TaskState.TASK_STATE_WORKING,
    TaskState.TASK_STATE_COMPLETED,
    TaskState.TASK_STATE_INPUT_REQUIRED,
)


def context_of(caller: Caller) -> ServerCallContext:
    return ServerCallContext(user=Named(caller.owner), tenant=caller.tenant)


class Watched(TaskStore):
    """The real store in memory; counts its calls, and saves late or not at all on demand."""

    def __init__(self, use_copying: bool = True) -> None:
        self.store = InMemoryTaskStore(use_copying=use_copying)
        self.saves: list[Task] = []
        self.gets = 0
        self.error: Exception | None = None
        self.gate: asyncio.Event | None = None
        self.at_gate = asyncio.Event()

    async def save(self, task: Task, context: ServerCallContext) -> None:
        if self.gate is not None:
            self.at_gate.set()
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        self.saves.append(task)
        await self.store.save(task, context)

    async def get(self, task_id: str, context: ServerCallContext) -> Task | None:
        self.gets += 1
        return await self.store.get(task_id, context)

    async def list(self, params: ListTasksRequest, context: ServerCallContext) -> ListTasksResponse:
        return await self.store.list(params, context)

    async def delete(self, task_id: str, context: ServerCallContext) -> None:
        await self.store.delete(task_id, context)


class Versions(VersionedTaskStore):
    """A versioned store in memory, as its interface says."""

    def __init__(self) -> None:
        self.tasks: dict[str, StoredTask] = {}
        self.saves: list[dict[str, Any]] = []
        self.before_get: Callable[[], Awaitable[object]] | None = None

    async def save(
        self,
        task: Task,
        *,
        event: Event | None,
        prev: Task | None,
        prev_version: TaskVersion,
        context: ServerCallContext,
    ) -> TaskVersion:
        known = self.tasks.get(task.id)
        if prev_version != (known.version if known else TaskVersion.MISSING):
            raise ConcurrentTaskModificationError(task.id)
        self.saves.append({"event": event, "prev": prev, "prev_version": prev_version})
        version = TaskVersion(len(self.saves) + 10)
        self.tasks[task.id] = StoredTask(task, version)
        return version

    async def get(self, task_id: str, context: ServerCallContext) -> StoredTask | None:
        found = self.tasks.get(task_id)
        if self.before_get is not None:
            await self.before_get()
        return found

    async def list(self, params: ListTasksRequest, context: ServerCallContext) -> ListTasksResponse:
        return ListTasksResponse(tasks=[each.task for each in self.tasks.values()])

    async def delete(self, task_id: str, context: ServerCallContext) -> None:
        del self.tasks[task_id]


def status(state: TaskState, text: str = "", at: int = 1_000) -> TaskStatus:
    made = TaskStatus(state=state)
    made.timestamp.FromMilliseconds(at)
    if text:
        made.message.MergeFrom(Message(message_id=f"says {text}", parts=[Part(text=text)]))
    return made


class Writer:
    """Decides as a TaskActor would: a fold ahead of the journal, and appends made from it."""

    def __init__(self, task: str = "t", caller: Caller = ANN) -> None:
        self.task = task
        self.caller = caller
        self.fold = Fold()
        self.known = 0

    def append(self, *facts: tuple[Kind, bytes, dict[str, Fact]]) -> Append:
        records = []
        for kind, payload, given in facts:
            record = Record(self.fold.version + 1, self.fold.epoch, 1, kind, payload, given)
            self.fold.apply(record)
            records.append(record)
        caller, fold = self.caller, self.fold
        row = TaskRow(caller.owner, caller.tenant, "ctx", fold.state, fold.status_at)
        active = not fold.final and fold.active
        expected = records[0].seq - 1
        return Append(self.task, fold.epoch, expected, tuple(records), caller, active, row)

    def accepted(self) -> Append:
        message = Message(message_id=f"m{self.fold.version}", parts=[Part(text="hello")])
        request = SendMessageRequest(message=message)
        return self.append((Kind.ACCEPTED, request.SerializeToString(), {"extensions": []}))

    def started(self) -> Append:
        message = next(iter(self.fold.accepted))
        return self.append((Kind.STARTED, b"", {"run": self.fold.run + 1, "message": message}))

    def created(self, state: TaskState = WORKING, at: int = 1_000) -> Append:
        task = Task(id=self.task, context_id="ctx", status=status(state, at=at))
        return self.append((Kind.TASK, StreamResponse(task=task).SerializeToString(), {}))

    def moved(self, state: TaskState, text: str = "") -> Append:
        event = TaskStatusUpdateEvent(
            task_id=self.task, context_id="ctx", status=status(state, text)
        )
        payload = StreamResponse(status_update=event).SerializeToString()
        return self.append((Kind.STATUS, payload, {}))

    def wrote(self, text: str) -> Append:
        artifact = Artifact(artifact_id="a", parts=[Part(text=text)])
        event = TaskArtifactUpdateEvent(task_id=self.task, artifact=artifact, append=True)
        payload = StreamResponse(artifact_update=event).SerializeToString()
        return self.append((Kind.ARTIFACT, payload, {}))

    def ended(self) -> Append:
        return self.append((Kind.ENDED, b"", {"run": self.fold.run, "outcome": "returned"}))

    def running(self) -> list[Append]:
        """The start of a run: accepted, started, the Task made."""
        return [self.accepted(), self.started(), self.created()]

    def resume(self, fold: Fold) -> None:
        """Go on from what a read gave, as a revived actor does."""
        self.fold = fold


async def store(journal: ForeignJournal, *group: Append) -> Sequence[Ack]:
    return list(await settled(journal.append(group)))


async def fold_at(journal: ForeignJournal, task: str = "t", caller: Caller | None = ANN) -> Fold:
    stored = await journal.read(task, caller)
    assert stored is not None
    assert stored.snapshot is not None
    assert stored.tail == ()
    fold = Fold.unpack(stored.snapshot.payload)
    assert (stored.head.seq, stored.head.epoch) == (stored.snapshot.seq, fold.epoch)
    assert fold.version == stored.snapshot.seq
    assert task_row(stored).state == fold.state
    return fold
