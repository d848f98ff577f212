"""Invariants of answers: one for each request, and the right one.

Neighbours: `evidence.py` (requests and logs, as observed), `streams.py` (what streams carry).
"""

from __future__ import annotations

from collections.abc import Iterator

from a2a.types import Message, StreamResponse, Task, TaskState
from a2a.utils.errors import (
    A2AError,
    TaskNotCancelableError,
    TaskNotFoundError,
    UnsupportedOperationError,
)

from actors.runtime import AskTimeout
from actors.runtime.journal.record import Record
from actors.simulation import trace as seen
from actors.simulation.invariants.evidence import Evidence, History, Request, evidence
from actors.simulation.invariants.rule import Saw, invariant
from actors.simulation.trace import Trace
from actors.task.fold import INTERRUPTED, TERMINAL
from actors.task.messages import View, Wait
from actors.task.policy import Policy
from actors.task.record import CANCEL_RAISED, Kind

CANCELED = TaskState.TASK_STATE_CANCELED

# -- 16: one answer


@invariant(16, "Every accepted request gets exactly one reply or error by its deadline.")
def answered_once(trace: Trace, policy: Policy, saw: Saw) -> Iterator[str]:
    """L4; what may be open for ever is a stream of a task that is not final (A1)."""
    known = evidence(trace)
    stopped = max((place for place, _ in trace.timed(seen.FaultsStopped)), default=None)
    for request in known.asked.values():
        saw()
        if isinstance(request.error, AskTimeout) and _hung(request, stopped, policy):
            yield f"{request}: {request.error}"
        elif len(request.answers) > 1:
            yield f"{request}: was answered {len(request.answers)} times"
        elif request.attentive:
            yield from _unanswered(known, request, policy)
    for dead in trace.all(seen.Dead):
        if dead.reason == "second answer":
            yield f"{dead.node}: a second answer, {type(dead.message).__name__}, to one ask"


def _hung(request: Request, stopped: int | None, policy: Policy) -> bool:
    """Whether nobody was going to answer: a day has passed, or there was no fault to wait for.

    While faults strike, a process may be slower than the half minute that reading has.
    """
    late = stopped is not None and request.at > stopped
    return late or f"within {policy.request_deadline} s" in str(request.error)


def _unanswered(known: Evidence, request: Request, policy: Policy) -> Iterator[str]:
    if request.open is None:
        if not request.answers:
            yield f"{request}: was never answered"
        return
    waits_on = request.asked.what == "subscribe" or (
        request.asked.what == "stream" and policy.stream_end == "state"
    )
    history = known.history(request.asked.task)
    if not waits_on:
        yield f"{request}: had no answer when nothing could happen any more"
    elif history.final_by(known.stored(history.task, request.open)):
        yield f"{request}: is open, and its task is final since record {history.final}"


# -- 19: terminal tasks


@invariant(19, "A message to a terminal task gets UnsupportedOperation.")
def terminal_tasks_take_no_message(trace: Trace, _: Policy, saw: Saw) -> Iterator[str]:
    """R16, R42 (a subscription), A2 (a message that waited when its task ended).

    Its stream may have ended by then, with the error of the run that it waited for (A5).
    """
    known = evidence(trace)
    for request in known.requests.values():
        history = known.history(request.asked.task)
        if not history.terminal or not request.answers or not request.attentive:
            continue
        if isinstance(request.error, TaskNotFoundError) and known.removed(
            history.task, request.ended
        ):
            continue  # it is no more
        if not request.in_trouble and _too_late(known, request, history):
            saw()
            if not isinstance(request.error, UnsupportedOperationError) and not (
                request.streams and str(request.error) in history.failures(Kind.ENDED)
            ):
                said = type(request.error or request.value).__name__
                yield f"{request}: {said}, though its task was terminal"


