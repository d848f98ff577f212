"""A trace in words, one line an entry, and which of the lines matter most.

Neighbours: `words.py`, `deliveries.py` (words of values and messages), `explanation.py` (chooses
lines and prints them).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Any, NamedTuple

from actors.runtime.journal.port import Ack
from actors.simulation import trace as seen
from actors.simulation.report.deliveries import actor, content, sender
from actors.simulation.report.words import (
    event_text,
    kinds,
    request_text,
    said,
    short,
    span,
)
from actors.simulation.trace import Trace
from actors.simulation.writes import said as write_text
from actors.task.ports import Notify

WIDTH = 140
"""Letters of one line."""


class Weight(IntEnum):
    """How much a line matters when not all can be shown; the heaviest are shown first."""

    DELIVERY = 0
    """From actor to actor."""
    DETAIL = 1
    """Inside a process."""
    PLAIN = 2
    """What an outside observer sees."""
    FAULT = 3
    """What went wrong, which processes there were, and when faults stopped."""


class Line(NamedTuple):
    """One entry, told."""

    place: int
    """Its place in the trace of a run without deliveries, which invariants judge."""
    text: str
    weight: Weight
    task: str
    """The task that a client's request was about; empty for anything else."""

    def about(self, task: str) -> bool:
        """Tell whether this is about a task."""
        return task == self.task or task in re.findall(r"[\w-]+", self.text)


def told(trace: Trace) -> Iterator[Line]:
    """Tell every entry of a trace, in order; a delivery has the place of the entry before it."""
    asked = {each.request: each for each in trace.all(seen.Asked)}
    place = -1
    for entry in trace.entries:
        delivery = isinstance(entry, seen.Delivered)
        place += not delivery
        cause = asked.get(getattr(entry, "request", ""))
        text = short(text_of(entry, asked), WIDTH)
        yield Line(max(place, 0), text, _weight(entry), cause.task if cause else "")


Asked = Mapping[Any, seen.Asked]


def text_of(entry: Any, asked: Asked) -> str:
    """Tell one entry; `asked` are the requests of its trace, by number."""
    tell = _TELL.get(type(entry))
    if tell is not None:
        return tell(entry)
    tell_reply = _TELL_REPLY.get(type(entry))
    if tell_reply is not None:
        request = asked.get(entry.request)
        who = request.client if request else "somebody"
        return f"{who} {tell_reply(entry, request)} (request {entry.request})"
    return said(entry)


def _weight(entry: Any) -> Weight:
    if isinstance(entry, seen.Delivered):
        return Weight.DELIVERY
    if isinstance(entry, _DETAILS):
        return Weight.DETAIL
    if isinstance(entry, _FAULTS):
        return Weight.FAULT
    if isinstance(entry, seen.Stored):
        return Weight.PLAIN if entry.told and entry.ack is Ack.STORED else Weight.FAULT
    if isinstance(entry, seen.Tended):
        return Weight.PLAIN if entry.told else Weight.FAULT
    if isinstance(entry, seen.Notified):
        return Weight.PLAIN if entry.ok else Weight.FAULT
    return Weight.PLAIN


_DETAILS = (seen.Crowded, seen.Kept, seen.Expired, seen.Wanted, seen.Called, seen.CallOver)
_FAULTS = (
    *(seen.Began, seen.Crashed, seen.Paused, seen.Resumed, seen.StorageAway),
    *(seen.Refused, seen.Untended, seen.Failed),
    *(seen.FaultsStopped, seen.Quiet, seen.Broke, seen.NotRepeated),
)


# -- clients


def request(asked: seen.Asked) -> str:
    """Return what a client asks for."""
    match asked.what, asked.detail:
        case (("send" | "stream"), (str(text), str(wait))):
            return f"{asked.what} '{text}' to {asked.task}, wait for {wait}"
        case "subscribe", None:
            return f"subscribe to {asked.task} from the Task on"
        case "subscribe", int(cursor):
            return f"subscribe to {asked.task} after {cursor}"
        case what, None:
            return f"{what} {asked.task}".rstrip()
        case what, detail:
            return f"{what} {asked.task} {said(detail)}"


def answer(answered: seen.Answered, asked: seen.Asked | None) -> str:
    """Return what a request came to."""
    if answered.error is not None:
        return said(answered.error)
    if answered.value is None and asked is not None and asked.what in {"stream", "subscribe"}:
        return "the end of the stream"
    return said(answered.value)


_TELL_REPLY: Mapping[type[Any], Callable[[Any, seen.Asked | None], str]] = MappingProxyType(
    {
        seen.Answered: lambda e, asked: f"is answered: {answer(e, asked)}",
        seen.Streamed: lambda e, _: f"reads {e.seq}: {said(e.event)}",
        seen.Repeated: lambda e, _: f"is found to repeat a message of {e.task}",
        seen.Left: lambda *_: "closes the connection",
        seen.Stalled: lambda *_: "reads no further",
        seen.Open: lambda *_: "still waits when nothing can happen any more",
    }
)


# -- processes


def stored(entry: seen.Stored) -> str:
    """Return what the journal decided."""
    append = entry.append
    what = f"{span(append.log, append.records)} {kinds(append.records)}"
    if entry.ack is not Ack.STORED:
        return f"journal REFUSES {what} of {entry.node}: {entry.ack.value}, epoch {append.epoch}"
    lost = "" if entry.told else "; the ACKNOWLEDGEMENT IS LOST"
    return f"journal stores {what} for {entry.node}{lost}"


