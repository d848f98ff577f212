"""OutboxActor: notifies webhooks of stored records, in order for each task, off every path.

It is a durable consumer of the tasks' logs: the journal remembers for which tasks it has something
to do and how far it has got, so that a process that dies leaves nothing undelivered; the next one
goes on there, and repeats at most the latest. One notification of a task is under way at a time; a
slow or broken receiver holds up the next ones of its own task and nobody else.

What is committed is handed over (`Deliver`); what was left by an earlier process, or is too much to
wait in memory, it reads.

Neighbours: `release.py` (hands records over), `courier.py` (one task), `ports.py` (WebhookPort).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from actors.runtime import (
    RESUME,
    Actor,
    DeadLetter,
    Effect,
    Envelope,
    Message,
    Perform,
    Reply,
    ReplyTo,
    StartTimer,
    Step,
    Tell,
)
from actors.runtime.journal.messages import (
    JOURNAL,
    Answered,
    Consumed,
    Drain,
    NextPlace,
    NextRecords,
    Unconsumed,
)
from actors.runtime.journal.port import Place
from actors.task.courier import NOTHING, READ, UNKNOWN, Courier
from actors.task.orders import OUTBOX, WEBHOOKS, Deliver, Delivered, LookAfter, LookAgain
from actors.task.ports import Notify

PAGE = 256
"""Names of tasks that are read at a time, at the start."""

BACKLOG = 16
"""Tasks that an earlier process has left which are worked on at a time."""

RECENT = 1024
"""Tasks to remember that were done with."""

RETRY = 5.0
"""Seconds before a journal that could not be read is asked again."""

Effects: TypeAlias = list[Effect]


@dataclass(slots=True)
class Outbox:
    """Who is to be notified of what; the actor's own, changed in place."""

    couriers: dict[str, Courier] = field(default_factory=dict)
    """Tasks with something to deliver."""
    scanning: bool = True
    """It is not known yet which tasks an earlier process has left."""
    after: str = ""
    """Name of the last one that was found."""
    early: list[Deliver | LookAfter] = field(default_factory=list)
    """What came while that was not known: what was left of the same task goes first."""
    backlog: deque[str] = field(default_factory=deque)
    """Tasks that were found and are not being worked on yet."""
    at_work: set[str] = field(default_factory=set)
    """Tasks that were found and are."""
    recent: dict[str, int] = field(default_factory=dict)
    """Tasks that were done with lately, and up to where: a record may have been read, and sent,
    before it is handed over."""
    drained: list[ReplyTo[Any]] = field(default_factory=list)

    def remember(self, place: Place) -> None:
        """Add to `recent`."""
        self.recent.pop(place.log, None)
        self.recent[place.log] = place.seq
        while len(self.recent) > RECENT:
            del self.recent[next(iter(self.recent))]


