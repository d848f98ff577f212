"""The instruments of one meter provider, shared by all handlers that report to it.

Shared, since a provider knows one instrument of a name: the callbacks of a second handler's gauges
would never be called. Observers are held weakly: a handler that is let go of is not kept for them.

Neighbours: `observer.py` (records), `census.py` (what gauges read).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Final, Protocol
from weakref import WeakKeyDictionary, WeakSet

from opentelemetry.metrics import (
    CallbackOptions,
    Histogram,
    Meter,
    MeterProvider,
    Observation,
    get_meter,
)

from actors.telemetry.words import SCOPE, release

SECONDS: Final = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 3600.0),
)
"""Buckets of durations: from one commit to an agent that works for an hour."""
RECORDS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0)
"""Buckets of groups."""

Reading = Mapping[str, float]
"""Value of an attribute -> measurement."""


class Observed(Protocol):
    """What gauges ask of each handler."""

    def reading(self, name: str) -> Reading:
        """Return the measurements of one gauge."""


GAUGES: Final = (
    ("a2a.tasks.live", "state", "{task}", "Tasks with an actor in memory"),
    ("a2a.runs.active", "", "{run}", "Runs of the agent that are going on"),
    ("a2a.streams.open", "method", "{stream}", "Streams that clients have open"),
    ("a2a.requests.active", "method", "{request}", "Requests without an answer yet, or streaming"),
    ("a2a.actors.live", "kind", "{actor}", "Actors that live"),
    ("a2a.mailbox.waiting", "kind", "{message}", "Messages that wait in mailboxes"),
    ("a2a.mailbox.fullest", "kind", "{message}", "Messages that wait in the fullest mailbox"),
    ("a2a.outbox.webhooks", "", "{webhook}", "Webhooks that are still to be told of something"),
    ("a2a.outbox.records", "", "{record}", "Records that wait in memory for their webhooks"),
    ("a2a.outbox.failing", "", "{webhook}", "Webhooks whose latest attempt has failed"),
)
"""Name, attribute, unit, description."""
COUNTS: Final = (
    ("a2a.dead_letters", "reason", "{message}", "Messages that have had no effect"),
    ("a2a.outbox.given_up", "", "{record}", "Records that a webhook could not be told of"),
)


class Instruments:
    """What is recorded, and what is read when somebody collects."""

    def __init__(self, meter: Meter) -> None:
        self.observers: WeakSet[Observed] = WeakSet()
        self.requests = _seconds(meter, "a2a.request.duration", "Until the answer, or the end")
        self.runs = _seconds(meter, "a2a.run.duration", "Runs of the agent, by how they ended")
        self.appends = _seconds(meter, "a2a.journal.append.duration", "Until a group is stored")
        self.attempts = _seconds(meter, "a2a.webhook.attempt.duration", "Notifications of webhooks")
        self.groups = meter.create_histogram(
            "a2a.journal.group.size",
            "{record}",
            "Records that are stored together",
            explicit_bucket_boundaries_advisory=RECORDS,
        )
        self.changes: Counter[str] = Counter()
        """Read when somebody collects: to add to an instrument takes 5 us, and a task has three."""
        meter.create_observable_counter(
            "a2a.task.state_changes",
            [self._changes],
            "{change}",
            "States that commits have left tasks in",
        )
        self.refused = meter.create_counter(
            "a2a.requests.refused", "{request}", "Requests refused for a limit, or to try later"
        )
        for name, attribute, unit, says in GAUGES:
            meter.create_observable_up_down_counter(
                name, [self._callback(name, attribute)], unit, says
            )
        for name, attribute, unit, says in COUNTS:
            meter.create_observable_counter(name, [self._callback(name, attribute)], unit, says)

    def _changes(self, _: CallbackOptions) -> Iterable[Observation]:
        return [Observation(count, {"state": to}) for to, count in list(self.changes.items())]

    def _callback(
        self, name: str, attribute: str
    ) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def read(_: CallbackOptions) -> Iterable[Observation]:
            found: Counter[str] = Counter()
            for observer in list(self.observers):
                found.update(observer.reading(name))
            return [
                Observation(number, {attribute: value} if attribute else {})
                for value, number in found.items()
            ]

        return read


_OF: WeakKeyDictionary[MeterProvider, Instruments] = WeakKeyDictionary()


def instruments_of(provider: MeterProvider | None) -> Instruments:
    """Return the instruments of a provider, made when they are first wanted; None: the global one.

    Of the global one they are made once, whether it is there by then or comes later.
    """
    if provider is None:
        return _of_the_global()
    found = _OF.get(provider)
    if found is None:
        found = _OF[provider] = Instruments(provider.get_meter(SCOPE, release()))
    return found


@cache
def _of_the_global() -> Instruments:
    return Instruments(get_meter(SCOPE, release()))


def _seconds(meter: Meter, name: str, says: str) -> Histogram:
    return meter.create_histogram(name, "s", says, explicit_bucket_boundaries_advisory=SECONDS)
