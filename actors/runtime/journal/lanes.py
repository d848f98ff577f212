"""The state of the JournalActor: lanes of appends, writers that are void, logs to be settled.

A lane stores appends of many logs, one group after another.

An append may be handed to the journal twice, since compare-and-append stores it at most once. But
then FENCED may come from our own first try, whose acknowledgement was lost. Such an append is in
doubt until what stands in its place has been read back; no verdict of its group goes out before.

An append that was given up may land yet, and fence the next life of its log's actor. So such a
log has an append in limbo: FENCED puts its next append in doubt, and if what stands in that place
is ours and nobody has gone on from there, the log is still ours to settle. Whatever the answer,
nothing else can land there: heads only grow.

Neighbours: `actor.py` (the actor whose state this is), `port.py` (Append, Ack).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, TypeAlias

from actors.runtime import (
    ActorRef,
    Caller,
    Effect,
    Envelope,
    Lane,
    Message,
    Reply,
    ReplyTo,
    StartTimer,
    Tell,
)
from actors.runtime.journal.doubt import Doubt
from actors.runtime.journal.messages import AppendFailed, Probe, Recover
from actors.runtime.journal.port import Ack, Append, Stored
from actors.runtime.journal.record import CLAIM, Record
from actors.runtime.values import value

Effects: TypeAlias = list[Effect]

RETRY_MOST = 1.0
"""Seconds between attempts to store a group, at most."""

DOUBLINGS = 32
"""Doublings of a pause that are computed; beyond 1023 a float would overflow."""

PROBE_MOST = 60.0
"""Seconds between attempts to settle orphans, at most; doubling from RETRY_MOST."""

VOID_MOST = 65_536
"""Void writers to remember. What one has told before it stopped arrives within a few turns."""


CRASHES_MOST = 65_536
"""Logs to remember the crashes of."""

LIMBO_MOST = 4096
"""Logs to remember an append in limbo of; what lands of another looks like another server's."""


@value
class TryAgain(Message):
    """Timer: see whether the journal, which has refused this one log, takes it by now."""

    lane: ClassVar[Lane] = Lane.SYSTEM
    log: str
    caller: Caller


class Verdict(NamedTuple):
    """What became of an append; `ack` is None when that could not be found out."""

    append: Append
    ack: Ack | None


@dataclass(slots=True)
class LaneState:
    """Appends of one lane; the JournalActor's own, changed in place."""

    gathered: list[Append] = field(default_factory=list)
    storing: tuple[Append, ...] = ()
    flushing: bool = False
    repeated: bool = False
    """The journal was given `storing` before, and may have stored it then."""
    acks: list[Ack | None] = field(default_factory=list)
    """What the journal said of `storing`; empty while it has not."""
    doubts: list[Doubt] = field(default_factory=list)
    """What is to be read back, the next one last."""
    failing_since: int | None = None
    attempts: int = 0
    apart: int = 0
    """Appends to store one by one: their group was refused and one of them is to blame."""
    busy: set[str] = field(default_factory=set)
    """Logs with appends gathered or being stored, and perhaps some that had."""
    loads: dict[str, Envelope] = field(default_factory=dict)
    """Reads of logs that wait for what an earlier life of the log's actor appended."""

    @property
    def idle(self) -> bool:
        """Nothing gathered and nothing being stored."""
        return not (self.gathered or self.storing or self.flushing)

    @property
    def doubt(self) -> Doubt | None:
        """What is to be read back next."""
        return self.doubts[-1] if self.doubts else None

    def gather(self, append: Append) -> None:
        """Add to the next group."""
        self.gathered.append(append)
        self.busy.add(append.log)

    def begin(self) -> None:
        """Choose what to store next."""
        self.flushing, self.repeated = False, self.apart > 0
        if self.apart:
            self.apart -= 1
            self.storing, self.gathered = (self.gathered[0],), self.gathered[1:]
        else:
            self.storing, self.gathered = merged(self.gathered)

    def judged(self, acks: Sequence[Ack], limbo: Mapping[str, Append]) -> None:
        """Hear the journal on `storing`; `limbo` as in `Lanes`."""
        self.acks = list(acks)
        self.doubts = []
        if Ack.FENCED in self.acks:
            self.doubts = [
                Doubt(at, append, limbo.get(append.log))
                for at, append in enumerate(self.storing)
                if acks[at] is Ack.FENCED and (self.repeated or append.log in limbo)
            ]

    def found(self, records: tuple[Record, ...] | None) -> None:
        """Resolve the doubt by what stands in its place."""
        doubt = self.doubts.pop()
        self.acks[doubt.at] = doubt.resolved(records)

    def give_up(self, count: int) -> None:
        """Leave the next `count` doubts unresolved."""
        for _ in range(count):
            self.acks[self.doubts.pop().at] = None

    def finish(self) -> list[Verdict]:
        """Let `storing` go, with the verdict on each append in order."""
        verdicts = list(map(Verdict, self.storing, self.acks))
        self.storing, self.acks = (), []
        self.failing_since, self.attempts = None, 0
        return verdicts

    def due(self) -> list[Envelope]:
        """Let go the loads that no append stands before any more; `storing` is done with."""
        self.busy = {append.log for append in self.gathered}
        if not self.loads:
            return []
        due = [load for log, load in self.loads.items() if log not in self.busy]
        self.loads = {log: load for log, load in self.loads.items() if log in self.busy}
        return due

    def drop(self, writers: Collection[tuple[str, int]]) -> None:
        """Forget what void writers, given as (log, life), have asked to store after that."""
        self.gathered = [each for each in self.gathered if (each.log, each.writer) not in writers]


