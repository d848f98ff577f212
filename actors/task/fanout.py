"""FanOutActor: serves the readers of one live task from a ring of its latest records (law L5).

A reader is a cursor: it pulls "after c, at most n" and gets the next records as stored, from the
ring or, when c is older than the ring, as a page of the journal. A pull that the ring serves stands
until it has brought n records, so that a reader who keeps up asks once for many events. One that
stalls costs nobody anything. Made for the first reader, closed with the last.

Neighbours: `reader.py` (pulls), `readers.py` (lets readers in), `release.py` (publishes),
`kept.py` (what readers share), `runtime/journal/actor.py` (pages).
"""

from __future__ import annotations

from typing import Any

from actors.runtime import (
    Actor,
    DeadLetter,
    Effect,
    Envelope,
    Reject,
    Reply,
    ReplyTo,
    Step,
    Stop,
    Tell,
)
from actors.runtime.journal.messages import JOURNAL, ReadPage
from actors.runtime.journal.record import Record
from actors.task.kept import Kept
from actors.task.orders import Close, End, Left, Page, Publish, Pull

RING = 512
"""Records kept in memory; whoever is further behind reads pages of the journal."""

ALONE = 8 * RING
"""The same where no journal has them: whoever is further behind begins with the Task anew."""

RING_BYTES = 16 * 2**20
"""Bytes of payloads kept, the latest record's however many they are."""

PAGE = 256
"""Records of one page, at most, and of one pull, but for what comes with its last one."""


LARGE = 4 * 2**10
"""Bytes of a payload for which a record counts as one more: a pull brings 1 MiB or so at most."""


class Audience:
    """Several readers as one (a ReplyTo)."""

    __slots__ = ("_readers",)

    def __init__(self, readers: list[ReplyTo[Any]]) -> None:
        self._readers = readers

    def resolve(self, page: Page) -> None:
        """Answer each."""
        for reader in self._readers:
            reader.resolve(page)

    def reject(self, error: Exception) -> None:
        """Answer each with an error."""
        for reader in self._readers:
            reader.reject(error)


class Tail:
    """The latest records, and who waits for the next one; changed in place by its actor."""

    __slots__ = ("base", "end", "kept", "most", "ring", "size", "waiting")

    def __init__(self, base: int, end: End | None, most: int) -> None:
        self.base = base
        """Sequence number just before the ring."""
        self.end = end
        self.most = most
        """Records in the ring."""
        self.ring: list[Record] = []
        self.size = 0
        """Bytes of payloads in the ring."""
        self.kept = Kept(base)
        self.waiting: dict[tuple[int, int], dict[int, ReplyTo[Any]]] = {}
        """Cursor, and how many records a pull may still bring -> whose pulls stand so, by number of
        the reader. Most are at the same place. A cursor may be ahead of the ring: another server
        has told more than this one knows yet.
        """

    def records(self, after: int) -> tuple[Record, ...]:
        """Return what there is after a cursor, as many as are a page."""
        start = after - self.base
        return tuple(self.ring[start : start + PAGE])

    def page(self, after: int, left: int, records: tuple[Record, ...]) -> Page | None:
        """Return a page of the `records` that follow a cursor, or None to wait.

        The pull stands if they count for fewer than the `left` that it may bring.
        """
        at_end = after + len(records) >= self.base + len(self.ring)
        end = self.end if at_end else None
        if not records and end is None:
            return None
        return Page(records, end, kept=self.kept, stands=end is None and _counted(records) < left)

    def stand(self, after: int, left: int, row: dict[int, ReplyTo[Any]]) -> None:
        """Let pulls stand at a place."""
        standing = self.waiting.setdefault((after, left), row)
        if standing is not row:
            standing.update(row)

    def forget(self, reader: int) -> None:
        """Let the pull of a reader stand no longer, if it does."""
        for place, row in self.waiting.items():
            if row.pop(reader, None) is not None:
                if not row:
                    del self.waiting[place]
                return

    def trim(self) -> None:
        """Let go of the oldest records beyond the bounds."""
        ring, surplus = self.ring, max(0, len(self.ring) - self.most)
        if not surplus and self.size <= RING_BYTES:
            return
        size = self.size - sum([len(record.payload) for record in ring[:surplus]])
        while size > RING_BYTES and surplus < len(ring) - 1:
            size -= len(ring[surplus].payload)
            surplus += 1
        if surplus:
            del ring[:surplus]
            self.base += surplus
            self.kept.drop(self.base)
        self.size = size


