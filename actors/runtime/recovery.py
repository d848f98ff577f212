"""RecoveryActor: after a start, revives every log's actor that a crash has left with work.

Reviving settles: what there is to do then, the actor says. It goes through the journal page by page
and has at most WINDOW actors under way, so that many cost time and no memory. Requests need not
wait for it: whoever asks for an actor that is not settled yet revives it himself.

Neighbours: `persistent.py` (begins it), `journal/logged.py` (is told Recover).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from types import MappingProxyType
from typing import Any

from actors.runtime.actor import Actor, Step
from actors.runtime.effects import DeadLetter, Effect, Log, Reply, StartTimer, Tell, Unwatch, Watch
from actors.runtime.journal.messages import JOURNAL, Answered, Heads, Recover, Recovered
from actors.runtime.journal.port import Head
from actors.runtime.message import ActorRef, Envelope, Internal, Message, Terminated
from actors.runtime.supervision import RESUME
from actors.runtime.values import value

RECOVERY: ActorRef[Message] = ActorRef("recovery", "")

WINDOW = 64
"""Actors that are revived at a time."""

RETRY = 1.0
"""Seconds before a journal that could not be read is asked again."""

Waiting = Mapping[ActorRef[Any], str]
"""Whose settling is under way, and its log."""


@value
class Begin(Internal):
    """Look for what a crash has left; also the timer of another attempt."""


@value
class HowFar(Internal):
    """Answered with `Recovery`."""


@value
class Recovery:
    """How far it is."""

    done: bool = False
    """Every log that was active at the start has been settled, or could not be."""
    settled: int = 0
    failed: int = 0
    """Logs that could not be read or written; those that may be later are tried again."""
    strange: int = 0
    """Logs of no kind of actor that this program has; they are left alone."""


@value
class Progress:
    """What the actor knows."""

    after: str = ""
    """Name of the last log that was looked at."""
    reading: bool = False
    read: bool = False
    """There is no further page."""
    waiting: Waiting = field(default_factory=lambda: MappingProxyType({}))
    told: Recovery = Recovery()


class RecoveryActor(Actor[Progress]):
    """The behaviour of the one recovery of a system.

    Args:
        address: log -> the actor whose log it is; None if that is nobody here.
        things: what these actors are, in the log.
    """

    supervision = RESUME

    def __init__(
        self, address: Callable[[str], ActorRef[Any] | None], things: str = "actors"
    ) -> None:
        self._address = address
        self._things = things

    def start(self) -> Step[Progress]:
        """Nothing found yet."""
        return Step(Progress())

    def step(self, state: Progress, envelope: Envelope, now: int) -> Step[Progress]:
        """Read on, hear of an actor, or say how far it is."""
        match envelope.message:
            case Begin():
                return _read_on(state)
            case Answered(_, heads, error):
                return self._found(state, heads, error)
            case Recovered(log, error):
                return self._over(state, self._address(log), error)
            case Terminated(ref):
                error = RuntimeError("its actor ended before it was settled")
                return self._over(state, ref, error)
            case HowFar() if envelope.reply_to is not None:
                return Step(state, (Reply(envelope.reply_to, state.told),))
            case other:
                return Step(state, (DeadLetter(other, "not for the recovery"),))

    def _found(
        self, state: Progress, heads: tuple[Head, ...], error: Exception | None
    ) -> Step[Progress]:
        state = replace(state, reading=False)
        if error is not None:
            return Step(state, (StartTimer("again", RETRY, Begin()),))
        if not heads:
            return self._finished(replace(state, read=True), ())
        found = {head.log: self._address(head.log) for head in heads}
        ours = {ref: log for log, ref in found.items() if ref is not None}
        told = replace(state.told, strange=state.told.strange + len(found) - len(ours))
        waiting = {**state.waiting, **ours}
        effects: list[Effect] = []
        for ref in ours:
            # Told first: that revives it, and only who lives can be watched.
            effects += [Tell(ref, Recover(RECOVERY)), Watch(ref)]
        state = replace(state, after=heads[-1].log, waiting=waiting, told=told)
        return self._then(state, effects)

    def _over(
        self, state: Progress, ref: ActorRef[Any] | None, error: Exception | None
    ) -> Step[Progress]:
        if ref is None or ref not in state.waiting:
            return Step(state)
        told, log = state.told, state.waiting[ref]
        effects: list[Effect] = [Unwatch(ref)]
        if error is None:
            told = replace(told, settled=told.settled + 1)
        else:
            told = replace(told, failed=told.failed + 1)
            text = f"log {log!r} could not be recovered: {error}"
            effects.append(Log(logging.ERROR, text, ((ref.kind, ref.id),)))
        waiting = {other: name for other, name in state.waiting.items() if other != ref}
        return self._then(replace(state, told=told, waiting=waiting), effects)

    def _then(self, state: Progress, effects: list[Effect]) -> Step[Progress]:
        """Read on where there is room, or finish."""
        if state.read:
            return self._finished(state, tuple(effects))
        step = _read_on(state)
        return Step(step.state, (*effects, *step.effects))

    def _finished(self, state: Progress, effects: tuple[Effect, ...]) -> Step[Progress]:
        if state.waiting or state.told.done:
            return Step(state, effects)
        told = replace(state.told, done=True)
        if told.settled or told.failed or told.strange:
            text = (
                f"recovered: {told.settled} {self._things} settled, {told.failed} could not be, "
                f"{told.strange} logs are of another program"
            )
            effects = (*effects, Log(logging.INFO, text))
        return Step(replace(state, told=told), effects)


def _read_on(state: Progress) -> Step[Progress]:
    if state.reading or state.read or len(state.waiting) > WINDOW // 2:
        return Step(state)
    ask = Heads(RECOVERY, state.after, WINDOW // 2, active=True)
    return Step(replace(state, reading=True), (Tell(JOURNAL, ask),))
