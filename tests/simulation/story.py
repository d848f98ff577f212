"""Stories: traces made by hand, to show when an invariant speaks and when it must not.

`Story` writes what a run would have written; `sound` is one in which everything happens as it
should, and tests spoil one thing of it.
"""

from __future__ import annotations

from typing import Any

from a2a.types import Message, Part, Role, SendMessageRequest

from actors.a2a.emission import Event, emitted
from actors.runtime import Caller
from actors.runtime.journal.port import Ack, Append
from actors.runtime.journal.record import Record
from actors.simulation import trace as seen
from actors.simulation.invariants.log import LOG
from actors.simulation.invariants.messages import MESSAGES
from actors.simulation.invariants.rule import Verdict, judge
from actors.simulation.invariants.runs import RUNS
from actors.simulation.invariants.storing import STORING
from actors.simulation.script import Words
from actors.simulation.trace import Trace
from actors.simulation.world import table_of
from actors.task.fold import fold
from actors.task.listing import TaskRow
from actors.task.messages import View
from actors.task.policy import Policy
from actors.task.ports import RunId, StartRun
from actors.task.record import Kind

TASK, CONTEXT, CALLER = "t1", "c", Caller("owner", "")


def request(text: str) -> bytes:
    """A message to the task."""
    message = Message(
        message_id=text,
        task_id=TASK,
        context_id=CONTEXT,
        role=Role.ROLE_USER,
        parts=[Part(text=text)],
    )
    packed: bytes = SendMessageRequest(message=message).SerializeToString()
    return packed


class Story:
    """A trace in the making, of one task."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.policy = policy or Policy.sdk()
        self.trace = Trace()
        self.trace.table = table_of(self.policy)
        self.log: list[Record] = []
        self.epoch = 1
        self.words = Words(self.run(1), CONTEXT, exists=False)

    def run(self, number: int) -> RunId:
        """A run of the present epoch."""
        return RunId(TASK, self.epoch, number)

    def record(self, kind: Kind, payload: bytes = b"", **facts: Any) -> Record:
        """The next record, not stored yet."""
        return Record(len(self.log) + 1, self.epoch, 1_000, kind, payload, facts)

    def append(self, *records: Record, writer: int = 1) -> Append:
        """An append of these records."""
        first = records[0]
        row = TaskRow("owner", "", CONTEXT)
        return Append(TASK, first.epoch, first.seq - 1, records, CALLER, row=row, writer=writer)

    def store(self, kind: Kind, payload: bytes = b"", **facts: Any) -> Record:
        """Store one record, and tell its writer."""
        record = self.record(kind, payload, **facts)
        self.log.append(record)
        self.trace.add(seen.Stored("n1", self.append(record), Ack.STORED, told=True))
        self.trace.add(seen.Verdict("n1", TASK, 1, record.seq, fenced=False))
        return record

    def emit(self, event: Event, run: RunId | None = None, *, late: bool = False) -> bytes:
        """Let an agent emit an event; returns its payload."""
        run = run or self.run(1)
        payload = emitted(run, CONTEXT, event).payload
        self.trace.add(seen.Emission("n1", run, payload, late))
        return payload

    def launch(self, run: RunId | None = None, text: str = "hello", node: str = "n1") -> None:
        """Call the agent."""
        start = StartRun(
            run=run or self.run(1),
            caller=CALLER,
            request=request(text),
            context=CONTEXT,
            extensions=(),
            task=fold(self.log[:-1]).task_bytes,
            recovered=False,
        )
        self.trace.add(seen.Launched(node, start))

    def over(self, run: RunId | None = None, *, cancel: bool = False) -> None:
        """Let an agent report its end."""
        self.trace.add(seen.Over("n1", run or self.run(1), None, cancel))

    def get(self, number: str = "c1.9") -> None:
        """Let a client look at the task."""
        known = fold(self.log)
        self.trace.add(seen.Asked(number, "c1", "n1", "get", TASK))
        view = View(known.task_bytes, known.version, CONTEXT, known.state)
        self.trace.add(seen.Answered(number, view, None))

    def begin(self, text: str = "hello") -> None:
        """Accept a message and call the agent for it."""
        accepted = self.store(Kind.ACCEPTED, request(text))
        self.store(Kind.STARTED, run=1, message=accepted.seq)
        self.launch(text=text)

    def ends(self, outcome: str = "returned", run: int = 1, message: int = 1) -> None:
        """End a run by the agent's own word, with the task unfinished."""
        self.over(self.run(run))
        self.store(Kind.ENDED, run=run, message=message, outcome=outcome, final=0)

    def judged(self) -> Verdict:
        """End the run, and judge it by the invariants of logs, of storing and of runs."""
        self.trace.logs = {TASK: tuple(self.log)}
        self.trace.add(seen.FaultsStopped())
        self.trace.add(seen.Quiet(()))
        return judge((*LOG, *STORING, *RUNS, *MESSAGES), self.trace, self.policy)

    def broken(self) -> set[int]:
        """End the run, and tell which invariants it breaks."""
        return {violation.number for violation in self.judged().violations}


def sound() -> Story:
    """One message, its run, a look at the task: as it should be."""
    story = Story()
    story.begin()
    story.store(Kind.TASK, story.emit(story.words.task()))
    story.store(Kind.ARTIFACT, story.emit(story.words.chunk()))
    story.get("c1.2")
    return story
