"""Courier: what the outbox knows of one task, and which of its records webhooks have yet to hear.

Neighbours: `outbox.py` (owns couriers; performs what they want).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence

from actors.runtime.journal.record import Record

READ = 64
"""Records that are read at a time."""

UNKNOWN = NOTHING = -1

QUEUE = 256
"""Records that wait in memory; whatever more there is waits in the journal."""


class Courier:
    """One task's deliveries, in order.

    Args:
        known: every record up to this one is done with, or waits here; UNKNOWN until the journal
            has told.
        behind: there may be records after `known` that nobody will hand over.
    """

    __slots__ = (
        *("_first", "_handed", "behind", "checked", "known"),
        *("noting", "queue", "reading", "sending", "sent"),
    )

    def __init__(self, known: int, *, behind: bool) -> None:
        self.known = known
        self.behind = behind
        self.queue: deque[Record] = deque()
        self.sending = False
        self.sent = 0
        """The record that was sent last."""
        self.reading = False
        self.noting = NOTHING
        """The journal is being told that all up to here is done with."""
        self.checked = False
        """The journal had nothing after `known` when it was asked last."""
        self._first = self._handed = 0

    @property
    def busy(self) -> bool:
        """A notification or a read is under way."""
        return self.sending or self.reading

    @property
    def done(self) -> bool:
        """There is nothing left to do."""
        return self.checked and not (self.busy or self.queue)

    @property
    def lost(self) -> bool:
        """It is not known where to go on."""
        return self.known == UNKNOWN

    def found(self, known: int | None) -> None:
        """Hear where to go on; None when the journal knows of nothing left."""
        self.reading = False
        self.known = self._first - 1 if known is None else known
        self.checked = known is None and not self._handed

    def hand(self, records: Sequence[Record]) -> None:
        """Take over records that were just committed, in order."""
        self._first = self._first or records[0].seq
        self._handed, self.checked = records[-1].seq, False
        self.behind = self.behind or len(self.queue) >= QUEUE
        if not self.behind:
            self.queue.extend(record for record in records if record.seq > self.known)
            self.known = max(self.known, records[-1].seq)

    def take(self, records: Sequence[Record] | None, pushed: Collection[int]) -> None:
        """Take over what was read after `known`; None when it is no longer kept."""
        self.reading = False
        read = () if records is None else records
        new = [record for record in read if record.seq > self.known]
        self.queue.extend(record for record in new if record.kind in pushed)
        self.known = new[-1].seq if new else self.known
        if len(read) < READ:
            # A record that was handed over meanwhile may have been stored after this was read.
            self.checked = self.known >= self._handed or records is None
            self.behind = self.behind and not self.checked
