"""The draft in which one step changes the state of a task.

The first record that a life of a task's actor writes is signed: its fact `by` names the
incarnation of the core (`Rules`). When the acknowledgement of an append is lost, what stands in its
place in the log tells whether it was stored (`runtime/journal/doubt.py`), so no two writers may
ever make appends that are equal. Nothing else in them is sure to differ: two servers that claim the
same epoch of a task in the same millisecond write the same; so do two that revive a parked task,
which claims no epoch, upon one request that a proxy has sent to both (message ids are minted by
clients); so do two that accept it as a new task, if the id generator of their user repeats itself.
Later records of a life need no signature: they stand upon its first, and when that was fenced the
whole life is void. Nor does a life need a name of its own: two lives in one core never write at
once, and what the earlier one decided was shown to nobody.

Neighbours: `state.py` (what is changed), `decide.py` (begins and finishes drafts).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from actors.runtime import Caller, Effect, Envelope, Reject, Reply, Step, Tell
from actors.runtime.journal.errors import StorageUnavailable
from actors.runtime.journal.messages import JOURNAL, AppendRecords
from actors.runtime.journal.port import Append
from actors.runtime.journal.record import NO_FACTS, Record
from actors.task.listing import TaskRow
from actors.task.orders import consumer
from actors.task.record import Kind
from actors.task.state import Pending, Queued, TaskState

_ARTIFACT = Kind.ARTIFACT
_new = tuple.__new__
"""Makes a `Record` in half the time of its own constructor; a burst makes them by the thousand."""

REFUSALS_BOUND = 128
"""Refusals of one task that may wait for the journal; the next asker is told that it is slow."""


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
        hooks, pushed = self.state.hooks, self._pushed
        if not hooks or not any(record.kind in pushed for record in records):
            return ()
        return tuple(map(consumer, hooks))


def row(state: TaskState, now: int) -> TaskRow:
    """Return the row beside the log, as of the decided state; see `Fold.listed_at`."""
    at = min(state.status_at, now) or state.born
    return TaskRow(state.owner, state.tenant, state.context, state.lifecycle, at)
