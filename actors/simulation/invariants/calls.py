"""Calls: what a trace says of each webhook of each task, and of each attempt to notify it.

A webhook is what a record set, until the record that deleted it: one that is set again under the
same id is another one. Where there is a sender of the user's instead, that is one webhook of every
task, with the id "".

Neighbours: `webhooks.py` (judges by this), `chronicle.py` (logs), `../receivers.py` (called).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple

from a2a.types import TaskPushNotificationConfig

from actors.runtime.journal.port import Ack
from actors.runtime.journal.record import Record
from actors.simulation import trace as seen
from actors.simulation.trace import Trace
from actors.simulation.writes import Consume
from actors.task.core import PUSHED
from actors.task.orders import Undelivered, Verdict, hook_of
from actors.task.policy import Policy
from actors.task.ports import Notify
from actors.task.record import Kind

Target = tuple[str, str]
"""Task and id of a webhook."""


@dataclass(slots=True)
class Attempt:
    """One attempt, from its beginning to its end."""

    begun: int
    """Its place in the trace."""
    node: str
    notify: Notify
    over: float = inf
    """Place at which its process heard how it went."""
    verdict: Verdict | None = None

    @property
    def seq(self) -> int:
        """Of the record."""
        return self.notify.record.seq

    @property
    def target(self) -> Target:
        """Whom it notifies."""
        return self.notify.task, self.notify.hook

    def __str__(self) -> str:
        task, hook = self.target
        name = f"webhook {hook} of {task}" if hook else f"the sender, of {task}"
        return f"{self.node}: attempt {self.notify.attempt} to tell {name} of {self.seq}"


@dataclass(slots=True)
class Webhook:
    """What one record set."""

    target: Target
    since: int
    """It hears of records after this one."""
    gone: float = inf
    """The record that deleted it."""
    configs: list[tuple[int, bytes]] = field(default_factory=list)
    """By which records it was set, and how; the first is `since`."""
    due: list[int] = field(default_factory=list)
    """Records that it is to hear of."""

    def hears(self, seq: int) -> bool:
        """Whether a record is one of its time."""
        return self.since < seq < self.gone


class Noted(NamedTuple):
    """A process had the journal take down that a webhook has heard of all up to a record."""

    place: int
    node: str
    seq: int


class Calls:
    """All of that, gathered once."""

    def __init__(self, trace: Trace, policy: Policy) -> None:
        self.attempts: dict[Target, list[Attempt]] = defaultdict(list)
        self.order: list[Attempt] = []
        """All, as they began."""
        self._gather(trace)
        self.dead: dict[tuple[str, Target, int], int] = {}
        """Process, webhook, record -> place at which it was given up."""
        for place, dead in trace.timed(seen.Dead):
            if isinstance(dead.message, Undelivered):
                letter = dead.message
                key = (dead.node, (letter.task, letter.hook), letter.seq)
                self.dead.setdefault(key, place)
        self.noted: dict[Target, list[Noted]] = defaultdict(list)
        for place, tended in trace.timed(seen.Tended):
            if isinstance(tended.write, Consume):
                target = (tended.write.log, hook_of(tended.write.consumer))
                done = Noted(place, tended.node, tended.write.place.seq)
                self.noted[target].append(done)
        self.stored: dict[tuple[str, int], tuple[int, str]] = {}
        """Task and record -> the place at which it was stored, and who stored it."""
        for place, stored in trace.timed(seen.Stored):
            if stored.ack is Ack.STORED:
                for record in stored.append.records:
                    here = (place, stored.node)
                    self.stored.setdefault((stored.append.log, record.seq), here)
        self.webhooks: dict[Target, list[Webhook]] = {}
        """By their ids, one after another."""
        for task, log in trace.logs.items():
            for webhook in [Webhook((task, ""), 0)] if trace.sender else _webhooks(task, log):
                webhook.due = [
                    record.seq
                    for record in log
                    if record.kind in PUSHED[policy.pushed] and webhook.hears(record.seq)
                ]
                self.webhooks.setdefault(webhook.target, []).append(webhook)

    def _gather(self, trace: Trace) -> None:
        under_way: dict[tuple[str, Target], Attempt] = {}
        for place, entry in enumerate(trace.entries):
            match entry:
                case seen.Called(node, notify):
                    attempt = Attempt(place, node, notify)
                    self.attempts[attempt.target].append(attempt)
                    self.order.append(attempt)
                    under_way[node, attempt.target] = attempt
                case seen.CallOver(node, notify, verdict):
                    over = under_way[node, (notify.task, notify.hook)]
                    over.over, over.verdict = place, verdict

    def webhook(self, attempt: Attempt) -> Webhook | None:
        """Return which of the webhooks with that id an attempt is for, if it is for any."""
        known = self.webhooks.get(attempt.target, ())
        return next((each for each in known if attempt.seq in each.due), None)

    def settled(self, attempt: Attempt, before: float = inf) -> bool:
        """Whether its process was done with the record by then: it was taken, or given up."""
        dead = self.dead.get((attempt.node, attempt.target, attempt.seq), inf)
        done = attempt.over if attempt.verdict is Verdict.DONE else inf
        return min(dead, done) < before

    def heard(self, target: Target, before: float = inf) -> set[int]:
        """The records that some process was done with by a place of the trace."""
        attempts = self.attempts.get(target, ())
        return {attempt.seq for attempt in attempts if self.settled(attempt, before)}


def _webhooks(task: str, log: tuple[Record, ...]) -> list[Webhook]:
    """Return the webhooks that a log speaks of, in the order in which they were set."""
    found: list[Webhook] = []
    now: dict[str, Webhook] = {}
    for record in log:
        if record.kind == Kind.HOOK_SET:
            hook = TaskPushNotificationConfig.FromString(record.payload).id
            if hook not in now:
                now[hook] = Webhook((task, hook), record.seq)
                found.append(now[hook])
            now[hook].configs.append((record.seq, record.payload))
        elif record.kind == Kind.HOOK_DELETED:
            now.pop(str(record.facts["hook"])).gone = record.seq
    return found
