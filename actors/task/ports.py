"""The ports of the task core: what it needs of the outside world, as Protocols.

Neighbours: `record.py` (what a journal stores), `journal.py` and `runner.py` (the actors that talk
to these ports), `actors/storage` and `actors/a2a` (the real ones), `actors/simulation` (seeded).
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple, Protocol, TypeAlias, TypeVar

from actors.runtime import ActorRef, Caller, Message
from actors.task.record import Record

T = TypeVar("T")
MaybeAwaitable: TypeAlias = T | Awaitable[T]
"""A port answers at once where it can (SQLite in the loop) and later where it must."""


class StorageError(Exception):
    """The journal could not do its work. The message is for the log, never for a client."""


class StorageUnavailable(StorageError):  # noqa: N818 - a state that passes, not a fault
    """It may work again soon (disk full, locked, connection lost).

    Out of `append` it means that nothing was stored, or that nobody knows (the connection broke
    during the commit). The same group is then appended again, and read back if that is fenced.
    """


class StorageRejected(StorageError):  # noqa: N818 - a verdict, not a fault of ours
    """A user's own store refused to save; `cause` is what it raised and what callers hear."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(f"the task store refused: {cause!r}")
        self.cause = cause


class JournalCorrupt(StorageError):  # noqa: N818 - a state of a file
    """Stored bytes are not what was written; says where."""


class Row(NamedTuple):
    """What is kept beside the log of one task, written in the same transaction."""

    task: str
    owner: str
    tenant: str
    context: str
    state: int = 0
    """`TaskState` number; 0 while no Task is visible (no public record yet, or a bare reply)."""
    status_at: int = 0
    """UTC milliseconds of the current status, the sort key of listings (R68)."""
    active: bool = False
    """A run is going on or messages wait for one: to be settled after a crash."""
    head: int = 0
    epoch: int = 1


class Append(NamedTuple):
    """A compare-and-append on one task's log (law L7).

    Holds only if the stored epoch equals `epoch` (or is lower, when the first record is
    EPOCH_CLAIMED) and the stored head is `expected`; a task without a log has head 0. `row` is the
    state of the row after `records`; its `head` and `epoch` are those of the last record.
    """

    task: str
    epoch: int
    expected: int
    records: tuple[Record, ...]
    row: Row
    caller: Caller
    """The request whose run wrote the records; a user's own store gets its call context."""
    writer: int = 0
    """Life of the TaskActor that wants to hear what became of it; journals pass it by."""


class Ack(Enum):
    """What became of one append."""

    STORED = "stored"
    FENCED = "fenced"
    """Another writer was here: refused, nothing of this append is stored."""


class Snapshot(NamedTuple):
    """A cache of a fold: the bytes that `Fold.pack` made at `seq`."""

    seq: int
    payload: bytes


class Stored(NamedTuple):
    """What a journal knows of one task."""

    row: Row
    snapshot: Snapshot | None
    tail: tuple[Record, ...]
    """Every record after the snapshot, or all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which tasks to list: one owner's, newest status first, then by id descending."""

    owner: str
    tenant: str
    context: str = ""
    state: int = 0
    status_from: int | None = None
    """UTC milliseconds, inclusive (R73)."""
    size: int = 50
    after: tuple[int, str] | None = None
    """Position of the last task of the page before: (status_at, task)."""
    caller: Caller = field(default_factory=Caller)
    request: bytes = b""
    """The client's ListTasksRequest as it came, for a user's own store: that reads its page token,
    and answers with its own (the text of `Listing.next`)."""


class Listing(NamedTuple):
    """One page of tasks."""

    tasks: tuple[Stored, ...]
    total: int
    """All tasks that match, on every page."""
    next: tuple[int, str] | None
    """Where the next page goes on; None at the end."""


