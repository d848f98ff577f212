"""JournalActor: appends, in groups; and every read of a log.

Group commit is natural: what arrives while a group is being stored is the next group. There is no
timer but the one that retries a failing journal, with backoff, until the policy's patience is
over; meanwhile nothing is acknowledged, so agents run out of credit and wait.

An append of unknown outcome (its acknowledgement was lost) is resolved once, for good: it is
repeated, and read back when that is fenced. When patience ends before the outcome is known, its
writer is void and its actor is revived from the log, whatever that says by then; nothing more of
that writer is stored, as it might follow on what was thought to be lost.

Neighbours: `lanes.py` (groups, verdicts), `shell.py` (what stands between this and a Journal),
`actors/runtime/persistent.py` (the actors that append).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

from actors.runtime import (
    RESUME,
    Actor,
    ActorRef,
    Caller,
    DeadLetter,
    Envelope,
    Lane,
    Message,
    Perform,
    Reject,
    Reply,
    StartTimer,
    Step,
    Tell,
)
from actors.runtime.journal.errors import StorageRejected
from actors.runtime.journal.lanes import (
    DOUBLINGS,
    RETRY_MOST,
    Effects,
    Lanes,
    LaneState,
    TryAgain,
    works,
)
from actors.runtime.journal.messages import (
    JOURNAL,
    Answered,
    Appended,
    AppendRecords,
    Asked,
    Drain,
    Fetched,
    FindKey,
    Flush,
    GroupFailed,
    GroupStored,
    KeepSnapshot,
    ListLogs,
    Loaded,
    LoadLog,
    Orphan,
    Probe,
    ReadLog,
    ReadPage,
    Recover,
    RetryGroup,
)
from actors.runtime.journal.port import Ack, Append
from actors.runtime.journal.record import Record
from actors.runtime.values import value

RETRY_FIRST = 0.05
"""Seconds before a failing group is tried again, doubling up to RETRY_MOST."""


READS = (ReadLog, ReadPage, ListLogs, KeepSnapshot, FindKey, Asked)
"""What is handed to the port as it is."""


class StoreGroup(NamedTuple):
    """To the port: store these, tell GroupStored or GroupFailed."""

    lane: str
    group: tuple[Append, ...]


class ReadBack(NamedTuple):
    """To the port: read `limit` records from the place of this append on.

    It tells FoundThere or GroupFailed.
    """

    lane: str
    append: Append
    limit: int


@value
class FoundThere(Message):
    """The port's answer to ReadBack; None when the place is no longer kept."""

    lane: ClassVar[Lane] = Lane.SYSTEM
    lane_name: str
    records: tuple[Record, ...] | None


class Fetch(NamedTuple):
    """To the port: read what was asked, tell Fetched."""

    asked: Message
    envelope: Envelope


