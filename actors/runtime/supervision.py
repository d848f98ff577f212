"""What happens when a step raises: the actor's own declaration, and the report.

Neighbours: `actor.py` (declares a directive), `system.py` (obeys it).
"""

from __future__ import annotations

from enum import Enum


class Directive(Enum):
    """The answer to a crash. In each case the ask being served is answered with an error."""

    RESUME = "resume"
    """Keep the state from before the message and go on; for actors that many others rely on."""
    STOP = "stop"
    """Answer everything that the actor still holds, then forget it."""


class ActorStopped(Exception):  # noqa: N818 - a state of affairs, not a fault of the asker
    """The actor that was asked is gone; its answer is unknown to us."""


class ActorCrashed(ActorStopped):
    """A step raised. The cause is in the log, never in an answer to a caller."""


class AskTimeout(TimeoutError):  # noqa: N818 - says what happened, as its base does
    """No answer within the deadline of the ask."""
