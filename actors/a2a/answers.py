"""The forms of answers: what a caller sees of what the core has settled (A1, A3, A5, A6).

The core settles facts and stores records; which of them end a stream, and whether an agent's
failure is an error or a FAILED Task, is a matter of form and decided here, by the policy, for
every binding alike.

Neighbours: `handler.py` (asks the core, hands out what this makes), `wire/` (frames it).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import NamedTuple

from a2a.types import Message, StreamResponse, Task, TaskState
from a2a.utils.errors import TaskNotCancelableError, UnsupportedOperationError

from actors.runtime.journal.record import Record
from actors.task.fold import TERMINAL
from actors.task.messages import Admitted, Settled, View
from actors.task.orders import Page
from actors.task.policy import Policy
from actors.task.record import CALLED_OFF, CANCEL_RAISED, Failure, Kind, messages_of


class Sequenced(NamedTuple):
    """One event of a stream and its place in the task's log, the SSE id."""

    seq: int
    event: StreamResponse
    snapshot: bool = False
    """The Task as it is stands for records that are no longer kept."""


def sent(policy: Policy, settled: Settled) -> Task | Message:
    """Return the answer to a blocking send.

    Raises:
        A2AError: the run failed, and the policy shows that as an error, or there is no Task.
    """
    if settled.failure is not None and (policy.raised == "error" or not settled.task):
        raise settled.failure.exception()
    if settled.message:
        return StreamResponse.FromString(settled.message).message
    return Task.FromString(settled.task)


def cancelled(settled: Settled) -> Task:
    """Return the answer to a cancel: the Task as stored, or what the agent's cancel raised.

    Raises:
        A2AError: the agent's `cancel` raised (detail 12).
    """
    if settled.failure is not None:
        error = settled.failure.exception()
        if isinstance(error, UnsupportedOperationError):  # how an agent says that it cannot
            raise TaskNotCancelableError from error
        raise error
    return Task.FromString(settled.task)


def cancelled_before(refused: TaskNotCancelableError, task: Task) -> Task:
    """Return the answer to a cancel of a terminal task, where cancel may be repeated (A3, R53).

    Raises:
        TaskNotCancelableError: it is terminal and not CANCELED.
    """
    if task.status.state != TaskState.TASK_STATE_CANCELED:
        raise refused
    return task


def cursor(policy: Policy, admitted: Admitted) -> int:
    """Return where the stream of a message begins: with the Task, or at its admission (A6)."""
    return admitted.version if policy.follow_up_first == "task" else admitted.message


async def send_stream(
    policy: Policy, admitted: Admitted, pages: AsyncGenerator[Page, None]
) -> AsyncGenerator[Sequenced, None]:
    """Yield what the stream of one message carries, until that stream ends (A1).

    Raises:
        A2AError: the message was refused after all (A2), or a run failed (A5 as error).
    """
    if admitted.task and policy.follow_up_first == "task":
        yield _task_first(admitted)
    by_state = policy.stream_end == "state"
    mine, visible = False, bool(admitted.task)
    async for item in _items(pages):
        if isinstance(item, View):
            visible = True
            # The STARTED record may be among those that are no longer kept.
            mine = mine or item.messages[:1] == (admitted.message,)
            yield _as_it_is(item)
            if _over(item, admitted.message) or (by_state and _concludes(item.state, mine=mine)):
                return
        elif item.public:
            visible = True
            yield Sequenced(item.seq, StreamResponse.FromString(item.payload))
            if by_state and _ends(item, mine=mine):
                return
        else:
            mine = mine or (item.kind == Kind.STARTED and _own(item, admitted))
            _raise_failure(policy, item, admitted.message)
            ended = item.kind == Kind.ENDED and _own(item, admitted)
            ended = ended and item.facts.get("outcome") != CALLED_OFF  # the next is ours too (A2)
            if ended and not (by_state and visible):  # where there is no Task, no state will end it
                return


async def subscription(
    policy: Policy, admitted: Admitted, pages: AsyncGenerator[Page, None]
) -> AsyncGenerator[Sequenced, None]:
    """Yield what a subscription carries: the Task unless resumed, then every public record.

    Raises:
        A2AError: a run failed (A5 as error).
    """
    if admitted.task:
        yield _task_first(admitted)
    async for item in _items(pages):
        if isinstance(item, View):
            yield _as_it_is(item)
        elif item.public:
            yield Sequenced(item.seq, StreamResponse.FromString(item.payload))
        else:
            _raise_failure(policy, item, 0)


def _task_first(admitted: Admitted) -> Sequenced:
    return Sequenced(admitted.version, StreamResponse(task=Task.FromString(admitted.task)))


def _as_it_is(view: View) -> Sequenced:
    task = Task.FromString(view.task)
    return Sequenced(view.version, StreamResponse(task=task), snapshot=True)


async def _items(pages: AsyncGenerator[Page, None]) -> AsyncIterator[Record | View]:
    """Flatten pages into records, and into the Task where records are no longer kept.

    A failure of the run after its terminal record ends them with an error.
    """
    async with aclosing(pages):
        async for page in pages:
            for record in page.records:
                yield record
            if page.snapshot is not None and page.snapshot.task:
                yield page.snapshot
            if page.end is not None and page.end.failure is not None:
                raise page.end.failure.exception()


def _over(snapshot: View, message: int) -> bool:
    """The run of the message is over: nothing that follows is of it."""
    return snapshot.version >= message and message not in snapshot.messages


def _raise_failure(policy: Policy, record: Record, message: int) -> None:
    """Raise what ended a run, for every open stream; a refusal only for the message refused."""
    if record.kind == Kind.REFUSED and record.number("message") == message:
        _raise(record)
    if record.facts.get("outcome") == CANCEL_RAISED:
        return  # streams see the FAILED Task; the caller of the cancel hears what it raised
    if record.kind == Kind.ENDED and policy.raised == "error":
        _raise(record)
    if record.kind == Kind.ENDED and not record.number("final"):
        _raise(record)  # no Task says it, so an error must


def _raise(record: Record) -> None:
    failure = Failure.unpack(record.payload)
    if failure is not None:
        raise failure.exception()


def _own(record: Record, admitted: Admitted) -> bool:
    """Tell whether the run that ended was ours, and no terminal record follows it."""
    return admitted.message in messages_of(record) and not record.number("final")


def _ends(record: Record, *, mine: bool) -> bool:
    """A1 of the specification's preset: a bare Message, a terminal state, INPUT_REQUIRED.

    A question that a run before ours has asked (`mine` is False) ends nothing: our message is
    the next to run.
    """
    event = StreamResponse.FromString(record.payload)
    if record.kind == Kind.REPLY:
        return True
    if record.kind == Kind.ARTIFACT:
        return False
    status = event.task.status if record.kind == Kind.TASK else event.status_update.status
    return _concludes(status.state, mine=mine)


def _concludes(state: int, *, mine: bool) -> bool:
    asks = mine and state == TaskState.TASK_STATE_INPUT_REQUIRED
    return asks or state in TERMINAL
