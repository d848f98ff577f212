"""Invariants of runs: which are going on, and what they may do.

Neighbours: `messages.py` (what becomes of each message), `chronicle.py` (logs, read once),
`emissions.py` (what agents emitted), `../ports.py` (runs the agents that are judged here).
"""

from __future__ import annotations

from collections.abc import Iterator

from a2a.types import TaskState

from actors.simulation.invariants.chronicle import (
    Chronicle,
    Page,
    chronicles,
    kind_of,
    named,
    stored,
)
from actors.simulation.invariants.emissions import Emissions, dead, emissions
from actors.simulation.invariants.rule import Saw, invariant
from actors.simulation.trace import (
    Abandoned,
    CalledOff,
    Crashed,
    Dead,
    Emission,
    Launched,
    Over,
    Quiet,
    Trace,
)
from actors.task.policy import Policy
from actors.task.ports import RunId
from actors.task.record import CALLED_OFF, CANCEL_RAISED, Kind, messages_of

# -- 14


@invariant(14, "At most one run of a task is active; a superseded one has no effect on the log.")
def one_run(trace: Trace, _: Policy, saw: Saw) -> Iterator[str]:
    """One at work in each process; and only the log's current run writes to the log."""
    yield from _at_work_together(trace, saw)
    emitted_by = emissions(trace)
    for chronicle in chronicles(trace):
        emitted = emitted_by.get(chronicle.task, Emissions())
        for page in chronicle.pages:
            if page.record.public and not page.core:
                saw()
                yield from _not_by(chronicle.task, page, emitted)
    yield from _ends_unheard(trace)


def _at_work_together(trace: Trace, saw: Saw) -> Iterator[str]:
    """An agent is at work from its call until it reports its end, or is given up."""
    at_work: dict[tuple[str, str], RunId] = {}
    for entry in trace.entries:
        match entry:
            case Launched(node, start):
                run = start.run
            case CalledOff(node, cancel):
                run = cancel.run
            case Over(node, run) | Abandoned(node, run):
                if at_work.get((node, run.task)) == run:
                    del at_work[node, run.task]
                continue
            case _:
                continue
        saw()
        other = at_work.get((node, run.task), run)
        if other != run:
            yield f"{node} called the agent for {named(run)} while {named(other)} was at work"
        at_work[node, run.task] = run


def _not_by(task: str, page: Page, emitted: Emissions) -> Iterator[str]:
    """Say what is wrong with an agent's record: who emitted it, or when, or how often."""
    record = page.record
    what = f"{task}: {kind_of(record)} {record.seq}"
    emission = emitted.source(record)
    if emission is None:
        yield f"{what} is what no agent has emitted"
        return
    if not emitted.left[emission.payload]:
        yield f"{what} is stored more often than it was emitted"
    emitted.left[emission.payload] -= 1
    current = RunId(task, record.epoch, page.run)
    if not page.busy or emission.run != current:
        now = named(current) if page.busy else "no run"
        yield f"{what} was emitted by {named(emission.run)}, and {now} was going on"


_REPORTED = {"returned": False, "raised": False, CANCEL_RAISED: True}
"""Outcome of a run that only the agent can report -> whether its `cancel` does."""


def _ends_unheard(trace: Trace) -> Iterator[str]:
    """A run ends by itself only if its own agent has said so."""
    heard = {(over.run, over.cancel): place for place, over in reversed(trace.timed(Over))}
    places = stored(trace)
    for chronicle in chronicles(trace):
        for page in chronicle.of_kind(Kind.ENDED):
            record, outcome = page.record, str(page.record.facts.get("outcome"))
            if outcome not in _REPORTED:
                continue
            run = RunId(chronicle.task, record.epoch, record.number("run"))
            place = places.get((chronicle.task, record.seq), 0)
            if heard.get((run, _REPORTED[outcome]), place) >= place:
                yield f"{named(run)} {outcome}, says the log, and its agent has not said so"


# -- 21


@invariant(21, "What a run emits after it was cancelled goes to counted dead letters.")
def late_is_counted(trace: Trace, _: Policy, saw: Saw) -> Iterator[str]:
    """Cancelled: given up, for whatever reason."""
    late = list(_late(trace))
    if not late:
        return
    down = {crash.node for crash in trace.all(Crashed)}
    letters = dead(trace.all(Dead))
    logs = {task: [record.payload for record in log] for task, log in trace.logs.items()}
    for emission in late:
        saw()
        counted = letters[emission.node, emission.payload]
        if any(payload.startswith(emission.payload) for payload in logs.get(emission.run.task, ())):
            yield f"{named(emission.run)} was given up, and what it emitted then is stored"
        elif counted != 1 and not (counted == 0 and emission.node in down):
            yield (
                f"{named(emission.run)} was given up, and what it emitted then was counted "
                f"{counted} times"
            )


def _late(trace: Trace) -> Iterator[Emission]:
    """What came after a run was given up; one that had not begun may begin under its name later."""
    began: set[tuple[str, RunId]] = set()
    over: set[tuple[str, RunId]] = set()
    for entry in trace.entries:
        match entry:
            case Launched(node, start):
                began.add((node, start.run))
            case CalledOff(node, cancel):
                began.add((node, cancel.run))
            case Abandoned(node, run) if (node, run) in began:
                over.add((node, run))
            case Emission(node, run) if (node, run) in over:
                yield entry
            case _:
                pass


# -- 23


