"""What any actor needs; knows nothing of tasks.

The map, each file importing only those above it:

    message.py      Envelope, ActorRef, effects        (values)
    mailbox.py      two lanes, one bounded
    supervision.py  what a crash means
    actor.py        Actor: start, step                 (pure)
    clock.py        what we need of time
    dispatcher.py   the one receive loop               (asyncio)
    promise.py      the asking side of one answer      (asyncio)
    system.py       address book, delivery, effects    (the shell)
"""

from actors.runtime.actor import Actor, Step
from actors.runtime.dispatcher import LoopClock
from actors.runtime.mailbox import MailboxFull
from actors.runtime.message import (
    NOBODY,
    ActorRef,
    Caller,
    CancelTimer,
    DeadLetter,
    Effect,
    Envelope,
    Lane,
    Log,
    Message,
    Perform,
    Reject,
    Reply,
    ReplyTo,
    Spawn,
    StartTimer,
    Stop,
    Tell,
)
from actors.runtime.supervision import ActorCrashed, ActorStopped, AskTimeout, Directive
from actors.runtime.system import ActorSystem, Port

__all__ = [
    "NOBODY",
    "Actor",
    "ActorCrashed",
    "ActorRef",
    "ActorStopped",
    "ActorSystem",
    "AskTimeout",
    "Caller",
    "CancelTimer",
    "DeadLetter",
    "Directive",
    "Effect",
    "Envelope",
    "Lane",
    "Log",
    "LoopClock",
    "MailboxFull",
    "Message",
    "Perform",
    "Port",
    "Reject",
    "Reply",
    "ReplyTo",
    "Spawn",
    "StartTimer",
    "Step",
    "Stop",
    "Tell",
]
