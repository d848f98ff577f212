"""Retention: how long tasks are kept, and the actor that sees to it.

A sweep asks the journal, state by state, what is beyond the limits, and tells those tasks; each
decides itself whether it can go (`sweeping.py`). What cannot go now is looked at again in the next
sweep. The same actor ends tasks that nobody goes on with (`Policy.parked_life`).

Neighbours: `core.py` (spawns it), `listing.py` (the rows that limits are about).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
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

PAGE = 32
"""Tasks that are told at a time: each is read whole."""

PAUSE = 0.125
"""Seconds between two pages: making room must not stand in anybody's way."""


OFTEN, SELDOM = 1.0, 600.0
"""Seconds between two sweeps, at least and at most, where nobody has told."""


_AGES = 1e11
"""Seconds; three thousand years."""


def _check_seconds(name: str, value: object, least: float = 0.0) -> None:
    """Refuse what is no number of seconds that a clock in milliseconds could count."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is not None and not (number and least <= value <= _AGES):  # type: ignore[operator] # a number
        raise ValueError(
            f"{name} is {value!r}, expected a number from {least:g} (of seconds, at most "
            f"{_AGES:g}), or None"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How much is kept of the tasks in one state; None: no limit.

    Raises:
        ValueError: a limit is negative, not a number, or too large.
    """

    age: float | None = None
    """Seconds since anything happened to a task."""
    count: int | None = None
    """Tasks, the newest of them."""
    size: int | None = None
    """Bytes of records in all, those of the newest tasks."""

    def __post_init__(self) -> None:
        """See that limits are limits."""
        _check_seconds("age", self.age)
        for name in ("count", "size"):
            value = getattr(self, name)
            if value is not None and not (type(value) is int and 0 <= value < 2**63):
                raise ValueError(
                    f"{name} is {value!r}, expected a number from 0 without fractions, or None"
                )


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
    every: float | None = None
    """Seconds between two sweeps; None: a tenth of the smallest age, from 1 s to 10 minutes."""

    def __post_init__(self) -> None:
        """See that times are times."""
        for name in _STATES:
            limit = getattr(self, name)
            if not isinstance(limit, Limit):
                raise ValueError(f"{name} is {limit!r}, expected a Limit")  # noqa: TRY004 - as of all others
        _check_seconds("records", self.records)
        _check_seconds("every", self.every, OFTEN)

    @property
    def interval(self) -> float:
        """Seconds between two sweeps: as told, or often enough for the smallest age."""
        if self.every is not None:
            return self.every
        limits = (getattr(self, name) for name in _STATES)
        ages = [age for age in (self.records, *(limit.age for limit in limits)) if age is not None]
        return min(SELDOM, max(OFTEN, min(ages) / 10)) if ages else SELDOM

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
class BeginSweep(Internal):
    """Look now; the timer of the next sweep has been set."""


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
                return LetGo(head, self.keep.since)
            case "shorten":
                return Shorten(head, self.keep.since)


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
            case Sweep() if state.orders:
                return Step(state, (self._later(),))  # one at a time
            case Sweep():
                return Step(state, (self._later(), Tell(RETENTION, BeginSweep())))
            case BeginSweep():
                return self._ask(Sweeping(tuple(self._orders(now))))
            case GoOn():
                return self._ask(state)
            case Answered(Surplus(), heads, None) if state.orders:
                return self._tell(state, heads)
            case Answered(Surplus()):
                return self._ask(Sweeping(state.orders[1:]))  # the journal is away: next time
            case Answered():
                return Step(state)  # a task is gone, or was not to go after all
            case other:
                return Step(state, (DeadLetter(other, "not for the retention"),))

    def _later(self) -> Effect:
        return StartTimer("sweep", self._retention.interval, Sweep())

    def _orders(self, now: int) -> Iterator[Order]:
        """Ends what is overdue, removes what is surplus, shortens what is left."""
        if self._parked_life is not None:
            before = now - int(self._parked_life * 1000)
            yield from _each(_OPEN, "end", since=before)
        for name, state in _STATES.items():
            limit: Limit = getattr(self._retention, name)
            yield from _limited(state, limit, now)
        if self._retention.records is not None:
            before = now - int(self._retention.records * 1000)
            states = {*_STATES.values(), *_OPEN} - {0}  # without a Task there is no state to keep
            yield from _each(sorted(states), "shorten", since=before, compactable=True)

    def _ask(self, state: Sweeping) -> Step[Sweeping]:
        if not state.orders:
            return Step(state)
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


def _limited(state: int, limit: Limit, now: int) -> Iterator[Order]:
    """One order for the age, which the task judges, another for what only the journal can tell."""
    if limit.age is not None:
        since = now - int(limit.age * 1000)
        yield Order(Keep(projection=TASKS, state=state, since=since), "remove")
    if limit.count is not None or limit.size is not None:
        many = Keep(projection=TASKS, state=state, count=limit.count, size=limit.size)
        yield Order(many, "remove")


def _each(states: Iterable[int], what: Literal["end", "shorten"], **limits: Any) -> Iterator[Order]:
    for state in states:
        yield Order(Keep(projection=TASKS, state=int(state), **limits), what)
