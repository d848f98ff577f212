"""The forms of answers: what a caller sees of what the core has settled (A1, A3, A5, A6).

The core settles facts and stores records; which of them end a stream, and whether an agent's
failure is an error or a FAILED Task, is a matter of form and decided here, by the policy, for
every binding alike.

Neighbours: `handler.py` (asks the core, hands out what this makes), `batches.py` (events together),
`sequenced.py` (one event), `streams.py` (a telling that has been let in), `wire/` (frames it).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Sequence

from a2a.types import Message, StreamResponse, Task, TaskState
from a2a.utils.errors import TaskNotCancelableError, UnsupportedOperationError

from actors.a2a.batches import batch
from actors.a2a.sequenced import Sequenced, of_task
from actors.runtime.journal.record import CLAIM, PRIVATE, Record
from actors.task.fold import TERMINAL
from actors.task.kept import Kept
from actors.task.messages import Admitted, Settled, View
from actors.task.orders import Page
from actors.task.policy import Policy
from actors.task.reader import Reader
from actors.task.record import CALLED_OFF, CANCEL_RAISED, Failure, Kind, messages_of

_ARTIFACT = Kind.ARTIFACT


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


class Telling(ABC):
    """What one reader is told of the records that it reads.

    Args:
        policy: has the forms.
        admitted: what the reader was let in with.
        reader: brings the records.
    """

    __slots__ = ("_admitted", "_begun", "_failure", "_over", "_policy", "_reader")

    def __init__(self, policy: Policy, admitted: Admitted, reader: Reader) -> None:
        self._policy = policy
        self._admitted = admitted
        self._reader = reader
        self._begun = False
        self._over = False
        self._failure: Failure | None = None
        """What ends it, behind the events that have been told."""

    def here(self) -> Sequence[Sequenced] | None:
        """Return the events that are here; none when it is over. None: there will be `more`.

        Raises:
            A2AError: the message was refused after all (A2), or a run failed (A5 as error).
        """
        if not self._begun:
            self._begun, first = True, self._first()
            self._admitted = self._admitted._replace(task=b"")  # it may be large
            if first:
                return first
        reader = self._reader
        while self._failure is None and not self._over:
            page = reader.here()
            if page is None:
                return () if reader.ended else None
            if told := self._told(page):
                return told
        if self._failure is not None:
            raise self._failure.exception()
        return ()

    def more(self) -> Awaitable[object]:
        """Return what is to be awaited before there can be more; it raises nothing."""
        return self._reader.more()

    def _first(self) -> Sequence[Sequenced]:
        """The Task, if it comes first."""
        admitted = self._admitted
        return (of_task(admitted.version, admitted.task),) if admitted.task else ()

    @abstractmethod
    def _told(self, page: Page) -> Sequence[Sequenced]:
        """Return the events of a page; sets `_over` or `_failure` where nothing more is told."""


class Subscription(Telling):
    """A subscription: the Task unless resumed, then every public record."""

    __slots__ = ()

    def _told(self, page: Page) -> Sequence[Sequenced]:
        if page.snapshot is not None:
            return (_as_it_is(page.snapshot),) if page.snapshot.task else ()
        kept, records = page.kept, page.records
        told, self._failure = (
            self._of(records, None) if kept is None else kept.of_page(records, self._of)
        )
        if page.end is not None and self._failure is None:
            self._failure = page.end.failure
        return told

    def _of(
        self, records: Sequence[Record], kept: Kept | None
    ) -> tuple[Sequence[Sequenced], Failure | None]:
        """Return the events of some records, and what ended a run; the same for every reader."""
        told = []
        for record in records:
            if CLAIM < record.kind < PRIVATE:  # as `record.public`, in half the time
                told.append(record)
            elif failure := _failure(self._policy, record, 0):
                return batch(told, kept), failure
        return batch(told, kept), None


class SendStream(Telling):
    """What the stream of one message carries, until that stream ends (A1)."""

    __slots__ = ("_by_state", "_mine", "_visible")

    def __init__(self, policy: Policy, admitted: Admitted, reader: Reader) -> None:
        super().__init__(policy, admitted, reader)
        self._by_state = policy.stream_end == "state"
        self._mine = False
        """The run of the message has begun."""
        self._visible = bool(admitted.task)

    def _first(self) -> Sequence[Sequenced]:
        return super()._first() if self._policy.follow_up_first == "task" else ()

    def _told(self, page: Page) -> Sequence[Sequenced]:
        if page.snapshot is not None:
            return (self._shown(page.snapshot),) if page.snapshot.task else ()
        told: list[Record] = []
        for record in page.records:
            kind = record.kind
            if kind == _ARTIFACT:  # which ends nothing, and is what bursts are of
                self._visible = True
                told.append(record)
                continue
            if CLAIM < kind < PRIVATE:
                self._visible = True
                told.append(record)
                self._over = self._by_state and _ends(record, mine=self._mine)
            else:
                self._hear(record)
            if self._over or self._failure is not None:
                return batch(told, page.kept)
        if page.end is not None:
            self._failure = page.end.failure
        return batch(told, page.kept)

    def _hear(self, record: Record) -> None:
        """Learn from a record that is not told."""
        admitted = self._admitted
        self._mine = self._mine or (record.kind == Kind.STARTED and _own(record, admitted))
        self._failure = _failure(self._policy, record, admitted.message)
        ended = record.kind == Kind.ENDED and _own(record, admitted)
        ended = ended and record.facts.get("outcome") != CALLED_OFF  # the next is ours too (A2)
        # Where there is no Task, no state will end it.
        self._over = ended and not (self._by_state and self._visible)

    def _shown(self, view: View) -> Sequenced:
        """Tell the Task where records are no longer kept."""
        message, self._visible = self._admitted.message, True
        # The STARTED record may be among those that are no longer kept.
        self._mine = self._mine or view.messages[:1] == (message,)
        concludes = self._by_state and _concludes(view.state, mine=self._mine)
        self._over = concludes or _over(view, message)
        return _as_it_is(view)


def _as_it_is(view: View) -> Sequenced:
    return of_task(view.version, view.task, snapshot=True)


def _over(snapshot: View, message: int) -> bool:
    """The run of the message is over: nothing that follows is of it."""
    return snapshot.version >= message and message not in snapshot.messages


def _failure(policy: Policy, record: Record, message: int) -> Failure | None:
    """Return what ended a run, for every open stream; a refusal only for the message refused."""
    if record.kind == Kind.REFUSED and record.number("message") == message:
        return Failure.unpack(record.payload)
    if record.kind != Kind.ENDED or record.facts.get("outcome") == CANCEL_RAISED:
        return None  # streams see the FAILED Task; the caller of the cancel hears what it raised
    # Where no Task says it, an error must.
    told = policy.raised == "error" or not record.number("final")
    return Failure.unpack(record.payload) if told else None


def _own(record: Record, admitted: Admitted) -> bool:
    """Tell whether the run that ended was ours, and no terminal record follows it."""
    return admitted.message in messages_of(record) and not record.number("final")


def _ends(record: Record, *, mine: bool) -> bool:
    """A1 of the specification's preset: a bare Message, a terminal state, INPUT_REQUIRED.

    A question that a run before ours has asked (`mine` is False) ends nothing: our message is
    the next to run.
    """
    if record.kind == Kind.REPLY:
        return True
    event = StreamResponse.FromString(record.payload)
    status = event.task.status if record.kind == Kind.TASK else event.status_update.status
    return _concludes(status.state, mine=mine)


def _concludes(state: int, *, mine: bool) -> bool:
    asks = mine and state == TaskState.TASK_STATE_INPUT_REQUIRED
    return asks or state in TERMINAL
