"""What a message is answered with: decided by the records that follow it, one by one.

The same records give the same answer, whether they are just being committed (`release.py`) or read
back from the log because the same message came once more (`again.py`).

Neighbours: `release.py`, `again.py` (ask).
"""

from __future__ import annotations

from typing import NamedTuple

from actors.runtime.journal.record import Record
from actors.task.events import unfinished
from actors.task.fold import INTERRUPTED, TERMINAL, Fold
from actors.task.messages import Settled, Wait
from actors.task.policy import Policy
from actors.task.record import CALLED_OFF, CANCEL_RAISED, Failure, Kind, messages_of

_REST = TERMINAL | INTERRUPTED
# Every record of a run is asked about, and looking a member up in its enum takes as long as the
# rest of most of these questions.
_TASKS = (Kind.STATUS, Kind.TASK)
_REPLY, _ENDED, _REFUSED = Kind.REPLY, Kind.ENDED, Kind.REFUSED
_FIRST = Wait.FIRST


class Question(NamedTuple):
    """What somebody waits for."""

    wait: Wait | None
    """None: the end of the task, after a cancel."""
    message: int
    """Sequence number of the message that was sent."""


class Retelling:
    """A log told once more, until it answers a question.

    Args:
        asked: what is to be answered.
        policy: as for `answer`.
        known: what comes before the records that are told; it grows with them.
    """

    def __init__(self, asked: Question, policy: Policy, known: Fold) -> None:
        self.fold = known
        self._asked = asked
        self._policy = policy
        self._ending: Record | None = None

    def hear(self, record: Record) -> Settled | None:
        """Fold the next record; the answer, if this is the one that gives it."""
        running = self.fold.in_hand
        if self._ending is not None:
            running = messages_of(self._ending)
        self.fold.apply(record)
        settled = None
        if record.seq >= self._asked.message:
            settled = answer(self.fold, self._ending, self._asked, record, running, self._policy)
        if record.number("final"):
            self._ending = record
        return settled


def answer(
    known: Fold,
    ending: Record | None,
    asked: Question,
    record: Record,
    running: tuple[int, ...],
    policy: Policy,
) -> Settled | None:
    """Return the answer that the record folded last gives to a question, or None to wait on.

    Args:
        known: the fold with `record`.
        ending: the ENDED record of the run whose end is the end of the task, once folded.
        asked: whose message, and what is waited for.
        record: the latest.
        running: the messages whose run was going on before it.
        policy: chooses the forms that concern A15.
    """
    if record.kind == _REFUSED:
        mine = asked.wait is not None and record.number("message") == asked.message
        return Settled(failure=Failure.unpack(record.payload)) if mine else None
    if asked.wait is _FIRST:
        return _first(known, ending, asked, record, policy)
    if asked.wait is None:
        final = known.final
        return Settled(known.task_bytes, failure=_cancel_failure(ending)) if final else None
    if asked.message not in running:
        return None
    return _outcome(known, ending, record)


def _first(
    known: Fold, ending: Record | None, asked: Question, record: Record, policy: Policy
) -> Settled | None:
    """R33: the first thing there is to show."""
    if record.kind == Kind.ACCEPTED:
        shown = policy.visible == "admission" and known.task is not None
        return Settled(known.task_bytes) if shown and record.seq == asked.message else None
    if record.kind == _ENDED:
        mine = asked.message in messages_of(record)
        return _outcome(known, ending, record) if mine else None
    if not record.public or record.seq <= asked.message:
        return None
    if record.kind == _REPLY:
        return Settled(message=record.payload)
    return Settled(known.task_bytes, failure=_failure(ending))


def _failure(ending: Record | None) -> Failure | None:
    """Return why the run ended whose last record this is, unless `cancel` raised it."""
    if ending is None or ending.facts.get("outcome") == CANCEL_RAISED:
        return None
    return Failure.unpack(ending.payload)


def _cancel_failure(ending: Record | None) -> Failure | None:
    """Return what `cancel` raised, if that is what ended the task (detail 12)."""
    if ending is None or ending.facts.get("outcome") != CANCEL_RAISED:
        return None
    return Failure.unpack(ending.payload)


def _outcome(known: Fold, ending: Record | None, record: Record) -> Settled | None:
    """R31: what the run of a message has come to."""
    kind = record.kind
    if kind in _TASKS:
        rests = known.state in _REST
        return Settled(known.task_bytes, failure=_failure(ending)) if rests else None
    if kind == _REPLY:
        return Settled(message=record.payload)
    if kind != _ENDED or record.number("final"):
        return None  # of a final end the terminal record follows: the answer is the Task with it
    if record.facts.get("outcome") == CALLED_OFF:
        return None  # the run that follows is for this message too (A2)
    failure = Failure.unpack(record.payload)
    if failure is None and known.task is None:
        failure = unfinished()
    return Settled(known.task_bytes, failure=failure)
