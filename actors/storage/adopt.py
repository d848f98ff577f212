"""Adopt: a Task that some other store kept becomes a log of its own.

Neighbours: `actors/cli/sdk_rows.py` (reads Tasks out of a2a-sdk's own tables), `history.py`.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from a2a.types import StreamResponse, Task, TaskState

from actors.runtime import Caller
from actors.runtime.journal.port import Ack, Append, Journal, settled
from actors.runtime.journal.record import Record
from actors.task.events import core_message, status_update
from actors.task.listing import TASKS, TaskRow
from actors.task.record import Kind

_GROUP: Final = 100
_LOST: Final = "The server was interrupted while the agent was working on this task."
_UNSETTLED: Final = frozenset(
    {
        TaskState.TASK_STATE_UNSPECIFIED,
        TaskState.TASK_STATE_SUBMITTED,
        TaskState.TASK_STATE_WORKING,
    }
)


class Owned(NamedTuple):
    """A Task and whose it is."""

    task: Task
    owner: str


@dataclass(slots=True)
class Adopted:
    """What became of the tasks."""

    imported: int = 0
    failed: int = 0
    """Of those: settled as FAILED, as their process is gone."""
    skipped: int = 0
    """There already."""
    refused: list[str] = field(default_factory=list)
    """Those that the journal cannot keep, and why."""


async def adopt(
    tasks: AsyncIterable[Owned], journal: Journal, *, tenant: str, keep: bool, now: int
) -> Adopted:
    """Store tasks in a journal; opens and closes it. Those that it has already are skipped.

    Args:
        tasks: to store.
        journal: where to.
        tenant: whom they all belong to.
        keep: leave those that are at work as they are, though nobody works on them.
        now: UTC milliseconds.
    """
    done, group = Adopted(), list[Append]()
    try:
        async for each in tasks:
            if not each.task.id:
                done.refused.append("a task has no id, expected one: nobody could ask for it")
                continue
            group.append(append_of(each, tenant=tenant, keep=keep, now=now))
            if len(group) == _GROUP:
                await _store(journal, group, done)
        if group:
            await _store(journal, group, done)
    finally:
        await settled(journal.close())
    return done


async def _store(journal: Journal, group: list[Append], done: Adopted) -> None:
    await settled(journal.open(TASKS))  # not before there is something to store
    for append, ack in zip(group, await _acks(journal, group, done), strict=True):
        if ack is Ack.STORED:
            done.imported += 1
            done.failed += len(append.records) > 1
        elif ack is Ack.FENCED:
            done.skipped += 1
    group.clear()


async def _acks(journal: Journal, group: list[Append], done: Adopted) -> Sequence[Ack | None]:
    """The verdict on each; None: refused. One that is refused takes no other with it."""
    try:
        return await settled(journal.append(group))
    except ValueError as error:  # nothing of the group is stored
        if len(group) > 1:
            return [ack for each in group for ack in await _acks(journal, [each], done)]
        done.refused.append(f"task {group[0].log!r:.80} cannot be kept there: {error}")
        return [None]


def append_of(owned: Owned, *, tenant: str, keep: bool, now: int) -> Append:
    """The append that begins the log of a task; see `adopt`."""
    task, owner = owned
    at = task.status.timestamp.ToMilliseconds() if task.status.HasField("timestamp") else 0
    payload = StreamResponse(task=task).SerializeToString()
    facts = {"by": f"import of {task.id}"}
    records = [Record(1, 1, max(0, at) or now, Kind.TASK, payload, facts)]
    state = task.status.state
    if state in _UNSETTLED and not keep:
        state, at = TaskState.TASK_STATE_FAILED, max(at, now)
        say = core_message(task.id, task.context_id, 2, _LOST)
        failed = status_update(task.id, task.context_id, state, at, say)
        records.append(Record(2, 1, at, Kind.STATUS, failed))
    row = TaskRow(owner, tenant, task.context_id, int(state), at or records[0].at)
    return Append(task.id, 1, 0, tuple(records), Caller(owner, tenant), row=row)