def _too_late(known: Evidence, request: Request, history: History) -> bool:
    """Whether the task was terminal, as far as the process that was asked had to know."""
    asked = request.asked
    if asked.what == "subscribe":
        knew = known.told(asked.node, asked.task, request.at)
        return request.resumes is None and history.final_by(knew)
    if asked.what not in ("send", "stream"):
        return False
    message = history.accepted.get(request.text)
    if message is None:
        return history.final_by(known.stored(asked.task, request.at))
    if request.ended is not None and known.stored(asked.task, request.ended) < message:
        return False  # that one was sent by another request, which came later
    if request.repeated and known.floor(asked.task, request.ended) >= message:
        return False  # what it was told the first time is no longer kept: it gets the Task
    refused = bool(history.about(Kind.REFUSED, message))
    return refused and request.waits is not Wait.FIRST  # that one may have its answer by then


# -- 20: cancel


@invariant(
    20,
    "Cancel's answer equals the stored state; a published CANCELED is never lost; "
    "repeating cancel changes nothing.",
)
def cancel_tells_the_truth(trace: Trace, policy: Policy, saw: Saw) -> Iterator[str]:
    """R51 to R53, A3."""
    known = evidence(trace)
    for request in known.requests.values():
        if request.asked.what == "cancel" and request.answers and not request.in_trouble:
            saw()
            yield from _wrong_outcome(known, request, policy)
        elif _shows_canceled(request):
            saw()
            if known.history(request.asked.task).state != CANCELED:
                yield f"{request}: was shown CANCELED, which the log does not say"
    yield from _emitted_and_lost(known, trace, saw)
    yield from _called_off_again(trace)


def _wrong_outcome(known: Evidence, request: Request, policy: Policy) -> Iterator[str]:
    history, error = known.history(request.asked.task), request.error
    repeated = history.final_by(known.stored(history.task, request.at))
    if error is None:
        if not history.terminal:
            yield f"{request}: answered with a Task, and the log has no terminal state"
        elif not history.shows(request.value, len(history.log)):
            yield f"{request}: answered with a Task that is not the stored one"
        elif repeated and (policy.canceled_again == "refuse" or history.state != CANCELED):
            yield f"{request}: answered with a Task, though that was terminal before"
    elif _cancel_raised(history):
        return  # the agent's own words (detail 12)
    elif isinstance(error, TaskNotCancelableError):
        if not history.terminal:
            yield f"{request}: refused, and the log has no terminal state"
        elif policy.canceled_again == "answer" and history.state == CANCELED:
            yield f"{request}: refused, though the task is CANCELED (A3)"
    elif not isinstance(error, TaskNotFoundError) and _answered_by_us(request):
        yield f"{request}: {type(error).__name__}, and no cancel has raised that"


def _answered_by_us(request: Request) -> bool:
    return request.left is None and isinstance(request.error, A2AError)


def _cancel_raised(history: History) -> bool:
    ended = history.of_kind(Kind.ENDED)
    return any(record.facts.get("outcome") == CANCEL_RAISED for record in ended)


def _shows_canceled(request: Request) -> bool:
    value = request.value
    if isinstance(value, View):
        return value.state == CANCELED
    if isinstance(value, Task):
        return bool(value.status.state == CANCELED)
    return any(_state(each.event) == CANCELED for each in request.events)


def _emitted_and_lost(known: Evidence, trace: Trace, saw: Saw) -> Iterator[str]:
    """A CANCELED of a run that nobody had given up is stored, or its task ended otherwise."""
    gone = {crash.node for crash in trace.all(seen.Crashed)}
    for emission in trace.all(seen.Emission):
        task = emission.run.task
        lost = emission.node in gone or known.void(emission.node, task)
        if emission.late or lost or not _is_canceled(emission.payload):
            continue
        saw()
        if known.history(task).final is None:
            run = f"{emission.run.epoch}.{emission.run.run}"
            yield f"{task}: run {run} emitted CANCELED, and the task has never ended"


def _is_canceled(payload: bytes) -> bool:
    if b"\x08\x05" not in payload:  # what every encoding of that state contains
        return False
    event = StreamResponse.FromString(payload)
    return _state(event) == CANCELED