class OutboxActor(Actor[Outbox]):
    """The behaviour of the one outbox of a system.

    Args:
        pushed: kinds of records that webhooks hear of; none when there is nobody to notify.
    """

    supervision = RESUME

    def __init__(self, pushed: frozenset[int] = frozenset()) -> None:
        self._pushed = pushed
        self._by_type: dict[type[Message], Callable[[Outbox, Any], Effects]] = {
            Deliver: self._deliver,
            Delivered: self._delivered,
            Answered: self._answered,
            LookAgain: self._look_again,
            LookAfter: self._look_after,
        }

    def start(self) -> Step[Outbox]:
        """Look for what an earlier process has left."""
        if not self._pushed:
            return Step(Outbox(scanning=False))
        return Step(Outbox(), (Tell(JOURNAL, Unconsumed(OUTBOX, WEBHOOKS, "", PAGE)),))

    def step(self, state: Outbox, envelope: Envelope, now: int) -> Step[Outbox]:
        """Queue what is to be sent, or go on to the next."""
        message = envelope.message
        handle = self._by_type.get(type(message))
        if handle is not None:
            return Step(state, tuple(handle(state, message)))
        if isinstance(message, Drain) and envelope.reply_to is not None:
            state.drained.append(envelope.reply_to)
            return Step(state, tuple(self._tell_drained(state)))
        return Step(state, (DeadLetter(message, "not for the outbox"),))

    # -- one task

    def _deliver(self, state: Outbox, message: Deliver) -> Effects:
        if state.scanning:
            state.early.append(message)
            return []
        courier = state.couriers.get(message.task)
        if courier is None:
            before = message.records[0].seq - 1
            known = UNKNOWN if message.first else max(before, state.recent.get(message.task, 0))
            courier = state.couriers[message.task] = Courier(known, behind=message.first)
        courier.behind = courier.behind or message.first
        courier.hand(message.records)
        return self._next(state, message.task, courier)

    def _look_after(self, state: Outbox, message: LookAfter) -> Effects:
        if state.scanning:
            state.early.append(message)
            return []
        courier = state.couriers.get(message.task)
        if courier is None:
            courier = state.couriers[message.task] = Courier(UNKNOWN, behind=True)
        courier.behind, courier.checked = True, False
        return self._next(state, message.task, courier)

    def _delivered(self, state: Outbox, message: Delivered) -> Effects:
        courier = state.couriers.get(message.task)
        if courier is None or not courier.sending:
            return [DeadLetter(message, "nothing was under way")]
        courier.sending = False
        if not courier.queue:
            return self._next(state, message.task, courier)
        place = Place(message.task, courier.sent)
        done = Tell(JOURNAL, Consumed(OUTBOX, WEBHOOKS, place))
        return [done, *self._next(state, message.task, courier)]

    def _next(self, state: Outbox, task: str, courier: Courier) -> Effects:
        """Send the next notification, look whether there are more, or be done with a task."""
        if courier.busy:
            return []
        if courier.queue:
            record = courier.queue.popleft()
            courier.sending, courier.sent = True, record.seq
            return [Perform("webhook", Notify(task, record))]
        if not courier.checked:
            courier.reading = True
            return [self._ask(task, courier)]
        if courier.lost:
            return self._done(state, task)  # the journal knows of nothing to be done
        if courier.noting == courier.known:
            return []  # the journal takes it down
        courier.noting = courier.known
        return [Tell(JOURNAL, Consumed(OUTBOX, WEBHOOKS, Place(task, courier.known)))]

    def _noted(self, state: Outbox, place: Place, error: Exception | None) -> Effects:
        """Be done with a task once the journal knows: who asks it then is told the truth."""
        courier = state.couriers.get(place.log)
        if courier is None or courier.noting != place.seq:
            return []
        if error is not None:
            return [StartTimer(f"note {place.log}", RETRY, LookAgain(place.log))]
        courier.noting = NOTHING
        if not courier.done:
            return []
        state.remember(place)
        return self._done(state, place.log)

    def _done(self, state: Outbox, task: str) -> Effects:
        del state.couriers[task]
        return self._more_work(state, task) + self._tell_drained(state)

    def _read(self, state: Outbox, task: str, answer: Answered) -> Effects:
        courier = state.couriers[task]
        if answer.error is not None:
            courier.reading = False
            return [StartTimer(f"read {task}", RETRY, LookAgain(task))]
        if isinstance(answer.asked, NextPlace):
            courier.found(None if answer.result is None else answer.result.seq)
        else:
            courier.take(answer.result, self._pushed)
        return self._next(state, task, courier)

    # -- what an earlier process has left

    def _answered(self, state: Outbox, answer: Answered) -> Effects:
        match answer.asked:
            case Unconsumed():
                return self._found(state, answer)
            case NextRecords(_, place):
                return self._read(state, place.log, answer)
            case NextPlace(_, _, task):
                return self._read(state, task, answer)
            case Consumed(_, _, place):
                return self._noted(state, place, answer.error)
            case _:
                return [DeadLetter(answer, "not asked by the outbox")]

    def _found(self, state: Outbox, answer: Answered) -> Effects:
        if answer.error is not None:
            return [StartTimer("scan", RETRY, LookAgain(""))]
        for place in answer.result:
            state.after = place.log
            state.couriers[place.log] = Courier(place.seq, behind=True)
            state.backlog.append(place.log)
        if len(answer.result) == PAGE:
            return self._look_again(state, LookAgain(""))
        state.scanning = False
        early, state.early = state.early, []
        effects = self._more_work(state)
        for message in early:
            effects += self._by_type[type(message)](state, message)
        return effects + self._tell_drained(state)

    def _more_work(self, state: Outbox, done: str = "") -> Effects:
        """Begin with further tasks that were left, a few at a time."""
        state.at_work.discard(done)
        effects: Effects = []
        while state.backlog and len(state.at_work) < BACKLOG:
            task = state.backlog.popleft()
            courier = state.couriers.get(task)
            if courier is not None:
                state.at_work.add(task)
                effects += self._next(state, task, courier)
        return effects

    def _look_again(self, state: Outbox, message: LookAgain) -> Effects:
        """Ask the journal once more for what it could not tell, or take down."""
        if not message.task:
            return [Tell(JOURNAL, Unconsumed(OUTBOX, WEBHOOKS, state.after, PAGE))]
        courier = state.couriers.get(message.task)
        if courier is None:
            return []  # done with meanwhile
        courier.noting = NOTHING
        return self._next(state, message.task, courier)

    @staticmethod
    def _ask(task: str, courier: Courier) -> Effect:
        if courier.lost:
            return Tell(JOURNAL, NextPlace(OUTBOX, WEBHOOKS, task))
        return Tell(JOURNAL, NextRecords(OUTBOX, Place(task, courier.known), READ))

    @staticmethod
    def _tell_drained(state: Outbox) -> Effects:
        if state.couriers or state.scanning:
            return []
        told: Effects = [Reply(reply_to, True) for reply_to in state.drained]
        state.drained.clear()
        return told
