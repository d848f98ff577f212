"""History: a task as it was at any record of its log, and a new task that goes on from there.

Neighbours: `source.py` (what is read), `actors/task/fold.py` (record by record to a Task).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from a2a.types import StreamResponse, Task, TaskState
from google.protobuf.message import DecodeError

from actors.runtime.journal.errors import StorageError
from actors.runtime.journal.port import Copy, Head
from actors.runtime.journal.record import Record
from actors.storage.source import Kept, Source, records
from actors.task.events import core_message
from actors.task.fold import Fold
from actors.task.listing import TaskRow
from actors.task.record import Kind


class NoSuchTask(StorageError):  # noqa: N818 - a state of a journal
    """There is no such task, or no such record of it; says what there is."""


class Moment(NamedTuple):
    """A record, and the task once it is in."""

    record: Record
    fold: Fold
    """Changes with the next moment."""


async def known(source: Source, task: str) -> tuple[Kept, TaskRow]:
    """What a journal keeps of a task.

    Raises:
        NoSuchTask: it keeps none of that id.
    """
    kept = await source.kept(task)
    if kept is None:
        raise NoSuchTask(f"there is no task {task!r}; `actors tasks` lists those there are")
    if not isinstance(kept.row, TaskRow):
        raise NoSuchTask(f"log {task!r} is not that of a task, but of something else")
    return kept, kept.row


def begin(kept: Kept) -> Fold:
    """The earliest state that a log can be replayed from: nothing, or its snapshot.

    Raises:
        StorageError: the snapshot is none of a task.
    """
    if not kept.head.floor or kept.snapshot is None:
        return Fold()
    try:
        return Fold.unpack(kept.snapshot.payload)
    except Exception as error:  # bytes provoke whatever they provoke
        raise StorageError(
            f"the snapshot of task {kept.head.log!r} at {kept.snapshot.seq} is none ({error!r}); "
            "`actors journal check` says what is damaged"
        ) from error


async def moments(source: Source, kept: Kept) -> AsyncIterator[Moment]:
    """Every record that can be replayed, in order.

    Raises:
        JournalCorrupt: a record is not as it was written.
        StorageError: a record is none that follows.
    """
    fold = begin(kept)
    async for record in records(source, kept.head, fold.version):
        try:
            fold.apply(record)
        except (ValueError, KeyError, IndexError, DecodeError, AssertionError) as error:
            raise StorageError(
                f"record {record.seq} of task {kept.head.log!r} does not follow from those before "
                f"it ({error!r}); `actors journal check` says what is damaged"
            ) from error
        yield Moment(record, fold)


async def fold_at(source: Source, kept: Kept, at: int) -> Fold:
    """The state of a task once record `at` was in.

    Raises:
        NoSuchTask: there is no such record, or no longer.
    """
    fold, head = begin(kept), kept.head
    if not max(1, fold.version) <= at <= head.seq:
        gone = f", records up to {head.floor} are no longer kept" if head.floor else ""
        raise NoSuchTask(
            f"task {head.log!r} has no version {at} to go back to: choose one from "
            f"{max(1, fold.version)} to {head.seq}{gone}"
        )
    if fold.version == at:
        return fold
    async for moment in moments(source, kept):
        if moment.record.seq == at:
            return moment.fold
    return fold


def forked(fold: Fold, row: TaskRow, *, task: str, new: str, context: str | None, now: int) -> Copy:
    """The log that begins a new task where another one was.

    Args:
        fold: the other task as it was.
        row: beside its log; the new task belongs to the same owner and tenant.
        task: id of the other one.
        new: id of the new one.
        context: of the new one; None: the same.
        now: UTC milliseconds.

    Raises:
        NoSuchTask: there was no Task yet.
    """
    if fold.task is None:
        raise NoSuchTask(
            f"task {task!r} had no visible state at record {fold.version}; "
            "`actors replay` shows at which record it began"
        )
    context = row.context if context is None else context
    made = _renamed(fold.task, new, context)
    if made.status.HasField("message"):
        made.history.append(made.status.message)
    made.metadata.update({"forkedFrom": task, "forkedAt": fold.version})
    made.status.Clear()
    made.status.state = TaskState.TASK_STATE_INPUT_REQUIRED
    made.status.timestamp.FromMilliseconds(now)
    text = f"Forked from task {task} as it was at {fold.version}. Your next message goes on here."
    made.status.message.CopyFrom(core_message(new, context, 1, text))
    payload = StreamResponse(task=made).SerializeToString()
    record = Record(1, 1, now, Kind.TASK, payload, {"by": f"fork {new}"})
    state = int(made.status.state)
    changed = row._replace(context=context, state=state, status_at=now)
    return Copy(Head(new, 1), changed, None, (record,))


def _renamed(task: Task, new: str, context: str) -> Task:
    """A copy with other ids, everywhere."""
    made = Task()
    made.CopyFrom(task)
    made.id, made.context_id = new, context
    for message in (*made.history, made.status.message):
        if message.task_id == task.id:
            message.task_id = new
        if message.context_id == task.context_id:
            message.context_id = context
    if not task.status.HasField("message"):
        made.status.ClearField("message")
    return made
