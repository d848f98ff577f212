"""Rules on words: names are well formed, and mean one thing.

Used by `check`. Imports `model`, `tree`. No state may be looked up by its name before these hold.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from statechart.actions import Start, Stop
from statechart.errors import Finding
from statechart.model import event_name
from statechart.tree import walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from statechart.chart import Chart
    from statechart.check.written import Written

__all__ = ["check_names", "check_unique_states"]

# States become identifiers in diagrams and paths in `transitions`; the rest are only words.
_STATE = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_WORD = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)

_RESERVED = ("done.state.", "after.", "quiet.", "at.")


def check_unique_states(chart: Chart) -> Iterator[Finding]:
    """Yield names that two states share: nothing can be said of a chart while there are any."""
    found = Counter(state.name for region in chart.regions for state in walk(region))
    for name, count in found.items():
        if count > 1:
            yield Finding(
                "duplicate-state",
                f"state {name!r}",
                f"{count} states have this name, so a row could mean any of them",
                "rename all but one",
            )


def check_names(written: Written) -> Iterator[Finding]:
    """Yield names that are no words, events named twice, and names that the chart makes itself."""
    chart = written.chart
    timers = {a.timer for _, a in written.actions if isinstance(a, Start | Stop)}
    yield from _check_words("state", _STATE, written.known)
    yield from _check_words("event", _WORD, written.events)
    yield from _check_words("guard", _WORD, chart.guards)
    yield from _check_words("time", _WORD, chart.times)
    yield from _check_words("timer", _WORD, sorted(timers))
    actions = dict.fromkeys(a for _, a in written.actions if isinstance(a, str))
    yield from _check_words("action", _WORD, actions)
    yield from _check_events(chart)
    for kind, words in (("event", written.events), ("timer", sorted(timers))):
        for word in words:
            if word.startswith(_RESERVED):
                yield Finding(
                    "reserved-name",
                    f"{kind} {word!r}",
                    f"names that begin with {', '.join(_RESERVED)} are those of timeouts of states "
                    "and of their end",
                    "rename it",
                )


def _check_words(kind: str, pattern: re.Pattern[str], words: Iterable[str]) -> Iterator[Finding]:
    more = "" if pattern is _STATE else "; dots and dashes may follow"
    for word in words:
        if not pattern.fullmatch(word):
            yield Finding(
                "bad-name",
                f"{kind} {word[:60]!r}",
                f"a name is letters, digits and underscores and starts with a letter{more}",
                "rename it",
            )


def _check_events(chart: Chart) -> Iterator[Finding]:
    for name, count in Counter(map(event_name, chart.events)).items():
        if count == 1:
            continue
        kinds = {event for event in chart.events if event_name(event) == name}
        classes = sum(isinstance(event, type) for event in kinds)
        why = f"listed {count} times" if len(kinds) == 1 else f"{classes} of {count} are classes"
        repair = "list it once" if classes < 2 else "rename all classes but one"
        yield Finding("duplicate-event", f"event {name!r}", why, repair)
