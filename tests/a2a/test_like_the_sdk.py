"""The same agents behind a2a-sdk's own handler and behind ours: what clients see is the same.

Scenes in which the SDK has a defect that ours does not (it hangs, forgets, or changes a finished
task) are not here; tests named after the rules say what ours does then.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from a2a.helpers import new_task_from_user_message
from a2a.server.agent_execution import RequestContext
from a2a.server.events import EventQueue
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types import (
    CancelTaskRequest,
    GetTaskRequest,
    ListTasksRequest,
    Part,
    SubscribeToTaskRequest,
    Task,
    TaskState,
    TaskStatus,
)
from a2a.utils.errors import (
    A2AError,
    ContentTypeNotSupportedError,
    UnsupportedOperationError,
    VersionNotSupportedError,
)
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message as Proto

from actors.a2a import RequestHandler
from actors.storage import MemoryJournal
from tests.a2a.agents import Actor, as_user, ask, bare, card

ME = as_user("me")
VARYING = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"
)

Handler = DefaultRequestHandler | RequestHandler


class Scenes(Actor):
    """More scenes, most of them of agents that break the protocol."""

    async def two_messages(self, context: RequestContext, queue: EventQueue, _: Any) -> None:
        await queue.enqueue_event(bare(context, "one"))
        await queue.enqueue_event(bare(context, "two"))

    async def message_then_task(self, context: RequestContext, queue: EventQueue, _: Any) -> None:
        await queue.enqueue_event(bare(context, "one"))
        await self._begin(context, queue)

    async def message_then_status(
        self, context: RequestContext, queue: EventQueue, to: TaskUpdater
    ) -> None:
        await queue.enqueue_event(bare(context, "one"))
        await to.start_work()

    async def task_then_message(
        self, context: RequestContext, queue: EventQueue, to: TaskUpdater
    ) -> None:
        await self._begin(context, queue)
        await queue.enqueue_event(bare(context, "late"))

    async def failed_then_message(
        self, context: RequestContext, queue: EventQueue, to: TaskUpdater
    ) -> None:
        await self._begin(context, queue)
        await to.failed()
        await queue.enqueue_event(bare(context, "late"))

    async def status_first(self, _: RequestContext, __: EventQueue, to: TaskUpdater) -> None:
        await to.start_work()

    async def finished_task(self, context: RequestContext, queue: EventQueue, _: Any) -> None:
        assert context.message is not None
        task = new_task_from_user_message(context.message)
        task.status.CopyFrom(TaskStatus(state=TaskState.TASK_STATE_COMPLETED))
        await queue.enqueue_event(task)

    async def rejected(self, context: RequestContext, queue: EventQueue, to: TaskUpdater) -> None:
        await self._begin(context, queue)
        await to.reject(to.new_agent_message([Part(text="not me")]))

    async def replaced(self, context: RequestContext, queue: EventQueue, to: TaskUpdater) -> None:
        await self._begin(context, queue)
        for text in ("old", "new"):
            await to.add_artifact([Part(text=text)], artifact_id="a", metadata={"text": text})
        await to.add_artifact([Part(text="more")], artifact_id="a", append=True)
        await to.add_artifact([Part(text="x")], artifact_id="b")
        await to.add_artifact([Part(text="y")], artifact_id="b", append=True, last_chunk=True)
        await to.complete()

    async def reused(self, context: RequestContext, queue: EventQueue, to: TaskUpdater) -> None:
        """Unfinished: the task stays as it is."""
        await self._begin(context, queue)
        await to.start_work(to.new_agent_message([Part(text="later")]))

    async def closes(self, context: RequestContext, queue: EventQueue, to: TaskUpdater) -> None:
        await self._begin(context, queue)
        await to.complete()
        await queue.close()  # type: ignore[attr-defined] # what older agents call

    async def unsupported(self, *_: Any) -> None:
        raise UnsupportedOperationError("not today", {"why": [1, "two"]})

    async def old_version(self, *_: Any) -> None:
        raise VersionNotSupportedError("too old")

    async def content(self, context: RequestContext, queue: EventQueue, to: TaskUpdater) -> None:
        await self._begin(context, queue)
        raise ContentTypeNotSupportedError("no images")


OWN = sorted(name for name in vars(Scenes) if not name.startswith("_"))
SCENES = [*OWN, "work", "ask", "reply", "auth"]


@pytest.fixture
async def both() -> AsyncIterator[tuple[tuple[Handler, Scenes], ...]]:
    theirs, ours = Scenes(), Scenes()
    handlers: tuple[tuple[Handler, Scenes], ...] = (
        (DefaultRequestHandler(theirs, InMemoryTaskStore(), card()), theirs),
        (RequestHandler(ours, None, card(), journal=MemoryJournal()), ours),
    )
    yield handlers
    for handler, agent in handlers:
        agent.gate.set()
        await handler.aclose()


async def heard(call: Awaitable[Any]) -> object:
    """What a caller gets: an answer or an error, without what differs from run to run."""
    try:
        return plain(await call)
    except A2AError as error:
        return type(error).__name__, varying(error.message), error.data
    except Exception as error:  # noqa: BLE001 - the SDK lets an agent's exceptions through
        return "InternalError", str(error), None


async def collected(stream: Any) -> list[object]:
    """A stream, and the error that ends it."""
    seen: list[object] = []
    try:
        async for event in stream:
            seen.append(plain(event))  # noqa: PERF401 - what came before an error counts
    except A2AError as error:
        seen.append((type(error).__name__, varying(error.message), error.data))
    except Exception as error:  # noqa: BLE001 - the SDK lets an agent's exceptions through
        seen.append(("InternalError", str(error), None))
    return seen


def plain(answer: Any) -> object:
    """A message as JSON, with ids and times out of the way; stamped times count as none."""
    if not isinstance(answer, Proto):
        return answer
    fields = MessageToDict(answer)
    for status in (fields.get("status", {}), *(t["status"] for t in fields.get("tasks", []))):
        status.pop("timestamp", None)
    return VARYING.sub("#", repr(fields))


def varying(text: str) -> str:
    return VARYING.sub("#", text)


@pytest.mark.parametrize("scene", SCENES)
async def test_a_blocking_send(both: tuple[tuple[Handler, Scenes], ...], scene: str) -> None:
    theirs, ours = [await heard(h.on_message_send(ask(scene), ME)) for h, _ in both]
    assert ours == theirs


@pytest.mark.parametrize("scene", sorted(set(SCENES) - {"auth"}))
async def test_a_stream(both: tuple[tuple[Handler, Scenes], ...], scene: str) -> None:
    theirs, ours = [await collected(h.on_message_send_stream(ask(scene), ME)) for h, _ in both]
    assert ours == theirs


@pytest.mark.parametrize("scene", sorted(set(SCENES) - {"auth"}))
async def test_what_is_stored(both: tuple[tuple[Handler, Scenes], ...], scene: str) -> None:
    stored = []
    for handler, _ in both:
        await heard(handler.on_message_send(ask(scene), ME))
        listed = await handler.on_list_tasks(ListTasksRequest(include_artifacts=True), ME)
        stored.append([plain(task) for task in listed.tasks])
    assert stored[0] == stored[1]


@pytest.mark.parametrize("scene", ["work", "reused", "ask"])
@pytest.mark.parametrize("history", [None, 0, 1, 2, 50])
async def test_history_lengths(
    both: tuple[tuple[Handler, Scenes], ...], scene: str, history: int | None
) -> None:
    seen = []
    for handler, _ in both:
        options: dict[str, Any] = {} if history is None else {"history_length": history}
        asked = await handler.on_message_send(ask("ask"), ME)
        assert isinstance(asked, Task)
        seen.append(
            [
                await heard(handler.on_message_send(ask(scene, asked.id, **options), ME)),
                await heard(handler.on_get_task(GetTaskRequest(id=asked.id, **options), ME)),
            ]
        )
    assert seen[0] == seen[1]


@pytest.mark.parametrize("kind", ["publishes", "says nothing", "raises", "cannot"])
async def test_a_cancel(both: tuple[tuple[Handler, Scenes], ...], kind: str) -> None:
    async def nothing(*_: Any) -> None:
        return

    async def broken(*_: Any) -> None:
        raise ValueError("cannot stop")

    async def unable(*_: Any) -> None:
        raise UnsupportedOperationError("cannot cancel")

    plays: dict[str, Callable[..., Awaitable[None]]] = {
        "says nothing": nothing,
        "raises": broken,
    }
    seen = []
    for handler, agent in both:
        agent.cancel_play = plays.get(kind, agent.cancel_play)
        if kind == "cannot":
            agent.cancel_play = unable
        stream = handler.on_message_send_stream(ask("wait"), ME)
        task = await anext(stream)
        assert isinstance(task, Task)
        await anext(stream)
        answer = await heard(handler.on_cancel_task(CancelTaskRequest(id=task.id), ME))
        rest = await collected(stream)
        seen.append((answer, rest if kind in ("publishes", "raises") else None))
    assert seen[0] == seen[1]


async def test_unknown_ids(both: tuple[tuple[Handler, Scenes], ...]) -> None:
    calls: list[Callable[[Handler], Awaitable[Any]]] = [
        lambda h: h.on_get_task(GetTaskRequest(id="none"), ME),
        lambda h: h.on_cancel_task(CancelTaskRequest(id="none"), ME),
        lambda h: h.on_message_send(ask("work", "none"), ME),
        lambda h: anext(h.on_message_send_stream(ask("work", "none"), ME)),
        lambda h: anext(h.on_subscribe_to_task(SubscribeToTaskRequest(id="none"), ME)),
    ]
    for call in calls:
        theirs, ours = [await heard(call(handler)) for handler, _ in both]
        assert ours == theirs


async def test_r73_the_very_time_of_a_status_is_included(
    both: tuple[tuple[Handler, Scenes], ...],
) -> None:
    for handler, _ in both:
        for _ in range(10):
            done = await handler.on_message_send(ask("work"), ME)
            assert isinstance(done, Task)
            since = ListTasksRequest()
            since.status_timestamp_after.CopyFrom(done.status.timestamp)
            listed = await handler.on_list_tasks(since, ME)
            assert done.id in [task.id for task in listed.tasks]
