"""The part of SCXML 1.0 that needs no data model, and our words beside it: what stands where.

Used by `document`. Imports nothing of ours.

`ELEMENTS` and `ATTRIBUTES` are all that is understood. `SCRIPTED` and `EVALUATED` are the rest of
SCXML, with what to do instead.
"""

from __future__ import annotations

__all__ = ["ATTRIBUTES", "ELEMENTS", "EVALUATED", "SCRIPTED"]

_INSIDE = ("state", "parallel", "final", "history", "onentry", "onexit", "transition")
_ACTIONS = ("raise", "send", "cancel", "log", "sc:action", "sc:start")

ELEMENTS: dict[str, tuple[str, ...]] = {
    "": ("scxml",),
    "scxml": ("state", "parallel", "final", "initial", "datamodel", "sc:waive"),
    "state": (*_INSIDE, "initial", "datamodel"),
    "parallel": (*(each for each in _INSIDE if each != "final"), "datamodel"),
    "final": ("onentry", "onexit", "transition", "donedata"),
    "history": ("transition",),
    "initial": ("transition",),
    "transition": _ACTIONS,
    "onentry": _ACTIONS,
    "onexit": _ACTIONS,
}
"""What may stand inside what."""

ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "scxml": (
        *("initial", "name", "version", "datamodel", "binding"),
        *("sc:version", "sc:name", "sc:events", "sc:note"),
    ),
    "state": ("id", "initial", "sc:note", "sc:derived"),
    "parallel": ("id", "sc:note", "sc:derived"),
    "final": ("id", "sc:note"),
    "history": ("id", "type", "sc:note"),
    "transition": (
        *("event", "cond", "target", "type", "sc:row", "sc:answer", "sc:reason", "sc:note"),
        *("sc:after", "sc:quiet", "sc:at"),
    ),
    "raise": ("event",),
    "send": ("event", "delay", "id", "target", "type", "sc:derived"),
    "cancel": ("sendid", "sc:derived"),
    "log": ("label", "expr"),
    "sc:action": ("name",),
    "sc:start": ("timer", "delay", "at", "event"),
    "sc:waive": ("rule", "reason"),
}
"""What may be said of what."""

SCRIPTED = {
    "script": "it runs a script; name an action with <sc:action name='...'/> and perform that",
    "data": "it holds data; keep data outside the chart, and hand guards over by name",
    "assign": "it changes data; name an action with <sc:action name='...'/> and perform that",
    "if": "it chooses when it runs; write one transition for each case",
    "elseif": "it chooses when it runs; write one transition for each case",
    "else": "it chooses when it runs; write one transition for each case",
    "foreach": "it loops over data; name an action with <sc:action name='...'/> and perform that",
    "invoke": "it starts something outside; name an action that does, and send its events",
    "finalize": "it changes data; there is nothing invoked here",
    "param": "events carry no data here; remove it",
    "content": "events carry no data here; remove it",
}
"""Elements that do something, by what to do instead."""

EVALUATED = (
    *("expr", "src", "location", "namelist", "eventexpr", "targetexpr", "typeexpr"),
    *("delayexpr", "sendidexpr", "idlocation", "array", "item", "index"),
)
"""Attributes that hold an expression, or where to fetch something."""
