"""The simulator's journal: the suite that every journal keeps, damage, several nodes at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from actors.runtime.journal.errors import JournalCorrupt, StorageError
from actors.runtime.journal.port import Ack, Journal, Snapshot
from actors.runtime.journal.projection import Projection
from actors.simulation.disk import Disk
from actors.simulation.journal import SimJournal
from actors.storage.conformance import JournalConformance
from actors.storage.samples import appending, claiming
from tests.simulation.journals import (
    ACKNOWLEDGED,
    UNDER_WAY,
    contents,
    holding,
    journal_on,
    written,
)

STORED, FENCED = Ack.STORED, Ack.FENCED


class TestOneNode(JournalConformance):
    @pytest.fixture
    def journal(self) -> Journal:
        return SimJournal()

    def reopen(self, journal: Journal) -> Journal:
        return SimJournal(cast("SimJournal", journal).disk)


class TwoNodes:
    """What is written goes to one node and the other in turn, reads to the second."""

    external = False

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.nodes = [SimJournal(disk), SimJournal(disk)]
        self.reader = self.nodes[1]
        for name in ("page", "find", "list", "head", "heads", "unconsumed", "place", "surplus"):
            setattr(self, name, getattr(self.reader, name))
        self.lane, self.read = self.reader.lane, self.reader.read
        self.save_snapshot = self.reader.save_snapshot

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Append, consumed, compact, remove, restore."""
        self.nodes.reverse()
        return cast("Callable[..., Any]", getattr(self.nodes[0], name))

    def open(self, *projections: Projection) -> None:
        for node in self.nodes:
            node.open(*projections)

    def close(self) -> None:
        for node in self.nodes:
            node.close()


class TestTwoNodesOnOneDisk(JournalConformance):
    @pytest.fixture
    def journal(self) -> Journal:
        return cast("Journal", TwoNodes(Disk()))

    def reopen(self, journal: Journal) -> Journal:
        return cast("Journal", TwoNodes(cast("TwoNodes", journal).disk))


# -- damage that no crash does


def test_damage_in_the_durable_part_is_never_cut_off_but_told() -> None:
    journal = journal_on(Disk())
    starts = []
    for group in ACKNOWLEDGED:
        starts.append(journal.disk.size)
        journal.append(group)
    good = journal.disk.data
    for position in range(len(good)):
        bad = bytearray(good)
        bad[position] ^= 0xFF
        start = max(start for start in starts if start <= position)
        for crashed in (False, True):
            disk = Disk(bytes(bad))
            if crashed:
                disk.crash(0)
            with pytest.raises(JournalCorrupt, match=rf"frame at byte {start} .*found.*expected"):
                SimJournal(disk).open()


def test_a_durable_part_that_ends_within_a_frame_is_told() -> None:
    journal = journal_on(Disk())
    journal.append(ACKNOWLEDGED[0])
    good = journal.disk.data
    for length in range(1, len(good)):
        with pytest.raises(JournalCorrupt, match=r"frame at byte 0 .*short"):
            SimJournal(Disk(good[:length])).open()


def test_a_torn_frame_without_a_crash_is_told() -> None:
    journal, _ = written()
    journal.disk.write(b"scribble")
    with pytest.raises(JournalCorrupt, match=r"found CRC|short"):
        journal_on(journal.disk)
    with pytest.raises(JournalCorrupt, match=r"found CRC|short"):
        journal.read("a")


def test_whole_frames_that_no_journal_wrote_are_told() -> None:
    journal = journal_on(Disk())
    journal.append(ACKNOWLEDGED[0])
    good = journal.disk.data
    for bad, told in ((bytes(8), "none that this journal wrote"), (good, "does not stand")):
        disk = Disk(good)
        disk.write(bad)
        disk.crash(len(bad))
        with pytest.raises(JournalCorrupt, match=rf"frame at byte {len(good)} .*{told}"):
            SimJournal(disk).open()


# -- between stage and commit


def test_a_staged_group_is_seen_by_nobody_before_it_is_durable() -> None:
    journal = journal_on(Disk())
    other = journal_on(journal.disk)
    staged = journal.stage(ACKNOWLEDGED[0])
    for node in (journal, other, journal_on(journal.disk)):
        assert contents(node) == holding([])
        assert node.heads(active=True) == []
    journal.commit(staged)
    for node in (journal, other, journal_on(journal.disk)):
        assert contents(node) == holding(ACKNOWLEDGED[:1])


