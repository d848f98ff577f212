"""Tests: pages, snapshots, and who reads what.

Neighbours: `suite.py`, `upkeep.py` (reads of what was compacted).
"""

from __future__ import annotations

from actors.runtime import Caller
from actors.runtime.journal.port import Journal, Snapshot, settled
from actors.runtime.journal.record import Record
from actors.storage.conformance.suite import Suite, in_a_loop
from actors.storage.samples import (
    CALLER,
    OWNER,
    TENANT,
    appending,
    bare,
    known,
    records,
    same,
    seqs,
    store,
    visiting,
)


class Reading(Suite):
    """One log at a time."""

    @in_a_loop
    async def test_pages_from_every_cursor(self, journal: Journal) -> None:
        """A page is what follows its cursor, for short logs and long, at the head and far back."""
        log: tuple[Record, ...] = ()
        while len(log) < 300:
            head, other = len(log), len(log) // 3
            await store(journal, appending("t", head, 1 + head // 8))
            await store(journal, appending(f"other {head}", 0, 1 + other))
            log = records(0, head + 1 + head // 8)
            for after in range(0, len(log) + 2, 1 if len(log) < 40 else 7):
                for limit in (1, 65, 256):
                    page = await settled(journal.page("t", after, limit))
                    same(page, log[after : after + limit], (len(log), after, limit))

    @in_a_loop
    async def test_a_page_of_an_unknown_log_has_no_records(self, journal: Journal) -> None:
        """Nothing is known, so nothing is there."""
        same(await settled(journal.page("nobody", 0, 10)) or (), ())

    @in_a_loop
    async def test_a_snapshot_shortens_the_tail(self, journal: Journal) -> None:
        """Snapshot and tail together are the log; a snapshot never goes back nor ahead of it."""
        await store(journal, appending("t", 0, 100))
        for seq, kept in ((70, 70), (30, 70), (101, 70), (100, 100)):
            expected = Snapshot(kept, b"at %d" % kept)
            await settled(journal.save_snapshot("t", Snapshot(seq, b"at %d" % seq)))
            stored = await known(journal, "t")
            same(stored.snapshot or expected, expected)
            since = stored.snapshot.seq if stored.snapshot else 0
            same(seqs(stored.tail), list(range(since + 1, 101)))
        await settled(journal.save_snapshot("nobody", Snapshot(1, b"")))
        same(await settled(journal.read("nobody")), None)
        same(seqs(await settled(journal.page("t", 0, 256))), list(range(1, 101)))

    @in_a_loop
    async def test_only_its_owner_in_its_tenant_reads_a_log(self, journal: Journal) -> None:
        """To anybody else it does not exist; the core itself reads all."""
        await store(journal, appending("t", 0), visiting("v", 0, level=0, seen=1))
        for log in "tv":
            stored = await known(journal, log)
            same(await settled(journal.read(log, CALLER)), stored)
            same(await settled(journal.read(log, CALLER._replace(key=9))), stored)
            others = (Caller("bob", TENANT), Caller(OWNER, "other"), Caller(), Caller(OWNER))
            for other in others:
                same(await settled(journal.read(log, other)), None, (log, other))
        same(await settled(journal.read("nobody", CALLER)), None)

    @in_a_loop
    async def test_only_the_core_reads_a_log_without_a_row(self, journal: Journal) -> None:
        """Nobody owns it, not even nobody."""
        await store(journal, bare("t", 0, 3))
        same(seqs((await known(journal, "t")).tail), [1, 2, 3])
        for caller in (CALLER, Caller()):
            same(await settled(journal.read("t", caller)), None, caller)

    @in_a_loop
    async def test_names_of_all_kinds(self, journal: Journal) -> None:
        """A name is any text."""
        names = ["a'b\"c", "%_?", "é☠𐀀", " ", "A", "a", "x" * 2_000, "a/b\n"]
        for count, name in enumerate(names, 1):
            await store(journal, appending(name, 0, count, owner=name, context=name))
        for count, name in enumerate(names, 1):
            stored = await settled(journal.read(name, Caller(name, TENANT)))
            same(stored and seqs(stored.tail), list(range(1, count + 1)), name)
            same(stored, await known(journal, name))
