"""What the journal's bench runs: appends, pages, growth, memory, and the store of a2a-sdk.

Each function returns figures by name and is run in a process of its own by `journal.py`.
"""

from __future__ import annotations

import asyncio
import gc
import random
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from a2a.helpers import new_task_from_user_message
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.context import ServerCallContext
from a2a.server.events import EventQueue
from a2a.server.tasks import TaskUpdater
from a2a.types import (
    AgentCapabilities,
    AgentCard,
    Artifact,
    Message,
    Part,
    Role,
    SendMessageRequest,
    StreamResponse,
    SubscribeToTaskRequest,
    Task,
    TaskArtifactUpdateEvent,
    TaskState,
)

from actors.a2a import RequestHandler
from actors.runtime import Caller
from actors.runtime.journal.port import Append, Journal, settled
from actors.runtime.journal.record import Record
from actors.storage import MemoryJournal, SqliteJournal
from actors.task.events import new_task
from actors.task.fold import Fold
from actors.task.listing import TASKS, TaskRow
from actors.task.record import Kind

Figures = dict[str, float]

EVENTS, SDK_EVENTS = 10_000, 1_000
LOGS = 50
CALLER = Caller("ann", "")
WORKING = TaskState.TASK_STATE_WORKING
AT = 1_700_000_000_000
TEXT = "a chunk of some words, as a model streams them; "


def open_journal(kind: str, directory: Path, dsn: str = "") -> Journal:
    """A journal of a kind, in an empty directory."""
    if kind == "memory":
        return MemoryJournal()
    if kind == "postgres":
        from actors.storage.postgres import PostgresJournal

        return PostgresJournal(dsn, schema=f"bench_{time.monotonic_ns()}")
    return SqliteJournal(directory / "x.db", durability=kind)


def first(task: str) -> Record:
    """The record that makes a task."""
    asked = SendMessageRequest(message=Message(message_id="m", parts=[Part(text="go")]))
    made = new_task(task, "context", WORKING, AT, asked.SerializeToString(), None)
    return Record(1, 1, AT, Kind.TASK, made)


def chunk(task: str, number: int) -> bytes:
    """The payload of one more chunk of an artifact."""
    event = TaskArtifactUpdateEvent(
        task_id=task,
        context_id="context",
        artifact=Artifact(artifact_id="text", parts=[Part(text=f"{number} {TEXT}")]),
        append=number > 0,
    )
    return StreamResponse(artifact_update=event).SerializeToString()


def appending(task: str, records: list[Record]) -> Append:
    """The append of a running task."""
    row = TaskRow(CALLER.owner, CALLER.tenant, "context", WORKING, AT)
    return Append(task, 1, records[0].seq - 1, tuple(records), CALLER, True, row)


# -- growth


def written() -> int:
    """Bytes that this process has handed to the system in `write` and its like."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["wchar"])


class Meter:
    """Time and bytes of events, in the first and last tenth; of this process, not of others.

    Args:
        events: how many there will be.
        directory: whose files grow.
    """

    def __init__(self, events: int, directory: Path) -> None:
        self.events = events
        self.directory = directory
        self.marks: list[tuple[float, float, int, int]] = []

    def __call__(self, number: int) -> None:
        """Note a tenth; to be called before each event, and once after the last."""
        if number % (self.events // 10) == 0:
            now = time.perf_counter(), time.process_time()
            self.marks.append((*now, written(), self.size()))

    def size(self) -> int:
        return sum(each.stat().st_size for each in self.directory.iterdir())

    def figures(self) -> Figures:
        each = self.events / 10
        found: Figures = {"events": self.events}
        for name, tenth in (("first", 0), ("last", 9)):
            before, after = self.marks[tenth : tenth + 2]
            took, cpu, bytes_, _ = (b - a for a, b in zip(before, after, strict=True))
            found[f"{name} tenth: us"] = took / each * 1e6
            found[f"{name} tenth: CPU us"] = cpu / each * 1e6
            found[f"{name} tenth: bytes"] = bytes_ / each
        return found


async def growth(kind: str, group: int) -> Figures:
    """One task that streams; an append of so many events at a time."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        journal = open_journal(kind, directory)
        await settled(journal.open(TASKS))
        await settled(journal.append([appending("task", [first("task")])]))
        payloads = [chunk("task", number) for number in range(EVENTS)]
        meter = Meter(EVENTS, directory)
        for number in range(0, EVENTS, group):
            meter(number)
            some = payloads[number : number + group]
            records = [
                Record(number + 2 + n, 1, AT, Kind.ARTIFACT, each) for n, each in enumerate(some)
            ]
            await settled(journal.append([appending("task", records)]))
        meter(EVENTS)
        await settled(journal.close())
        payload_bytes = statistics.fmean(map(len, payloads))
        found = meter.figures() | {"payload": payload_bytes, "file": meter.size() / EVENTS}
        # With "power" another process writes.
        return {key: each for key, each in found.items() if kind != "power" or "bytes" not in key}


