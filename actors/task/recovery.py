"""RecoveryActor: after a start, revives every task that a crash has left with something going on.

Reviving settles (`revive.py`). It goes through the journal page by page and has at most WINDOW
tasks under way, so that many cost time and no memory. Requests need not wait for it: whoever asks
for a task that is not settled yet revives it himself.

Neighbours: `core.py` (begins it, asks how far it is), `actor.py` (is told Recover).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import Any

from actors.runtime import (
    RESUME,
    Actor,
    DeadLetter,
    Effect,
    Envelope,
    Internal,
    Log,
    Reply,
    StartTimer,
    Step,
    Tell,
    Terminated,
    Unwatch,
    Watch,
)
from actors.runtime.journal.messages import JOURNAL, Answered, Heads, Recover, Recovered
from actors.task.messages import task_ref
from actors.task.orders import RECOVERY

WINDOW = 64
"""Tasks that are revived at a time."""

RETRY = 1.0
"""Seconds before a journal that could not be read is asked again."""


@dataclass(frozen=True, slots=True)
class Begin(Internal):
    """Look for what a crash has left; also the timer of another attempt."""


@dataclass(frozen=True, slots=True)
class HowFar(Internal):
    """Answered with `Recovery`."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """How far it is."""

    done: bool = False
    """Every task that was active at the start has been settled, or could not be."""
    settled: int = 0
    failed: int = 0
    """Tasks that could not be read or written; those that may be later are tried again."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What the actor knows."""

    after: str = ""
    """Name of the last task that was looked at."""
    reading: bool = False
    read: bool = False
    """There is no further page."""
    waiting: frozenset[str] = field(default=frozenset())
    told: Recovery = Recovery()


class RecoveryActor(Actor[Progress]):
    """The behaviour of the one recovery of a system."""

    supervision = RESUME

    def start(self) -> Step[Progress]:
        """Nothing found yet."""
        return Step(Progress())

    def step(self, state: Progress, envelope: Envelope, now: int) -> Step[Progress]:
        """Read on, hear of a task, or say how far it is."""
        match envelope.message:
            case Begin():
                return _read_on(state)
            case Answered(_, heads, error):
                return _found(state, heads, error)
            case Recovered(task, error):
                return _over(state, task, error)
            case Terminated(ref) if ref.id in state.waiting:
                return _over(state, ref.id, RuntimeError("its actor ended before it was settled"))
            case Terminated():
                return Step(state)
            case HowFar() if envelope.reply_to is not None:
                return Step(state, (Reply(envelope.reply_to, state.told),))
            case other:
                return Step(state, (DeadLetter(other, "not for the recovery"),))


def _read_on(state: Progress) -> Step[Progress]:
    if state.reading or state.read or len(state.waiting) > WINDOW // 2:
        return Step(state)
    ask = Heads(RECOVERY, state.after, WINDOW // 2, active=True)
    return Step(replace(state, reading=True), (Tell(JOURNAL, ask),))


def _found(state: Progress, heads: Any, error: Exception | None) -> Step[Progress]:
    state = replace(state, reading=False)
    if error is not None:
        return Step(state, (StartTimer("again", RETRY, Begin()),))
    if not heads:
        return _finished(replace(state, read=True), ())
    tasks = tuple(head.log for head in heads)
    state = replace(state, after=tasks[-1], waiting=state.waiting.union(tasks))
    effects: list[Effect] = []
    for task in tasks:
        # In this order, as nobody is there to be watched before the first message.
        effects += [Tell(task_ref(task), Recover(RECOVERY)), Watch(task_ref(task))]
    return _then(state, effects)


def _over(state: Progress, task: str, error: Exception | None) -> Step[Progress]:
    if task not in state.waiting:
        return Step(state)
    told = state.told
    effects: list[Effect] = [Unwatch(task_ref(task))]
    if error is None:
        told = replace(told, settled=told.settled + 1)
    else:
        told = replace(told, failed=told.failed + 1)
        effects.append(Log(logging.ERROR, f"task {task} could not be recovered: {error}"))
    return _then(replace(state, told=told, waiting=state.waiting - {task}), effects)


def _then(state: Progress, effects: list[Effect]) -> Step[Progress]:
    """Read on where there is room, or finish."""
    if state.read:
        return _finished(state, tuple(effects))
    step = _read_on(state)
    return Step(step.state, (*effects, *step.effects))


def _finished(state: Progress, effects: tuple[Effect, ...]) -> Step[Progress]:
    if state.waiting or state.told.done:
        return Step(state, effects)
    told = replace(state.told, done=True)
    if told.settled or told.failed:
        text = f"recovered: {told.settled} tasks settled, {told.failed} could not be"
        effects = (*effects, Log(logging.INFO, text))
    return Step(replace(state, told=told), effects)
