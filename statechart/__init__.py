"""Statecharts as checked, compiled values. Pure Python: no asyncio, no I/O, no actors.

Who imports whom, from the bottom up; nobody imports upwards:

    model      states, rows, findings: the words a chart is written in
    tree       the same, indexed by name                        imports model
    step       the compiled table; how parallel regions answer  imports model, tree
    structure  what is wrong with a chart as written            imports model, tree
    check      what is wrong with its behaviour                 imports all of the above
    chart      Chart, which is checked when it is built         imports all of the above
    diagram    Chart -> Mermaid, DOT, SVG, a table of answers   imports chart
    library    Chart <-> `transitions`, the reference engine    imports chart
    cli        draw and check from the shell                    imports chart, diagram

`diagram`, `library` and `cli` are imported by those who want them, not from here, so that
production loads neither `transitions` nor anything that draws.
"""

from statechart.chart import Chart
from statechart.model import (
    Answer,
    ChartError,
    Defer,
    Drop,
    Edge,
    Finding,
    Go,
    Guard,
    Names,
    Refuse,
    Row,
    State,
    UnknownConfiguration,
    UnknownEvent,
)
from statechart.step import Configuration, Outcome, Table

__all__ = [
    "Answer",
    "Chart",
    "ChartError",
    "Configuration",
    "Defer",
    "Drop",
    "Edge",
    "Finding",
    "Go",
    "Guard",
    "Names",
    "Outcome",
    "Refuse",
    "Row",
    "State",
    "Table",
    "UnknownConfiguration",
    "UnknownEvent",
]
