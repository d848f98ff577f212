"""Tools for those who test charts, and programs that live by charts.

Who imports whom, from the bottom up; each also imports `statechart`:

    cover       long walks through a graph that see all of it
    uncounted   what counts of rows leave out
    building    charts with the waivers they need                    imports uncounted
    behaviour   whether two charts behave alike
    faults      the small changes that make a mutant
    sketches    random states and rows                               imports nothing of these
    walks       paths that take every edge, or every pair of edges   imports cover, building
    mutation    mutants, and which of them a suite lets pass         imports faults, behaviour,
                                                                     building, uncounted
    strategies  Hypothesis: random charts, events, guards and paths  imports sketches, walks,
                                                                     building, uncounted
    tally       counts of rows taken                                 imports uncounted
    report      the counts of a run: told, written, judged           imports tally
    plugin      pytest: which rows of a chart a test run took        imports tally, report

Names are loaded when they are asked for: `strategies` needs Hypothesis, and pytest loads `plugin`
in every run, so that has to be cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from statechart.testing.behaviour import same_behaviour
    from statechart.testing.faults import KINDS
    from statechart.testing.mutation import Mutant, Survivors, mutants, survivors
    from statechart.testing.strategies import charts, events, paths, valuations
    from statechart.testing.walks import (
        Path,
        Step,
        Unscripted,
        all_pairs,
        all_transitions,
        moves,
        scripted,
    )

__all__ = [
    "KINDS",
    "Mutant",
    "Path",
    "Step",
    "Survivors",
    "Unscripted",
    "all_pairs",
    "all_transitions",
    "charts",
    "events",
    "moves",
    "mutants",
    "paths",
    "same_behaviour",
    "scripted",
    "survivors",
    "valuations",
]

_HOMES = {
    "behaviour": ("same_behaviour",),
    "faults": ("KINDS",),
    "mutation": ("Mutant", "Survivors", "mutants", "survivors"),
    "walks": (
        "Path",
        "Step",
        "Unscripted",
        "all_pairs",
        "all_transitions",
        "moves",
        "scripted",
    ),
    "strategies": ("charts", "events", "paths", "valuations"),
}
_HOME = {name: home for home, inside in _HOMES.items() for name in inside}


def __getattr__(name: str) -> Any:
    """Load the module where `name` is, and with a strategy Hypothesis."""
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
