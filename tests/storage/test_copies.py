"""Random journals go through a file into another one, and are the same there, byte for byte."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Final

import pytest

from actors.runtime.journal.port import Append, Head, Journal, Place, Snapshot, settled
from actors.storage import MemoryJournal, SqliteJournal
from actors.storage.check_sqlite import check_file
from actors.storage.choose import source_at
from actors.storage.export import export
from actors.storage.findings import Tally
from actors.storage.imports import import_lines
from actors.storage.postgres import PostgresJournal
from actors.storage.postgres_source import postgres_source
from actors.storage.samples import ITEMS, VISITS, appending, bare, claiming, verdicts, visiting
from actors.storage.source import MemorySource
from tests.postgres import dsn, own_server, schema

__all__ = ["dsn", "own_server", "schema"]

BARE: Final = "without a row"
LOGS: Final = ("a", "é☠", BARE)
CONSUMERS: Final = ("outbox", "audit")
STEPS: Final = 120


async def lived(journal: Journal, seed: int) -> list[str]:
    """Let a lot happen in a new journal; what an export of it is in the end."""
    rng = random.Random(seed)
    await settled(journal.open(ITEMS, VISITS))
    for step in range(STEPS):
        log = rng.choice(LOGS)
        head = await settled(journal.head(log)) or Head(log)
        place = Place(log, rng.choice((head.seq, rng.randint(head.floor, head.seq))))
        chosen = rng.random()
        if chosen < 0.4:
            await verdicts(journal, _append(rng, head, step))
        elif chosen < 0.6:
            await settled(journal.save_snapshot(log, Snapshot(place.seq, b"%d" % step)))
        elif chosen < 0.75:
            await settled(journal.compact(log, place.seq))
        elif chosen < 0.98:
            await settled(journal.consumed(rng.choice(CONSUMERS), place))
        else:
            await settled(journal.remove(head))
    await settled(journal.close())
    return await told(journal)


def _append(rng: random.Random, head: Head, step: int) -> Append:
    log, seq, epoch, _, _ = head
    made = rng.choice(
        (
            appending(log, seq, rng.choice((1, 2, 70)), epoch, status_at=step),
            claiming(log, seq, epoch + 1),
            bare(log, seq),
            visiting(log, seq, 2, step),
        )
    )
    made = made._replace(epoch=made.records[0].epoch, row=None if log == BARE else made.row)
    keys = (f"key {step}", f"kéy {step}")[: rng.randint(0, 2)]
    consumers = tuple(each for each in CONSUMERS if rng.random() < 0.1)
    return made._replace(active=rng.random() < 0.5, keys=keys, consumers=consumers)


async def told(journal: Journal) -> list[str]:
    """The export of a journal that is closed."""
    if isinstance(journal, MemoryJournal):
        return [line async for line in export(MemorySource(journal))]
    if isinstance(journal, SqliteJournal):
        async with source_at(journal.path) as source:
            return [line async for line in export(source)]
    assert isinstance(journal, PostgresJournal)
    address, layout = journal._address, journal._layout
    async with postgres_source(address.dsn, layout.name) as source:
        return [line async for line in export(source)]


async def travels(lines: list[str], *journals: Journal) -> None:
    """See that what is exported goes through all of these, one after the other."""
    for journal in journals:
        await import_lines(lambda: lines, journal, (ITEMS, VISITS))
        assert await told(journal) == lines


@pytest.mark.parametrize("seed", range(12))
async def test_through_memory_and_files(seed: int, tmp_path: Path) -> None:
    power = SqliteJournal(tmp_path / "power.db", "power")
    journals = [SqliteJournal(tmp_path / f"{name}.db") for name in ("one", "two")]
    lines = await lived(journals[0], seed)
    await travels(lines, journals[1], *([power] if seed == 0 else []))
    await travels(lines, MemoryJournal())
    assert [each async for each in check_file(journals[1].path, Tally())] == []
    assert await lived(MemoryJournal(), seed) == lines


@pytest.mark.parametrize("seed", range(3))
async def test_through_postgres(seed: int, dsn: str, schema: str, tmp_path: Path) -> None:
    here, there = (PostgresJournal(dsn, schema=f"{schema}{name}") for name in ("", "_two"))
    lines = await lived(here, seed)
    await travels(lines, SqliteJournal(tmp_path / "x.db"), there, MemoryJournal())


async def test_the_histories_have_everything_in_them() -> None:
    """Else they show nothing: floors below snapshots, keys below floors, consumers on the way."""
    found: set[str] = set()
    for seed in range(12):
        journal = MemoryJournal()
        await lived(journal, seed)
        source = MemorySource(journal)
        for head in journal.heads():
            kept = await source.kept(head.log)
            assert kept is not None
            snapshot = kept.snapshot.seq if kept.snapshot else 0
            found |= {
                "newer snapshot" if 0 < head.floor < snapshot else "",
                "key below" if any(seq <= head.floor for seq in kept.keys.values()) else "",
                "consumer before the snapshot"
                if any(seq < snapshot for seq in kept.consumers.values())
                else "",
                "long" if head.seq - head.floor > 128 else "",
                "nothing but a snapshot" if head.floor == head.seq else "",
                "epochs" if head.epoch > 2 else "",
                "no row" if kept.row is None else "",
            }
    assert len(found) == 8
