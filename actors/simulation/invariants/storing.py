"""Invariants of storing: what is shown is stored, what is stored stays, who may store.

Neighbours: `rule.py` (what an invariant is), `chronicle.py` (logs, read once), `../ports.py`
(writes what is judged here).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from a2a.types import Message, Task
from a2a.utils.errors import TaskNotCancelableError, UnsupportedOperationError

from actors.runtime.journal.port import Ack, Append
from actors.runtime.journal.record import Record
from actors.simulation.invariants.chronicle import Chronicle, chronicles, kind_of, stored, uniform
from actors.simulation.invariants.rule import Saw, invariant
from actors.simulation.trace import (
    Answered,
    Asked,
    CalledOff,
    Crashed,
    FaultsStopped,
    Launched,
    Notified,
    Quiet,
    Refused,
    Repeated,
    Stored,
    Streamed,
    Trace,
    Verdict,
)
from actors.task.fold import TERMINAL
from actors.task.messages import View
from actors.task.policy import Policy
from actors.task.ports import RunId
from actors.task.record import Kind

# -- 5


@invariant(5, "Nobody sees an event before its append is acknowledged.")
def stored_first(trace: Trace, _: Policy, saw: Saw) -> Iterator[str]:
    """L3, for clients, webhooks and the agent: what they are shown was stored before that."""
    places = stored(trace)
    for place, who, task, seq in _sightings(trace):
        saw()
        if places.get((task, seq), place) >= place:
            yield f"{who} saw record {seq} of {task} before it was stored"


Sighting = tuple[int, str, str, int]
"""Place in the trace, who, task, sequence number."""


def _sightings(trace: Trace) -> Iterator[Sighting]:
    asked = {each.request: each.task for each in trace.all(Asked)}
    asked |= {each.request: each.task for each in trace.all(Repeated)}
    known = {chronicle.task: chronicle for chronicle in chronicles(trace)}
    for place, event in trace.timed(Streamed):
        yield place, event.request, asked[event.request], event.seq
    for place, called in trace.timed(Notified):
        yield place, "a webhook", called.notify.task, called.notify.record.seq
    for place, launched in trace.timed(Launched):
        yield from _run(known, place, Kind.STARTED, launched.start.run)
    for place, called_off in trace.timed(CalledOff):
        yield from _run(known, place, Kind.CANCEL_ASKED, called_off.cancel.run)
    for place, answer in trace.timed(Answered):
        task = asked[answer.request]
        seq = _shown(known.get(task), answer.error or answer.value)
        if seq:
            yield place, answer.request, task, seq


def _run(known: dict[str, Chronicle], place: int, kind: Kind, run: RunId) -> Iterator[Sighting]:
    """An agent is called: it sees the record that says so, which must exist at all."""
    chronicle = known.get(run.task)
    for page in chronicle.of_kind(kind) if chronicle is not None else ():
        if page.record.number("run") == run.run and page.record.epoch == run.epoch:
            yield place, f"the agent (run {run.epoch}.{run.run})", run.task, page.record.seq


def _shown(chronicle: Chronicle | None, shown: Any) -> int:
    """Return the sequence number of what an answer shows; 0 if it shows no record."""
    if isinstance(shown, View):
        return shown.version if shown.task else 0
    if chronicle is None:
        return 0
    match shown:
        case Task():
            text = uniform(shown)
            return chronicle.texts.index(text) if text in chronicle.texts else 0
        case Message():
            replies = chronicle.of_kind(Kind.REPLY)
            return next((page.record.seq for page in replies if page.event.message == shown), 0)
        case TaskNotCancelableError() | UnsupportedOperationError():
            return _ending(chronicle) if _speaks_of_the_end(shown) else 0
        case _:
            return 0


def _speaks_of_the_end(error: Exception) -> bool:
    return isinstance(error, TaskNotCancelableError) or "terminal" in str(error)


def _ending(chronicle: Chronicle) -> int:
    """Return the sequence number of the terminal record; 0 if there is none."""
    return next((page.record.seq for page in chronicle.pages if page.state in TERMINAL), 0)


# -- 6


@invariant(6, "What was acknowledged survives any crash.")
def acknowledged_stays(trace: Trace, _: Policy, saw: Saw) -> Iterator[str]:
    """What the journal, or a writer's verdict, called stored is in the log at the end."""
    crashed = bool(trace.timed(Crashed))
    for (node, task, writer), life in _writers(trace).items():
        log = trace.logs.get(task, ())
        who = f"{node} (writer {writer})"
        for attempt in life.attempts:
            told = attempt.ack is Ack.STORED and attempt.told
            records = attempt.append.records
            due = records if told else [record for record in records if record.seq <= life.upto]
            if due and crashed:
                saw()
            for record in due:
                if not _holds(log, record):
                    yield f"{task}: {who} was told that {_named(record)} is stored, and it is not"


def _holds(log: Sequence[Record], record: Record) -> bool:
    return record.seq <= len(log) and log[record.seq - 1] == record


def _named(record: Record) -> str:
    return f"{kind_of(record)} {record.seq} of epoch {record.epoch}"


