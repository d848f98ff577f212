"""A bare handler: about the least that a durable one does, with none of our code or the peer's.

What is left is what no core can save: the agent with a2a-sdk's helpers, the call that agents are
given, one asyncio task for a run, the bytes of its events, two commits of SQLite for a task (one
row each), the Task put together, a future to wake whoever waits, a parsed event for each reader.
There is no owner, state chart, cancel, replay, limit, retry or refusal. So the table tells how much
of a figure is ours to save. Where we share more than it does, or gather longer, it is not the
least.

Neighbours: `sides.py` (serves it), `targets.py` (its rows).
"""

from __future__ import annotations

import asyncio
import sqlite3
import uuid
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Final

from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.context import ServerCallContext
from a2a.server.events import Event, EventQueue
from a2a.types import (
    Message,
    SendMessageRequest,
    StreamResponse,
    SubscribeToTaskRequest,
    Task,
    TaskArtifactUpdateEvent,
    TaskStatusUpdateEvent,
)

CREDIT: Final = 128
"""Events that an agent may be ahead of the disk."""


class Disk:
    """One append-only table; what comes in one turn of the loop is one commit."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute("CREATE TABLE log (id INTEGER PRIMARY KEY, task TEXT, frames BLOB)")
        self._due: list[Run] = []

    def soon(self, run: Run) -> None:
        """Commit what a run has gathered, once this turn is over."""
        if not self._due:
            asyncio.get_running_loop().call_soon(self._commit)
        self._due.append(run)

    def _commit(self) -> None:
        due, self._due = self._due, []
        self._db.execute("BEGIN")
        rows = [(run.task.id, b"".join(run.frames)) for run in due]
        self._db.executemany("INSERT INTO log (task, frames) VALUES (?, ?)", rows)
        self._db.execute("COMMIT")
        for run in due:
            run.stored()

    def close(self) -> None:
        """Close the file."""
        self._db.close()


class Run(EventQueue):
    """One task, its log, and the queue of its agent."""

    def __init__(self, disk: Disk, agent: AgentExecutor, context: RequestContext) -> None:
        self._disk = disk
        self._agent = agent
        self._context = context
        self._running: asyncio.Task[None] | None = None
        self._gathered: list[Event] = []
        self._waiting: list[asyncio.Future[None]] = []
        assert context.task_id is not None
        self.task = Task(id=context.task_id)
        self.log: list[bytes] = []
        """Frames of what is stored."""
        self.over = False
        self.frames = [context.message.SerializeToString() if context.message else b""]
        disk.soon(self)

    async def enqueue_event(self, event: Event) -> None:
        """Emit one; waits while too many are not stored yet."""
        if not self.frames:
            self._disk.soon(self)
        self.frames.append(_wrapped(event).SerializeToString())
        self._gathered.append(event)
        if len(self.frames) >= CREDIT:
            await self.news()

    def stored(self) -> None:
        """Fold what was gathered, tell who waits, and begin with the agent if it was the first."""
        frames, self.frames = self.frames, []
        if self._running is None:
            work = self._agent.execute(self._context, self)
            self._running = asyncio.get_running_loop().create_task(work)
            return
        self.log += frames
        gathered, self._gathered = self._gathered, []
        for event in gathered:
            self._fold(event)
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.done():
                each.set_result(None)

    def _fold(self, event: Event) -> None:
        task = self.task
        if isinstance(event, Task):
            task.CopyFrom(event)
        elif isinstance(event, TaskStatusUpdateEvent):
            task.status.CopyFrom(event.status)
            self.over = task.status.state >= 3  # COMPLETED, and whatever else ends a stream here
        elif isinstance(event, TaskArtifactUpdateEvent) and event.append:
            task.artifacts[-1].parts.extend(event.artifact.parts)
        elif isinstance(event, TaskArtifactUpdateEvent):
            task.artifacts.append(event.artifact)

    def news(self) -> asyncio.Future[None]:
        """Return what is done when the next events are stored."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        return future

    async def read(self, after: int = 0) -> AsyncGenerator[Event]:
        """Yield the events after so many, each parsed for this reader."""
        while True:
            for frame in self.log[after:]:
                after += 1
                told = StreamResponse.FromString(frame)
                yield getattr(told, str(told.WhichOneof("payload")))
            if self.over and after == len(self.log):
                return
            if after == len(self.log):
                await self.news()

    async def close(self, immediate: bool = False) -> None:
        """Do nothing: there is nothing to close."""


class Bare:
    """As much of a `RequestHandler` as new tasks need.

    Args:
        agent: what it serves.
        path: of its file, which is new.
    """

    def __init__(self, agent: AgentExecutor, path: Path) -> None:
        self._agent = agent
        self._disk = Disk(path)
        self._runs: dict[str, Run] = {}

    def _begin(self, params: SendMessageRequest, context: ServerCallContext) -> Run:
        task, about = str(uuid.uuid4()), str(uuid.uuid4())
        params.message.task_id, params.message.context_id = task, about
        run = Run(self._disk, self._agent, RequestContext(context, params, task, about))
        self._runs[task] = run
        return run

    async def on_message_send(
        self, params: SendMessageRequest, context: ServerCallContext
    ) -> Message | Task:
        """Return the Task once it is over, or as it begins."""
        run = self._begin(params, context)
        while not (run.over or (run.log and params.configuration.return_immediately)):
            await run.news()
        if run.over:
            del self._runs[run.task.id]
        return Task.FromString(run.task.SerializeToString())

    async def on_message_send_stream(
        self, params: SendMessageRequest, context: ServerCallContext
    ) -> AsyncGenerator[Event]:
        """Yield what is stored of a new task."""
        run = self._begin(params, context)
        async for event in run.read():
            yield event
        del self._runs[run.task.id]

    async def on_subscribe_to_task(
        self, params: SubscribeToTaskRequest, context: ServerCallContext
    ) -> AsyncGenerator[Event]:
        """Yield the Task as it is, and what is stored from there on."""
        run = self._runs[params.id]
        yield Task.FromString(run.task.SerializeToString())
        async for event in run.read(len(run.log)):
            yield event

    def close(self) -> None:
        """Close the file."""
        self._disk.close()


def _wrapped(event: Event) -> StreamResponse:
    if isinstance(event, TaskArtifactUpdateEvent):
        return StreamResponse(artifact_update=event)
    if isinstance(event, TaskStatusUpdateEvent):
        return StreamResponse(status_update=event)
    return StreamResponse(task=event) if isinstance(event, Task) else StreamResponse(message=event)
