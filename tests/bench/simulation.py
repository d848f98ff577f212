"""The simulator: schedules per second on one core, judged and bare, and exhaustive searches.

    python -m tests.bench.simulation [--rounds 3] [--schedules 400] [--json FILE] [--profile NAME]

A schedule is one run of a scenario with one seed, from an empty world to quiescence; judged, its
trace is held against every invariant. A step is one action that was chosen. Time is that of
the process, since nothing here waits. Rounds alternate between the kinds; the figure is the median
of the rounds.

Neighbours: `actors.py` (the runtime), `step.py` (charts).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from a2a.helpers import new_task_from_user_message
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.tasks import TaskUpdater
from a2a.types import Part, Task

from actors.simulation import Simulation, simulate
from actors.simulation.actions import Action
from actors.simulation.choices import Seeded
from actors.simulation.exhaustive import Exhausted, exhaust
from actors.simulation.loop import START
from actors.simulation.sandbox import UserScenario
from actors.simulation.scenarios import SMALL, Scenario, sends, small, whims
from actors.simulation.search import search
from actors.simulation.traps import Traps
from actors.simulation.unheard import unheard
from tests.bench.actors import profiled


class Desk(AgentExecutor):
    """Three events: its Task, an artifact, COMPLETED."""

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        assert context.message is not None
        task = context.current_task or new_task_from_user_message(context.message)
        await event_queue.enqueue_event(task)
        updater = TaskUpdater(event_queue, task.id, task.context_id)
        await updater.add_artifact([Part(text="done")], artifact_id="result")
        await updater.complete()

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        raise NotImplementedError("nobody cancels here")


async def two_clients(sim: Simulation) -> None:
    """Two clients at once, each with a task of its own."""
    server = sim.serve(Desk())
    for answer in await asyncio.gather(server.send("one"), server.send("two")):
        assert isinstance(answer, Task)


# -- what is run


class Steps:
    """Counts the actions that were chosen."""

    def __init__(self) -> None:
        self.taken = 0

    def __call__(self, action: Action) -> None:
        self.taken += 1


class Kind(NamedTuple):
    """A scenario of the task core's actors, or of a whole server."""

    bare: Callable[[int, Steps | None], object]
    """Runs so many schedules; has the steps counted if told by whom."""
    judged: Callable[[int], object]
    target: int
    """Schedules per second that we want at least, judged."""
    share: int = 1
    """The slow ones run this part of the schedules."""


def core_bare(scenario: Scenario, schedules: int, steps: Steps | None = None) -> None:
    with unheard():
        for seed in range(schedules):
            world = scenario.world(Seeded(seed))
            world.loop.on_step = steps
            world.run()


def core_judged(scenario: Scenario, schedules: int) -> None:
    report = search(scenario, schedules=schedules)
    assert report.failure is None, report.failure


def handler_bare(schedules: int, steps: Steps | None = None) -> None:
    """As `simulate` runs them: traps set once, time and chance given anew to each run."""
    with Traps(lambda: START, random.Random(0)) as traps:

        def prepare(sim: Simulation) -> None:
            traps.reseed(sim.loop.utc, random.Random(0))
            sim.traps = traps
            sim.loop.on_step = steps

        scenario = UserScenario(name="two_clients", life=two_clients, prepare=prepare)
        for seed in range(schedules):
            scenario(Seeded(seed))


def handler_judged(schedules: int) -> None:
    simulate(two_clients, schedules=schedules)


def core(scenario: Scenario, share: int = 1) -> Kind:
    return Kind(partial(core_bare, scenario), partial(core_judged, scenario), 5_000, share)


KINDS = {
    "core, 1 client, no fault": core(small("one-client", sends, crashes=0)),
    "core, 1 client, a crash": core(SMALL[0]),
    "core, whims": core(Scenario(name="whims", inhabit=whims()), share=4),
    "whole handler, 2 clients": Kind(handler_bare, handler_judged, 300, share=4),
}


# -- measuring


Figures = dict[str, float]


def per_second(run: Callable[..., object], times: int) -> float:
    began = time.process_time()
    run(times)
    return times / (time.process_time() - began)


def steps_of(kind: Kind, schedules: int) -> float:
    """Return the steps of a schedule, on average; a run of its own, as counting takes time."""
    steps = Steps()
    kind.bare(schedules, steps)
    return steps.taken / schedules


def measure(rounds: int, schedules: int) -> dict[str, Figures]:
    """Return medians by kind: schedules per second judged and bare, steps of one and per second."""
    found: dict[str, dict[str, list[float]]] = {name: {"judged": [], "bare": []} for name in KINDS}
    steps = {name: steps_of(kind, schedules // kind.share) for name, kind in KINDS.items()}
    for _ in range(rounds):
        for name, kind in KINDS.items():
            times = schedules // kind.share
            found[name]["judged"].append(per_second(kind.judged, times))
            found[name]["bare"].append(per_second(kind.bare, times))
    results: dict[str, Figures] = {}
    for name, each in steps.items():
        figures = {how: statistics.median(rates) for how, rates in found[name].items()}
        results[name] = figures | {"steps": each, "steps/s": figures["bare"] * each}
    return results


def searched() -> dict[str, Exhausted]:
    """Search a small scope, with and without leaving orders out that commute."""
    scope = small("one-client, 2 events, a crash", sends, events=2, crashes=1)
    return {
        "reduced": exhaust(scope),
        "all orders": exhaust(scope, reduce=False),
    }


def table_of(results: dict[str, Figures]) -> str:
    """Return the results as plain text."""
    head = ("judged/s", "bare/s", "steps", "steps/s")
    lines = [f"{'schedules':<28}" + "".join(f"{name:>11}" for name in head) + "  target"]
    for name, found in results.items():
        line = f"{name:<28}{found['judged']:>11,.0f}{found['bare']:>11,.0f}"
        line += f"{found['steps']:>11.1f}{found['steps/s']:>11,.0f}"
        least = KINDS[name].target
        lines.append(f"{line}  >= {least:,} {'met' if found['judged'] >= least else 'MISSED'}")
    return "\n".join(lines)


def lines_of(found: dict[str, Exhausted]) -> str:
    """Return the figures of exhaustive searches as plain text."""
    head = ("states", "transitions", "runs", "replayed", "seconds")
    lines = [f"{'exhaustive':<28}" + "".join(f"{name:>12}" for name in head)]
    for name, of in found.items():
        counts = "".join(f"{getattr(of, each):>12,}" for each in head[:-1])
        lines.append(f"{name:<28}{counts}{of.seconds:>12.2f}{'' if of.complete else '  not all'}")
    return "\n".join(lines)


def profiles(schedules: int) -> dict[str, Callable[[], object]]:
    """Return what can be profiled, by name."""
    found: dict[str, Callable[[], object]] = {}
    for name, kind in KINDS.items():
        for how in ("judged", "bare"):
            found[f"{name}, {how}"] = partial(getattr(kind, how), schedules // kind.share)
    return found | {"exhaustive": searched}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--schedules", type=int, default=400)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--profile", choices=profiles(0))
    options = parser.parse_args(arguments)
    if options.profile:
        profiled(profiles(options.schedules)[options.profile], 25)
        return 0
    results = measure(options.rounds, options.schedules)
    print(table_of(results))
    found = searched()
    print("\n" + lines_of(found))
    if options.json:
        keys = ("states", "transitions", "runs", "replayed", "seconds", "complete")
        searches = {name: {key: getattr(of, key) for key in keys} for name, of in found.items()}
        text = json.dumps({"schedules": results, "exhaustive": searches}, indent=2)
        options.json.write_text(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
