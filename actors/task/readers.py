"""Decisions about readers: who reads the records of a task along, and from where (law L5).

Neighbours: `decide.py` (calls these), `fanout.py` (serves the readers once they are attached).
"""

from __future__ import annotations

from a2a.utils.errors import InvalidParamsError, TaskNotFoundError

from actors.runtime import ActorRef, Envelope, Message, Spawn, Tell
from actors.task.draft import Draft
from actors.task.events import terminal_error
from actors.task.fanout import ALONE, RING, FanOutActor
from actors.task.messages import Admitted, Attach, Detach
from actors.task.orders import Close, Left
from actors.task.rules import Rules
from actors.task.state import TaskState


def attach(rules: Rules, draft: Draft, envelope: Envelope, message: Attach) -> None:
    """Let a reader in: with the Task first, or after a record it has seen (R40 to R42)."""
    state = draft.state
    error = _why_not(state, message)
    if error is not None:
        draft.reject(envelope, error)
    elif message.after is None:
        version, task = state.fold.version, state.fold.task_bytes
        draft.reply(envelope, Admitted(*reader(rules, draft), version, 0, task))
    else:
        draft.reply(envelope, Admitted(*reader(rules, draft), message.after, 0, b""))


def _why_not(state: TaskState, message: Attach) -> Exception | None:
    after = message.after
    if state.fold.task is None and not message.sender:
        return TaskNotFoundError()
    if after is None and state.fold.final:
        return terminal_error(state.task, state.fold.state)
    if after is not None and after > state.fold.version:
        return InvalidParamsError(
            f"Last-Event-ID {after} lies beyond this task's latest event {state.fold.version}: "
            "resume with an id that a stream of this task has sent."
        )
    return None


def reader(rules: Rules, draft: Draft) -> tuple[ActorRef[Message], int]:
    """Let one more reader in: return its FanOutActor, made for the first one, and its number."""
    state = draft.state
    state.attached = number = state.attached + 1
    state.readers += 1
    if state.fanout is not None:
        return state.fanout, number
    ref: ActorRef[Message] = ActorRef("fanout", f"{state.task}#{state.life}.{number}")
    base, task = state.fold.version, state.task
    end = state.end if state.fold.final else None  # else it follows records still to be stored
    ring = ALONE if rules.external else RING
    draft.do(Spawn(ref, lambda: FanOutActor(task, base, end, ring)))
    state.fanout = ref
    return ref, number


def detach(_: Rules, draft: Draft, __: Envelope, message: Detach) -> None:
    """Count one reader less; the last one takes the FanOutActor along."""
    state = draft.state
    if state.fanout is None or message.fanout != state.fanout:
        return  # a reader of an earlier life of this actor
    state.readers -= 1
    if state.readers:
        draft.do(Tell(state.fanout, Left(message.reader)))
    else:
        gone = TaskNotFoundError(f"Task {state.task} has no reader any more")
        draft.do(Tell(state.fanout, Close(gone)))
        state.fanout = None