@invariant(
    23,
    "A new run never starts while another is active, and an answer resumes at most one run.",
)
def one_after_another(trace: Trace, _: Policy, saw: Saw) -> Iterator[str]:
    """In the log: a run begins when none is going on; one message begins one run.

    A run that was called off is followed by one for its messages and more, at once (A2).
    """
    for chronicle in chronicles(trace):
        begun: set[int] = set()
        claimed, owed = 0, _owed(chronicle)
        for page in chronicle.of_kind(Kind.STARTED, Kind.CANCEL_ASKED, Kind.EPOCH_CLAIMED):
            record = page.record
            if record.kind == Kind.EPOCH_CLAIMED:
                claimed = record.seq
                continue
            saw()
            taken = owed.pop(record.seq, ())
            wrong = _out_of_turn(page, begun.difference(taken), claimed)
            messages = messages_of(record)
            begun.update(messages)
            if messages[: len(taken)] != taken or len(messages) == len(taken) > 0:
                wrong = f"is for {messages}, and a run for {taken} gave way to it"
            if wrong:
                yield f"{chronicle.task}: {kind_of(record)} {record.seq} {wrong}"
        for seq, messages in owed.items():
            yield f"{chronicle.task}: a run for {messages} gave way, and none begins at {seq}"


def _owed(chronicle: Chronicle) -> dict[int, tuple[int, ...]]:
    """Where a run must begin -> messages of the one that was called off just before."""
    ends = chronicle.of_kind(Kind.ENDED)
    called_off = (each.record for each in ends if each.record.facts.get("outcome") == CALLED_OFF)
    return {record.seq + 1: messages_of(record) for record in called_off}


def _out_of_turn(page: Page, begun: set[int], claimed: int) -> str:
    """Say why this run must not begin here; empty if it may."""
    record, number = page.record, page.record.number("run")
    message = record.number("message")
    if record.kind == Kind.CANCEL_ASKED and page.busy:
        return "" if number == page.run else f"begins run {number} while {page.run} is going on"
    if number != page.run + 1:
        return f"begins run {number} after run {page.run}"
    if record.kind == Kind.CANCEL_ASKED:
        return ""
    if record.number("again"):
        lost = claimed == record.seq - 1 and page.running == message
        return "" if lost else f"repeats message {message}, whose run was not lost just now"
    if page.busy:
        return f"begins run {number} while {page.run} is going on"
    twice = begun.intersection(messages_of(record))
    return f"begins a second run of message {min(twice)}" if twice else ""


# -- 30

_UNFINISHED = (TaskState.TASK_STATE_SUBMITTED, TaskState.TASK_STATE_WORKING)


@invariant(30, "Once faults stop, no task stays WORKING without a run.")
def nothing_is_stuck(trace: Trace, policy: Policy, saw: Saw) -> Iterator[str]:
    """R31: where the policy keeps what an agent leaves unfinished, only such a task may stay so."""
    if not trace.timed(Quiet):
        return
    at_work = _still_at_work(trace)
    for chronicle in chronicles(trace):
        known = chronicle.fold
        going_on = known.running is not None or known.cancelling
        run = RunId(chronicle.task, known.epoch, known.run)
        if known.state in _UNFINISHED or going_on:
            saw()
        if going_on and run not in at_work:
            yield f"the log calls {named(run)} active, and no agent is at work on it"
        elif not going_on and known.state in _UNFINISHED and not _kept(chronicle, policy):
            yield f"{chronicle.task} stays {TaskState.Name(known.state)} without a run"


def _still_at_work(trace: Trace) -> set[RunId]:
    runs: dict[str, set[RunId]] = {}
    for entry in trace.entries:
        match entry:
            case Launched(node, start):
                runs.setdefault(node, set()).add(start.run)
            case CalledOff(node, cancel):
                runs.setdefault(node, set()).add(cancel.run)
            case Over(node, run) | Abandoned(node, run):
                runs.setdefault(node, set()).discard(run)
            case Crashed(node):
                runs.pop(node, None)
            case _:
                pass
    return set().union(*runs.values())


def _kept(chronicle: Chronicle, policy: Policy) -> bool:
    """Tell whether the latest run ended with the task unfinished, and the policy leaves it so."""
    ends = list(chronicle.of_kind(Kind.ENDED))
    return (
        policy.unfinished == "keep"
        and bool(ends)
        and ends[-1].record.facts.get("outcome") == "returned"
        and not chronicle.fold.queue
    )


# -- 33


@invariant(
    33,
    "What a run emits is stored in the order in which it was emitted, and what is left out is a "
    "counted dead letter.",
)
def as_emitted(trace: Trace, _: Policy, saw: Saw) -> Iterator[str]:
    """Up to the last that is stored: with that its process may have ended, or lost the task."""
    said: dict[RunId, list[Emission]] = {}
    for emission in trace.all(Emission):
        said.setdefault(emission.run, []).append(emission)
    emitted_by, letters = emissions(trace), dead(trace.all(Dead))
    for chronicle in chronicles(trace):
        emitted = emitted_by.get(chronicle.task, Emissions())
        heard: dict[RunId, int] = {}
        for page in chronicle.pages:
            source = emitted.source(page.record) if page.record.public and not page.core else None
            if source is None:
                continue
            before, now = heard.get(source.run, 0), said[source.run].index(source)
            what = f"{chronicle.task}: {kind_of(page.record)} {page.record.seq}"
            if now < before:
                yield f"{what} is stored behind what was emitted later"
                continue
            if now:
                saw()
            heard[source.run] = now + 1
            if any(not letters[each.node, each.payload] for each in said[source.run][before:now]):
                yield f"{what} is stored; what was emitted just before is not, nor was it counted"


RUNS = (one_run, late_is_counted, one_after_another, nothing_is_stuck, as_emitted)
