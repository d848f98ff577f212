"""Statecharts as checked, compiled values. Pure Python: no asyncio, no I/O, no actors.

Who imports whom, from the bottom up; nobody imports upwards:

    errors     findings, unknown events and configurations
    actions    timeouts, timers, what speaks to the chart itself
    model      states and rows: the words a chart is written in   imports actions
    tree       the same, indexed by name                          imports model
    selection  which rows answer an event: SCXML, four answers    imports model, tree
    algorithm  what transitions do: SCXML's order                 imports model, tree
    step       the compiled table: one look-up                    imports model
    compiler   every step of every configuration, in advance      imports all of the above
    check      the rules that make a chart sound                  imports all of the above
    chart      Chart, which is checked when it is built           imports all of the above
    machine    a chart at work: timers, postponed events          imports chart
    handles    states being built                                 imports model
    rule       rows being said                                    imports handles
    builder    a chart written with handles, for type checkers    imports chart, rule
    examples   a traffic light and an order                       imports chart

    diagram    Chart -> Mermaid, DOT, SVG, PlantUML, answers      imports chart
    scxml      Chart <-> SCXML documents                          imports chart
    library    Chart <-> `transitions`, the reference engine      imports chart
    explore    everything reachable, with claims about it         imports machine, diagram
    load       from an address or a file to a chart               imports chart, scxml
    testing    strategies, paths, mutants, a pytest plugin        imports diagram, load
    verdict    what an exploration found, told                    imports load
    commands   draw, check, explore; `cli` parses what is asked   imports all

What stands below the gap is imported by those who want it, not from here, so that production loads
neither `transitions` nor anything that draws.
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