async def sdk_growth() -> Figures:
    """The same task, saved after each event as a2a-sdk does."""
    from a2a.server.tasks.database_task_store import DatabaseTaskStore
    from sqlalchemy.ext.asyncio import create_async_engine

    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        engine = create_async_engine(f"sqlite+aiosqlite:///{directory / 'x.db'}")
        store, context, fold = DatabaseTaskStore(engine), ServerCallContext(), Fold()
        fold.apply(first("task"))
        assert fold.task is not None
        await store.save(fold.task, context)
        meter = Meter(SDK_EVENTS, directory)
        for number in range(SDK_EVENTS):
            meter(number)
            fold.apply(Record(number + 2, 1, AT, Kind.ARTIFACT, chunk("task", number)))
            await store.save(fold.task, context)
        meter(SDK_EVENTS)
        await engine.dispose()
        return meter.figures() | {"file": meter.size() / SDK_EVENTS}


# -- appending


async def rate(kind: str, group: int, dsn: str) -> Figures:
    """Records per second over many logs, each group one append of one log."""
    total = {1: 2_000, 10: 20_000, 100: 40_000}[group]
    with tempfile.TemporaryDirectory() as name:
        journal = open_journal(kind, Path(name), dsn)
        await settled(journal.open(TASKS))
        payload, heads = chunk("task", 0), [0] * LOGS
        spent = 0.0
        for number in range(total // group):
            log, head = f"task-{number % LOGS}", heads[number % LOGS]
            records = [
                Record(seq, 1, AT, Kind.ARTIFACT, payload)
                for seq in range(head + 1, head + group + 1)
            ]
            heads[number % LOGS] += group
            append = appending(log, records)
            began = time.perf_counter()
            await settled(journal.append([append]))
            spent += time.perf_counter() - began
        await settled(journal.close())
        return {"records/s": total / spent}


# -- reading


async def pages(kind: str, dsn: str) -> Figures:
    """Pages of 128 of a log of 10,000 records, in the middle and anywhere."""
    with tempfile.TemporaryDirectory() as name:
        journal = open_journal(kind, Path(name), dsn)
        await settled(journal.open(TASKS))
        for start in range(0, EVENTS, 100):
            numbers = range(start + 1, start + 101)
            records = [Record(n, 1, AT, Kind.ARTIFACT, chunk("task", n)) for n in numbers]
            await settled(journal.append([appending("task", records)]))
        rng = random.Random(1)
        anywhere = [rng.randrange(EVENTS - 128) for _ in range(500)]
        middle = [await _timed(journal, EVENTS // 2) for _ in range(200)]
        times = [await _timed(journal, after) for after in anywhere]
        await settled(journal.close())
        ninth = statistics.quantiles(times, n=100)[98]
        return {
            "middle: us": statistics.median(middle),
            "anywhere: us": statistics.median(times),
            "anywhere: p99 us": ninth,
        }


async def _timed(journal: Journal, after: int) -> float:
    began = time.perf_counter()
    page = await settled(journal.page("task", after, 128))
    spent = time.perf_counter() - began
    assert page is not None
    assert len(page) == 128
    return spent * 1e6


# -- memory


class Asking(AgentExecutor):
    """Asks back, so that its task waits for input."""

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        assert context.message is not None
        task = new_task_from_user_message(context.message)
        await event_queue.enqueue_event(task)
        await TaskUpdater(event_queue, task.id, task.context_id).requires_input()

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        raise NotImplementedError("nobody cancels here")


def handler(agent: AgentExecutor, **options: Any) -> RequestHandler:
    """A handler for an agent that streams."""
    card = AgentCard(name="bench", capabilities=AgentCapabilities(streaming=True))
    return RequestHandler(agent, agent_card=card, **options)


def message(number: int, text: str = "go", task: str = "") -> SendMessageRequest:
    """A request; each number has a message id of its own."""
    return SendMessageRequest(
        message=Message(
            message_id=f"m-{number}", task_id=task, role=Role.ROLE_USER, parts=[Part(text=text)]
        )
    )


@contextmanager
def weighed() -> Iterator[Callable[[], int]]:
    """What Python has allocated since, after a collection."""
    gc.collect()
    tracemalloc.start()

    def now() -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    yield now
    tracemalloc.stop()


async def memory(tasks: int) -> Figures:
    """Bytes of a task that waits for input: parked, and with a reader."""
    with tempfile.TemporaryDirectory() as name:
        made, context = handler(Asking(), database=Path(name) / "x.db"), ServerCallContext()
        for number in range(200):  # what is made once is not counted
            await made.on_message_send(message(-number - 1), context)
        ids: list[str] = []
        with weighed() as now:
            began = now()
            for number in range(tasks):
                answer = await made.on_message_send(message(number), context)
                assert isinstance(answer, Task)
                ids.append(answer.id)
            await asyncio.sleep(0)
            parked = now() - began
            readers = [await _reader(made, task, context) for task in ids[:1_000]]
            live = now() - began - parked
            for reader in readers:
                await reader.aclose()
        known = sum(map(len, ids)) / tasks + 57  # the ids that this bench keeps
        await made.aclose()
        return {"parked": parked / tasks - known, "live": live / len(readers)}


async def _reader(
    made: RequestHandler, task: str, context: ServerCallContext
) -> AsyncGenerator[Any, None]:
    reader = made.on_subscribe_to_task(SubscribeToTaskRequest(id=task), context)
    await anext(reader)
    return reader
