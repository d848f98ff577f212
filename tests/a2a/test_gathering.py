"""Gathered: what is delivered says of each event what it says by itself, and asks it once.

Neighbours: `tests/task/test_chunks.py` (what becomes of such events), `test_queue.py` (credit).
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from a2a.types import (
    Artifact,
    Message,
    Part,
    Task,
    TaskArtifactUpdateEvent,
    TaskState,
    TaskStatus,
    TaskStatusUpdateEvent,
)
from google.protobuf.struct_pb2 import Value

from actors.a2a.emission import Event, Heads, emitted
from actors.a2a.gathering import JOINED_BYTES, Gathered
from actors.a2a.queue import CREDIT, RunQueue
from actors.task.messages import AgentEvent, Emitted
from actors.task.ports import RunId

RUN = RunId("t1", 1, 1)
CONTEXT = "c1"
BYTES = 9_000
"""That an event may have."""


def chunk(
    text: str, artifact: str = "a", task: str = "t1", **fields: Any
) -> TaskArtifactUpdateEvent:
    parts = [Part(text=text)]
    given: dict[str, Any] = {"append": True, **fields}
    return TaskArtifactUpdateEvent(
        task_id=task, artifact=Artifact(artifact_id=artifact, parts=parts), **given
    )


def told(events: Sequence[Event], *, checked: bool = False) -> list[AgentEvent]:
    """Return what the task is told of events, as it is delivered."""
    return [event for each in delivered(events, checked=checked) for event in each.events]


def delivered(events: Sequence[Event], *, checked: bool) -> list[Emitted]:
    heard: list[Emitted] = []
    queue = RunQueue(
        RUN,
        CONTEXT,
        heard.append,
        lambda _: None,
        lambda _, __: pytest.fail("it waits for nothing"),
        lambda: 0.0,
        lambda _: None,
        BYTES,
        checked=checked,
    )
    for event in events:
        emit = queue.enqueue_event(event)
        with pytest.raises(StopIteration):
            emit.send(None)
    queue.flush()
    return heard


def apart(events: list[AgentEvent]) -> list[AgentEvent]:
    return [each for event in events for each in (event.apart() if event.more else (event,))]


def anything(random: Random) -> Event:
    """Return mostly chunks that go on, and everything else that an agent may emit."""
    whim = random.random()
    if whim < 0.05:
        status = TaskStatus(state=TaskState.TASK_STATE_WORKING)
        return TaskStatusUpdateEvent(task_id="t1", status=status)
    if whim < 0.08:
        return Task(id="t1", context_id=CONTEXT, artifacts=[Artifact(artifact_id="a")])
    if whim < 0.1:
        return Message(message_id="m", parts=[Part(text="17 " * 17)])
    length = random.choice([0, 1, 8, 17, 100, 120, 130, JOINED_BYTES - 30, JOINED_BYTES])
    return chunk(
        "x" * length,
        artifact=random.choice(["a", "a", "a", "a", "b", ""]),
        task=random.choice(["t1"] * 20 + ["t2"]),
        append=random.random() < 0.9,
        last_chunk=random.random() < 0.1,
        context_id=random.choice([CONTEXT] * 5 + ["", "c2"]),
    )


@pytest.mark.parametrize("checked", [False, True])
@pytest.mark.parametrize("seed", range(40))
def test_events_that_were_gathered_say_what_each_says_by_itself(seed: int, checked: bool) -> None:
    random = Random(seed)
    events = [anything(random) for _ in range(CREDIT - 1)]
    found = told(events, checked=checked)
    assert apart(found) == [emitted(RUN, CONTEXT, each, checked=checked) for each in events]
    assert 10 < len(found) < len(events), "some go on, and some do not"


def test_chunks_that_go_on_are_one_event() -> None:
    first, last = chunk("0", append=False), chunk("9", last_chunk=True)
    (event,) = told([first, *(chunk(str(number)) for number in range(1, 9)), last])
    assert len(event.more) == 9
    assert event.last


def test_nothing_goes_on_behind_the_last_chunk() -> None:
    events = [chunk("1"), chunk("2", last_chunk=True), chunk("3"), chunk("4")]
    assert [(len(each.more), each.last) for each in told(events)] == [(1, True), (1, False)]


def test_large_chunks_are_told_by_themselves() -> None:
    large = "x" * JOINED_BYTES
    assert len(told([chunk("1"), chunk(large), chunk(large), chunk("2"), chunk("3")])) == 4


def test_what_is_told_anew_begins_with_an_event_of_its_own() -> None:
    first = chunk("1", append=False)
    gathered = Gathered("t1", None, BYTES)
    for _ in range(2):
        gathered.add(emitted(RUN, CONTEXT, first))
        assert gathered.takes(chunk("2"))
        assert [len(each.more) for each in gathered.take()] == [1]
        assert gathered.count == 0
        assert not gathered.takes(chunk("3")), "behind what was delivered"


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_chunk_that_nobody_can_be_told_is_refused(number: float) -> None:
    wrong = chunk("1")
    wrong.artifact.parts.add().data.CopyFrom(Value(number_value=number))
    with pytest.raises(ValueError, match="no such number"):
        told([chunk("0"), wrong])


def test_a_chunk_that_is_too_large_is_refused() -> None:
    with pytest.raises(ValueError, match="too large"):
        told([chunk("0"), chunk("x" * BYTES)])


def test_only_heads_of_small_events_are_kept() -> None:
    heads = Heads("task")
    assert [len(heads[size]) for size in (0, 127, 128, 16_383, 16_384)] == [2, 2, 3, 3, 4]
    assert sorted(heads) == [0, 127, 128]
