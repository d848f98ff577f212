"""JournalActor: appends, in groups; and every read of a log.

Group commit is natural: what arrives while a group is being stored is the next group. There is no
timer but the one that retries a failing journal, with backoff, until the policy's patience is
over; meanwhile nothing is acknowledged, so agents run out of credit and wait.

Neighbours: `state.py` (makes appends), `ports.py` (Journal, reached through `shell.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from actors.runtime import (
    Actor,
    Caller,
    DeadLetter,
    Directive,
    Effect,
    Envelope,
    Message,
    Perform,
    Reject,
    Reply,
    ReplyTo,
    StartTimer,
    Step,
    Tell,
)
from actors.task.messages import Appended, AppendFailed, Loaded, Recover, task_ref
from actors.task.orders import (
    JOURNAL,
    AppendRecords,
    Drain,
    Fetched,
    Flush,
    GroupFailed,
    GroupStored,
    KeepSnapshot,
    ListTasks,
    LoadTask,
    Orphan,
    Probe,
    ReadPage,
    ReadTask,
    RetryGroup,
)
from actors.task.ports import Ack, Append, StorageRejected, StorageUnavailable
from actors.task.views import shown

RETRY_FIRST = 0.05
RETRY_MOST = 1.0
"""Seconds between attempts to store a group: doubling from the first to the most."""


Effects: TypeAlias = list[Effect]


PROBE_MOST = 60.0
"""Seconds between attempts to settle orphans, at most; doubling from RETRY_MOST."""


class StoreGroup(NamedTuple):
    """To the port: store these, tell GroupStored or GroupFailed."""

    lane: str
    group: tuple[Append, ...]


class Fetch(NamedTuple):
    """To the port: read what was asked, tell Fetched."""

    asked: Message
    envelope: Envelope


@dataclass(slots=True)
class LaneState:
    """Appends of one lane; the actor's own, changed in place."""

    gathered: list[Append] = field(default_factory=list)
    storing: tuple[Append, ...] = ()
    flushing: bool = False
    failing_since: int | None = None
    attempts: int = 0
    apart: int = 0
    """Appends to store one by one: their group was refused and one of them is to blame."""

    @property
    def idle(self) -> bool:
        """Nothing gathered and nothing being stored."""
        return not (self.gathered or self.storing or self.flushing)


@dataclass(slots=True)
class Lanes:
    """The state of the JournalActor."""

    by_name: dict[str, LaneState] = field(default_factory=dict)
    orphans: dict[str, Caller] = field(default_factory=dict)
    """Tasks whose actors were lost with a run going on, to be settled when that can be done."""
    probes: int = 0
    """Probes since anything was stored; each waits longer than the one before."""
    drained: list[ReplyTo[Any]] = field(default_factory=list)