@dataclass(slots=True)
class Lanes:
    """All lanes, and what becomes of logs whose records were not stored; changed in place."""

    address: Callable[[str], ActorRef[Any]]
    """Whose log it is."""
    by_name: dict[str, LaneState] = field(default_factory=dict)
    void: dict[str, int] = field(default_factory=dict)
    """Log -> life of its actor that was told AppendFailed: what it had asked to store by then is
    not stored. Kept until the log is read again, or VOID_MOST others are void."""
    orphans: dict[str, Caller] = field(default_factory=dict)
    """Logs whose actors were lost with a run going on, to be settled when that can be done."""
    probes: int = 0
    """Probes since anything was stored; each waits longer than the one before."""
    refused: dict[str, int] = field(default_factory=dict)
    """Log -> how often the journal has refused to read or store it, for good as it said. Tried
    again by a timer of its own; that others are stored says nothing about it."""
    crashes: dict[str, int] = field(default_factory=dict)
    """Log -> how often its actor was lost by a crash, since it has last stored anything but a
    claim, or was at rest: each revival claims the log, so it waits longer each time."""
    limbo: dict[str, Append] = field(default_factory=dict)
    """Log -> the first append that was given up and may land yet; until another has a verdict, or
    the log is read and has grown beyond its place, or LIMBO_MOST others are in limbo."""
    drained: list[ReplyTo[Any]] = field(default_factory=list)

    def fenced(self, lane: LaneState, appends: Sequence[Append]) -> Effects:
        """Tell writers that another was there first: the logs are that one's to look after."""
        return self._void(lane, appends, fenced=True, error=None)

    def lost(self, lane: LaneState, appends: Sequence[Append]) -> Effects:
        """Tell writers that these are not known to be stored; see to it that their logs settle."""
        void = self._void(lane, appends, fenced=False, error=None)
        return void + self.adopt({append.log: append.caller for append in appends})

    def given_up(
        self, lane: LaneState, appends: Sequence[Append], error: Exception | None
    ) -> Effects:
        """Tell writers that these are tried no more; what was tried may be stored yet.

        Args:
            lane: where they were.
            appends: what is given up.
            error: what the journal has against it; None when it was unavailable.
        """
        for append in appends:
            self.limbo.setdefault(append.log, append)
        while len(self.limbo) > LIMBO_MOST:
            del self.limbo[next(iter(self.limbo))]
        if error is None:
            return self.lost(lane, appends)
        effects = self._void(lane, appends, fenced=False, error=error)
        for append in appends:
            effects += self.refuse(append.log, append.caller)
        return effects

    def decided(self, verdicts: Sequence[Verdict]) -> None:
        """Forget what verdicts have settled: in their places nothing lands any more."""
        if not (self.limbo or self.refused or self.crashes):
            return
        for append, ack in verdicts:
            self.limbo.pop(append.log, None)
            if ack is not None:
                self.refused.pop(append.log, None)
            if ack is Ack.STORED and works(append):
                self.crashes.pop(append.log, None)

    def read(self, log: str, stored: Stored | None) -> None:
        """Forget what a log settles that could be read."""
        limbo = self.limbo.get(log)
        if limbo is not None and stored is not None and stored.head.seq > limbo.expected:
            del self.limbo[log]
        if stored is None or not stored.head.active:
            self.refused.pop(log, None)
            self.crashes.pop(log, None)

    def _void(
        self, lane: LaneState, appends: Sequence[Append], *, fenced: bool, error: Exception | None
    ) -> Effects:
        """Nothing that builds on these appends is stored either."""
        writers = {append.log: append.writer for append in appends}
        self.void.update(writers)
        while len(self.void) > VOID_MOST:
            del self.void[next(iter(self.void))]
        lane.drop(writers.items())
        return [
            Tell(self.address(log), AppendFailed(writer, fenced=fenced, error=error))
            for log, writer in writers.items()
        ]

    def adopt(self, logs: dict[str, Caller]) -> Effects:
        """Remember logs whose actors were lost; look after them in a while."""
        if not logs:
            return []
        self.orphans.update(logs)
        delay = min(RETRY_MOST * 2.0 ** min(self.probes, DOUBLINGS), PROBE_MOST)
        return [StartTimer("probe", delay, Probe())]

    def orphaned(self, log: str, caller: Caller) -> Effects:
        """Look after a log whose actor was lost, each time after a longer while."""
        if log in self.refused:
            return self._again(log, caller, self.refused[log])
        before = self.crashes.pop(log, 0)
        self.crashes[log] = before + 1  # the latest last
        while len(self.crashes) > CRASHES_MOST:
            del self.crashes[next(iter(self.crashes))]
        return self._again(log, caller, before) if before else self.adopt({log: caller})

    def refuse(self, log: str, caller: Caller) -> Effects:
        """Look after a log that the journal has refused, each time after a longer while."""
        self.refused[log] = self.refused.get(log, -1) + 1
        return self._again(log, caller, self.refused[log])

    @staticmethod
    def _again(log: str, caller: Caller, before: int) -> Effects:
        delay = min(RETRY_MOST * 2.0 ** min(before, DOUBLINGS), PROBE_MOST)
        return [StartTimer(f"again {log}", delay, TryAgain(log, caller))]

    def settle_orphans(self) -> Effects:
        """Revive what was lost: reviving settles it, or finds the journal still away."""
        settle: Effects = [
            Tell(self.address(log), Recover(), caller=caller)
            for log, caller in self.orphans.items()
        ]
        self.orphans.clear()
        return settle

    def tell_drained(self) -> Effects:
        """Tell those who drain, once nothing is gathered or being stored."""
        if not (self.drained and all(lane.idle for lane in self.by_name.values())):
            return []
        told: Effects = [Reply(reply_to, True) for reply_to in self.drained]
        self.drained.clear()
        return told


