"""What any actor needs; knows nothing of tasks.

The map, each file importing only those above it:

    what actors are made of
        errors.py       what goes wrong, as askers hear it
        clock.py        time as the runtime sees it
        values.py       dataclasses that are cheap
        message.py      Message, Envelope, ActorRef           (values)
        effects.py      what a step may ask for               (values)
        supervision.py  what a crash means                    (values)
        actor.py        Actor: start, step                    (pure)
        credit.py       demand between two actors             (pure)
        fingerprint.py  a digest of any value                 (pure)

    what runs them
        mailbox.py      two lanes, one bounded
        cell.py         one live actor
        dispatcher.py   the one receive loop                  (asyncio)
        report.py       what is said about a crash
        promise.py      the asking side of one answer         (asyncio)
        bell.py         wakes many waiting tasks at once      (asyncio)
        listeners.py    who is told
        observing.py    of what: dead letters, crashes
        perform.py      performs effects
        lives.py        starts, crashes, restarts, ends
        book.py         who lives where, whose child, who watches
        system.py       delivery, asks, one message at a time
        drain.py        waiting until work has flowed off     (asyncio)

    actors that must not forget
        journal/        logs, their port, the actor in front
        shapes.py       declared types as plain data          (pure)
        events.py       events in a log: codecs               (pure)
        keys.py         which commands were carried out       (pure)
        commands.py     PersistentActor: what one writes      (pure)
        decided.py      what is known of one id               (pure)
        entity.py       runs it upon its log                  (pure)
        recovery.py     revives what a crash left active      (pure)
        naming.py       whose log is whose                    (pure)
        furnished.py    puts these into a system
        persistent.py   `open`: the system around             (asyncio)
"""

from actors.runtime.actor import Actor, Step
from actors.runtime.credit import Demand, Inlet, Outlet
from actors.runtime.dispatcher import LoopClock
from actors.runtime.drain import DrainReport, Phase, drain
from actors.runtime.effects import (
    CancelTimer,
    DeadLetter,
    Effect,
    Log,
    Passivate,
    Perform,
    Reject,
    Reply,
    Spawn,
    StartTimer,
    Stash,
    Stop,
    Tell,
    Unstash,
    Unwatch,
    Watch,
)
from actors.runtime.errors import (
    ActorCrashed,
    ActorStopped,
    AskTimeout,
    BadStep,
    MailboxFull,
    MessageMutated,
    Mistake,
    SpawnLimit,
    StashFull,
    UnexpectedMessage,
)
from actors.runtime.fingerprint import fingerprint
from actors.runtime.message import (
    NOBODY,
    ActorRef,
    Caller,
    Envelope,
    Internal,
    Lane,
    Message,
    Overflow,
    ReplyTo,
    Terminated,
    Timer,
)
from actors.runtime.observing import DeadLetterNotice
from actors.runtime.report import CrashReport
from actors.runtime.supervision import ESCALATE, RESTART, RESUME, STOP, Directive, Supervision
from actors.runtime.system import ActorSystem, Port

__all__ = [
    "ESCALATE",
    "NOBODY",
    "RESTART",
    "RESUME",
    "STOP",
    "Actor",
    "ActorCrashed",
    "ActorRef",
    "ActorStopped",
    "ActorSystem",
    "AskTimeout",
    "BadStep",
    "Caller",
    "CancelTimer",
    "CrashReport",
    "DeadLetter",
    "DeadLetterNotice",
    "Demand",
    "Directive",
    "DrainReport",
    "Effect",
    "Envelope",
    "Inlet",
    "Internal",
    "Lane",
    "Log",
    "LoopClock",
    "MailboxFull",
    "Message",
    "MessageMutated",
    "Mistake",
    "Outlet",
    "Overflow",
    "Passivate",
    "Perform",
    "Phase",
    "Port",
    "Reject",
    "Reply",
    "ReplyTo",
    "Spawn",
    "SpawnLimit",
    "StartTimer",
    "Stash",
    "StashFull",
    "Step",
    "Stop",
    "Supervision",
    "Tell",
    "Terminated",
    "Timer",
    "UnexpectedMessage",
    "Unstash",
    "Unwatch",
    "Watch",
    "drain",
    "fingerprint",
]
