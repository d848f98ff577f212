"""A mailbox: two lanes, one of them bounded. This is the whole concurrency story of an actor.

A lane in which nothing waits has no queue of its own: most actors idle most of the time, and an
empty deque takes 760 bytes. Making one for each wake-up costs less than the turn it is made for.

Neighbours: `message.py` (what waits here), `cell.py` (whose it is), `system.py` (fills and takes).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

from actors.runtime.message import Envelope, Lane, Overflow

_NOTHING: Final[deque[Envelope]] = deque(maxlen=0)
"""Every empty lane; it cannot hold anything."""

# Looking a member up in its enum takes as long as the rest of `put`.
_SYSTEM = Lane.SYSTEM
_ADMIT = Overflow.ADMIT


class Mailbox:
    """Envelopes waiting for one actor; the system lane goes first.

    Args:
        bound: messages that may wait in the normal lane before the next is refused, unless it is
            of a type that is always admitted.
    """

    __slots__ = ("bound", "normal", "system")

    def __init__(self, bound: int) -> None:
        self.bound = bound
        self.system = _NOTHING
        self.normal = _NOTHING

    def put(self, envelope: Envelope) -> bool:
        """Queue an envelope; False if it must be refused (nothing is queued then)."""
        message = envelope.message
        if message.lane is _SYSTEM:
            lane = self.system
            if not lane:
                lane = self.system = deque()
        else:
            lane = self.normal
            if len(lane) >= self.bound and message.overflow is not _ADMIT:
                return False
            if not lane:
                lane = self.normal = deque()
        lane.append(envelope)
        return True

    def admit(self, envelope: Envelope) -> None:
        """Queue an envelope that is bounded by construction, whatever its type says of itself."""
        if envelope.message.lane is _SYSTEM:
            self.system = self.system or deque()
            self.system.append(envelope)
        else:
            self.normal = self.normal or deque()
            self.normal.append(envelope)

    def put_back(self, envelopes: Sequence[Envelope]) -> None:
        """Put envelopes that were taken before at the head of the normal lane, in their order."""
        if envelopes:
            self.normal = self.normal or deque()
            self.normal.extendleft(reversed(envelopes))

    def take(self) -> Envelope:
        """The next envelope.

        Raises:
            IndexError: the mailbox is empty.

        """
        lane = self.system
        if lane:
            envelope = lane.popleft()
            if not lane:
                self.system = _NOTHING
            return envelope
        lane = self.normal
        envelope = lane.popleft()
        if not lane:
            self.normal = _NOTHING
        return envelope

    def drain(self) -> list[Envelope]:
        """Everything that waits, in the order of delivery; the mailbox is empty afterwards."""
        waiting = [*self.system, *self.normal]
        self.system = self.normal = _NOTHING
        return waiting

    def __len__(self) -> int:
        return len(self.system) + len(self.normal)

    def __repr__(self) -> str:
        return f"<Mailbox system={len(self.system)} normal={len(self.normal)} bound={self.bound}>"