class FanOutActor(Actor[Tail]):
    """The behaviour of one task's fan-out.

    Args:
        task: its id.
        base: sequence number before the first record that it may serve by itself.
        end: how the task has ended, if it has.
        ring: how many records it keeps.
    """

    def __init__(self, task: str, base: int, end: End | None, ring: int = RING) -> None:
        self.task = task
        self.base = base
        self.end = end
        self.ring = ring

    def start(self) -> Step[Tail]:
        """Know nothing yet: what came before is in the journal."""
        return Step(Tail(self.base, self.end, self.ring))

    def step(self, state: Tail, envelope: Envelope, now: int) -> Step[Tail]:
        """Serve a reader, or take in what was published."""
        match envelope.message:
            case Pull() as pull:
                return Step(state, self._pull(state, pull, envelope))
            case Publish() as publish:
                return Step(state, _publish(state, publish))
            case Left(reader):
                state.forget(reader)
                return Step(state)
            case Close(error):
                return Step(state, (*self.stopped(state, error), Stop()))
            case other:
                return Step(state, (DeadLetter(other, "not for a fan-out"),))

    def stopped(self, state: Tail, error: Exception) -> tuple[Effect, ...]:
        """Tell the waiting readers; they resume at their cursors."""
        return tuple(Reject(to, error) for row in state.waiting.values() for to in row.values())

    def _pull(self, state: Tail, pull: Pull, envelope: Envelope) -> tuple[Effect, ...]:
        reply_to = envelope.reply_to
        if reply_to is None:
            return (DeadLetter(pull, "a pull is asked"),)
        state.forget(pull.reader)
        if pull.after < state.base:
            read = ReadPage(self.task, pull.after, pull.limit)
            return (Tell(JOURNAL, read, reply_to, envelope.caller),)
        after, left = pull.after, min(pull.limit, PAGE)
        records = state.records(after)[:left]
        page = state.page(after, left, records)
        if page is None or page.stands:
            left -= _counted(records)
            state.stand(after + len(records), left, {pull.reader: reply_to})
        return () if page is None else (Reply(reply_to, page),)


def _publish(state: Tail, publish: Publish) -> tuple[Effect, ...]:
    """Serve from the untrimmed ring: a burst longer than the ring leaves no gap for who waits.

    The last page of a pull may go beyond what it asked for, so that what was published together
    wakes a reader once.
    """
    state.ring += publish.records
    state.size += sum([len(record.payload) for record in publish.records])
    state.end = publish.end or state.end
    effects: list[Effect] = []
    standing: list[tuple[int, int, dict[int, ReplyTo[Any]]]] = []
    found: dict[int, tuple[Record, ...]] = {}
    for (after, left), row in state.waiting.items():
        if after not in found:  # one tuple for all who are there: see `Kept.of_page`
            found[after] = state.records(after)
        records = found[after]
        page = state.page(after, left, records)
        if page is not None:
            effects.append(Reply(Audience(list(row.values())), page))
        if page is None or page.stands:
            standing.append((after + len(records), left - _counted(records), row))
    state.waiting = {}
    for place in standing:
        state.stand(*place)
    state.trim()
    return tuple(effects)


def _counted(records: tuple[Record, ...]) -> int:
    """Return how many records these count for."""
    return len(records) + sum([len(record.payload) // LARGE for record in records])
