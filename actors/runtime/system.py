"""The actor system: delivery, asks, and one message at a time.

This is the shell around pure steps. It decides nothing: it delivers, has performed what a step
returned, and sees to it that every ask is answered even when its actor is gone (law L4).

Neighbours: `dispatcher.py` (calls `handle` for each message), `book.py` (who lives where),
`perform.py` (effects), `lives.py` (starts, crashes, ends).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from actors.runtime.actor import Step, no_step
from actors.runtime.bell import Bell
from actors.runtime.book import AddressBook
from actors.runtime.cell import Cell
from actors.runtime.clock import Clock
from actors.runtime.dispatcher import Dispatch, Dispatcher
from actors.runtime.errors import ActorCrashed, MailboxFull, UnexpectedMessage
from actors.runtime.fingerprint import Watched
from actors.runtime.lives import Lives
from actors.runtime.message import NOBODY, ActorRef, Caller, Envelope, Message, Overflow, ReplyTo
from actors.runtime.perform import Performer
from actors.runtime.promise import Promise

M = TypeVar("M", bound=Message)


class Port(Protocol):
    """The outside world as the actors see it. Answers come back as told messages."""

    def perform(self, request: Any, sender: ActorRef[Any]) -> None:
        """Begin what `request` names; must not block, must not raise."""


_new = tuple.__new__
"""Makes an `Envelope` in half the time of its own constructor; it is on every message's way."""

UNEXPECTED = "unexpected message"
"""Reason of the dead letter."""


