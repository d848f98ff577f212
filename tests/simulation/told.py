"""Traces made by hand: a log, and what clients saw of it.

Neighbours: `test_invariants_streams.py`, `test_invariants_answers.py` (judge these).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from a2a.types import (
    Artifact,
    Message,
    Part,
    Role,
    SendMessageRequest,
    StreamResponse,
    Task,
    TaskArtifactUpdateEvent,
    TaskStatus,
    TaskStatusUpdateEvent,
)

from actors.runtime import Caller
from actors.runtime.journal.port import Ack, Append
from actors.runtime.journal.record import Record
from actors.simulation import trace as seen
from actors.simulation.invariants import INVARIANTS
from actors.simulation.invariants.rule import Verdict, judge
from actors.simulation.trace import Trace
from actors.task.fold import fold
from actors.task.listing import TaskRow
from actors.task.policy import Policy
from actors.task.ports import RunId
from actors.task.record import Kind

TASK = "t1"
BY_NUMBER = {each.number: each for each in INVARIANTS}


def record(seq: int, kind: Kind, payload: bytes = b"", at: int = 0, **facts: Any) -> Record:
    return Record(seq, 1, at, kind, payload, facts)


def accepted(seq: int, text: str) -> Record:
    message = Message(message_id=text, task_id=TASK, role=Role.ROLE_USER, parts=[Part(text=text)])
    return record(seq, Kind.ACCEPTED, SendMessageRequest(message=message).SerializeToString())


def made(seq: int, state: str = "WORKING") -> Record:
    task = Task(id=TASK, context_id="c", status=_status(state))
    return record(seq, Kind.TASK, StreamResponse(task=task).SerializeToString())


def status(seq: int, state: str) -> Record:
    event = TaskStatusUpdateEvent(task_id=TASK, context_id="c", status=_status(state))
    return record(seq, Kind.STATUS, StreamResponse(status_update=event).SerializeToString())


def chunk(seq: int) -> Record:
    artifact = Artifact(artifact_id=f"a{seq}", parts=[Part(text=str(seq))])
    event = TaskArtifactUpdateEvent(task_id=TASK, context_id="c", artifact=artifact)
    return record(seq, Kind.ARTIFACT, StreamResponse(artifact_update=event).SerializeToString())


def reply(seq: int) -> Record:
    message = Message(message_id="r", role=Role.ROLE_AGENT, parts=[Part(text="hello")])
    return record(seq, Kind.REPLY, StreamResponse(message=message).SerializeToString())


def _status(state: str) -> TaskStatus:
    return TaskStatus(state=f"TASK_STATE_{state}")


TALK = (
    accepted(1, "c11"),
    record(2, Kind.STARTED, run=1, message=1),
    made(3),
    accepted(4, "c21"),
    chunk(5),
    status(6, "WORKING"),
    record(7, Kind.ENDED, run=1, message=1, outcome="returned", final=0),
    record(8, Kind.STARTED, run=2, message=4),
    status(9, "COMPLETED"),
)
"""Two messages, two runs; the second completes the task."""


def task_at(log: tuple[Record, ...], version: int) -> Task:
    found = fold(log[:version]).task
    assert found is not None
    return found


def stored(log: Iterable[Record], node: str = "n1") -> seen.Stored:
    records = tuple(log)
    append = Append(
        TASK, 1, records[0].seq - 1, records, Caller("owner", ""), row=TaskRow("owner", "", "c")
    )
    return seen.Stored(node, append, Ack.STORED, told=True)


def acknowledged(upto: int | None, node: str = "n1") -> seen.Verdict:
    return seen.Verdict(node, TASK, 1, upto, fenced=False)


def asked(request: str, what: str, detail: Any = None) -> seen.Asked:
    return seen.Asked(request, request.partition(".")[0], "n1", what, TASK, detail)


def streamed(request: str, log: tuple[Record, ...], *seqs: int) -> list[seen.Streamed]:
    """Events of a stream, as stored; a seq below 0 stands for the Task at that version."""
    events = []
    for seq in seqs:
        if seq < 0:
            event = StreamResponse(task=task_at(log, -seq))
        else:
            event = StreamResponse.FromString(log[seq - 1].payload)
        events.append(seen.Streamed(request, abs(seq), event))
    return events


def answered(request: str, value: Any = None, error: BaseException | None = None) -> seen.Answered:
    return seen.Answered(request, value, error)


def over(run: int, *, cancel: bool = False) -> seen.Over:
    return seen.Over("n1", RunId(TASK, 1, run), None, cancel)


def judged(
    number: int, log: tuple[Record, ...], *entries: Any, policy: Policy | None = None
) -> Verdict:
    """Hold a trace of these entries (lists are flattened) against one invariant."""
    trace = Trace()
    trace.logs[TASK] = log
    for entry in entries:
        for each in entry if isinstance(entry, list) else [entry]:
            trace.add(each)
    return judge([BY_NUMBER[number]], trace, policy or Policy.sdk())


def silent(verdict: Verdict, number: int) -> bool:
    return verdict.violations == () and verdict.exercised == {number}


def said(verdict: Verdict) -> str:
    return "; ".join(violation.text for violation in verdict.violations)
