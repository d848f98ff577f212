"""Rules on what rows make use of: times and timers, events that they raise, guards.

Used by `check`. Imports `model`, `written`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from statechart.actions import At, Raise, Start
from statechart.check.rules import MAX_DELAY
from statechart.check.words import near, too_long
from statechart.errors import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from statechart.check.written import Written
    from statechart.model import Guard

__all__ = ["check_guards", "check_timers", "check_times"]


def check_times(written: Written) -> Iterator[Finding]:
    """Yield delays that are no times, and times that no delay uses."""
    times, used = written.chart.times, set()
    for constant, time in times.items():
        if not callable(time):
            yield from _check_number(f"time {constant!r}", time)
    name: object
    for where, delay in written.delays:
        name = delay.instant if isinstance(delay, At) else delay
        if isinstance(name, str):
            used.add(name)
            if name not in times:
                repair = near(name, times, "add it to times")
                yield Finding("unknown-time", where, f"{name!r} is not in times", repair)
        elif isinstance(delay, At):
            why = f"the instant {name!r} is no name"
            yield Finding("bad-delay", where, why, "add it to times, and name it here")
        else:
            yield from _check_number(where, delay)
    for unused in (name for name in times if name not in used):
        repair = "remove it, or name it in a timeout"
        yield Finding("unused-time", f"time {unused!r}", "no timeout names it", repair)


def _check_number(where: str, delay: object) -> Iterator[Finding]:
    if too_long(delay):
        yield Finding("bad-delay", where, f"it is more than {MAX_DELAY} ms", "wait less")
    elif isinstance(delay, bool) or not isinstance(delay, int) or delay < 0:
        shown = repr(delay)[:40] if isinstance(delay, int | float) else type(delay).__name__
        why = f"{shown} is not a number of milliseconds"
        yield Finding("bad-delay", where, why, "write a whole number, 0 or more")


def check_timers(written: Written) -> Iterator[Finding]:
    """Yield raised events that are not declared or need an object, and timers only stopped."""
    for where, action in written.actions:
        match action:
            case Raise(event):
                what = f"it raises {event!r}, which"
            case Start():
                event = action.fires
                what = f"its timer brings {event!r}, which"
            case _:
                continue
        if event not in written.events:
            repair = near(event, written.events, "add it to events, and answer it")
            yield Finding("unknown-event", where, f"{what} is not in events", repair)
        elif isinstance(written.events[event], type):
            repair = "name an event without a class, and write its rows beside those of the class"
            why = f"{what} is a class, and there is no object of it that guards could look at"
            yield Finding("raised-class", where, why, repair)
    for where, timer in written.stopped:
        if timer not in written.started:
            repair = near(timer, written.started, "start it somewhere, or remove the stop")
            yield Finding("unknown-timer", where, f"no action starts timer {timer!r}", repair)


# -- guards ----------------------------------------------------------------------------------------


def check_guards(written: Written) -> Iterator[Finding]:
    """Yield guards that no row asks, and those that do not decide anything in their domain."""
    chart = written.chart
    asked = {
        condition.removeprefix("!") for edge in written.tree.edges for condition in edge.conditions
    }
    for name in chart.guards:
        if name not in asked:
            repair = "remove it, or name it in the conditions of a row"
            yield Finding("unused-guard", f"guard {name!r}", "no row asks it", repair)
    for name, found in chart.domains.items():
        pairs = tuple(found)
        where = f"domain of {name!r}"
        if name not in chart.guards:
            repair = near(name, chart.guards, "add the guard, or remove the domain")
            yield Finding("bad-domain", where, f"{name!r} is not in guards", repair)
        elif not pairs:
            repair = "list (context, data) pairs that the guard can meet, or remove the domain"
            yield Finding("bad-domain", where, "it is empty", repair)
        elif not all(map(_is_pair, pairs)):
            why = "it has something that is no pair of context and data"
            yield Finding("bad-domain", where, why, "list tuples of two")
        else:
            yield from _check_answers(name, chart.guards[name], pairs)


def _is_pair(found: object) -> bool:
    return isinstance(found, tuple) and len(found) == 2


def _check_answers(
    name: str, guard: Guard, pairs: Sequence[tuple[object, object]]
) -> Iterator[Finding]:
    where = f"guard {name!r}"
    answers = set()
    for number, (context, data) in enumerate(pairs):
        try:
            answers.add(bool(guard(context, data)))
        except Exception as error:  # noqa: BLE001 - whatever a guard raises is the finding
            why = f"for pair {number} of its domain it raises {type(error).__name__}: {error}"
            repair = "let it answer there, or take the pair out of the domain"
            yield Finding("guard-raises", where, why[:300], repair)
            return
    if len(answers) == 1:
        always = "always" if answers == {True} else "never"
        why = f"it is {always} true in its domain of {len(pairs)}, so it decides nothing"
        repair = f"remove it from the conditions, or add a pair for which it is {not answers.pop()}"
        yield Finding("constant-guard", where, why, repair)
