"""The Journal port: an append-only log for each actor that must not forget.

The values are those that actors and journals exchange; the Protocols say what a journal does.
`actors.storage.conformance` is the same as tests.

Neighbours: `record.py`, `projection.py`, `errors.py` (values), `actor.py` (the JournalActor, which
alone talks to this port), `actors/storage` (the real ones), `actors/simulation` (seeded).
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from enum import Enum
from inspect import isawaitable
from typing import NamedTuple, Protocol, TypeAlias, TypeVar, runtime_checkable

from actors.runtime.journal.projection import Keep, Projection, Query, Row
from actors.runtime.journal.record import Record
from actors.runtime.message import Caller

T = TypeVar("T")
MaybeAwaitable: TypeAlias = T | Awaitable[T]
"""A port answers at once where it can (SQLite in the loop) and later where it must."""


async def settled(answer: MaybeAwaitable[T]) -> T:
    """Return what a port answers, now or later."""
    return await answer if isawaitable(answer) else answer


class Head(NamedTuple):
    """Where a log ends, and where what is kept of it begins."""

    log: str
    seq: int = 0
    """Of the latest record; 0 while there is none."""
    epoch: int = 1
    active: bool = False
    """Its actor is to be revived after a crash: something was going on, or waits."""
    floor: int = 0
    """Records up to this one are no longer kept; a snapshot stands for them."""


class Append(NamedTuple):
    """A compare-and-append on one log (law L7).

    Holds only if the stored epoch equals `epoch` (or is lower, when the first record is a CLAIM)
    and the stored head is `expected`; a log that does not exist has head 0.
    """

    log: str
    epoch: int
    expected: int
    records: tuple[Record, ...]
    caller: Caller
    """The request that the records are about; a user's own store gets its call context."""
    active: bool = False
    """`Head.active` after these records."""
    row: Row | None = None
    """The row beside the log after these records; its type says which projection it is of."""
    writer: int = 0
    """Life of the actor that wants to hear what became of it; journals pass it by."""
    keys: tuple[str, ...] = ()
    """Idempotency keys: each is unique in the journal, and leads to the first of these records."""
    consumers: tuple[str, ...] = ()
    """Durable consumers for whom there is something in these records: see `Upkeep.unconsumed`."""

    @property
    def seq(self) -> int:
        """Head of the log once this is stored."""
        return self.expected + len(self.records)

    @property
    def head(self) -> Head:
        """The head once this is stored, but for the floor."""
        return Head(self.log, self.seq, self.epoch, self.active)


class Ack(Enum):
    """What became of one append."""

    STORED = "stored"
    FENCED = "fenced"
    """Another writer was here, or one of its keys is taken: nothing of this append is stored."""


class Place(NamedTuple):
    """One record of one log."""

    log: str
    seq: int


class Left(NamedTuple):
    """Something that a durable consumer has yet to do."""

    consumer: str
    place: Place
    """The last record that it is done with (seq 0: none)."""


class Snapshot(NamedTuple):
    """A cache of a fold: what its actor made of the records up to `seq`."""

    seq: int
    payload: bytes


class Stored(NamedTuple):
    """What a journal knows of one log."""

    head: Head
    row: Row | None
    snapshot: Snapshot | None
    tail: tuple[Record, ...]
    """Every record after the snapshot, or all of them."""


class Copy(NamedTuple):
    """All of one log, for another journal."""

    head: Head
    row: Row | None
    snapshot: Snapshot | None
    records: tuple[Record, ...]
    """Every one after `head.floor`."""
    keys: tuple[tuple[str, int], ...] = ()
    """Idempotency key, and the record that it leads to, which may no longer be kept."""
    consumers: tuple[tuple[str, int], ...] = ()
    """Durable consumer that is not done, and the record up to which it is."""


class Listing(NamedTuple):
    """One page of logs."""

    logs: tuple[Stored, ...]
    total: int
    """All logs that match, on every page."""
    next: tuple[int, str] | None
    """Where the next page goes on; None at the end."""


