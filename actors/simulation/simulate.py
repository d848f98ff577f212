"""`simulate`: run a scenario of yours under many schedules, and get the simplest run that fails.

Neighbours: `sandbox.py` (what a scenario has to hand), `search.py` and `shrink.py` (find and
simplify), `report/` (says what happened), `plugin.py` (the same as a pytest marker).
"""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

from actors.simulation.choices import Recorded
from actors.simulation.faults import FaultPlan
from actors.simulation.loop import START
from actors.simulation.report import explain, write
from actors.simulation.sandbox import Life, Simulation, UserScenario
from actors.simulation.search import Failure, Report, real_time, run, search, simplest
from actors.simulation.traps import Traps
from actors.task.policy import Policy


class SimulationFailed(AssertionError):  # noqa: N818 - says what happened
    """A run failed; the text explains the simplest one that was found, and how to repeat it.

    Args:
        failure: the run.
        text: its explanation.
        files: what was written to `report_to`.
    """

    def __init__(self, failure: Failure, text: str, files: Sequence[Path] = ()) -> None:
        written = f"\nwritten: {', '.join(map(str, files))}" if files else ""
        super().__init__(text + written)
        self.failure = failure
        self.text = text
        self.files = tuple(files)


def simulate(
    scenario: Life,
    *,
    schedules: int | None = 300,
    seed: int = 0,
    seconds: float | None = None,
    choices: Iterable[int] | None = None,
    faults: FaultPlan | None = None,
    policy: Policy | None = None,
    traps: bool = True,
    report_to: Path | str | None = None,
    progress: Callable[[Report], None] | None = None,
) -> Report:
    """Run an async scenario under many schedules, the first one in order and without a fault.

    Args:
        scenario: `async def scenario(sim: Simulation) -> None`; raising means failing. A method
            of an object or a `functools.partial` of one will do.
        schedules: how many runs at most; None: as many as `seconds` has room for.
        seed: of the first random run.
        seconds: how long at most, in real time; what fails may be simplified for as long again.
        choices: one recorded run to repeat, instead of random ones.
        faults: what may fail in a run; nothing by default. Servers here call no webhooks and do
            not pause, so a plan has neither.
        policy: of the invariants that speak of one.
        traps: refuse user code the wall clock, uuids and random numbers, which no replay repeats.
        report_to: a directory for the trace, the diagrams and the test of a failure.
        progress: told the report so far after each run.

    Returns:
        How many schedules were run, and which invariants had something to judge.

    Raises:
        SimulationFailed: a run failed.
        TypeError: the scenario is not async, or does not take the simulation; `choices` has
            something in it that is no int.
        ValueError: there is nothing to run, or no end to it; `choices` has a negative number;
            `faults` has what cannot happen here.
    """
    _check(schedules, seconds)
    _check_plan(faults or FaultPlan.none())
    name = _name(scenario)
    recorded = None if choices is None else _recorded(choices)
    user = UserScenario(
        name=name,
        life=scenario,
        plan=faults or FaultPlan.none(),
        policy=policy or Policy.sdk(),
    )
    many = _Search(schedules, seed, seconds, progress)
    with ExitStack() as stack:
        if traps:
            chance = random.Random(seed)  # noqa: S311 - a seeded stand-in
            set_traps = stack.enter_context(Traps(lambda: START, chance))
            user = user.trapped(lambda sim: _reseed(set_traps, sim))
        report = many.run(user) if recorded is None else _repeat(user, recorded, progress)
        if report.failure is not None:
            raise _failed(report.failure, report_to)
    return report


def _check(schedules: int | None, seconds: float | None) -> None:
    if schedules is None and seconds is None:
        raise ValueError("simulate needs an end: pass schedules=, or seconds=, or both")
    if schedules is not None and schedules < 1:
        raise ValueError(f"schedules={schedules} runs nothing; pass at least 1")


def _check_plan(plan: FaultPlan) -> None:
    for kind in ("pauses", "webhooks"):
        count = getattr(plan, kind)
        if count:
            raise ValueError(
                f"faults with {kind}={count}: servers of a scenario have no {kind} to simulate; "
                f"pass {kind}=0, or only the faults you want, as FaultPlan.only(crashes=1)"
            )


def _name(scenario: Life) -> str:
    """Return "module:function", of something that can be run."""
    bare: object = scenario
    while isinstance(bare, partial):
        bare = bare.func
    if not inspect.iscoroutinefunction(bare):
        raise TypeError(
            f"{bare!r} is no scenario: expected 'async def scenario(sim)', found "
            f"{type(bare).__name__} that is not 'async def'; make it one, or pass an async "
            "function instead of what it returns"
        )
    signature = inspect.signature(scenario, follow_wrapped=False)  # what is called is the wrapper
    try:
        signature.bind(None)
    except TypeError as error:
        raise TypeError(
            f"{bare.__qualname__}{signature} cannot be called with a Simulation "
            f"alone: {error}; a scenario takes one argument, 'async def scenario(sim)'; bind "
            "others with functools.partial"
        ) from None
    return f"{bare.__module__}:{bare.__qualname__}"


def _recorded(choices: Iterable[int]) -> Recorded:
    made = tuple(choices)
    for place, chosen in enumerate(made):
        if not isinstance(chosen, int):
            raise TypeError(
                f"choices[{place}] is {type(chosen).__name__}, expected int; pass the list that "
                "a failure shows"
            )
        if chosen < 0:
            raise ValueError(
                f"choices[{place}] is {chosen}, expected 0 or more; pass the list that a failure "
                "shows"
            )
    return Recorded(made)


def _reseed(traps: Traps, sim: Simulation) -> None:
    """Give a run time and chance of its own, the same each time it is run."""
    traps.found.clear()
    traps.reseed(sim.loop.utc, random.Random(0))  # noqa: S311 - libraries' ids, not secrets
    sim.traps = traps


class _Search(NamedTuple):
    """A search that begins with the run in which everything is in order."""

    schedules: int | None
    seed: int
    seconds: float | None
    progress: Callable[[Report], None] | None

    def run(self, scenario: UserScenario) -> Report:
        """Run until something fails, or enough."""
        report = Report(scenario)
        began = real_time()
        first = run(scenario, Recorded())
        report.count(first)
        report.seconds = real_time() - began
        if first.violations:
            report.failure = simplest(scenario, first, None, seconds=self.seconds)
        if self.progress is not None:
            self.progress(report)
        over = self.seconds is not None and report.seconds >= self.seconds
        if first.violations or over or self.schedules == 1:
            return report
        return search(
            scenario,
            seed=self.seed,
            schedules=self.schedules,
            seconds=self.seconds,
            progress=self.progress,
            begun=report,
        )


def _repeat(
    scenario: UserScenario, recorded: Recorded, progress: Callable[[Report], None] | None
) -> Report:
    """Run one run, and keep to it if it fails."""
    report = Report(scenario)
    outcome = run(scenario, recorded)
    report.count(outcome)
    if outcome.violations:
        report.failure = Failure(
            scenario=scenario,
            choices=recorded.made,
            found=recorded.made,
            seed=None,
            violations=outcome.violations,
        )
    if progress is not None:
        progress(report)
    return report


def _failed(failure: Failure, report_to: Path | str | None) -> SimulationFailed:
    """Explain a failure, and write it down if that is wanted."""
    files = () if report_to is None else write(failure, Path(report_to))
    return SimulationFailed(failure, explain(failure).text, files)
