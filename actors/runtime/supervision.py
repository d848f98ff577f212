"""What happens when a step raises: the actor's own declaration.

As in OTP and Pekko, who supervises is not the one that crashed: the shell does, by what the actor's
class declares, and escalation hands the crash to the parent.

Neighbours: `actor.py` (declares a `Supervision`), `lives.py` (obeys it).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Directive(Enum):
    """The answer to a crash. In each case the ask being served is answered with an error."""

    RESUME = "resume"
    """Go on with the state there is; for actors that many others rely on. A step that raises has
    left the state from before the message; where an effect fails, the step is done: its state holds
    and the effects before it have happened. A start that raises has no state to keep, and stops."""
    RESTART = "restart"
    """Answer what the lost state owed, stop the children, start anew behind the same mailbox."""
    STOP = "stop"
    """Answer everything that the actor still holds, then forget it."""
    ESCALATE = "escalate"
    """Stop, and let the parent crash with the same error under its own supervision."""


@dataclass(frozen=True, slots=True)
class Supervision:
    """A directive, and how patient a RESTART is. Times are in seconds.

    Args:
        directive: the answer to a crash.
        first: pause before the first restart; doubled for each further one that counts.
        most: the longest pause.
        limit: restarts that may count before `beyond` is the answer.
        within: a crash within so many seconds of the last restart adds to the ones that count; an
            actor that has lived longer starts from none. Pauses are not part of a life, so the
            limit is reached however long they are.
        beyond: STOP or ESCALATE.

    Raises:
        ValueError: a value that cannot be obeyed.
    """

    directive: Directive
    first: float = 0.0
    most: float = 30.0
    limit: int = 10
    within: float = 60.0
    beyond: Directive = Directive.STOP

    def __post_init__(self) -> None:
        if self.beyond not in (Directive.STOP, Directive.ESCALATE):
            raise ValueError(f"beyond the limit comes STOP or ESCALATE, not {self.beyond.name}")
        if not (0.0 <= self.first <= self.most and self.limit >= 0 and self.within > 0.0):
            raise ValueError(
                f"expected 0 <= first <= most, limit >= 0 and within > 0, found first={self.first},"
                f" most={self.most}, limit={self.limit}, within={self.within}"
            )

    def pause(self, restarts: int) -> float:
        """Seconds to wait before the next restart, after so many recent ones."""
        return float(min(self.first * 2.0 ** min(restarts, 64), self.most))


RESUME = Supervision(Directive.RESUME)
RESTART = Supervision(Directive.RESTART)
STOP = Supervision(Directive.STOP)
ESCALATE = Supervision(Directive.ESCALATE)
