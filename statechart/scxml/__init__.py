"""Charts as SCXML documents and back: https://www.w3.org/TR/scxml/.

Who imports whom, from the bottom up; nobody imports upwards:

    arguments   what callers hand over: is it of its type        imports nothing
    words       namespaces, delays, conditions, the error        imports model
    vocabulary  elements and attributes, what stands where       imports nothing
    document    text -> elements, within limits                  imports vocabulary, words
    attributes  the values of attributes                         imports document, words
    draft       a transition on its way to a row                 imports document
    read        elements -> states and drafts of rows            imports attributes, draft
    ours        a document that we wrote -> its chart            imports read
    theirs      anybody's document -> a chart that does the same imports read
    export      chart -> document                                imports words

What is read is the part of SCXML 1.0 that needs no script: states, parallels, finals, histories,
transitions, raised, sent and cancelled events, `In()`. Guards are names that are handed over.
Nothing in a document is evaluated, fetched or expanded; what would need it is an error that says
where and what to do instead. <log> has no effect on a chart and is left out.

>>> from statechart.scxml import from_scxml, to_scxml
>>> chart = from_scxml('''
...     <scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0">
...       <state id="red"><transition event="turn.*" target="green"/></state>
...       <state id="green"><transition event="turn.back" target="red"/></state>
...     </scxml>''')
>>> chart.compile().step(chart.compile().initial, "turn.back").configuration
<green>
>>> from_scxml(to_scxml(chart)).tree.edges == chart.tree.edges
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from statechart.chart import Chart
from statechart.scxml import export, ours, theirs
from statechart.scxml.arguments import check_kind, check_mapping, events_by_name
from statechart.scxml.document import parse
from statechart.scxml.words import ScxmlError, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from statechart.actions import Time
    from statechart.model import Guard

__all__ = ["ScxmlError", "from_scxml", "to_scxml"]


def to_scxml(chart: Chart) -> str:
    """Return `chart` as an SCXML 1.0 document, which `from_scxml` reads back without loss.

    Guards, times and domains are code and stay outside: their names are in the document. Raises
    `ScxmlError` for a chart whose words mean something else there (see `export`), and for one that
    is too large: what was written is read at once, so no document comes out that would be refused.
    """
    check_kind("chart", chart, (Chart,), "expected a Chart")
    text = export.write(chart)
    try:
        ours.read(parse(text), chart.guards)
    except ScxmlError as error:
        why = f"it has no document that could be read back; its {error}"
        raise ScxmlError(0, f"chart {shown(chart.name)}", why) from None
    return text


def from_scxml(
    text: str | bytes,
    *,
    name: str | None = None,
    events: Iterable[str | type] = (),
    guards: Mapping[str, Guard] | None = None,
    times: Mapping[str, Time] | None = None,
    waive: Mapping[str, str] | None = None,
) -> Chart:
    """Return the chart that an SCXML document describes.

    `text` is the document, UTF-8 if bytes. `name` is for the chart, by default the document's own.
    `events` adds events that may happen though the document does not name them, and gives the
    classes of those that are typed. `guards` and `times` are what the document refers to by name,
    `waive` the rules that the chart may break besides those that the document says itself.

    Raises `ScxmlError` if the document is not understood, `ChartError` if it is no sound chart,
    `TypeError` for arguments that are of another kind, `ValueError` for two events of one name.
    """
    check_kind("text", text, (str, bytes), "expected the document itself, as str or bytes")
    check_kind("name", name, (str, type(None)), "expected a str, or None for the document's own")
    check_mapping("guards", guards, "functions of (context, data)")
    check_mapping("times", times, "milliseconds, or functions of (context, data)")
    check_mapping("waive", waive, "reasons")
    known = events_by_name(events)
    root = parse(text)
    if root.get("version") not in (None, "1.0"):
        raise root.error("only 1.0 is known", "version")
    make = ours.chart_of if ours.is_ours(root) else theirs.chart_of
    return make(
        root,
        name=name,
        events=known,
        guards=guards or {},
        times=times or {},
        waive=waive or {},
    )
