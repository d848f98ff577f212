"""Retention: how long tasks are kept, and the actor that sees to it.

A sweep asks the journal, state by state, what is beyond the limits, and tells those tasks; each
decides itself whether it can go (`sweeping.py`). What cannot go now is looked at again in the next
sweep. The same actor ends tasks that nobody goes on with (`Policy.parked_life`).

Neighbours: `core.py` (spawns it), `listing.py` (the rows that limits are about).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from math import isfinite
from typing import Any, Literal, NamedTuple

from a2a.types import TaskState as A2AState

from actors.runtime import (
    RESUME,
    Actor,
    DeadLetter,
    Effect,
    Envelope,
    Internal,
    StartTimer,
    Step,
    Tell,
)
from actors.runtime.journal.messages import JOURNAL, Answered, Surplus
from actors.runtime.journal.port import Head
from actors.runtime.journal.projection import Keep
from actors.task.listing import TASKS
from actors.task.messages import LetGo, Overdue, Shorten, TaskMessage, task_ref
from actors.task.orders import RETENTION

PAGE = 256
"""Tasks that are told at a time."""

PAUSE = 1.0
"""Seconds between two pages: making room must not stand in anybody's way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How much is kept of the tasks in one state; None: no limit.

    Raises:
        ValueError: a limit is negative or not a number.
    """

    age: float | None = None
    """Seconds since the latest status."""
    count: int | None = None
    """Tasks, the newest of them."""
    size: int | None = None
    """Bytes of records in all, those of the newest tasks."""

    def __post_init__(self) -> None:
        """See that limits are limits."""
        for each in fields(self):
            value = getattr(self, each.name)
            if value is not None and not (isfinite(value) and value >= 0):
                raise ValueError(f"{each.name} is {value}, expected a number from 0, or None")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """What is kept of tasks, by state. A task with readers or undelivered webhooks always is.

    Raises:
        ValueError: a time is negative or not a number.
    """

    completed: Limit = Limit()
    failed: Limit = Limit()
    canceled: Limit = Limit()
    rejected: Limit = Limit()
    input_required: Limit = Limit()
    auth_required: Limit = Limit()
    messages: Limit = Limit()
    """Interactions that left no Task, such as those answered with a bare Message."""
    records: float | None = None
    """Seconds after which a task at rest keeps its state and no longer the records that led there:
    streams cannot resume from before then, and begin with the Task."""
    every: float = 600.0
    """Seconds between two sweeps."""

    def __post_init__(self) -> None:
        """See that times are times."""
        if self.records is not None and not (isfinite(self.records) and self.records >= 0):
            raise ValueError(f"records is {self.records}, expected a number of seconds, or None")
        if not (isfinite(self.every) and self.every > 0):
            raise ValueError(f"every is {self.every}, expected a number of seconds above 0")

    @classmethod
    def terminal(cls, limit: Limit, **others: Any) -> Retention:
        """Limit all four terminal states, and interactions without a Task, alike.

        Args:
            limit: of each of them.
            **others: further fields.
        """
        ended = ("completed", "failed", "canceled", "rejected", "messages")
        return cls(**(dict.fromkeys(ended, limit) | others))


_STATES: dict[str, int] = {
    "completed": A2AState.TASK_STATE_COMPLETED,
    "failed": A2AState.TASK_STATE_FAILED,
    "canceled": A2AState.TASK_STATE_CANCELED,
    "rejected": A2AState.TASK_STATE_REJECTED,
    "input_required": A2AState.TASK_STATE_INPUT_REQUIRED,
    "auth_required": A2AState.TASK_STATE_AUTH_REQUIRED,
    "messages": 0,
}
_OPEN = (
    A2AState.TASK_STATE_SUBMITTED,
    A2AState.TASK_STATE_WORKING,
    A2AState.TASK_STATE_INPUT_REQUIRED,
    A2AState.TASK_STATE_AUTH_REQUIRED,
)


@dataclass(frozen=True, slots=True)
class Sweep(Internal):
    """Timer: look for what is beyond the limits."""


@dataclass(frozen=True, slots=True)
class GoOn(Internal):
    """Timer: ask for the next page."""


class Order(NamedTuple):
    """One question of a sweep, and what is to be done with those whom it finds."""

    keep: Keep
    what: Literal["end", "remove", "shorten"]

    def to(self, head: Head) -> TaskMessage:
        """What one of them is told."""
        match self.what:
            case "end":
                return Overdue(self.keep.since or 0)
            case "remove":
                return LetGo(head)
            case "shorten":
                return Shorten(head)


@dataclass(frozen=True, slots=True)
class Sweeping:
    """Where a sweep is; no orders: between two of them."""

    orders: tuple[Order, ...] = ()
    told: frozenset[str] = frozenset()
    """Tasks that the present order was given to: the latest page, and those before that could not
    go. They are found again, so the journal is asked for as many more."""


class RetentionActor(Actor[Sweeping]):
    """The behaviour of the one retention of a system.

    Args:
        retention: the limits.
        parked_life: as `Policy.parked_life`.
    """

    supervision = RESUME

    def __init__(self, retention: Retention, parked_life: float | None) -> None:
        self._retention = retention
        self._parked_life = parked_life

    def start(self) -> Step[Sweeping]:
        """The first sweep comes after the first interval: a start has enough to do."""
        return Step(Sweeping(), (self._later(),))

    def step(self, state: Sweeping, envelope: Envelope, now: int) -> Step[Sweeping]:
        """Begin a sweep, or go on with it."""
        match envelope.message:
            case Sweep():
                return self._ask(Sweeping(tuple(self._orders(now))))
            case GoOn():
                return self._ask(state)
            case Answered(Surplus(), heads, None) if state.orders:
                return self._tell(state, heads)
            case Answered(Surplus()):
                return Step(Sweeping(), (self._later(),))  # the journal is away: next time
            case Answered():
                return Step(state)  # a task is gone, or was not to go after all
            case other:
                return Step(state, (DeadLetter(other, "not for the retention"),))

    def _later(self) -> Effect:
        return StartTimer("sweep", self._retention.every, Sweep())

    def _orders(self, now: int) -> Iterator[Order]:
        """Ends what is overdue, removes what is surplus, shortens what is left."""
        if self._parked_life is not None:
            before = now - int(self._parked_life * 1000)
            yield from _each(_OPEN, "end", since=before)
        for name, state in _STATES.items():
            limit: Limit = getattr(self._retention, name)
            if limit != Limit():
                since = None if limit.age is None else now - int(limit.age * 1000)
                keep = Keep(
                    projection=TASKS, state=state, since=since, count=limit.count, size=limit.size
                )
                yield Order(keep, "remove")
        if self._retention.records is not None:
            before = now - int(self._retention.records * 1000)
            states = {*_STATES.values(), *_OPEN} - {0}  # without a Task there is no state to keep
            yield from _each(sorted(states), "shorten", since=before, compactable=True)

    def _ask(self, state: Sweeping) -> Step[Sweeping]:
        if not state.orders:
            return Step(state, (self._later(),))
        limit = PAGE + len(state.told)
        return Step(state, (Tell(JOURNAL, Surplus(RETENTION, state.orders[0].keep, limit)),))

    def _tell(self, state: Sweeping, heads: Iterable[Head]) -> Step[Sweeping]:
        order, stayed = state.orders[0], [head.log for head in heads if head.log in state.told]
        found = [head for head in heads if head.log not in state.told][:PAGE]
        if not found:
            return self._ask(Sweeping(state.orders[1:]))
        told = [Tell(task_ref(head.log), order.to(head)) for head in found]
        state = replace(state, told=frozenset((*stayed, *(head.log for head in found))))
        return Step(state, (*told, StartTimer("go on", PAUSE, GoOn())))


def _each(states: Iterable[int], what: Literal["end", "shorten"], **limits: Any) -> Iterator[Order]:
    for state in states:
        yield Order(Keep(projection=TASKS, state=int(state), **limits), what)
