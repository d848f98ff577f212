"""Disk: what a crash may leave of an append-only file, chosen to the byte.

The file has a durable part, which nothing takes away, and behind it a tail that was written and not
synced. A crash keeps as much of the tail as its caller says and may damage one byte of it. Beside
the file lies a cache of snapshots, which a crash may lose.

Neighbours: `journal.py` (the journal on this disk), `choices.py` (who chooses the faults).
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from types import MappingProxyType

from actors.runtime.journal.port import Snapshot

_BLOCK = 1024
"""Bytes of the durable part that are hashed once and for all."""
_DIGEST = 16
"""Bytes of a digest: room for every state that a search may ever meet."""
_ALL_BITS = 0xFF


class Disk:
    """One append-only file and a cache of snapshots; positions and lengths are bytes."""

    __slots__ = (
        "_cached",
        "_chain",
        "_durable",
        "_hashed",
        "_snapshots",
        "_tail",
        "crashes",
        "unclean",
    )

    def __init__(self, durable: bytes = b"") -> None:
        self._durable = bytearray(durable)
        self._tail = b""
        self._snapshots: dict[str, Snapshot] = {}
        self.crashes = 0
        """How often this disk has crashed: what was begun before a crash is known by it."""
        self.unclean = False
        """A crash has left a tail that nobody has looked at: `recover` says what of it counts."""
        self._chain = b""
        self._hashed = 0
        self._cached = 0

    def __repr__(self) -> str:
        state = " unclean" if self.unclean else ""
        return f"<Disk synced={self.synced} tail={self.tail}{state} crashes={self.crashes}>"

    @property
    def synced(self) -> int:
        """Length of the durable part."""
        return len(self._durable)

    @property
    def tail(self) -> int:
        """Length of what was written and not synced."""
        return len(self._tail)

    @property
    def size(self) -> int:
        """Length of the file: durable part and tail."""
        return len(self._durable) + len(self._tail)

    @property
    def data(self) -> bytes:
        """The whole file."""
        return self.read()

    @property
    def snapshots(self) -> Mapping[str, Snapshot]:
        """The cache, by the names that the journal gives them."""
        return MappingProxyType(self._snapshots)

    def read(self, start: int = 0) -> bytes:
        """The file from `start` on."""
        if start >= self.synced:
            return self._tail[start - self.synced :]
        return bytes(self._durable[start:]) + self._tail

    def write(self, data: bytes) -> None:
        """Append to the tail."""
        self._tail += data

    def sync(self, upto: int | None = None) -> None:
        """Make the file durable as far as `upto`, or all of it; never takes durability back."""
        count = self.tail if upto is None else max(0, upto - self.synced)
        self._durable += self._tail[:count]
        self._tail = self._tail[count:]

    def crash(self, keep: int, *, flip: int | None = None, forget: bool = False) -> None:
        """Lose the tail but for its first `keep` bytes; what is left is still not synced.

        `flip` is the position, within those bytes, of one that comes back with every bit turned;
        `forget` loses the snapshots too.

        Raises:
            ValueError: there are no such bytes.
        """
        if not 0 <= keep <= self.tail:
            raise ValueError(f"a crash cannot keep {keep} bytes of a tail of {self.tail}")
        if flip is not None and not 0 <= flip < keep:
            raise ValueError(f"byte {flip} is none of the {keep} that the crash keeps: cannot flip")
        left = bytearray(self._tail[:keep])
        if flip is not None:
            left[flip] ^= _ALL_BITS
        self._tail = bytes(left)
        self.crashes += 1
        self.unclean = True
        if forget:
            self._snapshots.clear()
            self._cached = 0

    def recover(self, end: int) -> None:
        """Cut off what follows `end`, make the rest durable: the file is clean again.

        Raises:
            ValueError: `end` lies beyond the file, or the cut would take durable bytes.
        """
        if not self.synced <= end <= self.size:
            raise ValueError(f"cannot cut at {end}: only {self.synced} to {self.size} is unsynced")
        self.sync(end)
        self._tail = b""
        self.unclean = False

    def keep(self, name: str, snapshot: Snapshot) -> None:
        """Put a snapshot into the cache, unless that has a newer one."""
        known = self._snapshots.get(name)
        if known is None or known.seq < snapshot.seq:
            self.drop(name)
            self._snapshots[name] = snapshot
            self._cached ^= _mark(name, snapshot)

    def drop(self, name: str) -> None:
        """Take a snapshot out of the cache, if it is there."""
        known = self._snapshots.pop(name, None)
        if known is not None:
            self._cached ^= _mark(name, known)

    def digest(self) -> bytes:
        """A hash of what is on the disk and how far it is durable, however it came to be so.

        Whole blocks of the durable part are hashed once, so that a call costs the same for a long
        file as for a short one.
        """
        while self._hashed + _BLOCK <= self.synced:
            block = self._durable[self._hashed : self._hashed + _BLOCK]
            self._chain = blake2b(self._chain + block, digest_size=_DIGEST).digest()
            self._hashed += _BLOCK
        facts = b"%d %d %d %d " % (self.synced, self.tail, self.unclean, self._cached)
        rest = self._durable[self._hashed :] + self._tail
        return blake2b(facts + self._chain + rest, digest_size=_DIGEST).digest()


def _mark(name: str, snapshot: Snapshot) -> int:
    """What one snapshot adds to the digest; exclusive-or takes it out again, in any order."""
    told = f"{name!r} {snapshot.seq} ".encode() + snapshot.payload
    return int.from_bytes(blake2b(told, digest_size=_DIGEST).digest(), "big")
