"""The demo: the tour ends well, and its proof can fail."""

from __future__ import annotations

import io

import pytest
from a2a.types import Artifact, Part, StreamResponse, Task, TaskState
from rich.console import Console

from actors.demo import process
from actors.demo.agent import itinerary
from actors.demo.proof import Proof
from actors.demo.tour import tour


async def test_the_tour_ends_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "AGENT", "tests.cli.agents:HastyDesk")
    out = io.StringIO()
    await tour(Console(file=out, width=100))
    said = out.getvalue()
    assert "How many days do you have?" in said
    assert "JSON-RPC, REST and gRPC return the same task" in said
    assert "kill -9" in said
    assert "Last-Event-ID" in said
    assert "actors serve MODULE:EXECUTOR" in said


def test_an_itinerary_needs_days() -> None:
    assert itinerary("I would like to see Lisbon") == []
    words = itinerary("I would like to see Lisbon\n3 days")
    assert len(words) > 40
    assert words[-1] == "Lisbon."
    assert "".join(words).count("Day ") == 3


def word(*numbers: int) -> Artifact:
    parts = [Part(text="x", metadata={"chunk": number}) for number in numbers]
    return Artifact(artifact_id="a", parts=parts)


def event(number: int) -> StreamResponse:
    found = StreamResponse()
    found.artifact_update.artifact.CopyFrom(word(number))
    return found


def proof(before: list[tuple[int, int]], after: list[tuple[int, int]]) -> Proof:
    """What a client saw: (id, word) over two connections."""
    found = Proof()
    for number, chunk in before:
        found.take(number, event(chunk))
    found.killed()
    for number, chunk in after:
        found.take(number, event(chunk))
    return found


def stored(*numbers: int, state: TaskState = TaskState.TASK_STATE_COMPLETED) -> Task:
    task = Task(id="t", artifacts=[word(*numbers)])
    task.status.state = state
    return task


def test_a_stream_without_a_flaw_is_proven() -> None:
    found = proof([(3, 1), (4, 2)], [(7, 3)])
    found.compare(stored(1, 2, 3))
    assert found.failures == []
    assert ("duplicates", "0") in found.rows()


@pytest.mark.parametrize(
    ("before", "after", "task", "flaw"),
    [
        ([(3, 1), (4, 2)], [(7, 2), (8, 3)], stored(1, 2, 3), "the client saw"),
        ([(3, 1), (4, 2)], [(7, 4)], stored(1, 2, 3, 4), "the client saw"),
        ([(3, 1), (4, 2)], [(4, 3)], stored(1, 2, 3), "ids do not grow"),
        ([(3, 1)], [(4, 2), (5, 2)], stored(1, 2, 2), "not numbered 1 to N"),
        ([(3, 1), (4, 2)], [], stored(1, 2), "not both connections"),
        ([(3, 1)], [(4, 2)], stored(1, 2, state=TaskState.TASK_STATE_FAILED), "is failed"),
    ],
)
def test_the_proof_can_fail(
    before: list[tuple[int, int]], after: list[tuple[int, int]], task: Task, flaw: str
) -> None:
    found = proof(before, after)
    found.compare(task)
    assert any(flaw in failure for failure in found.failures)
