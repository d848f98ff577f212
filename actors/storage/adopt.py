"""Adopt: a Task that some other store kept becomes a log of its own.

Its webhooks come after the Task, so they hear of what follows and of nothing again: of the failure
of a task whose process is gone, once a server runs, and of whatever becomes of the others.

Neighbours: `cli/sdk_rows.py`, `cli/sdk_hooks.py` (read a2a-sdk's own tables), `history.py`.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from a2a.types import StreamResponse, Task, TaskPushNotificationConfig, TaskState

from actors.runtime import Caller
from actors.runtime.journal.port import Ack, Append, Journal, settled
from actors.runtime.journal.record import Record
from actors.task.events import core_message, status_update
from actors.task.listing import TASKS, TaskRow
from actors.task.orders import consumer
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
    """A Task, whose it is, and its webhooks."""

    task: Task
    owner: str
    hooks: tuple[TaskPushNotificationConfig, ...] = ()
    """Each with an id of its own; who reads them has seen that they are acceptable."""


@dataclass(slots=True)
class Adopted:
    """What became of the tasks."""

    imported: int = 0
    failed: int = 0
    """Of those: settled as FAILED, as their process is gone."""
    webhooks: int = 0
    """Of the tasks imported."""
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
            done.failed += append.records[-1].kind == Kind.STATUS
            done.webhooks += sum(record.kind == Kind.HOOK_SET for record in append.records)
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
    task, owner, hooks = owned
    at = task.status.timestamp.ToMilliseconds() if task.status.HasField("timestamp") else 0
    first = max(0, at) or now
    payload = StreamResponse(task=task).SerializeToString()
    records = [Record(1, 1, first, Kind.TASK, payload, {"by": f"import of {task.id}"})]
    for seq, hook in enumerate(hooks, 2):
        records.append(Record(seq, 1, first, Kind.HOOK_SET, hook.SerializeToString()))
    state, consumers = task.status.state, tuple[str, ...]()
    if state in _UNSETTLED and not keep:
        state, at, seq = TaskState.TASK_STATE_FAILED, max(at, now), len(records) + 1
        say = core_message(task.id, task.context_id, seq, _LOST)
        failed = status_update(task.id, task.context_id, state, at, say)
        records.append(Record(seq, 1, at, Kind.STATUS, failed))
        consumers = tuple(consumer(hook.id) for hook in hooks)
    row = TaskRow(owner, tenant, task.context_id, int(state), at or first)
    caller = Caller(owner, tenant)
    return Append(task.id, 1, 0, tuple(records), caller, row=row, consumers=consumers)
