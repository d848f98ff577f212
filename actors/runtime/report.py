"""The report of a crash: enough to repeat it, and no payload.

Like gen_statem's: who, on what, in which state, what was waiting, which timers. Messages and states
are named by type; the text of an exception may quote them, so it is shown only on demand, or when
the exception is the runtime's own (`errors.Mistake`).

Neighbours: `lives.py` (makes one for each crash), `system.py` (tells it to listeners).
"""

from __future__ import annotations

import logging
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from actors.runtime.cell import Cell
from actors.runtime.errors import Mistake
from actors.runtime.message import ActorRef, Envelope
from actors.runtime.supervision import Directive
from statechart import Configuration

Counts = tuple[tuple[str, int], ...]
"""(type name, how many), in order of first appearance."""


_TAKEN = frozenset({*logging.makeLogRecord({}).__dict__, "message", "asctime"})
"""Names of fields that a `LogRecord` has already, and refuses."""

FRAMES = 12
"""Calls that a report shows; an exception that is raised again and again collects more."""


@dataclass(frozen=True, slots=True)
class Cause:
    """An exception without its text: the types from it to its origin, and where it was raised."""

    types: tuple[str, ...]
    frames: tuple[str, ...]
    """`file:line function` of the innermost calls, outermost first."""
    text: str = ""
    """What the exception says; empty unless that may be shown."""

    def __str__(self) -> str:
        says = f" ({self.text})" if self.text else ""
        return f"{' from '.join(self.types)}{says} at {' > '.join(self.frames) or 'no frame'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashReport:
    """What there is to know about one crash."""

    ref: ActorRef[Any]
    directive: Directive
    """What becomes of the actor."""
    message: str
    """Type of the message; `start` or `a child` where there was none."""
    state: str
    """Type of the state before; and its `statechart.Configuration`, where it has one."""
    system: Counts
    """What waited in the system lane."""
    normal: Counts
    """What waited in the normal lane."""
    stash: Counts
    timers: tuple[str, ...]
    children: int
    restarts: int
    """Restarts so far that count against the limit."""
    cause: Cause

    def __str__(self) -> str:
        return (
            f"{self.ref} crashed on {self.message}, directive {self.directive.value}: {self.cause};"
            f" state {self.state}, mailbox system [{_shown(self.system)}]"
            f" normal [{_shown(self.normal)}], stash [{_shown(self.stash)}],"
            f" timers [{', '.join(self.timers)}], {self.children} children,"
            f" {self.restarts} restarts"
        )


def crash_report(
    cell: Cell, directive: Directive, message: str, error: Exception, *, reveal: bool
) -> CrashReport:
    """Describe the crash of an actor as it is before anything is done about it."""
    return CrashReport(
        ref=cell.ref,
        directive=directive,
        message=message,
        state=_state(cell),
        system=_counts(cell.mailbox.system),
        normal=_counts(cell.mailbox.normal),
        stash=_counts(cell.stash),
        timers=tuple(sorted(cell.timers)),
        children=len(cell.children),
        restarts=len(cell.restarts),
        cause=cause_of(error, reveal=reveal),
    )


def cause_of(error: BaseException, *, reveal: bool = False) -> Cause:
    """Name an exception, those behind it, and where it came from.

    Args:
        error: what was raised.
        reveal: with its text, which may quote a payload.
    """
    types: list[str] = []
    origin: BaseException | None = error
    while origin is not None and len(types) < 8:
        types.append(type(origin).__qualname__)
        origin = origin.__cause__
    frames = tuple(
        f"{frame.filename}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__, limit=-FRAMES)
    )
    shown = reveal or isinstance(error, Mistake)
    return Cause(tuple(types), frames, _words(str, error) if shown else "")


def about(cell: Cell) -> dict[str, object]:
    """Return the fields of log lines about an actor: its address, and what it says of itself."""
    named: dict[str, object] = {"actor": str(cell.ref)}
    if cell.started:
        try:
            named.update(cell.actor.about(cell.state))
        except Exception as worse:  # noqa: BLE001 - shown in its place; a report may not fail
            named["about"] = f"<{type(worse).__qualname__}>"
    return {name: value for name, value in named.items() if name not in _TAKEN}


def _state(cell: Cell) -> str:
    if not cell.started:
        return "none"
    configuration = getattr(cell.state, "configuration", None)
    name = type(cell.state).__qualname__
    if not isinstance(configuration, Configuration):
        return name  # somebody else's word for something else: it may hold anything
    return f"{name} in {_words(repr, configuration)}"


def _words(say: Callable[[object], str], what: object) -> str:
    """What an object says of itself, which may fail; a report may not."""
    try:
        return say(what)
    except Exception as worse:  # noqa: BLE001 - shown in place of the words
        return (
            f"<{type(what).__qualname__}, whose {say.__name__} raises {type(worse).__qualname__}>"
        )


def _counts(envelopes: Iterable[Envelope]) -> Counts:
    return tuple(Counter(type(envelope.message).__qualname__ for envelope in envelopes).items())


def _shown(counts: Counts) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts)
