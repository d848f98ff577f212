"""Draining: wait, in the order in which work flows, until each stage says that it has none left.

Neighbours: `system.py` (asks).
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from actors.runtime.errors import AskTimeout, MailboxFull
from actors.runtime.message import ActorRef, Message
from actors.runtime.system import ActorSystem

logger = logging.getLogger("actors")


class Phase(NamedTuple):
    """One stage: whom to ask, and what; each answers once nothing is under way with it."""

    name: str
    refs: Callable[[], Sequence[ActorRef[Any]]]
    """Read when the phase begins."""
    message: Callable[[], Message]


@dataclass(frozen=True, slots=True)
class DrainReport:
    """How far a drain has got."""

    finished: tuple[str, ...]
    """Phases that everybody answered, in order."""
    unanswered: tuple[tuple[str, ActorRef[Any]], ...] = ()
    """(phase, who did not answer in time); of the first phase that did not finish."""
    left: tuple[str, ...] = ()
    """Phases that never began."""

    @property
    def complete(self) -> bool:
        """Every phase has finished."""
        return not (self.unanswered or self.left)


async def drain(system: ActorSystem, phases: Sequence[Phase], seconds: float) -> DrainReport:
    """Go through the phases in order, all within one deadline.

    Args:
        system: whose actors are asked.
        phases: a phase begins when the one before has finished.
        seconds: for all of them together; when they are over the drain ends where it is.

    Raises:
        ValueError: `seconds` is not finite.
    """
    if not math.isfinite(seconds):
        raise ValueError(f"a drain needs a finite number of seconds; found {seconds}")
    ends = system.clock.monotonic() + seconds
    finished: list[str] = []
    for index, phase in enumerate(phases):
        refs = phase.refs()
        left = ends - system.clock.monotonic()
        if left <= 0.0:
            names = tuple(later.name for later in phases[index:])
            return DrainReport(tuple(finished), (), names)
        answers = await asyncio.gather(
            *(_answers(system, ref, phase.message(), left) for ref in refs)
        )
        silent = tuple(
            (phase.name, ref) for ref, answered in zip(refs, answers, strict=True) if not answered
        )
        if silent:
            names = tuple(later.name for later in phases[index + 1 :])
            return DrainReport(tuple(finished), silent, names)
        finished.append(phase.name)
    return DrainReport(tuple(finished))


async def _answers(system: ActorSystem, ref: ActorRef[Any], message: Message, left: float) -> bool:
    """Ask one actor; whatever it says is an answer, but not silence, nor that it is too busy."""
    try:
        await system.ask(ref, message, timeout=left)
    except (AskTimeout, MailboxFull):
        return False
    except Exception as answer:  # noqa: BLE001 - it is at rest by now, or never came to life
        logger.debug("%s did not wait for the drain: %s", ref, type(answer).__name__)
    return True
