"""The trace of a run: what happened, in order, as an outside observer could have seen it.

Ports, clients and the journal write it; invariants, digests and diagrams read it. An entry is a
value; its place in `Trace.entries` is its time.

Neighbours: `node.py`, `ports.py`, `clients.py` (write), `invariants/` (judge), `report/` (draw).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeVar

from actors.runtime import ActorRef, Caller
from actors.runtime.journal.port import Ack, Append, Snapshot
from actors.runtime.journal.port import Left as Undone
from actors.runtime.journal.port import Stored as StoredLog
from actors.runtime.journal.record import Record
from actors.simulation.writes import Upkeep
from actors.task.delivery import Delivery
from actors.task.orders import Deliveries
from actors.task.orders import Verdict as Outcome
from actors.task.ports import CancelRun, Notify, RunId, StartRun
from actors.task.record import Failure

# -- clients


class Asked(NamedTuple):
    """A client's request set out."""

    request: str
    """The client's name and a number of its own."""
    client: str
    node: str
    what: str
    """send, stream, subscribe, cancel, get or list."""
    task: str
    """Empty for a list."""
    detail: Any = None
    """send and stream: the text; subscribe: the cursor, or None."""


class Answered(NamedTuple):
    """A request came to its end: a result, an error, or (both None) a stream that ended well."""

    request: str
    value: Any
    error: BaseException | None


class Streamed(NamedTuple):
    """One event of a stream reached its client."""

    request: str
    seq: int
    event: Any
    """The `StreamResponse`."""
    snapshot: bool = False
    """The Task as it is then, in place of events that are no longer kept."""


class Repeated(NamedTuple):
    """The message of a request was found to be stored already: the answer is read from its log."""

    request: str
    task: str
    """Whose log; for a first message, sent again with another task in mind, not that of `Asked`."""


class Left(NamedTuple):
    """A client closed its connection before the answer, or in the middle of a stream."""

    request: str


class Stalled(NamedTuple):
    """A client stopped reading its stream, and never goes on."""

    request: str


class Open(NamedTuple):
    """A request without its end when nothing can happen any more: a subscription may be."""

    request: str


# -- the journal


class Stored(NamedTuple):
    """The journal decided one append, at this moment; `told` is False if its word got lost."""

    node: str
    append: Append
    ack: Ack
    told: bool


class Refused(NamedTuple):
    """The journal could not store a group: nothing of it is stored."""

    node: str
    group: tuple[Append, ...]


class Wanted(NamedTuple):
    """A process handed the journal what is no append: from here on it may be done."""

    node: str
    write: Upkeep


class Tended(NamedTuple):
    """The journal did what is no append, at this moment; `told` is False if its word got lost."""

    node: str
    write: Upkeep
    done: bool | None
    """As the port says it: a log that is gone, records that are; None for what only moves on."""
    told: bool


class Untended(NamedTuple):
    """The journal could not do what is no append: nothing has changed."""

    node: str
    write: Upkeep


class Verdict(NamedTuple):
    """A writer was told what became of its records up to `upto` (None: all it had, void)."""

    node: str
    task: str
    writer: int
    upto: int | None
    fenced: bool


class Kept(NamedTuple):
    """A snapshot was handed to the journal."""

    node: str
    task: str
    snapshot: Snapshot


# -- the agent


class Launched(NamedTuple):
    """`execute` was called."""

    node: str
    start: StartRun


class CalledOff(NamedTuple):
    """`cancel` was called."""

    node: str
    cancel: CancelRun


class Abandoned(NamedTuple):
    """A run was given up; whatever it does from now on must have no effect."""

    node: str
    run: RunId


class Emission(NamedTuple):
    """The agent emitted an event; `payload` is unique to it."""

    node: str
    run: RunId
    payload: bytes
    late: bool
    """Its run was abandoned or over."""


class Over(NamedTuple):
    """The agent reported the end of a run (or of its cancel)."""

    node: str
    run: RunId
    failure: Failure | None
    cancel: bool


# -- webhooks


class Called(NamedTuple):
    """A process began an attempt to notify a webhook: from here on the webhook may be called."""

    node: str
    notify: Notify


class Notified(NamedTuple):
    """A webhook was called; `ok` says whether it took the notification."""

    node: str
    notify: Notify
    ok: bool


class CallOver(NamedTuple):
    """A process was told what became of its attempt to notify a webhook."""

    node: str
    notify: Notify
    verdict: Outcome


# -- processes


class Began(NamedTuple):
    """A process started on the journal."""

    node: str


