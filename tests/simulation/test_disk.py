"""The simulator's disk: what it refuses, and the digest of what is on it."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from itertools import pairwise

import pytest

from actors.runtime.journal.port import Snapshot
from actors.simulation.disk import Disk


def test_a_disk_refuses_what_no_crash_and_no_recovery_can_do() -> None:
    disk = Disk(b"durable")
    disk.write(b"tail")
    for keep in (-1, 5):
        with pytest.raises(ValueError, match="a tail of 4"):
            disk.crash(keep)
    for flip in (-1, 2):
        with pytest.raises(ValueError, match="none of the 2"):
            disk.crash(2, flip=flip)
    for end in (6, 12):
        with pytest.raises(ValueError, match="only 7 to 11 is unsynced"):
            disk.recover(end)
    assert (disk.data, disk.synced, disk.tail, disk.crashes) == (b"durabletail", 7, 4, 0)


def test_a_disk_is_read_from_any_position() -> None:
    disk = Disk(b"durable")
    disk.write(b"tail")
    for synced in range(7, 12):
        disk.sync(synced)
        disk.sync(3)
        assert (disk.synced, disk.size) == (synced, 11)
        assert [disk.read(start) for start in range(12)] == [
            b"durabletail"[start:] for start in range(12)
        ]


def test_a_digest_depends_on_what_is_there_and_not_on_how_it_came() -> None:
    data = bytes(range(256)) * 20
    at_once, piecemeal = Disk(data), Disk()
    for start, end in pairwise((0, 1, 1023, 1025, 4000, len(data))):
        piecemeal.write(data[start:end])
        piecemeal.sync()
        piecemeal.digest()
    for seq in (1, 3):
        piecemeal.keep("a", Snapshot(seq, b"a"))
    piecemeal.keep("b", Snapshot(1, b"b"))
    at_once.keep("b", Snapshot(1, b"b"))
    at_once.keep("a", Snapshot(3, b"a"))
    assert piecemeal.digest() == at_once.digest()
    for disk in (at_once, piecemeal):
        disk.crash(0, forget=True)
        disk.recover(disk.size)
    assert piecemeal.digest() == at_once.digest() == Disk(data).digest()


def test_any_difference_on_the_disk_is_another_digest() -> None:
    blank, other = bytes(1024), b"x" * 1024
    hashed = blake2b(blank, digest_size=16).digest()
    contents = (b"", b"x", blank, blank + b"x", b"x" + blank, blank + other, other + blank, hashed)
    disks = [Disk(data) for data in (*contents, blank * 2)]
    changes: list[Callable[[Disk], None]] = [
        lambda disk: disk.write(b"x"),
        lambda disk: disk.write(bytes(1024)),
        lambda disk: disk.crash(0),
        lambda disk: disk.keep("a", Snapshot(1, b"")),
        lambda disk: disk.keep("a", Snapshot(2, b"")),
        lambda disk: disk.keep("a", Snapshot(1, b"1")),
        lambda disk: disk.keep("a 1", Snapshot(1, b"")),
    ]
    for change in changes:
        disk = Disk(b"x")
        change(disk)
        disks.append(disk)
    assert len({disk.digest() for disk in disks}) == len(disks)
