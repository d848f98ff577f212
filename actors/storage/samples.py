"""Appends for tests of journals, and two small helpers that such tests need.

Neighbours: `conformance.py` (the tests that we ship).
"""

from __future__ import annotations

from collections.abc import Sequence
from inspect import isawaitable
from typing import Any, TypeVar

from actors.runtime import Caller
from actors.task.ports import Ack, Append, Journal, MaybeAwaitable, Query, Row, Stored
from actors.task.record import Fact, Kind, Record

T = TypeVar("T")

OWNER, TENANT, CONTEXT = "ann", "acme", "context-1"


async def settled(answer: MaybeAwaitable[T]) -> T:
    """What a port answers, now or later."""
    return await answer if isawaitable(answer) else answer


def same(found: object, expected: object, where: object = "") -> None:
    """Assert equality, with a message also where pytest rewrites no asserts (in a package)."""
    if found != expected:
        raise AssertionError(f"found {found!r}, expected {expected!r} {where}")


async def verdicts(journal: Journal, *group: Append) -> list[Ack]:
    """Append a group; what became of each."""
    return list(await settled(journal.append(group)))


async def known(journal: Journal, task: str) -> Stored:
    """Read a task that must be there."""
    stored = await settled(journal.read(task))
    if stored is None:
        raise AssertionError(f"task {task!r} was stored and cannot be read")
    return stored


def record(seq: int, epoch: int = 1, kind: Kind = Kind.ARTIFACT) -> Record:
    """A record that differs from its neighbours in every field it can."""
    facts: dict[str, Fact] = {"run": seq, "outcome": f"é{seq}", "extensions": ["a", str(seq)]}
    payload = bytes([seq % 256]) * (seq % 7)
    return Record(seq, epoch, 1_700_000_000_000 + seq, kind, payload, facts if seq % 2 else {})


def appending(task: str, expected: int, count: int = 1, epoch: int = 1, **row: Any) -> Append:
    """An append of `count` records after `expected`; `row` says what differs from the usual row."""
    records = tuple(record(seq, epoch) for seq in range(expected + 1, expected + count + 1))
    return append_of(task, expected, records, epoch, **row)


def claiming(task: str, expected: int, epoch: int) -> Append:
    """An append that claims `epoch`."""
    claim = (record(expected + 1, epoch, Kind.EPOCH_CLAIMED), record(expected + 2, epoch))
    return append_of(task, expected, claim, epoch)


def append_of(
    task: str, expected: int, records: Sequence[Record], epoch: int = 1, **row: Any
) -> Append:
    """An append of `records`."""
    usual = Row(task, OWNER, TENANT, CONTEXT, 2, 1_000, head=records[-1].seq, epoch=epoch)
    full = usual._replace(**row)
    return Append(task, epoch, expected, tuple(records), full, Caller(full.owner, full.tenant))


async def filled(journal: Journal) -> None:
    """Six tasks of OWNER from a (oldest) to f, and some that it must not see."""
    for number, task in enumerate("abcdef"):
        status_at, state = 1_000 + number // 2 * 1_000, 6 if number > 3 else 2
        context = CONTEXT if number % 2 else "other"
        older = appending(task, 0, status_at=5, state=1)
        newer = appending(task, 1, context=context, state=state, status_at=status_at)
        await settled(journal.append([older, newer]))
    await settled(journal.append([appending("of bob", 0, owner="bob", status_at=1)]))
    await settled(journal.append([appending("elsewhere", 0, tenant="other", status_at=1)]))
    await settled(journal.append([appending("unseen", 0, state=0, status_at=7_000)]))


async def walk(journal: Journal, query: Query) -> tuple[list[str], list[int]]:
    """Ids from all pages, and each page's total."""
    names: list[str] = []
    totals = []
    while True:
        page = await settled(journal.list(query))
        names += [each.row.task for each in page.tasks]
        totals.append(page.total)
        if page.next is None:
            return names, totals
        fields = {name: getattr(query, name) for name in query.__slots__} | {"after": page.next}
        query = Query(**fields)
