"""The invariant of owners: a task is there for those whose it is, and for nobody else.

Whose a task is was written down as its first message was sent: nothing is taken from production.

Neighbours: `evidence.py` (which requests are about somebody else's task), `../world.py` (who begins
a task), `../people.py` (who they are).
"""

from __future__ import annotations

from collections.abc import Iterator

from a2a.types import Task
from a2a.utils.errors import TaskNotFoundError

from actors.runtime import NOBODY, Caller
from actors.runtime.journal.port import Ack
from actors.simulation import trace as seen
from actors.simulation.invariants.evidence import Evidence, Request, evidence
from actors.simulation.invariants.rule import Saw, invariant
from actors.simulation.trace import Trace
from actors.task.orders import TaskPage
from actors.task.policy import Policy


@invariant(26, "No owner ever observes another's task, not even that it exists.")
def strangers_see_nothing(trace: Trace, _: Policy, saw: Saw) -> Iterator[str]:
    """R67, R74, R81, R87, A13: each answer is one that an id gets which nobody has.

    Nor does a stranger keep an owner from what is theirs, or do anything on their behalf.
    """
    known = evidence(trace)
    for request in known.strangers.values():
        saw()
        yield from _unlike_an_absent_task(request)
    for request in known.requests.values():
        if isinstance(request.value, TaskPage):
            saw()
            yield from _another_list(known, trace, request, request.value)
        elif _denied(known, trace, request):
            yield f"{request}: was told that there is none, and it is theirs"
    yield from _on_anothers_behalf(trace)


def _unlike_an_absent_task(request: Request) -> Iterator[str]:
    """Tell what a stranger has got beside "there is none", or a word about the server's health."""
    if request.repeated:
        yield f"{request}: was led to what somebody else has said"
    if request.events:
        yield f"{request}: has read event {request.events[0].seq} of somebody else's task"
    if request.open is not None and request.attentive:
        yield f"{request}: waits, which it would not for a task that is not there"
    if request.error is not None:
        if not isinstance(request.error, TaskNotFoundError) and not request.in_trouble:
            yield f"{request}: heard {type(request.error).__name__}: {request.error}"
    elif request.answers and (request.value is not None or request.asked.what != "get"):
        got = type(request.value).__name__ if request.value is not None else "an end"
        yield f"{request}: got {got}, and the task is somebody else's"


def _another_list(known: Evidence, trace: Trace, request: Request, page: TaskPage) -> Iterator[str]:
    """Hold a list against the tasks of whoever asked: only theirs, and all that were to be seen."""
    mine = {
        task for task, owner in trace.owners.items() if owner == trace.people[request.asked.client]
    }
    listed = {Task.FromString(task).id for task in page.tasks}
    for task in sorted(listed - mine):
        yield f"{request}: shows {task}, which is somebody else's"
    if page.total > len(mine):
        yield f"{request}: counts {page.total} tasks, and they have begun {len(mine)}"
    for task in sorted(mine - listed):
        stored = known.stored(task, request.at)
        if page.next is None and _visible(known, task, stored, request):
            yield f"{request}: does not show {task}, which is theirs"


def _visible(known: Evidence, task: str, version: int, request: Request) -> bool:
    """Whether there was a Task at a version, and until the request had its answer."""
    there = known.history(task).states[version] != 0
    return there and not known.removed(task, request.ended)


def _denied(known: Evidence, trace: Trace, request: Request) -> bool:
    """Whether an owner was told that there is no such task, by a process that had stored it."""
    absent = isinstance(request.error, TaskNotFoundError) or (
        request.asked.what == "get" and request.ended_well and request.value is None
    )
    asked = request.asked
    if not absent or request.events or asked.task not in trace.owners:
        return False
    return _visible(known, asked.task, known.told(asked.node, asked.task, request.at), request)


def _on_anothers_behalf(trace: Trace) -> Iterator[str]:
    """Records, runs and cancels of a task come of its owner's requests, or of none."""
    for stored in trace.all(seen.Stored):
        if stored.ack is Ack.STORED:
            yield from _not_theirs(trace, "a record", stored.append.log, stored.append.caller)
    for launched in trace.all(seen.Launched):
        yield from _not_theirs(trace, "a run", launched.start.run.task, launched.start.caller)
    for called in trace.all(seen.CalledOff):
        yield from _not_theirs(trace, "a cancel", called.cancel.run.task, called.cancel.caller)


def _not_theirs(trace: Trace, what: str, task: str, caller: Caller) -> Iterator[str]:
    owner = trace.owners.get(task)
    if owner is not None and caller != NOBODY and caller[:2] != owner[:2]:
        yield f"{task}: {what} on behalf of {_named(caller)}, and it is {_named(owner)}'s"


def _named(person: Caller) -> str:
    return f"{person.owner} of {person.tenant or 'no tenant'}"


OWNERS = (strangers_see_nothing,)