class Crashed(NamedTuple):
    """A process ended at once; of its append under way `survived` says what is on disk."""

    node: str
    survived: str


class Paused(NamedTuple):
    """A process stopped running, to come back as a zombie."""

    node: str


class Resumed(NamedTuple):
    """A paused process goes on."""

    node: str


class StorageAway(NamedTuple):
    """The storage fails whatever it is asked, until `until` (virtual seconds)."""

    until: float


class FaultsStopped(NamedTuple):
    """From here on nothing fails: what is owed must now come."""


class Broke(NamedTuple):
    """The run itself broke: its scenario raised, or it could not go on."""

    error: str


class NotRepeated(NamedTuple):
    """User code asked for what no replay can repeat: the wall clock, a uuid, chance."""

    text: str


class Quiet(NamedTuple):
    """Nothing can happen any more."""

    leftovers: tuple[str, ...]
    """Everything that should not be left: stash entries, timers, asyncio tasks, open requests."""


# -- inside a process


class Dead(NamedTuple):
    """A dead letter was counted."""

    node: str
    to: ActorRef[Any] | None
    message: object
    reason: str


class Expired(NamedTuple):
    """An actor was handed the message of a timer.

    `live` is False if that timer was not the latest of its name that the actor had started, or was
    cancelled, going by what the steps of this life have asked for.
    """

    node: str
    ref: ActorRef[Any]
    timer: str
    live: bool


class Crowded(NamedTuple):
    """More wait in the normal lane of a mailbox than ever before, as one more is let in.

    Only messages that could have been refused are counted as let in; the others, which are bounded
    by construction, only wait among them.
    """

    node: str
    ref: ActorRef[Any]
    waiting: int
    bound: int


class Failed(NamedTuple):
    """An actor's step raised: never in a sound run."""

    node: str
    report: str


class Delivered(NamedTuple):
    """A message was handled (only in detailed traces, for diagrams)."""

    node: str
    sender: str
    to: ActorRef[Any]
    message: object


E = TypeVar("E")


class Trace:
    """Entries in order, by type, and the logs as they are at the end.

    Args:
        detailed: whether every delivery is written down; for diagrams, not for searching.
    """

    def __init__(self, *, detailed: bool = False) -> None:
        self.detailed = detailed
        self.closed = False
        """The run is over: what unwinds from here on is no part of it, and is not written."""
        self.entries: list[Any] = []
        self._by_type: dict[type[Any], list[tuple[int, Any]]] = {}
        self.people: dict[str, Caller] = {}
        """Client -> on whose behalf it asks."""
        self.owners: dict[str, Caller] = {}
        """Task -> on whose behalf its first message was sent."""
        self.logs: dict[str, tuple[Record, ...]] = {}
        """Task -> its whole log, as the journal has it when the run is over."""
        self.kept: dict[str, StoredLog] = {}
        """Task -> what the journal still has of it when the run is over; not those removed."""
        self.places: tuple[Undone, ...] = ()
        """What consumers of logs have yet to do, as the journal has it when the run is over."""
        self.outboxes: dict[str, Deliveries] = {}
        """Process -> how its webhooks are doing when the run is over."""
        self.delivery: Delivery | None = None
        """How the webhooks of tasks are delivered; None: they are not."""
        self.sender = False
        """There is a sender of the user's, to be notified of every task."""
        self.table: Any = None
        """The compiled chart of the policy."""
        self.evidence: Any = None
        """What its judges have read off it; here, as it holds errors whose frames hold the trace,
        and a weak table of traces would keep every one of them."""

    def add(self, entry: Any) -> None:
        """Write one entry, unless the trace is closed."""
        if self.closed:
            return
        kind = type(entry)
        found = self._by_type.get(kind)
        if found is None:
            found = self._by_type[kind] = []
        found.append((len(self.entries), entry))
        self.entries.append(entry)

    def all(self, kind: type[E]) -> Iterator[E]:
        """Every entry of one type, in order."""
        for _, entry in self._by_type.get(kind, ()):
            yield entry

    def timed(self, kind: type[E]) -> list[tuple[int, E]]:
        """Every entry of one type with its place in the trace."""
        return self._by_type.get(kind, [])

    def lines(self) -> Iterator[str]:
        """The trace as text, one line an entry; the same run gives the same lines anywhere."""
        for number, entry in enumerate(self.entries):
            yield f"{number:4} {entry!r}"

    def digest(self) -> str:
        """Invariant 32: the same choices give the same digest (SHA-256 of the lines, hex)."""
        text = "\n".join(self.lines())
        return hashlib.sha256(text.encode()).hexdigest()