def _verdict(entry: seen.Verdict) -> str:
    if entry.upto is not None:
        return f"{entry.node} hears that {entry.task} is stored up to {entry.upto}"
    return f"{entry.node} hears that {entry.task} is void{' (fenced)' if entry.fenced else ''}"


def refused(entry: seen.Refused) -> str:
    """Return what a failing journal did not store."""
    lost = ", ".join(span(append.log, append.records) for append in entry.group)
    return f"append FAILED for {entry.node}: {lost}"


def tended(entry: seen.Tended) -> str:
    """Return what the journal did that is no append."""
    done = " in vain" if entry.done is False else ""
    lost = "" if entry.told else "; the ACKNOWLEDGEMENT IS LOST"
    return f"journal is told by {entry.node}: {write_text(entry.write)}{done}{lost}"


def untended(entry: seen.Untended) -> str:
    """Return what a failing journal did not do."""
    return f"journal FAILED for {entry.node}: {write_text(entry.write)}"


def _over(entry: seen.Over) -> str:
    which = "cancel" if entry.cancel else "execute"
    how = f"raised {said(entry.failure)}" if entry.failure else "returned"
    return f"agent's {which} of run {said(entry.run)} {how}"


def _launched(entry: seen.Launched) -> str:
    again = ", recovered" if entry.start.recovered else ""
    text = request_text(entry.start.request)
    return f"agent on {entry.node} executes run {said(entry.start.run)}: {text}{again}"


def _emission(entry: seen.Emission) -> str:
    late = ", after its run was over" if entry.late else ""
    return f"agent emits {event_text(entry.payload)} in run {said(entry.run)}{late}"


def notified(entry: seen.Notified) -> str:
    """Return what became of a notification."""
    how = "is told" if entry.ok else "FAILS on"
    return f"{_webhook(entry.notify)} {how} {entry.notify.task} {said(entry.notify.record)}"


def _webhook(notify: Notify) -> str:
    return f"webhook {notify.hook}".rstrip()


def _called(entry: seen.Called) -> str:
    notify = entry.notify
    what = f"{notify.task} {notify.record.seq}, attempt {notify.attempt}"
    return f"{entry.node} calls {_webhook(notify)} about {what}"


def _call_over(entry: seen.CallOver) -> str:
    what = f"{_webhook(entry.notify)} about {entry.notify.task} {entry.notify.record.seq}"
    return f"{entry.node} hears of {what}: {entry.verdict.value}"


def dead(entry: seen.Dead) -> str:
    """Return which message nobody took, and why."""
    return f"dead letter on {entry.node}: {content(entry.message)} ({entry.reason})"


def _quiet(entry: seen.Quiet) -> str:
    left = "; ".join(entry.leftovers)
    return f"nothing can happen any more{left and f', and this is LEFT: {left}'}"


def _expired(entry: seen.Expired) -> str:
    stale = "" if entry.live else ", which was cancelled before"
    return f"timer {entry.timer} of {entry.node} {actor(entry.ref)}{stale}"


def _crowded(entry: seen.Crowded) -> str:
    mailbox = f"mailbox of {entry.node} {actor(entry.ref)}"
    return f"{mailbox} holds {entry.waiting} (bound {entry.bound})"


def _delivered(entry: seen.Delivered) -> str:
    return f"{entry.node} {sender(entry)} -> {actor(entry.to)}: {content(entry.message)}"


_SURVIVED = {"nothing": "nothing", "all": "all", "torn": "a torn part"}


def crashed(entry: seen.Crashed) -> str:
    """Return which process ended, and what it left on the disk."""
    rest = _SURVIVED.get(entry.survived, entry.survived)
    return f"{entry.node} CRASHES; of an append under way {rest} survives"


_TELL: Mapping[type[Any], Callable[[Any], str]] = MappingProxyType(
    {
        seen.Asked: lambda e: f"{e.client} asks {e.node}: {request(e)} (request {e.request})",
        seen.Stored: stored,
        seen.Refused: refused,
        seen.Wanted: lambda e: f"{e.node} wants the journal to {write_text(e.write)}",
        seen.Tended: tended,
        seen.Untended: untended,
        seen.Verdict: _verdict,
        seen.Kept: lambda e: f"{e.node} keeps a snapshot of {e.task} at {e.snapshot.seq}",
        seen.Launched: _launched,
        seen.CalledOff: lambda e: f"agent on {e.node} cancels run {said(e.cancel.run)}",
        seen.Abandoned: lambda e: f"{e.node} gives up run {said(e.run)}",
        seen.Emission: _emission,
        seen.Over: _over,
        seen.Called: _called,
        seen.Notified: notified,
        seen.CallOver: _call_over,
        seen.Began: lambda e: f"{e.node} starts",
        seen.Crashed: crashed,
        seen.Paused: lambda e: f"{e.node} STOPS RUNNING",
        seen.Resumed: lambda e: f"{e.node} GOES ON",
        seen.StorageAway: lambda e: f"THE STORAGE GOES AWAY until {e.until:g} s",
        seen.FaultsStopped: lambda _: "no more faults from here on",
        seen.Quiet: _quiet,
        seen.Dead: dead,
        seen.Expired: _expired,
        seen.Crowded: _crowded,
        seen.Broke: lambda e: f"THE RUN BROKE: {e.error}",
        seen.NotRepeated: lambda e: f"NOT REPEATABLE: {e.text}",
        seen.Failed: lambda e: f"a step RAISED on {e.node}: {short(e.report)}",
        seen.Delivered: _delivered,
    }
)