def _state(event: StreamResponse) -> int:
    status = event.task.status if event.HasField("task") else event.status_update.status
    return status.state


def _called_off_again(trace: Trace) -> Iterator[str]:
    called: set[object] = set()
    for call in trace.all(seen.CalledOff):
        run = call.cancel.run
        if run in called:
            yield f"{run.task}: `cancel` was called twice for run {run.epoch}.{run.run}"
        called.add(run)


# -- 22: Messages


@invariant(22, "A Message-only interaction yields exactly one Message and no task.")
def one_message_and_no_task(trace: Trace, _: Policy, saw: Saw) -> Iterator[str]:
    """R36, R103."""
    known = evidence(trace)
    replied: dict[str, Record] = {}
    for task in trace.logs:
        public = known.history(task).public
        replies = [record for record in public if record.kind == Kind.REPLY]
        if replies:
            saw()
            replied[task] = replies[0]
            if len(public) > 1:
                yield f"{task}: a Message and {len(public) - 1} other public records"
    for request in known.requests.values():
        reply = replied.get(request.asked.task)
        if reply is not None:
            wrong = _not_just(known.history(request.asked.task).event(reply).message, request)
            if wrong:
                yield f"{request}: {wrong}, in an interaction that is one Message"


def _not_just(message: Message, request: Request) -> str:
    """Say what somebody got beside the Message, if anything."""
    value = request.value
    if isinstance(value, Task) or (isinstance(value, View) and value.task):
        return "got a Task"
    if isinstance(value, Message) and value != message:
        return "got another Message"
    if len(request.events) > 1:
        return f"got {len(request.events)} events"
    if request.events and request.events[0].event.message != message:
        return "got something else"
    return ""


# -- 24: blocking sends


@invariant(24, "A blocking send returns a Message, or a Task in a terminal or interrupted state.")
def blocking_sends_wait(trace: Trace, policy: Policy, saw: Saw) -> Iterator[str]:
    """R31, R32 (the Task as it was then); `unfinished="keep"`: or as the run has left it.

    Who repeats a message whose records were let go gets the Task as it is, be it that the message
    was refused: nobody knows any more.
    """
    known = evidence(trace)
    for request in known.requests.values():
        if request.waits is not Wait.SETTLED or request.value is None:
            continue
        saw()
        history = known.history(request.asked.task)
        message = history.accepted.get(request.text)
        settled = None if message is None else _settled(history, message, policy)
        if isinstance(request.value, Message):
            if settled is None or settled.kind != Kind.REPLY:
                yield f"{request}: got a Message, and its run gave none"
        elif request.repeated and (floor := known.floor(history.task, request.ended)):
            since = range(floor, len(history.tasks))
            if not any(history.shows(request.value, version) for version in since):
                yield f"{request}: got a Task that was none since version {floor}, which was kept"
        elif settled is None:
            yield f"{request}: got a Task, and its run had not come to a rest"
        elif not history.shows(request.value, settled.seq):
            yield f"{request}: got another Task than the one at {settled.seq}"


def _settled(history: History, message: int, policy: Policy) -> Record | None:
    """Return the record that answers whoever waits for the run of a message."""
    started = history.about(Kind.STARTED, message)
    ends = {record.seq for record in history.ends(message)}
    for record in history.log[started[0].seq :] if started else ():
        state = history.states[record.seq]
        if record.kind == Kind.REPLY:
            return record
        if record.kind in (Kind.TASK, Kind.STATUS) and state in TERMINAL | INTERRUPTED:
            return record
        if record.seq in ends and not record.number("final"):
            rests = policy.unfinished == "keep" or state in INTERRUPTED
            return record if rests else None
    return None


ANSWERS = (
    answered_once,
    terminal_tasks_take_no_message,
    cancel_tells_the_truth,
    one_message_and_no_task,
    blocking_sends_wait,
)
