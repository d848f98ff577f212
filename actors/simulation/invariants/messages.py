"""Invariants of messages: what becomes of each one that was accepted.

Neighbours: `runs.py` (what the runs of messages may do), `chronicle.py` (logs, read once).
"""

from __future__ import annotations

from collections.abc import Iterator

from a2a.types import SendMessageRequest

from actors.runtime.journal.record import Record
from actors.simulation.invariants.chronicle import Chronicle, chronicles, named
from actors.simulation.invariants.rule import Saw, invariant
from actors.simulation.trace import FaultsStopped, Launched, Quiet, Trace
from actors.task.policy import Policy
from actors.task.ports import RunId
from actors.task.record import Kind


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
    """Sequence number of a message -> what became of it; a repetition after a crash apart."""
    fates: dict[int, list[str]] = {}
    for page in chronicle.of_kind(Kind.STARTED, Kind.REFUSED):
        record = page.record
        if not record.number("again"):
            fate = "executed" if record.kind == Kind.STARTED else "refused"
            fates.setdefault(record.number("message"), []).append(fate)
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
    for page in chronicle.of_kind(Kind.TASK, Kind.STARTED):
        if page.record.kind == Kind.TASK:
            expected = [said.message_id for said in page.event.task.history]
        elif not page.record.number("again") and chronicle.texts[page.record.seq - 1]:
            said = ids.get(page.record.number("message"), "")
            expected += [said] if said not in expected else []
    theirs = set(ids.values())
    found = [said.message_id for said in task.history if said.message_id in theirs]
    due = [said for said in expected if said in theirs]
    if found != due:
        yield f"{chronicle.task}: the history has the messages {found}, executed were {due}"


def _calls(trace: Trace) -> Iterator[str]:
    """The agent is called at most once for a run, and with the message that was accepted."""
    requests: dict[RunId, bytes] = {}
    for chronicle in chronicles(trace):
        payloads = {page.record.seq: page.record.payload for page in chronicle.pages}
        for page in chronicle.of_kind(Kind.STARTED):
            run = RunId(chronicle.task, page.record.epoch, page.record.number("run"))
            requests[run] = payloads.get(page.record.number("message"), b"")
    called: set[RunId] = set()
    for launched in trace.all(Launched):
        run = launched.start.run
        if run in called:
            yield f"the agent was called twice for {named(run)}"
        called.add(run)
        if run in requests and launched.start.request != requests[run]:
            yield f"the agent was called for {named(run)} with another message than its own"


MESSAGES = (executed_once,)
