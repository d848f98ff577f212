"""Events as a stream hands them out: parsed many at once, and each reader's own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from a2a.helpers import new_task_from_user_message
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.tasks import TaskUpdater
from a2a.types import (
    Artifact,
    GetTaskRequest,
    Message,
    Part,
    StreamResponse,
    Task,
    TaskArtifactUpdateEvent,
    TaskStatus,
    TaskStatusUpdateEvent,
)

from actors.a2a import RequestHandler
from actors.a2a.batches import batch, plain
from actors.a2a.chunks import SMALL
from actors.a2a.sequenced import Event, Sequenced
from actors.runtime.journal.record import Record
from actors.storage import MemoryJournal
from actors.task.events import stamped
from actors.task.kept import Kept
from actors.task.messages import AgentEvent
from actors.task.record import Kind
from tests.a2a.agents import as_user, ask, card


def chunk(text: str) -> TaskArtifactUpdateEvent:
    artifact = Artifact(artifact_id="a", parts=[Part(text=text)])
    return TaskArtifactUpdateEvent(task_id="t", artifact=artifact, append=True)


def wrapped(event: Event) -> bytes:
    whole = StreamResponse()
    (field,) = (each for each in whole.DESCRIPTOR.fields if each.message_type is event.DESCRIPTOR)
    getattr(whole, field.name).CopyFrom(event)
    return whole.SerializeToString()


# Lengths of one, two, three and four bytes; chunks at both sides of what is parsed together.
LENGTHS = (0, 1, 100, 127, 128, SMALL - 40, SMALL, 16_383, 16_384, 2_100_000)
EVENTS: tuple[Event, ...] = (
    Task(id="t", history=[Message(message_id="m")]),
    *(chunk("x" * length) for length in LENGTHS),
    Message(message_id="m", parts=[Part(text="hello")]),
    chunk("between"),
    TaskStatusUpdateEvent(task_id="t", status=TaskStatus(state="TASK_STATE_WORKING")),
    *(chunk(str(number)) for number in range(5)),
)


KINDS = {Task: Kind.TASK, Message: Kind.REPLY, TaskStatusUpdateEvent: Kind.STATUS}


def of(*events: Event, kept: Kept | None = None) -> Sequence[Sequenced]:
    records = []
    for seq, event in enumerate(events, 1):
        kind = KINDS.get(type(event), Kind.ARTIFACT)
        records.append(Record(seq, 1, 1000, kind, wrapped(event)))
    return batch(records, kept)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("cut", [slice(0, at) for at in (0, 1, 2, 3)] + [slice(1, 3), slice(None)])
def test_a_batch_is_its_events_in_order(cut: slice, shared: bool) -> None:
    events = EVENTS[cut]
    told = of(*events, kept=Kept(0) if shared else None)
    assert list(plain(told)) == list(events)
    assert [each.plain() for each in told] == list(events)
    assert [each.seq for each in told] == list(range(1, len(events) + 1))
    assert len(told) == len(events)
    assert bool(told) is bool(events)


def test_what_is_at_a_place_of_a_batch() -> None:
    told = of(*EVENTS)
    assert told[-1].plain() == EVENTS[-1]
    assert [each.seq for each in told[1:3]] == [2, 3]


def test_each_reader_has_objects_of_its_own() -> None:
    told = of(*EVENTS)
    mine, yours = list(plain(told)), list(plain(told))
    for event in mine:
        event.Clear()
    assert yours == list(EVENTS) == list(plain(told))


def test_large_events_are_parsed_one_by_one_as_they_are_taken() -> None:
    parsed: list[int] = []

    class Counted(Sequenced):
        def plain(self) -> Event:
            parsed.append(self.seq)
            return super().plain()

    kept, large = Kept(0), [chunk("x" * SMALL) for _ in range(3)]
    told = of(*large, kept=kept)
    for seq, event in enumerate(large, 1):
        record = Record(seq, 1, 1000, Kind.ARTIFACT, wrapped(event))
        kept.of(record, lambda record: Counted(record.seq, record.payload))
    events = iter(plain(told))
    next(events)
    next(events)
    assert parsed == [1, 2]


@pytest.mark.parametrize("length", LENGTHS)
def test_what_is_merged_with_an_event_is_not_lost(length: int) -> None:
    status = TaskStatus(state="TASK_STATE_WORKING", message=Message(message_id="m" * length))
    update = TaskStatusUpdateEvent(task_id="t", status=status)
    bare = AgentEvent(Kind.STATUS, "status_working", status.state, wrapped(update))
    update.status.timestamp.FromMilliseconds(1234)
    assert list(plain([Sequenced(1, stamped(bare, 1234))])) == [update]


COUNT = 300


class Bursting(AgentExecutor):
    """Emits many chunks without letting go of the loop, a hundred to an artifact."""

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        assert context.message is not None
        task = new_task_from_user_message(context.message)
        await event_queue.enqueue_event(task)
        for number in range(COUNT):
            part = Artifact(artifact_id=f"a{number // 100}", parts=[Part(text=str(number))])
            await event_queue.enqueue_event(
                TaskArtifactUpdateEvent(
                    task_id=task.id,
                    context_id=task.context_id,
                    artifact=part,
                    append=number % 100 > 0,
                    last_chunk=number % 100 == 99,
                )
            )
        await TaskUpdater(event_queue, task.id, task.context_id).complete()

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        raise NotImplementedError


async def test_a_burst_reaches_the_stream_and_the_task_as_it_was_emitted() -> None:
    async with asyncio.timeout(10):
        handler = RequestHandler(Bursting(), None, card(), journal=MemoryJournal())
        stream = handler.on_message_send_stream(ask("go"), as_user("me"))
        events = [event async for event in stream]
        chunks = [event for event in events if isinstance(event, TaskArtifactUpdateEvent)]
        assert [each.artifact.parts[0].text for each in chunks] == [*map(str, range(COUNT))]
        assert [each.last_chunk for each in chunks].count(True) == COUNT // 100
        task = await handler.on_get_task(GetTaskRequest(id=chunks[0].task_id), as_user("me"))
        assert task is not None
        told = [part.text for artifact in task.artifacts for part in artifact.parts]
        assert told == [*map(str, range(COUNT))]
        assert len(task.artifacts) == COUNT // 100
        await handler.aclose()
