"""How `actors simulate` tells what it does and what it has found: a bar, a table, JSON.

Neighbours: `courses.py` (what is run), `simulate.py` (runs it).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from actors.cli.courses import Broken, Found
from actors.simulation.exhaustive import Exhausted

EVERY = 10.0
"""Seconds between two lines of progress where there is no terminal."""


@dataclass(slots=True)
class Result:
    """What has been found in one course so far."""

    title: str
    found: Found | None = None
    unreduced: Exhausted | None = None
    """The same scope, searched without the reduction."""
    broken: Broken | None = None

    def take(self, found: Found) -> None:
        """Note a report; it goes on being written to."""
        if isinstance(found, Exhausted) and not found.reduced:
            self.unreduced = found
        else:
            self.found = found

    @property
    def schedules(self) -> int:
        """Runs so far."""
        return _runs(self.found) + _runs(self.unreduced)

    @property
    def seconds(self) -> float:
        """Real time so far."""
        return sum(each.seconds for each in (self.found, self.unreduced) if each is not None)

    @property
    def rate(self) -> float:
        """Runs per second."""
        return self.schedules / self.seconds if self.seconds else 0.0

    def exercised(self) -> dict[int, int]:
        """Invariant -> runs in which it had something to judge; all that were asked.

        A search of a scope notes only whether it was exercised at all: 1 or 0.
        """
        if self.found is None:
            return {}
        seen = self.found.exercised
        counted = dict.fromkeys(seen, 1) if isinstance(seen, set) else seen
        numbers = sorted({each.number for each in self.found.scenario.invariants})
        return {number: counted.get(number, 0) for number in numbers}

    def line(self) -> str:
        """Say how far it is."""
        text = f"{self.schedules:,} schedules, {self.rate:,.0f}/s"
        states = _states(self)
        return f"{text}, {states.states:,} states" if states is not None else text

    def plain(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        counts = {
            "title": self.title,
            "schedules": self.schedules,
            "seconds": round(self.seconds, 3),
            "schedules_per_second": round(self.rate, 1),
            "invariants": {str(number): count for number, count in self.exercised().items()},
            "never_exercised": [n for n, count in self.exercised().items() if not count],
        }
        scope = _states(self)
        return counts if scope is None else counts | _scope(scope, self.unreduced)


def _runs(found: Found | None) -> int:
    if found is None:
        return 0
    return found.runs if isinstance(found, Exhausted) else found.schedules


def _states(result: Result) -> Exhausted | None:
    return result.found if isinstance(result.found, Exhausted) else None


def _scope(found: Exhausted, unreduced: Exhausted | None) -> dict[str, Any]:
    other = None if unreduced is None else unreduced.transitions
    return {
        "complete": found.complete,
        "states": found.states,
        "transitions": found.transitions,
        "unreduced_transitions": other,
        "unreduced_complete": unreduced is not None and unreduced.complete,
    }


class Meter:
    """Shows how far it is: a bar on a terminal, else a line now and then."""

    def __init__(self, console: Console, *, quiet: bool) -> None:
        self._console = console
        self._quiet = quiet
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._total: float | None = None
        self._by_time = False
        self._told = 0.0

    def __enter__(self) -> Meter:
        """Begin to show."""
        if not self._quiet and self._console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
            said = TextColumn("{task.fields[said]}")
            self._bar = Progress(*columns, said, console=self._console, transient=True)
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Clear the bar away."""
        if self._bar is not None:
            self._bar.stop()

    def begin(self, title: str, schedules: int | None, seconds: float | None) -> None:
        """Begin with another course, which ends after so many runs or seconds."""
        self._by_time = seconds is not None
        self._total = seconds if seconds is not None else schedules
        self._told = 0.0
        if self._bar is not None:
            self._task = self._bar.add_task(title, total=self._total, said="")
        elif not self._quiet:
            self._console.print(Text(title), soft_wrap=True)

    def show(self, result: Result) -> None:
        """Show how far a course is."""
        if self._bar is not None:
            done = result.seconds if self._by_time else result.schedules
            self._bar.update(self._task, completed=done, said=result.line())
        elif not self._quiet and result.seconds - self._told >= EVERY:
            self._told = result.seconds  # not a clock of its own: an agent's run has set traps
            self._console.print(f"  {result.line()}", soft_wrap=True)


def tell(results: Sequence[Result], console: Console, *, machine: bool) -> None:
    """Print the explanation of what broke, then the summary."""
    broken = [each.broken for each in results if each.broken is not None]
    if machine:
        courses = [each.plain() for each in results]
        told = {"passed": not broken, "courses": courses, "failure": None}
        for each in broken:
            told["failure"] = _plain(each)
        console.out(json.dumps(told), highlight=False)
        return
    for each in broken:
        console.out(each.text, highlight=False)
    for number, result in enumerate(results, 1):
        _tell(number, result, console)
    _count(results, console)
    for number, result in enumerate(results, 1):
        never = [str(each) for each, count in result.exercised().items() if not count]
        console.print(f"never exercised in [{number}]: {', '.join(never) or 'none'}", markup=False)


def _plain(broken: Broken) -> dict[str, Any]:
    return {
        "seed": broken.failure.seed,
        "choices": broken.failure.choices,
        "violations": [str(each) for each in broken.failure.violations],
        "explanation": broken.text,
        "files": [str(path) for path in broken.files],
    }


def _tell(number: int, result: Result, console: Console) -> None:
    verdict = ("BROKEN", "red") if result.broken is not None else ("nothing broke", "green")
    said = f": {result.line()}, {result.seconds:.1f} s, "
    line = Text.assemble(f"[{number}] ", (result.title, "bold"), said, verdict)
    console.print(line, soft_wrap=True)
    if isinstance(result.found, Exhausted):
        console.print(Text(_said(result.found, result.unreduced)), soft_wrap=True)


def _said(found: Exhausted, unreduced: Exhausted | None) -> str:
    done = "every run of the scope" if found.complete else "NOT ALL of the scope, raise --budget"
    text = f"    {done}: {found.states:,} states, {found.transitions:,} transitions"
    if unreduced is None:
        return text
    least = "" if unreduced.complete else "at least "
    saved = 1 - found.transitions / unreduced.transitions
    return (
        f"{text}; without the reduction {least}{unreduced.transitions:,} transitions "
        f"({least}{saved:.0%} saved)"
    )


def _count(results: Sequence[Result], console: Console) -> None:
    """Print how often each invariant was exercised, a column for each result."""
    statements: dict[int, str] = {}
    for result in results:
        for each in () if result.found is None else result.found.scenario.invariants:
            statements.setdefault(each.number, each.statement)
    columns = [(each.exercised(), isinstance(each.found, Exhausted)) for each in results]
    head = "".join(f"{f'[{number}]':>9}" for number in range(1, len(results) + 1))
    console.print(f"{head}  had this to judge", markup=False, highlight=False)
    for number in sorted(statements):
        cells = "".join(f"{_often(counts.get(number), scope=s):>9}" for counts, s in columns)
        line = f"{cells}  {number:>2} {statements[number]}"
        console.print(line, markup=False, highlight=False, no_wrap=True, overflow="ellipsis")


def _often(count: int | None, *, scope: bool) -> str:
    if count is None:
        return ""
    if scope or not count:
        return "yes" if count else "never"
    return f"{count:,}"
