"""A census: who lives in an actor system, in which state, and how much mail waits.

Taken when somebody wants to know, in one walk over the address book; nothing is kept for it. Half
a microsecond for each live actor; a task at rest is none.

Neighbours: `instruments.py` (asks), `actors/runtime/book.py` (the book).
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import NamedTuple

from a2a.types import TaskState as A2AState

from actors.runtime import ActorSystem
from actors.task.orders import OUTBOX
from actors.task.rounds import Outbox
from actors.task.state import TaskState


class Census(NamedTuple):
    """How many there are, by kind of actor and by state of task."""

    actors: Counter[str]
    waiting: Counter[str]
    """Messages in mailboxes, by kind of actor; what is put aside is in no mailbox."""
    fullest: dict[str, int]
    """Messages in the fullest mailbox of each kind."""
    tasks: Counter[str]
    """Live tasks by state; `none` before there is a Task, `loading` while its log is read."""
    outbox: dict[str, int]
    """Of webhooks: how many have records to come (`waiting`), and fail (`failing`); `records` that
    wait in memory; and records that were given up (`given_up`)."""


def census(system: ActorSystem) -> Census:
    """Count whoever lives now; from any thread."""
    found = Census(Counter(), Counter(), {}, Counter(), outbox(system))
    for cell in list(system.cells.values()):  # copied at once: others may be born meanwhile
        kind, waiting = cell.ref.kind, len(cell.mailbox)
        found.actors[kind] += 1
        found.waiting[kind] += waiting
        found.fullest[kind] = max(waiting, found.fullest.get(kind, 0))
        if kind == "task":
            found.tasks[_state(cell.state)] += 1
    return found


def outbox(system: ActorSystem) -> dict[str, int]:
    """Return how far webhooks are behind."""
    cell = system.cells.get(OUTBOX)
    known = cell.state if cell is not None else None
    if not isinstance(known, Outbox):
        return {}
    couriers = list(known.couriers.values())
    return {
        "waiting": len(couriers),
        "failing": sum(courier.failed_at > 0 for courier in couriers),
        "records": sum(len(courier.queue) + (courier.sent is not None) for courier in couriers),
        "given_up": known.attempts.dead,
    }


def _state(state: object) -> str:
    return state_name(state.lifecycle) if isinstance(state, TaskState) else "loading"


@cache
def state_name(number: int) -> str:
    """Return the name of a `TaskState` number as metrics say it: `input_required`."""
    if number == A2AState.TASK_STATE_UNSPECIFIED:
        return "none"
    return A2AState.Name(A2AState.ValueType(number)).removeprefix("TASK_STATE_").lower()
