"""Exhaustive search of a chart.

From the bottom up, nobody imports upwards:

environment     what the world may do; nodes and steps      imports machine
moves           every step out of a node                    imports environment
counterexample  a way through a chart, as text and drawn    imports environment
search          breadth first, with claims                  imports the three above
exploration     `explore`, and what it found                imports search
"""

from statechart.explore.counterexample import Counterexample, PropertyError, Trace
from statechart.explore.environment import Environment, Node, Step
from statechart.explore.exploration import Exploration, explore
from statechart.explore.search import StateProperty, StepProperty

__all__ = [
    "Counterexample",
    "Environment",
    "Exploration",
    "Node",
    "PropertyError",
    "StateProperty",
    "Step",
    "StepProperty",
    "Trace",
    "explore",
]
