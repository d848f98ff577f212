"""What a failing run is: what broke, how to repeat it, and what happened, for people.

Neighbours: `replay.py` (runs it once more), `lines.py` (tells entries), `sequence.py`, `path.py`
(draw), `files.py` (writes all of it).
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from actors.simulation.invariants.rule import Invariant, judge
from actors.simulation.report.address import NoAddress
from actors.simulation.report.lines import Line, Weight, told
from actors.simulation.report.path import chart_of
from actors.simulation.report.replay import Replay, replay
from actors.simulation.report.sequence import sequence
from actors.simulation.report.testfile import name_of, pytest_file
from actors.simulation.report.words import said, short
from actors.simulation.search import Failure

LINES = 60
"""Lines of an explanation, at most."""
FIRST = 4
"""Violations that are told, at most."""
CHOICE_LINES = 10
"""Lines of choices, at most."""
WIDTH = 100
REMARK = 300
"""Letters of one violation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A failing run, explained."""

    failure: Failure
    text: str
    """What broke, how to repeat it and what happened; at most `LINES` lines."""
    everything: str
    """Every entry of the trace, one line each."""
    sequence: str
    """A Mermaid sequence diagram."""
    chart: str
    """The chart of the task that it is about, with its way lit; a Mermaid state diagram."""
    test: str | None
    """A test file that repeats it; None if its scenario has no address, which `text` says."""


def explain(failure: Failure, invariants: Iterable[Invariant] | None = None) -> Explanation:
    """Run a failure once more and explain it.

    Args:
        failure: what a search has found.
        invariants: what it was held against, if not what its scenario says.
    """
    held = failure.scenario.invariants if invariants is None else tuple(invariants)
    again = replay(failure)
    test, repeat = _test(failure, held)
    lines = tuple(told(again.trace))
    head = [*_broken(again, held), "", *_repeat(failure, repeat), ""]
    text = "\n".join((*head, *_happened(lines, again.task, LINES - len(head))))
    return Explanation(
        failure=failure,
        text=f"{text}\n",
        everything="".join(f"{_numbered(line)}\n" for line in lines),
        sequence=sequence(again.trace, failure.violations[:FIRST]),
        chart=chart_of(failure.scenario.policy, again.task, again.log(again.task)),
        test=test,
    )


def _test(failure: Failure, invariants: tuple[Invariant, ...]) -> tuple[str | None, str]:
    """Return the test file, if there can be one, and what to say of it."""
    try:
        source = pytest_file(failure, invariants)
        return source, f"As a test, where reports are written: {name_of(failure)}.py"
    except NoAddress as reason:
        return None, short(f"No test file: {reason}.", REMARK)


# -- what broke


def _broken(again: Replay, invariants: Sequence[Invariant]) -> Iterator[str]:
    failure = again.failure
    statements = {(each.number, each.name): each.statement for each in invariants}
    count = len(failure.violations)
    yield f"{short(failure.scenario.name)}: {count} violation{'' if count == 1 else 's'}"
    before = None
    for number, name, text in failure.violations[:FIRST]:
        if (number, name) != before:
            statement = statements.get((number, name), "")
            yield f"invariant {number} ({name}){statement and f': {statement}'}"
        before = (number, name)
        yield f"    {short(text, REMARK)}"
    if count > FIRST:
        yield f"    and {count - FIRST} more"
    yield from _doubts(again, invariants)


def _doubts(again: Replay, invariants: Sequence[Invariant]) -> Iterator[str]:
    """Say so when the replay did not do what the run did: nothing below can be trusted then."""
    if again.broke is not None:
        yield f"REPLAYED, IT RAISES {said(again.broke)}"
        return
    known = {each.number for each in invariants}
    wanted = {each.number for each in again.failure.violations} & known
    verdict = judge(invariants, again.trace, again.failure.scenario.policy)
    missing = sorted(wanted - {each.number for each in verdict.violations})
    if missing:
        numbers = ", ".join(map(str, missing))
        yield (
            f"REPLAYED, IT DOES NOT BREAK {numbers}: the code is not what it was, or the run "
            "depends on something that is not chosen (time, chance, order of a set)"
        )


# -- how to repeat it


def _repeat(failure: Failure, test: str) -> Iterator[str]:
    seed = "" if failure.seed is None else f"Found with seed {failure.seed}: "
    found, left = len(failure.found), len(failure.choices)
    yield f"{seed}{found} choices, shrunk to {left}. To repeat it, run the scenario with"
    lines = textwrap.wrap(f"Recorded({failure.choices})", WIDTH - 4)
    yield from (f"    {line}" for line in lines[:CHOICE_LINES])
    if len(lines) > CHOICE_LINES:
        shown = "".join(lines[:CHOICE_LINES]).count(",")
        yield f"    ... and {left - shown} more, all of them in `failure.choices`"
    yield test


# -- what happened


def _happened(lines: Sequence[Line], task: str, room: int) -> Iterator[str]:
    """Tell what matters most within `room` lines, and what was left out."""
    least = Weight.PLAIN if task else Weight.DELIVERY  # without tasks, actors are all there is
    outside = [line for line in lines if line.weight >= least]
    chosen = _heaviest(outside, task, room - 2)
    yield f"What happened (places in the trace; run task/epoch.run); it is about {task or '-'}:"
    yield from map(_numbered, chosen)
    inside = Counter(line.weight for line in lines)
    left = (
        (len(outside) - len(chosen), "lighter or earlier lines"),
        (inside[Weight.DELIVERY] if task else 0, "deliveries"),
        (inside[Weight.DETAIL], "details of processes"),
    )
    told_left = ", ".join(f"{count} {what}" for count, what in left if count)
    yield f"Left out: {told_left or 'nothing'}."


def _heaviest(lines: Sequence[Line], task: str, room: int) -> list[Line]:
    """Return the lines to show, in order: faults, then the task's own, the latest first."""
    ranked = sorted(
        range(len(lines)),
        key=lambda place: (-lines[place].weight, not lines[place].about(task), -place),
    )
    return [lines[place] for place in sorted(ranked[:room])]


def _numbered(line: Line) -> str:
    return f"{line.place:4} {line.text}"
