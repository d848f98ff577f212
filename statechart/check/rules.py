"""The rules of a sound chart: one table of their names, what they ask, and which may be waived.

Read by `check` itself, by people, and by whatever prints the rules. Imports nothing of ours.

A rule that may be waived is broken by charts that still do what they say: a state that nobody
reaches is odd, and harmless. The others leave the meaning of a chart open, so no reason is good
enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MAX_DELAY", "MAX_DEPTH", "MAX_EDGES", "MAX_FINDINGS", "MAX_STATES", "RULES", "Rule"]

MAX_DEPTH = 64
"""Deeper nesting is a loop that built the chart wrong, and would exhaust recursive readers."""

MAX_STATES = 10_000
"""States and histories that a chart may have; nobody writes more by hand."""

MAX_EDGES = 50_000
"""Rows of a chart, each counted once per source and trigger."""

MAX_DELAY = 10**15
"""Milliseconds that a timeout may wait: thirty thousand years."""

MAX_FINDINGS = 100
"""Findings that one error shows; nobody reads more."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: what it asks of a chart in one line, and whether a chart may waive it.

    `written` tells when it is asked: of the chart as written, or of the compiled one.
    """

    asks: str
    waivable: bool = False
    written: bool = True


_SHAPE = {
    "wrong-type": Rule("everything is of the type that its place wants"),
    "no-region": Rule("there is at least one region"),
    "cycle": Rule("no state is inside itself"),
    "too-deep": Rule(f"states are nested at most {MAX_DEPTH} deep"),
    "too-many-states": Rule(f"there are at most {MAX_STATES} states"),
    "too-many-edges": Rule(f"there are at most {MAX_EDGES} rows, per source and trigger"),
}
_WORDS = {
    "bad-name": Rule("names are words, and those of states are identifiers"),
    "duplicate-state": Rule("no two states or histories have one name"),
    "duplicate-event": Rule("no two events have one name"),
    "reserved-name": Rule("names of events and timers do not look like those the chart makes"),
}
_STATES = {
    "wrong-initial": Rule("`initial` names states inside"),
    "clashing-initial": Rule("several initial states can be active together"),
    "idle-actions": Rule("a state with initial actions has an `initial`"),
    "missing-initial": Rule("a compound state that something enters says where"),
    "parallel-with-initial": Rule("a parallel state has no `initial`: all children are entered"),
    "parallel-with-final": Rule("the children of a parallel state are not final themselves"),
    "parallel-of-one": Rule("a parallel state has at least two children", waivable=True),
    "final-compound": Rule("a final state has nothing inside"),
    "final-with-exits": Rule("no row written at a final state leads anywhere"),
    "history-without-default": Rule("a history says where it leads before anything was left"),
    "wrong-default": Rule("the default of a history is inside its parent, a child if shallow"),
    "history-alone": Rule("a history is in a state that has states inside"),
    "unused-history": Rule("something leads to each history", waivable=True),
}
_ROWS = {
    "unknown-trigger": Rule("triggers are events of the chart"),
    "unknown-source": Rule("sources are states of the chart"),
    "unknown-dest": Rule("targets are states or histories of the chart"),
    "unknown-guard": Rule("conditions are guards of the chart"),
    "unknown-state": Rule("`inside` names a state of the chart"),
    "source-is-history": Rule("rows are written at states, since a history is never active"),
    "no-trigger": Rule("a row has a trigger"),
    "no-source": Rule("a row has a source"),
    "no-reason": Rule("a refusal and a drop give a reason"),
    "dest-in-other-region": Rule("a row stays in its region"),
    "clashing-targets": Rule("several targets can be active together"),
    "wrong-internal": Rule("an internal row leads from a compound state to states inside it"),
    "nobody-hears": Rule("only a Go answers a timeout, the end of a state, or nothing at all"),
    "never-done": Rule("a state whose end is waited for can end", waivable=True),
    "no-priority": Rule("rows are not behind one that answers whenever they would", waivable=True),
    "unused-event": Rule("each event is in a row"),
}
_USES = {
    "bad-delay": Rule(f"times are whole milliseconds from 0 to {MAX_DELAY}"),
    "unknown-time": Rule("delays and instants are milliseconds or times of the chart"),
    "unknown-event": Rule("what a row raises, or a timer brings, is an event of the chart"),
    "raised-class": Rule("what a row raises, or a timer brings, needs no object"),
    "unknown-timer": Rule("a timer that is stopped is started somewhere"),
    "unused-time": Rule("each time is used", waivable=True),
    "unused-guard": Rule("each guard is used", waivable=True),
    "bad-domain": Rule("a domain belongs to a guard and has (context, data) pairs"),
    "guard-raises": Rule("a guard answers for everything in its domain"),
    "constant-guard": Rule("a guard is neither always true nor never", waivable=True),
}
_BEHAVIOUR = {
    "too-large": Rule("the table stays within its limits", written=False),
    "endless": Rule("every step comes to an end", written=False),
    "unanswered": Rule("every event has an answer wherever the chart can be", written=False),
    "partial": Rule("where rows answer an event, one does whatever guards say", written=False),
    "unheard": Rule("what the chart raises itself is not refused", waivable=True, written=False),
    "conflict": Rule("listing order decides between no two transitions", True, written=False),
    "unreachable": Rule("every state can be entered", waivable=True, written=False),
    "dead-row": Rule("every row decides something somewhere", waivable=True, written=False),
    "final-exit": Rule("no row around a final state leads out of it", True, written=False),
    "trap": Rule("where there are final states, one is always in reach", True, written=False),
    "never-taken": Rule("each event is more than refused somewhere", True, written=False),
}
_ITSELF = {
    "bad-waiver": Rule("a waiver names a rule that may be waived, and gives a reason"),
    "stale-waiver": Rule("a rule that is waived is broken"),
    "more-findings": Rule(f"there are at most {MAX_FINDINGS} findings"),
}

RULES: Mapping[str, Rule] = MappingProxyType(
    {**_SHAPE, **_WORDS, **_STATES, **_ROWS, **_USES, **_BEHAVIOUR, **_ITSELF}
)
"""Every rule by its name, in the order in which they are asked."""
