"""`actors simulate`: run everything that was asked for, and end with what was found.

Neighbours: `courses.py` (what can be run), `summary.py` (how it is told).
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from rich.console import Console

from actors.cli.courses import (
    Broken,
    Course,
    Found,
    Progress,
    of_an_agent,
    of_small_scopes,
    of_the_core,
)
from actors.cli.failure import CommandError
from actors.cli.summary import Meter, Result, tell
from actors.task.policy import Policy

INTERRUPTED = 130
"""Exit code of a command that Ctrl-C has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to run, and for how long."""

    agent: str | None
    """MODULE:EXECUTOR; None: the task core by itself."""
    seed: int
    schedules: int | None
    budget: float | None
    """Seconds in all; None: until `schedules`, or the scope, is done."""
    exhaustive: bool
    policies: tuple[Policy, ...]
    crashes: int | None
    """Per run, at most; None: as many as is usual for what is run."""
    report_to: Path
    machine: bool
    """Say it in JSON."""


class Stopped(Exception):  # noqa: N818 - says what happened
    """Somebody pressed Ctrl-C."""


def simulate(options: Options, console: Console) -> None:
    """Run it, tell what was found, and write a failure down.

    Raises:
        CommandError: something was asked wrongly (2), or broke (1), or Ctrl-C was pressed (130).
    """
    courses = _courses(options)
    results: list[Result] = []
    stopped = False
    try:
        with _interruptible() as go_on, Meter(console, quiet=options.machine) as meter:
            _run(courses, options, results, meter, go_on)
    except Stopped:
        stopped = True
    tell(results, console, machine=options.machine)
    broken = results[-1].broken
    if broken is not None:
        raise CommandError(f"{results[-1].title}: broken; see {_again(broken, options)}")
    if stopped:
        raise CommandError("stopped before the end; nothing broke until then", INTERRUPTED)


def _courses(options: Options) -> Sequence[Course]:
    policies, seed = options.policies, options.seed
    if options.agent is None and options.exhaustive:
        return of_small_scopes(policies, options.crashes)
    if options.agent is None:
        return of_the_core(policies, seed, options.schedules, options.crashes)
    if options.exhaustive:
        raise CommandError(
            "--exhaustive is for the task core, whose small scopes have an end; an agent's runs "
            "have none: leave it out",
            2,
        )
    return of_an_agent(options.agent, policies, seed, options.schedules, options.crashes)


def _run(
    courses: Sequence[Course],
    options: Options,
    results: list[Result],
    meter: Meter,
    go_on: Callable[[], None],
) -> None:
    """Run one after the other until something breaks."""
    began = time.monotonic()
    for number, course in enumerate(courses):
        seconds = _share(options.budget, began, len(courses) - number)
        result = Result(course.title)
        results.append(result)
        meter.begin(course.title, options.schedules, seconds)

        def progress(found: Found, result: Result = result) -> None:
            result.take(found)
            meter.show(result)
            if found.failure is None:
                go_on()

        result.broken = _tried(course, seconds, options.report_to, progress)
        if result.broken is not None:
            return


def _tried(
    course: Course, seconds: float | None, report_to: Path, progress: Progress
) -> Broken | None:
    try:
        return course.run(seconds, report_to, progress)
    except OSError as error:
        raise CommandError(
            f"something broke, but it cannot be written down: {error} (--report-to)"
        ) from error


def _share(budget: float | None, began: float, courses: int) -> float | None:
    """Divide what is left of the budget among the courses that are left."""
    if budget is None:
        return None
    return max(0.0, budget - (time.monotonic() - began)) / courses


@contextmanager
def _interruptible() -> Iterator[Callable[[], None]]:
    """Let the first Ctrl-C end after the present run, in good order; the second ends at once."""
    pressed = False
    before = signal.getsignal(signal.SIGINT)

    def press(_: int, __: FrameType | None) -> None:
        nonlocal pressed
        pressed = True
        signal.signal(signal.SIGINT, before)

    def go_on() -> None:
        if pressed:
            raise Stopped

    signal.signal(signal.SIGINT, press)
    try:
        yield go_on
    finally:
        signal.signal(signal.SIGINT, before)


def _again(broken: Broken, options: Options) -> str:
    """Say where it is written, and the options that run it again."""
    where = ", ".join(map(str, broken.files))
    seed = broken.failure.seed
    if options.exhaustive:
        return where
    if options.agent is None:
        return f"{where}; again: --seed {seed} --schedules 1"
    first = "" if seed is None else f"--seed {seed} "  # an agent's first run is in order
    return f"{where}; again: {first}--schedules {1 if seed is None else 2}"