class ActorSystem(AddressBook):
    """Actors by address, on one event loop.

    Args:
        clock: the loop's time and callbacks.
        new_future: makes the future behind an ask.
        dispatch: makes what gives cells their turns, by calling `handle` of this system.
        debug: crash on steps that change the message they were given (`MessageMutated`).
        reveal: show the texts of exceptions in crash reports; they may quote payloads.
        actors_bound: actors that may live at a time.

    """

    def __init__(
        self,
        clock: Clock,
        new_future: Callable[[], asyncio.Future[Any]],
        *,
        dispatch: Dispatch = Dispatcher,
        debug: bool = False,
        reveal: bool = False,
        actors_bound: int = 1_000_000,
    ) -> None:
        super().__init__(actors_bound)
        self.clock = clock
        self.reveal = reveal
        self._monotonic = clock.monotonic
        # The same for all promises: of each object in flight the collector takes its share.
        self._missed = self.dead_letter
        self.ports: dict[str, Port] = {}
        """Shells by name, for `Perform`."""
        self._debug = debug
        self.new_future = new_future
        self._performer = Performer(self)
        self.lives = Lives(self, self._performer)
        self.scheduler = dispatch(clock, self.handle)
        self.bell = Bell(self.scheduler.after)
        """Wakes shells that wait for more than one answer."""

    # -- delivery

    def tell(
        self,
        ref: ActorRef[M],
        message: M,
        reply_to: ReplyTo[Any] | None = None,
        caller: Caller = NOBODY,
        *,
        deadline: float = 0.0,
        trace: str = "",
    ) -> None:
        """Deliver a message; it is answered, queued, or a dead letter, never lost silently.

        For the thread of the loop only: from another one, use `loop.call_soon_threadsafe`.

        Args:
            ref: who is told.
            message: what.
            reply_to: where the answer goes, if one is expected.
            caller: on whose behalf.
            deadline: monotonic seconds after which it is not worth handling; 0.0: none.
            trace: W3C traceparent.

        Raises:
            TypeError: `message` is no Message.
        """
        if not isinstance(message, Message):
            raise TypeError(
                f"{ref} was told {type(message).__qualname__}; expected an instance of a subclass "
                "of actors.runtime.Message (a frozen dataclass)"
            )
        envelope = _new(Envelope, (message, reply_to, caller, deadline, trace, None))
        cell = self._cells.get(ref)
        if cell is None:
            cell = self.revive(ref, envelope)
            if cell is None:
                return
        if not cell.mailbox.put(envelope):
            dropped = message.overflow is Overflow.DROP
            full = MailboxFull(f"{ref} has {cell.mailbox.bound} messages waiting")
            self.undeliverable(ref, envelope, full, "dropped" if dropped else "overflow")
        elif not cell.ready:
            self.scheduler.wake(cell)

    async def ask(
        self,
        ref: ActorRef[M],
        message: M,
        caller: Caller = NOBODY,
        timeout: float = 30.0,  # noqa: ASYNC109 - a deadline of the ask, not of the await
        undelivered: Callable[[Any], None] | None = None,
        trace: str = "",
    ) -> Any:
        """Deliver a message and wait for its one answer.

        Args:
            ref: who is asked.
            message: what is asked.
            caller: on whose behalf.
            timeout: seconds until `AskTimeout`.
            undelivered: told the answer when it comes and the asker has gone, for answers that
                hold something that must be given back; told an error when that is the answer, or
                the message was not handled before its deadline.
            trace: W3C traceparent.

        Raises:
            ValueError: `timeout` is not a positive, finite number.
            AskTimeout: the deadline passed.
            ActorStopped: the actor went away before it answered.
            MailboxFull: the actor has too many requests waiting.
            Exception: whatever the actor rejected the ask with.

        """
        if not 0.0 < timeout < math.inf:
            raise ValueError(f"an ask needs a timeout in seconds, > 0 and finite; found {timeout}")
        deadline, future = self._monotonic() + timeout, self.new_future()
        promise = Promise(future, ref, message, timeout, deadline, self._missed, undelivered)
        self.tell(ref, message, promise, caller, deadline=deadline, trace=trace)
        promise.expire(self.clock)
        try:
            return await promise.future
        except asyncio.CancelledError:
            promise.abandoned()
            raise

    # -- one message

    def handle(self, cell: Cell, now: int) -> None:
        """Run a pending start, or take one envelope and step it.

        Args:
            cell: one that is `runnable`.
            now: UTC milliseconds.
        """
        if not cell.started:
            self.lives.begin(cell)
            return
        envelope = cell.mailbox.take()
        late = envelope.deadline and envelope.deadline < self._monotonic()
        if (late or envelope.timer is not None) and self._lapsed(cell, envelope):
            self.lives.rest(cell)  # what kept it has come to nothing
            return
        actor, message = cell.actor, envelope.message
        if actor.accepts is not None and not isinstance(message, actor.accepts):
            self.undeliverable(cell.ref, envelope, _unexpected(cell, message), UNEXPECTED)
            self.lives.rest(cell)
            return
        cell.passivating = False
        try:
            watched = Watched(message) if self._debug else None
            step = actor.step(cell.state, envelope, now)
            if type(step) is not Step:
                no_step(actor, "step", step)
            if watched is not None:
                watched.check()
        except Exception as error:  # noqa: BLE001 - supervision decides, whatever was raised
            self._raised(cell, envelope, error)
            return
        cell.state, effects = step
        if effects:
            failed = self._performer.run(cell, effects, envelope)
            if failed is not None:
                self.lives.crashed(cell, type(message).__qualname__, failed)

    def _raised(self, cell: Cell, envelope: Envelope, error: Exception) -> None:
        if envelope.reply_to is not None:
            answer = ActorCrashed(f"{cell.ref} crashed while it handled a message")
            envelope.reply_to.reject(answer)
        self.lives.crashed(cell, type(envelope.message).__qualname__, error)

    def _lapsed(self, cell: Cell, envelope: Envelope) -> bool:
        """Whether an envelope may have no effect any more; it is a dead letter then."""
        timer, reason = envelope.timer, ""
        if timer is not None and not timer.live:
            reason = "stale timer"
        elif envelope.deadline and envelope.deadline < self._monotonic():
            reason = "deadline passed"  # its asker has been told so
            if isinstance(envelope.reply_to, Promise):
                envelope.reply_to.lapsed()
        elif timer is not None:
            del cell.timers[timer.name]
        if reason:
            self.dead_letter(envelope.message, reason, cell.ref)
        return bool(reason)


def _unexpected(cell: Cell, message: Message) -> UnexpectedMessage:
    accepts = cell.actor.accepts or ()
    return UnexpectedMessage(
        f"{cell.ref} was told {type(message).__qualname__}; it accepts "
        f"{', '.join(kind.__qualname__ for kind in accepts)} (see {type(cell.actor).__qualname__}"
        ".accepts)"
    )
