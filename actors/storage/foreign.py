"""ForeignJournal: a user's own a2a-sdk TaskStore behind the Journal port.

The store is the only truth: an append is acknowledged when a `save` of a Task that contains it has
returned, and every read asks the store. What the store cannot keep lives in memory, as long as the
process: the fold of each task at work (its queue and run) and its latest records. Of a task at rest
only its numbers remain, so that records and runs are not numbered anew.

A VersionedTaskStore is fenced by its own version; a plain store cannot fence off another process.

Neighbours: `taskstore.py` (what we ask of a store), `remembered.py` (the memory), `fencing.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from itertools import islice

from a2a.types import ListTasksRequest, StreamResponse, Task

from actors.runtime import NOBODY, Caller
from actors.runtime.journal.port import (
    Ack,
    Append,
    Copy,
    Head,
    Left,
    Listing,
    Place,
    Snapshot,
    Stored,
)
from actors.runtime.journal.projection import Keep, Projection, Query
from actors.runtime.journal.record import Record
from actors.storage.fencing import check, holds
from actors.storage.remembered import Memories, Memory, row_of
from actors.storage.taskstore import Conflict, TaskStore, VersionedTaskStore, store_port
from actors.task.fold import Fold
from actors.task.listing import TaskRow, task_row
from actors.task.record import Kind


class ForeignJournal:
    """A Journal over a TaskStore or VersionedTaskStore of a2a-sdk.

    `context_of` gives the ServerCallContext of the request behind a caller, or makes one up.
    """

    external = True

    def __init__(
        self, store: TaskStore | VersionedTaskStore, context_of: Callable[[Caller], object]
    ) -> None:
        self._store = store_port(store)
        self._context_of = context_of
        self._known = Memories()

    def __repr__(self) -> str:
        return f"<ForeignJournal {self._store!r} remembers={len(self._known)}>"

    def lane(self, task: str) -> str:
        """A lane for each task: a slow save holds up its own task only."""
        return task

    # -- writing

    def append(self, group: Sequence[Append]) -> Sequence[Ack] | Awaitable[Sequence[Ack]]:
        """Fold a group of one task's appends, and save the Task once if they change it.

        Raises:
            StorageRejected: the store raised. What it holds now is unknown: read the task again.
            ValueError: as `fencing.check`, or the group spans tasks.
            RuntimeError: the group before has not been answered yet.
        """
        if not group:
            return []
        _check_lane(group)
        task = group[0].log
        memory = self._known.get(task) or Memory(task, row_of(group[0]), fold=Fold())
        if memory.saving:
            raise RuntimeError(f"two groups of task {task!r} in flight: await the first, then send")
        acks, stored = _judge(group, memory)
        if not stored:
            return acks
        records = [record for append in stored for record in append.records]
        if memory.fold is None or _changes_task(memory.fold, records):
            return self._save(memory, acks, stored, records)
        for record in records:
            memory.fold.apply(record)
        memory.advance(memory.fold, stored[-1], records)
        self._known.keep(task, memory)
        return acks

    async def _save(
        self, memory: Memory, acks: list[Ack], stored: Sequence[Append], records: list[Record]
    ) -> Sequence[Ack]:
        last = stored[-1]
        memory.saving = True
        self._known.keep(last.log, memory)
        try:
            draft = await self._draft(memory, last, records)
        except BaseException as error:
            memory.discard(last)
            if not isinstance(error, Conflict):
                raise
            return [Ack.FENCED] * len(acks)
        else:
            memory.advance(draft, last, records)
            return acks
        finally:
            memory.saving = False
            self._known.keep(last.log, memory)

    async def _draft(self, memory: Memory, last: Append, records: list[Record]) -> Fold:
        """Save a fold with `records`. What is in memory stays as it is until the store agreed.

        Raises:
            Conflict: the stored Task is not the one that the records were decided on.
        """
        row = row_of(last)
        caller = last.caller if last.caller != NOBODY else Caller(row.owner, row.tenant)
        context = self._context_of(caller)
        base, version = memory.fold, memory.version
        if base is None:
            found = await self._store.get(last.log, context)
            if found is None or (version is not None and found.version != version):
                raise Conflict
            base, version = memory.fold_of(found.task), found.version
        draft = Fold.unpack(base.pack())
        for record in records:
            draft.apply(record)
        if draft.task is not None and _changes_task(base, records):
            saved = Task()
            saved.CopyFrom(draft.task)
            version = await self._store.save(saved, _events(records), base.task, version, context)
        memory.version = version
        return draft

    # -- reading

    async def read(self, task: str, caller: Caller | None = None) -> Stored | None:
        """The task as the store gives it to `caller`, with what memory adds; asks the store once.

        Raises:
            StorageRejected: the store raised.
        """
        known = self._known.get(task)
        before = max(1, known.head) if known else 1
        row = known.row if known else TaskRow("", "", "")
        asking = Caller(row.owner, row.tenant) if caller is None else caller
        found = await self._store.get(task, self._context_of(asking))
        memory = self._known.get(task)
        if found is None:
            return self._unsaved(task, memory, asking)
        if memory is not None and memory.knows_better(found.version):
            assert memory.fold is not None  # noqa: S101 - for the type checker
            return _for(asking, memory.stored(memory.fold))
        seen = memory or Memory(task, TaskRow(asking.owner, asking.tenant, ""), head=1)
        overtaken = seen.saving or seen.head != before
        if not overtaken:
            seen.adopt(found.version)
            self._known.keep(task, seen)
        fold = seen.fold_of(found.task)
        if overtaken:  # by a save of ours: as we knew it when we asked, or newer
            fold.version = before
        return _for(asking, seen.stored(fold))

    def _unsaved(self, task: str, memory: Memory | None, asking: Caller) -> Stored | None:
        """A task that its store does not know: not saved yet, or deleted there."""
        if memory is None or asking[:2] != (memory.row.owner, memory.row.tenant):
            return None
        if memory.fold is not None and memory.fold.task is None:
            return memory.stored(memory.fold)
        if not memory.busy:
            self._known.forget(task)
        return None

    def page(self, task: str, after: int, limit: int) -> tuple[Record, ...] | None:
        """Records after `after` as far as memory goes back; None beyond that."""
        memory = self._known.get(task)
        if memory is None:
            return None
        if after >= memory.head:
            return ()
        if not memory.recent or after + 1 < memory.recent[0].seq:
            return None
        skip = after + 1 - memory.recent[0].seq
        return tuple(islice(memory.recent, skip, skip + limit))

    async def list(self, query: Query) -> Listing:
        """One page from the store. Its own page token is the second half of the cursor.

        Raises:
            StorageRejected: the store raised.
        """
        answer = await self._store.list(_request(query), self._context_of(query.caller))
        asking = Caller(query.owner, query.tenant)
        tasks = []
        for task in answer.tasks:
            row = TaskRow(query.owner, query.tenant, task.context_id)
            memory = self._known.get(task.id) or Memory(task.id, row, head=1)
            tasks.append(_for(asking, memory.stored(memory.fold_of(task))))
        following = (0, answer.next_page_token) if answer.next_page_token else None
        return Listing(tuple(tasks), answer.total_size, following)

    def save_snapshot(self, task: str, snapshot: Snapshot) -> None:
        """Nothing to do: the store holds the Task itself."""

    def find(self, key: str) -> None:
        """None: a store keeps no keys."""

    # -- upkeep: a store's tasks are its owner's to look after

    def head(self, log: str) -> Head | None:
        """Where the log of a task ends, as far as memory goes."""
        memory = self._known.get(log)
        return None if memory is None else Head(log, memory.head, memory.epoch, memory.active)

    def heads(self, after: str = "", limit: int = 256, *, active: bool = False) -> Sequence[Head]:
        """None: a store does not say which tasks were at work."""
        return []

    def consumed(self, consumer: str, place: Place) -> None:
        """Nothing to do: nobody goes on where a process has ended."""

    def unconsumed(
        self, family: str, after: tuple[str, str] = ("", ""), limit: int = 256
    ) -> Sequence[Left]:
        """None, as nothing is remembered of what was consumed."""
        return []

    def place(self, consumer: str, log: str) -> Place | None:
        """None, as nothing is remembered of what was consumed."""
        return None

    def surplus(self, keep: Keep, limit: int = 256) -> Sequence[Head]:
        """None."""
        return []

    def compact(self, log: str, upto: int) -> bool:
        """Nothing to let go of."""
        return False

    def remove(self, head: Head) -> bool:
        """Nothing: the store is its owner's."""
        return False

    def restore(self, copy: Copy) -> bool:
        """Nothing: a Task goes into a store by way of that store."""
        return False

    def open(self, *projections: Projection) -> None:
        """Nothing to get ready; the store is its owner's."""

    def close(self) -> None:
        """Nothing to let go of; the store is its owner's."""


