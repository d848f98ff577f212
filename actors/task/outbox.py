"""OutboxActor: hands stored records to the webhook port, in order for each task, off every path.

One notification of a task is under way at a time; a slow or broken receiver holds up the next ones
of its own task and nobody else. The queue lives in memory: it is gone with the process.

Neighbours: `release.py` (hands records over), `ports.py` (WebhookPort).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from actors.runtime import (
    RESUME,
    Actor,
    DeadLetter,
    Effect,
    Envelope,
    Perform,
    Reply,
    ReplyTo,
    Step,
)
from actors.task.orders import Deliver, Delivered, Drain
from actors.task.ports import Notify
from actors.task.record import Record


@dataclass(slots=True)
class Outbox:
    """What is still to be sent, by task; the actor's own, changed in place."""

    waiting: dict[str, deque[Record]] = field(default_factory=dict)
    """A task is a key here as long as one of its notifications is under way."""
    drained: list[ReplyTo[Any]] = field(default_factory=list)


class OutboxActor(Actor[Outbox]):
    """The behaviour of the one outbox of a system."""

    supervision = RESUME

    def start(self) -> Step[Outbox]:
        """Nothing to send."""
        return Step(Outbox())

    def step(self, state: Outbox, envelope: Envelope, now: int) -> Step[Outbox]:
        """Queue what is to be sent, or go on to the next."""
        match envelope.message:
            case Deliver(task, records):
                return Step(state, self._deliver(state, task, records))
            case Delivered(task):
                return Step(state, self._next(state, task))
            case Drain() if envelope.reply_to is not None:
                state.drained.append(envelope.reply_to)
                return Step(state, self._drained(state))
            case other:
                return Step(state, (DeadLetter(other, "not for the outbox"),))

    def _deliver(self, state: Outbox, task: str, records: tuple[Record, ...]) -> tuple[Effect, ...]:
        if task in state.waiting:
            state.waiting[task].extend(records)
            return ()
        first, *rest = records
        state.waiting[task] = deque(rest)
        return (Perform("webhook", Notify(task, first)),)

    def _next(self, state: Outbox, task: str) -> tuple[Effect, ...]:
        waiting = state.waiting.get(task)
        if waiting:
            return (Perform("webhook", Notify(task, waiting.popleft())),)
        state.waiting.pop(task, None)
        return self._drained(state)

    @staticmethod
    def _drained(state: Outbox) -> tuple[Effect, ...]:
        if state.waiting:
            return ()
        told = tuple(Reply(reply_to, True) for reply_to in state.drained)
        state.drained.clear()
        return told
