"""Invariants of one task's log: what is stored, in what order, and what reads make of it.

Neighbours: `rule.py` (what an invariant is), `chronicle.py` (logs, read once), `replay.py` (a log
on the chart), `../trace.py` (what is judged).
"""

from __future__ import annotations

from collections.abc import Iterator

from a2a.types import Task

from actors.simulation.invariants.chronicle import Chronicle, chronicles, kind_of, uniform
from actors.simulation.invariants.replay import Replay
from actors.simulation.invariants.rule import Saw, invariant
from actors.simulation.trace import Answered, Asked, Kept, Launched, Trace
from actors.task.fold import Fold
from actors.task.messages import View
from actors.task.policy import Policy
from actors.task.record import Kind

HOOKS = (Kind.HOOK_SET, Kind.HOOK_DELETED)


@invariant(1, "Nothing follows a terminal record in a task's log.")
def terminal_is_last(trace: Trace, _: Policy, saw: Saw) -> Iterator[str]:
    """R14: terminal states absorb; and nothing follows a bare Message. But webhooks come and go."""
    for chronicle in chronicles(trace):
        if chronicle.fold.final:
            saw()
        for page in chronicle.pages:
            if page.final and page.record.kind not in HOOKS:
                record = page.record
                yield f"{chronicle.task}: {kind_of(record)} {record.seq} follows the final record"
                break


@invariant(2, "Every stored change of state is an edge of the chart.")
def on_the_chart(trace: Trace, _: Policy, saw: Saw) -> Iterator[str]:
    """Each log, stepped through the compiled chart of its policy."""
    for chronicle in chronicles(trace):
        replay = Replay(trace.table)
        state = 0
        for page in chronicle.pages:
            if page.state != state:
                saw()
            state = page.state
            replay.apply(page)
            if replay.wrong:
                break
        wrong = replay.wrong or replay.unfinished
        if wrong:
            yield f"{chronicle.task}: {wrong}"


@invariant(3, "Sequence numbers are gap-free.")
def gap_free(trace: Trace, _: Policy, saw: Saw) -> Iterator[str]:
    """From 1, one for each record."""
    for task, log in trace.logs.items():
        if log:
            saw()
        numbers = [record.seq for record in log]
        if numbers != list(range(1, len(log) + 1)):
            yield f"{task}: the log has {numbers}"


@invariant(4, "fold(log[..n]) = snapshot(n) = what GetTask answered at version n.")
def one_truth(trace: Trace, _: Policy, saw: Saw) -> Iterator[str]:
    """Also what an agent was handed as the Task when its run began."""
    known = {chronicle.task: chronicle for chronicle in chronicles(trace)}
    for task, chronicle in known.items():
        if chronicle.broken:
            last = chronicle.pages[-1].record
            yield f"{task}: {kind_of(last)} {last.seq} cannot be folded: {chronicle.broken}"
    for kept in trace.all(Kept):
        saw()
        yield from _snapshot(kept, trace)
    asked = {each.request: each for each in trace.all(Asked) if each.what == "get"}
    for answer in trace.all(Answered):
        view, get = answer.value, asked.get(answer.request)
        if get is not None and isinstance(view, View):
            saw()
            yield from _shown(
                known.get(get.task), view.version, view.task, f"{answer.request} got {get.task}"
            )
    for launched in trace.all(Launched):
        run = launched.start.run
        chronicle_of_run = known.get(run.task)
        before = _before(chronicle_of_run, run.epoch, run.run)
        if before is not None:
            yield from _shown(chronicle_of_run, before, launched.start.task, f"run {run} began")


def _shown(chronicle: Chronicle | None, version: int, task: bytes, who: str) -> Iterator[str]:
    texts = chronicle.texts if chronicle is not None else [b""]
    if version >= len(texts):
        yield f"{who} at version {version}, and the log ends at {len(texts) - 1}"
    elif (uniform(Task.FromString(task)) if task else b"") != texts[version]:
        yield f"{who} at version {version}, and it is not what the log says of that version"


def _before(chronicle: Chronicle | None, epoch: int, run: int) -> int | None:
    """Return the version before the STARTED record of a run; None if there is no such record."""
    if chronicle is None:
        return None
    for page in chronicle.of_kind(Kind.STARTED):
        if page.record.epoch == epoch and page.record.number("run") == run:
            return page.record.seq - 1
    return None


def _snapshot(kept: Kept, trace: Trace) -> Iterator[str]:
    seq, payload = kept.snapshot
    log = trace.logs.get(kept.task, ())
    if seq > len(log):
        yield f"{kept.task}: a snapshot of version {seq}, and the log ends at {len(log)}"
        return
    known = Fold()
    for record in log[:seq]:
        known.apply(record)
    found = Fold.unpack(payload)
    differ = [name for name in Fold.__slots__ if getattr(found, name) != getattr(known, name)]
    if differ:
        yield f"{kept.task}: the snapshot of version {seq} differs from the log in {differ}"


LOG = (terminal_is_last, on_the_chart, gap_free, one_truth)
