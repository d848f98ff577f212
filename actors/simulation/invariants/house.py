"""Invariants of the house: mailboxes, timers, and that nothing is left lying about.

Neighbours: `../system.py` and `../world.py` (look on and write down), `evidence.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from actors.runtime import MailboxFull
from actors.runtime.journal.messages import ListLogs, ReadLog
from actors.runtime.journal.record import Record
from actors.simulation import trace as seen
from actors.simulation.invariants.evidence import Evidence, History, evidence
from actors.simulation.invariants.rule import Saw, invariant
from actors.simulation.process import Disconnected
from actors.simulation.trace import Trace
from actors.task.messages import Attach, Cancel, Get, Send
from actors.task.policy import Policy
from actors.task.record import Kind

ASKS: dict[type[object], tuple[str, ...]] = {
    Send: ("send", "stream"),
    Cancel: ("cancel",),
    Attach: ("subscribe",),
    Get: ("get",),
    ReadLog: ("get",),
    ListLogs: ("list",),
}
"""Message that a mailbox may refuse -> what clients have asked for with it."""

CLOCK = 0.001
"""Seconds to which records know their time."""

FULL = ("overflow", "dropped", "stash overflow")
"""Reasons of the dead letters that a full mailbox makes."""


# -- 27: mailboxes


@invariant(27, "Mailboxes stay within bounds, and each refusal is answered.")
def bounded_and_answered(trace: Trace, _: Policy, saw: Saw) -> Iterator[str]:
    """Each message of a client that found a mailbox full is answered MailboxFull."""
    for crowd in trace.all(seen.Crowded):
        saw()
        if crowd.waiting > crowd.bound:
            yield f"{crowd.node}: {crowd.waiting} wait for {crowd.ref}, bounded by {crowd.bound}"
    refused: Counter[tuple[str, ...]] = Counter()
    for dead in trace.all(seen.Dead):
        if dead.reason in FULL:
            saw()
            refused[_asked_by(dead)] += 1
    if refused:
        yield from _not_answered(evidence(trace), refused)


def _asked_by(dead: seen.Dead) -> tuple[str, ...]:
    return (dead.node, *ASKS.get(type(dead.message), (type(dead.message).__name__,)))


def _not_answered(known: Evidence, refused: Counter[tuple[str, ...]]) -> Iterator[str]:
    """Hold the refusals of each process against the answers that say so."""
    heard: Counter[tuple[str, ...]] = Counter()
    kinds = set(ASKS.values())
    for request in known.asked.values():
        if isinstance(request.error, MailboxFull | Disconnected):
            what = next(kind for kind in kinds if request.asked.what in kind)
            heard[(request.asked.node, *what)] += 1
    for who, count in refused.items():
        if heard[who] < count:
            node, asks = who[0], " or ".join(who[1:])
            yield f"{node}: {count} refusals of {asks}, answered {heard[who]} times"


# -- 28: timers


@invariant(28, "A timer of a state that was left never takes effect.")
def timers_of_the_past_are_mute(trace: Trace, policy: Policy, saw: Saw) -> Iterator[str]:
    """No message of a cancelled timer is handled; a run that a timer ended had its whole time."""
    for expired in trace.all(seen.Expired):
        saw()
        if not expired.live:
            yield f"{expired.node}: {expired.ref} was told of timer {expired.timer}, cancelled"
    known = evidence(trace)
    for task in trace.logs:
        history = known.history(task)
        for ended in history.of_kind(Kind.ENDED):
            if known.reported(task, ended) is None:
                yield from _too_soon(history, ended, policy)


def _too_soon(history: History, ended: Record, policy: Policy) -> Iterator[str]:
    """Hold the end of a run of which no agent has told against the time that it had."""
    match ended.facts.get("outcome"):
        case "cancelled":
            kind, due = Kind.CANCEL_ASKED, policy.cancel_grace
        case "expired":
            kind, due = Kind.STARTED, policy.execution_deadline or 0.0
        case _:
            return
    run = ended.number("run")
    for began in history.of_kind(kind):
        same_life = (began.number("run"), began.epoch) == (run, ended.epoch)
        took = (ended.at - began.at) / 1000
        if same_life and took < due - CLOCK:
            yield f"{history.task}: run {run} ended by a timer after {took} s of {due} s"


# -- 31: quiescence


@invariant(31, "At quiescence there is no leaked actor, stash entry, timer or asyncio task.")
def nothing_is_left(trace: Trace, _: Policy, saw: Saw) -> Iterator[str]:
    """L8; the standing actors of a process stay, at rest."""
    for quiet in trace.all(seen.Quiet):
        saw()
        yield from quiet.leftovers


HOUSE = (bounded_and_answered, timers_of_the_past_are_mute, nothing_is_left)
