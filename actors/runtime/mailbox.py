"""A mailbox: two lanes, one of them bounded. This is the whole concurrency story of an actor.

Neighbours: `message.py` (what waits here), `cell.py` (whose it is), `system.py` (fills and takes).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from actors.runtime.message import Envelope, Lane, Overflow


class Mailbox:
    """Envelopes waiting for one actor; the system lane goes first.

    Args:
        bound: messages that may wait in the normal lane before the next is refused, unless it is
            of a type that is always admitted.
    """

    __slots__ = ("bound", "normal", "system")

    def __init__(self, bound: int) -> None:
        self.bound = bound
        self.system: deque[Envelope] = deque()
        self.normal: deque[Envelope] = deque()

    def put(self, envelope: Envelope) -> bool:
        """Queue an envelope; False if it must be refused (nothing is queued then)."""
        message = envelope.message
        if message.lane is Lane.SYSTEM:
            self.system.append(envelope)
            return True
        if len(self.normal) >= self.bound and message.overflow is not Overflow.ADMIT:
            return False
        self.normal.append(envelope)
        return True

    def admit(self, envelope: Envelope) -> None:
        """Queue an envelope that is bounded by construction, whatever its type says of itself."""
        lane = self.system if envelope.message.lane is Lane.SYSTEM else self.normal
        lane.append(envelope)

    def put_back(self, envelopes: Sequence[Envelope]) -> None:
        """Put envelopes that were taken before at the head of the normal lane, in their order."""
        self.normal.extendleft(reversed(envelopes))

    def take(self) -> Envelope:
        """The next envelope.

        Raises:
            IndexError: the mailbox is empty.

        """
        return self.system.popleft() if self.system else self.normal.popleft()

    def drain(self) -> list[Envelope]:
        """Everything that waits, in the order of delivery; the mailbox is empty afterwards."""
        waiting = [*self.system, *self.normal]
        self.system.clear()
        self.normal.clear()
        return waiting

    def __len__(self) -> int:
        return len(self.system) + len(self.normal)

    def __repr__(self) -> str:
        return f"<Mailbox system={len(self.system)} normal={len(self.normal)} bound={self.bound}>"
