"""Invariants of what is kept: messages that come again, and tasks that make room.

Neighbours: `messages.py` (what becomes of each message), `evidence.py` (requests and logs, as
observed), `../sending.py` (sends again), `actors/task/sweeping.py` (makes room).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from a2a.types import SendMessageRequest

from actors.runtime import Caller
from actors.runtime.journal.port import Ack
from actors.simulation import trace as seen
from actors.simulation.invariants.calls import Calls
from actors.simulation.invariants.chronicle import named
from actors.simulation.invariants.evidence import Evidence, History, Request, evidence
from actors.simulation.invariants.rule import Saw, invariant
from actors.simulation.trace import Trace
from actors.simulation.writes import Cut, Drop
from actors.task.core import PUSHED
from actors.task.fold import Fold
from actors.task.orders import WEBHOOKS
from actors.task.policy import Policy
from actors.task.ports import RunId
from actors.task.record import Kind

# -- 18

Said: TypeAlias = tuple[str, str, str]
"""Owner, tenant and message id."""


@invariant(18, "Repeating a message id never starts a second run.")
def repeated_in_vain(trace: Trace, policy: Policy, saw: Saw) -> Iterator[str]:
    """A12: as the logs say and as the agents were called; anew once its task is removed.

    The same id said by two people is that of two messages.

    A run that a crash has lost is repeated by the core, not by whoever sends the message again.
    """
    if not policy.deduplicate:
        return
    sent: set[tuple[Caller | None, str]] = set()
    for request in evidence(trace).requests.values():
        said = (trace.people.get(request.asked.client), request.text)
        if said in sent:
            saw()
        sent |= {said} if request.text else set()
    homes: dict[Said, tuple[str, int]] = {}
    runs: dict[Said, RunId] = {}
    for entry in trace.entries:
        match entry:
            case seen.Stored(_, append, Ack.STORED, _):
                for record in append.records:
                    if record.kind == Kind.ACCEPTED:
                        said_now = _said(append.caller, record.payload)
                        yield from _stored_twice(homes, append.log, record.seq, said_now)
            case seen.Launched(_, start) if not start.recovered:
                yield from _run_twice(runs, start.run, _said(start.caller, start.request))
            case seen.Tended(_, Drop(head), True, _):
                homes = {text: home for text, home in homes.items() if home[0] != head.log}
                runs = {text: run for text, run in runs.items() if run.task != head.log}


def _stored_twice(
    homes: dict[Said, tuple[str, int]], task: str, seq: int, said: Said
) -> Iterator[str]:
    text, place = said[-1], (task, seq)
    home = homes.setdefault(said, place)
    if home != place:
        yield f"message {text} is record {home[1]} of {home[0]}, and record {seq} of {task} too"


def _run_twice(runs: dict[Said, RunId], run: RunId, said: Said) -> Iterator[str]:
    text = said[-1]
    before = runs.setdefault(said, run)
    if before != run:
        yield f"message {text} is executed in {named(run)}, after {named(before)}"


def _said(caller: Caller, request: bytes) -> Said:
    text: str = SendMessageRequest.FromString(request).message.message_id
    return caller.owner, caller.tenant, text


# -- 29


@invariant(29, "Retention removes nothing that a live cursor or a recovery needs.")
def room_is_made_of_what_nobody_needs(trace: Trace, policy: Policy, saw: Saw) -> Iterator[str]:
    """A cursor is that of a stream in the same process, or that of the webhooks.

    What is cut off a log must be in what is left of it; a task that goes must be at rest.
    """
    gone = [
        (place, tended)
        for place, tended in trace.timed(seen.Tended)
        if tended.done and isinstance(tended.write, Drop | Cut)
    ]
    if not gone:
        return
    saw()
    known = evidence(trace)
    for place, tended in gone:
        asked = [
            at
            for at, wanted in trace.timed(seen.Wanted)
            if at < place and (wanted.node, wanted.write) == (tended.node, tended.write)
        ]
        yield from _needed(known, trace, policy, tended, max(asked, default=place))
    yield from _unlike_before(known, trace)


def _needed(
    known: Evidence, trace: Trace, policy: Policy, done: seen.Tended, asked: int
) -> Iterator[str]:
    """Hold what the journal let go against those who go by it.

    Args:
        known: what the trace says.
        trace: the trace.
        policy: says what webhooks hear of.
        done: what was let go, and by whom.
        asked: place at which that was decided: who comes later finds out.
    """
    write = done.write
    assert isinstance(write, Drop | Cut)  # noqa: S101 - nothing else lets go of records
    history = known.history(write.log)
    upto = write.upto if isinstance(write, Cut) else write.head.seq
    what = f"{write.log} was let go of up to {upto}"
    fold = Fold()
    for record in history.log[:upto]:
        fold.apply(record)
    if isinstance(write, Drop) and fold.active:
        yield f"{what} and removed, and it was not at rest"
    # Who has read a final log to its end needs nothing more, whether or not he has left by then.
    more_to_come = isinstance(write, Drop) and not fold.final
    public = [record.seq for record in history.log[:upto] if record.public]
    needed = public[-1] if isinstance(write, Drop) and public else upto
    for request in known.requests.values():
        if request.asked.task == write.log and request.asked.node == done.node:
            cursor = _cursor(known, request, asked)
            if cursor is not None and (more_to_come or cursor < needed):
                yield f"{what}, and {request} had got to {cursor}"
    heard = {
        (each.notify.hook, each.notify.record.seq)
        for place, each in trace.timed(seen.Notified)
        if each.notify.task == write.log and place < asked
    }
    missing = _pushed(trace, history, upto, policy) - heard
    if missing:
        hook, seq = min(missing)
        yield f"{what}, and webhook {hook!r} had not heard of record {seq}"


def _cursor(known: Evidence, request: Request, place: int) -> int | None:
    """Where a stream that was being read at a place had got to; None if it was not."""
    if not request.streams or request.in_trouble:
        return None
    ends = (request.ended, request.left, known.entries if request.stalled is None else None)
    read = [
        event.seq for at, event in zip(request.places, request.events, strict=True) if at < place
    ]
    over = any(end is not None and end < place for end in ends)
    return max(read) if read and not over else None


def _pushed(trace: Trace, history: History, upto: int, policy: Policy) -> set[tuple[str, int]]:
    """Webhooks of a task that are not deleted, and the records that they are to hear of."""
    if trace.delivery is not None:
        return {
            (webhook.target[1], seq)
            for webhooks in Calls(trace, policy).webhooks.values()
            for webhook in webhooks
            for seq in webhook.due
            if webhook.target[0] == history.task and seq <= upto < webhook.gone
        }
    return {
        ("", record.seq)
        for _, stored in trace.timed(seen.Stored)
        if stored.ack is Ack.STORED
        and stored.append.log == history.task
        and WEBHOOKS in stored.append.consumers
        for record in stored.append.records
        if record.kind in PUSHED[policy.pushed] and record.seq <= upto
    }


def _unlike_before(known: Evidence, trace: Trace) -> Iterator[str]:
    """What is left of a log must amount to what all of it did."""
    for task, stored in trace.kept.items():
        if stored.head.floor == 0 or stored.snapshot is None:
            continue
        found, whole = Fold.unpack(stored.snapshot.payload), Fold()
        for record in known.history(task).log[: stored.snapshot.seq]:
            whole.apply(record)
        differ = [name for name in Fold.__slots__ if getattr(found, name) != getattr(whole, name)]
        if differ:
            yield f"{task}: what is left up to {stored.head.floor} differs in {differ}"


KEEPING = (repeated_in_vain, room_is_made_of_what_nobody_needs)
