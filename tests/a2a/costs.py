"""What an operation costs, counted and not timed: calls, encodes, asyncio tasks, timers, commits.

A count is the same on a busy machine, so a test can hold it to a figure.

Neighbours: `test_costs*.py` (hold it), `agents.py` (the handler's card and callers).
"""

from __future__ import annotations

import asyncio
import cProfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import inf
from types import CodeType
from unittest.mock import patch

from a2a.helpers import new_task_from_user_message
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.tasks import TaskUpdater
from a2a.types import (
    Artifact,
    Part,
    SubscribeToTaskRequest,
    Task,
    TaskArtifactUpdateEvent,
    TaskState,
)

from actors.a2a import RequestHandler
from actors.runtime import dispatcher
from actors.runtime.journal.port import Ack, Append
from actors.storage import MemoryJournal
from tests.a2a.agents import as_user, ask, card

ME = as_user("me")

ENCODES = ("SerializeToString", "SerializePartialToString", "MessageToJson", "MessageToDict")
PARSES = ("FromString", "ParseFromString", "MergeFromString", "ParseDict")
COPIES = ("CopyFrom", "deepcopy")
MERGES = ("MergeFrom",)
"""Names of what protobuf does to whole messages."""

LOOP = {
    asyncio.BaseEventLoop.create_task.__code__: "asyncio tasks",
    asyncio.BaseEventLoop.call_at.__code__: "timers",
}
SPANS = ("start_span", "start_as_current_span")


class Costs:
    """What was counted; complete when the block has ended."""

    def __init__(self) -> None:
        self.calls = 0
        """Of functions, in Python or in C."""
        self.by_name: Counter[str] = Counter()
        """Calls of functions by their names, and the `LOOP` ones by what they make."""

    def of(self, names: Sequence[str]) -> int:
        """How often any of these was called."""
        return sum(self.by_name[name] for name in names)

    def take(self, code: CodeType | str, calls: int) -> None:
        """Add the calls of one function; a text describes one in C."""
        self.calls += calls
        if isinstance(code, str):
            name = code.rstrip(">").split(" of ")[0].split()[-1].split(".")[-1].strip("'>")
        else:
            name = LOOP.get(code, code.co_name)
        self.by_name[name] += calls


@contextmanager
def counted() -> Iterator[Costs]:
    """Count what the block calls, on this thread.

    Turns of the actors end by how many messages they had, and not by the time that these took.
    """
    costs, profile = Costs(), cProfile.Profile()
    with patch.object(dispatcher, "TURN_SECONDS", inf):
        profile.enable()
        try:
            yield costs
        finally:
            profile.disable()
        for entry in profile.getstats():
            costs.take(entry.code, entry.callcount)


class Tallied(MemoryJournal):
    """A journal that counts what is stored."""

    def __init__(self) -> None:
        super().__init__()
        self.commits = 0
        self.records = 0
        self.bytes = 0

    def append(self, group: Sequence[Append]) -> Sequence[Ack]:
        self.commits += 1
        for append in group:
            self.records += len(append.records)
            self.bytes += sum(len(record.payload) for record in append.records)
        return super().append(group)


class Chatty(AgentExecutor):
    """Streams as many chunks as the message says, once the gate is open; "ask" wants an answer."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        assert context.message is not None
        task = new_task_from_user_message(context.message)
        await event_queue.enqueue_event(task)
        updater = TaskUpdater(event_queue, task.id, task.context_id)
        await updater.start_work()
        scene, _, number = context.get_user_input().partition(" ")
        if scene == "ask":
            await updater.requires_input()
            return
        await self.gate.wait()
        for index in range(int(number)):
            await event_queue.enqueue_event(_chunk(task.id, task.context_id, index))
            if scene == "paced":
                await asyncio.sleep(0)
        await updater.update_status(TaskState.TASK_STATE_COMPLETED)

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        raise NotImplementedError


def _chunk(task: str, context: str, index: int) -> TaskArtifactUpdateEvent:
    artifact = Artifact(artifact_id="r", parts=[Part(text=f"token {index:6}")])
    return TaskArtifactUpdateEvent(
        task_id=task, context_id=context, artifact=artifact, append=index > 0
    )


def serving(journal: MemoryJournal | None = None) -> tuple[RequestHandler, Chatty]:
    """Return a handler and its agent."""
    agent = Chatty()
    return RequestHandler(agent, None, card(), journal=journal or Tallied()), agent


async def streamed(handler: RequestHandler, scene: str) -> int:
    """Send a message and read its stream; returns how many events came."""
    events = 0
    async for _ in handler.on_message_send_stream(ask(scene), ME):
        events += 1
    return events


async def followed(handler: RequestHandler, agent: Chatty, chunks: int, readers: int) -> int:
    """Have a task stream to its sender and to `readers` more; returns how many events came."""
    agent.gate.clear()
    stream = handler.on_message_send_stream(ask(f"burst {chunks}"), ME)
    first = await anext(stream)
    assert isinstance(first, Task)
    task = first.id
    others = [
        handler.on_subscribe_to_task(SubscribeToTaskRequest(id=task), ME) for _ in range(readers)
    ]
    for other in others:
        await anext(other)  # the Task, so it is let in
    agent.gate.set()
    counts = await asyncio.gather(*(_rest(each) for each in (stream, *others)))
    return sum(counts)


async def _rest(stream: object) -> int:
    return len([event async for event in stream])  # type: ignore[attr-defined] # an async generator
