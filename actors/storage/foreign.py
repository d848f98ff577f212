"""ForeignJournal: a user's own a2a-sdk TaskStore behind the Journal port.

The store is the only truth: an append is acknowledged when a `save` of a Task that contains it has
returned, and every read asks the store. What the store cannot keep lives in memory, as long as the
process: the fold of each task at work (its queue and run) and its latest records. Of a task at rest
only its numbers remain, so that records and runs are not numbered anew, of an older one nothing.

A `VersionedTaskStore` is fenced by its own version; a plain store cannot fence off another process.

Neighbours: `taskstore.py` (what we ask of a store), `fencing.py`, `actors/task/fold.py`.
"""

from __future__ import annotations

import logging
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from a2a.types import ListTasksRequest, StreamResponse, Task

from actors.runtime import NOBODY, Caller
from actors.storage.fencing import check, holds
from actors.storage.taskstore import Conflict, TaskStore, VersionedTaskStore, store_port
from actors.task.fold import Fold
from actors.task.ports import Ack, Append, Listing, Query, Row, Snapshot, Stored
from actors.task.record import Kind, Record

RECENT: Final = 256
"""Records kept for readers of one task."""
_REMEMBERED: Final = 10_000
"""Tasks at rest whose numbers are remembered."""

_LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class _Memory:
    """What the process knows of one task beyond its store."""

    owner: str
    tenant: str
    head: int = 0
    epoch: int = 1
    run: int = 0
    fold: Fold | None = None
    """State at `head`; None when the store's Task says it all."""
    version: object = None
    """Of the store's Task that `head` stands for, where the store has versions."""
    recent: deque[Record] = field(default_factory=lambda: deque(maxlen=RECENT))
    busy: bool = False
    """A run or its queue needs this memory."""
    saving: bool = False


class ForeignJournal:
    """A Journal over a TaskStore or VersionedTaskStore of a2a-sdk.

    `context_of` gives the ServerCallContext of the request behind a caller, or makes one up.
    """

    def __init__(
        self, store: TaskStore | VersionedTaskStore, context_of: Callable[[Caller], object]
    ) -> None:
        self._store = store_port(store)
        self._context_of = context_of
        self._known: OrderedDict[str, _Memory] = OrderedDict()
        _LOG.info(
            "%s keeps the tasks; its interface has no room for queues, deliveries or recovery, "
            "which live in memory: use SqliteJournal to keep them",
            type(store).__name__,
        )

    def __repr__(self) -> str:
        return f"<ForeignJournal {self._store!r} remembered={len(self._known)}>"

    def lane(self, task: str) -> str:
        """A lane for each task: a slow save holds up its own task only."""
        return task

    # -- writing

    def append(self, group: Sequence[Append]) -> Sequence[Ack] | Awaitable[Sequence[Ack]]:
        """Fold a group of one task's appends, and save the Task once if they change it.

        Raises:
            StorageRejected: the store raised; the memory of the task is dropped, read it again.
            ValueError: as `fencing.check`, or the group spans tasks.
            RuntimeError: the group before has not been answered yet.
        """
        if not group:
            return []
        task = group[0].task
        for append in group:
            check(append)
            if append.task != task:
                raise ValueError(f"appends of {task!r} and {append.task!r} in one group: two lanes")
        memory = self._known.get(task)
        if memory is None:
            memory = _Memory(group[0].row.owner, group[0].row.tenant, fold=Fold())
        if memory.saving:
            raise RuntimeError(f"two groups of task {task!r} in flight at once")
        acks, stored = _judge(group, memory)
        if not stored:
            return acks
        records = [record for append in stored for record in append.records]
        if memory.fold is not None and not _changes_task(memory.fold, records):
            for record in records:
                memory.fold.apply(record)
            self._advance(memory, memory.fold, stored)
            return acks
        return self._save(memory, acks, stored)

    async def _save(
        self, memory: _Memory, acks: list[Ack], stored: Sequence[Append]
    ) -> Sequence[Ack]:
        memory.saving = True
        self._known[stored[-1].task] = memory
        try:
            draft = await self._draft(memory, stored)
            if draft is None:
                raise Conflict
        except Conflict:
            self._discard(memory, stored)
            return [Ack.FENCED] * len(acks)
        except BaseException:
            self._discard(memory, stored)
            raise
        finally:
            memory.saving = False
        self._advance(memory, draft, stored)
        return acks

    async def _draft(self, memory: _Memory, stored: Sequence[Append]) -> Fold | None:
        """Save a fold with what is stored; None if the Task is not the one that was known.

        The fold in memory stays as it is until the store has agreed.
        """
        last = stored[-1]
        context = self._context_of(last.caller)
        records = [record for append in stored for record in append.records]
        if memory.fold is not None:
            base, version = memory.fold, memory.version
        else:
            found = await self._store.get(last.task, context)
            if found is None or (memory.version is not None and found.version != memory.version):
                return None
            base, version = _fold_of(found.task, memory), found.version
        draft = Fold.unpack(base.pack())
        for record in records:
            draft.apply(record)
        if draft.task is not None and _changes_task(base, records):
            saved = Task()
            saved.CopyFrom(draft.task)
            version = await self._store.save(saved, _events(records), base.task, version, context)
        memory.version = version
        return draft

    def _advance(self, memory: _Memory, fold: Fold, stored: Sequence[Append]) -> None:
        """The store has it all: from here on it is true."""
        row = stored[-1].row
        memory.head, memory.epoch, memory.run = fold.version, fold.epoch, fold.run
        memory.owner, memory.tenant = row.owner, row.tenant
        memory.busy = row.active and not fold.final
        at_rest = fold.final or (fold.task is not None and not row.active)
        memory.fold = None if at_rest else fold
        for append in stored:
            memory.recent.extend(append.records)
        if fold.final:
            memory.recent.clear()
        self._keep(row.task, memory)

    def _discard(self, memory: _Memory, refused: Sequence[Append]) -> None:
        """What the store holds now is unknown: only it can say, under a number not used yet."""
        memory.head = refused[-1].records[-1].seq
        memory.epoch = refused[-1].epoch
        memory.fold, memory.version, memory.busy = None, None, False
        memory.recent.clear()

    def _keep(self, task: str, memory: _Memory) -> None:
        self._known[task] = memory
        self._known.move_to_end(task)
        if len(self._known) <= _REMEMBERED:
            return
        oldest = next((name for name, each in self._known.items() if not each.busy), None)
        if oldest is not None:
            del self._known[oldest]

    # -- reading

    async def read(self, task: str, caller: Caller | None = None) -> Stored | None:
        """The task as the store gives it to `caller`, with what memory adds; asks the store once.

        Raises:
            StorageRejected: the store raised.
        """
        known = self._known.get(task)
        asking = caller or (Caller(known.owner, known.tenant) if known else NOBODY)
        found = await self._store.get(task, self._context_of(asking))
        memory = self._known.get(task)
        mine = memory is not None and asking[:2] == (memory.owner, memory.tenant)
        if found is None:
            return self._unsaved(task, memory) if memory and mine else None
        if memory is None:
            memory = _Memory(asking.owner, asking.tenant, head=1)
        if memory.fold is not None and not _is_after(found.version, memory):
            return _stored(memory.fold, task, asking, memory.busy)
        if not memory.saving:
            self._adopt(task, memory, found.version)
        return _stored(_fold_of(found.task, memory), task, asking, busy=False)

    def _unsaved(self, task: str, memory: _Memory) -> Stored | None:
        """A task that its store does not know: not saved yet, or deleted there."""
        fold = memory.fold
        if fold is not None and fold.task is None:
            return _stored(fold, task, Caller(memory.owner, memory.tenant), memory.busy)
        if not memory.saving and not memory.busy:
            del self._known[task]
        return None

    def _adopt(self, task: str, memory: _Memory, version: object) -> None:
        """What was just read becomes what the next append must build on."""
        if memory.version is not None and version != memory.version:
            memory.head += 1  # somebody else wrote: no append that was decided before may hold
            memory.recent.clear()
        memory.fold, memory.version, memory.busy = None, version, False
        self._keep(task, memory)

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
        """One page from the store. Its own page token is the second half of the cursor."""
        request = ListTasksRequest(
            tenant=query.tenant,
            context_id=query.context,
            status=query.state,  # type: ignore[arg-type] # the number of a TaskState
            page_size=query.size,
            page_token=query.after[1] if query.after else "",
            include_artifacts=True,
        )
        if query.status_from is not None:
            request.status_timestamp_after.FromMilliseconds(query.status_from)
        answer = await self._store.list(request, self._context_of(query.caller))
        asking = Caller(query.owner, query.tenant)
        tasks = []
        for task in answer.tasks:
            memory = self._known.get(task.id) or _Memory(query.owner, query.tenant, head=1)
            tasks.append(_stored(_fold_of(task, memory), task.id, asking, memory.busy))
        following = (0, answer.next_page_token) if answer.next_page_token else None
        return Listing(tuple(tasks), answer.total_size, following)

    def active(self) -> Sequence[str]:
        """None: a store does not say which tasks were at work."""
        return []

    def save_snapshot(self, task: str, snapshot: Snapshot) -> None:
        """Nothing to do: the store holds the Task itself."""

    def open(self) -> None:
        """Nothing to get ready; the store is its owner's."""

    def close(self) -> None:
        """Nothing to let go of; the store is its owner's."""