# -- 7


@dataclass(slots=True)
class Attempt:
    """One append, handed to the journal once."""

    place: int
    append: Append
    ack: Ack | None
    """None: it could not store the group."""
    told: bool

    @property
    def unknown(self) -> bool:
        """Whether its writer could not know what became of it."""
        return self.ack is None or not self.told


@dataclass(slots=True)
class Life:
    """One writer of one task: what it wanted stored, and what it was told of that."""

    attempts: list[Attempt] = field(default_factory=list)
    verdicts: list[tuple[int, Verdict]] = field(default_factory=list)

    @property
    def upto(self) -> int:
        """The last record that it was told is stored; 0 for none."""
        return max((verdict.upto or 0 for _, verdict in self.verdicts), default=0)

    @property
    def void(self) -> tuple[int, Verdict] | None:
        """When it was told that nothing more of it is stored, if it was."""
        return next((each for each in self.verdicts if each[1].upto is None), None)


Writer = tuple[str, str, int]
"""Process, task, number of the actor's life."""


def _writers(trace: Trace) -> dict[Writer, Life]:
    lives: dict[Writer, Life] = {}
    for place, entry in trace.timed(Stored):
        append = entry.append
        life = lives.setdefault((entry.node, append.log, append.writer), Life())
        life.attempts.append(Attempt(place, append, entry.ack, entry.told))
    for place, refused in trace.timed(Refused):
        for append in refused.group:
            life = lives.setdefault((refused.node, append.log, append.writer), Life())
            life.attempts.append(Attempt(place, append, None, told=True))
    for place, verdict in trace.timed(Verdict):
        life = lives.setdefault((verdict.node, verdict.task, verdict.writer), Life())
        life.verdicts.append((place, verdict))
    return lives


@invariant(7, "An append of unknown outcome is resolved once, for good.")
def resolved_once(trace: Trace, _: Policy, saw: Saw) -> Iterator[str]:
    """A writer that was told "stored" finds it so, one told "fenced" finds nothing of it."""
    down = {crash.node for crash in trace.all(Crashed)}
    over = bool(trace.timed(FaultsStopped)) and bool(trace.timed(Quiet))
    for (node, task, writer), life in _writers(trace).items():
        who = f"{task}: {node} (writer {writer})"
        unknown = [attempt for attempt in life.attempts if attempt.unknown]
        if unknown and life.verdicts:
            saw()
        yield from (f"{who} {wrong}" for wrong in _revised(life))
        log = trace.logs.get(task, ())
        for attempt in unknown:
            yield from (f"{who} {wrong}" for wrong in _misjudged(attempt, life, log))
            last = attempt.append.records[-1]
            resolved = life.upto >= last.seq or life.void is not None
            if over and node not in down and not resolved:
                yield f"{who} was never told what became of {_named(last)}"


def _revised(life: Life) -> Iterator[str]:
    """Verdicts that follow one another must not contradict one another."""
    upto = 0
    for _, verdict in life.verdicts:
        if verdict.upto is not None and verdict.upto <= upto:
            yield f"was told {verdict.upto} after {upto}"
        upto = verdict.upto or upto
    if life.void is None:
        return
    void, _ = life.void
    if void != life.verdicts[-1][0]:
        yield "was told more after it was told that it is void"
    for attempt in life.attempts:
        if attempt.place > void and attempt.ack is Ack.STORED:
            yield f"stored {_named(attempt.append.records[0])} after it was told that it is void"


def _misjudged(attempt: Attempt, life: Life, log: Sequence[Record]) -> Iterator[str]:
    """Compare what was said of an append with the log.

    Two writers may make equal records, but never equal appends.
    """
    records = attempt.append.records
    holds = [_holds(log, record) for record in records]
    fenced = life.void is not None and life.void[1].fenced
    if fenced and all(holds) and records[-1].seq > life.upto:
        yield f"was told that {_named(records[-1])} is fenced, and it is stored"
    for record, there in zip(records, holds, strict=True):
        if record.seq <= life.upto and not there:
            yield f"was told that {_named(record)} is stored, and it is not"


# -- 15


@invariant(15, "An append of a stale epoch is always refused.")
def stale_is_refused(trace: Trace, _: Policy, saw: Saw) -> Iterator[str]:
    """L7: epochs only grow, and only by a claim."""
    epochs: dict[str, int] = {}
    for entry in trace.all(Stored):
        append, now = entry.append, epochs.get(entry.append.log, 0)
        if append.epoch < now:
            saw()
        if entry.ack is not Ack.STORED:
            continue
        if append.epoch < now:
            yield f"{append.log}: {entry.node} stored in epoch {append.epoch}, after {now} began"
        elif now and append.epoch > now and append.records[0].kind != Kind.EPOCH_CLAIMED:
            yield f"{append.log}: {entry.node} stored in epoch {append.epoch} and never claimed it"
        epochs[append.log] = max(now, append.epoch)


STORING = (stored_first, acknowledged_stays, resolved_once, stale_is_refused)
