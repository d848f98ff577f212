"""Invariants of messages: what becomes of each one that was accepted.

Neighbours: `runs.py` (what the runs of messages may do), `chronicle.py` (logs, read once).
"""

from __future__ import annotations

from collections.abc import Iterator

from a2a.types import Message, SendMessageRequest

from actors.runtime.journal.record import Record
from actors.simulation.invariants.chronicle import Chronicle, chronicles, named
from actors.simulation.invariants.rule import Saw, invariant
from actors.simulation.trace import FaultsStopped, Launched, Quiet, Trace
from actors.task.policy import Policy
from actors.task.ports import RunId
from actors.task.record import CALLED_OFF, Kind, messages_of


@invariant(
    17,
    "Each accepted message is executed or refused exactly once; executed ones enter the history "
    "once, in order of execution.",
)
def executed_once(trace: Trace, _: Policy, saw: Saw) -> Iterator[str]:
    """As the log says, as the agents were called, and as the Task shows.

    What waits when a server closes is for the next one; once faults have stopped, nothing waits.
    """
    over = bool(trace.timed(FaultsStopped)) and bool(trace.timed(Quiet))
    for chronicle in chronicles(trace):
        accepted = {page.record.seq: page.record for page in chronicle.of_kind(Kind.ACCEPTED)}
        if accepted:
            saw()
        fates = _fates(chronicle)
        for seq in accepted.keys() | fates.keys():
            fate = fates.get(seq, [])
            if seq not in accepted:
                yield f"{chronicle.task}: message {seq} was {fate[0]}, and never accepted"
            elif len(fate) > 1 or (not fate and (over or chronicle.fold.final)):
                yield f"{chronicle.task}: message {seq} was {' and '.join(fate) or 'forgotten'}"
        yield from _history(chronicle, accepted)
    yield from _calls(trace)


def _fates(chronicle: Chronicle) -> dict[int, list[str]]:
    """Sequence number of a message -> what became of it; a repetition after a crash apart.

    A run that was called off has executed nothing: the next one is for its messages (A2).
    """
    fates: dict[int, list[str]] = {}
    for page in chronicle.of_kind(Kind.STARTED, Kind.REFUSED, Kind.ENDED):
        record = page.record
        called_off = record.facts.get("outcome") == CALLED_OFF
        if record.number("again") or (record.kind == Kind.ENDED and not called_off):
            continue
        for message in messages_of(record):
            of_it = fates.setdefault(message, [])
            if not called_off:
                of_it.append("executed" if record.kind == Kind.STARTED else "refused")
            elif of_it:
                of_it.pop()
    return fates


def _history(chronicle: Chronicle, accepted: dict[int, Record]) -> Iterator[str]:
    """Messages executed since the Task was stored follow what its history came with."""
    task = chronicle.fold.task
    if task is None:
        return
    ids = {
        seq: SendMessageRequest.FromString(record.payload).message.message_id
        for seq, record in accepted.items()
    }
    expected: list[str] = []
    begun: set[int] = set()
    for page in chronicle.of_kind(Kind.TASK, Kind.STARTED):
        if page.record.kind == Kind.TASK:
            expected = [said.message_id for said in page.event.task.history]
            continue
        new = [each for each in messages_of(page.record) if each not in begun]
        begun.update(new)
        if chronicle.texts[page.record.seq - 1]:
            expected += [said for each in new if (said := ids.get(each, "")) not in expected]
    theirs = set(ids.values())
    found = [said.message_id for said in task.history if said.message_id in theirs]
    due = [said for said in expected if said in theirs]
    if found != due:
        yield f"{chronicle.task}: the history has the messages {found}, executed were {due}"


def _calls(trace: Trace) -> Iterator[str]:
    """The agent is called at most once for a run, and with the message that was accepted."""
    requests: dict[RunId, SendMessageRequest] = {}
    for chronicle in chronicles(trace):
        accepted = chronicle.of_kind(Kind.ACCEPTED)
        payloads = {page.record.seq: page.record.payload for page in accepted}
        for page in chronicle.of_kind(Kind.STARTED):
            run = RunId(chronicle.task, page.record.epoch, page.record.number("run"))
            requests[run] = _in_one([payloads.get(each, b"") for each in messages_of(page.record)])
    called: set[RunId] = set()
    for launched in trace.all(Launched):
        run = launched.start.run
        if run in called:
            yield f"the agent was called twice for {named(run)}"
        called.add(run)
        asked = SendMessageRequest.FromString(launched.start.request)
        if run in requests and asked != requests[run]:
            yield f"the agent was called for {named(run)} with another message than its own"


def _in_one(payloads: list[bytes]) -> SendMessageRequest:
    """The last request, with the parts of all, and whatever tasks they refer to."""
    requests = [SendMessageRequest.FromString(payload) for payload in payloads or (b"",)]
    messages = [request.message for request in requests]
    parts = [part for message in messages for part in message.parts]
    tasks = dict.fromkeys(task for message in messages for task in message.reference_task_ids)
    one = Message(parts=parts, reference_task_ids=tasks)
    for field in ("parts", "reference_task_ids"):
        messages[-1].ClearField(field)
    messages[-1].MergeFrom(one)
    return requests[-1]


MESSAGES = (executed_once,)
