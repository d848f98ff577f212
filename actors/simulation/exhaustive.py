"""Exhaustive search: every run of a small scope, each state once, without the orders that commute.

The search is stateless in the sense of VeriSoft (Godefroid 1997): to take another way it runs the
scenario again from the start, so any code can be searched that is deterministic but for its
choices. Two reductions keep that finite and quick:

- states (`state.py`) that have been visited are not entered again;
- sleep sets (Godefroid 1996, chapter 5, with state caching as in his algorithm of 1991): when two
  actions touch nothing in common, only one of their orders is run. What an action touches is
  observed while it runs, so the relation is exact for the state at hand.

Sleep sets save transitions, never states; `Searched.report` has the figures for both.

Neighbours: `loop.py` (notes what actions touch), `choices.py`, `search.py` (judges runs).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from actors.simulation.actions import EVERYTHING, Action
from actors.simulation.choices import Choices
from actors.simulation.garbage import collecting_seldom
from actors.simulation.invariants.rule import Invariant
from actors.simulation.scenarios import Scenario
from actors.simulation.search import LEAST, Failure, Outcome, judged, simplest
from actors.simulation.state import StateDigest
from actors.simulation.world import World

ALIKE = " no. "

Sleep = dict[str, frozenset[object]]
"""Actions that need not be taken here, and what they touch."""


@dataclass(slots=True)
class Fork:
    """One place in the present run where there was a choice, and what is left to try there."""

    options: list[int]
    """What is tried, in order; the first is being tried."""
    labels: list[str] = field(default_factory=list)
    """Of the actions to choose from; empty for choices within an action."""
    sleep: Sleep = field(default_factory=dict)
    courses: dict[str, bytes] = field(default_factory=dict)
    """How far each task had got."""
    touched: set[object] = field(default_factory=set)
    """By the action that is being tried, in all of its outcomes."""


@dataclass(slots=True)
class Exhausted:
    """What an exhaustive search has done."""

    scenario: Scenario
    reduced: bool
    runs: int = 0
    states: int = 0
    transitions: int = 0
    """Actions taken from a state for the first time, wherever they led."""
    replayed: int = 0
    """Actions taken again, to get back to a fork."""
    seconds: float = 0.0
    complete: bool = False
    """Every state of the scope was visited."""
    exercised: set[int] = field(default_factory=set)
    failure: Failure | None = None


class Searched(Choices):
    """Choices of one run of the search: the way to the latest fork, then on from there."""

    def __init__(
        self, forks: list[Fork], visited: dict[bytes, frozenset[str]], *, reduce: bool
    ) -> None:
        super().__init__()
        self._forks = forks
        self._visited = visited
        self._reduce = reduce
        self._next = 0
        self._replaying = len(forks)
        self._last = max((at for at, fork in enumerate(forks) if fork.labels), default=-1)
        """Place of the last fork at which an action was chosen."""
        self._acting: Fork | None = None
        self._world: World | None = None
        self._digest: StateDigest | None = None
        self._touched: set[object] = set()
        self._before: frozenset[object] = frozenset()
        self.over = False
        """The state has been met before; the run ends in order and makes no forks."""
        self.fresh = 0
        self.again = 0

    def watch(self, world: World) -> None:
        """Look on while `world` runs."""
        self._world = world
        self._digest = StateDigest(world)
        world.loop.touched = self._touched
        world.loop.replaying = self._last >= 0

    # -- which action

    def pick(self, actions: Sequence[Action], rare: int) -> int:
        """Choose the next action; the state between two actions is where runs meet."""
        chosen = 0 if self.over else self._next_action(actions)
        if len(actions) > 1:  # as in every recording: one option is no choice
            self.made.append(chosen)
        return chosen

    def _next_action(self, actions: Sequence[Action]) -> int:
        self._settle()
        if self._next < self._replaying:
            self.again += 1
            fork = self._forks[self._next]
            if self._next >= self._last:
                self._go_on_from(fork)
        else:
            self.fresh += 1
            entered = self._enter(_names(actions))
            if entered is None:
                self._go_home()
                return 0
            fork = entered
        self._next += 1
        self._acting = fork
        return fork.options[0]

    def _go_on_from(self, fork: Fork) -> None:
        """Know how far each task has got, where the way taken before comes to its end."""
        assert self._world is not None  # noqa: S101 - `watch` comes before the first action
        self._world.loop.replaying = False
        self._world.loop.courses = dict(fork.courses)

    def _settle(self) -> None:
        """Give what the last action has touched to the fork that took it."""
        if self._acting is not None:
            self._acting.touched |= self._touched
        if self._digest is not None:
            self._digest.changed(self._touched)
        self._before = frozenset(self._touched)
        self._touched.clear()

    def _go_home(self) -> None:
        """End the run in order: what can follow is searched from where the state was first met.

        Only its past is new, and that is judged when the run is over.
        """
        assert self._world is not None  # noqa: S101 - `watch` comes before the first action
        self.over = True
        self._acting = None
        self._world.loop.touched = None

    def _enter(self, labels: list[str]) -> Fork | None:
        """Come to a state by the last action; see what is left to do there, if anything."""
        assert self._digest is not None  # noqa: S101 - `watch` comes before the first action
        assert self._world is not None  # noqa: S101 - as above
        sleep = self._asleep() if self._reduce else {}
        here = self._digest.now()
        known = self._visited.get(here)
        names = set(labels)
        if known is None:
            todo = names - sleep.keys()
            self._visited[here] = frozenset(sleep)
        else:
            todo = set(known - sleep.keys()) & names
            self._visited[here] = known & sleep.keys()
        if not todo:
            return None
        options = [index for index, label in enumerate(labels) if label in todo]
        fork = Fork(options, labels, sleep, dict(self._world.loop.courses))
        self._forks.append(fork)
        return fork

    def _asleep(self) -> Sleep:
        """What slept where the last action was taken, and commutes with it."""
        if self._acting is None:
            return {}
        return {
            label: touches
            for label, touches in self._acting.sleep.items()
            if independent(touches, self._before)
        }

    # -- choices within an action

    def _pick(self, options: int, rare: int, rarely: float) -> int:
        if self.over:
            return 0
        if self._next >= self._replaying:
            self._forks.append(Fork(list(range(options))))
        fork = self._forks[self._next]
        self._next += 1
        return fork.options[0]

    def end(self) -> None:
        """Note what the last action of the run has touched."""
        self._settle()


def independent(one: frozenset[object], other: frozenset[object]) -> bool:
    """Tell whether two actions, by what they touch, can be taken in either order alike."""
    return EVERYTHING not in one and EVERYTHING not in other and one.isdisjoint(other)


def _names(actions: Sequence[Action]) -> list[str]:
    """Name each action; those that are alike are told apart by their order, and never sleep."""
    alike = Counter(action.label for action in actions)
    seen: Counter[str] = Counter()
    names = []
    for action in actions:
        seen[action.label] += 1
        single = alike[action.label] == 1
        names.append(action.label if single else f"{action.label}{ALIKE}{seen[action.label]}")
    return names


def _advance(forks: list[Fork]) -> bool:
    """Go to the next way that has not been tried; False when there is none."""
    while forks:
        fork = forks[-1]
        done = fork.options.pop(0)
        if fork.labels:
            if ALIKE not in fork.labels[done]:
                fork.sleep[fork.labels[done]] = frozenset(fork.touched)
            fork.touched = set()
        if fork.options:
            return True
        forks.pop()
    return False


@collecting_seldom()
def exhaust(
    scenario: Scenario,
    *,
    reduce: bool = True,
    seconds: float | None = None,
    invariants: Iterable[Invariant] | None = None,
    progress: Callable[[Exhausted], None] | None = None,
) -> Exhausted:
    """Run every run of a scenario.

    Args:
        scenario: a small scope; what it leaves open must be finite.
        reduce: leave orders out that commute.
        seconds: how long at most, in real time; the report says whether it was enough.
        invariants: what must hold. Each way into a state that was met before is followed by one
            end of the run, and judged with it.
        progress: told the report so far after each run.
    """
    report = Exhausted(scenario, reduce)
    held = scenario.invariants if invariants is None else tuple(invariants)
    forks: list[Fork] = []
    visited: dict[bytes, frozenset[str]] = {}
    began = time.monotonic()
    while True:
        outcome = _run(scenario, Searched(forks, visited, reduce=reduce), held, report)
        report.runs += 1
        report.states = len(visited)
        report.seconds = time.monotonic() - began
        report.exercised |= outcome.exercised
        if outcome.violations:
            budget = None if seconds is None else max(LEAST, report.seconds)
            report.failure = simplest(scenario, outcome, None, held, budget)
        if progress is not None:
            progress(report)
        if report.failure is not None:
            return report
        if not _advance(forks):
            report.complete = True
            return report
        if seconds is not None and report.seconds >= seconds:
            return report


def _run(
    scenario: Scenario, choices: Searched, held: tuple[Invariant, ...], report: Exhausted
) -> Outcome:
    world = scenario.world(choices)
    choices.watch(world)
    trace = world.run()
    choices.end()
    report.transitions += choices.fresh
    report.replayed += choices.again
    return judged(scenario, trace, choices, held)
