"""Mutants: the same chart with one small fault, to find out what tests of it would notice.

Used by tests of tests. Imports `statechart`, `building`, `behaviour` and `uncounted`; the faults
are listed in `faults`.

A mutant that breaks a rule which may be waived is built all the same, since some other test should
notice it. One that cannot be built is `stillborn`: the check itself noticed. One that behaves as
the chart does is no fault at all, and `same_behaviour` proves it.

>>> from statechart import Chart, Drop, Go, State
>>> from statechart.testing import survivors
>>> door = Chart(
...     name="door",
...     regions=(State("door", (State("open"), State("shut")), initial="open"),),
...     events=("push",),
...     rows=(Go("push", "open", "shut", actions="bang"), Drop("push", "shut", "shut_already")),
... )
>>> def suite(chart):
...     table = chart.compile()
...     assert "shut" in table.step(table.initial, "push").configuration
>>> print(survivors(door, suite))
8 mutants: 2 killed, 2 stillborn, 0 equivalent, 4 survived
  action: row 0: 'push' in 'open' -> shut: without bang
  answer: row 1: 'push' in 'shut' dropped (shut_already): is a Refuse
  reason: row 1: 'push' in 'shut' dropped (shut_already): is another
  initial: door: begins in shut
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from statechart.errors import ChartError
from statechart.testing.behaviour import same_behaviour
from statechart.testing.building import changed
from statechart.testing.faults import Fault, faults
from statechart.testing.uncounted import leave_out, uncounted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from statechart.chart import Chart
    from statechart.errors import Finding
    from statechart.model import Edge

__all__ = ["Mutant", "Survivors", "mutants", "survivors"]


@dataclass(frozen=True, slots=True)
class Mutant:
    """A chart with one fault; without the chart, and with the findings, if it cannot be built.

    `kind` is one of `faults.KINDS`, `description` says what was done to which row or state.
    """

    kind: str
    description: str
    chart: Chart | None
    findings: tuple[Finding, ...] = ()

    @property
    def stillborn(self) -> bool:
        """The check of charts does not let this mutant exist."""
        return self.chart is None

    def __str__(self) -> str:
        return f"{self.kind}: {self.description}"


@dataclass(frozen=True, slots=True)
class Survivors:
    """What became of the mutants: how many died, and those that did not.

    `killed` made the suite fail, `stillborn` were refused by the check of charts, `equivalent` are
    proven to behave as the chart does. What `survived` shows what the suite does not test.
    """

    killed: int
    stillborn: int
    equivalent: tuple[Mutant, ...]
    survived: tuple[Mutant, ...]

    @property
    def total(self) -> int:
        """How many mutants there were."""
        return self.killed + self.stillborn + len(self.equivalent) + len(self.survived)

    def __str__(self) -> str:
        return (
            f"{self.total} mutants: {self.killed} killed, {self.stillborn} stillborn, "
            f"{len(self.equivalent)} equivalent, {len(self.survived)} survived"
            + "".join(f"\n  {mutant}" for mutant in self.survived)
        )


def mutants(
    chart: Chart,
    *,
    kinds: Collection[str] | None = None,
    only: Callable[[Edge], bool] | None = None,
    retargets: int | None = None,
) -> Iterator[Mutant]:
    """Yield each mutant of `chart`, built when it is asked for.

    Args:
        chart: is not changed.
        kinds: the kinds of faults to make, all of `faults.KINDS` by default.
        only: tells whether a row, at one source and trigger, may be changed; all by default.
            Faults of states are made whatever it says.
        retargets: to how many other places each transition is sent at most; all by default.

    Raises `ValueError` for a kind that does not exist.
    """
    for fault in faults(chart, kinds=kinds, only=only, retargets=retargets):
        yield _mutant(chart, fault)


def survivors(
    chart: Chart, suite: Callable[[Chart], object], among: Iterable[Mutant] | None = None
) -> Survivors:
    """Run `suite` on each mutant of `chart`, or on those `among`, and tell which it let pass.

    A suite kills a mutant by raising any `Exception`, such as an `AssertionError`. It is run on
    the chart itself first; what it raises then is raised here. Only that first run counts for
    `pytest --chart-coverage`.
    """
    suite(chart)
    killed, stillborn = 0, 0
    equivalent: list[Mutant] = []
    survived: list[Mutant] = []
    for mutant in mutants(chart) if among is None else among:
        if mutant.chart is None:
            stillborn += 1
        elif _kills(suite, mutant.chart):
            killed += 1
        elif same_behaviour(chart, mutant.chart):
            equivalent.append(mutant)
        else:
            survived.append(mutant)
    return Survivors(killed, stillborn, tuple(equivalent), tuple(survived))


def _mutant(chart: Chart, fault: Fault) -> Mutant:
    try:
        built = changed(chart, **fault.changes)
    except ChartError as error:
        return Mutant(fault.kind, fault.description, None, error.findings)
    return Mutant(fault.kind, fault.description, leave_out(built))


def _kills(suite: Callable[[Chart], object], chart: Chart) -> bool:
    try:
        with uncounted():
            suite(chart)
    except Exception:  # noqa: BLE001 - however a suite fails, it has noticed
        return True
    return False
