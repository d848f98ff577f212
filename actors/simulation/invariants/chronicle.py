"""Chronicles: each log of a trace, read once for all invariants that judge logs, writers and runs.

What a log means is what `Fold` says; the rest is as it was observed. Where a log cannot be folded
its chronicle ends, and says so.

Neighbours: `log.py`, `storing.py`, `runs.py`, `messages.py` (judge by this), `evidence.py` (the
same for requests and streams).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from weakref import WeakKeyDictionary

from a2a.types import StreamResponse, Task

from actors.runtime.journal.port import Ack
from actors.runtime.journal.record import Record
from actors.simulation.trace import Stored, Trace
from actors.task.fold import Fold
from actors.task.ports import RunId
from actors.task.record import Kind


class Page(NamedTuple):
    """One record, and how its task stood just before it."""

    record: Record
    final: bool
    """Nothing could follow any more."""
    running: int | None
    """Sequence number of the message whose run was going on."""
    cancelling: bool
    run: int
    """Number of the latest run."""
    state: int
    """`TaskState` number after the record; 0 while there is no Task."""
    replied: bool
    """After the record: a bare Message was the answer."""
    core: bool
    """The core wrote it, no agent, if it is public: the Task of an admission, the status after the
    end of a run, the question in place of a run that was lost."""

    @property
    def busy(self) -> bool:
        """Whether a run was going on, or a cancel was."""
        return self.running is not None or self.cancelling

    @property
    def event(self) -> StreamResponse:
        """A public record as a client gets it."""
        return StreamResponse.FromString(self.record.payload)


class Chronicle:
    """One log, record by record.

    Args:
        task: whose it is.
        log: its records, in order.
    """

    def __init__(self, task: str, log: tuple[Record, ...]) -> None:
        self.task = task
        self.pages: list[Page] = []
        self.broken = ""
        """Why the log could not be folded any further; empty if it could."""
        self.texts: list[bytes] = [b""]
        """Version -> the Task, in one fixed form; empty while there is none."""
        self.fold = Fold()
        """At the last record that could be folded."""
        self._concluding = False
        """A run has ended and the task with it; the status that says so comes next."""
        self._claimed = False
        """The log was just taken over, and no agent is at work yet."""
        for record in log:
            if not self._write(record):
                break

    def _write(self, record: Record) -> bool:
        known = self.fold
        before = (known.final, known.running, known.cancelling, known.run)
        try:
            known.apply(record)
        except (ValueError, KeyError, AssertionError) as error:
            self.broken = f"{type(error).__name__}: {error}"
        core = bool(record.number("core")) or self._concluding or self._claimed
        self._claimed = record.kind == Kind.EPOCH_CLAIMED
        self.pages.append(Page(record, *before, known.state, known.replied, core))
        if record.kind != Kind.REFUSED:
            self._concluding = record.kind == Kind.ENDED and bool(record.number("final"))
        changes = record.public or record.kind == Kind.STARTED
        text = uniform(known.task) if changes and known.task is not None else self.texts[-1]
        self.texts.append(text)
        return not self.broken

    def of_kind(self, *kinds: Kind) -> Iterator[Page]:
        """Pages of some kinds of records, in order."""
        return (page for page in self.pages if page.record.kind in kinds)


def uniform(task: Task) -> bytes:
    """Return a Task as bytes that are equal for equal Tasks."""
    text: bytes = task.SerializeToString(deterministic=True)
    return text


def kind_of(record: Record) -> str:
    """Return how a sentence names a record's kind."""
    return Kind(record.kind).name


def named(run: RunId) -> str:
    """Return how a sentence names a run."""
    return f"run {run.epoch}.{run.run} of {run.task}"


_CHRONICLES: WeakKeyDictionary[Trace, list[Chronicle]] = WeakKeyDictionary()
"""A trace is judged by many invariants, one after another."""


def chronicles(trace: Trace) -> list[Chronicle]:
    """Return the chronicle of each task with a log; none while the run is not over."""
    known = _CHRONICLES.get(trace)
    if known is None:
        known = [Chronicle(task, log) for task, log in trace.logs.items() if log]
        _CHRONICLES[trace] = known
    return known


def stored(trace: Trace) -> dict[tuple[str, int], int]:
    """Return (task, sequence number) -> the place in the trace at which it was first stored."""
    places: dict[tuple[str, int], int] = {}
    for place, entry in trace.timed(Stored):
        if entry.ack is Ack.STORED:
            for record in entry.append.records:
                places.setdefault((entry.append.log, record.seq), place)
    return places
