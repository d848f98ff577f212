"""The way of one task through its chart: its log, folded, with the rows that it took lit.

Each row is numbered with the sequence number of the record that it led to. Where a record does not
follow from the chart, which is what some violations are, no row is lit and the remark says so.

Neighbours: `replay.py` (the log), `statechart.diagram` (draws), `actors/task/revive.py` (finds a
configuration in the same way).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from a2a.types import StreamResponse
from google.protobuf.message import DecodeError

from actors.runtime.journal.record import Record
from actors.simulation.report.words import kind_of, short
from actors.task.chart import STATES, STATUS, TASK, task_chart
from actors.task.fold import Fold
from actors.task.policy import Policy
from actors.task.record import Kind
from statechart import Answer, Configuration, Edge, Outcome, Table
from statechart.diagram import Highlight, mermaid

REMARKS = 60
"""Records whose configuration is written below the picture, at most: the last ones."""


class _Chunk(NamedTuple):
    """What the guards look at in an artifact event."""

    artifact: str
    append: bool


class _Known(NamedTuple):
    """What the guards look at in a task."""

    artifacts: dict[str, bool]
    adopted: bool


class Walk:
    """A walk through the chart, one record at a time."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.at: Configuration = table.initial
        self.states: set[str] = set(self.at.states)
        self.steps: list[tuple[Edge, ...]] = []
        self.remarks: list[str] = []
        self._fold = Fold()

    def take(self, record: Record) -> None:
        """Go where a record leads.

        Raises:
            ValueError: it does not follow what came before.
            LookupError: the chart has no configuration for what the log says.
        DecodeError: its payload is not what its kind says.
        """
        edges: list[Edge] = []
        for trigger in self._triggers(record):
            outcome = self._step(trigger, record)
            if outcome.answer is Answer.GO:
                edges += (*outcome.edges, *outcome.after)
                self.at = outcome.configuration
        self._fold.apply(record)
        strange = record.public and _lifecycle(self._fold) not in self.at
        if strange:
            self.at = self._folded()
        self.states |= self.at.states
        self.steps.append(tuple(edges))
        self._remark(record, "; no row leads here" if strange else "")

    def _remark(self, record: Record, doubt: str) -> None:
        where = " | ".join(self.at.atomic)
        self.remarks.append(f"{record.seq} {kind_of(record)}: {where}{doubt}")

    def _step(self, trigger: str, record: Record) -> Outcome:
        artifacts = {name: last for name, (_, last) in self._fold.artifacts.items()}
        known = _Known(artifacts, self._fold.adopted)
        return self.table.step(self.at, trigger, known, _chunk(record))

    def _triggers(self, record: Record) -> tuple[str, ...]:
        """Return the events that wrote a record, or that must have come before it."""
        match record.kind:
            case Kind.STARTED:
                return ("lost", "start") if record.number("again") else ("start",)
            case Kind.ENDED:
                outcome = str(record.facts.get("outcome", ""))
                return (outcome,) if outcome in self.table.events else ()
            case Kind.TASK if record.number("core"):
                return ()  # admitted together with the message before it
            case Kind.TASK:
                return (TASK[StreamResponse.FromString(record.payload).task.status.state],)
            case Kind.STATUS:
                update = StreamResponse.FromString(record.payload).status_update
                return (STATUS[update.status.state],)
            case kind:
                return _TRIGGERS.get(kind, ())

    def _folded(self) -> Configuration:
        run = "running" if self._fold.running else "idle"
        run = "cancelling" if self._fold.cancelling else run
        return self.table.configuration((_lifecycle(self._fold), run))


_TRIGGERS: dict[int, tuple[str, ...]] = {
    Kind.ACCEPTED: ("send",),
    Kind.CANCEL_ASKED: ("cancel",),
    Kind.ARTIFACT: ("artifact",),
    Kind.REPLY: ("message",),
}


def _lifecycle(fold: Fold) -> str:
    return "replied" if fold.replied else STATES.get(fold.state, "absent")


def _chunk(record: Record) -> _Chunk:
    if record.kind != Kind.ARTIFACT:
        return _Chunk("", append=False)
    event = StreamResponse.FromString(record.payload).artifact_update
    return _Chunk(event.artifact.artifact_id, event.append)


def walk(table: Table, records: Iterable[Record]) -> Walk:
    """Walk as far as the records make sense; the last remark says if they ceased to."""
    way = Walk(table)
    for record in records:
        try:
            way.take(record)
        except (ValueError, LookupError, DecodeError) as error:
            way.remarks.append(short(f"{record.seq} {kind_of(record)} cannot follow: {error}"))
            break
    return way


def chart_of(policy: Policy, task: str, records: Iterable[Record]) -> str:
    """Return the chart of a task as a Mermaid state diagram, with the way of its log lit."""
    chart = task_chart(policy)
    way = walk(chart.compile(), records)
    picture = mermaid(chart, Highlight(states=frozenset(way.states), steps=tuple(way.steps)))
    remarks = way.remarks[-REMARKS:]
    head = f"%% {short(task) or 'no task'}: after each record of its log"
    if len(remarks) < len(way.remarks):
        head += f", the last {REMARKS} of {len(way.remarks)}"
    return picture + "".join(f"{line}\n" for line in (head, *(f"%% {each}" for each in remarks)))
