"""Invariants of streams: what a reader gets, in which order, and how that ends.

Neighbours: `evidence.py` (requests and logs, as observed), `readers.py` (readers that do not read,
and readers that go), `answers.py` (other requests).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from a2a.types import StreamResponse, TaskState
from a2a.utils.errors import A2AError

from actors.runtime.journal.record import Record
from actors.simulation import trace as seen
from actors.simulation.invariants.evidence import (
    TROUBLE,
    Evidence,
    History,
    Request,
    evidence,
)
from actors.simulation.invariants.rule import Saw, invariant
from actors.simulation.trace import Trace
from actors.task.policy import Policy
from actors.task.record import Kind

# -- 8 and 10: what a stream carries


@invariant(8, "A subscriber sees the Task first: snapshot(v), then v+1, v+2, ... as stored.")
def task_then_all_that_follows(trace: Trace, policy: Policy, saw: Saw) -> Iterator[str]:
    """R37, R40, R43; A6: the stream of a message may begin at its admission instead."""
    known = evidence(trace)
    for request in known.requests.values():
        if not request.streams or request.resumes is not None or not request.events:
            continue
        saw()
        start, wrong = _start(known, request, policy)
        if wrong:
            yield f"{request}: {wrong}"
        else:
            yield from _not_as_stored(known, request, start)


def _start(known: Evidence, request: Request, policy: Policy) -> tuple[int, str]:
    """Return the version after which the records of a stream begin, and what is wrong with it."""
    asked, first = request.asked, request.events[0]
    history = known.history(asked.task)
    # A message that had been stored before is answered as it was then.
    least = 0 if request.repeated else known.told(asked.node, asked.task, request.at)
    message = history.accepted.get(request.text, 0)
    if asked.what == "stream":
        if not message:
            return 0, f"event {first.seq} is sent, and the log has no message {request.text}"
        if policy.follow_up_first == "update":
            return message, ""
        if _first_of_all(history, first) and least < first.seq:
            return first.seq - 1, ""  # there was no Task at the admission: all of it follows
        if first.seq >= message:
            return 0, f"begins with event {first.seq}, not with the Task before message {message}"
    return first.seq, _not_the_task(history, first, least)


def _first_of_all(history: History, event: seen.Streamed) -> bool:
    return bool(history.public) and event.seq == history.public[0].seq


def _not_the_task(history: History, first: seen.Streamed, least: int) -> str:
    """Say what is wrong with the Task at the head of a stream (R40: the current one)."""
    if first.event.WhichOneof("payload") != "task":
        return f"begins with event {first.seq}, which is not the Task"
    if first.seq < least:
        return f"begins with the Task at {first.seq}; {least} was stored before it was asked for"
    if not history.shows(first.event.task, first.seq):
        return f"begins with a Task that is not the one at {first.seq}"
    return ""


@invariant(10, "Resuming after c yields exactly c+1 and on.")
def resumed_where_it_stopped(trace: Trace, _: Policy, saw: Saw) -> Iterator[str]:
    """DESIGN, section 7: no gap, no duplicate, and nothing but public records."""
    known = evidence(trace)
    for request in known.requests.values():
        cursor = request.resumes
        if cursor is not None and (request.events or request.open is not None):
            saw()
            yield from _not_as_stored(known, request, cursor)


def _not_as_stored(known: Evidence, request: Request, start: int) -> Iterator[str]:
    """Hold the events of a stream against the public records after `start`, the Task aside."""
    snapshot = request.resumes is None and request.events[0].seq == start
    got = request.events[1:] if snapshot else request.events
    history = known.history(request.asked.task)
    for event in got:
        wrong = _not_the_next(known, request, event, start)
        if wrong:
            yield f"{request}: {wrong}"
            return
        start = event.seq
    if request.open is not None and request.attentive:
        missing = history.after(start, known.stored(history.task, request.open))
        if missing:
            yield f"{request}: event {missing[0].seq} has never come"


def _not_the_next(known: Evidence, request: Request, event: seen.Streamed, start: int) -> str:
    """Say what is wrong with the event that follows `start`; empty if nothing is."""
    history = known.history(request.asked.task)
    if event.snapshot:
        return _not_in_their_place(known, history, event, start)
    due = next(iter(history.after(start)), None)
    if due is None:
        return f"event {event.seq} is not in the log"
    if event.seq != due.seq:
        return f"event {event.seq} comes where {due.seq} is due"
    return "" if event.event == history.event(due) else f"event {event.seq} is not as stored"


def _not_in_their_place(known: Evidence, history: History, event: seen.Streamed, start: int) -> str:
    """Say what is wrong with a Task that stands for events which are no longer kept."""
    if known.floor(history.task) <= start and not known.removed(history.task, None):
        return f"the Task at {event.seq} comes after {start}, and what follows that is still kept"
    if not history.shows(event.event.task, event.seq):
        return f"the Task that comes for events no longer kept is not the one at {event.seq}"
    return ""


# -- 9: streams beside one another


@invariant(9, "Concurrent streams carry the same events in the same order.")
def same_for_everybody(trace: Trace, _: Policy, saw: Saw) -> Iterator[str]:
    """R44. Streams are held against one another, not against the log."""
    by_task: dict[str, list[Request]] = {}
    for request in evidence(trace).requests.values():
        if request.streams and request.events:
            by_task.setdefault(request.asked.task, []).append(request)
    for streams in by_task.values():
        if len(streams) > 1:
            yield from _differences(streams, saw)


def _differences(streams: list[Request], saw: Saw) -> Iterator[str]:
    carried: dict[int, tuple[Request, StreamResponse]] = {}
    for request in streams:
        for event in _updates(request):
            other, first = carried.setdefault(event.seq, (request, event.event))
            if other is not request:
                saw()
            if first != event.event:
                yield f"{request}: event {event.seq} differs from that of {other}"
    order = sorted(carried)
    for request in streams:
        yield from _skipped(request, order, carried)


def _updates(request: Request) -> list[seen.Streamed]:
    """Events of a stream but the first, which may be the Task as a snapshot."""
    first = request.events[0].event.WhichOneof("payload") == "task"
    return [each for each in request.events[first:] if not each.snapshot]


def _skipped(
    request: Request, order: list[int], carried: dict[int, tuple[Request, StreamResponse]]
) -> Iterator[str]:
    """Every event that another stream carries between two of this one's, or against the order."""
    for before, after in zip(request.events, request.events[1:], strict=False):
        if after.snapshot:
            continue
        due = order[bisect_right(order, before.seq)] if before.seq < order[-1] else None
        if due != after.seq:
            other = f"{due} comes in {carried[due][0]}" if due else "nothing comes elsewhere"
            yield f"{request}: event {after.seq} follows {before.seq}, and {other}"