class Logs(Protocol):
    """What an actor needs to live on its log.

    Any method may raise `StorageUnavailable` (trying again makes sense) or another `StorageError`;
    both may come out of the awaitable instead. An append that has raised may be stored all the
    same, wholly or not at all: each of its group either is or is not.
    """

    external: bool
    """Somebody else may write to it too, and it alone judges who may read: every read by a caller
    asks it, also while the log's actor lives (a user's own TaskStore)."""

    def open(self, *projections: Projection) -> MaybeAwaitable[None]:
        """Get ready, on the loop that will use it; whose rows appends will carry.

        Once more, with others, adds those.
        """

    def close(self) -> MaybeAwaitable[None]:
        """Finish what was begun and let go of files and connections; idempotent.

        Where that takes awaiting, see `Abandoned`.
        """

    def lane(self, log: str) -> str:
        """Name the lane of a log.

        Appends of one lane are acknowledged one group after another; lanes do not wait for one
        another. A journal with group commit has one lane.
        """

    def append(self, group: Sequence[Append]) -> MaybeAwaitable[Sequence[Ack]]:
        """Store a group in one transaction and say what became of each append, in order.

        An append that is FENCED does not keep the others of its group from being stored. A group
        may hold several appends of one log, in order. One that is stored already is not stored
        again: it is FENCED, or STORED where the journal knows it for the same; and `page` shows
        its records, equal to those appended.
        """

    def read(self, log: str, caller: Caller | None = None) -> MaybeAwaitable[Stored | None]:
        """The log, or None if there is none or `caller` may not see it.

        A caller sees logs whose row bears its owner and tenant; None is the core itself, which may
        see all.
        """

    def page(self, log: str, after: int, limit: int) -> MaybeAwaitable[tuple[Record, ...] | None]:
        """The `limit` records after `after`, in order; None if they are no longer kept.

        Fewer only where the log ends.
        """

    def find(self, key: str) -> MaybeAwaitable[Place | None]:
        """Where the append that bore an idempotency key began."""

    def save_snapshot(self, log: str, snapshot: Snapshot) -> MaybeAwaitable[None]:
        """Keep a snapshot, unless it is older than the one kept or beyond the log.

        Best effort: it makes reads faster, and lets `compact` cut off what it stands for.
        """

    def list(self, query: Query) -> MaybeAwaitable[Listing]:
        """One page of the listed logs that match.

        Raises:
            ValueError: the projection, or a column that the query names, is not known.
        """


class Upkeep(Protocol):
    """What it takes to look after many logs: recovery, consumers, retention, copies."""

    def head(self, log: str) -> MaybeAwaitable[Head | None]:
        """Where a log ends; None if there is none."""

    def heads(
        self, after: str = "", limit: int = 256, *, active: bool = False
    ) -> MaybeAwaitable[Sequence[Head]]:
        """Logs in the order of their names (of their UTF-8 bytes), those after `after`.

        Args:
            after: the name of the last log of the page before.
            limit: at most so many.
            active: only those whose head says active: what a new process must settle.
        """

    def consumed(self, consumer: str, place: Place) -> MaybeAwaitable[None]:
        """A durable consumer is done with every record of a log up to a place.

        What was consumed is not forgotten by a crash, but for the latest.
        """

    def unconsumed(
        self, family: str, after: tuple[str, str] = ("", ""), limit: int = 256
    ) -> MaybeAwaitable[Sequence[Left]]:
        """Where consumers are to go on, for each log with something for them.

        In the order of consumer and log (of their UTF-8 bytes).

        Args:
            family: that consumer, and all whose names begin with it and a slash.
            after: consumer and log of the last one of the page before.
            limit: at most so many.
        """

    def place(self, consumer: str, log: str) -> MaybeAwaitable[Place | None]:
        """Where a consumer is to go on in one log; None when there is nothing for it."""

    def surplus(self, keep: Keep, limit: int = 256) -> MaybeAwaitable[Sequence[Head]]:
        """Logs that are beyond what is to be kept, the oldest first.

        None that is active, or that a consumer is not done with: those cannot go, and count for no
        limit.
        """

    def compact(self, log: str, upto: int) -> MaybeAwaitable[bool]:
        """Let go of the records up to `upto`; True if `Head.floor` is at least `upto` now.

        Nothing happens without a snapshot at `upto` or later, or while a consumer is not done with
        them.
        """

    def remove(self, head: Head) -> MaybeAwaitable[bool]:
        """Let go of a whole log, its row and its keys; True if it is gone.

        Nothing happens when seq or epoch are others by now, when it is active, or while a consumer
        is not done with it.
        """

    def restore(self, copy: Copy) -> MaybeAwaitable[bool]:
        """Take over a log from elsewhere, as it is, in one transaction.

        False, and nothing happens, if there is a log of that name, or one of its keys is taken.

        Raises:
            ValueError: the copy does not hold together: its records are not those from the floor
                to the head, their epochs go backwards or change without a CLAIM, there is a floor
                and no snapshot for it, or a place lies beyond the log.
        """


@runtime_checkable
class Abandoned(Protocol):
    """What a journal has besides whose `close` is to be awaited: the loop may be gone by then."""

    def abandon(self) -> None:
        """Let go of locks, connections and processes at once; idempotent.

        What was begun is stored or not. It may be opened again, on any loop.
        """


class Journal(Logs, Upkeep, Protocol):
    """Everything that is asked of a journal. See `actors.storage.conformance`."""
