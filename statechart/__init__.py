"""Statecharts as checked, compiled values. Pure Python: no asyncio, no I/O, no actors.

The map, each importing only those above it:

    errors     findings, unknown events and configurations
    actions    timeouts, timers, what speaks to the chart itself
    model      states and rows: the words a chart is written in
    tree       the same, indexed by name
    selection  which rows answer an event: SCXML, four answers
    algorithm  what transitions do: SCXML's order
    step       the compiled table: one look-up
    compiler   every step of every configuration, in advance
    check      the rules that make a chart sound
    chart      Chart, which is checked when it is built
    machine    a chart at work: timers, postponed events
    handles    states being built
    rule       rows being said
    builder    a chart written with handles, for type checkers
    examples   a traffic light and an order

    diagram    Chart -> Mermaid, DOT, SVG, PlantUML, answers
    scxml      Chart <-> SCXML documents
    library    Chart <-> `transitions`, the reference engine
    explore    everything reachable, with claims about it
    load       from an address or a file to a chart
    testing    strategies, paths, mutants, a pytest plugin
    verdict    what an exploration found, told
    commands   draw, check, explore
    cli        parses what is asked of them

What stands below the gap is imported by those who want it, not from here, so that production loads
neither `transitions` nor anything that draws. Two methods of `Chart` load `library` when called.
"""

from statechart.actions import Action, Actions, After, At, Quiet, Raise, Start, Stop, Time
from statechart.builder import Builder
from statechart.chart import Chart
from statechart.errors import ChartError, Finding, UnknownConfiguration, UnknownEvent
from statechart.machine import Machine, Postponed, Progress, Timer, Turn
from statechart.model import (
    ALWAYS,
    Answer,
    Defer,
    Drop,
    Edge,
    Go,
    Guard,
    History,
    Names,
    Refuse,
    Row,
    State,
    Trigger,
    done,
    inside,
)
from statechart.step import Configuration, Outcome, Table

__all__ = [
    "ALWAYS",
    "Action",
    "Actions",
    "After",
    "Answer",
    "At",
    "Builder",
    "Chart",
    "ChartError",
    "Configuration",
    "Defer",
    "Drop",
    "Edge",
    "Finding",
    "Go",
    "Guard",
    "History",
    "Machine",
    "Names",
    "Outcome",
    "Postponed",
    "Progress",
    "Quiet",
    "Raise",
    "Refuse",
    "Row",
    "Start",
    "State",
    "Stop",
    "Table",
    "Time",
    "Timer",
    "Trigger",
    "Turn",
    "UnknownConfiguration",
    "UnknownEvent",
    "done",
    "inside",
]
