"""A mailbox: two lanes, one of them bounded. This is the whole concurrency story of an actor.

Neighbours: `message.py` (what waits here), `dispatcher.py` (takes it out).
"""

from __future__ import annotations

from collections import deque

from actors.runtime.message import Envelope, Lane

REQUESTS_BOUND = 1024
"""Refusable messages that may wait for one actor before the next is answered `MailboxFull`."""


class MailboxFull(Exception):  # noqa: N818 - the name says what happened, as in queue.Full
    """The actor has too many requests waiting; the sender may retry later."""


class Mailbox:
    """Envelopes waiting for one actor; the system lane goes first."""

    __slots__ = ("bound", "normal", "system")

    def __init__(self, bound: int = REQUESTS_BOUND) -> None:
        self.bound = bound
        self.system: deque[Envelope] = deque()
        self.normal: deque[Envelope] = deque()

    def put(self, envelope: Envelope) -> bool:
        """Queue an envelope; False if it must be refused (nothing is queued then)."""
        message = envelope.message
        if message.lane is Lane.SYSTEM:
            self.system.append(envelope)
            return True
        if message.refusable and len(self.normal) >= self.bound:
            return False
        self.normal.append(envelope)
        return True

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
