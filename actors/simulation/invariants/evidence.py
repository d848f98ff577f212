"""Evidence: what a trace says of each request, and what its logs say of each task.

Gathered once for a trace and shared by the invariants that judge answers and streams. It takes
nothing from what production decided: a log means what `fold` says, and the rest was observed.

Neighbours: `../trace.py` (what is gathered from), `streams.py`, `answers.py`, `house.py` (judge).
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from a2a.types import SendMessageRequest, StreamResponse, Task

from actors.runtime import ActorStopped, AskTimeout, MailboxFull
from actors.runtime.journal.errors import StorageError
from actors.runtime.journal.record import Record
from actors.simulation import trace as seen
from actors.simulation.invariants.chronicle import Chronicle, chronicles, stored, uniform
from actors.simulation.process import Disconnected
from actors.simulation.trace import Trace
from actors.simulation.writes import Cut, Drop
from actors.task.fold import TERMINAL
from actors.task.messages import Wait
from actors.task.ports import RunId
from actors.task.record import CALLED_OFF, Failure, Kind, messages_of

TROUBLE = (ActorStopped, AskTimeout, Disconnected, MailboxFull, StorageError)
"""Errors that say nothing of the task: the request may be repeated, a stream resumed."""


@dataclass(slots=True)
class Request:
    """One request, from its start to its end."""

    at: int
    """Its place in the trace."""
    asked: seen.Asked
    events: list[seen.Streamed] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    """Where in the trace each of its events is."""
    answers: list[seen.Answered] = field(default_factory=list)
    repeated: bool = False
    """Its message had been stored before; `asked.task` is the one that it was stored for then."""
    ended: int | None = None
    """Place of the first answer."""
    left: int | None = None
    """Place at which the client closed its connection by itself."""
    stalled: int | None = None
    """Place from which on the client did not read."""
    open: int | None = None
    """Place at which nothing could happen any more and it was still without its end."""

    def __str__(self) -> str:
        return f"{self.asked.request} ({self.asked.what} on {self.asked.task})"

    @property
    def streams(self) -> bool:
        """Whether it reads a stream."""
        return self.asked.what in ("stream", "subscribe")

    @property
    def resumes(self) -> int | None:
        """The cursor after which a subscription goes on; None: it begins with the Task."""
        cursor = self.asked.detail
        return cursor if isinstance(cursor, int) else None

    @property
    def text(self) -> str:
        """Text and id of the message that it sends; empty if it sends none."""
        detail = self.asked.detail
        return str(detail[0]) if isinstance(detail, tuple) else ""

    @property
    def waits(self) -> Wait | None:
        """Until when a send waits."""
        detail = self.asked.detail
        return Wait(detail[1]) if isinstance(detail, tuple) else None

    @property
    def attentive(self) -> bool:
        """Whether its client waited and read until the end."""
        return self.left is None and self.stalled is None

    @property
    def value(self) -> Any:
        """The result; None if there is none."""
        return self.answers[0].value if self.answers else None

    @property
    def error(self) -> BaseException | None:
        """The error, if it ended with one."""
        return self.answers[0].error if self.answers else None

    @property
    def ended_well(self) -> bool:
        """Whether it came to an end without an error."""
        return bool(self.answers) and self.error is None

    @property
    def in_trouble(self) -> bool:
        """Whether it ended with an error that says nothing of the task."""
        return isinstance(self.error, TROUBLE)


class History:
    """What one log says; of a log that cannot be folded, its sound beginning (invariant 3).

    Args:
        chronicle: the log, read.
    """

    def __init__(self, chronicle: Chronicle) -> None:
        self.task = chronicle.task
        pages = chronicle.pages[:-1] if chronicle.broken else chronicle.pages
        self.log = tuple(page.record for page in pages)
        self.states = [0, *(page.state for page in pages)]
        """Version -> `TaskState` number; 0 while there is no Task."""
        ends = (page for page in pages if page.state in TERMINAL or page.replied)
        self.final = next((page.record.seq for page in ends), None)
        """Sequence number of the record after which nothing can follow."""
        self.tasks = chronicle.texts
        """Version -> the Task, as `uniform` makes it; empty while there is none."""
        self.public = [record for record in self.log if record.public]
        self._numbers = [record.seq for record in self.public]
        self._events: dict[int, StreamResponse] = {}

    @property
    def state(self) -> int:
        """`TaskState` number at the end of the log."""
        return self.states[-1]

    @property
    def terminal(self) -> bool:
        """Whether there is a Task, in a terminal state."""
        return self.final is not None and self.state != 0

    def final_by(self, version: int) -> bool:
        """Whether nothing can follow that version."""
        return self.final is not None and self.final <= version

    @cached_property
    def accepted(self) -> dict[str, int]:
        """Message id -> sequence number of its ACCEPTED record."""
        found: dict[str, int] = {}
        for record in self.log:
            if record.kind == Kind.ACCEPTED:
                said = SendMessageRequest.FromString(record.payload).message.message_id
                found.setdefault(said, record.seq)
        return found

    def of_kind(self, kind: Kind) -> list[Record]:
        """Records of one kind, in order."""
        return [record for record in self.log if record.kind == kind]

    def about(self, kind: Kind, message: int) -> list[Record]:
        """Records of one kind that name an accepted message, alone or with others."""
        return [record for record in self.of_kind(kind) if message in messages_of(record)]

    def ends(self, message: int) -> list[Record]:
        """Ends of runs of an accepted message, but of those that gave way to a new one (A2)."""
        ended = self.about(Kind.ENDED, message)
        return [record for record in ended if record.facts.get("outcome") != CALLED_OFF]

    def failures(self, *kinds: Kind) -> set[str]:
        """What clients may hear of the failures in records of some kinds."""
        payloads = (record.payload for record in self.log if record.kind in kinds)
        failures = (Failure.unpack(payload) for payload in payloads)
        return {str(failure.exception()) for failure in failures if failure is not None}

    def after(self, seq: int, upto: int | None = None) -> list[Record]:
        """Public records after `seq`, and up to `upto` if that is given."""
        start = bisect_right(self._numbers, seq)
        end = None if upto is None else bisect_right(self._numbers, upto)
        return self.public[start:end]

    def event(self, record: Record) -> StreamResponse:
        """A public record as a client gets it."""
        event = self._events.get(record.seq)
        if event is None:
            event = self._events[record.seq] = StreamResponse.FromString(record.payload)
        return event

    def shows(self, task: Task, version: int) -> bool:
        """Whether a Task is the one at a version of the log."""
        return version < len(self.tasks) and uniform(task) == self.tasks[version]


class Evidence:
    """What can be read off a trace, in the order of the trace."""

    def __init__(self, trace: Trace) -> None:
        self.entries = len(trace.entries)
        self.asked = _requests(trace)
        """All requests."""
        self.strangers = {
            number: each for number, each in self.asked.items() if _is_strange(trace, each.asked)
        }
        """Those about somebody else's task: they must not find it (invariant 26)."""
        self.requests = {
            number: each for number, each in self.asked.items() if number not in self.strangers
        }
        """All others."""
        self._histories = {each.task: History(each) for each in chronicles(trace)}
        self._told: dict[tuple[str, str], list[tuple[int, int | None]]] = {}
        for place, verdict in trace.timed(seen.Verdict):
            key = (verdict.node, verdict.task)
            self._told.setdefault(key, []).append((place, verdict.upto))
        self._removed: dict[str, int] = {}
        self._floors: dict[str, list[tuple[int, int]]] = {}
        for place, tended in trace.timed(seen.Tended):
            if tended.done and isinstance(tended.write, Drop):
                self._removed.setdefault(tended.write.log, place)
            elif tended.done and isinstance(tended.write, Cut):
                floor = (place, tended.write.upto)
                self._floors.setdefault(tended.write.log, []).append(floor)
        self._places = stored(trace)
        self._over: dict[RunId, tuple[int, seen.Over]] = {}
        for place, over in trace.timed(seen.Over):
            self._over.setdefault(over.run, (place, over))
        self._stored: dict[str, list[tuple[int, int]]] = {}
        for (task, seq), place in self._places.items():
            self._stored.setdefault(task, []).append((place, seq))

    def history(self, task: str) -> History:
        """What the log of a task says; that of a task without one says nothing."""
        return self._histories.get(task) or History(Chronicle(task, ()))

    def stored(self, task: str, before: int) -> int:
        """The version that the log of a task had got to by a place of the trace."""
        return max((seq for at, seq in self._stored.get(task, ()) if at < before), default=0)

    def removed(self, task: str, before: int | None) -> bool:
        """Whether a task was removed by a place of the trace; None: ever."""
        place = self._removed.get(task)
        return place is not None and (before is None or place < before)

    def floor(self, task: str, before: int | None = None) -> int:
        """The version up to which records were let go by a place of the trace; None: ever."""
        floors = self._floors.get(task, ())
        return max((upto for at, upto in floors if before is None or at < before), default=0)

    def told(self, node: str, task: str, before: int) -> int:
        """The version of a task that a process knew to be stored before a place of the trace."""
        told = self._told.get((node, task), ())
        return max((upto for at, upto in told if at < before and upto is not None), default=0)

    def reported(self, task: str, ended: Record) -> seen.Over | None:
        """What the agent had said of the end of a run by the time that end was stored."""
        run = RunId(task, ended.epoch, ended.number("run"))
        at, over = self._over.get(run, (0, None))
        return over if at < self._places.get((task, ended.seq), 0) else None

    def void(self, node: str, task: str) -> bool:
        """Whether a process has had to give up what it had decided about a task."""
        return any(upto is None for _, upto in self._told.get((node, task), ()))


