"""The decided state of a task, and the draft in which one step changes it.

Decided is what the chart has said; committed (`fold`) is what the journal has acknowledged. The
difference between them is `pending`, in order. Nobody outside sees anything but the committed part
(law L3).

The first record that a life of a task's actor writes is signed: its fact `by` names the
incarnation of the core (`Rules`). When the acknowledgement of an append is lost, what stands in its
place in the log tells whether it was stored (`journal.py`), so no two writers may ever make
appends that are equal. Nothing else in them is sure to differ: two servers that claim the same
epoch of a task in the same millisecond write the same; so do two that revive a parked task, which
claims no epoch, upon one request that a proxy has sent to both (message ids are minted by clients);
so do two that accept it as a new task, if the id generator of their user repeats itself. Later
records of a life need no signature: they stand upon its first, and when that was fenced the whole
life is void. Nor does a life need a name of its own: two lives in one core never write at once,
and what the earlier one decided was shown to nobody.

Neighbours: `actor.py` (decides), `release.py` (commits).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, NamedTuple

from actors.runtime import (
    ActorRef,
    Caller,
    Effect,
    Envelope,
    Message,
    Reject,
    Reply,
    ReplyTo,
    Step,
    Tell,
)
from actors.runtime.journal.errors import StorageUnavailable
from actors.runtime.journal.messages import JOURNAL, AppendRecords
from actors.runtime.journal.port import Append
from actors.runtime.journal.record import NO_FACTS, Record
from actors.task.chart import STATES
from actors.task.fold import Fold
from actors.task.listing import TaskRow
from actors.task.messages import Settled, Wait
from actors.task.orders import End, consumer
from actors.task.ports import RunId
from actors.task.record import Kind
from statechart import Configuration

_ARTIFACT = Kind.ARTIFACT
_new = tuple.__new__
"""Makes a `Record` in half the time of its own constructor; a burst makes them by the thousand."""

CONFIGURED = {name: state for state, name in STATES.items()}
"""State of the chart -> `TaskState` number."""

REFUSALS_BOUND = 128
"""Refusals of one task that may wait for the journal; the next asker is told that it is slow."""


class Queued(NamedTuple):
    """An accepted message: waiting for its run, or running."""

    seq: int
    caller: Caller
    request: bytes
    extensions: tuple[str, ...]
    recovered: bool = False
    """Its sender's process is gone."""
    trace: str = ""
    """W3C traceparent of its request."""
    taken: tuple[Queued, ...] = ()
    """Earlier messages that its run is for too, in order; none of these has taken any."""


class Pending(NamedTuple):
    """Records that were decided in one step, and what their acknowledgement sets free."""

    records: tuple[Record, ...]
    then: tuple[Effect, ...] = ()
    """Of the last record."""
    starts: Queued | None = None
    """The last record is STARTED: the run to launch, with the Task as it was just before it."""
    credit: int = 0
    """How many the agent has emitted: their acknowledgement makes room for as many."""
    appended: str = ""
    """All are chunks that are appended to the artifact of this id."""

    def followed(self, effect: Effect) -> Pending:
        """Return the same, and this effect behind the others."""
        return self._replace(then=(*self.then, effect))


class Waiter(NamedTuple):
    """A request whose answer depends on records still to come."""

    to: ReplyTo[Any]
    wait: Wait | None
    """None: a cancel."""
    message: int


