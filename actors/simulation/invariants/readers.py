"""Invariants of readers that do not read, and of readers that go: nobody else notices.

Neighbours: `streams.py` (what a stream carries), `evidence.py` (requests and logs, as observed).
"""

from __future__ import annotations

from collections.abc import Iterator

from a2a.utils.errors import TaskNotFoundError

from actors.runtime import ActorStopped
from actors.simulation import trace as seen
from actors.simulation.invariants.evidence import Evidence, Request, evidence
from actors.simulation.invariants.rule import Saw, invariant
from actors.simulation.trace import Trace
from actors.task.policy import Policy
from actors.task.ports import RunId
from actors.task.record import CANCEL_RAISED, Kind

REPORTED = ("returned", "raised")
"""Outcomes of which the agent itself tells."""
WISHED = ("cancelled", CANCEL_RAISED)
"""Outcomes that follow upon a wish to cancel."""


@invariant(12, "A stalled reader delays no executor, append or other stream.")
def stalls_delay_nobody(trace: Trace, _: Policy, saw: Saw) -> Iterator[str]:
    """L5: with a reader that never reads on, everybody else gets all there is."""
    known = evidence(trace)
    stalled = {each.asked.task for each in known.requests.values() if each.stalled is not None}
    if not stalled:
        return
    saw()
    for request in known.requests.values():
        if request.asked.task in stalled and request.open is not None and request.attentive:
            yield from _waits(known, request, request.open)
    for run in sorted(_going_on(trace)):
        if run.task in stalled:
            yield f"run {run.epoch}.{run.run} of {run.task} has never come to its end"


def _waits(known: Evidence, request: Request, place: int) -> Iterator[str]:
    history = known.history(request.asked.task)
    version = known.stored(history.task, place)
    seen_up_to = request.resumes or history.accepted.get(request.text, 0)
    if request.events:
        seen_up_to = request.events[-1].seq
    if not request.streams:
        yield f"{request}: has never been answered"
    elif history.final_by(version) or history.after(seen_up_to, version):
        yield f"{request}: has got no further than {seen_up_to}"


def _going_on(trace: Trace) -> set[RunId]:
    """Runs of living processes of which neither agent nor core has said that they are over."""
    gone = {crash.node for crash in trace.all(seen.Crashed)}
    begun = {each.start.run for each in trace.all(seen.Launched) if each.node not in gone}
    begun |= {each.cancel.run for each in trace.all(seen.CalledOff) if each.node not in gone}
    begun -= {each.run for each in trace.all(seen.Over)}
    return begun - {each.run for each in trace.all(seen.Abandoned)}


@invariant(13, "Closing a stream affects neither another stream nor the task.")
def closing_disturbs_nobody(trace: Trace, _: Policy, saw: Saw) -> Iterator[str]:
    """R45: other streams go on, and a run ends only for a reason of its own."""
    known = evidence(trace)
    closed: dict[str, int] = {}
    for request in known.requests.values():
        if request.left is not None:
            closed.setdefault(request.asked.task, request.left)
    for task, place in closed.items():
        yield from _cut_off(known, task, place, saw)
        yield from _ended_for_nothing(known, trace, task, saw)


def _cut_off(known: Evidence, task: str, place: int, saw: Saw) -> Iterator[str]:
    """Other streams: their actor stops only with the task, when that is void."""
    for request in known.requests.values():
        if request.asked.task != task or not request.streams or not request.attentive:
            continue
        if request.ended is not None and request.ended < place:
            continue
        saw()
        begun = request.events or request.text in known.history(task).accepted
        gone = isinstance(request.error, TaskNotFoundError) and begun
        gone = gone and not known.removed(task, request.ended)
        if (gone or isinstance(request.error, ActorStopped)) and not known.void(
            request.asked.node, task
        ):
            yield f"{request}: cut off, after another stream of the task was closed"


def _ended_for_nothing(known: Evidence, trace: Trace, task: str, saw: Saw) -> Iterator[str]:
    """The task: what its log says of the end of a run has happened."""
    history = known.history(task)
    cancelled = {each.number("run") for each in history.of_kind(Kind.CANCEL_ASKED)}
    for record in history.of_kind(Kind.ENDED):
        saw()
        outcome, number = record.facts.get("outcome"), record.number("run")
        reported = known.reported(task, record) is not None
        if (outcome in REPORTED and not reported) or (
            outcome in WISHED and number not in cancelled
        ):
            yield f"{task}: record {record.seq} ends run {number} ({outcome}), which never happened"
    ended = {each.number("run") for each in history.of_kind(Kind.ENDED)} | cancelled
    crashed = {each.node for each in trace.all(seen.Crashed)}  # with the reason still in memory
    for abandoned in trace.all(seen.Abandoned):
        run = abandoned.run
        lost = abandoned.node in crashed or known.void(abandoned.node, task)
        explained = history.final is not None or lost
        if run.task == task and run.run not in ended and not explained:
            yield f"{task}: run {run.epoch}.{run.run} was abandoned, and the log does not say why"


READERS = (stalls_delay_nobody, closing_disturbs_nobody)
