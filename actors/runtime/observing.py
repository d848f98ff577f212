"""What those who look on are told: dead letters and crashes.

Neighbours: `book.py` and `system.py` (build on this), `listeners.py`, `report.py`.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from actors.runtime.listeners import Listeners
from actors.runtime.message import ActorRef, Envelope
from actors.runtime.report import CrashReport

logger = logging.getLogger("actors")


class DeadLetterNotice(NamedTuple):
    """A message that has had no effect, as listeners are told of it."""

    to: ActorRef[Any] | None
    """Whom it was for; None for an answer, and for what a step or a shell gave up itself."""
    message: object
    reason: str


class Observable:
    """The part of an actor system that can be observed."""

    def __init__(self) -> None:
        self.dead_letters: Counter[str] = Counter()
        """Messages without effect so far, counted by reason."""
        self.notices: Listeners[DeadLetterNotice] = Listeners()
        self.crashes: Listeners[CrashReport] = Listeners()

    def on_dead_letter(self, listener: Callable[[DeadLetterNotice], object]) -> Callable[[], None]:
        """Call `listener` with each dead letter; returns what ends that."""
        return self.notices.add(listener)

    def on_crash(self, listener: Callable[[CrashReport], object]) -> Callable[[], None]:
        """Call `listener` with each crash report; returns what ends that."""
        return self.crashes.add(listener)

    def dead_letter(self, message: object, reason: str, to: ActorRef[Any] | None = None) -> None:
        """Count a message that can have no effect."""
        self.dead_letters[reason] += 1
        logger.debug("dead letter (%s): %s", reason, type(message).__name__)
        if self.notices:
            self.notices.tell(DeadLetterNotice(to, message, reason))

    def undeliverable(
        self, ref: ActorRef[Any], envelope: Envelope, error: Exception, reason: str
    ) -> None:
        """Count an envelope that `ref` will not handle, and answer its asker."""
        self.dead_letter(envelope.message, reason, ref)
        if envelope.reply_to is not None:
            envelope.reply_to.reject(error)