class JournalActor(Actor[Lanes]):
    """The behaviour of the one journal actor of a system.

    Args:
        lane_of: task id -> lane (`Journal.lane`).
        patience: seconds for which a failing journal is retried.
    """

    supervision = Directive.RESUME

    def __init__(self, lane_of: Callable[[str], str], patience: float) -> None:
        self._lane_of = lane_of
        self._patience = patience
        self._by_type: dict[type[Message], Callable[[Lanes, Any, int], Effects]] = {
            AppendRecords: self._append,
            Flush: self._flush,
            GroupStored: self._stored,
            GroupFailed: self._failed,
            RetryGroup: self._retry,
            Probe: self._probe,
            Orphan: lambda state, message, _: _adopt(state, {message.task: message.caller}),
        }

    def start(self) -> Step[Lanes]:
        """Nothing gathered."""
        return Step(Lanes())

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
            return Step(state, tuple(_drained(state)))
        if isinstance(message, LoadTask | ReadTask | ReadPage | ListTasks | KeepSnapshot):
            return Step(state, (Perform("journal", Fetch(message, envelope)),))
        return Step(state, (DeadLetter(message, "not for the journal"),))

    # -- appends

    def _append(self, state: Lanes, message: AppendRecords, _: int) -> Effects:
        name = self._lane_of(message.append.task)
        lane = state.by_name.setdefault(name, LaneState())
        lane.gathered.append(message.append)
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
        lane.flushing = False
        if lane.apart:
            lane.apart -= 1
            lane.storing, lane.gathered = (lane.gathered[0],), lane.gathered[1:]
        else:
            lane.storing, lane.gathered = merged(lane.gathered), []
        return [Perform("journal", StoreGroup(message.lane_name, lane.storing))]

    def _stored(self, state: Lanes, message: GroupStored, _: int) -> Effects:
        lane = state.by_name[message.lane_name]
        group, lane.storing = lane.storing, ()
        lane.failing_since, lane.attempts = None, 0
        effects: Effects = [
            Tell(task_ref(append.task), _verdict(append, ack))
            for append, ack in zip(group, message.acks, strict=True)
        ]
        state.probes = 0
        effects += _settle_orphans(state)
        return effects + self._go_on(state, message.lane_name, lane)

    def _go_on(self, state: Lanes, name: str, lane: LaneState) -> Effects:
        """Store what has gathered meanwhile, or forget the lane."""
        if lane.gathered:
            return self._flush_soon(name, lane)
        del state.by_name[name]
        return _drained(state)

    def _failed(self, state: Lanes, message: GroupFailed, now: int) -> Effects:
        lane = state.by_name[message.lane_name]
        lane.failing_since = now if lane.failing_since is None else lane.failing_since
        if message.transient and now - lane.failing_since < self._patience * 1000:
            delay = min(RETRY_FIRST * 2**lane.attempts, RETRY_MOST)
            lane.attempts += 1
            timer = f"retry {message.lane_name}"
            return [StartTimer(timer, delay, RetryGroup(message.lane_name))]
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
        return _void(state, failed, error) + self._go_on(state, message.lane_name, lane)

    @staticmethod
    def _retry(state: Lanes, message: RetryGroup, _: int) -> Effects:
        lane = state.by_name[message.lane_name]
        return [Perform("journal", StoreGroup(message.lane_name, lane.storing))]

    @staticmethod
    def _probe(state: Lanes, _: Probe, __: int) -> Effects:
        state.probes += 1
        return _settle_orphans(state)

    # -- reads

    @staticmethod
    def _fetched(state: Lanes, message: Fetched, envelope: Envelope) -> Effects:
        asked, error, reply_to = message.asked, message.error, envelope.reply_to
        if isinstance(asked, LoadTask):
            loaded: Effects = [Tell(task_ref(asked.task), Loaded(message.result, error))]
            away = isinstance(error, StorageUnavailable | StorageRejected)
            return loaded + _adopt(state, {asked.task: envelope.caller}) if away else loaded
        if isinstance(asked, KeepSnapshot) or reply_to is None:
            return []
        if error is not None:
            return [Reject(reply_to, error)]
        return [Reply(reply_to, shown(asked, message.result))]


def _void(state: Lanes, failed: list[Append], error: Exception | None) -> Effects:
    """Tell the writers that nothing of this is stored, and see to it that their tasks settle."""
    writers = {append.task: append for append in failed}
    void: Effects = [
        Tell(task_ref(task), AppendFailed(append.writer, fenced=False, error=error))
        for task, append in writers.items()
    ]
    return void + _adopt(state, {task: append.caller for task, append in writers.items()})


def _adopt(state: Lanes, tasks: dict[str, Caller]) -> Effects:
    """Remember tasks whose actors were lost; look after them in a while."""
    state.orphans.update(tasks)
    delay = min(RETRY_MOST * 2**state.probes, PROBE_MOST)
    return [StartTimer("probe", delay, Probe())]


def _settle_orphans(state: Lanes) -> Effects:
    """Revive what was lost: reviving settles it, or finds the journal still away."""
    settle: Effects = [
        Tell(task_ref(task), Recover(), caller=caller) for task, caller in state.orphans.items()
    ]
    state.orphans.clear()
    return settle


def _drained(state: Lanes) -> Effects:
    """Tell those who drain, once nothing is gathered or being stored."""
    if not all(lane.idle for lane in state.by_name.values()):
        return []
    told: Effects = [Reply(reply_to, True) for reply_to in state.drained]
    state.drained.clear()
    return told


def merged(appends: Sequence[Append]) -> tuple[Append, ...]:
    """Join what each task appended one after another, so that it holds or fails together."""
    group: list[Append] = []
    latest: dict[str, int] = {}
    for append in appends:
        at = latest.get(append.task)
        if at is not None and _follows(append, group[at]):
            group[at] = append._replace(
                expected=group[at].expected, records=group[at].records + append.records
            )
        else:
            latest[append.task] = len(group)
            group.append(append)
    return tuple(group)


def _follows(append: Append, before: Append) -> bool:
    """Tell whether one writer made both, in a row (another may have revived the task since)."""
    contiguous = append.expected == before.records[-1].seq
    return contiguous and (append.epoch, append.writer) == (before.epoch, before.writer)


def _verdict(append: Append, ack: Ack) -> Message:
    if ack is Ack.STORED:
        return Appended(append.writer, append.records[-1].seq)
    return AppendFailed(append.writer, fenced=True, error=None)