@dataclass(slots=True, eq=False)
class TaskState:
    """Everything a TaskActor knows. One per live task.

    A step changes a copy of its own (`Draft`), so the one that it was given stays as it is.
    """

    task: str
    owner: str
    tenant: str
    context: str
    configuration: Configuration
    fold: Fold
    """Committed. Folded in place, touched by this actor alone."""
    artifacts: dict[str, bool]
    """Decided: artifact id -> whether its last chunk has come. Grows in place, as the fold does:
    a void actor is dropped whole, so nothing in here is ever taken back."""
    epoch: int
    seq: int
    """Decided head of the log."""
    run: int
    status_at: int
    adopted: bool = False
    """The Task is the agent's own, not one that the core made at admission (A15)."""
    running: Queued | None = None
    queue: tuple[Queued, ...] = ()
    pending: tuple[Pending, ...] = ()
    waiters: tuple[Waiter, ...] = ()
    held: tuple[tuple[Waiter, Settled], ...] = ()
    """Answers ready but for an error that the run may still report (A1)."""
    ending: Record | None = None
    """The ENDED record, committed, of the run whose end is the end of the task."""
    end: End | None = None
    """The log is final and its run is over."""
    fanout: ActorRef[Message] | None = None
    readers: int = 0
    holding: bool = False
    """The server drains: no new run starts."""
    leaving: bool = False
    """The journal has been asked to forget this task; what comes meanwhile is stashed."""
    attached: int = 0
    """Readers let in so far; keeps their numbers distinct."""
    life: int = 0
    """Which actor of this task in this process this is: verdicts on and readers of an earlier
    life are none of ours."""
    snapshot: int = 0
    """Version of the latest snapshot that the journal has."""
    signature: str = ""
    """Who writes, to go into the first record of this life; empty once it is in one."""
    handed: bool = False
    """The outbox goes on from what it was handed of this task, and has missed nothing before."""
    born: int = 0
    """UTC milliseconds of the first record; what is listed before there is a status."""
    hooks: tuple[str, ...] = ()
    """Decided: ids of its webhooks; "" for the sender that the user passed."""

    def copy(self) -> TaskState:
        """Return another one with the same fields."""
        return TaskState(*_fields(self))

    @property
    def run_id(self) -> RunId:
        """The current run; messages about any other are dead letters."""
        return RunId(self.task, self.epoch, self.run)

    @property
    def lifecycle(self) -> int:
        """Decided `TaskState` number; 0 while there is no Task."""
        return CONFIGURED.get(self.configuration.atomic[0], 0)

    @property
    def waiting(self) -> int:
        """How many messages wait: in the queue, or behind the latest of their run."""
        return len(self.queue) + (len(self.running.taken) if self.running else 0)

    @property
    def active(self) -> bool:
        """The run region is not idle."""
        return "idle" not in self.configuration.states

    @property
    def final(self) -> bool:
        """Decided: nothing can follow in this log."""
        states = self.configuration.states
        return "terminal" in states or "replied" in states

    @property
    def at_rest(self) -> bool:
        """Nothing would be lost by forgetting this actor."""
        return not (
            self.active
            or self.pending
            or self.queue
            or self.waiters
            or self.held
            or self.readers
            or self.leaving
        )


_fields = attrgetter(*(field.name for field in fields(TaskState)))


