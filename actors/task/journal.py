"""JournalActor: appends, in groups; and every read of a log.

Group commit is natural: what arrives while a group is being stored is the next group. There is no
timer but the one that retries a failing journal, with backoff, until the policy's patience is
over; meanwhile nothing is acknowledged, so agents run out of credit and wait.

Neighbours: `state.py` (makes appends), `ports.py` (Journal, reached through `shell.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from actors.runtime import (
    Actor,
    DeadLetter,
    Directive,
    Effect,
    Envelope,
    Message,
    Perform,
    Reject,
    Reply,
    StartTimer,
    Step,
    Tell,
)
from actors.task.messages import (
    JOURNAL,
    Appended,
    AppendFailed,
    AppendRecords,
    Fetched,
    Flush,
    GroupFailed,
    GroupStored,
    KeepSnapshot,
    ListTasks,
    Loaded,
    LoadTask,
    Page,
    Probe,
    ReadPage,
    ReadTask,
    Recover,
    RetryGroup,
    TaskPage,
    View,
    task_ref,
)
from actors.task.ports import Ack, Append, Listing, StorageUnavailable, Stored
from actors.task.revive import folded

RETRY_FIRST = 0.05
RETRY_MOST = 1.0
"""Seconds between attempts to store a group: doubling from the first to the most."""


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


@dataclass(slots=True)
class Lanes:
    """The state of the JournalActor."""

    by_name: dict[str, LaneState] = field(default_factory=dict)
    orphans: set[str] = field(default_factory=set)
    """Tasks voided by a failing journal, to be settled when it answers again."""


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
        self._by_type: dict[type[Message], Callable[[Lanes, Any, int], list[Effect]]] = {
            AppendRecords: self._append,
            Flush: self._flush,
            GroupStored: self._stored,
            GroupFailed: self._failed,
            RetryGroup: self._retry,
            Fetched: self._fetched,
            Probe: self._probe,
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
        if isinstance(message, LoadTask | ReadTask | ReadPage | ListTasks | KeepSnapshot):
            return Step(state, (Perform("journal", Fetch(message, envelope)),))
        return Step(state, (DeadLetter(message, "not for the journal"),))

    # -- appends

    def _append(self, state: Lanes, message: AppendRecords, _: int) -> list[Effect]:
        name = self._lane_of(message.append.task)
        lane = state.by_name.setdefault(name, LaneState())
        lane.gathered.append(message.append)
        return self._flush_soon(name, lane)

    @staticmethod
    def _flush_soon(name: str, lane: LaneState) -> list[Effect]:
        """Flush after whatever else waits in our mailbox: that joins the group."""
        if lane.flushing or lane.storing:
            return []
        lane.flushing = True
        return [Tell(JOURNAL, Flush(name))]

    @staticmethod
    def _flush(state: Lanes, message: Flush, _: int) -> list[Effect]:
        lane = state.by_name[message.lane_name]
        lane.flushing = False
        lane.storing = merged(lane.gathered)
        lane.gathered = []
        return [Perform("journal", StoreGroup(message.lane_name, lane.storing))]

    def _stored(self, state: Lanes, message: GroupStored, _: int) -> list[Effect]:
        lane = state.by_name[message.lane_name]
        group, lane.storing = lane.storing, ()
        lane.failing_since, lane.attempts = None, 0
        effects: list[Effect] = [
            Tell(task_ref(append.task), _verdict(append, ack))
            for append, ack in zip(group, message.acks, strict=True)
        ]
        effects += _settle_orphans(state)
        if lane.gathered:
            return effects + self._flush_soon(message.lane_name, lane)
        if message.lane_name:
            del state.by_name[message.lane_name]
        return effects

    def _failed(self, state: Lanes, message: GroupFailed, now: int) -> list[Effect]:
        lane = state.by_name[message.lane_name]
        lane.failing_since = now if lane.failing_since is None else lane.failing_since
        if message.transient and now - lane.failing_since < self._patience * 1000:
            delay = min(RETRY_FIRST * 2**lane.attempts, RETRY_MOST)
            lane.attempts += 1
            timer = f"retry {message.lane_name}"
            return [StartTimer(timer, delay, RetryGroup(message.lane_name))]
        return self._give_up(state, message, lane)

    @staticmethod
    def _give_up(state: Lanes, message: GroupFailed, lane: LaneState) -> list[Effect]:
        """Void the group. What was gathered behind a transient failure would fare no better."""
        error = None if message.transient else message.error
        failed = [*lane.storing, *lane.gathered]
        lane.storing, lane.gathered, lane.failing_since, lane.attempts = (), [], None, 0
        epochs = {append.task: append.epoch for append in failed}
        void: list[Effect] = [
            Tell(task_ref(task), AppendFailed(epoch, fenced=False, error=error))
            for task, epoch in epochs.items()
        ]
        return void + _adopt(state, list(epochs)) if message.transient else void

    @staticmethod
    def _retry(state: Lanes, message: RetryGroup, _: int) -> list[Effect]:
        lane = state.by_name[message.lane_name]
        return [Perform("journal", StoreGroup(message.lane_name, lane.storing))]

    @staticmethod
    def _probe(state: Lanes, _: Probe, __: int) -> list[Effect]:
        return _settle_orphans(state)

    # -- reads

    def _fetched(self, state: Lanes, message: Fetched, _: int) -> list[Effect]:
        asked, error = message.asked, message.error
        if isinstance(asked, LoadTask):
            loaded: list[Effect] = [Tell(task_ref(asked.task), Loaded(message.result, error))]
            away = isinstance(error, StorageUnavailable)
            return loaded + _adopt(state, [asked.task]) if away else loaded
        if isinstance(asked, KeepSnapshot) or message.reply_to is None:
            return []
        if error is not None:
            return [Reject(message.reply_to, error)]
        return [Reply(message.reply_to, _shown(asked, message.result))]


def _adopt(state: Lanes, tasks: list[str]) -> list[Effect]:
    """Remember tasks whose actors a failing journal has voided; look after them in a while."""
    state.orphans.update(tasks)
    return [StartTimer("probe", RETRY_MOST, Probe())]


def _settle_orphans(state: Lanes) -> list[Effect]:
    """Revive what was voided: reviving settles it, or finds the journal still away."""
    settle: list[Effect] = [Tell(task_ref(task), Recover()) for task in sorted(state.orphans)]
    state.orphans.clear()
    return settle


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
    return append.epoch == before.epoch and append.expected == before.records[-1].seq


def _verdict(append: Append, ack: Ack) -> Message:
    if ack is Ack.STORED:
        return Appended(append.epoch, append.records[-1].seq)
    return AppendFailed(append.epoch, fenced=True, error=None)


def _shown(asked: Message, result: Any) -> object:
    """Shape a read for whoever asked."""
    if isinstance(asked, ReadTask):
        return None if result is None else view(result)
    if isinstance(asked, ReadPage):
        return Page((), gap=True) if result is None else Page(result)
    return _listed(result)


def view(stored: Stored) -> View:
    """Fold a parked task into what a read shows."""
    known = folded(stored)
    task = b"" if known.task is None else known.task.SerializeToString()
    return View(task, known.version, stored.row.context, known.state)


def _listed(listing: Listing) -> TaskPage:
    tasks = tuple(view(stored).task for stored in listing.tasks)
    return TaskPage(tasks, listing.total, listing.next)