def _judge(group: Sequence[Append], memory: _Memory) -> tuple[list[Ack], list[Append]]:
    """The verdict on each append, and those that hold, as if each followed the one before."""
    head, epoch = memory.head, memory.epoch
    acks, stored = [], []
    for append in group:
        held = holds(append, head, epoch)
        acks.append(Ack.STORED if held else Ack.FENCED)
        if held:
            stored.append(append)
            head, epoch = append.row.head, append.epoch
    return acks, stored


def _changes_task(base: Fold, records: Sequence[Record]) -> bool:
    """Whether the store must hear of `records`: a public one, or a message entering the history."""
    return any(
        (record.kind.public and record.kind is not Kind.REPLY)
        or (record.kind is Kind.STARTED and base.task is not None and record.number("message"))
        for record in records
    )


def _events(records: Sequence[Record]) -> list[StreamResponse]:
    return [StreamResponse.FromString(r.payload) for r in records if r.kind.public]


def _is_after(version: object, memory: _Memory) -> bool:
    """Whether the store's version is news to us, which it may also be while we are saving."""
    return memory.version is not None and not memory.saving and version != memory.version


def _fold_of(task: Task, memory: _Memory) -> Fold:
    """The fold that a store's Task amounts to: one TASK record, numbered as memory has it."""
    fold = Fold()
    payload = StreamResponse(task=task).SerializeToString()
    fold.apply(Record(1, memory.epoch, 0, Kind.TASK, payload))
    fold.version, fold.run = max(1, memory.head), memory.run
    return fold


def _stored(fold: Fold, task: str, caller: Caller, busy: bool) -> Stored:
    context = fold.task.context_id if fold.task is not None else ""
    row = Row(
        task,
        caller.owner,
        caller.tenant,
        context,
        fold.state,
        fold.status_at,
        busy,
        fold.version,
        fold.epoch,
    )
    return Stored(row, Snapshot(fold.version, fold.pack()), ())