class Journal(Protocol):
    """One append-only log per task. See `actors.storage.conformance` for what it must keep.

    Any method may raise `StorageUnavailable` (trying again makes sense) or another `StorageError`;
    both may come out of the awaitable instead. An append that has raised may be stored all the
    same, wholly or not at all: each of its group either is or is not.
    """

    external: bool
    """Somebody else may write to it too, and it alone judges who may see a task: every read by a
    caller asks it, also while the task's actor lives (a user's own TaskStore)."""

    def lane(self, task: str) -> str:
        """Name the lane of a task.

        Appends of one lane are acknowledged one group after another; lanes do not wait for one
        another. A journal with group commit has one lane.
        """

    def append(self, group: Sequence[Append]) -> MaybeAwaitable[Sequence[Ack]]:
        """Store a group in one transaction and say what became of each append, in order.

        An append that is FENCED does not keep the others of its group from being stored. A group
        may hold several appends of one task, in order. One that is stored already is not stored
        again: it is FENCED, or STORED where the journal knows it for the same; and `page` shows
        its records, equal to those appended.
        """

    def read(self, task: str, caller: Caller | None = None) -> MaybeAwaitable[Stored | None]:
        """The task, or None if there is none or `caller` (owner and tenant) may not see it.

        None as caller is the core itself, which may see all.
        """

    def page(self, task: str, after: int, limit: int) -> MaybeAwaitable[tuple[Record, ...] | None]:
        """The `limit` records after `after`, in order; None if they are no longer kept.

        Fewer only where the log ends.
        """

    def list(self, query: Query) -> MaybeAwaitable[Listing]:
        """One page of the visible tasks (row state not 0) that match."""

    def active(self) -> MaybeAwaitable[Sequence[str]]:
        """Ids of tasks whose row says active: what a new process must settle."""

    def save_snapshot(self, task: str, snapshot: Snapshot) -> MaybeAwaitable[None]:
        """Keep a snapshot for faster reads; best effort, never more than a cache."""

    def open(self) -> None:
        """Get ready; called once on the loop that will use it, before anything else."""

    def close(self) -> MaybeAwaitable[None]:
        """Finish what was begun and let go of files and connections; idempotent."""


class RunId(NamedTuple):
    """One execution of the agent for one task. Anything but the current one is a dead letter."""

    task: str
    epoch: int
    run: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRun:
    """Call the agent's `execute`."""

    run: RunId
    caller: Caller
    request: bytes
    """SendMessageRequest as accepted, ids filled in."""
    context: str
    extensions: tuple[str, ...]
    task: bytes
    """The stored Task as of the start of the run; empty when there is none."""
    recovered: bool
    """The process that accepted the request is gone; its call context must be made up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRun:
    """Call the agent's `cancel` with the queue of the run open, then cancel `execute`.

    Reported as one end: when `cancel` has returned and `execute` has unwound, or when `cancel`
    raised. The end of `execute` alone is not reported any more.
    """

    run: RunId
    caller: Caller
    context: str
    task: bytes


@dataclass(frozen=True, slots=True)
class AbandonRun:
    """Fence the run: resolve its waits, cancel its asyncio task, never await it again."""

    run: RunId


@dataclass(frozen=True, slots=True)
class GrantCredit:
    """The journal has room: the agent may emit `events` more."""

    run: RunId
    events: int


@dataclass(frozen=True, slots=True)
class ForgetRequest:
    """The run of the request behind `key` is over, or will never be."""

    key: int


AgentRequest = StartRun | CancelRun | AbandonRun | GrantCredit | ForgetRequest


class Notify(NamedTuple):
    """Tell the webhooks of a task about one public record."""

    task: str
    record: Record


class WebhookPort(Protocol):
    """The receivers of push notifications. Reports by telling `messages.Delivered`."""

    def perform(self, request: Notify, sender: ActorRef[Message]) -> None:
        """Begin; must not block and must not raise."""


class AgentPort(Protocol):
    """The agent, as RunnerActor commands it; only the real one awaits user code.

    It reports by telling: `messages.Emitted` to the TaskActor for each event, and
    `messages.RunReported` to the RunnerActor for each end.
    """

    def perform(self, request: AgentRequest, sender: ActorRef[Message]) -> None:
        """Begin; must not block and must not raise."""
