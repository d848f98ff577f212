"""What the JournalActor is told, and what it tells the actors whose logs it keeps.

Neighbours: `actor.py` (receives and sends these), `port.py` (the values in them).
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from actors.runtime.journal.port import Ack, Append, Head, Place, Snapshot, Stored
from actors.runtime.journal.projection import Keep, Query
from actors.runtime.message import ActorRef, Caller, Internal, Lane, Message
from actors.runtime.values import value

JOURNAL: Final[ActorRef[Message]] = ActorRef("journal", "")
"""The one JournalActor of a system."""


# -- to the actor of a log


class Logged(Message):
    """Told by the JournalActor to an actor that has a log."""

    __slots__ = ()

    lane: ClassVar[Lane] = Lane.SYSTEM


@value
class Recover(Logged):
    """Settle what a crash has left: whoever revives an actor with a log does that."""

    revives: ClassVar[bool] = True
    report: ActorRef[Any] | None = None
    """Is told Recovered once the log has been read and what was decided upon it is stored."""


@value
class Recovered(Message):
    """What became of a Recover that wanted a report."""

    lane: ClassVar[Lane] = Lane.SYSTEM
    log: str
    error: Exception | None = None
    """Why the log could not be read or written; it is tried again without a further report."""


@value
class Loaded(Logged):
    """The log of an actor that is being revived; None if there is none."""

    stored: Stored | None
    error: Exception | None = None


@value
class Appended(Logged):
    """Every record up to `upto` that this life of the actor wrote is stored."""

    writer: int
    upto: int


@value
class AppendFailed(Logged):
    """Nothing after the last acknowledged record is known to be stored: the rest is void."""

    writer: int
    fenced: bool
    error: Exception | None
    """An error for callers to hear (a user's own store said no); None: storage is unavailable."""


# -- to the JournalActor, from actors with a log


@value
class AppendRecords(Internal):
    """Append for the actor of `append.log`; it is told Appended or AppendFailed."""

    append: Append


@value
class LoadLog(Internal):
    """Read a log for its actor, which is told Loaded."""

    log: str
    owned: bool = False
    """Only if the envelope's caller may see it; else it is as if there were none (R81)."""


@value
class KeepSnapshot(Internal):
    """Cache a fold."""

    log: str
    snapshot: Snapshot


@value
class Orphan(Message):
    """The actor of a log was lost with something going on: revive it in a while, to settle that."""

    lane: ClassVar[Lane] = Lane.SYSTEM
    log: str
    caller: Caller
    """Whose work was lost; a user's own store wants to know."""


# -- to the JournalActor, from anybody: asked, and answered with what the port says


@value
class ReadLog(Message):
    """Read a log without its actor, on behalf of the envelope's caller."""

    log: str
    whole: bool = False
    """Answered with what the journal has (`Stored`), not with what whoever asks is shown of it."""


@value
class ReadPage(Internal):
    """Read records after `after`."""

    log: str
    after: int
    limit: int


@value
class ListLogs(Message):
    """One page of a listing."""

    query: Query


@value
class FindKey(Message):
    """Where an idempotency key leads; `Place | None`."""

    key: str


# -- to the JournalActor, from other actors, which are told Answered


@value
class Asked(Internal):
    """Something for the port; `to` is told what it says."""

    to: ActorRef[Any]


@value
class Heads(Asked):
    """One page of heads; `Sequence[Head]`."""

    after: str = ""
    limit: int = 256
    active: bool = False


@value
class NextRecords(Asked):
    """At most `limit` records after a place; `tuple[Record, ...] | None`."""

    place: Place
    limit: int = 256
    consumer: str = ""
    """For whom; it comes back with the answer."""


@value
class Consumed(Asked):
    """A consumer is done with a log up to a place."""

    consumer: str
    place: Place


@value
class Unconsumed(Asked):
    """One page of what is left for a family of consumers; `Sequence[Left]`."""

    family: str
    after: tuple[str, str] = ("", "")
    limit: int = 256


@value
class WholeLog(Asked):
    """All that the journal has of a log; `Stored | None`."""

    log: str


@value
class NextPlace(Asked):
    """Where a consumer is to go on in one log; `Place | None`."""

    consumer: str
    log: str


@value
class Surplus(Asked):
    """What is beyond what is to be kept; `Sequence[Head]`."""

    keep: Keep
    limit: int = 256


@value
class Compact(Asked):
    """Let go of the records of a log up to one; `bool`."""

    place: Place


@value
class Remove(Asked):
    """Let go of a log; `bool`."""

    head: Head


@value
class Answered(Message):
    """What the port said to an `Asked`: a result or an error."""

    lane: ClassVar[Lane] = Lane.SYSTEM
    asked: Asked
    result: Any
    error: Exception | None


# -- to the standing actors


@value
class Drain(Internal):
    """Answered (True) by a standing actor once nothing is under way; behind all that waits."""


# -- to the JournalActor, from its shell and itself


@value
class Flush(Internal):
    """Everything that was waiting has been gathered: store the group."""

    lane_name: str


@value
class GroupStored(Message):
    """The port's answer to one group."""

    lane: ClassVar[Lane] = Lane.SYSTEM
    lane_name: str
    acks: tuple[Ack, ...]


@value
class GroupFailed(Message):
    """The port could not store a group, or not read back whether it is stored."""

    lane: ClassVar[Lane] = Lane.SYSTEM
    lane_name: str
    error: Exception
    transient: bool


@value
class RetryGroup(Message):
    """Timer: try a failed group again."""

    lane: ClassVar[Lane] = Lane.SYSTEM
    lane_name: str


@value
class Probe(Message):
    """Timer: see whether logs whose actors a failing journal has voided can be settled by now."""

    lane: ClassVar[Lane] = Lane.SYSTEM


@value
class Fetched(Message):
    """The port's answer to a read: a result or an error. Who asked is the envelope's reply_to."""

    lane: ClassVar[Lane] = Lane.SYSTEM
    asked: Message
    result: Any
    error: Exception | None
