"""Time per event: the compiled table against other engines, on the same charts and events.

    python -m tests.bench.step [--rounds 5] [--events 200000] [--json FILE]

Rounds alternate between the engines, so that a busy moment of the machine hits all of them; the
figure is the median of the rounds. Actions and guards are as small as they can be. Construction is
what one more instance costs; a configuration of ours is a value of the table, so there is none.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transitions import Machine

from statechart import Chart, Drop, Go, State
from statechart.library import to_machine
from tests.statechart.peers import SismicPeer, StatemachinePeer

TARGETS = {"flat": 0.3, "nested": 5.0, "parallel": 5.0}
"""Microseconds per event that we want at most."""

HELD = frozenset({"open"})
Run = Callable[[int], None]


def ring(*names: str) -> tuple[Go, ...]:
    """Rows that lead from each state to the next and back to the first."""
    following = (*names[1:], names[0])
    return tuple(Go("next", a, b) for a, b in zip(names, following, strict=True))


def flat() -> Chart:
    region = State("light", (State("red"), State("green"), State("amber")), "red")
    return Chart(
        name="flat", regions=(region,), events=("next",), rows=ring("red", "green", "amber")
    )


def guarded() -> Chart:
    region = State("door", (State("shut"), State("ajar"), State("wide")), "shut")
    rows = (
        Go("next", "shut", "ajar", "open"),
        Drop("next", "shut", "locked"),
        Go("next", "ajar", "shut", "!open"),
        Go("next", "ajar", "wide"),
        Go("next", "wide", "shut", "open"),
        Drop("next", "wide", "stuck"),
    )
    guards = {"open": lambda context, _: "open" in context}
    return Chart(name="guarded", regions=(region,), events=("next",), rows=rows, guards=guards)


def nested() -> Chart:
    inner = State("inner", (State("a"), State("b")), "a")
    middle = State("middle", (inner, State("c")), "inner")
    outer = State("outer", (middle, State("d")), "middle")
    rows = (
        Go("next", "a", "b"),
        Go("next", "inner", "c"),
        Go("next", "middle", "d"),
        Go("next", "d", "middle"),
    )
    return Chart(name="nested", regions=(outer,), events=("next",), rows=rows)


def parallel() -> Chart:
    """Two regions, each with a parallel state of two regions inside."""

    def region(name: str) -> State:
        leaves = (State(f"{name}_off"), State(f"{name}_on"))
        return State(name, leaves, f"{name}_off")

    inner = [State(side, (region(f"{side}x"), region(f"{side}y")), parallel=True) for side in "lr"]
    top = State("top", tuple(inner), parallel=True)
    regions = ("lx", "ly", "rx", "ry")
    rows = [row for name in regions for row in ring(f"{name}_off", f"{name}_on")]
    return Chart(name="parallel", regions=(top,), events=("next",), rows=tuple(rows))


CHARTS = {"flat": flat, "guarded": guarded, "nested": nested, "parallel": parallel}


def ours(chart: Chart) -> Run:
    table = chart.compile()

    def run(events: int) -> None:
        step, configuration = table.step, table.initial
        for _ in range(events):
            configuration = step(configuration, "next", HELD).configuration

    return run


class Door:
    """The model of a flat `transitions` machine."""

    state: str


def flat_machine(chart: Chart) -> Any:
    """Return the model of a flat chart's plain `Machine`, the fastest that `transitions` has."""
    model = Door()
    machine = Machine(
        model=model,
        states=list(chart.tree.leaves[0]),
        initial=chart.compile().initial.atomic[0],
        auto_transitions=False,
    )
    for edge in chart.tree.edges:
        machine.add_transition(
            edge.trigger,
            edge.source,
            edge.targets[0] if edge.targets else None,
            conditions=[chart.guards[c] for c in edge.conditions if not c.startswith("!")],
            unless=[chart.guards[c[1:]] for c in edge.conditions if c.startswith("!")],
        )
    return model


def by_flat_machine(chart: Chart) -> Run:
    trigger = flat_machine(chart).trigger

    def run(events: int) -> None:
        for _ in range(events):
            trigger("next", HELD, None)

    return run


def by_machine(chart: Chart) -> Run:
    machine = to_machine(chart)

    def run(events: int) -> None:
        for _ in range(events):
            machine.trigger_event(machine, "next", HELD, None)

    return run


def by_statemachine(chart: Chart) -> Run:
    engine = StatemachinePeer(chart, HELD).engine

    def run(events: int) -> None:
        for _ in range(events):
            engine.send("next")

    return run


def by_sismic(chart: Chart) -> Run:
    engine = SismicPeer(chart, HELD).engine

    def run(events: int) -> None:
        for _ in range(events):
            engine.queue("next").execute()

    return run


def engines(chart: Chart) -> dict[str, Callable[[Chart], Run]]:
    found: dict[str, Callable[[Chart], Run]] = {"ours": ours}
    if chart.name in ("flat", "guarded"):
        found["transitions Machine"] = by_flat_machine
    found["transitions HierarchicalMachine"] = by_machine
    return found | {"python-statemachine": by_statemachine, "sismic": by_sismic}


def microseconds(run: Run, events: int) -> float:
    started = time.perf_counter()
    run(events)
    return (time.perf_counter() - started) / events * 1e6


def measure(chart: Chart, rounds: int, events: int) -> dict[str, float]:
    """Return the median microseconds per event by engine."""
    runs = {name: make(chart) for name, make in engines(chart).items()}
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            times[name].append(microseconds(run, events if name == "ours" else events // 200))
    return {name: statistics.median(found) for name, found in times.items()}


def construction(chart: Chart, rounds: int) -> dict[str, float]:
    """Return the median microseconds that one more instance costs."""

    def one(make: Callable[[Chart], Run]) -> float:
        started = time.perf_counter()
        make(chart)
        return (time.perf_counter() - started) * 1e6

    found = {
        name: statistics.median(one(make) for _ in range(rounds * 4))
        for name, make in engines(chart).items()
        if name != "ours"
    }
    return {"ours": 0.0} | found


def table_of(results: dict[str, dict[str, dict[str, float]]]) -> str:
    """Return the results as plain text."""
    lines = [f"{'chart':<10}{'engine':<34}{'µs/event':>10}{'ratio':>9}{'µs/instance':>13}  target"]
    for chart, found in results.items():
        mine = found["step"]["ours"]
        for name, value in found["step"].items():
            built = found["construction"][name]
            line = f"{chart:<10}{name:<34}{value:>10.3f}{value / mine:>9.1f}{built:>13.0f}"
            if name == "ours" and chart in TARGETS:
                met = "met" if value < TARGETS[chart] else "MISSED"
                line += f"  < {TARGETS[chart]} {met}"
            lines.append(line)
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--events", type=int, default=200_000, help="of ours; others get a 200th")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    results = {}
    for name, make in CHARTS.items():
        chart = make()
        results[name] = {
            "step": measure(chart, options.rounds, options.events),
            "construction": construction(chart, options.rounds),
        }
    print(table_of(results))
    if options.json:
        found = {"python": sys.version.split()[0], "unit": "microseconds", "charts": results}
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
