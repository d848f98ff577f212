"""Random histories of a task, and the one law that every journal must keep of them.

    fold(log) = fold(snapshot, tail) = what a read shows, at every moment and for every version

A history is appends in groups (beside another log's, so that the two are mixed in a file), claims
of an epoch, snapshots of any version, compaction and opening anew. The truth is a list of records
beside the journal.

Neighbours: `test_histories.py` (a few, in CI), `tests/soak/histories.py` (many).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

from a2a.types import (
    Artifact,
    Part,
    StreamResponse,
    Task,
    TaskArtifactUpdateEvent,
    TaskState,
)

from actors.runtime import Caller
from actors.runtime.journal.messages import ReadLog
from actors.runtime.journal.port import Append, Head, Journal, Snapshot, Stored, settled
from actors.runtime.journal.record import Fact, Record
from actors.storage.samples import appending, known, store
from actors.task.events import core_message, new_task, status_update
from actors.task.fold import Fold, fold
from actors.task.listing import TASKS, TaskRow
from actors.task.messages import View
from actors.task.record import Failure, Kind
from actors.task.revive import folded
from actors.task.views import shown
from tests.storage.filled import request

OWNER = Caller("ann", "acme")
CONTEXT = "context-1"
AT = 1_700_000_000_000
STATES = (
    *(TaskState.TASK_STATE_WORKING,) * 3,
    TaskState.TASK_STATE_INPUT_REQUIRED,
    TaskState.TASK_STATE_AUTH_REQUIRED,
)
ENDS = (TaskState.TASK_STATE_COMPLETED, TaskState.TASK_STATE_CANCELED)


class Deed(NamedTuple):
    """One step of a history."""

    what: str
    number: int
    """Chooses the details."""


DEEDS = ("append", "append", "append", "claim", "snapshot", "compact", "reopen")


class Truth:
    """What a journal must say of one task.

    Args:
        task: name of its log.
    """

    def __init__(self, task: str) -> None:
        self.task = task
        self.records: list[Record] = []
        self.fold = Fold()
        self.snapshot: int = 0
        self.floor = 0
        self.beside = 0
        """Head of the other log."""

    def next(self, rng: random.Random, *, claim: bool = False) -> Record:
        """Add a record that a task core may write next."""
        seq, epoch = len(self.records) + 1, self.fold.epoch + claim
        kind, payload, facts = _CLAIM if claim else rng.choice(self._possible(rng))()
        record = Record(seq, epoch, AT + seq, kind, payload, facts)
        self.records.append(record)
        self.fold.apply(record)
        return record

    def append(self, records: Sequence[Record]) -> Append:
        """The append of the latest records."""
        state = self.fold
        row = TaskRow(OWNER.owner, OWNER.tenant, CONTEXT, state.state, state.status_at)
        active, expected = state.active and not state.final, records[0].seq - 1
        return Append(self.task, state.epoch, expected, tuple(records), OWNER, active, row)

    def at(self, version: int) -> Fold:
        """What the first records amount to."""
        return fold(self.records[:version])

    # -- what may come next

    def _possible(self, rng: random.Random) -> list[Callable[[], _Made]]:
        state = self.fold
        possible: list[Callable[[], _Made]] = [self._accepted]
        if state.queue and state.running is None and not state.cancelling:
            possible += [self._started] * 3
        if state.queue:
            possible.append(self._refused)
        if state.running is not None:
            possible += [self._ended, *[lambda: self._public(rng)] * 6]
        if state.task is not None and not state.cancelling:
            possible.append(self._cancel_asked)
        return possible

    def _accepted(self) -> _Made:
        number = len(self.records)
        extensions: list[str] = ["https://example.org/é"] if number % 2 else []
        payload = request(self.task, number, f"question {number}")
        return Kind.ACCEPTED, payload, {"extensions": extensions, "by": f"life {number}"}

    def _started(self) -> _Made:
        return Kind.STARTED, b"", {"run": self.fold.run + 1, "message": self.fold.queue[0]}

    def _refused(self) -> _Made:
        why = Failure("UnsupportedOperationError", "too late")
        return Kind.REFUSED, why.pack(), {"message": self.fold.queue[-1]}

    def _ended(self) -> _Made:
        facts: dict[str, Fact] = {"run": self.fold.run, "message": self.fold.running or 0}
        return Kind.ENDED, b"", facts | {"outcome": "returned"}

    def _cancel_asked(self) -> _Made:
        return Kind.CANCEL_ASKED, b"", {"run": self.fold.run + (self.fold.running is None)}

    def _public(self, rng: random.Random) -> _Made:
        seq = len(self.records) + 1
        if self.fold.task is None:
            if rng.random() < 0.1:
                message = core_message(self.task, CONTEXT, seq, "just an answer")
                return Kind.REPLY, StreamResponse(message=message).SerializeToString(), {}
            asked = self.fold.accepted[self.fold.running or 0][0]
            state = TaskState.TASK_STATE_WORKING
            made = new_task(self.task, CONTEXT, state, AT + seq, asked, None)
            return Kind.TASK, made, {"core": rng.randrange(2)}
        if rng.random() < 0.5:
            return self._artifact(rng)
        if rng.random() < 0.1:
            adopted = Task()
            adopted.CopyFrom(self.fold.task)
            adopted.artifacts.add(artifact_id=f"own-{seq}", parts=[Part(text="of the agent's")])
            return Kind.TASK, StreamResponse(task=adopted).SerializeToString(), {}
        state = rng.choice(ENDS if rng.random() < 0.03 else STATES)
        say = core_message(self.task, CONTEXT, seq, f"said {seq}") if rng.random() < 0.6 else None
        # Clocks step back.
        at = AT + seq - rng.choice((0, 0, 50))
        return Kind.STATUS, status_update(self.task, CONTEXT, state, at, say), {}

    def _artifact(self, rng: random.Random) -> _Made:
        name = rng.choice("abc")
        event = TaskArtifactUpdateEvent(
            task_id=self.task,
            artifact=Artifact(artifact_id=name, parts=[Part(text=f"chunk {len(self.records)}")]),
            append=name in self.fold.artifacts and rng.random() < 0.7,
            last_chunk=rng.random() < 0.3,
        )
        event.artifact.metadata.update({rng.choice("xy"): len(self.records)})
        return Kind.ARTIFACT, StreamResponse(artifact_update=event).SerializeToString(), {}


_Made = tuple[Kind, bytes, dict[str, Fact]]
_CLAIM: _Made = (Kind.EPOCH_CLAIMED, b"", {"by": "another life"})


# -- living through one


async def live(journal: Journal, task: str, history: Sequence[Deed]) -> Truth:
    """Do everything in a history, and see that the law holds after each step and at the end.

    Raises:
        AssertionError: it does not.
    """
    truth = Truth(task)
    await settled(journal.open(TASKS))
    for deed in history:
        rng = random.Random(deed.number)
        await _DO[deed.what](journal, truth, rng)
        await now(journal, truth)
    await travels(journal, truth)
    await settled(journal.close())
    return truth


async def _append(journal: Journal, truth: Truth, rng: random.Random) -> None:
    """A group of up to four appends of this log, each beside one of another log."""
    group: list[Append] = []
    for _ in range(rng.randint(1, 4)):
        wanted = rng.choice((1, 1, 2, 9))
        # One by one: what may come next depends on what came.
        records = [truth.next(rng) for _ in range(wanted) if not truth.fold.final]
        if records:
            group.append(truth.append(records))
        other = appending(f"beside {truth.task}", truth.beside, rng.randint(1, 3))
        group.append(other._replace(row=None))
        truth.beside = other.seq
    await store(journal, *group)


async def _claim(journal: Journal, truth: Truth, rng: random.Random) -> None:
    if truth.records and not truth.fold.final:
        records = [truth.next(rng, claim=True)]
        if rng.random() < 0.5:
            records.append(truth.next(rng))
        await store(journal, truth.append(records))


async def _snapshot(journal: Journal, truth: Truth, rng: random.Random) -> None:
    """Of any version, also one that is older than what is kept."""
    version = rng.randint(0, len(truth.records))
    if version:
        await settled(journal.save_snapshot(truth.task, _packed(truth, version)))
        truth.snapshot = max(truth.snapshot, version)


async def _compact(journal: Journal, truth: Truth, rng: random.Random) -> None:
    anywhere = rng.randint(0, len(truth.records))
    upto = rng.choice((anywhere, truth.snapshot, truth.snapshot + 1))
    done = await settled(journal.compact(truth.task, upto))
    if not truth.records:
        assert not done
        return
    assert done == (upto <= max(truth.snapshot, truth.floor)), (upto, truth.snapshot)
    if done:
        truth.floor = max(truth.floor, upto)


async def _reopen(journal: Journal, truth: Truth, rng: random.Random) -> None:
    await settled(journal.close())
    await settled(journal.open(TASKS))


_DO = {
    "append": _append,
    "claim": _claim,
    "snapshot": _snapshot,
    "compact": _compact,
    "reopen": _reopen,
}


def _packed(truth: Truth, version: int) -> Snapshot:
    return Snapshot(version, truth.at(version).pack())


# -- the law


async def now(journal: Journal, truth: Truth) -> None:
    """See that a read shows the fold of the log."""
    if not truth.records:
        assert await settled(journal.read(truth.task)) is None
        return
    stored, due = await known(journal, truth.task), truth.fold
    alike(folded(stored), due)
    alike(truth.at(len(truth.records)), due)
    active = due.active and not due.final
    assert stored.head == Head(truth.task, due.version, due.epoch, active, truth.floor)
    assert stored.row == TaskRow(OWNER.owner, OWNER.tenant, CONTEXT, due.state, due.status_at)
    assert (stored.snapshot.seq if stored.snapshot else 0) == truth.snapshot
    _seen(stored, due)


def _seen(stored: Stored, due: Fold) -> None:
    """See that GetTask of a parked task shows the fold."""
    view = shown(ReadLog(stored.head.log), stored)
    assert isinstance(view, View)
    assert (view.version, view.state, view.context) == (due.version, due.state, CONTEXT)
    assert bool(view.task) == (due.task is not None)
    if due.task is not None:
        assert Task.FromString(view.task) == due.task


async def travels(journal: Journal, truth: Truth) -> None:
    """See that every version that is kept can be had again, from the log and from the snapshot."""
    if not truth.records:
        return
    stored, end = await known(journal, truth.task), len(truth.records)
    kept = stored.snapshot
    if truth.floor:
        assert await settled(journal.page(truth.task, truth.floor - 1, 9)) is None
    for version in range(max(truth.floor, 1), end + 1):
        due = truth.at(version)
        if kept is not None and version >= kept.seq:
            tail = await settled(journal.page(truth.task, kept.seq, version - kept.seq))
            alike(fold(tail or (), Fold.unpack(kept.payload)), due)
        if truth.floor == 0:
            every = await settled(journal.page(truth.task, 0, version))
            alike(fold(every or ()), due)
        page = await settled(journal.page(truth.task, version, 5))
        assert page == tuple(truth.records[version : version + 5])


def alike(one: Fold, other: Fold) -> None:
    """See that two folds are equal; the order of a map in a Task says nothing."""
    for name in Fold.__slots__:
        assert getattr(one, name) == getattr(other, name), name
