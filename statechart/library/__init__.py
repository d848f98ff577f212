"""Charts and the `transitions` library: a way in, a way out, and a reference engine.

The only package that imports `transitions`; production does not import this one. From the bottom
up: `words` has what both ways share, `outgoing` turns a chart into a machine, `reading` reads the
states of a machine and `incoming` turns it into a chart, `reference` runs a chart on that engine.
Imports `chart` and what is below it.

How a chart is said in the words of `transitions`
-------------------------------------------------
States keep their nesting and are addressed by path (`live/working`). Several regions become one
parallel state around them. Every row becomes a transition, in listing order, with guards as
conditions that call the chart's predicates. Refuse, Drop and Defer become internal transitions:
`transitions` knows only "taken" and "not taken", and a row that answers must keep rows around it
from answering. Entry and exit actions become `on_enter` and `on_exit` callbacks of the same names;
the actions of a row are done between them. Each transition carries its row, so nothing is lost on
the way back but notes of states, and that an event was declared as a class.

What cannot be said is an `InexpressibleError`, on both ways, and never a machine that does
something else. That goes for rows as well: `transitions` leaves the states between where it is and
where a row leads, wherever the row is written, and enters no region that is not on the way. A row
for which that makes a difference is refused (`words.Scope`).

What differs and depends on the events, so that no conversion can find it
-------------------------------------------------------------------------
1. There is no veto: parallel states move one after another, and a region that refuses does not
   stop another that moved before. `Reference` therefore asks the engine first and lets it move
   after.
2. Each transition leaves, acts and enters before the next one does; in SCXML all leave, then all
   act, then all enter. Deeper states come first, whatever the document order; parallel states are
   entered and left level by level.
3. Two transitions in conflict (one leaves a parallel state, one moves inside it) are both
   executed, the second from a state that is no longer active.
4. A row without a target at a parallel state is not tried once something moved inside it.
5. The initial state is entered without its `on_enter` callbacks.
"""

from __future__ import annotations

from typing import TypeAlias

from transitions import Machine

from statechart.library.incoming import from_machine
from statechart.library.outgoing import to_machine
from statechart.library.reference import Reference
from statechart.library.words import ChartMachine, InexpressibleError

__all__ = [
    "ChartMachine",
    "InexpressibleError",
    "Reference",
    "TransitionsMachine",
    "from_machine",
    "to_machine",
]

TransitionsMachine: TypeAlias = Machine
"""What `from_machine` reads; named here so that nobody else imports `transitions`."""