# -- 11: how streams end


@invariant(11, "A stream ends with a terminal event or an explicit, resumable error.")
def streams_end_as_they_should(trace: Trace, policy: Policy, saw: Saw) -> Iterator[str]:
    """R38, R41; A1: the stream of a message may end with its run, or at a question."""
    known = evidence(trace)
    for request in known.requests.values():
        if not request.streams or not request.answers:
            continue
        history = known.history(request.asked.task)
        if request.error is not None:
            yield from _unexplained(request, history, saw)
        else:
            saw()
            yield from _ended_too_early(request, history, policy)


def _unexplained(request: Request, history: History, saw: Saw) -> Iterator[str]:
    """An error is one that clients know; one that speaks of the agent is in the log."""
    error = request.error
    if not isinstance(error, (A2AError, *TROUBLE)):
        yield f"{request}: ended with {type(error).__name__}, which no client can make sense of"
    elif request.events and isinstance(error, A2AError):
        saw()
        if history.final is None and str(error) not in history.failures(Kind.ENDED, Kind.REFUSED):
            yield f"{request}: ended with {type(error).__name__}, and no run has failed like that"


def _ended_too_early(request: Request, history: History, policy: Policy) -> Iterator[str]:
    last = request.events[-1].seq if request.events else request.resumes or 0
    end = history.final
    if request.asked.what == "stream":
        message = history.accepted.get(request.text, 0)
        last = max(last, message)
        by_run = policy.stream_end == "run"
        end = _run_end(history, message) if by_run else _state_end(history, message)
    if end is None:
        yield f"{request}: ended after {last}, and nothing has ended it"
        return
    missing = history.after(last, end)
    if missing:
        yield f"{request}: ended after {last}, before {missing[0].seq} had come"
    if history.after(end, last):
        yield f"{request}: went on to {last}, beyond its end at {end}"


def _run_end(history: History, message: int) -> int | None:
    """A1, sdk: where the run of a message returned, or the end of the log."""
    ended = [each.seq for each in history.ends(message) if not each.number("final")]
    return ended[0] if ended else history.final


def _state_end(history: History, message: int) -> int | None:
    """A1, spec: a bare Message, a terminal state, or a question of this run or a later one."""
    started = history.about(Kind.STARTED, message)
    asks = started[0].seq if started else history.final
    for record in history.public:
        if record.seq == history.final or (asks and record.seq > asks and _asks(history, record)):
            return record.seq
    return None


def _asks(history: History, record: Record) -> bool:
    if record.kind not in (Kind.TASK, Kind.STATUS):
        return False
    return history.states[record.seq] == TaskState.TASK_STATE_INPUT_REQUIRED


STREAMS = (
    task_then_all_that_follows,
    same_for_everybody,
    resumed_where_it_stopped,
    streams_end_as_they_should,
)