class JournalActor(Actor[Lanes]):
    """The behaviour of the one journal actor of a system.

    Args:
        lane_of: log -> lane (`Journal.lane`).
        patience: seconds for which a failing journal is retried.
        address: log -> the actor whose log it is.
        shown: what who asked for a read is shown of its result, given both.
    """

    supervision = RESUME
    patient = True  # so that one group holds what all tasks have decided in a turn

    def __init__(
        self,
        lane_of: Callable[[str], str],
        patience: float,
        address: Callable[[str], ActorRef[Any]],
        shown: Callable[[Message, Any], object] = lambda _, result: result,
    ) -> None:
        self._lane_of = lane_of
        self._patience = patience
        self._address = address
        self._shown = shown
        self._by_type: dict[type[Message], Callable[[Lanes, Any, int], Effects]] = {
            AppendRecords: self._append,
            Flush: self._flush,
            GroupStored: self._stored,
            GroupFailed: self._failed,
            FoundThere: self._found,
            RetryGroup: self._retry,
            Probe: self._probe,
            Orphan: lambda state, message, _: state.orphaned(message.log, message.caller),
            TryAgain: self._try_again,
        }

    def start(self) -> Step[Lanes]:
        """Nothing gathered."""
        return Step(Lanes(self._address))

    def step(self, state: Lanes, envelope: Envelope, now: int) -> Step[Lanes]:
        """Gather, store, or read."""
        message = envelope.message
        handle = self._by_type.get(type(message))
        if handle is not None:
            return Step(state, tuple(handle(state, message, now)))
        if isinstance(message, Fetched):
            return Step(state, tuple(self._fetched(state, message, envelope)))
        if isinstance(message, Drain) and envelope.reply_to is not None:
            state.drained.append(envelope.reply_to)
            return Step(state, tuple(state.tell_drained()))
        if isinstance(message, LoadLog):
            return Step(state, tuple(self._load(state, message, envelope)))
        if isinstance(message, READS):
            return Step(state, (Perform("journal", Fetch(message, envelope)),))
        return Step(state, (DeadLetter(message, "not for the journal"),))

    # -- appends

    def _append(self, state: Lanes, message: AppendRecords, _: int) -> Effects:
        append = message.append
        if state.void.get(append.log) == append.writer:
            return [DeadLetter(message, "append of a void writer")]
        name = self._lane_of(append.log)
        lane = state.by_name.get(name)
        if lane is None:
            lane = state.by_name[name] = LaneState()
        lane.gather(append)
        return self._flush_soon(name, lane)

    @staticmethod
    def _flush_soon(name: str, lane: LaneState) -> Effects:
        """Flush after whatever else waits in our mailbox: that joins the group."""
        if lane.flushing or lane.storing:
            return []
        lane.flushing = True
        return [Tell(JOURNAL, Flush(name))]

    @staticmethod
    def _flush(state: Lanes, message: Flush, _: int) -> Effects:
        lane = state.by_name[message.lane_name]
        lane.begin()
        return [Perform("journal", StoreGroup(message.lane_name, lane.storing))]

    def _stored(self, state: Lanes, message: GroupStored, _: int) -> Effects:
        lane = state.by_name[message.lane_name]
        lane.judged(message.acks, state.limbo)
        return self._resolve(state, message.lane_name, lane)

    def _found(self, state: Lanes, message: FoundThere, _: int) -> Effects:
        lane = state.by_name[message.lane_name]
        lane.found(message.records)
        return self._resolve(state, message.lane_name, lane)

    def _resolve(self, state: Lanes, name: str, lane: LaneState) -> Effects:
        """Tell the verdicts, once there is no doubt about any of the group."""
        if lane.doubt is not None:
            return [Perform("journal", ReadBack(name, lane.doubt.append, lane.doubt.limit))]
        verdicts = lane.finish()
        state.decided(verdicts)
        effects: Effects = [
            Tell(self._address(append.log), Appended(append.writer, append.records[-1].seq))
            for append, ack in verdicts
            if ack is Ack.STORED
        ]
        if len(effects) < len(verdicts):
            effects += state.fenced(lane, [append for append, ack in verdicts if ack is Ack.FENCED])
        if state.probes and any(ack is Ack.STORED and works(append) for append, ack in verdicts):
            state.probes = 0
        if state.orphans:
            effects += state.settle_orphans()
        if None in [ack for _, ack in verdicts]:
            effects += state.lost(lane, [append for append, ack in verdicts if ack is None])
        effects += self._go_on(state, name, lane)
        return effects

    def _go_on(self, state: Lanes, name: str, lane: LaneState) -> Effects:
        """Store what has gathered meanwhile, or forget the lane."""
        loads = lane.due()
        due: Effects = [Perform("journal", Fetch(load.message, load)) for load in loads]
        if lane.gathered:
            return due + self._flush_soon(name, lane)
        del state.by_name[name]
        return due + state.tell_drained()

    def _failed(self, state: Lanes, message: GroupFailed, now: int) -> Effects:
        lane = state.by_name[message.lane_name]
        lane.failing_since = now if lane.failing_since is None else lane.failing_since
        if message.transient and now - lane.failing_since < self._patience * 1000:
            delay = min(RETRY_FIRST * 2.0 ** min(lane.attempts, DOUBLINGS), RETRY_MOST)
            lane.attempts += 1
            timer = f"retry {message.lane_name}"
            return [StartTimer(timer, delay, RetryGroup(message.lane_name))]
        if lane.doubts:
            return self._undecided(state, message, lane)
        lane.failing_since, lane.attempts = None, 0
        if message.transient:
            failed, lane.gathered = [*lane.storing, *lane.gathered], []
        elif len(lane.storing) > 1:
            # One of them cannot be stored, ever; the others must not suffer for it.
            lane.apart, lane.gathered = len(lane.storing), [*lane.storing, *lane.gathered]
            failed = []
        else:
            failed = list(lane.storing)
        lane.storing = ()
        error = None if message.transient else message.error
        return state.given_up(lane, failed, error) + self._go_on(state, message.lane_name, lane)

    def _undecided(self, state: Lanes, message: GroupFailed, lane: LaneState) -> Effects:
        """A place cannot be read: what stands there shows when its actor is revived."""
        lost: list[Append] = []
        if message.transient:
            lost, lane.gathered = lane.gathered, []
        lane.give_up(len(lane.doubts) if message.transient else 1)
        verdicts = self._resolve(state, message.lane_name, lane)
        return verdicts + state.given_up(lane, lost, None)

    @staticmethod
    def _retry(state: Lanes, message: RetryGroup, _: int) -> Effects:
        name = message.lane_name
        lane = state.by_name[name]
        if lane.doubt is not None:
            return [Perform("journal", ReadBack(name, lane.doubt.append, lane.doubt.limit))]
        lane.repeated = True
        return [Perform("journal", StoreGroup(name, lane.storing))]

    @staticmethod
    def _probe(state: Lanes, _: Probe, __: int) -> Effects:
        state.probes += 1
        return state.settle_orphans()

    @staticmethod
    def _try_again(state: Lanes, message: TryAgain, __: int) -> Effects:
        return [Tell(state.address(message.log), Recover(), caller=message.caller)]

    # -- reads

    def _load(self, state: Lanes, message: LoadLog, envelope: Envelope) -> Effects:
        """Read a log, behind all that a life of its actor which has crashed wants appended."""
        state.void.pop(message.log, None)
        lane = state.by_name.get(self._lane_of(message.log))
        if lane is not None and message.log in lane.busy:
            lane.loads[message.log] = envelope
            return []
        return [Perform("journal", Fetch(message, envelope))]

    def _fetched(self, state: Lanes, message: Fetched, envelope: Envelope) -> Effects:
        asked, error, reply_to = message.asked, message.error, envelope.reply_to
        if isinstance(asked, LoadLog):
            loaded: Effects = [Tell(self._address(asked.log), Loaded(message.result, error))]
            return loaded + _after_load(state, asked, message, envelope.caller)
        if isinstance(asked, Asked):
            return [Tell(asked.to, Answered(asked, message.result, error))]
        if reply_to is None:
            return []
        if error is not None:
            return [Reject(reply_to, error)]
        return [Reply(reply_to, self._shown(asked, message.result))]


def _after_load(state: Lanes, asked: LoadLog, read: Fetched, caller: Caller) -> Effects:
    """Look after a log that is refused; one that cannot be read now its actor has looked after."""
    if isinstance(read.error, StorageRejected):
        return state.refuse(asked.log, caller)
    if asked.owned and read.result is None:
        return []  # there may be one, of somebody else
    state.read(asked.log, read.result)
    return []
