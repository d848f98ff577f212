"""What can go wrong between actors, as those who ask hear it and as a crash report tells it.

Neighbours: `mailbox.py` and `system.py` (answer asks with these), `report.py` (shows the text of a
`Mistake`, since that text is the runtime's own and holds no payload).
"""

from __future__ import annotations


class ActorStopped(Exception):  # noqa: N818 - a state of affairs, not a fault of the asker
    """The actor that was asked is gone; its answer is unknown to us."""


class ActorCrashed(ActorStopped):
    """A step raised. The cause is in the log, never in an answer to a caller."""


class AskTimeout(TimeoutError):  # noqa: N818 - says what happened, as its base does
    """No answer within the deadline of the ask."""


class MailboxFull(Exception):  # noqa: N818 - the name says what happened, as in queue.Full
    """The actor has too much waiting; the sender may retry later."""


class StashFull(MailboxFull):
    """The actor has put too much aside; the sender may retry later."""


class UnexpectedMessage(TypeError):  # noqa: N818 - names the message, which is at fault
    """The actor does not take messages of this type (`Actor.accepts`)."""


class Mistake(Exception):  # noqa: N818 - the programmer's; its subclasses say which
    """A step did what no step may. The text is the runtime's own: it names types, never values."""


class SpawnLimit(Mistake):
    """Too many actors, or too many generations of them."""


class MessageMutated(Mistake):
    """A step changed the message that it was given, which others may hold too."""


class BadStep(Mistake):
    """A step returned something that is no `Step`, or asked for what cannot be done."""
