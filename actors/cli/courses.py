"""What `actors simulate` can run: the task core at random, a scope of it as a whole, or an agent.

Neighbours: `load.py` (finds agents), `summary.py` (tells results), `simulate.py` (runs courses).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol, TypeAlias

from a2a.server.agent_execution import AgentExecutor

from actors.cli.load import card_of, load
from actors.simulation import FaultPlan, SimulationFailed, exhaust, search, simulate
from actors.simulation.exhaustive import Exhausted
from actors.simulation.generic import conversation
from actors.simulation.report import explain, write
from actors.simulation.sandbox import Life
from actors.simulation.scenarios import SCENARIOS, SMALL, Scenario
from actors.simulation.search import Failure, Report
from actors.task.policy import Policy

TEXTS = ("Hello", "Yes, 3 please")
"""What clients say to an agent whose card has no examples."""

Found: TypeAlias = Report | Exhausted
Progress: TypeAlias = Callable[[Found], None]


class Broken(NamedTuple):
    """A run that broke something."""

    failure: Failure
    text: str
    """Its explanation."""
    files: tuple[Path, ...]


class Course(Protocol):
    """One thing to run."""

    @property
    def title(self) -> str:
        """What it is, in a line."""

    def run(self, seconds: float | None, report_to: Path, progress: Progress) -> Broken | None:
        """Run until something breaks, or enough.

        Args:
            seconds: how long at most, in real time.
            report_to: where to write what breaks.
            progress: told the report so far after each run.
        """


@dataclass(frozen=True, slots=True)
class Many:
    """Random runs of the task core."""

    scenario: Scenario
    seed: int
    schedules: int | None

    @property
    def title(self) -> str:
        """Scenario and policy."""
        return f"{self.scenario.name}, {named(self.scenario.policy)}"

    def run(self, seconds: float | None, report_to: Path, progress: Progress) -> Broken | None:
        """Run seed after seed."""
        found = search(
            self.scenario,
            seed=self.seed,
            schedules=self.schedules,
            seconds=seconds,
            progress=progress,
        )
        return _broken(found.failure, report_to)


@dataclass(frozen=True, slots=True)
class Scope:
    """Every run of a small scope; then again without the reduction, to see what that saves."""

    scenario: Scenario

    @property
    def title(self) -> str:
        """Scenario and policy."""
        return f"{self.scenario.name}, {named(self.scenario.policy)}"

    def run(self, seconds: float | None, report_to: Path, progress: Progress) -> Broken | None:
        """Search it; what is left of the time is for the comparison."""
        found = exhaust(self.scenario, seconds=seconds, progress=progress)
        left = None if seconds is None else seconds - found.seconds
        if found.complete and (left is None or left > 0):
            found = exhaust(self.scenario, reduce=False, seconds=left, progress=progress)
        return _broken(found.failure, report_to)


@dataclass(frozen=True, slots=True)
class Agent:
    """Random runs of an agent behind the production handler."""

    address: str
    life: Life
    seed: int
    schedules: int | None
    plan: FaultPlan
    policy: Policy

    @property
    def title(self) -> str:
        """Agent and policy."""
        return f"{self.address}, {named(self.policy)}"

    def run(self, seconds: float | None, report_to: Path, progress: Progress) -> Broken | None:
        """Run it in order, then seed after seed."""
        try:
            simulate(
                self.life,
                schedules=self.schedules,
                seed=self.seed,
                seconds=seconds,
                faults=self.plan,
                policy=self.policy,
                report_to=report_to,
                progress=progress,
            )
        except SimulationFailed as failed:
            return Broken(failed.failure, failed.text, failed.files)
        return None


def _broken(failure: Failure | None, report_to: Path) -> Broken | None:
    if failure is None:
        return None
    return Broken(failure, explain(failure).text, tuple(write(failure, report_to)))


def named(policy: Policy) -> str:
    """Say which policy it is."""
    return f"policy {policy.name}, after a crash {policy.recovery}"


def of_the_core(
    policies: tuple[Policy, ...], seed: int, schedules: int | None, crashes: int | None
) -> list[Many]:
    """Return random runs of the task core under each policy."""
    whims = SCENARIOS["whims"]
    return [
        Many(replace(whims, policy=each, plan=_plan(whims.plan, crashes)), seed, schedules)
        for each in policies
    ]


def of_small_scopes(policies: tuple[Policy, ...], crashes: int | None) -> list[Scope]:
    """Return each small scope under each policy."""
    return [
        Scope(replace(scope, policy=policy, plan=_plan(scope.plan, crashes)))
        for policy in policies
        for scope in SMALL
    ]


def of_an_agent(
    address: str,
    policies: tuple[Policy, ...],
    seed: int,
    schedules: int | None,
    crashes: int | None,
) -> list[Agent]:
    """Return runs of the agent at an address; clients say what its card has as examples.

    Raises:
        CommandError: there is no such agent.
    """
    loaded = load(address)
    examples = (text for skill in card_of(loaded, None, []).skills for text in skill.examples)
    life = conversation(partial(_new_agent, address), tuple(examples) or TEXTS)
    plan = _plan(FaultPlan.none(), crashes)
    return [Agent(address, life, seed, schedules, plan, policy) for policy in policies]


def _new_agent(address: str) -> AgentExecutor:
    return load(address).executor


def _plan(usual: FaultPlan, crashes: int | None) -> FaultPlan:
    return usual if crashes is None else replace(usual, crashes=crashes)
