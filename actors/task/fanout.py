"""FanOutActor: serves the readers of one live task from a ring of its latest records (law L5).

A reader is a cursor: it pulls "after c, at most n" and gets the next records as stored, from the
ring or, when c is older than the ring, as a page of the journal. One that stalls costs nobody
anything. Made for the first reader, closed with the last.

Neighbours: `readers.py` (lets readers in), `release.py` (publishes), `journal.py` (pages).
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

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
from actors.task.orders import Close, End, Left, Page, Publish, Pull

RING = 256
"""Records kept in memory; whoever is further behind reads pages of the journal."""

PAGE = 128
"""Records that one pull brings at most."""


Waiting: TypeAlias = tuple[tuple[ReplyTo[Any], Pull], ...]


class Tail(NamedTuple):
    """The latest records, and who waits for the next one."""

    ring: tuple[Record, ...]
    base: int
    """Sequence number just before the ring."""
    end: End | None
    waiting: Waiting = ()

    @property
    def head(self) -> int:
        """Sequence number of the latest record."""
        return self.base + len(self.ring)


class FanOutActor(Actor[Tail]):
    """The behaviour of one task's fan-out."""

    def __init__(self, task: str, base: int, end: End | None) -> None:
        self.task = task
        self.base = base
        self.end = end

    def start(self) -> Step[Tail]:
        """Know nothing yet: what came before is in the journal."""
        return Step(Tail((), self.base, self.end))

    def step(self, state: Tail, envelope: Envelope, now: int) -> Step[Tail]:
        """Serve a reader, or take in what was published."""
        match envelope.message:
            case Pull() as pull:
                return self._pull(state, pull, envelope)
            case Publish() as publish:
                return self._publish(state, publish)
            case Left(reader):
                return Step(state._replace(waiting=_without(state.waiting, reader)))
            case Close(error):
                return Step(state, (*self.stopped(state, error), Stop()))
            case other:
                return Step(state, (DeadLetter(other, "not for a fan-out"),))

    def stopped(self, state: Tail, error: Exception) -> tuple[Effect, ...]:
        """Tell the waiting readers; they resume at their cursors."""
        return tuple(Reject(reply_to, error) for reply_to, _ in state.waiting)

    def _pull(self, state: Tail, pull: Pull, envelope: Envelope) -> Step[Tail]:
        if envelope.reply_to is None:
            return Step(state, (DeadLetter(pull, "a pull is asked"),))
        if pull.after < state.base:
            read = ReadPage(self.task, pull.after, pull.limit)
            return Step(state, (Tell(JOURNAL, read, envelope.reply_to, envelope.caller),))
        page = _page(state, pull)
        if page is not None:
            return Step(state, (Reply(envelope.reply_to, page),))
        # One pull at a time for each reader: a newer one means that nobody waits for the older.
        others = _without(state.waiting, pull.reader)
        return Step(state._replace(waiting=(*others, (envelope.reply_to, pull))))

    @staticmethod
    def _publish(state: Tail, publish: Publish) -> Step[Tail]:
        ring = (*state.ring, *publish.records)
        surplus = max(0, len(ring) - RING)
        grown = Tail(ring[surplus:], state.base + surplus, publish.end or state.end)
        effects: list[Effect] = []
        waiting = []
        for reply_to, pull in state.waiting:
            # Serve from the untrimmed ring: a burst longer than the ring leaves no gap here.
            page = _page(Tail(ring, state.base, grown.end), pull)
            if page is None:
                waiting.append((reply_to, pull))
            else:
                effects.append(Reply(reply_to, page))
        return Step(grown._replace(waiting=tuple(waiting)), tuple(effects))


def _without(waiting: Waiting, reader: int) -> Waiting:
    return tuple(entry for entry in waiting if entry[1].reader != reader)


def _page(state: Tail, pull: Pull) -> Page | None:
    """Return what there is after the cursor, or None to wait."""
    start = pull.after - state.base
    records = state.ring[start : start + min(pull.limit, PAGE)]
    at_end = state.end if pull.after + len(records) >= state.head else None
    return Page(records, at_end) if records or at_end is not None else None