def test_committing_a_group_commits_those_before_it_and_none_after() -> None:
    journal = journal_on(Disk())
    staged = [journal.stage(group) for group in [*ACKNOWLEDGED, *UNDER_WAY]]
    assert journal.commit(staged[1]) == (STORED, FENCED, STORED)
    assert contents(journal) == holding(ACKNOWLEDGED)
    assert journal.commit(staged[0]) == (STORED, STORED, STORED)
    assert journal.commit(staged[3]) == (STORED, FENCED, STORED)
    assert journal.commit(staged[2]) == (STORED, STORED)
    assert contents(journal) == holding([*ACKNOWLEDGED, *UNDER_WAY])


def test_a_zombie_hears_fenced_only_when_what_fenced_it_is_durable() -> None:
    zombie = journal_on(Disk())
    zombie.append([appending("a", 0)])
    node = journal_on(zombie.disk)
    claimed = node.stage([claiming("a", 1, 2)])
    late = zombie.stage([appending("a", 1)])
    assert zombie.commit(late) == (FENCED,)
    zombie.disk.crash(0)
    survivor = journal_on(zombie.disk)
    assert contents(survivor) == holding([[appending("a", 0)], [claiming("a", 1, 2)]])
    with pytest.raises(StorageError):
        node.commit(claimed)


def test_a_fenced_append_is_not_written() -> None:
    journal = journal_on(Disk())
    journal.append(ACKNOWLEDGED[0])
    size = journal.disk.size
    assert journal.append([appending("a", 7), appending("b", 0)]) == (FENCED, FENCED)
    assert journal.disk.size == size


def test_opening_one_node_leaves_the_staged_groups_of_another_alone() -> None:
    journal = journal_on(Disk())
    staged = journal.stage(ACKNOWLEDGED[0])
    other = journal_on(journal.disk)
    journal.open()
    assert (other.torn, journal.disk.tail, contents(other)) == (0, staged.end, holding([]))
    assert other.append(ACKNOWLEDGED[1]) == (STORED, FENCED, STORED)
    assert journal.commit(staged) == (STORED, STORED, STORED)
    assert contents(journal) == contents(other) == holding(ACKNOWLEDGED)


def test_a_group_that_cannot_be_encoded_leaves_no_trace() -> None:
    journal = journal_on(Disk())
    before = journal.digest()
    good = appending("a", 0)
    with pytest.raises(ValueError, match="lone surrogate"):
        journal.append([good, appending("b", 0, owner="\ud800")])
    odd = good.records[0]._replace(facts=cast("dict[str, int]", {"run": 1.5}))
    with pytest.raises(TypeError, match="fact 'run'"):
        journal.append([appending("b", 0), good._replace(records=(odd,))])
    assert journal.digest() == before
    assert journal.append([good, appending("b", 0)]) == (STORED, STORED)


# -- snapshots


def test_snapshots_survive_a_crash_or_vanish_and_the_log_is_the_same() -> None:
    for forget in (False, True):
        journal = journal_on(Disk())
        journal.append(ACKNOWLEDGED[0])
        log = journal.page("a", 0, 9)
        for seq in (1, 2, 1):
            journal.save_snapshot("a", Snapshot(seq, b"at %d" % seq))
        journal.disk.crash(0, forget=forget)
        journal.open()
        stored = journal.read("a")
        assert stored is not None
        assert stored.snapshot == (None if forget else Snapshot(2, b"at 2"))
        assert log is not None
        assert stored.tail == (log if forget else log[2:])
        assert journal.page("a", 0, 9) == log


def test_no_snapshot_is_kept_of_what_is_not_durable() -> None:
    journal = journal_on(Disk())
    journal.append([appending("a", 0)])
    journal.stage([appending("a", 1), appending("b", 0)])
    for task, seq in (("a", 2), ("b", 1), ("nobody", 1)):
        journal.save_snapshot(task, Snapshot(seq, b"too early"))
    assert journal.disk.snapshots == {}


def test_a_node_that_knows_an_older_snapshot_does_not_put_it_back() -> None:
    node = journal_on(Disk())
    node.append([appending("a", 0, 2)])
    late = journal_on(node.disk)
    node.save_snapshot("a", Snapshot(2, b"new"))
    late.save_snapshot("a", Snapshot(1, b"old"))
    assert node.disk.snapshots == {"0 a": Snapshot(2, b"new")}
