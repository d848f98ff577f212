"""Performs what a step asked for, in order.

Neighbours: `system.py` (calls `run` after each step), `effects.py` (what there is to perform),
`lives.py` (stops, and what a failure in the middle means).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from actors.runtime.cell import Cell
from actors.runtime.effects import (
    CancelTimer,
    DeadLetter,
    Each,
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
from actors.runtime.errors import ActorCrashed, ActorStopped, BadStep, StashFull
from actors.runtime.message import Envelope, Message, Terminated, Timer
from actors.runtime.report import about

if TYPE_CHECKING:
    from actors.runtime.system import ActorSystem

logger = logging.getLogger("actors")

START = Envelope(Message())
"""What is being handled while an actor starts or ends, and nothing else is."""


class _Table(dict[type[Effect], Callable[[Cell, Any], None]]):
    """Effect -> who performs it."""

    def __missing__(self, kind: type) -> Callable[[Cell, Any], None]:
        raise BadStep(
            f"found {kind.__qualname__} among the effects of a step; expected instances of Effect, "
            "in a tuple"
        )


class Performer:
    """Performs effects on behalf of the actors of one system."""

    def __init__(self, system: ActorSystem) -> None:
        self._system = system
        self._told = system.tell
        self._envelope = START
        """What is being handled."""
        self._table = _Table(
            {
                Tell: self._tell,
                Reply: lambda _, effect: effect.to.resolve(effect.value),
                Reject: lambda _, effect: effect.to.reject(effect.error),
                Spawn: self._spawn,
                Stop: self._stop,
                Passivate: self._passivate,
                Stash: self._stash,
                Unstash: self._unstash,
                Watch: self._watch,
                Unwatch: self._unwatch,
                StartTimer: self._start_timer,
                CancelTimer: self._cancel_timer,
                Perform: self._port,
                Each: self._each,
                DeadLetter: lambda _, effect: system.dead_letter(effect.message, effect.reason),
                Log: self._log,
            }
        )

    def run(self, cell: Cell, effects: Iterable[Effect], envelope: Envelope) -> Exception | None:
        """Perform the effects of a step; returns what went wrong, the rest is not performed then.

        Asks that the failed and the remaining effects would have answered are rejected: nobody
        else knows of them any more (law L4).
        """
        self._envelope = envelope
        table = self._table
        effect: Effect | None = None
        left: Iterable[Effect] = ()
        try:
            left = iter(effects)
            for effect in left:
                table[type(effect)](cell, effect)
        except Exception as error:  # noqa: BLE001 - supervision decides, whatever was raised
            _reject_all((effect, *left), cell, envelope)
            return error
        return None

    def _each(self, cell: Cell, effect: Each) -> None:
        failed = False
        for part in effect.effects:
            try:
                self._table[type(part)](cell, part)
            except Exception as error:  # noqa: BLE001 - reported; the others are still to happen
                failed = True
                _reject_all((part,), cell, self._envelope)
                self._system.lives.unperformed(cell, type(part).__qualname__, error)
        if failed:
            self._told(cell.ref, effect.failed)

    def settle(self, cell: Cell, effects: Iterable[Effect]) -> None:
        """Perform what an ending actor owes; one effect that fails keeps no other from happening.

        Args:
            cell: no longer started, or stopped: it can have no more children, timers or stash.
            effects: what `Actor.stopped` returned.
        """
        # Not what was handled last, which may be anybody's; and that may not be done with yet.
        handled, self._envelope = self._envelope, START._replace(trace=cell.trace)
        try:
            for effect in effects:
                self._owed(cell, effect)
        finally:
            self._envelope = handled

    def _owed(self, cell: Cell, effect: Effect) -> None:
        try:
            self._table[type(effect)](cell, effect)
        except Exception as error:  # noqa: BLE001 - reported; there is nobody left to crash
            self._system.lives.report(cell, type(effect).__qualname__, error)

    # -- messages

    def _tell(self, cell: Cell, effect: Tell[Any]) -> None:
        envelope, reply_to = self._envelope, effect.reply_to
        deadline = 0.0
        if reply_to is not None:
            mine = reply_to is envelope.reply_to
            deadline = envelope.deadline if mine else getattr(reply_to, "deadline", 0.0)
        self._told(
            effect.to,
            effect.message,
            reply_to,
            effect.caller,
            deadline=deadline,
            trace=envelope.trace,
        )

    def _port(self, cell: Cell, effect: Perform) -> None:
        ports = self._system.ports
        port = ports.get(effect.port)
        if port is None:
            raise BadStep(
                f"no port {effect.port!r}, found {sorted(ports)}: put it into system.ports first"
            )
        port.perform(effect.request, cell.ref)

    @staticmethod
    def _log(cell: Cell, effect: Log) -> None:
        if logger.isEnabledFor(effect.level):
            logger.log(effect.level, effect.text, extra={**about(cell), **dict(effect.about)})

    def _stash(self, cell: Cell, effect: Stash) -> None:
        _must_live(cell, effect)
        envelope = self._envelope
        if envelope.message is START.message:
            raise BadStep("Stash in a start: there is no message to put aside yet")
        if len(cell.stash) >= cell.actor.stash_bound:
            full = StashFull(f"{cell.ref} has put {len(cell.stash)} messages aside already")
            self._system.undeliverable(cell.ref, envelope, full, "stash overflow")
            return
        cell.stash = cell.stash or []
        cell.stash.append(envelope)
        if envelope.timer is not None:
            cell.timers = cell.timers or {}
            newer = cell.timers.setdefault(envelope.timer.name, envelope.timer)
            if newer is not envelope.timer:
                envelope.timer.cancel()  # replaced in the same step

    def _unstash(self, cell: Cell, effect: Unstash) -> None:
        _must_live(cell, effect)
        cell.mailbox.put_back(cell.stash)
        cell.stash = ()

    # -- lives

    def _spawn(self, cell: Cell, effect: Spawn) -> None:
        _must_live(cell, effect)
        self._system.spawn(effect.ref, effect.build(), cell)
        self._system.cells[effect.ref].trace = self._envelope.trace

    def _stop(self, cell: Cell, effect: Stop) -> None:
        error = effect.error or ActorStopped(f"{cell.ref} stopped")
        self._system.lives.leave(cell, error, "stopped")

    def _passivate(self, cell: Cell, _: Passivate) -> None:
        cell.passivating = True
        self._system.lives.rest(cell)

    def _watch(self, cell: Cell, effect: Watch) -> None:
        _must_live(cell, effect)
        if effect.ref == cell.ref:
            raise BadStep(f"{cell.ref} cannot watch itself: nobody would be left to be told")
        target = self._system.cells.get(effect.ref)
        if target is None:
            self._system.tell(cell.ref, Terminated(effect.ref, "no such actor"))
            return
        target.watchers = target.watchers or {}
        target.watchers[cell.ref] = None
        cell.watching = cell.watching or {}
        cell.watching[effect.ref] = None

    def _unwatch(self, cell: Cell, effect: Unwatch) -> None:
        target = self._system.cells.get(effect.ref)
        if cell.watching.pop(effect.ref, 1) is None and target is not None:
            target.watchers.pop(cell.ref, None)

    # -- timers

    def _start_timer(self, cell: Cell, effect: StartTimer) -> None:
        _must_live(cell, effect)
        if not (math.isfinite(effect.delay) and effect.delay >= 0.0):
            # In the heap of a loop a NaN would put everybody's timers out of order.
            raise BadStep(
                f"timer {effect.name!r} has a delay of {effect.delay}; expected seconds, finite "
                "and not negative"
            )
        before = cell.timers.get(effect.name)
        if before is not None:
            before.cancel()
        cell.timers = cell.timers or {}
        timer = cell.timers[effect.name] = Timer(effect.name)
        told = Envelope(effect.message, trace=self._envelope.trace, timer=timer)
        # No way through the book: it must not reach a successor, nor be refused.
        timer.handle = self._system.clock.call_later(
            effect.delay, lambda: self._system.deliver(cell, told)
        )

    def _cancel_timer(self, cell: Cell, effect: CancelTimer) -> None:
        timer = cell.timers.pop(effect.name, None)
        if timer is not None:
            timer.cancel()


def _must_live(cell: Cell, effect: Effect) -> None:
    if cell.stopped or not cell.started:
        raise BadStep(
            f"{type(effect).__qualname__} of an actor that has stopped or is being stopped: only a "
            "living one can have children, timers, a stash or anyone to watch"
        )


def _reject_all(effects: Iterable[Effect | None], cell: Cell, envelope: Envelope) -> None:
    error = ActorCrashed(f"{cell.ref} crashed while it handled a message")
    for effect in effects:
        match effect:
            case Reply(to=waiting) | Reject(to=waiting):
                waiting.reject(error)
            case Tell(reply_to=handed) if handed is not None:
                handed.reject(error)
            case Each(effects=parts):
                _reject_all(parts, cell, envelope)
            case Stash() if envelope.reply_to is not None:
                envelope.reply_to.reject(error)
            case _:
                pass