def _check_lane(group: Sequence[Append]) -> None:
    task = group[0].log
    for append in group:
        check(append)
        if append.log != task:
            raise ValueError(
                f"one group for tasks {task!r} and {append.log!r}: these are two lanes"
            )


def _judge(group: Sequence[Append], memory: Memory) -> tuple[list[Ack], list[Append]]:
    """The verdict on each append, and those that hold, each upon the one before."""
    head, epoch = memory.head, memory.epoch
    acks, stored = [], []
    for append in group:
        held = holds(append, head, epoch)
        acks.append(Ack.STORED if held else Ack.FENCED)
        if held:
            stored.append(append)
            head, epoch = append.seq, append.epoch
    return acks, stored


def _changes_task(base: Fold, records: Sequence[Record]) -> bool:
    """Whether the store must hear of `records`: a public one, or a message entering the history."""
    return any(
        (record.public and record.kind != Kind.REPLY)
        or (record.kind == Kind.STARTED and base.task is not None and record.number("message"))
        for record in records
    )


def _events(records: Sequence[Record]) -> list[StreamResponse]:
    return [StreamResponse.FromString(r.payload) for r in records if r.public]


def _for(caller: Caller, stored: Stored) -> Stored:
    """As seen by `caller`: whom a store shows a task is its own affair."""
    row = task_row(stored)._replace(owner=caller.owner, tenant=caller.tenant)
    return stored._replace(row=row)


def _request(query: Query) -> ListTasksRequest:
    if query.request:
        return ListTasksRequest.FromString(query.request)
    request = ListTasksRequest(
        tenant=query.tenant,
        context_id=str(query.where.get("context", "")),
        page_size=query.size,
        page_token=query.after[1] if query.after else "",
        include_artifacts=True,
    )
    if query.where.get("state"):
        request.status = query.where["state"]  # type: ignore[assignment] # a TaskState's number
    if query.since is not None:
        request.status_timestamp_after.FromMilliseconds(query.since)
    return request
