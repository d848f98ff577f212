"""A chart as a picture: Mermaid, DOT, SVG, PlantUML, and a table of every answer.

Imports `chart` and what is below it. Everything here is text and the same for the same chart, so
generated files can be compared; only `svg` runs a program. Who imports whom:

    words      rows, lists of events and remarks as text
    highlight  what to light: states, rows, a path, a coverage
    picture    what every picture shows           imports words, highlight
    mermaid    stateDiagram-v2                    imports picture
    dot        Graphviz source, and SVG           imports picture
    plantuml   a PlantUML state diagram           imports picture
    answers    Markdown: events down, states across

Nothing of a chart is left out, and each row can be read back from each picture: Go rows are
arrows, and what is refused, dropped or deferred stands in lines at its state.
"""

from statechart.diagram.answers import answers
from statechart.diagram.dot import dot, dot_digest, svg, svg_digest
from statechart.diagram.highlight import DiagramError, Highlight
from statechart.diagram.mermaid import mermaid
from statechart.diagram.plantuml import plantuml

__all__ = [
    "DiagramError",
    "Highlight",
    "answers",
    "dot",
    "dot_digest",
    "mermaid",
    "plantuml",
    "svg",
    "svg_digest",
]
