"""Appends for tests of journals, two projections for their rows, and a few small helpers.

Nothing here knows what logs are about. The two projections differ in the order of their columns,
and in names that a database might take for its own.

Neighbours: `conformance` (the tests that we ship).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple, TypeVar

from actors.runtime import Caller
from actors.runtime.journal.port import Ack, Append, Journal, Stored, settled
from actors.runtime.journal.projection import Projection, Query, Row, Value
from actors.runtime.journal.record import CLAIM, Fact, Record

T = TypeVar("T")

OWNER, TENANT, CONTEXT = "ann", "acme", "context-1"
CALLER: Final = Caller(OWNER, TENANT)

PUBLIC, INNER = 3, 16
"""A kind that whoever may read a log sees, and one for its actor alone."""


class Item(NamedTuple):
    """The usual row beside a sample log."""

    owner: str
    tenant: str
    context: str
    state: int = 0
    status_at: int = 0


class Visit(NamedTuple):
    """A row of the other projection."""

    level: int
    log: str
    order: int
    tenant: str
    seen: int
    owner: str
    head: str = ""


ITEMS: Final = Projection("items", Item, newest="status_at", listed="state")
VISITS: Final = Projection("select", Visit, newest="seen", listed="level")


def same(found: object, expected: object, where: object = "") -> None:
    """Assert equality, with a message also where pytest rewrites no asserts (in a package)."""
    if found != expected:
        raise AssertionError(f"found {found!r}, expected {expected!r} {where}")


async def verdicts(journal: Journal, *group: Append) -> list[Ack]:
    """Append a group; what became of each."""
    return list(await settled(journal.append(group)))


async def store(journal: Journal, *group: Append) -> None:
    """Append a group, all of which must be stored."""
    same(await verdicts(journal, *group), [Ack.STORED] * len(group), [each.log for each in group])


async def known(journal: Journal, log: str) -> Stored:
    """Read a log that must be there."""
    stored = await settled(journal.read(log))
    if stored is None:
        raise AssertionError(f"log {log!r} was stored and cannot be read")
    return stored


def seqs(records: Sequence[Record] | None) -> list[int] | None:
    """Which records these are."""
    return None if records is None else [each.seq for each in records]


def record(seq: int, epoch: int = 1, kind: int = PUBLIC) -> Record:
    """A record that differs from its neighbours in every field it can."""
    facts: dict[str, Fact] = {"run": seq, "outcome": f"é{seq}", "extensions": ["a", str(seq)]}
    payload = bytes([seq % 256]) * (seq % 7)
    return Record(seq, epoch, 1_700_000_000_000 + seq, kind, payload, facts if seq % 2 else {})


def records(after: int, count: int, epoch: int = 1) -> tuple[Record, ...]:
    """The `count` records after `after`."""
    return tuple(record(seq, epoch) for seq in range(after + 1, after + count + 1))


def appending(log: str, expected: int, count: int = 1, epoch: int = 1, **more: Any) -> Append:
    """An append of `count` records after `expected`; `more` is as in `append_of`."""
    return append_of(log, expected, records(expected, count, epoch), epoch, **more)


def claiming(log: str, expected: int, epoch: int, **more: Any) -> Append:
    """An append that claims `epoch`."""
    claim = (record(expected + 1, epoch, CLAIM), record(expected + 2, epoch))
    return append_of(log, expected, claim, epoch, **more)


def bare(log: str, expected: int, count: int = 1, **more: Any) -> Append:
    """An append without a row."""
    return appending(log, expected, count)._replace(row=None, **more)


def visiting(log: str, expected: int, level: int, seen: int, **columns: Any) -> Append:
    """An append with a row of the other projection."""
    row = Visit(level, "a log", 7, TENANT, seen, OWNER)._replace(**columns)
    return appending(log, expected)._replace(row=row)


def append_of(
    log: str, expected: int, given: Sequence[Record], epoch: int = 1, **more: Any
) -> Append:
    """An append of `given`; `more` is what differs from the usual append and its usual row."""
    fields = {name: more.pop(name) for name in ("active", "keys", "consumers") if name in more}
    row = Item(OWNER, TENANT, CONTEXT, 2, 1_000)._replace(**more)
    caller = Caller(row.owner, row.tenant)
    return Append(log, epoch, expected, tuple(given), caller, row=row, **fields)


def query(projection: Projection = ITEMS, size: int = 50, **more: Any) -> Query:
    """What OWNER may list; `more` is columns, or `since` and `after`."""
    rest = {name: more.pop(name) for name in ("since", "after") if name in more}
    where: dict[str, Value] = more
    return Query(projection=projection, owner=OWNER, tenant=TENANT, size=size, where=where, **rest)


async def filled(journal: Journal) -> None:
    """Six logs of OWNER from a (oldest) to f, and some that it must not see."""
    for number, log in enumerate("abcdef"):
        status_at, state = 1_000 + number // 2 * 1_000, 6 if number > 3 else 2
        context = CONTEXT if number % 2 else "other"
        older = appending(log, 0, status_at=5, state=1)
        newer = appending(log, 1, context=context, state=state, status_at=status_at)
        await store(journal, older, newer)
    await store(journal, appending("of bob", 0, owner="bob", status_at=1))
    await store(journal, appending("elsewhere", 0, tenant="other", status_at=1))
    await store(journal, appending("unseen", 0, state=0, status_at=7_000))
    await store(journal, bare("without a row", 0))
    await store(journal, visiting("of another kind", 0, level=2, seen=9_000))


async def walk(journal: Journal, asked: Query) -> tuple[list[str], list[int]]:
    """Names from all pages, and each page's total."""
    names: list[str] = []
    totals = []
    while True:
        page = await settled(journal.list(asked))
        names += [each.head.log for each in page.logs]
        totals.append(page.total)
        if page.next is None:
            return names, totals
        asked = replace(asked, after=page.next)


def row_of(stored: Stored | None) -> Row | None:
    """The row of a log that was read."""
    return None if stored is None else stored.row