def works(append: Append) -> bool:
    """Tell whether there is more in an append than the claim of a revived actor."""
    return any(record.kind != CLAIM for record in append.records)


def merged(appends: Sequence[Append]) -> tuple[tuple[Append, ...], list[Append]]:
    """Join what each log's actor appended one after another, so that it holds or fails together.

    Returns:
        The group, with one append of each log, and what is for later groups. A second append of a
        log in one group could hold although the first did not: upon what another server has put in
        its place.
    """
    if len(appends) == 1:
        return tuple(appends), []
    group: list[Append] = []
    later: list[Append] = []
    places: dict[str, int] = {}
    waiting: set[str] = set()
    for append in appends:
        at = places.setdefault(append.log, len(group))
        if at == len(group):
            group.append(append)
        elif append.log in waiting or not _follows(append, group[at]):
            waiting.add(append.log)
            later.append(append)
        else:
            group[at] = _joined(group[at], append)
    return tuple(group), later


def _joined(before: Append, append: Append) -> Append:
    return append._replace(
        expected=before.expected,
        records=before.records + append.records,
        row=before.row if append.row is None else append.row,
        keys=before.keys,
        consumers=before.consumers,
    )


def _follows(append: Append, before: Append) -> bool:
    """Tell whether one writer made both, in a row (another may have revived the log since)."""
    if append.keys:
        return False  # they lead to the first record of their own append
    if not set(append.consumers) <= set(before.consumers):
        return False  # likewise where one of them begins
    contiguous = append.expected == before.seq
    return contiguous and (append.epoch, append.writer) == (before.epoch, before.writer)