def evidence(trace: Trace) -> Evidence:
    """Return what can be read off a trace, gathered once."""
    known: Evidence | None = trace.evidence
    if known is None or known.entries != len(trace.entries):
        known = trace.evidence = Evidence(trace)
    return known


def _is_strange(trace: Trace, asked: seen.Asked) -> bool:
    """Whether somebody has begun the task, and another one asks."""
    owner, person = trace.owners.get(asked.task), trace.people.get(asked.client)
    return owner is not None and person is not None and owner != person


def _requests(trace: Trace) -> dict[str, Request]:
    found = {asked.request: Request(place, asked) for place, asked in trace.timed(seen.Asked)}
    for repeated in trace.all(seen.Repeated):
        request = found[repeated.request]
        request.asked, request.repeated = request.asked._replace(task=repeated.task), True
    for place, event in trace.timed(seen.Streamed):
        found[event.request].events.append(event)
        found[event.request].places.append(place)
    for place, answer in trace.timed(seen.Answered):
        request = found[answer.request]
        request.answers.append(answer)
        if request.ended is None:
            request.ended = place
    for place, left in trace.timed(seen.Left):
        found[left.request].left = place
    for place, stalled in trace.timed(seen.Stalled):
        found[stalled.request].stalled = place
    for place, still in trace.timed(seen.Open):
        found[still.request].open = place
    return found
