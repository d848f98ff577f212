"""The actor system: address book, delivery, effects, timers, dead letters.

This is the shell around pure steps. It decides nothing: it delivers, performs what a step
returned, and sees to it that every ask is answered even when its actor is gone (law L4).

Neighbours: `dispatcher.py` (calls `_handle` for each message), `actor.py`, `message.py`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol

from actors.runtime.actor import Actor
from actors.runtime.clock import Clock, TimerHandle
from actors.runtime.dispatcher import Dispatcher, Ready
from actors.runtime.mailbox import Mailbox, MailboxFull
from actors.runtime.message import (
    NOBODY,
    ActorRef,
    Caller,
    CancelTimer,
    DeadLetter,
    Effect,
    Envelope,
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
from actors.runtime.promise import Promise
from actors.runtime.supervision import ActorCrashed, ActorStopped, Directive

logger = logging.getLogger("actors")


class Port(Protocol):
    """The outside world as the actors see it. Answers come back as told messages."""

    def perform(self, request: Any, sender: ActorRef[Any]) -> None:
        """Begin what `request` names; must not block, must not raise."""


class Cell:
    """One live actor: behaviour, state, mailbox, timers."""

    __slots__ = ("actor", "mailbox", "ready", "ref", "state", "stopped", "timers")

    def __init__(self, ref: ActorRef[Any], actor: Actor[Any]) -> None:
        self.ref = ref
        self.actor = actor
        self.state: Any = None
        self.mailbox = Mailbox()
        self.timers: dict[str, TimerHandle] = {}
        self.ready = False
        self.stopped = False

    def __repr__(self) -> str:
        return f"<Cell {self.ref} {self.mailbox!r} timers={sorted(self.timers)}>"


class ActorSystem:
    """Actors by address, on one event loop.

    Args:
        clock: the loop's time and callbacks.
        new_future: makes the future behind an ask.
        ports: shells by name, for `Perform`.

    """

    def __init__(self, clock: Clock, new_future: Callable[[], asyncio.Future[Any]]) -> None:
        self.clock = clock
        self.ports: dict[str, Port] = {}
        self.dead_letters: Counter[str] = Counter()
        """Messages without effect so far, counted by reason."""
        self._new_future = new_future
        self._cells: dict[ActorRef[Any], Cell] = {}
        self._kinds: dict[str, Callable[[str], Actor[Any]]] = {}
        self._dispatcher = Dispatcher(clock.call_soon, clock.now, self._handle)
        self._perform: dict[type[Effect], Callable[[Cell, Any], None]] = {
            Tell: self._tell_effect,
            Reply: lambda _, effect: effect.to.resolve(effect.value),
            Reject: lambda _, effect: effect.to.reject(effect.error),
            Spawn: lambda _, effect: self.spawn(effect.ref, effect.build()),
            Stop: lambda cell, _: self._remove(cell),
            StartTimer: self._start_timer,
            CancelTimer: self._cancel_timer,
            Perform: lambda cell, effect: self.ports[effect.port].perform(effect.request, cell.ref),
            DeadLetter: lambda _, effect: self.dead_letter(effect.message, effect.reason),
            Log: lambda _, effect: logger.log(effect.level, effect.text),
        }

    # -- the address book

    def register(self, kind: str, build: Callable[[str], Actor[Any]]) -> None:
        """Say how to revive an actor of `kind` when a message that revives finds none."""
        self._kinds[kind] = build

    def alive(self, ref: ActorRef[Any]) -> bool:
        """Whether an actor lives at the address now."""
        return ref in self._cells

    def refs(self) -> list[ActorRef[Any]]:
        """All live addresses, in order of their start."""
        return list(self._cells)

    def spawn(self, ref: ActorRef[Any], actor: Actor[Any]) -> None:
        """Start an actor.

        Raises:
            ValueError: an actor lives at that address.

        """
        if ref in self._cells:
            raise ValueError(f"cannot spawn {ref}: an actor lives at that address already")
        cell = Cell(ref, actor)
        self._cells[ref] = cell
        cell.state, effects = actor.start()
        self._run_effects(cell, effects)

    def stop(self, ref: ActorRef[Any], error: Exception) -> None:
        """Stop an actor from outside; everything that it owes is answered with `error`."""
        cell = self._cells.get(ref)
        if cell is not None:
            self._run_effects(cell, cell.actor.stopped(cell.state, error))
            self._remove(cell, error)

    def shutdown(self, error: Exception) -> None:
        """Stop all actors; every open ask is answered with `error`."""
        self._kinds.clear()
        for ref in self.refs():
            self.stop(ref, error)

    # -- delivery

    def tell(
        self,
        ref: ActorRef[Any],
        message: Message,
        reply_to: ReplyTo[Any] | None = None,
        caller: Caller = NOBODY,
    ) -> None:
        """Deliver a message; it is answered, queued, or a dead letter, never lost silently."""
        envelope = Envelope(message, reply_to, caller)
        cell = self._cells.get(ref) or self._revive(ref, message)
        if cell is None:
            self._undeliverable(envelope, ActorStopped(f"no actor at {ref}"), "no such actor")
        elif cell.mailbox.put(envelope):
            self._dispatcher.wake(cell)
        else:
            self._undeliverable(
                envelope,
                MailboxFull(f"{ref} has {cell.mailbox.bound} requests waiting"),
                "overflow",
            )

    async def ask(
        self,
        ref: ActorRef[Any],
        message: Message,
        caller: Caller = NOBODY,
        timeout: float | None = 30.0,  # noqa: ASYNC109 - a deadline of the ask, not of the await
        undelivered: Callable[[Any], None] | None = None,
    ) -> Any:
        """Deliver a message and wait for its one answer.

        Args:
            ref: who is asked.
            message: what is asked.
            caller: on whose behalf.
            timeout: seconds until `AskTimeout`; None only for requests whose end the actor
                itself guarantees (a blocking send ends with its run).
            undelivered: told the answer when it comes and the asker has gone, for answers that
                hold something that must be given back.

        Raises:
            AskTimeout: the deadline passed.
            ActorStopped: the actor went away before it answered.
            MailboxFull: the actor has too many requests waiting.
            Exception: whatever the actor rejected the ask with.

        """
        promise = Promise(self._new_future(), undelivered)
        if timeout is not None:
            promise.expire(self.clock, timeout, f"{type(message).__name__} by {ref}")
        self.tell(ref, message, promise, caller)
        try:
            return await promise.future
        except asyncio.CancelledError:
            promise.abandoned()
            raise

    def dead_letter(self, message: object, reason: str) -> None:
        """Count a message that can have no effect."""
        self.dead_letters[reason] += 1
        logger.debug("dead letter (%s): %s", reason, type(message).__name__)

    # -- one message

    def _handle(self, ready: Ready, now: int) -> None:
        assert isinstance(ready, Cell)  # noqa: S101 - the dispatcher only holds our cells
        envelope = ready.mailbox.take()
        try:
            state, effects = ready.actor.step(ready.state, envelope, now)
            ready.state = state
            perform = self._perform
            for effect in effects:
                perform[type(effect)](ready, effect)
        except Exception as error:  # noqa: BLE001 - supervision decides, whatever was raised
            self._crashed(ready, envelope, error)

    def _run_effects(self, cell: Cell, effects: tuple[Effect, ...]) -> None:
        """Perform effects of a start or a stop; one that raises keeps no other from happening."""
        for effect in effects:
            try:
                self._perform[type(effect)](cell, effect)
            except Exception:
                logger.exception("%s: could not perform %s", cell.ref, type(effect).__name__)

    def _crashed(self, cell: Cell, envelope: Envelope, error: Exception) -> None:
        logger.error(
            "%s crashed on %s (%r), directive %s",
            cell.ref,
            type(envelope.message).__name__,
            cell,
            cell.actor.supervision.value,
            exc_info=error,
        )
        answer = ActorCrashed(f"{cell.ref} crashed while it handled a message")
        if envelope.reply_to is not None:
            envelope.reply_to.reject(answer)
        if cell.actor.supervision is Directive.STOP:
            self._run_effects(cell, cell.actor.stopped(cell.state, answer))
            self._remove(cell, answer)

    def _revive(self, ref: ActorRef[Any], message: Message) -> Cell | None:
        build = self._kinds.get(ref.kind)
        if build is None or not message.revives:
            return None
        self.spawn(ref, build(ref.id))
        return self._cells[ref]

    def _remove(self, cell: Cell, error: Exception | None = None) -> None:
        """Take an actor out of the book; what waited for it finds its successor or an answer."""
        if cell.stopped:
            return
        cell.stopped = True
        del self._cells[cell.ref]
        for timer in cell.timers.values():
            timer.cancel()
        for envelope in cell.mailbox.drain():
            if error is None and envelope.message.revives:
                self.tell(cell.ref, *envelope)
            else:
                gone = error or ActorStopped(f"{cell.ref} stopped")
                self._undeliverable(envelope, gone, "receiver stopped")

    def _undeliverable(self, envelope: Envelope, error: Exception, reason: str) -> None:
        self.dead_letter(envelope.message, reason)
        if envelope.reply_to is not None:
            envelope.reply_to.reject(error)

    # -- effects with a few lines of their own

    def _tell_effect(self, _: Cell, effect: Tell) -> None:
        self.tell(effect.to, effect.message, effect.reply_to, effect.caller)

    def _start_timer(self, cell: Cell, effect: StartTimer) -> None:
        self._cancel_timer(cell, CancelTimer(effect.name))

        def fire() -> None:
            cell.timers.pop(effect.name, None)
            self.tell(cell.ref, effect.message)

        cell.timers[effect.name] = self.clock.call_later(effect.delay, fire)

    def _cancel_timer(self, cell: Cell, effect: CancelTimer) -> None:
        timer = cell.timers.pop(effect.name, None)
        if timer is not None:
            timer.cancel()
