"""Fold: in place equals pure, snapshots equal folds, and the history is as clients know it."""

from __future__ import annotations

from typing import Any

import pytest
from a2a.types import Artifact, Part, StreamResponse, Task, TaskArtifactUpdateEvent
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.runtime.journal.record import Record
from actors.task.fold import Fold, fold, fold_pure
from actors.task.policy import Policy
from actors.task.record import Failure, Kind
from tests.task.harness import Bench, artifact, status, task

steps = st.lists(
    st.sampled_from(["working", "ask", "chunk", "replace", "answer", "return", "raise"]),
    max_size=12,
)


def play(bench: Bench, script: list[str]) -> None:
    """An agent and a client that do something in some order, as far as it makes sense."""
    bench.send("first", new=True)
    bench.emit(task())
    for number, step in enumerate(script):
        match step:
            case "working":
                bench.emit(status("WORKING", f"w{number}"))
            case "ask":
                bench.emit(status("INPUT_REQUIRED", f"q{number}"))
            case "chunk":
                bench.emit(artifact(append="a" in bench.folded.artifacts))
            case "replace":
                bench.emit(artifact(text=f"new {number}"))
            case "answer":
                bench.send(f"answer {number}")
            case "return":
                bench.returned()
            case "raise":
                bench.returned(Failure("InternalError", "boom"))


@settings(max_examples=60, derandomize=True, deadline=None)
@given(script=steps, policy=st.sampled_from([Policy.sdk(), Policy.spec()]))
def test_invariant_4_every_version_folds_the_same_way(script: list[str], policy: Policy) -> None:
    """fold(log[..n]) = snapshot(n) = fold_pure step by step, at every n."""
    bench = Bench(policy)
    play(bench, script)
    in_place, pure = Fold(), Fold()
    for record in bench.log:
        in_place.apply(record)
        before = pure.pack()
        successor = fold_pure(pure, record)
        assert pure.pack() == before, "fold_pure must leave its argument alone"
        pure = successor
        assert pure.pack() == in_place.pack()
        assert Fold.unpack(pure.pack()).pack() == pure.pack()
    shown = bench.get()
    if shown.values and in_place.task is not None:
        assert shown.value.task == in_place.task.SerializeToString()


def test_detail_8_a_new_status_moves_the_message_of_the_one_before_into_the_history() -> None:
    bench = Bench(Policy.sdk())
    bench.send("user", new=True)
    first = task()
    first.history.add().parts.add().text = "user"
    bench.emit(first)
    bench.emit(status("WORKING", "working"))
    bench.emit(status("INPUT_REQUIRED", "question"))
    bench.returned()
    bench.send("user again")
    bench.emit(status("WORKING", "working again"))
    bench.emit(status("COMPLETED"))
    known = bench.folded.task
    assert known is not None
    texts = [message.parts[0].text for message in known.history]
    assert texts == ["user", "working", "question", "user again", "working again"]


def test_a_record_out_of_order_is_refused() -> None:
    with pytest.raises(ValueError, match="record 2 cannot follow version 0"):
        fold([Record(2, 1, 0, Kind.EPOCH_CLAIMED)])


def test_failures_survive_their_record() -> None:
    failure = Failure.of(ValueError("it broke"))
    assert failure == Failure("InternalError", "it broke")
    assert Failure.unpack(failure.pack()) == failure
    assert Failure.unpack(b"") is None


LATER = b"\xfa\x3f\x03abc"
"""A field that this release of the protocol has not."""


@pytest.mark.parametrize("together", [False, True])
def test_r49_a_chunk_brings_its_parts_and_its_metadata_and_nothing_else(together: bool) -> None:
    first = Artifact(artifact_id="a", name="first", extensions=["e1"], parts=[Part(text="1")])
    fields: dict[str, Any] = {"name": "later", "description": "late", "extensions": ["e2"]}
    bare = Artifact(artifact_id="a", parts=[Part(text="2")], **fields)
    bare.metadata.SetInParent()  # empty, which is as if there were none
    full = Artifact(artifact_id="a", parts=[Part(text="3")], metadata={"k": "v"}, **fields)
    full.MergeFromString(LATER)
    records = [Record(1, 1, 1000, Kind.TASK, StreamResponse(task=Task(id="t")).SerializeToString())]
    for seq, each in enumerate((first, bare, full), 2):
        update = TaskArtifactUpdateEvent(task_id="t", artifact=each, append=seq > 2)
        payload = StreamResponse(artifact_update=update).SerializeToString()
        records.append(Record(seq, 1, 1000, Kind.ARTIFACT, payload))
    folded = fold(records[:3])
    assert folded.task is not None
    assert not folded.task.artifacts[0].HasField("metadata")
    if together:
        folded = fold(records[:2])
        folded.extend(records[2:], "a")
    else:
        folded.apply(records[3])
    assert folded.task is not None
    first.parts.extend([Part(text="2"), Part(text="3")])
    first.metadata["k"] = "v"
    assert list(folded.task.artifacts) == [first]