class Draft:
    """One step in the making: changes, records and effects; `finish` makes the `Step`.

    Args:
        state: before the step; what it becomes is `Draft.state`, a copy, changed in place.
        now: UTC milliseconds.
        pushed: kinds of records that webhooks are notified of.
    """

    __slots__ = (
        "_credit",
        "_pushed",
        "_records",
        "caller",
        "effects",
        "keys",
        "now",
        "pending",
        "state",
    )

    def __init__(self, state: TaskState, now: int, pushed: Collection[int] = ()) -> None:
        self.state = state.copy()
        self._pushed = pushed
        self.now = now
        self.pending: list[Pending] = []
        self._records: list[Record] = []
        """Those behind `pending`, of which nothing but credit follows."""
        self._credit = 0
        self.effects: list[Effect] = []
        self.caller: Caller | None = None
        """Whose request wrote the records, when it is not that of the run."""
        self.keys: tuple[str, ...] = ()
        """Idempotency keys that the records answer to."""

    def set(self, **changes: Any) -> TaskState:
        """Change fields of the state; returns it."""
        state = self.state
        for name, value in changes.items():
            setattr(state, name, value)
        return state

    def do(self, *effects: Effect) -> None:
        """Perform effects at once, whatever becomes of the records."""
        self.effects.extend(effects)

    def reply(self, envelope: Envelope, value: object) -> None:
        """Answer an ask; a tell wants no answer."""
        if envelope.reply_to is not None:
            self.effects.append(Reply(envelope.reply_to, value))

    def reject(self, envelope: Envelope, error: Exception) -> None:
        """Answer an ask with an error, once everything that it speaks of is stored (law L3).

        Where many such errors wait for the journal already, the next is at once that it is slow.
        """
        if envelope.reply_to is None:
            return
        pending = self.state.pending
        if not pending:
            self.effects.append(Reject(envelope.reply_to, error))
        elif sum(isinstance(each, Reject) for p in pending for each in p.then) >= REFUSALS_BOUND:
            slow = StorageUnavailable(f"{REFUSALS_BOUND} refusals wait for the journal already")
            self.effects.append(Reject(envelope.reply_to, slow))
        else:
            *others, last = pending
            self.state.pending = (*others, last.followed(Reject(envelope.reply_to, error)))

    def once_stored(self, effect: Effect) -> None:
        """Perform `effect` once all that is decided so far is stored."""
        if self._records:
            self._seal((effect,))
        elif self.pending:
            self.pending[-1] = self.pending[-1].followed(effect)
        elif self.state.pending:
            *others, last = self.state.pending
            self.state.pending = (*others, last.followed(effect))
        else:
            self.effects.append(effect)

    @property
    def task_exists(self) -> bool:
        """A Task has been decided, be it stored or not."""
        if self.state.fold.task is not None:
            return True
        pending = (*self.state.pending, *self.pending, Pending(tuple(self._records)))
        return any(record.kind == Kind.TASK for entry in pending for record in entry.records)

    def record(
        self,
        kind: Kind,
        payload: bytes = b"",
        facts: dict[str, Any] | None = None,
        then: tuple[Effect, ...] = (),
        starts: Queued | None = None,
        credit: bool = False,
    ) -> int:
        """Add a record; `then` is performed once it is stored. Returns its sequence number."""
        state, now = self.state, self.now
        if state.signature:
            facts = {**(facts or {}), "by": state.signature}
            state.signature = ""
        if not state.born:
            state.born = now
        state.seq = seq = state.seq + 1
        record = Record(seq, state.epoch, now, kind, payload, facts or NO_FACTS)
        self._records.append(record)
        self._credit += credit
        if then or starts is not None:
            self._seal(then, starts)
        return seq

    def append(self, artifact: str, payloads: Sequence[bytes]) -> None:
        """Add the records of chunks that the agent appends to an artifact, behind another record.

        One entry for all of them: they are folded as one (`Fold.extend`).
        """
        state = self.state
        if state.signature:  # which goes into the next record
            for payload in payloads:
                self.record(Kind.ARTIFACT, payload, credit=True)
            return
        if self._records:
            self._seal()
        seq, epoch, now = state.seq, state.epoch, self.now
        numbered = enumerate(payloads, seq + 1)
        records = tuple(
            [_new(Record, (n, epoch, now, _ARTIFACT, payload, NO_FACTS)) for n, payload in numbered]
        )
        state.seq = seq + len(records)
        self.pending.append(Pending(records, (), None, len(records), artifact))

    def _seal(self, then: tuple[Effect, ...] = (), starts: Queued | None = None) -> None:
        """Say what follows the last record; one entry for it and those before it."""
        self.pending.append(Pending(tuple(self._records), then, starts, self._credit))
        self._records, self._credit = [], 0

    def stamp(self) -> int:
        """Return the time of a status that the core writes now (A8)."""
        self.state.status_at = at = max(self.now, self.state.status_at)
        return at

    def finish(self) -> Step[TaskState]:
        """Return the step: the changed state; its records on their way to the journal."""
        state = self.state
        if self._records:
            self._seal()
        if self.pending:
            state.pending = (*state.pending, *self.pending)
            self.effects.append(Tell(JOURNAL, AppendRecords(self._append(state))))
        return Step(state, tuple(self.effects))

    def _append(self, state: TaskState) -> Append:
        records = self.pending[0].records
        for entry in self.pending[1:]:
            records += entry.records
        caller = self.caller or (state.running.caller if state.running else Caller())
        return Append(
            state.task,
            state.epoch,
            records[0].seq - 1,
            records,
            caller,
            active=not state.final and (state.active or bool(state.queue)),
            row=row(state, self.now),
            writer=state.life,
            keys=self.keys,
            consumers=self._consumers(records),
        )

    def _consumers(self, records: tuple[Record, ...]) -> tuple[str, ...]:
        pushed = self._pushed
        if not pushed or not any(record.kind in pushed for record in records):
            return ()
        return tuple(map(consumer, self.state.hooks))


def row(state: TaskState, now: int) -> TaskRow:
    """Return the row beside the log, as of the decided state; see `Fold.listed_at`."""
    at = min(state.status_at, now) or state.born
    return TaskRow(state.owner, state.tenant, state.context, state.lifecycle, at)
