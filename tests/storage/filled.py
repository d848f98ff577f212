"""Journals with something of everything in them, for tests of copies and checks.

Tasks as a server writes them, logs of the samples with several epochs, keys, consumers, a compacted
log and one that has nothing but its snapshot. Deterministic by seed.
"""

from __future__ import annotations

import random

from a2a.types import Message, Part, Role, SendMessageRequest, TaskState

from actors.runtime import Caller
from actors.runtime.journal.port import Append, Journal, Place, Snapshot, settled
from actors.runtime.journal.record import Fact, Record
from actors.storage.samples import ITEMS, VISITS, appending, bare, claiming, store, visiting
from actors.task.events import core_message, new_task, status_update
from actors.task.fold import Fold, fold
from actors.task.listing import TASKS, TaskRow
from actors.task.record import Failure, Kind

AT = 1_700_000_000_000


def request(task: str, number: int, text: str) -> bytes:
    message = Message(
        message_id=f"{task}-m{number}", role=Role.ROLE_USER, task_id=task, parts=[Part(text=text)]
    )
    return SendMessageRequest(message=message).SerializeToString()


def task_records(task: str, questions: int, *, end: bool = True) -> tuple[Record, ...]:
    """What a task records that is asked some questions; each but the last wants an answer."""
    records: list[Record] = []

    def add(kind: Kind, payload: bytes = b"", **facts: Fact) -> int:
        seq = len(records) + 1
        records.append(Record(seq, 1, AT + seq, kind, payload, facts))
        return seq

    for number in range(1, questions + 1):
        accepted = add(Kind.ACCEPTED, request(task, number, f"q{number}"), extensions=[], by="x")
        add(Kind.STARTED, run=number, message=accepted)
        if number == 1:
            first = request(task, 1, "q1")
            state = TaskState.TASK_STATE_WORKING
            add(Kind.TASK, new_task(task, "context-1", state, AT + 3, first, None))
        last = number == questions
        if last and not end:
            continue
        state = TaskState.TASK_STATE_FAILED if last else TaskState.TASK_STATE_INPUT_REQUIRED
        say = core_message(task, "context-1", len(records) + 1, f"said {number} " * 5)
        if last:
            why = Failure("InternalError", "broken").pack()
            add(Kind.ENDED, why, run=number, message=accepted, outcome="raised", final=1)
        add(Kind.STATUS, status_update(task, "context-1", state, AT + len(records) + 1, say))
        if not last:
            add(Kind.ENDED, run=number, message=accepted, outcome="returned", final=0)
    return tuple(records)


def task_append(task: str, questions: int, *, end: bool = True, owner: str = "ann") -> Append:
    records = task_records(task, questions, end=end)
    known = fold(records)
    row = TaskRow(owner, "acme", "context-1", known.state, known.status_at)
    active = known.active and not known.final
    return Append(task, 1, 0, records, Caller(owner, "acme"), active=active, row=row)


async def fill(journal: Journal, seed: int = 0, tasks: int = 4) -> None:
    """Open a new journal, fill it, and close it."""
    rng = random.Random(seed)
    await settled(journal.open(TASKS, ITEMS, VISITS))
    for number in range(tasks):
        questions = rng.randint(1, 4)
        await store(journal, task_append(f"task-{number}", questions, end=number != 1))
    await store(journal, task_append("task-long", 40, owner="bob"))
    long = await settled(journal.page("task-long", 0, 70)) or ()
    await settled(journal.save_snapshot("task-long", Snapshot(70, fold(long).pack())))
    await _compacted(journal)
    await store(journal, appending("of epochs", 0, 70, keys=("key-1", "kéy-2")))
    await store(journal, claiming("of epochs", 70, 3, active=True))
    await store(
        journal, appending("of epochs", 72, 2, 3, keys=("key-3",), consumers=("outbox", "audit"))
    )
    await store(journal, appending("of epochs", 74, 1, 3))
    await settled(journal.consumed("audit", Place("of epochs", 74)))
    await store(journal, bare("ü without a row", 0, 3))
    await store(journal, visiting("of another kind", 0, level=2, seen=9_000))
    await settled(journal.close())


async def _compacted(journal: Journal) -> None:
    await store(journal, task_append("task-small", 12))
    kept = await settled(journal.page("task-small", 0, 20)) or ()
    await settled(journal.save_snapshot("task-small", Snapshot(20, packed(kept))))
    assert await settled(journal.compact("task-small", 20))
    await store(journal, task_append("task-none", 2))
    every = await settled(journal.page("task-none", 0, 99)) or ()
    await settled(journal.save_snapshot("task-none", Snapshot(len(every), packed(every))))
    assert await settled(journal.compact("task-none", len(every)))


def packed(records: tuple[Record, ...]) -> bytes:
    known: Fold = fold(records)
    return known.pack()
